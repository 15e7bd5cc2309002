# pragma version 0.4.3
"""
@title Integer arithmetic by itself
"""

from contracts._lib import fixed_point


@external
@pure
def mul_div_down(a: uint256, b: uint256, divisor: uint256) -> uint256:
    return fixed_point._mul_div_down(a, b, divisor)


@external
@pure
def mul_div_up(a: uint256, b: uint256, divisor: uint256) -> uint256:
    return fixed_point._mul_div_up(a, b, divisor)


@external
@pure
def div_up(a: uint256, divisor: uint256) -> uint256:
    return fixed_point._div_up(a, divisor)


@external
@pure
def floor_div(a: int256, divisor: int256) -> int256:
    return fixed_point._floor_div(a, divisor)


@external
@pure
def signed(magnitude: uint256, negative: bool) -> int256:
    return fixed_point._signed(magnitude, negative)


@external
@pure
def magnitude(number: int256) -> uint256:
    return fixed_point._magnitude(number)


@external
@pure
def positive(number: int256) -> uint256:
    return fixed_point._positive(number)


@external
@pure
def value_down(size: int256, price: uint256) -> int256:
    return fixed_point._value_down(size, price)


@external
@pure
def value_and_notional(magnitude: uint256, long: bool, price: uint256) -> (int256, uint256):
    return fixed_point._value_and_notional(magnitude, long, price)
