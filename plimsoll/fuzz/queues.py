"""The ADL queue of the chain against the model's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from plimsoll.fuzz.chains import WalkChain
from plimsoll.fuzz.stage import MARKETS, Stage
from plimsoll.model import positions, prices, queues
from plimsoll.model.state import FINE, SIZE_BOUND_WAD, Place, World

_MOST_ROWS: Final = 64
_ROW_WORDS: Final = 6  # of `IClearinghouse.QueueEntry`
_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE
_ENTRY_PART: Final = 2**31  # an entry has 33 bits


class Queues:
    """Reads queues, compares them, and tells the model of places that hold rounding only.

    Such a place must hold at most the bound; what it holds decides nothing but how many buckets a
    call visits (`Market.dust_wad`).
    """

    def __init__(self, stage: Stage, chain: WalkChain, saw: Callable[[int, int], None]) -> None:
        """`saw` is told every bucket's key and epoch."""
        ledger = stage.client.clearinghouse
        self._chain = chain
        self._address = ledger.address
        self._saw = saw
        self._questions = {
            (market, long): ledger.encode("adl_queue", market, long, _MOST_ROWS)
            for market in MARKETS
            for long in (True, False)
        }

    def problem(self, world: World, sides: Iterable[tuple[int, bool]]) -> str | None:
        """The first difference on some sides, given as market and long."""
        for market, long in sides:
            found = self._side(world, market, long)
            if found is not None:
                return found
        return None

    def _side(self, world: World, market: int, long: bool) -> str | None:
        state = world.markets[market]
        for place in [place for place in state.dust_wad if place[0] == long]:
            del state.dust_wad[place]
        found = _sizes(world, market, long)
        seen = []
        for key, size_wad, worst_wad, epoch in self._rows(market, long):
            self._saw(key, epoch)
            place = (bool(key >> 16 & 1), key >> 13 & 7, key & 8191)
            size = found.get(place)
            if size is None:
                if size_wad > SIZE_BOUND_WAD:
                    return f"M-06 queue: {place} holds {size_wad} on chain, nobody in the model"
                state.dust_wad[place] = size_wad
                continue
            seen.append(place)
            if abs(size // FINE - size_wad) > SIZE_BOUND_WAD:
                return f"M-06 queue: {place} holds {size_wad} on chain, {size} in the model"
            worst = positions.worst_entry_fine(state, place) // FINE
            if size > _SIZE_BOUND_FINE and abs(worst - worst_wad) > worst // _ENTRY_PART:
                return f"M-07 worst entry: {place} {worst_wad} on chain, {worst} in the model"
        held: dict[Place, queues.Members] = {
            place: [] for place in found if found[place] > _SIZE_BOUND_FINE or place in seen
        }
        order = queues.ordered(held, prices.peek(world, market).mark_wad)
        if seen != order:
            return f"M-08 order: market {market} {'longs' if long else 'shorts'}: {seen}, {order}"
        return None

    def _rows(self, market: int, long: bool) -> list[tuple[int, int, int, int]]:
        """Key, size, worst entry and epoch of each bucket, in the chain's order."""
        raw = self._chain.static(self._address, self._questions[market, long])
        count = _word(raw, 1)
        starts = range(2, 2 + count * _ROW_WORDS, _ROW_WORDS)
        return [
            (_word(raw, at), _word(raw, at + 2), _word(raw, at + 3), _word(raw, at + 5))
            for at in starts
        ]


def _word(raw: bytes, index: int) -> int:
    return int.from_bytes(raw[32 * index : 32 * index + 32], "big")


def _sizes(world: World, market: int, long: bool) -> dict[Place, int]:
    """What the members of each place of a side hold, fine."""
    found: dict[Place, int] = {}
    for (_, where), leg in world.positions.items():
        if where == market and leg.size_fine and leg.long == long:
            place = positions.place_of(leg)
            found[place] = found.get(place, 0) + abs(leg.size_fine)
    return found
