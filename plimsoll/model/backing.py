"""Open interest backed by insurance capital: the cap of a market, and the fee near it.

As docs/protocol.md: cap = kappa * alpha * C / w, in quote units of notional, where alpha
is the market's share of the capital C and w the gap of the mark that the capital is to survive.
Nothing here knows the world: `plimsoll.model.capital` says how much capital there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model.rounding import div_down

_WAD: Final = 10**18
_PPM: Final = 10**6

LEADING_BITS: Final = 11  # of a cap that are kept
LARGEST_QUOTE: Final = 2047 << 53
FREE_PPM: Final = 800_000  # utilisation up to which there is no surcharge
SURCHARGE_MAX_PPM: Final = 1_000  # of notional, from the cap on


@dataclass(frozen=True, slots=True)
class BufferTerms:
    """How a market's open interest is backed; as `IClearinghouse.BufferTerms`."""

    kappa_ppm: int  # multiple
    share_ppm: int  # alpha, of the capital
    gap_ppm: int  # w


NO_TERMS: Final = BufferTerms(0, 0, 0)
"""Asks for no cap."""


def cap_wad(terms: BufferTerms, capital_wad: int) -> int:
    """Most notional (wad) one side may have with that much capital, rounded down."""
    return div_down(terms.kappa_ppm * terms.share_ppm * capital_wad, terms.gap_ppm * _PPM)


def kept_quote(wad: int) -> int:
    """A cap as it is kept: whole quote units, the leading bits of them, never nothing at all."""
    quote = max(div_down(wad, _WAD), 1)
    lost = max(quote.bit_length() - LEADING_BITS, 0)
    return min(quote >> lost << lost, LARGEST_QUOTE)


def size_wad(cap_quote: int, mark_wad: int) -> int:
    """Size (wad) that a cap is worth at a mark, rounded down."""
    return div_down(cap_quote * _WAD * _WAD, mark_wad)


def utilisation_ppm(cap_quote: int, interest_wad: int, mark_wad: int) -> int:
    """Notional of the larger side's open interest over the cap, rounded down."""
    notional_wad = div_down(interest_wad * mark_wad, _WAD)
    return div_down(notional_wad * _PPM, cap_quote * _WAD)


def surcharge_ppm(used_ppm: int) -> int:
    """What a fill without a reduction pays besides its fees: nothing at 80 %, 0.1 % at 100 %."""
    full_ppm = _PPM - FREE_PPM
    return div_down(min(max(used_ppm - FREE_PPM, 0), full_ppm) * SURCHARGE_MAX_PPM, full_ppm)
