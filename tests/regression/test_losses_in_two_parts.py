"""Losses that an outage splits in time: nobody leaves between the parts, and nobody pays twice."""

from __future__ import annotations

from tests.support.flows import leveraged, people, tighten
from tests.support.stories import FeedPanel, equity, quiet, with_risk
from tests.support.venue import BTC, ETH, WAD, Venue, named

DELAY_S = 48 * 3_600


def test_grace__account_leaves_the_urgent_lane__its_winners_are_held(venue: Venue) -> None:
    """A touch took the account out of the lane, which nobody was held for, and the winner left."""
    winner, friend = people(venue, "winner", "friend", tokens=100_000)
    loser = leveraged(venue, "loser", winner, BTC, 10 * WAD, 26_000)
    with_risk(venue, BTC)
    tighten(venue)
    venue.move(BTC, -100_000)
    venue.start(loser.account)
    assert venue.client.liquidator.read("resolve_due"), "the loss is known not to fit"
    venue.stop_feed(BTC)
    venue.wait(900)
    venue.set_price(BTC, 45_000 * WAD)
    venue.rejected("custody: resolve first", venue.withdraw, winner, 10**6)
    venue.send(winner.signer, venue.client.liquidator, "touch", loser.account)
    assert venue.client.risk(BTC)["shorts_held"]
    venue.rejected("hold: profit", venue.trade, winner, friend, BTC, 10 * WAD)
    # the time of the hold begins when the grace is over
    quiet(venue, 901)
    venue.set_price(BTC, 45_000 * WAD)
    assert venue.client.risk(BTC)["shorts_held"]
    venue.send(venue.keeper, venue.client.liquidator, "remark", loser.account)
    assert named(venue.resolve_all(), "Finished")[0]["shortfall"] == 0


def test_resolve__one_market_in_its_grace__each_side_pays_its_own_part(venue: Venue) -> None:
    """The rest of the loss was split over both markets again: who had paid, paid a second time."""
    first, second = people(venue, "first", "second", tokens=200_000)
    (loser,) = people(venue, "loser", tokens=52_000)
    venue.trade(loser, first, BTC, 10 * WAD)
    venue.trade(loser, second, ETH, 250 * WAD)
    with_risk(venue, BTC, ETH)
    tighten(venue)
    venue.stop_feed(ETH)
    venue.wait(1_800)
    venue.set_price(ETH, 1_800 * WAD)
    venue.move(BTC, -100_000)
    venue.start(loser.account)
    before = {who.name: equity(venue, who) for who in (first, second)}
    assert named(venue.resolve_all(), "LegFrozen")[-1]["market"] == BTC
    quiet(venue, 1_900)
    venue.send(venue.keeper, venue.client.liquidator, "remark", loser.account)
    done = named(venue.resolve_all(), "Finished")[0]
    assert done["shortfall"] == 0
    paid = [before[who.name] - equity(venue, who) for who in (first, second)]
    assert abs(paid[0] - paid[1]) < sum(paid) // 100, "half the loss was made in each market"


def test_settle_market__scheduled_and_sent_without_a_price__refused(venue: Venue) -> None:
    """Whoever sent it while the feeds disagreed settled at a mark that was gone."""
    other, trader, savers = people(venue, "other", "trader", "savers", tokens=200_000)
    assert savers.account != other.account
    venue.trade(trader, other, BTC, 10 * WAD)
    panel = FeedPanel(venue, BTC, [50_000] * 3)
    with_risk(venue, BTC)
    clearinghouse = venue.client.clearinghouse
    timelock = venue.deployment.contract(venue.rpc, "Timelock")
    payload = clearinghouse.encode("settle_market", BTC)
    call = (clearinghouse.address, 0, payload, bytes(32), bytes(32))
    venue.send(venue.deployer, timelock, "schedule", *call, DELAY_S)
    quiet(venue, DELAY_S - 60)
    panel.say(50_000, 50_000, 50_000)
    quiet(venue, 120)
    panel.say(44_000, 47_000, None)
    assert venue.client.mark(BTC) == (50_000 * WAD, False)
    venue.rejected("market: alive", venue.send, trader.signer, timelock, "execute", *call)
    panel.say(44_000, 44_000, 44_000)
    venue.send(trader.signer, timelock, "execute", *call)
    assert named(venue.events, "MarketSettled")[0]["price"] == 44_000 * WAD
