"""Integer division with its direction in the name.

Python's `//` floors, Vyper's truncates toward zero: nothing in the model divides without one
of these.
"""

from __future__ import annotations


def div_down(numerator: int, denominator: int) -> int:
    """Quotient rounded toward minus infinity."""
    return numerator // denominator


def div_zero(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero, as the EVM rounds; the denominator is positive."""
    return -(-numerator // denominator) if numerator < 0 else numerator // denominator


def div_up(numerator: int, denominator: int) -> int:
    """Quotient rounded toward plus infinity."""
    return -(-numerator // denominator)
