"""Feeds that disagree, and one that stands still.

A market asks several price feeds, drops the ones too far from their median, and needs a majority
of all that agrees. Better no price than a wrong one: without a price nothing happens in that
market, and everything goes on in the others.
"""

from __future__ import annotations

import pytest

from tests.support.flows import leveraged, people
from tests.support.price_model import FeedStatus
from tests.support.stories import FeedPanel, equity, near, quiet, with_risk
from tests.support.venue import BTC, ETH, WAD, Venue

ACCEPTED, OUTLIER, STALE = FeedStatus.ACCEPTED, FeedStatus.OUTLIER, FeedStatus.STALE
GRACE_S = 1_800  # at most


# --- they disagree -------------------------------------------------------------------------


def test_five_feeds__one_far_away__is_dropped_and_nobody_notices(venue: Venue) -> None:
    """One of five feeds says 60,000, a fifth too much: a bug, a thin exchange, an attacker.

    It does not count. The mark is the median of the four others, and `short`, whom 60,000 would
    have ruined, trades on.
    """
    rich, short = people(venue, "rich", "short", tokens=1_000_000)
    panel = FeedPanel(venue, BTC, [49_990, 50_000, 50_010, 50_020, 50_030])
    assert venue.client.mark(BTC) == (50_010 * WAD, True)
    venue.trade(rich, short, BTC, 60 * WAD)
    panel.say(49_990, 50_000, 50_010, 50_020, 60_000)
    assert panel.statuses() == [ACCEPTED] * 4 + [OUTLIER]
    assert venue.client.mark(BTC) == (50_005 * WAD, True)  # mean of the middle two
    venue.rejected("liquidation: not below margin", venue.start, short.account)
    venue.trade(short, rich, BTC, WAD)


def test_two_feeds_against_two__no_price__that_market_waits_and_others_go_on(venue: Venue) -> None:
    """Two feeds say 50,000, two 60,000, the fifth is silent: no three of five agree.

    Nobody knows who is right, so nobody trades BTC, opens there, or takes over `loser`, who is
    already under liquidation. In ETH people trade, and `other` is liquidated as ever. When the
    feeds agree again owners go on at once, and liquidators after the grace.
    """
    rich, taker = people(venue, "rich", "taker", tokens=1_000_000)
    loser = leveraged(venue, "loser", rich, BTC, 10 * WAD, 30_000)
    other = leveraged(venue, "other", rich, ETH, 250 * WAD, 30_000)
    panel = FeedPanel(venue, BTC, [50_000] * 5)
    panel.say(*[48_000] * 5)
    venue.start(loser.account)
    venue.take(taker, loser.account, BTC, WAD)
    panel.say(48_000, 48_010, 60_000, 60_010, None)
    venue.send(venue.keeper, panel.feeds[4], "set_round", 0, 0)
    venue.poke(BTC)
    assert panel.statuses() == [OUTLIER] * 4 + [FeedStatus.INVALID]
    assert venue.client.mark(BTC) == (48_000 * WAD, False), "the last good one, and not in force"

    venue.rejected("oracle: no price", venue.trade, taker, rich, BTC, WAD)
    venue.rejected("liquidation: no price", venue.take, taker, loser.account, BTC, WAD)
    index = venue.client.clearinghouse.read("funding", BTC)[0]
    venue.trade(taker, rich, ETH, WAD)
    venue.move(ETH, -40_000)
    venue.start(other.account)
    venue.take(taker, other.account, ETH)
    venue.wait(3_600)
    assert venue.client.clearinghouse.read("funding", BTC)[0] == index, "nobody pays meanwhile"

    panel.say(*[48_000] * 5)
    assert venue.client.mark(BTC) == (48_000 * WAD, True)
    venue.trade(taker, rich, BTC, WAD)
    quiet(venue, GRACE_S)
    venue.take(taker, loser.account, BTC, WAD)


@pytest.mark.parametrize(
    ("pushed", "mark"),
    [(50_900, 50_020), (51_500, 50_010)],
    ids=["inside the distance", "outside"],
)
def test_three_feeds__one_pushed__moves_the_mark_no_further_than_an_honest_one(
    venue: Venue, pushed: int, mark: int
) -> None:
    """An attacker owns one of three feeds and is long.

    Pushed a little, his feed counts, and the median is the higher honest one; pushed far, it is
    dropped, and the mark is the mean of the honest ones. Either way the mark is a price between
    theirs, and his gain is at most their spread.
    """
    honest, attacker = people(venue, "honest", "attacker", tokens=1_000_000)
    panel = FeedPanel(venue, BTC, [50_000, 50_020, 50_010])
    venue.trade(attacker, honest, BTC, 10 * WAD)
    before = equity(venue, attacker)
    panel.say(50_000, 50_020, pushed)
    assert venue.client.mark(BTC) == (mark * WAD, True)
    assert near(equity(venue, attacker), before + 10 * (mark - 50_010) * WAD)
    assert mark - 50_010 <= 50_020 - 50_000


def test_three_of_five_feeds_left__two_that_agree_are_no_majority(venue: Venue) -> None:
    """Two of five feeds are silent, and of the three that are left one says something else.

    Two would do if the market had three feeds. Of five they do not: whoever silences two feeds and
    owns two others must not make the price.
    """
    rich, taker = people(venue, "rich", "taker", tokens=1_000_000)
    panel = FeedPanel(venue, BTC, [50_000] * 5)
    for feed in panel.feeds[3:]:
        venue.send(venue.keeper, feed, "set_round", 50_000 * 10**8, 0)
    panel.say(50_000, 50_010, 50_500, None, None)
    assert panel.statuses() == [ACCEPTED] * 3 + [FeedStatus.UNFINISHED] * 2
    assert venue.client.mark(BTC) == (50_010 * WAD, True)
    panel.say(53_000, 53_010, 50_500, None, None)
    assert panel.statuses()[:3] == [ACCEPTED, ACCEPTED, OUTLIER]
    assert venue.client.mark(BTC) == (50_010 * WAD, False)
    venue.rejected("oracle: no price", venue.trade, taker, rich, BTC, WAD)
    panel.say(53_000, 53_010, 53_500, None, None)
    assert venue.client.mark(BTC) == (53_010 * WAD, True)


# --- one stands still ----------------------------------------------------------------------


def test_one_of_three_feeds_stuck__neither_protects_nor_ruins(venue: Venue) -> None:
    """A feed stops at 50,000 while the market falls: first slowly, then by six per cent.

    Inside the allowed distance the old price counts and the median is the nearer of the two living
    feeds; outside it is dropped, after two hours it is stale. `loser`, long and ruined at the true
    price, is liquidated at it and not saved by the old one.
    """
    rich = people(venue, "rich", tokens=1_000_000)[0]
    loser = leveraged(venue, "loser", rich, BTC, 10 * WAD, 30_000)
    panel = FeedPanel(venue, BTC, [50_000, 50_000, 50_000])
    with_risk(venue, BTC)
    panel.say(49_500, 49_480, None)
    assert panel.statuses() == [ACCEPTED] * 3
    assert venue.mark(BTC) == 49_500 * WAD
    venue.rejected("liquidation: not below margin", venue.start, loser.account)
    panel.say(47_000, 46_980, None)
    assert panel.statuses() == [ACCEPTED, ACCEPTED, OUTLIER]
    assert venue.mark(BTC) == 46_990 * WAD
    venue.start(loser.account)

    quiet(venue, panel.STALENESS_S)
    panel.say(47_000, 46_980, None)
    assert panel.statuses() == [ACCEPTED, ACCEPTED, STALE]
    assert venue.client.mark(BTC) == (46_990 * WAD, True), "two of three are a majority"


def test_two_of_three_feeds_stuck__one_alone_is_no_majority(venue: Venue) -> None:
    """Two feeds stop, with an answer each. As long as those are young the price stands still with
    them: nobody can tell a quiet market from a broken feed before the promised time is over.

    But a market that runs away from them ends it: one feed against two that agree is the outlier,
    and once the two are stale it is alone. `late`, who would buy at the old price, can do so only
    while the old answers are inside the time that the provider promised.
    """
    rich, late = people(venue, "rich", "late", tokens=1_000_000)
    panel = FeedPanel(venue, BTC, [50_000, 50_000, 50_000])
    panel.say(50_400, None, None)
    assert venue.mark(BTC) == 50_000 * WAD
    quiet(venue, panel.HEARTBEAT_S)
    panel.say(53_000, None, None)
    assert panel.statuses() == [OUTLIER, ACCEPTED, ACCEPTED]
    assert venue.mark(BTC) == 50_000 * WAD
    venue.trade(late, rich, BTC, WAD)
    quiet(venue, panel.STALENESS_S - panel.HEARTBEAT_S)
    panel.say(53_000, None, None)
    assert panel.statuses() == [ACCEPTED, STALE, STALE]
    assert venue.client.mark(BTC) == (50_000 * WAD, False)
    venue.rejected("oracle: no price", venue.trade, late, rich, BTC, WAD)
    panel.say(53_000, 53_010, None)
    assert venue.client.mark(BTC) == (53_005 * WAD, True)
    venue.trade(late, rich, BTC, WAD)
