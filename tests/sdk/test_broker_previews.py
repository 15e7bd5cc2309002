"""Previews and liquidation prices of accounts with a guarantee, against what the chain does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.orders import Flags
from plimsoll.preview import Fill, FillFlags
from tests.support.broker_desk import Brokerage
from tests.support.flows import checked, people
from tests.support.venue import BTC, WAD, Person, Venue, running_venue

GUARANTEE = 2_500


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    with running_venue() as venue:
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with checked(running) as venue:
        yield venue


@pytest.fixture
def brokerage(venue: Venue) -> Brokerage:
    people(venue, "trader", tokens=1_000_000)
    return Brokerage(venue)


@pytest.fixture
def broker(venue: Venue, brokerage: Brokerage) -> str:
    return brokerage.open(venue.person("operator"), 60_000)


@pytest.fixture
def client(brokerage: Brokerage, broker: str) -> Person:
    """Long one BTC on a guarantee, which costs 4 % a year."""
    return brokerage.client("client", broker, 1_600, GUARANTEE, WAD, fee_ppm=40_000)


def buys(client: Person, trader: Person, venue: Venue, size: int) -> Fill:
    """The client buys at mark from the trader's post-only order."""
    mark = venue.mark(BTC)
    return Fill(trader.account, client.account, BTC, size, mark, flags=FillFlags.MAKER_FEE)


def settled(venue: Venue, client: Person, trader: Person, size: int) -> None:
    """The same by signed orders."""
    mark = venue.mark(BTC)
    maker = venue.signed(trader, BTC, -size, mark, flags=Flags.POST_ONLY)
    venue.settle_one(maker, venue.signed(client, BTC, size, mark), size)


def test_preview__opening_that_takes_the_guarantee__is_what_settling_does(
    venue: Venue, brokerage: Brokerage, broker: str
) -> None:
    trader = venue.person("trader")
    client = brokerage.client("client", broker, 1_600, GUARANTEE)
    preview = venue.client.preview(buys(client, trader, venue, WAD)).require()
    settled(venue, client, trader, WAD)
    assert preview.taker.after is not None
    told, found = preview.taker.after.health, venue.client.health(client.account)
    for name in ("mm", "im", "shield", "cash"):
        assert told[name] == found[name], name
    for name in ("equity", "equity_im"):
        assert abs(told[name] - found[name]) < WAD // 100, "a second of funding"
    assert found["shield"] == GUARANTEE * WAD


def test_preview__beyond_the_buffer_or_without_a_guarantee__refused_as_settling_is(
    venue: Venue, brokerage: Brokerage, broker: str, client: Person
) -> None:
    """More than own equity bears; during a call; and what somebody without a broker cannot open."""
    trader, alone = venue.person("trader"), venue.person("alone")
    venue.deposit(alone, 1_600)
    more = WAD // 5
    for who, size in ((client, more), (alone, WAD)):
        preview = venue.client.preview(buys(who, trader, venue, size))
        assert (preview.success, preview.reason) == (False, "margin: below initial")
        venue.rejected("margin: below initial", settled, venue, who, trader, size)
    least = WAD // 100
    assert venue.client.preview(buys(client, trader, venue, least)).success
    venue.move(BTC, -3_000)
    assert venue.client.preview(buys(client, trader, venue, least)).reason == (
        "margin: below initial"
    ), "own equity is at the buffer"
    venue.move(BTC, -10_000)
    brokerage.call(client)
    venue.move(BTC, 14_000)
    assert venue.client.preview(buys(client, trader, venue, least)).reason == (
        "margin: below initial"
    ), "nothing is opened during a call"
    brokerage.cure(client)
    assert venue.client.preview(buys(client, trader, venue, least)).success


def test_liquidation_price__sponsored__is_where_an_auction_may_start(
    venue: Venue, client: Person
) -> None:
    """At the price told `start` is open to everybody; a step above it is not."""
    price = venue.client.liquidation_price(client.account, BTC)
    assert price is not None
    step = 10**10  # of the feed
    above = -(-price // step) * step + 5 * WAD  # a second of funding is less than that
    with venue.rpc.undone():
        venue.set_price(BTC, above)
        venue.rejected("liquidation: not below margin", venue.start, client.account)
    venue.set_price(BTC, price // step * step)
    venue.start(client.account)
    assert venue.started() == [client.account]
