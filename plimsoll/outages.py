"""Feeds that die in a scenario, and markets that are wound down after they did.

    "outages": [{"market": "SOL", "feeds": [1, 2], "from": "2025-10-10T21:10:00Z",
                 "to": "2025-10-10T21:16:00Z"}],
    "wind_down": {"market": "SOL", "time": "2025-10-14T13:00:00Z"}

A dead feed answers with a round that is never finished, which counts as no answer. Without
`to` it never comes back. A market has a price as long as most of its feeds answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

DEAD_S: Final = 3 * 86_400
"""Without a price for so long, a market may be wound down by anybody."""


@dataclass(frozen=True)
class Outage:
    """Feeds of a market, by number from 1, that do not answer for a while; unix seconds."""

    market: str
    feeds: tuple[int, ...]
    start: int
    end: int | None
    """None: they never come back."""

    def covers(self, time: int) -> bool:
        """Whether the feeds are dead at this time."""
        return self.start <= time and (self.end is None or time < self.end)


@dataclass(frozen=True)
class WindDown:
    """When anybody settles a market whose feeds have died; unix seconds."""

    market: str
    time: int


def unix(text: str) -> int:
    """Seconds of an ISO time with its zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone: end it with Z")
    return int(moment.astimezone(UTC).timestamp())


def read_outages(entries: Sequence[Mapping[str, Any]]) -> tuple[Outage, ...]:
    """The `outages` of a scenario file."""
    return tuple(
        Outage(
            market=entry["market"],
            feeds=tuple(map(int, entry["feeds"])),
            start=unix(entry["from"]),
            end=unix(entry["to"]) if "to" in entry else None,
        )
        for entry in entries
    )


def read_wind_down(entry: Mapping[str, Any] | None) -> WindDown | None:
    """The `wind_down` of a scenario file."""
    return None if entry is None else WindDown(entry["market"], unix(entry["time"]))


def problems(
    outages: Sequence[Outage],
    wind_down: WindDown | None,
    feeds: Mapping[str, int],
    first_fall: int,
    last_step: int,
) -> Iterator[str]:
    """What is wrong with them; `feeds` says how many each market has."""
    for outage in outages:
        count = feeds.get(outage.market)
        if count is None:
            yield f"an outage is in {outage.market}, which is no market of the file"
        elif not outage.feeds or not set(outage.feeds) <= set(range(1, count + 1)):
            yield f"an outage in {outage.market} must name some of its feeds 1 to {count}"
        elif len(set(outage.feeds)) != len(outage.feeds):
            yield f"an outage in {outage.market} names a feed twice"
        if outage.start <= first_fall:
            yield f"an outage in {outage.market} must begin after the first falling step"
        if outage.end is not None and outage.end <= outage.start:
            yield f"an outage in {outage.market} must end after it began"
    yield from _overlaps(outages)
    if wind_down is not None:
        yield from _wind_down_problems(wind_down, outages, feeds, last_step)


def _overlaps(outages: Sequence[Outage]) -> Iterator[str]:
    """A feed that dies while it is dead."""
    for number, one in enumerate(outages):
        for other in outages[number + 1 :]:
            if one.market != other.market or not set(one.feeds) & set(other.feeds):
                continue
            if one.covers(other.start) or other.covers(one.start):
                yield f"two outages in {one.market} share a feed at the same time"


def _wind_down_problems(
    wind_down: WindDown, outages: Iterable[Outage], feeds: Mapping[str, int], last_step: int
) -> Iterator[str]:
    name = wind_down.market
    if name not in feeds:
        yield f"the wind-down is in {name}, which is no market of the file"
        return
    for_good = [outage for outage in outages if outage.market == name and outage.end is None]
    dead = len({feed for outage in for_good for feed in outage.feeds})
    if feeds[name] - dead >= quorum(feeds[name]):
        yield f"the wind-down needs an outage without end that leaves {name} without a price"
        return
    if wind_down.time < max(outage.start for outage in for_good) + DEAD_S:
        yield f"the wind-down must be at least three days after the feeds of {name} died"
    if wind_down.time <= last_step:
        yield "the wind-down must come after the last step of the path"


def quorum(feeds: int) -> int:
    """How many of a market's feeds must answer."""
    return feeds // 2 + 1
