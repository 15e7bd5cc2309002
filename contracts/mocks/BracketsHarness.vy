# pragma version 0.4.3
"""
@title Margin brackets by themselves
"""

from contracts._lib import brackets


@external
@pure
def requirements(word: uint256, notional: uint256) -> (uint256, uint256):
    return brackets._requirements(word, notional)


@external
@pure
def marginal_mm_ppm(word: uint256, notional: uint256) -> uint256:
    return brackets._marginal_mm_ppm(word, notional)
