# pragma version 0.4.3
"""
@title Extra initial margin for positions that are large beside their market
@notice From bit 8 of a market's status on: share percent 5 | rate percent 7 | floor code k 4; 0: off
            free = max(share of the larger side's open interest at mark, 10,000 * 2**k quote units)
            extra = rate * (N - free)+
"""

FLOOR: constant(uint256) = 10_000 * 10**18  # wad, at k = 0
FLOOR_PLACE: constant(uint256) = 12  # of k in the terms
PERCENT: constant(uint256) = 100
STATUS_SHIFT: constant(uint256) = 8
PLACE: constant(uint256) = 224 + STATUS_SHIFT  # in the clock word
TERMS: constant(uint256) = 2**16 - 1


@internal
@pure
def _of_status(status: uint256) -> uint256:
    """
    @dev The terms in a market's status; 0: off.
    """
    return status >> STATUS_SHIFT & TERMS


@internal
@pure
def _packed(share_percent: uint256, rate_percent: uint256, floor_code: uint256) -> uint256:
    """
    @dev Terms of fields that fit.
    """
    return share_percent | rate_percent << 5 | floor_code << FLOOR_PLACE


@internal
@pure
def _share_percent(terms: uint256) -> uint256:
    """
    @dev The part of open interest that is free of extra margin; 0: there is none at all.
    """
    return terms & 31


@internal
@pure
def _rate_percent(terms: uint256) -> uint256:
    """
    @dev Extra margin on what is above.
    """
    return terms >> 5 & 127


@internal
@pure
def _floor_code(terms: uint256) -> uint256:
    """
    @dev k of the notional that is free however small the market.
    """
    return terms >> FLOOR_PLACE & 15


@internal
@pure
def _extra_up(terms: uint256, notional: uint256, larger: uint256) -> uint256:
    """
    @dev Extra initial margin (wad, without stress) of a notional, given that of the market's larger side (both wad,
         quotients by 1e18).
    """
    free: uint256 = max(
        unsafe_div(unsafe_mul(larger, self._share_percent(terms)), PERCENT),
        FLOOR << self._floor_code(terms),
    )
    if notional <= free:
        return 0
    product: uint256 = unsafe_mul(unsafe_sub(notional, free), self._rate_percent(terms))
    return unsafe_div(unsafe_add(product, PERCENT - 1), PERCENT)
