"""What a position that is large for its market needs in initial margin besides the brackets'.

Nothing here knows the world. Maintenance margin never depends on it: others could put an account
under liquidation by closing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model.rounding import div_down, div_up

_WAD: Final = 10**18
_FLOOR_QUOTE: Final = 10_000  # of code 0; each code doubles it


@dataclass(frozen=True, slots=True)
class Concentration:
    """Where a position counts as large, and what that costs; as `IClearinghouse.Concentration`."""

    share_percent: int  # of the larger side's open interest
    rate_percent: int  # of the notional beyond it
    floor_code: int

    @property
    def floor_wad(self) -> int:
        """Notional that is never large."""
        return (_FLOOR_QUOTE << self.floor_code) * _WAD


NO_TERMS: Final = Concentration(0, 0, 0)
"""Asks for none."""


def free_wad(terms: Concentration, interest_wad: int, mark_wad: int) -> int:
    """Notional that needs nothing extra, by the larger side's open interest."""
    of_all_wad = div_down(interest_wad * mark_wad, _WAD)
    return max(div_down(of_all_wad * terms.share_percent, 100), terms.floor_wad)


def extra_wad(
    terms: Concentration | None, notional_wad: int, interest_wad: int, mark_wad: int
) -> int:
    """Initial margin on top of the brackets', before stress, rounded up."""
    if terms is None:
        return 0
    beyond_wad = notional_wad - free_wad(terms, interest_wad, mark_wad)
    return div_up(max(beyond_wad, 0) * terms.rate_percent, 100)
