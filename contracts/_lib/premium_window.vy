# pragma version 0.4.3
"""
@title Funding premiums: the bucket of five minutes, the window of twelve, the rate
@notice Pure. Rates and premiums are signed ppb (an hour's rate; fill over mark, less one).

        The window is one word of twelve lanes of 21 bits, the newest lowest:

            bit 20  always 0, a guard for comparing all lanes at once
            0..19   premium in units of 100 ppb, two's complement

        So an empty word is twelve zeros, and a premium reaches ±52,428,700 ppb (5.24 % an hour).
        A market's cap plus |base| must stay within that, and |base| within cap.
"""

LANES: constant(uint256) = 12
LANE_BITS: constant(uint256) = 21
UNIT_PPB: constant(int256) = 100
UNITS_MAX: constant(int256) = 2**19 - 1
PREMIUM_MAX_PPB: constant(int256) = UNITS_MAX * UNIT_PPB

LANE_MASK: constant(uint256) = 2**20 - 1
WINDOW_MASK: constant(uint256) = 2**252 - 1
# 1 in each lane: (2**252 - 1) / (2**21 - 1)
ONES: constant(uint256) = WINDOW_MASK // (2**21 - 1)
SIGN: constant(int256) = 2**19  # what flipping a lane's sign bit adds
SIGNS: constant(uint256) = ONES << 19
GUARDS: constant(uint256) = ONES << 20

BUCKETS_TO_WASH: constant(uint256) = 7
PPB: constant(int256) = 10**9
PPB_PER_PPM: constant(uint256) = 1_000
UNREACHABLE_VOLUME: constant(uint256) = 2**255 - 1


@internal
@pure
def _push(window: uint256, premium_ppb: int256) -> uint256:
    """
    @dev The window with one more premium; the oldest falls out. To units of 100 ppb toward zero,
         saturating.
    """
    units: int256 = min(max(premium_ppb // UNIT_PPB, -UNITS_MAX), UNITS_MAX)
    lane: uint256 = convert(units & convert(LANE_MASK, int256), uint256)
    return ((window << LANE_BITS) & WINDOW_MASK) | lane


@internal
@pure
def _push_zeros(window: uint256, skipped: uint256) -> uint256:
    """
    @dev The window after `skipped` buckets without a trade.
    """
    if skipped >= LANES:
        return 0
    return (window << unsafe_mul(LANE_BITS, skipped)) & WINDOW_MASK


@internal
@pure
def _median(window: uint256) -> int256:
    """
    @dev Mean of the 6th and 7th of the twelve (ppb), exact because a unit is an even number of ppb.
         Nothing is sorted: the k-th smallest is the smallest value that at least k lanes do not
         exceed. Flipping the sign bits makes lanes unsigned; (guard | v) - x keeps a lane's guard
         bit exactly if v >= x and never borrows from the next lane; multiplying the kept guards
         by ONES adds them up in the top lane.
    """
    lanes: uint256 = window ^ SIGNS
    sixth: uint256 = max_value(uint256)
    seventh: uint256 = max_value(uint256)
    rest: uint256 = lanes
    for _: uint256 in range(LANES):
        value: uint256 = rest & LANE_MASK
        rest = rest >> LANE_BITS
        if value >= seventh:
            continue
        kept: uint256 = unsafe_sub(GUARDS | unsafe_mul(value, ONES), lanes) & GUARDS
        rank: uint256 = (unsafe_mul(kept >> 20, ONES) >> 231) & LANE_MASK
        if rank >= 7:
            seventh = value
        if rank >= 6:
            sixth = min(sixth, value)
    twice: int256 = convert(unsafe_add(sixth, seventh), int256) - 2 * SIGN
    return twice * (UNIT_PPB // 2)


@internal
@pure
def _bucket_premium(sum_vp: int256, sum_v: uint256, v_min: uint256) -> int256:
    """
    @dev Σ v·p / max(Σ v, v_min) in ppb, toward zero; volumes in any one unit, `sum_vp` in that unit
         times ppb. A bucket below v_min is diluted as if the rest had traded at mark.
    """
    volume: uint256 = max(sum_v, v_min)
    if volume == 0:
        return 0
    return sum_vp // convert(volume, int256)


@internal
@pure
def _v_min(
    v_set: uint256, cap_ppb_per_hour: uint256, oi_notional: uint256, fee_sum_ppm: uint256
) -> uint256:
    """
    @dev max(V_set, cap·OI / (7·fees)), up, in the unit of `v_set` and `oi_notional`.
         Seven washed buckets move the median to the cap for an hour: worth cap·OI at most to the
         other side. Washing them costs 7·V·fees. Equal at this V, so washing never pays.
         Without fees washing costs nothing and no volume proves a premium: 2**255 - 1, at which
         every bucket is zero and the rate is the base. Fits as long as oi_notional < 2**192.
    """
    if fee_sum_ppm == 0:
        return UNREACHABLE_VOLUME
    gain: uint256 = cap_ppb_per_hour * oi_notional
    cost: uint256 = BUCKETS_TO_WASH * fee_sum_ppm * PPB_PER_PPM
    quotient: uint256 = gain // cost
    if quotient * cost != gain:
        quotient += 1
    return max(v_set, quotient)


@internal
@pure
def _rate(base_ppb: int256, median_ppb: int256, cap_ppb: uint256) -> int256:
    """
    @dev clamp(base + median, ±cap), ppb an hour.
    """
    cap: int256 = convert(cap_ppb, int256)
    return min(max(base_ppb + median_ppb, -cap), cap)


@internal
@pure
def _clamped_premium(price: uint256, mark: uint256, base_ppb: int256, cap_ppb: uint256) -> int256:
    """
    @dev price/mark - 1 in ppb, toward zero, within [-cap - base, cap - base]: beyond it the rate
         would not move, and one far fill must not outweigh many near ones. `mark` is not zero,
         both below 2**220.
    """
    cap: int256 = convert(cap_ppb, int256)
    distance: int256 = convert(price, int256) - convert(mark, int256)
    premium: int256 = distance * PPB // convert(mark, int256)
    return min(max(premium, -cap - base_ppb), cap - base_ppb)
