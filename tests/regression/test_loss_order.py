"""A loss that the waterfall cannot pay goes to winners first, whoever closes the position."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.orders import Flags, unsigned
from tests.support.books import check_everything, picture
from tests.support.flows import tighten
from tests.support.venue import BTC, RAY, WAD, Venue, named, running_venue


@pytest.fixture
def venue() -> Iterator[Venue]:
    """`alice` is bankrupt beyond what the waterfall gives; `maker` holds the winning side."""
    with running_venue() as venue:
        tighten(venue)
        for name, tokens in (("maker", 2_000_000), ("taker", 2_000_000), ("alice", 30_000)):
            venue.deposit(venue.person(name), tokens)
        venue.trade(venue.person("alice"), venue.person("maker"), BTC, 10 * WAD)
        venue.move(BTC, -100_000)
        venue.start(venue.person("alice").account)
        yield venue
        check_everything(venue)


def test_take__whole_leg_with_a_loss_above_the_waterfall__reverts(venue: Venue) -> None:
    """It went through, and the loss was booked as a shortfall of everybody."""
    alice, taker = venue.person("alice"), venue.person("taker")
    venue.rejected("liquidation: loss not reserved", venue.take, taker, alice.account, BTC)
    assert venue.client.custody.read("redemption_rate") == RAY


def test_fill__closing_a_bankrupt_account_above_the_waterfall__reverts(venue: Venue) -> None:
    """The same by an ordinary order of the bankrupt account itself."""
    alice, taker = venue.person("alice"), venue.person("taker")
    price = venue.mark(BTC)
    maker = venue.signed(taker, BTC, 10 * WAD, price, flags=Flags.POST_ONLY)
    order = unsigned(venue.order(alice.account, BTC, -10 * WAD, price))
    call = (maker, order, 10 * WAD, alice.signer)
    venue.rejected("liquidation: loss not reserved", venue.settle_one, *call)
    events = venue.resolve_all()
    assert named(events, "HaircutSet")[0]["credited"] > 0
    assert named(events, "Finished")[0]["shortfall"] == 0


def test_resolve__over_several_calls__accrues_no_funding_of_the_freeze(venue: Venue) -> None:
    """Markets nobody poked meanwhile caught up on it when the freeze ended."""
    venue.wait(7_200)
    venue.resolve(1)
    assert venue.client.clearinghouse.read("adl_job")["account"]
    index, rate = venue.client.clearinghouse.read("funding", BTC)
    assert rate != 0
    venue.rpc.set_next_timestamp(venue.rpc.timestamp() + 300)
    while venue.client.clearinghouse.read("adl_job")["account"]:
        venue.resolve(1)
    assert venue.client.clearinghouse.read("funding", BTC)[0] == index
    assert picture(venue).books["redemption_rate"] == RAY
