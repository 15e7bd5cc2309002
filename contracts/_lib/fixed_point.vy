# pragma version 0.4.3
"""
@title Integer arithmetic with the rounding direction in the name
@notice Scales: wad = 1e18 (quote, prices, sizes), ray = 1e27 (indices, bucket variables), ppm = 1e6.
        Vyper's `//` truncates toward zero; `_floor_div` is the one place where a signed quotient is
        rounded toward minus infinity (as Python's `//` does).
"""

WAD: constant(uint256) = 10**18
RAY: constant(uint256) = 10**27
PPM: constant(uint256) = 10**6


@internal
@pure
def _mul_div_down(a: uint256, b: uint256, divisor: uint256) -> uint256:
    """
    @dev floor(a * b / divisor); the product must fit 256 bits.
    """
    return a * b // divisor


@internal
@pure
def _mul_div_up(a: uint256, b: uint256, divisor: uint256) -> uint256:
    """
    @dev ceil(a * b / divisor); the product must fit 256 bits.
    """
    product: uint256 = a * b
    quotient: uint256 = product // divisor
    return unsafe_add(quotient, 1) if unsafe_mul(quotient, divisor) != product else quotient


@internal
@pure
def _div_up(a: uint256, divisor: uint256) -> uint256:
    """
    @dev ceil(a / divisor).
    """
    quotient: uint256 = a // divisor
    return unsafe_add(quotient, 1) if unsafe_mul(quotient, divisor) != a else quotient


@internal
@pure
def _floor_div(a: int256, divisor: int256) -> int256:
    """
    @dev floor(a / divisor) for divisor > 0.
    """
    quotient: int256 = a // divisor
    return unsafe_sub(quotient, 1) if a < 0 and unsafe_mul(quotient, divisor) != a else quotient


@internal
@pure
def _signed(magnitude: uint256, negative: bool) -> int256:
    """
    @dev The magnitude with a sign.
    """
    number: int256 = convert(magnitude, int256)
    return -number if negative else number


@internal
@pure
def _magnitude(number: int256) -> uint256:
    """
    @dev |number|; reverts for the one value without a positive twin.
    """
    return convert(-number if number < 0 else number, uint256)


@internal
@pure
def _positive(number: int256) -> uint256:
    """
    @dev max(number, 0).
    """
    return convert(max(number, 0), uint256)


@internal
@pure
def _value_down(size: int256, price: uint256) -> int256:
    """
    @dev size * price in wad, rounded down: what a position is worth, or the cash that pays for it.
    """
    return self._floor_div(size * convert(price, int256), convert(WAD, int256))


@internal
@pure
def _value_and_notional(magnitude: uint256, long: bool, price: uint256) -> (int256, uint256):
    """
    @dev Signed size * price rounded down, and its magnitude rounded up, in wad.
    """
    product: uint256 = magnitude * price
    down: uint256 = unsafe_div(product, WAD)
    up: uint256 = unsafe_add(down, convert(unsafe_mul(down, WAD) != product, uint256))
    # a quotient by 1e18 fits int256
    return convert(down, int256) if long else unsafe_sub(0, convert(up, int256)), up
