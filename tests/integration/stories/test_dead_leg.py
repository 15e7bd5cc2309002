"""One leg of a cross account has lost its feed.

The account goes on with its other legs: it can be liquidated by them, and is not saved by a leg
that nobody can price. For what it may take out or open the dead leg counts for little: its gain for
nothing, and its size for more margin than before.
"""

from __future__ import annotations

import pytest

from tests.support.flows import one, people
from tests.support.stories import equity, free_units, near
from tests.support.venue import AUCTION_S, BTC, DOGE, PPM, PRICES, SCALE, WAD, Person, Venue, named

COINS = 100_000
GAIN = COINS * PRICES[DOGE] // 5
NOTIONAL = COINS * PRICES[DOGE] + GAIN
ADDON_PPM = 50_000  # of a leg without a price
GRACE_S = 1_800  # at most


@pytest.fixture
def trader(venue: Venue) -> Person:
    """Long 10 BTC, and 100,000 DOGE that have gained a fifth when their feed dies."""
    (maker,) = people(venue, "maker", tokens=2_000_000)
    (trader,) = people(venue, "trader", tokens=40_000)
    venue.trade(trader, maker, BTC, 10 * WAD)
    venue.trade(trader, maker, DOGE, COINS * WAD)
    venue.move(DOGE, 200_000)
    return trader


def test_dead_leg__its_gain_pays_for_nothing_and_its_margin_rises(
    venue: Venue, trader: Person
) -> None:
    """Before: a gain of 5,000 and 5 % of 30,000 as margin. After: no gain, and 5 % more.

    So 6,500 less may be withdrawn at once, and no more BTC opened with it. Maintenance margin
    stays: nobody is liquidated because a feed died. When it is back everything is as it was.
    """
    maker = venue.person("maker")
    more = 6 * WAD  # 15,000 of margin
    with venue.rpc.undone():
        venue.trade(trader, maker, BTC, more)
    before, free = venue.client.health(trader.account), free_units(venue, trader) * SCALE
    venue.stop_feed(DOGE)
    after = venue.client.health(trader.account)
    assert not after["priced"]
    assert near(after["equity"], before["equity"])
    assert after["mm"] == before["mm"]
    addon = NOTIONAL * ADDON_PPM // PPM
    assert after["im"] == before["im"] + addon
    assert near(free_units(venue, trader) * SCALE, free - GAIN - addon)
    venue.rejected("margin: below initial", venue.withdraw, trader, (free - GAIN) // SCALE)
    venue.rejected("margin: below initial", venue.trade, trader, maker, BTC, more)
    venue.rejected("oracle: no price", venue.trade, maker, trader, DOGE, WAD * COINS)
    venue.withdraw(trader, (free - GAIN - addon) // SCALE - 10**4)
    venue.set_price(DOGE, venue.mark(DOGE))
    assert near(free_units(venue, trader) * SCALE, GAIN + addon, WAD)


def test_dead_leg__does_not_save_the_account_from_its_other_losses(
    venue: Venue, trader: Person
) -> None:
    """BTC falls by 7 %: with the DOGE at their last good price the account is below margin.

    It is started and its BTC are taken over until it is safe; the DOGE stay, nobody can take them.
    """
    (taker,) = people(venue, "taker", tokens=1_000_000)
    venue.stop_feed(DOGE)
    venue.move(BTC, -70_000)
    venue.start(trader.account)
    venue.rejected("liquidation: no price", venue.take, taker, trader.account, DOGE)
    events = venue.take(taker, trader.account, BTC)
    assert one(events, "AuctionEnded")["account"] == trader.account
    assert 0 < venue.client.leg(trader.account, BTC)["size"] < 10 * WAD
    assert venue.client.leg(trader.account, DOGE)["size"] == COINS * WAD


def test_dead_leg__bankrupt_account__is_resolved_in_the_living_market_and_waits_with_the_other(
    venue: Venue, trader: Person
) -> None:
    """BTC falls by 12 %: the account is below zero even with its gain in DOGE.

    Nobody takes it over. After half an hour its BTC are re-matched, and it stays in the queue with
    its DOGE, holding up nobody: `other`, bankrupt behind it, is finished. When the feed is back,
    and after a grace and an auction of its own, the rest is closed and the loss is paid.
    """
    maker = venue.person("maker")
    (other,) = people(venue, "other", tokens=6_000)
    venue.trade(other, maker, BTC, 2 * WAD)
    venue.stop_feed(DOGE)
    venue.move(BTC, -120_000)
    assert equity(venue, trader) < 0
    for person in (trader, other):
        venue.start(person.account)
    venue.wait(AUCTION_S)
    events = venue.resolve_all()
    assert named(events, "Requeued")
    events = venue.resolve_all()
    assert [e["account"] for e in named(events, "Finished")] == [other.account]
    assert venue.started() == [trader.account]
    assert venue.client.leg(trader.account, BTC)["size"] == 0
    assert venue.client.leg(trader.account, DOGE)["size"] == COINS * WAD

    venue.set_price(DOGE, venue.mark(DOGE))
    venue.wait(GRACE_S + AUCTION_S)
    events = venue.resolve_all()
    assert one(events, "Finished")["account"] == trader.account
    assert equity(venue, trader) == 0
    assert venue.started() == []
