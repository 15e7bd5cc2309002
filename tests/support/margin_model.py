"""Margins and fees of a market in Python integers, from the protocol's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WAD = 10**18
PPM = 10**6
MICRO = 10**12
LEVERAGES = (1, 2, 5, 10, 20)


def ceil_div(a: int, divisor: int) -> int:
    """Quotient rounded up."""
    return -(-a // divisor)


@dataclass(frozen=True)
class Margins:
    """Requirements of one position."""

    im: int  # wad
    mm: int  # wad
    leverage_class: int


@dataclass(frozen=True)
class MarginModel:
    """A market's brackets: rows of threshold (whole quote units), IM and MM rate (ppm)."""

    brackets: Sequence[tuple[int, int, int]]
    max_class: int

    def requirement(self, notional: int, column: int) -> int:
        """Sum of the brackets' rates times the part of the notional in each (wad), rounded up."""
        tops = [row[0] * WAD for row in self.brackets[1:]] + [notional]
        total = 0
        for row, top in zip(self.brackets, tops, strict=True):
            total += max(min(notional, top) - row[0] * WAD, 0) * row[column]
        return ceil_div(total, PPM)

    def margins(self, size: int, mark: int, choice: int | None = None) -> Margins:
        """IM = max(N / L, bracket IM), MM, and the class in force."""
        notional = ceil_div(abs(size) * mark, WAD)
        im, mm = self.requirement(notional, 1), self.requirement(notional, 2)
        chosen = self.max_class if choice is None else min(choice, self.max_class)
        allowed = [k for k in range(chosen + 1) if LEVERAGES[k] * im <= notional]
        return Margins(
            im=max(im, ceil_div(notional, LEVERAGES[chosen])),
            mm=mm,
            leverage_class=max(allowed, default=0),
        )


def fee_of(size: int, price: int, fee_ppm: int) -> int:
    """A fee (wad): of the notional rounded up, to whole micro units, up."""
    notional = ceil_div(abs(size) * price, WAD)
    return ceil_div(notional * fee_ppm, PPM * MICRO) * MICRO


def value(size: int, price: int) -> int:
    """Worth of a signed size (wad), rounded down."""
    return size * price // WAD
