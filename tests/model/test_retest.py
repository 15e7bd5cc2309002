"""The model's auctions opened and re-tested: start, touch, remark."""

from __future__ import annotations

import pytest

from plimsoll.loss_weights import SHARES, Weight, pack
from plimsoll.model import (
    auctions,
    custody,
    lanes,
    margin,
    resolution,
    retest,
    takes,
    waterfall,
)
from plimsoll.model.state import FINE, WAD
from tests.support.auction_world import (
    BTC,
    FAR,
    MINE,
    OTHERS,
    RICH,
    change_params,
    give,
    later,
    open_auction,
    opposed_world,
    refusal,
    set_equity,
    set_price,
    waiting,
)
from tests.support.money_world import ALICE, BOB, TOKEN


@pytest.fixture
def world():
    return opposed_world()


# --- start ------------------------------------------------------------------------------------


def test_start__below_margin__opens_an_auction(world):
    open_auction(world, 499)
    assert auctions.shown(world, MINE) == (
        world.now - 1,
        world.block - 1,
        pack([Weight(BTC, False, SHARES)]),
        1,
        1,
    )
    assert world.account(MINE).started
    assert lanes.bounds(world) == (1, 2, 0, 0)


def test_start__at_margin__is_refused(world):
    give(world, MINE, 500 * WAD, {BTC: (100, 110)})
    assert refusal(resolution.start, world, MINE) == "liquidation: not below margin"


def test_start__nobody__is_refused(world):
    assert refusal(resolution.start, world, OTHERS) == "liquidation: not below margin"


def test_start__twice__is_refused(world):
    open_auction(world, 400)
    assert refusal(resolution.start, world, MINE) == "liquidation: already started"


def test_start__counts_the_mark_of_this_block(world):
    give(world, MINE, 600 * WAD, {BTC: (100, 110)})
    set_price(world, BTC, 98)  # 400 left, MM 490
    later(world)
    resolution.start(world, MINE)
    assert world.markets[BTC].block == world.block
    assert world.account(MINE).started


def test_start__bankrupt__reserves(world):
    open_auction(world, -300)
    assert waterfall.reservation(world, MINE) == (0, 300 * WAD, 0, 0)
    assert world.auctions[MINE].reserving
    assert lanes.bounds(world)[2:] == (0, 0)


def test_start__loss_that_does_not_fit__goes_to_the_urgent_lane(world):
    open_auction(world, -25_001)
    assert lanes.bounds(world) == (1, 2, 1, 2)
    assert world.auctions[MINE].urgent_place == 1
    assert sum(waterfall.reservation(world, MINE)) == 25_000 * WAD


def test_start__flat_with_a_debt__is_finished_at_once(world):
    give(world, MINE, -300 * WAD, {})
    resolution.start(world, MINE)
    assert not world.account(MINE).started
    assert world.account(MINE).cash_fine == 0
    assert world.junior.assets_tokens == 9_700 * TOKEN
    assert lanes.bounds(world) == (2, 2, 0, 0)


def test_start__flat_with_a_debt_beyond_one_market__shortfall(world):
    give(world, MINE, -25_010 * WAD, {})
    resolution.start(world, MINE)
    assert not world.account(MINE).started
    assert world.custody.claims == 25_010 * WAD  # 25,000 of them paid for
    assert world.custody.backing == 25_000 * WAD


def test_start__within_the_hour__resumes_and_queues_anew(world):
    open_auction(world, 400)
    later(world, 99)
    set_equity(world, MINE, 700 * WAD)
    resolution.touch(world, MINE, from_exchange=False)
    set_equity(world, MINE, 400 * WAD)
    later(world, 3_599)
    resolution.start(world, MINE)
    assert auctions.shown(world, MINE)[3:] == (2, 100)


# --- touch and remark -------------------------------------------------------------------------


def test_touch__not_started__nothing(world):
    resolution.touch(world, MINE, from_exchange=True)
    assert MINE not in world.auctions


def test_touch__cured__ends(world):
    open_auction(world, -300)
    set_equity(world, MINE, 600 * WAD)
    resolution.touch(world, MINE, from_exchange=False)
    assert not world.account(MINE).started
    assert waterfall.reservation(world, MINE) == (0, 0, 0, 0)
    assert waiting(world) == []


def test_touch__above_water_and_not_cured__releases(world):
    open_auction(world, -300)
    set_equity(world, MINE, 100 * WAD)
    resolution.touch(world, MINE, from_exchange=False)
    assert waterfall.reservation(world, MINE) == (0, 0, 0, 0)
    assert not world.auctions[MINE].reserving
    assert waiting(world) == [MINE]


def test_touch__from_the_exchange__must_fit(world):
    open_auction(world, -300)
    set_equity(world, MINE, -25_001 * WAD)
    reason = refusal(resolution.touch, world, MINE, from_exchange=True)
    assert reason == "liquidation: loss not reserved"
    open_auction(world, -300, OTHERS)
    set_equity(world, OTHERS, -25_001 * WAD)
    resolution.touch(world, OTHERS, from_exchange=False)
    assert world.auctions[OTHERS].urgent_place != 0


def test_touch__fits_again__leaves_the_urgent_lane(world):
    open_auction(world, -25_001)
    set_equity(world, MINE, -24_999 * WAD)
    resolution.touch(world, MINE, from_exchange=True)
    assert lanes.bounds(world)[2:] == (2, 2)
    assert world.auctions[MINE].urgent_place == 0
    assert waiting(world) == [MINE]


def test_touch__a_deposit_cures(world):
    open_auction(world, 400)
    custody.deposit(world, ALICE, MINE, 200 * TOKEN)
    assert not world.account(MINE).started


def test_remark__not_started__is_refused(world):
    assert refusal(resolution.remark, world, MINE) == "liquidation: not started"


def test_remark__falling_mark__raises_the_reservation(world):
    open_auction(world, -300)
    set_price(world, BTC, 99)
    later(world)
    resolution.remark(world, MINE)
    assert sum(waterfall.reservation(world, MINE)) == 400 * WAD


def test_remark__near_the_limit__either_is_accepted(world):
    open_auction(world, -25_000)
    assert world.auctions[MINE].urgent_place == 0
    world.close = []
    world.forced = {0: False}
    resolution.remark(world, MINE)
    assert world.close == ["retest: loss fits"]
    assert world.auctions[MINE].urgent_place == 1


# --- retest -----------------------------------------------------------------------------------


def test_retest__close_to_zero__either_is_accepted(world):
    open_auction(world, 400)
    set_equity(world, MINE, 5)
    world.close = []
    health = margin.health(world, MINE)
    assert retest.retest(world, MINE, health, must_fit=False) is retest.Verdict.SOLVENT
    world.close = []
    world.forced = {0: False}
    assert retest.retest(world, MINE, health, must_fit=False) is retest.Verdict.BANKRUPT
    assert waterfall.reservation(world, MINE)[1] == 1


def test_retest__leg_that_adl_closed__counts_as_flat(world):
    open_auction(world, -300)
    world.position(MINE, BTC).size_fine = 0
    world.account(MINE).cash_fine = -300 * WAD * FINE
    resolution.touch(world, MINE, from_exchange=True)
    assert world.account(MINE).markets == ()
    assert not world.account(MINE).started
    assert world.junior.assets_tokens == 9_700 * TOKEN


def test_retest__flat_and_beyond_the_layers__a_fill_may_not(world):
    open_auction(world, -300)
    world.position(MINE, BTC).size_fine = 0
    world.account(MINE).cash_fine = -26_000 * WAD * FINE
    reason = refusal(resolution.touch, world, MINE, from_exchange=True)
    assert reason == "liquidation: loss not reserved"


def test_take__last_leg_of_a_bankrupt__finishes(world):
    change_params(world, insurance_concession_ppm=0)
    open_auction(world, -300)
    give(world, OTHERS, RICH, {})
    takes.take(world, BOB, MINE, BTC, 2**200, FAR, OTHERS)
    assert not world.account(MINE).started
    assert world.junior.assets_tokens == 9_700 * TOKEN
