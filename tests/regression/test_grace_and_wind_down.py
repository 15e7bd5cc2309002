"""Ways past the grace, and out of a settled market."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.loss_weights import unpack
from tests.support.books import check_interest, check_waterfall, picture
from tests.support.flows import RISK_TERMS, set_risk_terms, tighten
from tests.support.venue import BTC, ETH, PRICES, WAD, Venue, named

GRACE_S = 1_800
WINDOW_S = 3_600


@pytest.fixture
def venue() -> Venue:
    """Layers that pay little; `loser` is long 20 BTC and 10 ETH, `winner` short, both 15 times."""
    venue = Venue(RevmChain())
    set_risk_terms(venue, BTC, ETH)
    tighten(venue)
    winner, loser, friend = (venue.person(name) for name in ("winner", "loser", "friend"))
    for person, tokens in ((winner, 300_000), (loser, 75_000), (friend, 1_000_000)):
        venue.deposit(person, tokens)
    venue.trade(loser, winner, BTC, 20 * WAD)
    venue.trade(loser, friend, ETH, 10 * WAD)
    return venue


def outage(venue: Venue, market: int, seconds: int, price: int) -> None:
    """The feed is silent for so long, and comes back with a price."""
    venue.stop_feed(market)
    venue.wait(seconds)
    venue.set_price(market, price)


def stop(venue: Venue, market: int) -> tuple[int, int, bool]:
    since, until, is_open = venue.client.clearinghouse.read("clock_stop", market)
    return since, until, is_open


def test_grace__winner_of_the_gap__can_neither_trade_its_profit_nor_withdraw_it(
    venue: Venue,
) -> None:
    """The hold of two minutes was over long before anybody could be resolved."""
    winner, friend, loser = (venue.person(name) for name in ("winner", "friend", "loser"))
    outage(venue, BTC, GRACE_S, PRICES[BTC] * 8 // 10)
    venue.start(loser.account)
    venue.wait(GRACE_S - 60)
    assert not stop(venue, BTC)[2]
    venue.rejected("hold: profit", venue.trade, winner, friend, BTC, WAD)
    health = venue.client.health(winner.account)
    assert health["equity"] - health["equity_im"] > 190_000 * WAD
    venue.wait(60)
    assert stop(venue, BTC)[2]
    # a touch after the grace, and the loss that does not fit is due before anything else
    venue.send(venue.keeper, venue.client.liquidator, "remark", loser.account)
    venue.rejected("custody: resolve first", venue.withdraw, winner, 10**6)
    venue.resolve_all()
    assert venue.started() == []


def test_grace__slow_loss_that_does_not_fit__holds_the_winner_too(venue: Venue) -> None:
    """No jump, no hold, nobody in the urgent lane: the winner left before the grace was over."""
    winner, loser = venue.person("winner"), venue.person("loser")
    venue.trade(venue.person("friend"), loser, ETH, 10 * WAD)
    for percent in (98, 96, 94, 92):
        venue.wait(1_800)
        venue.set_price(BTC, PRICES[BTC] * percent // 100)
    outage(venue, BTC, GRACE_S, PRICES[BTC] * 90 // 100)
    venue.wait(200)
    assert not venue.client.clearinghouse.read("risk", BTC)["shorts_held"]
    events = venue.start(loser.account)
    hold = named(events, "SideHeld")[0].args
    assert (hold["market"], hold["long"]) == (BTC, False)
    assert hold["hold_until"] == stop(venue, BTC)[1] + RISK_TERMS[-1]
    assert not venue.client.liquidator.read("resolve_due")
    venue.rejected("hold: profit", venue.trade, winner, venue.person("friend"), BTC, WAD)


def test_resolve__everybody_waits__calls_make_progress_and_nobody_is_jammed(venue: Venue) -> None:
    """An urgent account whose market begins to wait leaves the lane; withdrawals go on."""
    winner, loser, friend = (venue.person(name) for name in ("winner", "loser", "friend"))
    venue.set_price(BTC, PRICES[BTC] * 8 // 10)
    venue.start(loser.account)
    venue.rejected("custody: resolve first", venue.withdraw, friend, 10**6)
    venue.stop_feed(ETH)
    outage(venue, BTC, 600, PRICES[BTC] * 8 // 10)
    venue.resolve(50)
    assert not venue.client.liquidator.read("resolve_due")
    venue.withdraw(friend, 10**6)
    assert venue.started() == [loser.account]
    assert venue.client.leg(winner.account, BTC)["size"] == -20 * WAD


def test_start__after_the_window__settled_leg_is_cash_and_bears_no_weight(venue: Venue) -> None:
    """A leg that nobody can be charged for would send its part of the loss past the winners."""
    loser = venue.person("loser")
    venue.set_price(ETH, PRICES[ETH] * 9 // 10)
    with venue.owner() as owner:
        venue.send(owner, venue.client.clearinghouse, "settle_market", ETH)
    venue.wait(WINDOW_S)
    venue.set_price(BTC, PRICES[BTC] * 9 // 10)
    events = venue.start(loser.account)
    assert named(events, "PositionSettled")[0].args["market"] == ETH
    weights = unpack(named(events, "AuctionStarted")[0].args["weights"])
    assert [weight.market for weight in weights] == [BTC]
    assert venue.client.clearinghouse.read("markets_of", loser.account) == [BTC]


def test_start__only_settled_legs__bankrupt_is_finished_at_once(venue: Venue) -> None:
    loser, winner = venue.person("loser"), venue.person("winner")
    venue.trade(venue.person("friend"), loser, ETH, 10 * WAD)
    venue.set_price(BTC, PRICES[BTC] * 9 // 10)
    with venue.owner() as owner:
        venue.send(owner, venue.client.clearinghouse, "settle_market", BTC)
    venue.wait(WINDOW_S)
    events = venue.start(loser.account)
    assert named(events, "Finished")
    assert venue.started() == []
    venue.send(winner.signer, venue.client.clearinghouse, "sync", winner.account, BTC)
    check_waterfall(venue, picture(venue))


def test_settled__loss_after_profits_were_withdrawn__winners_are_asked(venue: Venue) -> None:
    """Without a margin in the settled market nothing explained the loss: it went to everybody."""
    winner, loser, friend = (venue.person(name) for name in ("winner", "loser", "friend"))
    venue.trade(friend, loser, ETH, 10 * WAD)
    venue.deposit(winner, 700_000)
    for percent in range(105, 155, 5):
        venue.wait(1_800)
        venue.set_price(BTC, PRICES[BTC] * percent // 100)
    venue.wait(40 * 3_600)
    free = venue.client.health(loser.account)
    venue.withdraw(loser, (free["equity_im"] - free["im"]) // 10**12 - 10**6)
    venue.set_price(BTC, PRICES[BTC] * 120 // 100)
    with venue.owner() as owner:
        venue.send(owner, venue.client.clearinghouse, "settle_market", BTC)
    debt = -venue.client.health(loser.account)["equity"]
    assert debt > 40_000 * WAD
    leg = venue.client.leg(loser.account, BTC)
    assert leg["mark"] > leg["entry"]
    expected = venue.client.lens.read("dry_run", loser.account, [])["weights"]
    events = venue.start(loser.account)
    weights = named(events, "AuctionStarted")[0].args["weights"]
    assert [weight.market for weight in unpack(weights)] == [BTC]
    assert weights == expected


def test_settled__lens__shows_legs_and_dry_run(venue: Venue) -> None:
    """A final mark: the leg needs no margin, and a loss in it would still be asked for."""
    loser = venue.person("loser")
    venue.set_price(BTC, PRICES[BTC] * 8 // 10)
    with venue.owner() as owner:
        venue.send(owner, venue.client.clearinghouse, "settle_market", BTC)
    overview = venue.client.lens.read("overview", loser.account)
    leg = next(row["leg"] for row in overview["legs"] if row["market"] == BTC)
    assert (leg["mm"], leg["im"], leg["size"]) == (0, 0, 20 * WAD)
    run = venue.client.lens.read("dry_run", loser.account, [])
    assert run["equity"] == overview["health"]["equity"] < 0
    assert run["loss"] == -run["equity"]


def test_settled__race_with_a_frozen_resolve__settles_after_it(venue: Venue) -> None:
    loser = venue.person("loser")
    venue.set_price(BTC, PRICES[BTC] * 8 // 10)
    venue.start(loser.account)
    venue.resolve(1)
    assert venue.client.liquidator.read("resolving") == loser.account
    with venue.owner() as owner:
        settle = (owner, venue.client.clearinghouse, "settle_market", BTC)
        venue.rejected("market: being resolved", venue.send, *settle)
        venue.resolve_all()
        venue.send(*settle)
    check_interest(venue, picture(venue))
