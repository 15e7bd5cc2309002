"""How a flow or a story begins and ends: fresh books, funded people, one event among many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.contract import Event
from tests.support.books import check_everything
from tests.support.venue import BTC, JUNIOR, SENIOR, WAD, Person, Venue, named

RISK_TERMS = (600, 3_600, 1_000_000, 2_500_000, 30_000, 120)


@contextmanager
def undone(running: Venue) -> Iterator[Venue]:
    """A running venue as it was at its start; whatever happens to it is undone."""
    kept = (list(running.events), list(running.times), set(running.accounts))
    try:
        with running.rpc.undone():
            yield running
    finally:
        running.events, running.times, running.accounts = kept
        running.dead_feeds.clear()


@contextmanager
def checked(running: Venue) -> Iterator[Venue]:
    """The same, and the books are checked before all is undone."""
    with undone(running):
        yield running
        check_everything(running)


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


def bankrupt(venue: Venue, tokens: int = 30_000, size: int = 10, fall: int = -80_000) -> Person:
    """A started account whose equity is negative, long BTC against the rich maker."""
    maker = venue.person("maker")
    if maker.account not in venue.accounts:
        venue.deposit(maker, 2_000_000)
    alice = leveraged(venue, "alice", maker, BTC, size * WAD, tokens)
    venue.move(BTC, fall)
    venue.start(alice.account)
    return alice


def one(events: list[Event], name: str) -> Event:
    """The only event of this name."""
    found = named(events, name)
    assert len(found) == 1, f"{len(found)} events {name}"
    return found[0]


def set_risk_terms(venue: Venue, *markets: int, terms: tuple[int, ...] = RISK_TERMS) -> None:
    """Averages, stress and holds for some markets begin now."""
    with venue.owner() as owner:
        for market in markets:
            venue.send(owner, venue.client.clearinghouse, "set_risk_terms", market, terms)


def tighten(venue: Venue) -> None:
    """The waterfall gives as little as its bounds allow."""
    with venue.owner() as owner:
        for layer in (JUNIOR, SENIOR):
            venue.send(owner, venue.client.waterfall, "set_limits", layer, (100_000, 10_000))
