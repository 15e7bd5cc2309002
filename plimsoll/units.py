"""Fixed-point units of the protocol, in integers only.

Quote amounts, prices and sizes are *wad* (1e18 = one unit), indices are *ray* (1e27), rates
are *ppm* (1e-6) or *ppb* (1e-9), tokens have decimals of their own. No function here ever
passes through a float; each rounding says its direction.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Final

WAD: Final = 10**18
RAY: Final = 10**27
PPM: Final = 10**6
PPB: Final = 10**9

_PRECISION: Final = 100  # digits; the largest 256-bit number has 78


def _scaled(amount: str | int | Decimal, scale: int, name: str) -> int:
    """`amount` times `scale`, refused unless that is a whole number."""
    if isinstance(amount, float):
        raise TypeError(f"{name}: pass a string, an int or a Decimal, not a float")
    try:
        with localcontext() as context:
            context.prec = _PRECISION
            product = Decimal(amount) * scale
    except InvalidOperation as error:
        raise ValueError(f"{name}: {amount!r} is not a number") from error
    if not product.is_finite():
        raise ValueError(f"{name}: {amount!r} is not a number")
    if product != int(product):
        raise ValueError(f"{name}: {amount!r} has more digits than the unit holds")
    return int(product)


def to_wad(amount: str | int | Decimal) -> int:
    """A decimal amount as wad: `to_wad("1.5") == 15 * 10**17`."""
    return _scaled(amount, WAD, "wad")


def to_ppm(fraction: str | int | Decimal) -> int:
    """A fraction as parts per million: `to_ppm("0.05") == 50_000`."""
    return _scaled(fraction, PPM, "ppm")


def to_units(amount: str | int | Decimal, decimals: int) -> int:
    """A decimal amount in the smallest units of a token or feed with `decimals` places."""
    return int(_scaled(amount, 10**decimals, f"{decimals} decimals"))


def decimal(value: int, scale: int = WAD) -> Decimal:
    """An exact decimal of a fixed-point number (`scale` = 1 unit)."""
    with localcontext() as context:
        context.prec = _PRECISION
        return Decimal(value) / scale


def exact(value: int, scale: int = WAD) -> str:
    """A fixed-point number as a plain decimal string without loss, for JSON."""
    text = format(decimal(value, scale), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: int, places: int = 2, scale: int = WAD) -> str:
    """A fixed-point number for reading: grouped thousands, half to even, never `-0`."""
    with localcontext() as context:
        context.prec = _PRECISION
        short = decimal(value, scale).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"{abs(short) if short == 0 else short:,}"


def percent(value: int, scale: int, places: int = 2) -> str:
    """A fraction in fixed point as a percentage for reading: `percent(25_000, PPM) == "2.50 %"`."""
    return f"{rounded(value * 100, places, scale)} %"


def div_down(numerator: int, denominator: int) -> int:
    """floor(numerator / denominator), also for negative numerators; denominator > 0."""
    return numerator // denominator


def div_up(numerator: int, denominator: int) -> int:
    """ceil(numerator / denominator); denominator > 0."""
    return -(-numerator // denominator)


def div_trunc(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero, as Vyper's `//` on signed integers; denominator > 0."""
    magnitude = abs(numerator) // denominator
    return -magnitude if numerator < 0 else magnitude


def wad_mul_down(a: int, b: int) -> int:
    """Product of two wad numbers, rounded toward minus infinity."""
    return div_down(a * b, WAD)


def wad_mul_up(a: int, b: int) -> int:
    """Product of two wad numbers, rounded toward plus infinity."""
    return div_up(a * b, WAD)


def tokens_to_wad(tokens: int, decimals: int) -> int:
    """Token units as wad; exact, because tokens have at most 18 decimals."""
    return int(tokens * 10 ** (18 - decimals))


def wad_to_tokens_down(amount: int, decimals: int) -> int:
    """Wad as token units, rounded down (what the protocol pays)."""
    return div_down(amount, 10 ** (18 - decimals))


def wad_to_tokens_up(amount: int, decimals: int) -> int:
    """Wad as token units, rounded up (what the protocol is paid)."""
    return div_up(amount, 10 ** (18 - decimals))
