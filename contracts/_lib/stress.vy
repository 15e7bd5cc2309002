# pragma version 0.4.3
"""
@title Averages of the mark, and what they ask of margins
@dev   Between two changes the mark stands still, so nothing is written: what was stored D seconds ago is decayed when it
       is read. tau, T: time constants of the average and of the variance; M0, M: marks before and after a change.

           distance of the average   x = ema / M - 1        x(D) = x * tau / (tau + D)
           after a change            1 + x' = (1 + x(D)) * M0 / M
           variance per second       v' = (v * T + r^2) / (T + D),  r = |ln(M / M0)|
           factor on margins         s = min(max(annual volatility / calm volatility, 1), s_max)

       The price that has just come has no weight in the average: it earns it with time. One large move counts as one,
       not once for every update.

       Scales: ppb = 1e9 for distances, returns and the factor on maintenance margin, ppm = 1e6 for the factor on initial
       margin; variances are 1e-18 per second. Factors are stored as what they are above one.
"""

from snekmate.utils import math

PPM: constant(uint256) = 10**6
PPB: constant(uint256) = 10**9
WAD: constant(uint256) = 10**18
YEAR: constant(uint256) = 31_536_000
DISTANCE_MAX: constant(uint256) = 2**31 - 1  # what 32 signed bits hold: 215 %
VARIANCE_MAX: constant(uint256) = 2**48 - 1

# the factor on maintenance margin rises by 10 % an hour, and by an hour's worth between two updates at most
MM_RISE_PPB: constant(uint256) = 100_000_000
MM_RISE_SECONDS: constant(uint256) = 3_600


@internal
@pure
def _decayed_toward_zero(distance_ppb: int256, tau: uint256, elapsed: uint256) -> int256:
    """
    @dev x(D). Signed division truncates toward zero.
    """
    # 32 bits times 24; tau is not 0
    return unsafe_div(
        unsafe_mul(distance_ppb, convert(tau, int256)), convert(unsafe_add(tau, elapsed), int256)
    )


@internal
@pure
def _moved_floor(distance_ppb: int256, numerator: uint256, divisor: uint256) -> int256:
    """
    @dev (1 + x) * numerator / divisor - 1, rounded down, at most what its field holds. x >= -1, and so is the result.
    """
    whole: uint256 = self._ratio(distance_ppb) * numerator // divisor
    return convert(min(whole, PPB + DISTANCE_MAX), int256) - convert(PPB, int256)


@internal
@pure
def _return_down(old_mark: uint256, new_mark: uint256) -> uint256:
    """
    @dev r = |ln(M / M0)| in ppb; a mark has 96 bits. The logarithm's error is in its last of 18 digits.
    """
    logarithm: int256 = math._wad_ln(convert(new_mark * WAD // old_mark, int256))
    return convert(abs(logarithm), uint256) // PPB


@internal
@pure
def _variance_down(
    variance: uint256, return_ppb: uint256, tau: uint256, elapsed: uint256
) -> uint256:
    """
    @dev v', at most what its field holds.
    """
    return min((variance * tau + return_ppb * return_ppb) // (tau + elapsed), VARIANCE_MAX)


@internal
@pure
def _volatility_down(variance: uint256) -> uint256:
    """
    @dev Annual volatility in ppb.
    """
    return isqrt(variance * YEAR)


@internal
@pure
def _im_stress_down(volatility_ppb: uint256, calm_ppm: uint256, max_ppm: uint256) -> uint256:
    """
    @dev s - 1 in ppm, for initial margin.
    """
    factor_ppm: uint256 = volatility_ppb * (PPM * PPM // PPB) // calm_ppm
    return min(max(factor_ppm, PPM), max_ppm) - PPM


@internal
@pure
def _mm_stress_down(stored_ppb: uint256, elapsed: uint256, im_stress_ppm: uint256) -> uint256:
    """
    @dev s - 1 in ppb, for maintenance margin: nobody is liquidated by a jump of volatility alone. It rises slowly,
         and falls at once with the factor on initial margin.
    """
    # 12, 27, 32 and 24 bits
    rise_ppb: uint256 = unsafe_div(
        unsafe_mul(min(elapsed, MM_RISE_SECONDS), MM_RISE_PPB), MM_RISE_SECONDS
    )
    return min(unsafe_add(stored_ppb, rise_ppb), unsafe_mul(im_stress_ppm, PPB // PPM))


@internal
@pure
def _raised_up(amount: uint256, above_one: uint256, unit: uint256) -> uint256:
    """
    @dev amount * s, rounded up, with s - 1 in parts of `unit`.
    """
    # a margin is at most twice a notional, which is a quotient by 1e18; s has 33 bits
    raised: uint256 = unsafe_mul(amount, unsafe_add(unit, above_one))
    return unsafe_div(unsafe_add(raised, unsafe_sub(unit, 1)), unit)


@internal
@pure
def _raised_down(amount: uint256, above_one: uint256, unit: uint256) -> uint256:
    """
    @dev The same, rounded down.
    """
    return unsafe_div(unsafe_mul(amount, unsafe_add(unit, above_one)), unit)


@internal
@pure
def _average_down(mark: uint256, distance_ppb: int256) -> uint256:
    """
    @dev ema = M * (1 + x), rounded down. A mark has 96 bits, x is at least -1 and has 32.
    """
    return unsafe_div(unsafe_mul(mark, self._ratio(distance_ppb)), PPB)


@internal
@pure
def _average_up(mark: uint256, distance_ppb: int256) -> uint256:
    """
    @dev The same, rounded up.
    """
    return unsafe_div(unsafe_add(unsafe_mul(mark, self._ratio(distance_ppb)), PPB - 1), PPB)


@internal
@pure
def _worse_price(mark: uint256, distance_ppb: int256, long: bool) -> uint256:
    """
    @dev The worse of mark and average for a position: rounded down for a long, up for a short.
    """
    if long:
        return self._average_down(mark, min(distance_ppb, 0))
    return self._average_up(mark, max(distance_ppb, 0))


@internal
@pure
def _ratio(distance_ppb: int256) -> uint256:
    """
    @dev 1 + x in ppb; x is at least -1.
    """
    return convert(unsafe_add(convert(PPB, int256), distance_ppb), uint256)
