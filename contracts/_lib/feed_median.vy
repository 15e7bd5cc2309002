# pragma version 0.4.3
"""
@title Judgement on price feeds: one answer, and several together
@notice Pure. Prices are wad and fit 96 bits, so products with ppm cannot overflow.
"""

from interfaces import IPriceOracle


# What several fresh prices amount to.
struct Verdict:
    price: uint256  # wad; 0: no price
    ok: bool
    lowest: uint256  # fresh prices below this are outliers
    highest: uint256  # fresh prices above this are outliers


FEEDS_MAX: constant(uint256) = 5
PRICE_MAX: constant(int256) = 2**96 - 1
WAD_DECIMALS: constant(uint256) = 18
PPM: constant(uint256) = 10**6


@internal
@pure
def _to_wad(answer: int256, decimals: uint256) -> uint256:
    """
    @dev A feed's answer as a price (wad), 0 if it is none; `decimals` at most 18.
         An answer is compared before it is scaled: below 2**96 it cannot overflow by 1e18.
    """
    if answer <= 0 or answer > PRICE_MAX:
        return 0
    price: uint256 = unsafe_mul(
        convert(answer, uint256), pow_mod256(10, unsafe_sub(WAD_DECIMALS, decimals))
    )
    if price > convert(PRICE_MAX, uint256):
        return 0
    return price


@internal
@view
def _status(
    price: uint256, updated_at: uint256, staleness: uint256, now: uint256
) -> IPriceOracle.FeedStatus:
    """
    @dev Status of one answer by itself. Pure in fact: Vyper 0.4.3 refuses flags in @pure.
    """
    if price == 0:
        return IPriceOracle.FeedStatus.INVALID
    if updated_at == 0:
        return IPriceOracle.FeedStatus.UNFINISHED
    if updated_at > now:
        return IPriceOracle.FeedStatus.FUTURE
    if unsafe_sub(now, updated_at) > staleness:
        return IPriceOracle.FeedStatus.STALE
    return IPriceOracle.FeedStatus.ACCEPTED


@internal
@pure
def _decide(
    prices: DynArray[uint256, FEEDS_MAX], quorum: uint256, max_deviation_ppm: uint256
) -> Verdict:
    """
    @dev Price of the fresh feeds, which need not be sorted; `quorum` at least 1.
         Sorted, the outliers stand at the two ends, so what is kept is a range and its median
         needs no second sort. The bounds are rounded inwards: p >= ceil(x) is p >= x exactly.
    """
    count: uint256 = len(prices)
    if count < quorum:
        return Verdict(price=0, ok=False, lowest=0, highest=max_value(uint256))

    ordered: DynArray[uint256, FEEDS_MAX] = self._sorted(prices)
    middle: uint256 = self._median(ordered, 0, count)
    # ceil(m·(1 - d)) = m - floor(m·d) and floor(m·(1 + d)) = m + floor(m·d)
    reach: uint256 = unsafe_mul(middle, max_deviation_ppm) // PPM
    lowest: uint256 = unsafe_sub(middle, reach)
    highest: uint256 = unsafe_add(middle, reach)

    first: uint256 = 0
    last: uint256 = count  # exclusive
    for _: uint256 in range(FEEDS_MAX):
        if first == last or ordered[first] >= lowest:
            break
        first = unsafe_add(first, 1)
    for _: uint256 in range(FEEDS_MAX):
        if first == last or ordered[unsafe_sub(last, 1)] <= highest:
            break
        last = unsafe_sub(last, 1)

    if unsafe_sub(last, first) < quorum:
        return Verdict(price=0, ok=False, lowest=lowest, highest=highest)
    return Verdict(
        price=self._median(ordered, first, last), ok=True, lowest=lowest, highest=highest
    )


@internal
@pure
def _sorted(prices: DynArray[uint256, FEEDS_MAX]) -> DynArray[uint256, FEEDS_MAX]:
    """
    @dev Ascending, by insertion.
    """
    ordered: DynArray[uint256, FEEDS_MAX] = prices
    for i: uint256 in range(len(prices), bound=FEEDS_MAX):
        price: uint256 = ordered[i]
        place: uint256 = i
        for _: uint256 in range(i, bound=FEEDS_MAX):
            below: uint256 = ordered[unsafe_sub(place, 1)]
            if below <= price:
                break
            ordered[place] = below
            place = unsafe_sub(place, 1)
        ordered[place] = price
    return ordered


@internal
@pure
def _median(ordered: DynArray[uint256, FEEDS_MAX], first: uint256, last: uint256) -> uint256:
    """
    @dev Median of ordered[first:last], not empty; an even number: mean of the middle two, down.
    """
    middle: uint256 = unsafe_add(first, last) >> 1
    if unsafe_sub(last, first) & 1 == 1:
        return ordered[middle]
    return unsafe_add(ordered[unsafe_sub(middle, 1)], ordered[middle]) >> 1
