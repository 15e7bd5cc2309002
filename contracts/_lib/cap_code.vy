# pragma version 0.4.3
"""
@title An amount of quote units in 16 bits
@notice A small float: code = e << 10 | m stands for ((1024 + m) << e) >> 10 whole quote units, 1 to 2**64 - 2**53.
        Rounded down, by less than one part in 1,024 from 1,024 units on, and exact below. Codes order as amounts do.
        Code 0 is left to say that there is no amount; the least amount is 1, with code 1.
"""

from contracts._lib import bits

MANTISSA_BITS: constant(uint256) = 10
IMPLICIT_ONE: constant(uint256) = 2**10
MANTISSA: constant(uint256) = 2**10 - 1
LEAST_CODE: constant(uint256) = 1
CODE_MAX: constant(uint256) = 2**16 - 1
PLACE: constant(uint256) = 240  # of the code in a market's brackets word
FIRST_TOO_LARGE: constant(uint256) = 2**64


@internal
@pure
def _encode_down(amount: uint256) -> uint256:
    """
    @dev Code of the largest amount that is not above the given one; 1 stands for nothing, and what is larger than
         the largest is cut to it.
    """
    if amount >= FIRST_TOO_LARGE:
        return CODE_MAX
    least: uint256 = max(amount, 1)
    e: uint256 = bits._highest(least)
    # the significand's leading one stands where the exponent does, and is taken off again
    code: uint256 = (e << MANTISSA_BITS) + (least << MANTISSA_BITS >> e) - IMPLICIT_ONE
    return max(code, LEAST_CODE)


@internal
@pure
def _decode(code: uint256) -> uint256:
    """
    @dev Whole quote units of a code other than 0.
    """
    significand: uint256 = unsafe_add(IMPLICIT_ONE, code & MANTISSA)
    return significand << (code >> MANTISSA_BITS) >> MANTISSA_BITS
