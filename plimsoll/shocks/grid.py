"""Shocks: how far prices jump, in which market or in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.errors import InputError
from plimsoll.units import PPM, div_down, to_units

DEFAULT_MOVES: Final = (
    -300_000, -200_000, -100_000, -50_000, 50_000, 100_000, 200_000, 300_000,
)  # fmt: skip
"""ppm of the mark."""
LEAST_MOVE: Final = -990_000
MOST_MOVE: Final = 1_000_000
"""Bounds of a shock, ppm: to a hundredth of the price, and to its double."""

_PERCENT: Final = 4  # digits of a percentage that a whole ppm has


@dataclass(frozen=True)
class Shock:
    """A jump by `ppm` in one market, or in all of them (`market` is None)."""

    market: int | None
    ppm: int

    def price(self, market: int, mark: int) -> int:
        """The price (wad, rounded down) of a market whose mark (wad) this shock meets."""
        if self.market is not None and self.market != market:
            return mark
        return div_down(mark * (PPM + self.ppm), PPM)

    def prices(self, marks: Mapping[int, int]) -> dict[int, int]:
        """All prices after the jump (wad), by market."""
        return {market: self.price(market, mark) for market, mark in marks.items()}


NO_SHOCK: Final = Shock(None, 0)


def grid(markets: Sequence[int], moves: Sequence[int] = DEFAULT_MOVES) -> tuple[Shock, ...]:
    """No shock, each market by itself at each move (ppm), then all markets together."""
    alone = (Shock(market, ppm) for market in markets for ppm in moves)
    return (NO_SHOCK, *alone, *(Shock(None, ppm) for ppm in moves))


def parse_moves(texts: Sequence[str]) -> tuple[int, ...]:
    """Percentages such as "-12.5", "+30" or "5%" as ppm, in rising order; InputError if not."""
    moves = set()
    for text in texts:
        try:
            ppm = to_units(text.removesuffix("%"), _PERCENT)
        except ValueError as error:
            raise InputError(
                f"{text!r} is not a shock ({error})",
                next_step="give percentages with at most four digits behind the point: -30 -5 +10",
            ) from error
        if ppm == 0 or not LEAST_MOVE <= ppm <= MOST_MOVE:
            raise InputError(
                f"a shock of {text} % cannot be tried" if ppm else "a shock of 0 moves nothing",
                next_step="give percentages from -99 to +100, without 0: that row is always there",
            )
        moves.add(ppm)
    return tuple(sorted(moves))
