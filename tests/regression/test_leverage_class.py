"""The class in force, which ranks a position in the queue of the winners."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from tests.support.venue import BTC, PPM, WAD, Venue

SIZE = 1_000_000_000_000_000_013  # wad
PRICE = 50_000 * WAD + 10**10
CLASS_20X = 4


@pytest.fixture
def venue() -> Venue:
    """A chain in this process."""
    return Venue(RevmChain())


def test_open__notional_not_a_multiple_of_the_leverage__keeps_its_class(venue: Venue) -> None:
    """The wei by which bracket IM is rounded up pushed 20x positions to the place of 10x ones."""
    alice, maker = venue.person("alice"), venue.person("maker")
    for person in (alice, maker):
        venue.deposit(person, 10_000)
    venue.set_price(BTC, PRICE)
    venue.trade(alice, maker, BTC, SIZE)
    notional = venue.client.leg(alice.account, BTC)["notional"]
    bracket_im = -(-notional * 50_000 // PPM)
    assert notional % 20 != 0
    assert 20 * bracket_im > notional  # what the class once needed not to be
    for person in (alice, maker):
        assert venue.client.leg(person.account, BTC)["leverage_class"] == CLASS_20X
