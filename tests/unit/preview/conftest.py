"""A venue in this process, and who trades there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.contract import Contract
from plimsoll.preview import Fill, FillFlags
from tests.support.flows import set_risk_terms, undone
from tests.support.venue import BTC, ETH, WAD, Person, Venue, venue_in_process


@pytest.fixture(scope="package")
def running() -> Venue:
    venue = venue_in_process()
    set_risk_terms(venue, ETH)
    for name in ("ann", "bob", "cat"):
        venue.deposit(venue.person(name), 100_000)
    venue.deposit(venue.person("rich"), 50_000_000)
    return venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    """As it was before each test."""
    with undone(running):
        yield running


@pytest.fixture
def ann(venue: Venue) -> Person:
    return venue.person("ann")


@pytest.fixture
def bob(venue: Venue) -> Person:
    return venue.person("bob")


@pytest.fixture
def rich(venue: Venue) -> Person:
    """Fifty millions; the others have a hundred thousand each."""
    return venue.person("rich")


@pytest.fixture
def probe(venue: Venue) -> Contract:
    contract = venue.deploy("RehearsalProbe")
    venue.send(venue.keeper, contract, "set_exchange", venue.client.exchange.address)
    return contract


@pytest.fixture
def fill(venue: Venue) -> Fill:
    """Ann sells Bob a unit; nobody has signed it."""
    ann, bob = venue.person("ann"), venue.person("bob")
    return Fill(ann.account, bob.account, BTC, WAD, venue.mark(BTC), flags=FillFlags.MAKER_FEE)
