"""The model's auctions: the clock, the parameters, loss weights."""

from __future__ import annotations

import pytest

from plimsoll.loss_weights import SHARES, Weight, unpack
from plimsoll.model import auctions
from plimsoll.model.state import WAD, Auction, AuctionParams
from tests.support.auction_world import (
    BTC,
    ETH,
    MINE,
    PARAMS,
    T,
    auction_world,
    change_params,
    give,
    later,
    refusal,
)
from tests.support.money_world import NOW


@pytest.fixture
def world():
    return auction_world()


def weights(world, account=MINE):
    return unpack(auctions.loss_weights(world, account, world.account(account).markets))


# --- clock ------------------------------------------------------------------------------------


def test_concession__rises_in_a_straight_line_to_t(world):
    auction = Auction(started=NOW)
    assert auctions.concession_ppm(world, auction, BTC) == 5_000
    later(world, T // 2)
    assert auctions.concession_ppm(world, auction, BTC) == 17_500
    later(world, 1)  # 25,000 * 901 / 1,800 is 12,513.9
    assert auctions.concession_ppm(world, auction, BTC) == 17_513
    later(world, 5 * T)
    assert auctions.concession_ppm(world, auction, BTC) == 30_000


def test_restart__within_the_hour__resumes_the_clock(world):
    running = Auction(started=NOW - 500, offset=100, weights=7, place=3)
    last = auctions.closed(world, MINE, running)
    assert last == Auction(offset=600, ended=NOW)
    later(world, 3_599)
    assert auctions.resumed_offset(world, last) == 600
    later(world, 1)
    assert auctions.resumed_offset(world, last) == 0


def test_restart__never_ended__starts_from_zero(world):
    world.now = 100
    assert auctions.resumed_offset(world, Auction(offset=600)) == 0


def test_closed__clock_of_a_year__is_capped(world):
    world.now += 2**25
    assert auctions.closed(world, MINE, Auction(started=NOW)).offset == 2**24 - 1


def test_has_run_out__resumed__needs_a_quarter_of_t_again(world):
    auction = Auction(started=NOW, offset=5 * T)
    later(world, T // 4 - 1)
    assert not auctions.has_run_out(world, MINE, auction)
    later(world, 1)
    assert auctions.has_run_out(world, MINE, auction)


def test_has_run_out__fresh__needs_t(world):
    auction = Auction(started=NOW)
    later(world, T - 1)
    assert not auctions.has_run_out(world, MINE, auction)
    later(world, 1)
    assert auctions.has_run_out(world, MINE, auction)


def test_shown__not_running__zeros(world):
    assert auctions.shown(world, MINE) == (0, 0, 0, 0, 0)
    world.auctions[MINE] = Auction(offset=5, ended=NOW)
    assert auctions.shown(world, MINE) == (0, 0, 0, 0, 0)
    world.auctions[MINE] = Auction(NOW, 9, weights=4, offset=5, place=2)
    later(world, 10)
    assert auctions.shown(world, MINE) == (NOW, 9, 4, 2, 15)


def test_load_started__remembered_only__is_refused(world):
    world.auctions[MINE] = Auction(offset=5, ended=NOW)
    assert refusal(auctions.load_started, world, MINE) == "liquidation: not started"


# --- parameters -------------------------------------------------------------------------------


def test_set_params__at_the_bounds__is_accepted(world):
    for params in (
        AuctionParams(100_000, 100_000, 60, 1_010_000, 20_000, 10_000),
        AuctionParams(0, 0, 3_600, 2_000_000, 0, 0),
    ):
        auctions.set_params(world, params)
        assert world.params == params


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"concession_min_ppm": 30_001}, "params: concession order"),
        ({"concession_max_ppm": 100_001}, "params: concession too high"),
        ({"duration": 59}, "params: duration out of bounds"),
        ({"duration": 3_601}, "params: duration out of bounds"),
        ({"kappa_ppm": 1_009_999}, "params: kappa out of bounds"),
        ({"kappa_ppm": 2_000_001}, "params: kappa out of bounds"),
        ({"fee_ppm": 20_001}, "params: fee too high"),
        ({"insurance_concession_ppm": 10_001}, "params: insurance pays too much"),
    ],
)
def test_set_params__past_a_bound__is_refused(world, change, reason):
    assert refusal(change_params, world, **change) == reason
    assert world.params == PARAMS


# --- loss weights -----------------------------------------------------------------------------


def test_weights__one_market__all_of_it_with_its_side(world):
    give(world, MINE, 0, {BTC: (-100, 90)})
    assert weights(world) == [Weight(BTC, True, SHARES)]


def test_weights__losses_explain_the_margin__by_loss(world):
    # losses 1,024 and 512: entries are exact; MM is 500 + 50
    give(world, MINE, 0, {BTC: (64, 116), ETH: (-64, 2)})
    assert weights(world) == [
        Weight(BTC, False, SHARES - SHARES // 3),
        Weight(ETH, True, SHARES // 3),
    ]


def test_weights__no_leg_has_lost__by_margin(world):
    # MM 500 and 50; what rounding leaves goes to the largest
    give(world, MINE, 0, {BTC: (100, 90), ETH: (100, 9)})
    small = SHARES // 11
    assert weights(world) == [Weight(BTC, False, SHARES - small), Weight(ETH, False, small)]


def test_weights__tiny_loss__the_rest_of_the_margin_where_the_risk_is(world):
    # BTC: no loss, MM 500; ETH: loss 128, MM 32; 404 of MM 532 are unexplained
    give(world, MINE, 0, {BTC: (100, 90), ETH: (64, 12)})
    eth = (128 * WAD + 404 * WAD * 32 // 532) * SHARES // (532 * WAD)
    found = weights(world)
    assert [weight.market for weight in found] == [BTC, ETH]
    assert abs(found[1].share - eth) <= 1
    assert found[0].share + found[1].share == SHARES


def test_weights__no_position__none(world):
    assert auctions.loss_weights(world, MINE, ()) == 0


def test_weights__flat_leg_still_listed__left_out(world):
    give(world, MINE, 0, {BTC: (100, 110), ETH: (100, 9)})
    world.position(MINE, ETH).size_fine = 0
    assert weights(world) == [Weight(BTC, False, SHARES)]
