# pragma version 0.4.3
"""
@title Calls every function of `stress`
"""

from contracts._lib import stress


@external
@pure
def decayed(distance_ppb: int256, tau: uint256, elapsed: uint256) -> int256:
    return stress._decayed_toward_zero(distance_ppb, tau, elapsed)


@external
@pure
def moved(distance_ppb: int256, numerator: uint256, divisor: uint256) -> int256:
    return stress._moved_floor(distance_ppb, numerator, divisor)


@external
@pure
def return_ppb(old_mark: uint256, new_mark: uint256) -> uint256:
    return stress._return_down(old_mark, new_mark)


@external
@pure
def variance(old: uint256, return_ppb: uint256, tau: uint256, elapsed: uint256) -> uint256:
    return stress._variance_down(old, return_ppb, tau, elapsed)


@external
@pure
def volatility(variance: uint256) -> uint256:
    return stress._volatility_down(variance)


@external
@pure
def im_stress(volatility_ppb: uint256, calm_ppm: uint256, max_ppm: uint256) -> uint256:
    return stress._im_stress_down(volatility_ppb, calm_ppm, max_ppm)


@external
@pure
def mm_stress(stored_ppb: uint256, elapsed: uint256, im_stress_ppm: uint256) -> uint256:
    return stress._mm_stress_down(stored_ppb, elapsed, im_stress_ppm)


@external
@pure
def raised(amount: uint256, above_one: uint256, unit: uint256) -> uint256:
    return stress._raised_up(amount, above_one, unit)


@external
@pure
def raised_down(amount: uint256, above_one: uint256, unit: uint256) -> uint256:
    return stress._raised_down(amount, above_one, unit)


@external
@pure
def average(mark: uint256, distance_ppb: int256) -> uint256:
    return stress._average_down(mark, distance_ppb)


@external
@pure
def worse_price(mark: uint256, distance_ppb: int256, long: bool) -> uint256:
    return stress._worse_price(mark, distance_ppb, long)
