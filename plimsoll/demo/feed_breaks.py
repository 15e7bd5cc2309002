"""Feeds die and come back at the times of the scenario, while keepers go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll.demo.keeper import Keeper
from plimsoll.demo.snapshots import Snapshot, take_snapshot
from plimsoll.demo.stage import Stage
from plimsoll.outages import Outage


@dataclass(frozen=True)
class Blackout:
    """Feeds die, or come back: everything right before and right after."""

    outage: Outage
    begins: bool
    before: Snapshot
    after: Snapshot


class FeedBreaks:
    """Carries out the outages of a scenario, in the order of their times."""

    def __init__(self, stage: Stage, keeper: Keeper) -> None:
        self.blackouts: list[Blackout] = []
        self._stage = stage
        self._keeper = keeper
        self._rest = sorted(_changes(stage.scenario.outages), key=lambda change: change[:2])

    def work_until(self, time: int, *, watch: bool) -> None:
        """Let keepers work until `time`, and break feeds on the way."""
        while self._rest and self._rest[0][0] < time:
            moment, _, outage, begins = self._rest.pop(0)
            self._keeper.work_until(moment, watch=watch)
            before = take_snapshot(self._stage)
            turn = self._stage.kill_feeds if begins else self._stage.revive_feeds
            turn(moment, outage.market, outage.feeds)
            self.blackouts.append(Blackout(outage, begins, before, take_snapshot(self._stage)))
        self._keeper.work_until(time, watch=watch)


def _changes(outages: tuple[Outage, ...]) -> Iterator[tuple[int, int, Outage, bool]]:
    """Time, place in the file, outage, and whether it begins."""
    for place, outage in enumerate(outages):
        yield outage.start, place, outage, True
        if outage.end is not None:
            yield outage.end, place, outage, False
