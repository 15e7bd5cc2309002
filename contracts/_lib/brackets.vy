# pragma version 0.4.3
"""
@title Margin brackets: rates over notional that work like tax brackets
@notice With ascending thresholds t_0 = 0 <= t_1 <= t_2 and rates r_0 <= r_1 <= r_2,
            req(N) = sum over k of r_k * (min(N, t_{k+1}) - t_k)+
        which is the same as `N * r_k - deduction_k` with deductions chosen so that the function is
        continuous; it is convex because the rates ascend. The sum form needs no stored deductions.
        Three brackets share one word: bracket k at bits 80*k: threshold 48 bits (whole quote units), initial
        rate 16 bits and maintenance rate 16 bits in units of 10 ppm. The 16 bits above them are not theirs.
"""

from contracts._lib import fixed_point

RATE_UNIT_PPM: constant(uint256) = 10
SCALE: constant(uint256) = fixed_point.PPM // RATE_UNIT_PPM


@internal
@pure
def _requirements(word: uint256, notional: uint256) -> (uint256, uint256):
    """
    @dev Initial and maintenance requirement (wad, rounded up) of a notional (wad), without stress or class.
    """
    if notional <= unsafe_mul(word >> 80 & (2**48 - 1), fixed_point.WAD):
        # nearly all positions stand in the first bracket
        # and notional < 2**108, so no product leaves 256 bits; a + SCALE - 1 over SCALE is a / SCALE rounded up
        return (
            unsafe_div(
                unsafe_add(unsafe_mul(notional, word >> 48 & (2**16 - 1)), SCALE - 1), SCALE
            ),
            unsafe_div(
                unsafe_add(unsafe_mul(notional, word >> 64 & (2**16 - 1)), SCALE - 1), SCALE
            ),
        )
    im_sum: uint256 = 0
    mm_sum: uint256 = 0
    rest: uint256 = word
    for k: uint256 in range(3):
        low: uint256 = (rest & (2**48 - 1)) * fixed_point.WAD
        if k != 0 and notional <= low:
            break
        upper: uint256 = max_value(uint256)
        if k != 2:
            upper = (rest >> 80 & (2**48 - 1)) * fixed_point.WAD
        part: uint256 = min(notional, upper) - low
        im_sum += part * (rest >> 48 & (2**16 - 1))
        mm_sum += part * (rest >> 64 & (2**16 - 1))
        rest >>= 80
    return fixed_point._div_up(im_sum, SCALE), fixed_point._div_up(mm_sum, SCALE)


@internal
@pure
def _marginal_mm_ppm(word: uint256, notional: uint256) -> uint256:
    """
    @dev Maintenance rate (ppm) of the last unit of a notional (wad): that of the bracket below it.
    """
    rate: uint256 = 0
    rest: uint256 = word
    for k: uint256 in range(3):
        if k != 0 and notional <= (rest & (2**48 - 1)) * fixed_point.WAD:
            break
        rate = rest >> 64 & (2**16 - 1)
        rest >>= 80
    return rate * RATE_UNIT_PPM
