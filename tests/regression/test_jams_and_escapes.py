"""Ways to jam a resolve, or to escape from what one owes, that were once open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.books import check_everything
from tests.support.flows import tighten
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DOGE,
    ETH,
    RAY,
    SCALE,
    WAD,
    Venue,
    named,
    running_venue,
)


@pytest.fixture
def venue() -> Iterator[Venue]:
    """A waterfall at its least limits, so that winners must pay, and a rich `maker`."""
    with running_venue() as venue:
        tighten(venue)
        venue.deposit(venue.person("maker"), 4_000_000)
        yield venue


def test_start__profit_withdrawn_and_a_tiny_losing_leg__loss_stays_where_the_risk_is(
    venue: Venue,
) -> None:
    """By loss against entry alone, 200 of ETH drew the whole loss of 20 BTC to the ETH winners."""
    trader, maker, winner, innocent = (
        venue.person(name) for name in ("trader", "maker", "winner", "innocent")
    )
    for person in (winner, innocent):
        venue.deposit(person, 200_000)
    venue.deposit(trader, 60_000)
    venue.trade(trader, maker, BTC, 20 * WAD)
    venue.trade(maker, innocent, ETH, 100 * WAD)
    venue.move(BTC, 600_000)
    health = venue.client.health(trader.account)
    venue.withdraw(trader, (health["equity_im"] - health["im"]) // SCALE - 20_000_000)
    venue.trade(trader, maker, ETH, WAD // 10)
    venue.trade(maker, winner, BTC, 20 * WAD)
    venue.move(ETH, -60_000)
    venue.move(BTC, -170_000)
    venue.start(trader.account)
    haircuts = {e["market"]: e["credited"] for e in named(venue.resolve_all(), "HaircutSet")}
    assert haircuts[ETH] * 1_000 < haircuts[BTC]
    assert venue.client.custody.read("redemption_rate") == RAY
    check_everything(venue)


def test_withdraw__between_sum_and_haircut__reverts(venue: Venue) -> None:
    """A winner took its profit out after it had been counted and before it was charged."""
    maker, winner, alice = (venue.person(name) for name in ("maker", "winner", "alice"))
    venue.deposit(winner, 120_000)
    venue.deposit(alice, 170_000)
    venue.trade(alice, maker, BTC, 20 * WAD)
    venue.trade(alice, winner, BTC, 20 * WAD)
    venue.move(BTC, -170_000)
    venue.start(alice.account)
    venue.resolve(1)
    venue.rejected("custody: resolve first", venue.withdraw, winner, 1_000_000)
    venue.resolve_all()
    venue.withdraw(winner, 1_000_000)
    check_everything(venue)


def test_resolve__bankrupt_with_a_leg_without_price__other_leg_goes(venue: Venue) -> None:
    """100 of DOGE with a dead feed kept 20 BTC from being touched, for as long as it was dead."""
    maker, trader = venue.person("maker"), venue.person("trader")
    venue.deposit(trader, 60_000)
    venue.trade(trader, maker, BTC, 20 * WAD)
    venue.trade(trader, maker, DOGE, 400 * WAD)
    venue.stop_feed(DOGE)
    venue.move(BTC, -100_000)
    venue.start(trader.account)
    venue.resolve(400)
    assert venue.client.leg(trader.account, BTC)["size"] == 0
    assert venue.client.leg(trader.account, DOGE)["size"] == 400 * WAD
    assert venue.client.clearinghouse.read("is_started", trader.account)
    venue.set_price(DOGE, venue.mark_of_feed(DOGE))
    venue.wait(AUCTION_S + 1)
    venue.resolve_all()
    assert not venue.client.clearinghouse.read("is_started", trader.account)
    check_everything(venue)


def test_resolve__weighted_market_without_price__does_not_jam_the_queue(venue: Venue) -> None:
    """One dead feed among the markets of one account's weights stopped every resolve."""
    maker, taker, trader, other = (
        venue.person(name) for name in ("maker", "taker", "trader", "other")
    )
    venue.deposit(taker, 500_000)
    for person in (trader, other):
        venue.deposit(person, 60_000)
    venue.trade(trader, maker, BTC, 20 * WAD)
    venue.trade(trader, maker, ETH, 10 * WAD)
    venue.trade(other, maker, BTC, 20 * WAD)
    venue.move(BTC, -40_000)
    venue.move(ETH, -20_000)
    venue.start(trader.account)
    venue.wait(2)
    venue.take(taker, trader.account, ETH)
    venue.stop_feed(ETH)
    venue.move(BTC, -60_000)
    venue.start(other.account)
    venue.wait(AUCTION_S + 1)
    venue.resolve_all()
    for person in (trader, other):
        assert not venue.client.clearinghouse.read("is_started", person.account)


def test_trade__opening_under_liquidation__reverts(venue: Venue) -> None:
    """Markets opened after the weights were fixed could overflow the job's list of legs."""
    maker, trader = venue.person("maker"), venue.person("trader")
    venue.deposit(trader, 60_000)
    venue.trade(trader, maker, BTC, 20 * WAD)
    venue.move(BTC, -45_000)
    venue.start(trader.account)
    venue.rejected("account: under liquidation", venue.trade, trader, maker, ETH, WAD)
    venue.rejected("account: under liquidation", venue.trade, trader, maker, BTC, WAD)
    venue.trade(maker, trader, BTC, WAD)


def test_poke__after_hours_of_silence__charges_the_old_rate_for_its_five_minutes(
    venue: Venue,
) -> None:
    """A rate bought by wash trades ran on for as long as nobody poked."""
    maker, washer = venue.person("maker"), venue.person("washer")
    venue.deposit(washer, 1_000_000)
    venue.trade(washer, maker, DOGE, 2_000_000 * WAD)
    for _ in range(8):
        price = venue.mark(DOGE) * 1_004 // 1_000
        for taker, other in ((washer, maker), (maker, washer)):
            venue.trade(taker, other, DOGE, 3_000_000 * WAD, price)
        boundary = (venue.rpc.timestamp() // 300 + 1) * 300
        venue.rpc.set_next_timestamp(boundary + 1)
        venue.set_price(DOGE, venue.mark_of_feed(DOGE))
        venue.send(venue.keeper, venue.client.clearinghouse, "poke", DOGE)
    clearinghouse = venue.client.clearinghouse
    index, bought = clearinghouse.read("funding", DOGE)
    mark = venue.mark(DOGE)
    at = venue.rpc.timestamp()
    venue.rpc.set_next_timestamp(at + 36_000)
    venue.send(venue.keeper, clearinghouse, "poke", DOGE)
    later, base = clearinghouse.read("funding", DOGE)
    assert bought > base > 0
    held = (at // 300 + 1) * 300 - at
    owed = mark * (bought * held + base * (36_000 - held)) // 3_600
    assert abs(later - index - owed) <= 1
