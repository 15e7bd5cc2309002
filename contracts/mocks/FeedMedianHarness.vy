# pragma version 0.4.3
# pragma optimize gas
"""
@title Calls every function of `feed_median`
"""

from interfaces import IPriceOracle

from contracts._lib import feed_median


@external
@pure
def to_wad(answer: int256, decimals: uint256) -> uint256:
    return feed_median._to_wad(answer, decimals)


@external
@view
def status(
    price: uint256, updated_at: uint256, staleness: uint256, now: uint256
) -> IPriceOracle.FeedStatus:
    return feed_median._status(price, updated_at, staleness, now)


@external
@pure
def decide(
    prices: DynArray[uint256, 5], quorum: uint256, max_deviation_ppm: uint256
) -> feed_median.Verdict:
    return feed_median._decide(prices, quorum, max_deviation_ppm)


@external
@pure
def ordered(prices: DynArray[uint256, 5]) -> DynArray[uint256, 5]:
    return feed_median._sorted(prices)


@external
@pure
def median(ordered_prices: DynArray[uint256, 5], first: uint256, last: uint256) -> uint256:
    return feed_median._median(ordered_prices, first, last)
