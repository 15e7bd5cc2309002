"""The model's outages: graces and their daily budget, what waits, clocks that stand still."""

from __future__ import annotations

import pytest

from plimsoll.model import auctions, feeds, prices, registry, resolution, retest, takes
from plimsoll.model.state import WAD, Feed, Sequencer
from tests.support.auction_world import (
    BTC,
    ETH,
    FAR,
    HOLDS,
    MINE,
    OTHERS,
    SHORT,
    T,
    give,
    later,
    open_auction,
    opposed_world,
    refusal,
    set_equity,
    set_price,
    waiting,
)
from tests.support.money_world import CAROL, NOW

DAY = 86_400


@pytest.fixture
def world():
    return opposed_world()


def outage(world, seconds, market=BTC, price=100):
    """No price from the next second on, for so long; the time at which it is back."""
    set_price(world, market, None)
    later(world)
    prices.poke(world, market)
    set_price(world, market, price)
    later(world, seconds)
    prices.poke(world, market)
    return world.now


def grace(world, market=BTC):
    """Seconds of grace that are left."""
    state = world.markets[market]
    return state.outage.grace_until - world.now if state.waiting else 0


# --- graces -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "granted"), [(1, 1), (600, 600), (1_800, 1_800), (DAY, 1_800)])
def test_grace__is_as_long_as_the_outage__half_an_hour_at_most(world, seconds, granted):
    outage(world, seconds)
    assert grace(world) == granted


def test_grace__an_hour_a_day__from_its_first_grace_on(world):
    first = outage(world, 1_800)
    later(world, 1_800)
    outage(world, 1_500)
    assert grace(world) == 1_500
    later(world, 1_500)
    outage(world, 1_800)
    assert grace(world) == 300
    later(world, 300)
    outage(world, 600)
    assert grace(world) == 0
    assert prices.is_open(world, BTC)
    outage(world, first + DAY - world.now - 2)
    assert grace(world) == 0  # a second too early
    outage(world, 600)
    assert grace(world) == 600


def test_grace__price_is_lost_in_it__goes_on_as_one_outage(world):
    began = world.now + 1
    outage(world, 600)
    later(world, 100)
    set_price(world, BTC, None)
    later(world)
    prices.poke(world, BTC)
    assert world.markets[BTC].outage.granted == 101  # what was left is given back
    assert prices.clock_stop(world, BTC) == (began, world.now, False)
    set_price(world, BTC, 100)
    later(world, 9)
    prices.poke(world, BTC)
    assert grace(world) == 710
    assert prices.clock_stop(world, BTC) == (began, world.now + 710, False)


def test_grace__is_over__the_market_is_open(world):
    back = outage(world, 600)
    later(world, 599)
    assert prices.clock_stop(world, BTC) == (back - 600, back + 600, False)
    later(world)
    assert prices.clock_stop(world, BTC) == (back - 600, back + 600, True)
    prices.poke(world, BTC)
    assert not world.markets[BTC].waiting


def test_clock_stop__never_an_outage__zeros(world):
    assert prices.clock_stop(world, BTC) == (0, 0, True)


def test_jump_in_a_grace__holds_from_its_end(world):
    registry.set_risk_terms(world, BTC, HOLDS)
    back = outage(world, 600, price=110)
    assert world.markets[BTC].risk.hold_until == back + 600 + 120
    later(world, 10)
    set_price(world, BTC, 100)
    later(world)
    prices.poke(world, BTC)
    assert world.markets[BTC].risk.hold_until == back + 600 + 120
    assert world.markets[BTC].risk.shorts_held
    later(world, 580)
    set_price(world, BTC, 120)
    prices.poke(world, BTC)
    assert world.markets[BTC].risk.hold_until == max(world.now, back + 600) + 120


# --- the sequencer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequencer", "priced"),
    [
        (None, True),
        (Sequencer(0, NOW), True),
        (Sequencer(0, NOW + 1), False),  # from the future
        (Sequencer(0, 0), False),  # no valid round
        (Sequencer(1, NOW), False),
        (Sequencer(2, NOW), False),
    ],
)
def test_sequencer__not_up__no_price_anywhere(world, sequencer, priced):
    world.sequencer = sequencer
    assert feeds.read(world, BTC) == ((100 * WAD, True) if priced else (0, False))
    assert feeds.read(world, ETH)[1] is priced


def test_sequencer__down_while_nobody_could_poke__is_an_outage(world):
    prices.poke(world, BTC)
    last = world.now
    later(world, 1_000)
    feeds.set_sequencer(world, 0, last + 700)
    prices.poke(world, BTC)
    assert prices.clock_stop(world, BTC) == (last, last + 1_400, False)
    later(world, 400)
    assert prices.is_open(world, BTC)


def test_sequencer__up_before_the_last_poke_or_poked_lately__is_none(world):
    last = world.now
    feeds.set_sequencer(world, 0, last)
    later(world, 1_000)
    assert prices.is_open(world, BTC)
    world.now = last + 299
    feeds.set_sequencer(world, 0, last + 200)
    assert prices.is_open(world, BTC)
    later(world, 1)
    assert prices.clock_stop(world, BTC) == (last, last + 400, False)


def test_sequencer__still_down_after_a_silence__outage_began_with_the_last_poke(world):
    last = world.now
    feeds.set_sequencer(world, 1, last + 100)
    later(world, 299)
    assert prices.clock_stop(world, BTC) == (world.now, world.now, False)
    later(world)
    assert prices.clock_stop(world, BTC) == (last, world.now, False)


def test_sequencer__down_in_a_grace__goes_on_as_one_outage(world):
    back = outage(world, 600)
    later(world, 500)
    feeds.set_sequencer(world, 0, back + 400)
    assert prices.clock_stop(world, BTC) == (back - 600, back + 400 + 1_000, False)


# --- what waits -------------------------------------------------------------------------------


def test_take__in_the_grace__is_refused(world):
    open_auction(world, 400)
    outage(world, 60)
    take = (takes.take, world, CAROL, MINE, BTC, 100 * WAD, FAR, SHORT)
    assert refusal(*take) == "oracle: grace"
    later(world, 60)
    assert takes.take(*take[1:]) > 0


def test_resolve__bankrupt_in_the_grace__is_not_urgent_but_its_winners_are_held(world):
    registry.set_risk_terms(world, BTC, HOLDS)
    give(world, MINE, 400 * WAD, {BTC: (100, 110)})
    back = outage(world, 60, price=101)
    set_equity(world, MINE, -60_000 * WAD)
    resolution.start(world, MINE)
    assert not world.urgent_lane  # nobody can do anything for it: nobody waits
    assert world.markets[BTC].risk.shorts_held
    assert world.markets[BTC].risk.hold_until == back + 60 + 120
    later(world, 60)
    resolution.remark(world, MINE)
    assert world.urgent_lane == [MINE]
    assert resolution.resolve(world, 9)


def test_hold__of_what_nobody_can_resolve__only_where_that_is_why(world):
    for market in (BTC, ETH):
        registry.set_risk_terms(world, market, HOLDS)
    give(world, MINE, 400 * WAD, {BTC: (100, 110), ETH: (1_000, 11)})
    set_equity(world, MINE, -60_000 * WAD)
    outage(world, 600)
    resolution.start(world, MINE)
    assert world.urgent_lane == [MINE]
    assert world.markets[ETH].risk.shorts_held
    assert world.markets[BTC].risk.shorts_held

    alone = opposed_world()
    for market in (BTC, ETH):
        registry.set_risk_terms(alone, market, HOLDS)
    give(alone, MINE, 400 * WAD, {BTC: (100, 110), ETH: (1_000, 11)})
    resolution.start(alone, MINE)
    give(alone, MINE, 400 * WAD, {ETH: (0, 11)})  # somebody took it; the weights stay
    set_equity(alone, MINE, -60_000 * WAD)
    outage(alone, 600)
    resolution.remark(alone, MINE)
    assert not alone.urgent_lane
    assert not alone.markets[ETH].risk.shorts_held
    assert alone.markets[BTC].risk.shorts_held


def test_rematch__leg_in_its_grace__is_left_out(world):
    open_auction(world, 10, legs={BTC: (100, 110), ETH: (1_000, 11)})
    later(world, T)
    outage(world, 60)
    resolution.resolve(world, 9)
    assert world.position(MINE, BTC).size_fine == 100 * WAD * WAD
    assert abs(world.position(MINE, ETH).size_fine) < 1_000 * WAD * WAD


# --- clocks -----------------------------------------------------------------------------------


def test_clock__stands_still_for_outage_and_grace(world):
    open_auction(world, 400)
    later(world, 899)
    auction = world.auctions[MINE]
    assert auctions.concession_ppm(world, auction, BTC) == 17_500
    set_price(world, BTC, None)
    prices.poke(world, BTC)
    later(world, 100)
    assert auctions.concession_ppm(world, auction, BTC) == 17_500
    set_price(world, BTC, 100)
    prices.poke(world, BTC)
    later(world, 100)
    assert prices.is_open(world, BTC)
    assert auctions.concession_ppm(world, auction, BTC) == 17_500
    assert auctions.concession_ppm(world, auction, ETH) > 17_500  # a leg's clock is its own
    later(world, 899)
    assert not auctions.has_run_out(world, MINE, auction)
    later(world)
    assert auctions.has_run_out(world, MINE, auction)


def test_clock__outage_before_the_start__does_not_count(world):
    outage(world, 600)
    later(world, 600)
    open_auction(world, 400)
    later(world, T - 1)
    assert auctions.has_run_out(world, MINE, world.auctions[MINE])


def test_clock__of_one_open_leg__is_enough(world):
    open_auction(world, 10, legs={BTC: (100, 110), ETH: (1_000, 11)})
    set_price(world, BTC, None)
    later(world, T - 2)
    prices.poke(world, BTC)
    auction = world.auctions[MINE]
    assert not auctions.has_run_out(world, MINE, auction)
    later(world)
    assert auctions.has_run_out(world, MINE, auction)
    assert retest.can_resolve(world, MINE)


def test_resolve__passes_whose_clock_stood_still(world):
    open_auction(world, -300)
    open_auction(world, 10, OTHERS, {ETH: (1_000, 11)})
    outage(world, T)
    later(world, T)
    assert resolution.resolve(world, 9) or resolution.resolve(world, 9)
    assert waiting(world) == [MINE]
    assert world.auctions[MINE].place == 1
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"
    later(world, T)
    assert resolution.resolve(world, 9)


def test_restart__resumes_without_the_time_of_an_outage(world):
    open_auction(world, 400)
    outage(world, 600)
    later(world, 600)
    running = world.auctions[MINE]
    shown = auctions.elapsed(world, running)
    assert auctions.closed(world, MINE, running).offset == shown - 1_200
    world.account(MINE).markets = ()
    assert auctions.closed(world, MINE, running).offset == shown


def test_take__counts_the_clock_of_its_leg(world):
    open_auction(world, 400)
    later(world, 899)
    before = takes.take_terms(world, MINE, BTC)[2]
    outage(world, 600)
    later(world, 600)
    assert takes.take_terms(world, MINE, BTC)[2] == before + 13  # a second, when it was lost


def test_feed__back_with_another_round__is_one_outage(world):
    world.markets[BTC].feeds[0] = Feed(100 * 10**8, 0)
    later(world)
    prices.poke(world, BTC)
    began = world.now
    later(world, 100)
    prices.poke(world, BTC)
    world.markets[BTC].feeds[0] = Feed(100 * 10**8, world.now)
    later(world)
    assert prices.clock_stop(world, BTC) == (began, began + 202, False)
