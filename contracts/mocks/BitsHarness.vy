# pragma version 0.4.3
"""
@title Bit positions and packed signed numbers by themselves
"""

from contracts._lib import bits


@external
@pure
def highest(word: uint256) -> uint256:
    return bits._highest(word)


@external
@pure
def lowest(word: uint256) -> uint256:
    return bits._lowest(word)


@external
@pure
def sign_extend(word: uint256, unused: uint256) -> int256:
    return bits._sign_extend(word, unused)


@external
@pure
def low_bits(number: int256, unused: uint256) -> uint256:
    return bits._low_bits(number, unused)
