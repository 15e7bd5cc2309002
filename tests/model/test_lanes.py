"""The model's two lanes: who is resolved next."""

from __future__ import annotations

import pytest

from plimsoll.model import (
    auctions,
    lanes,
    resolution,
)
from plimsoll.model.state import WAD
from tests.support.auction_world import (
    BTC,
    ETH,
    MINE,
    OTHERS,
    T,
    later,
    open_auction,
    opposed_world,
    refusal,
    set_equity,
    set_price,
    waiting,
)
from tests.support.money_world import BOB, account_of


@pytest.fixture
def world():
    return opposed_world()


# --- resolve: the lanes -----------------------------------------------------------------------


def test_resolve__no_buckets__is_refused(world):
    assert refusal(resolution.resolve, world, 0) == "liquidation: zero buckets"


def test_resolve__nobody_started__is_refused(world):
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"


def test_resolve__before_t__is_refused(world):
    open_auction(world, 400)
    later(world, T - 2)
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"
    later(world)
    assert resolution.resolve(world, 9)


def test_resolve__order_by_start_time(world):
    owners = [account_of(BOB, i) for i in range(3)]
    for owner in owners:
        open_auction(world, 400, owner)
    later(world, T)
    for i in range(3):
        assert waiting(world) == owners[i:]
        assert resolution.resolve(world, 9)
    assert lanes.bounds(world) == (4, 4, 0, 0)


def test_resolve__cured_on_the_way__leaves(world):
    open_auction(world, 400, OTHERS)
    open_auction(world, 400)
    set_equity(world, OTHERS, 700 * WAD)
    later(world, T)
    assert resolution.resolve(world, 9)
    assert waiting(world) == []


def test_resolve__cured_only__moves_without_a_result(world):
    open_auction(world, 400)
    set_equity(world, MINE, 700 * WAD)
    later(world, T)
    assert not resolution.resolve(world, 9)
    assert waiting(world) == []
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"


def test_resolve__without_price__goes_to_the_back_and_holds_up_nobody(world):
    stuck = [account_of(BOB, i) for i in range(3)]
    for owner in stuck:
        open_auction(world, 4, owner, {ETH: (10, 11)})
    open_auction(world, 400)
    set_price(world, ETH, None)
    later(world, T)
    assert resolution.resolve(world, 9)
    assert waiting(world) == stuck
    assert lanes.bounds(world)[:2] == (5, 8)


def test_resolve__more_than_sixteen_stuck__the_seventeenth_is_next(world):
    for i in range(17):
        open_auction(world, 4, account_of(BOB, i), {ETH: (10, 11)})
    open_auction(world, 400)
    set_price(world, ETH, None)
    later(world, T)
    assert not resolution.resolve(world, 9)
    assert lanes.bounds(world)[:2] == (17, 35)
    assert resolution.resolve(world, 9)


def test_resolve__sixteen_young_ones_in_front__are_not_passed(world):
    for i in range(16):
        open_auction(world, 400, account_of(BOB, i))
    open_auction(world, 400)
    later(world, T)
    for i in range(16):  # began anew meanwhile
        world.auctions[account_of(BOB, i)] = auctions.Auction(world.now, world.block, place=1 + i)
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"


def test_resolve__more_holes_than_a_call_passes__goes_on_with_the_next(world):
    open_auction(world, 400)
    open_auction(world, 400, OTHERS)
    world.main_lane[0:1] = [MINE] + [0] * 600
    world.auctions[OTHERS] = auctions.Auction(world.now - T, 1, 0, place=602)
    set_equity(world, MINE, 700 * WAD)
    resolution.touch(world, MINE, from_exchange=False)
    assert lanes.bounds(world)[:2] == (2, 603)
    assert not resolution.resolve(world, 9)  # 256 holes for good, 256 more to look for somebody
    assert lanes.bounds(world)[:2] == (258, 603)
    assert resolution.resolve(world, 9)  # passes 256 for good and meets the entry behind them
    assert lanes.bounds(world)[:2] == (514, 603)


def test_resolve__urgent_without_price__waits_and_is_asked_for_again(world):
    open_auction(world, -25_001)
    set_price(world, BTC, None)
    later(world)
    assert not resolution.resolve(world, 9)
    assert lanes.bounds(world) == (1, 2, 2, 2)
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"
    later(world, T)
    assert not resolution.resolve(world, 9)  # not urgent without a price: back of the main lane
    assert lanes.bounds(world) == (2, 3, 2, 2)
    set_price(world, BTC, 100)
    later(world)
    assert not resolution.resolve(world, 9)  # the same in the grace
    assert lanes.bounds(world) == (3, 4, 2, 2)
    later(world, T)
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"
    later(world, T)  # its clock stood still until then
    assert resolution.resolve(world, 9)


def test_resolve__urgent_that_fits_meanwhile__next_of_the_lane(world):
    open_auction(world, -25_001, OTHERS)
    open_auction(world, -25_001, MINE, {ETH: (1_000, 50)})
    set_equity(world, OTHERS, -10 * WAD)
    assert resolution.resolve(world, 9)
    assert not world.account(MINE).started
    assert waiting(world) == [OTHERS]
    assert lanes.bounds(world)[2:] == (3, 3)
