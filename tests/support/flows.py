"""How a flow or a story begins and ends: fresh books, funded people, one event among many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.contract import Event
from tests.support.books import check_everything
from tests.support.venue import JUNIOR, SENIOR, Person, Venue, named


@contextmanager
def checked(running: Venue) -> Iterator[Venue]:
    """A running venue as it was at its start; the books are checked before all is undone."""
    kept = (list(running.events), list(running.times), set(running.accounts))
    try:
        with running.rpc.undone():
            yield running
            check_everything(running)
    finally:
        running.events, running.times, running.accounts = kept
        running.dead_feeds.clear()


def people(venue: Venue, *names: str, tokens: int = 100_000) -> list[Person]:
    """Persons with whole tokens in their main accounts."""
    found = [venue.person(name) for name in names]
    for person in found:
        venue.deposit(person, tokens)
    return found


def leveraged(
    venue: Venue, name: str, other: Person, market: int, size: int, tokens: int
) -> Person:
    """Somebody who is long `size` with `tokens` of margin, against `other`."""
    who = venue.person(name)
    venue.deposit(who, tokens)
    venue.trade(who, other, market, size)
    return who


def one(events: list[Event], name: str) -> Event:
    """The only event of this name."""
    found = named(events, name)
    assert len(found) == 1, f"{len(found)} events {name}"
    return found[0]


def tighten(venue: Venue) -> None:
    """The waterfall gives as little as its bounds allow."""
    with venue.owner() as owner:
        for layer in (JUNIOR, SENIOR):
            venue.send(owner, venue.client.waterfall, "set_limits", layer, (100_000, 10_000))
