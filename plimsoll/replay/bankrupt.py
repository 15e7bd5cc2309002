"""Accounts whose losses have to be covered: opened above the mark, bankrupt after a gap."""

from __future__ import annotations

from typing import Final

from plimsoll.accounts import account_id
from plimsoll.replay.population import MARK, MIN_NOTIONAL
from plimsoll.replay.venue import IM_PPM, Venue
from plimsoll.units import PPM, WAD, div_up

JUMP_PPM: Final = 200_000
"""How far the mark falls at once, as a part of where it was."""
MAX_BUCKETS: Final = 200
"""Buckets that one call of `resolve` works on."""


def name_of(wave: int, market: int) -> str:
    """Who goes bankrupt in a market in a wave."""
    return f"wave {wave}, {market}"


def open_bankrupt(venue: Venue, market: int, name: str, loss: int) -> int:
    """An account that is `loss` (wad) short at `MARK`, to a token unit below; returns it.

    It buys from the market's counterparty with the least margin, twenty times, where the mark
    stood before it fell by `JUMP_PPM` to `MARK`. If the counterparty holds less than twice its
    size, it buys half of that and falls from higher.
    """
    held = venue.leg(venue.dealer(market), market).size
    top = MARK * PPM // (PPM - JUMP_PPM)
    size = div_up(loss * WAD, top * (PPM - IM_PPM) // PPM - MARK)
    size = max(size, div_up(MIN_NOTIONAL * WAD, top))
    if 2 * size > held > 0:
        size = held // 2
        top = max(top, div_up((MARK + div_up(loss * WAD, size)) * PPM, PPM - IM_PPM))
    owner = Venue.keyed(name).address
    account = account_id(owner)
    price = venue.set_mark(market, top)
    paid = div_up(size * price, WAD)
    venue.credit(account, paid - size * MARK // WAD - loss)
    venue.trade(owner, account, market, size, price)
    venue.set_mark(market, MARK)
    return account
