"""The model's resolve: re-matching and the frozen resolve."""

from __future__ import annotations

import pytest

from plimsoll.model import (
    deleveraging,
    margin,
    positions,
    resolution,
    takes,
    waterfall,
)
from plimsoll.model.state import FINE, PPM, WAD, Epoch
from tests.support.auction_world import (
    BTC,
    ETH,
    FAR,
    MINE,
    OTHERS,
    RICH,
    SHORT,
    T,
    equity_of,
    give,
    later,
    open_auction,
    opposed_world,
    refusal,
    set_equity,
    set_price,
    waiting,
)
from tests.support.money_world import CAROL, TOKEN, account_of


@pytest.fixture
def world():
    return opposed_world()


# --- resolve: re-matching ---------------------------------------------------------------------


def test_resolve__solvent__rematches_until_kappa(world):
    open_auction(world, 400)
    later(world, T)
    before = equity_of(world, SHORT)
    assert resolution.resolve(world, 9)
    health = margin.health(world, MINE)
    spare = health.equity_fine // FINE * PPM - health.mm_wad * 1_200_000
    assert 0 <= spare <= 200 * PPM
    # 1.9999 % of mark, half of 400 / 500 * 5 %, goes to those re-matched
    gone = 100 * WAD - world.position(MINE, BTC).size_fine // FINE
    notional = (200 * WAD + 10) * PPM * PPM // (60_000 * PPM - 19_999 * PPM)
    assert gone == -(-notional // 100)
    gained = equity_of(world, SHORT) - before
    assert abs(gained - gone * 100 * 19_999 // PPM) <= 2
    assert not world.account(MINE).started


def test_resolve__solvent__leg_by_leg_in_order_of_opening(world):
    open_auction(world, 20, legs={ETH: (500, 10), BTC: (100, 110)})
    later(world, T)
    assert resolution.resolve(world, 9)
    assert not world.account(MINE).started
    # ETH explains a third of MM: all of it goes, and most of BTC
    assert world.account(MINE).markets == (BTC,)
    assert world.position(MINE, BTC).size_fine < 5 * WAD * FINE


def test_resolve__buckets_used_up__call_again(world):
    small = account_of(CAROL, 1)
    give(world, small, RICH, {BTC: (-10, 200)})  # first in the queue
    open_auction(world, 400)
    later(world, T)
    assert not resolution.resolve(world, 1)
    assert waiting(world) == [MINE]
    assert world.position(MINE, BTC).size_fine == 90 * WAD * FINE
    assert resolution.resolve(world, 1)


def test_resolve__leg_without_price__is_left_out(world):
    open_auction(world, 300, legs={ETH: (500, 12), BTC: (100, 110)})
    set_price(world, ETH, None)
    later(world, T)
    resolution.resolve(world, 9)
    assert world.position(MINE, ETH).size_fine == 500 * WAD * FINE
    assert world.position(MINE, BTC).size_fine < 100 * WAD * FINE


def test_resolve__equity_zero__whole_leg_at_mark(world):
    open_auction(world, 0)
    later(world, T)
    assert resolution.resolve(world, 9)
    assert world.account(MINE).markets == ()
    assert world.account(MINE).cash_fine == 0


@pytest.mark.parametrize("equity", [400, -300, -26_000])
def test_resolve__account_far_behind__is_synced_over_several_calls(world, equity):
    open_auction(world, equity)
    later(world, T)
    leg, state = world.position(MINE, BTC), world.markets[BTC]
    state.epochs = {positions.place_of(leg): Epoch(20)}
    for epoch in (8, 16):
        assert not resolution.resolve(world, 9)
        assert leg.epoch == epoch
        assert world.account(MINE).started
        assert world.resolving == 0
    assert resolution.resolve(world, 9)
    assert not world.account(MINE).started


# --- resolve: the frozen one ------------------------------------------------------------------


def test_resolve__bankrupt_and_run_out__one_draw(world):
    open_auction(world, -300)
    later(world, T)
    assert resolution.resolve(world, 9)
    assert world.resolving == 0
    assert world.job is None
    assert world.account(MINE).cash_fine == 0
    assert world.junior.assets_tokens == 9_700 * TOKEN
    assert equity_of(world, SHORT) == RICH


def test_resolve__in_steps__owns_the_account_until_the_end(world):
    small = account_of(CAROL, 1)
    give(world, small, RICH, {BTC: (-10, 200)})
    open_auction(world, -300)
    later(world, T)
    assert not resolution.resolve(world, 1)
    assert world.resolving == MINE
    owned = "liquidation: being resolved"
    assert refusal(resolution.touch, world, MINE, from_exchange=False) == owned
    assert refusal(resolution.remark, world, MINE) == owned
    assert refusal(takes.take_for, world, OTHERS, MINE, BTC, WAD, FAR) == owned
    # a budget of one place is spent when the last leg is gone: the end is the next call's
    assert not resolution.resolve(world, 1) or world.resolving == 0
    while world.resolving:
        resolution.resolve(world, 1)
    assert not world.account(MINE).started


def test_resolve__does_not_fit__at_once_and_the_winners_pay(world):
    # 1,000 do not fit; Carol has won 20 on each of 1,000 BTC
    open_auction(world, -26_000)
    assert resolution.resolve(world, 9)
    assert not world.account(MINE).started
    assert equity_of(world, SHORT) == RICH - 1_000 * WAD - 1  # eta is rounded up
    assert world.junior.assets_tokens + world.senior.assets_tokens == 75_000 * TOKEN
    assert world.custody.claims == world.custody.backing == 25_000 * WAD


def test_resolve__winners_cannot_pay__shortfall(world):
    give(world, SHORT, RICH, {BTC: (-1_000, 90)})
    open_auction(world, -26_000)
    assert resolution.resolve(world, 9)
    assert world.custody.claims - world.custody.backing == 1_000 * WAD
    assert equity_of(world, SHORT) == RICH


def test_resolve__leg_without_price__waits_with_the_account_at_the_back(world):
    open_auction(world, -300, legs={BTC: (100, 110), ETH: (10, 11)})
    set_price(world, ETH, None)
    later(world, T)
    assert not resolution.resolve(world, 9)
    assert world.resolving == 0
    assert world.account(MINE).markets == (ETH,)
    assert world.account(MINE).started
    assert world.auctions[MINE].place == 2
    assert sum(waterfall.reservation(world, MINE)) == 300 * WAD
    set_price(world, ETH, 10)
    later(world)
    assert not resolution.resolve(world, 9)  # grace
    later(world, 1)
    assert resolution.resolve(world, 9)
    assert world.junior.assets_tokens == 9_700 * TOKEN


def three_winners(world):
    """Shorts in three places of the queue, before all others."""
    for i in range(1, 4):
        give(world, account_of(CAROL, i), RICH, {BTC: (-10, 200 + 50 * i)})


def test_resolve__unfinished_for_ten_minutes__frozen_anew(world):
    three_winners(world)
    open_auction(world, -300)
    later(world, T)
    resolution.resolve(world, 1)
    assert world.job.deficit_wad == 300 * WAD
    set_equity(world, MINE, -400 * WAD)
    later(world, 599)
    resolution.resolve(world, 1)
    assert world.job.deficit_wad == 300 * WAD
    later(world)
    resolution.resolve(world, 1)
    assert world.job.deficit_wad == 400 * WAD
    assert world.job.reserved_wad == 400 * WAD
    assert world.job.started == world.now


def test_resolve__half_a_haircut__is_not_frozen_anew(world):
    three_winners(world)
    open_auction(world, -26_000)
    resolution.resolve(world, 5)  # four places are summed, one is charged
    assert world.job.phase == deleveraging.CHARGE
    began = world.job.started
    later(world, 600)
    resolution.resolve(world, 1)
    assert world.job.started == began


def test_resolve__solvent_again_meanwhile__is_not_frozen_anew(world):
    three_winners(world)
    open_auction(world, -300)
    later(world, T)
    resolution.resolve(world, 1)
    began = world.job.started
    set_equity(world, MINE, 50 * WAD)
    later(world, 600)
    resolution.resolve(world, 1)
    assert world.job.started == began
