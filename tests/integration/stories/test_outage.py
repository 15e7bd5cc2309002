"""A crash in which the feeds go silent for an hour, and the time after.

While there is no price nobody could add margin knowing how much, close, or hedge. So the first
block with a price must not be the block in which everybody is liquidated at it: for as long as the
outage took, half an hour at most and an hour in a day, owners act and liquidators wait.
"""

from __future__ import annotations

import pytest

from tests.support.books import check_everything
from tests.support.flows import leveraged, one, people, tighten
from tests.support.stories import FeedPanel, equity, near, quiet, with_risk
from tests.support.venue import BTC, DAY_S, PPM, WAD, Person, Venue, named

HOUR_S = 3_600
GRACE_S = 1_800  # at most, after one outage
HOLD_S = 120  # of the risk terms, counted from the end of a grace
BUDGET_S = 3_600  # at most, in a day
OPENING = 50_000
FALLING = 48_300
AFTER = 44_000
SILENT_S = 600  # until the last answers are stale


class Crash:
    """Three feeds stop in the middle of a fall, with answers that are stale ten minutes later.

    `early` is under liquidation when they do. `saver` and `sleeper` are long at 17x like it and
    hear of the fall when it is over; `winner` is short.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.winner, self.taker = people(venue, "winner", "taker", tokens=2_000_000)
        self.early = leveraged(venue, "early", self.winner, BTC, 10 * WAD, 26_000)
        self.saver = leveraged(venue, "saver", self.winner, BTC, 10 * WAD, 30_000)
        self.sleeper = leveraged(venue, "sleeper", self.winner, BTC, 10 * WAD, 30_000)
        self.panel = FeedPanel(venue, BTC, [OPENING] * 3)
        with_risk(venue, BTC)
        quiet(venue, HOUR_S)
        venue.poke(BTC)
        self.fall()
        venue.start(self.early.account)

    def fall(self) -> None:
        """The last answers before the silence: almost as old as an answer may be."""
        at = self.venue.rpc.timestamp() - self.panel.STALENESS_S + SILENT_S
        for feed in self.panel.feeds:
            self.venue.send(self.venue.keeper, feed, "set_round", FALLING * 10**8, at)
        self.venue.poke(BTC)
        assert self.venue.client.mark(BTC) == (FALLING * WAD, True)

    def silence(self, seconds: int = HOUR_S) -> None:
        """All feeds are stale, for so long; somebody pokes when it begins."""
        quiet(self.venue, SILENT_S + 1)
        self.venue.poke(BTC)
        assert self.venue.client.mark(BTC) == (FALLING * WAD, False)
        assert named(self.venue.events, "OutageBegan")
        quiet(self.venue, seconds)

    def concession(self, who: Person) -> int:
        """Ppm that a taker is offered: the hand of the auction's clock."""
        return int(self.venue.client.take_terms(who.account, BTC)["concession_ppm"])


@pytest.fixture
def crash(venue: Venue) -> Crash:
    return Crash(venue)


def test_outage__owners_act_first_and_liquidators_wait(crash: Crash) -> None:
    """The price comes back nine per cent lower, and all three longs are below zero.

    `saver` pays in and is saved, although a keeper has started its auction in the first block.
    `sleeper` sells a part by itself. `early`'s auction shows what it showed when the silence began:
    the clock stood still. When half an hour is over, takers take, at that concession.
    """
    venue, taker = crash.venue, crash.taker
    early, saver, sleeper = crash.early, crash.saver, crash.sleeper
    crash.silence()
    offered = crash.concession(early)
    crash.panel.say(*[AFTER] * 3)
    now = venue.rpc.timestamp()
    ended = one(venue.events, "OutageEnded")
    assert near(ended["seconds"], HOUR_S, 10)
    assert ended["grace_until"] == now + GRACE_S
    for person in (early, saver, sleeper):
        assert equity(venue, person) < 0
    assert venue.client.risk(BTC)["hold_until"] == now + GRACE_S + HOLD_S, "winners wait longer"
    venue.rejected("hold: profit", venue.trade, crash.winner, taker, BTC, WAD)

    venue.start(saver.account)
    venue.start(sleeper.account)
    for person in (early, saver, sleeper):
        venue.rejected("oracle: grace", venue.take, taker, person.account, BTC)
    assert not {e.name for e in venue.resolve_all()} & {"AdlFrozen", "Rematched", "Finished"}
    # what it lost, and 1.2 times the margin of what is left
    events = venue.deposit(saver, 45_000)
    assert one(events, "AuctionEnded")["account"] == saver.account
    venue.trade(taker, sleeper, BTC, 4 * WAD)
    venue.trade(taker, crash.winner, BTC, WAD)  # opens, while liquidators wait

    quiet(venue, now + GRACE_S - venue.rpc.timestamp() - 1)
    venue.rejected("oracle: grace", venue.take, taker, early.account, BTC)
    quiet(venue, 1)
    assert near(crash.concession(early), offered, 100)
    events = venue.take(taker, early.account, BTC)
    assert one(events, "Finished")["account"] == early.account
    venue.take(taker, sleeper.account, BTC)
    assert venue.started() == []
    assert equity(venue, saver) > 0
    check_everything(venue)


def test_outage__auctions_run_out_later_by_as_long_as_nobody_could_take(crash: Crash) -> None:
    """An auction that nobody takes part in ends in a re-match after half an hour.

    Counted without the hour of silence and the half hour of grace: `early`, started ten minutes
    before the silence, is resolved twenty minutes after the grace, and not before.
    """
    venue, early = crash.venue, crash.early
    duration = venue.client.liquidator.read("params")["duration"]
    started = venue.client.liquidator.read("auction", early.account)["started"]
    crash.silence()
    stopped = venue.rpc.timestamp() - started
    crash.panel.say(*[AFTER] * 3)
    back = venue.rpc.timestamp() + GRACE_S
    quiet(venue, GRACE_S + duration - stopped - 10)
    venue.poke(BTC)
    venue.rejected("liquidation: nothing to resolve", venue.resolve)
    quiet(venue, back + duration - stopped + 1 - venue.rpc.timestamp())
    events = venue.resolve_all()
    assert one(events, "Finished")["account"] == early.account
    check_everything(venue)


def test_outage__a_loss_that_does_not_fit__is_shared_out_after_the_grace_not_in_it(
    crash: Crash,
) -> None:
    """With hardly any insurance left `early`'s loss is the winners' to bear, in part.

    Such an account is resolved at once in ordinary times. In the grace it is not: it may still be
    saved. So that `winner` does not leave meanwhile it is held to the end of the grace, and again
    from the moment on at which a keeper finds the loss as it was. Then it pays.
    """
    venue, early, winner = crash.venue, crash.early, crash.winner
    tighten(venue)
    crash.silence()
    crash.panel.say(*[AFTER] * 3)
    now = venue.rpc.timestamp()
    remark = (venue.keeper, venue.client.liquidator, "remark", early.account)
    venue.send(*remark)
    assert not {e.name for e in venue.resolve_all()} & {"AdlFrozen", "Finished"}
    size = venue.client.leg(early.account, BTC)["size"]
    assert size == 10 * WAD
    quiet(venue, now + GRACE_S - venue.rpc.timestamp() - 1)
    venue.rejected("hold: profit", venue.trade, winner, crash.taker, BTC, WAD)
    venue.send(*remark)
    venue.rejected("hold: profit", venue.trade, winner, crash.taker, BTC, WAD)
    before = equity(venue, winner)
    events = venue.resolve_all()
    haircut = one(events, "HaircutSet")
    assert one(events, "Finished")["shortfall"] == 0
    owed = 10 * (OPENING - AFTER) * WAD + 10 * OPENING * 200 * WAD // PPM - 26_000 * WAD
    limits = 100_001 * WAD // 100 + 400_001 * WAD // 100
    assert near(haircut["credited"], owed - limits, 10 * WAD)
    assert near(before - equity(venue, winner), haircut["credited"])
    check_everything(venue)


def test_outages__of_one_day_have_an_hour_of_grace_together(crash: Crash) -> None:
    """A feed that fails every hour must not keep liquidators away all day.

    The first two outages of an hour get half an hour each, the third gets nothing: `early` can be
    taken over in the block in which the price is back. A day after the first grace the next outage
    gets its half hour again.
    """
    venue, early, taker = crash.venue, crash.early, crash.taker
    graces = []
    for _ in range(3):
        crash.silence()
        crash.panel.say(*[FALLING] * 3)
        now = venue.rpc.timestamp()
        graces.append(named(venue.events, "OutageEnded")[-1]["grace_until"] - now)
        quiet(venue, GRACE_S)
        venue.poke(BTC)
        crash.fall()
    assert graces == [GRACE_S, BUDGET_S - GRACE_S, 0]
    first = named(venue.events, "OutageEnded")[0]["grace_until"] - GRACE_S
    crash.silence()
    crash.panel.say(*[FALLING] * 3)
    venue.take(taker, early.account, BTC)
    quiet(venue, first + DAY_S - venue.rpc.timestamp())
    venue.poke(BTC)
    crash.fall()
    crash.silence()
    crash.panel.say(*[FALLING] * 3)
    ended = named(venue.events, "OutageEnded")[-1]
    assert ended["grace_until"] == venue.rpc.timestamp() + GRACE_S
