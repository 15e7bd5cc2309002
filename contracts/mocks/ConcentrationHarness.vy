# pragma version 0.4.3
"""
@title Concentration margin by itself
"""

from contracts._lib import concentration


@external
@pure
def extra_up(terms: uint256, notional: uint256, larger: uint256) -> uint256:
    return concentration._extra_up(terms, notional, larger)


@external
@pure
def packed(share_percent: uint256, rate_percent: uint256, floor_code: uint256) -> uint256:
    return concentration._packed(share_percent, rate_percent, floor_code)


@external
@pure
def fields(status: uint256) -> (uint256, uint256, uint256):
    terms: uint256 = concentration._of_status(status)
    return (
        concentration._share_percent(terms),
        concentration._rate_percent(terms),
        concentration._floor_code(terms),
    )
