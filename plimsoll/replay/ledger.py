"""What every holding has, as the chain says it: read before and after each wave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from plimsoll.model.positions import encode_entry, tick_of, worse_edge
from plimsoll.replay.opening import Person, Stage
from plimsoll.replay.population import MARK
from plimsoll.replay.venue import Leg
from plimsoll.units import WAD, div_down

_ROUNDING: Final = 1_000
"""Wei by which re-matching and rounding may move an account; a haircut is more than that."""


@dataclass(frozen=True)
class Change:
    """What happened to a holding; amounts and parts in wad."""

    place: int
    profit: int
    """Before."""
    paid: int
    closed: int
    """Size that was re-matched."""
    broke: bool
    """It had equity, and what it paid left it with less than nothing."""

    @property
    def share(self) -> int:
        """What it paid, as a part of its own profit."""
        return div_down(self.paid * WAD, self.profit)


class Ledger:
    """The legs of all people of a stage, by market; prices stand at `MARK`."""

    def __init__(self, stage: Stage) -> None:
        self._venue = stage.venue
        self._people: dict[int, list[Person]] = defaultdict(list)
        self._equity: dict[int, int] = {}
        for person in stage.people:
            self._people[person.seat.market].append(person)
            self._equity[person.seat.place] = person.equity
        self._legs: dict[int, Leg] = {}
        for market in self._people:
            self._legs |= self._read(market)
        self._first = dict(self._legs)
        self._paid: dict[int, int] = defaultdict(int)

    def available(self, market: int) -> int:
        """Profit (wad) of the winners that a loss in this market can ask.

        They are the shorts in buckets that win as a whole.
        """
        return sum(self._profit(person) for person in self._people[market] if self._wins(person))

    def out_of_reach(self, market: int) -> int:
        """Profit (wad) of shorts whose bucket holds the mark: at most a tick of each."""
        return sum(
            max(0, self._profit(person))
            for person in self._people[market]
            if not person.seat.long and not self._wins(person)
        )

    def changes(self, markets: Iterable[int]) -> list[Change]:
        """Read some markets anew; what changed there."""
        found = []
        for market in markets:
            now = self._read(market)
            for person in self._people[market]:
                change = self._change(person, now[person.seat.place])
                if change.paid or change.closed:
                    found.append(change)
            self._legs |= now
        return found

    def paid(self, place: int) -> int:
        """What a holding has paid so far, wad."""
        return self._paid[place]

    def closed_part(self, place: int) -> int:
        """Part (wad) of its position that a holding has lost so far."""
        first = self._first.get(place)
        if first is None:
            return 0
        return div_down(abs(first.size - self._legs[place].size) * WAD, abs(first.size))

    def _read(self, market: int) -> dict[int, Leg]:
        # with the mark of this block stored, the views need not ask the feed each
        self._venue.call(self._venue.client.clearinghouse, "poke", market)
        return {
            person.seat.place: self._venue.leg(person.account, market)
            for person in self._people[market]
        }

    def _change(self, person: Person, now: Leg) -> Change:
        place = person.seat.place
        before = self._legs[place]
        paid = before.worth(MARK) - now.worth(MARK)
        closed = abs(before.size - now.size)
        if abs(paid) <= _ROUNDING:
            paid = 0
        had = self._equity[place] - self._paid[place]
        self._paid[place] += paid
        return Change(
            place=place,
            profit=self._profit(person),
            paid=paid,
            closed=closed if closed > _ROUNDING else 0,
            broke=had >= 0 > had - paid,
        )

    def _profit(self, person: Person) -> int:
        return self._legs[person.seat.place].profit(MARK)

    def _wins(self, person: Person) -> bool:
        """Whether the worst entry of its bucket is above the mark. A haircut changes no bucket."""
        if person.seat.long:
            return False
        entry = self._first[person.seat.place].entry
        return worse_edge(tick_of(encode_entry(entry, False)), False) > MARK
