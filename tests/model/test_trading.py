"""The model's fills: worked examples of docs/protocol.md section 4, every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.model import margin, positions, registry, trading
from plimsoll.model.state import FINE, WAD, Epoch
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    CARA,
    DAN,
    cash,
    fill,
    later,
    ledger_world,
    refused,
    set_equity,
    size,
    strained_world,
    trade,
)

UNIT = WAD * FINE
MICRO = 10**12


@pytest.fixture
def world():
    return ledger_world()


# --- fills ------------------------------------------------------------------------------------


def test_trade__moves_size_and_cash_and_takes_fees(world):
    assert trade(world, 10) == (False, False)
    assert (size(world, ANN), size(world, BOB)) == (10, -10)
    assert cash(world, ANN) == 10_000 - 1_000 - 0.5
    assert cash(world, BOB) == 10_000 + 1_000 - 0.2
    assert world.trading_fees_wad == 7 * WAD // 10
    assert world.account(ANN).markets == (ALPHA,)
    assert world.close == []


def test_trade__nobody_passive__both_pay_the_taker_fee(world):
    trade(world, 10, flags=0)
    assert cash(world, BOB) == 10_000 + 1_000 - 0.5


def test_trade__fraction_of_a_wei__taker_pays_and_maker_gets_the_same(world):
    odd = replace(fill(2, 0), size_wad=2 * WAD + 1, price_wad=100 * WAD + 1)
    trading.trade(world, odd)
    # floor(size * price), the fee of a notional one wei higher, in whole micro units, up
    paid = odd.size_wad * odd.price_wad // WAD
    fee = -(-(paid + 1) * 500 // (10**6 * MICRO)) * MICRO
    assert world.account(ANN).cash_fine == (10_000 * WAD + -paid - fee) * FINE
    other_fee = -(-(paid + 1) * 200 // (10**6 * MICRO)) * MICRO
    assert world.account(BOB).cash_fine == (10_000 * WAD + paid - other_fee) * FINE


def test_trade__taker_sells__cash_rounded_against_the_seller_of_a_negative(world):
    odd = replace(fill(2, 0), size_wad=-2 * WAD - 1, price_wad=100 * WAD + 1)
    trading.trade(world, odd)
    got = odd.size_wad * odd.price_wad // WAD  # floor: away from zero
    fee = -(got * 500 // (10**6 * MICRO)) * MICRO
    assert world.account(ANN).cash_fine == (10_000 * WAD - got - fee) * FINE


def test_trade__increase__entry_is_the_mean_of_both(world):
    trade(world, 10, 100)
    later(world, 12, alpha=104)
    trade(world, 30, 104)
    entry = positions.entry_wad(world.position(ANN, ALPHA))
    assert 0 <= entry - 103 * WAD <= 2 * 103 * WAD >> 33
    entry = positions.entry_wad(world.position(BOB, ALPHA))
    assert 0 <= 103 * WAD - entry <= 2 * 103 * WAD >> 33


def test_trade__off_the_mark__enters_at_the_worse_of_price_and_mark(world):
    trade(world, 10, 104)  # Ann buys above the mark of 100, Bob sells there
    assert cash(world, ANN) == 10_000 - 1_040 - 0.52
    assert positions.entry_wad(world.position(ANN, ALPHA)) >> 58 == 100 * WAD >> 58
    assert positions.entry_wad(world.position(BOB, ALPHA)) >> 58 == 104 * WAD >> 58
    trade(world, 10, 98)  # both add below it: (100 + 98) / 2, (104 + 100) / 2
    entry = positions.entry_wad(world.position(ANN, ALPHA))
    assert 0 <= entry - 99 * WAD <= 2 * 99 * WAD >> 33
    entry = positions.entry_wad(world.position(BOB, ALPHA))
    assert 0 <= 102 * WAD - entry <= 2 * 102 * WAD >> 33


def test_trade__reduction__keeps_entry_and_class(world):
    trade(world, 10, 100)
    entry = world.position(ANN, ALPHA).entry_fine
    trade(world, -4, 105)
    leg = world.position(ANN, ALPHA)
    assert (size(world, ANN), leg.entry_fine, leg.leverage_class) == (6, entry, 4)


def test_trade__flip__starts_a_new_entry(world):
    trade(world, 10, 100)
    trade(world, -15, 104)
    assert size(world, ANN) == -5
    entry = positions.entry_wad(world.position(ANN, ALPHA))
    assert 0 <= 104 * WAD - entry <= 104 * WAD >> 33


def test_trade__close__leaves_the_market(world):
    trade(world, 10)
    trade(world, 1, 2_000, market=BETA)
    assert world.account(ANN).markets == (ALPHA, BETA)
    trade(world, -10)
    assert world.account(ANN).markets == (BETA,)
    # a slice taken before may have been some wei larger on the chain
    assert world.close == ["fill: closes", "fill: closes"]


def test_trade__pokes_every_market_of_both(world):
    trade(world, 1, 2_000, market=BETA)
    later(world, 12, alpha=101, beta=2_001)
    trade(world, 1, 101, taker=CARA)
    assert world.markets[BETA].mark_wad == 2_001 * WAD
    assert world.markets[ALPHA].mark_wad == 101 * WAD


def test_trade__block__leaves_no_premium(world):
    trade(world, 10, 100.2)
    # 0.2 % of 1,000
    assert world.markets[ALPHA].premium_sum == 2 * 10**6
    trade(world, 10, 100.2, flags=12)
    assert world.markets[ALPHA].premium_sum == 2 * 10**6


# --- refusals ---------------------------------------------------------------------------------


def test_trade__refusals_before_the_sides(world):
    assert refused(world, 1, market=9) == "market: unknown"
    assert refused(world, 0, maker=ANN | 1) == "trade: self trade"
    assert refused(world, 0) == "trade: zero size"
    assert refused(world, 1, taker_fee_cap_ppm=499) == "order: fee above cap"
    assert refused(world, 1, maker_fee_cap_ppm=199) == "order: fee above cap"
    assert refused(world, 1, flags=0, maker_fee_cap_ppm=499) == "order: fee above cap"
    later(world, 12, alpha=None)
    assert refused(world, 1, taker_fee_cap_ppm=0) == "oracle: no price"


def test_trade__refusals_of_a_side_in_order(world):
    ann = world.account(ANN)
    mine = {"maker": ANN, "taker": BOB}
    assert refused(world, -3_000, **mine) == "margin: below initial"
    ann.started = True
    assert refused(world, -3_000, **mine) == "account: under liquidation"
    assert refused(world, -0.5, **mine) == "trade: below least notional"
    assert refused(world, -0.5, flags=5, **mine) == "order: would not reduce"
    ann.locked = True
    assert refused(world, -0.5, flags=5, **mine) == "account: locked"


def test_trade__least_notional__at_the_price(world):
    trade(world, 1, 100)
    assert refused(world, 0.999999, 100) == "trade: below least notional"


def test_trade__reduction__may_be_as_small_as_one_likes(world):
    trade(world, 10)
    trade(world, -0.000001, maker=BOB, flags=7)
    assert world.position(ANN, ALPHA).size_fine == (10 * WAD - MICRO) * FINE


def test_trade__reduce_only__neither_flips_nor_increases(world):
    trade(world, 10)
    assert refused(world, -11, flags=6) == "order: would not reduce"
    assert refused(world, 1, flags=6) == "order: would not reduce"
    trade(world, -10, flags=6)


def test_trade__band__three_times_as_wide_for_a_reduction(world):
    assert refused(world, 1, 105.000001) == "trade: price outside band"
    trade(world, 10, 105)
    trade(world, -1, 115)
    assert refused(world, -1, 115.000001) == "trade: price outside band"


def test_trade__locked_side__nobody_enters_or_leaves(world):
    trade(world, 10)
    world.markets[ALPHA].locked_longs = True
    assert refused(world, -5) == "adl: side locked"
    assert refused(world, 5, taker=CARA) == "adl: side locked"
    assert refused(world, 5, taker=CARA, maker=ANN) == "adl: side locked"


def test_trade__open_interest__capped_unless_it_does_not_grow():
    world = ledger_world(oi_cap_wad=10 * WAD)
    trade(world, 10)
    assert refused(world, 1, taker=CARA) == "market: open interest cap"
    world.markets[ALPHA].terms = replace(world.markets[ALPHA].terms, oi_cap_wad=WAD)
    trade(world, -4, taker=ANN, maker=CARA)  # a long changes hands
    trade(world, -1)
    assert refused(world, 1, taker=CARA, maker=DAN) == "market: open interest cap"
    assert world.close == []


def test_trade__initial_margin__to_the_micro_unit(world):
    # 5 % of 10,000 and 0.05 % fee
    world.account(ANN).cash_fine = 505 * UNIT - 10**9 * FINE
    assert refused(world, 100) == "margin: below initial"
    world.account(ANN).cash_fine = 505 * UNIT + 10**9 * FINE
    trade(world, 100)


def test_trade__initial_margin__within_rounding__either_way(world):
    world.account(ANN).cash_fine = 505 * UNIT - FINE
    assert refused(world, 100) == "margin: below initial"
    assert world.close == ["trade: initial margin"]
    assert world.position(ANN, ALPHA).size_fine == 0
    world = ledger_world()
    world.account(ANN).cash_fine, world.forced = 505 * UNIT - FINE, {0: True}
    trade(world, 100)


def test_trade__other_markets_count(world):
    world.account(ANN).cash_fine = 300 * UNIT
    trade(world, 50)  # IM 250
    assert refused(world, 1, 2_000, market=BETA) == "margin: below initial"
    registry.credit(world, ANN, 100 * WAD)
    trade(world, 1, 2_000, market=BETA)


# --- below initial margin ---------------------------------------------------------------------


@pytest.fixture
def strained():
    return strained_world()


def test_trade__reduction_at_mark__is_free_to_leave(strained):
    trade(strained, -50)
    # E1 = 300 - 2.5 fee; MM1 = 125: above IM of 250
    assert margin.health(strained, ANN).equity_fine == 297 * UNIT + UNIT // 2


def test_trade__reduction_below_im__fee_in_full_while_the_ratio_allows(strained):
    trade(strained, -10)
    assert margin.health(strained, ANN).equity_fine == 299 * UNIT + UNIT // 2


def test_trade__reduction_at_a_bad_price__fee_is_cut(strained):
    # E / MM must stay 300 / 250: of 30 units of equity, 10 units sold 2.98 below mark leave 0.2
    fees = strained.trading_fees_wad
    trade(strained, -10, 97.02, maker=CARA)
    assert margin.health(strained, ANN).equity_fine == 270 * UNIT
    maker_fee = 970_200 * WAD // 1_000 * 200 // 10**6
    assert strained.trading_fees_wad - fees == maker_fee + WAD // 5


def test_trade__fee_cut__whole_micro_units(strained):
    strained.account(ANN).cash_fine += MICRO // 2 * FINE
    trade(strained, -10, 97.02, maker=CARA)
    left = margin.health(strained, ANN).equity_fine - 270 * UNIT
    assert MICRO // 4 * FINE < left < MICRO * FINE


def test_trade__fee_cut_on_an_edge__either_way(strained):
    strained.forced = {0: False}
    trade(strained, -10, 97.02, maker=CARA)
    assert strained.close == ["trade: fee"]
    assert margin.health(strained, ANN).equity_fine == (270 * WAD + MICRO) * FINE


def test_trade__reduction_at_a_worse_price__is_refused(strained):
    assert refused(strained, -10, 96.999, maker=CARA) == "margin: ratio worsened"


def test_trade__increase_or_flip_below_im__is_refused(strained):
    set_equity(strained, ANN, 499)
    assert refused(strained, 1, maker=CARA) == "margin: below initial"
    set_equity(strained, ANN, -10)
    assert refused(strained, -201, maker=CARA) == "margin: below initial"


def test_trade__without_equity__only_under_liquidation_and_free(strained):
    set_equity(strained, ANN, -50)
    assert refused(strained, -10, maker=CARA) == "account: start auction first"
    strained.account(ANN).started = True
    assert refused(strained, -10, 99.99, maker=CARA) == "margin: ratio worsened"
    assert trade(strained, -10, 100.01, maker=CARA) == (False, True)
    assert margin.health(strained, ANN).equity_fine == -(50 * UNIT - UNIT // 10)


def test_trade__under_liquidation__may_reduce(strained):
    strained.account(ANN).started = True
    assert trade(strained, -10, maker=CARA) == (False, True)
    assert trade(strained, 10, maker=ANN, taker=CARA) == (True, False)


# --- after ADL --------------------------------------------------------------------------------


@pytest.fixture
def eroded(world):
    """ADL has been at work: Ann's 10 units are 3 wei and a fraction more than ten."""
    trade(world, 10)
    leg = world.position(ANN, ALPHA)
    leg.size_fine += 3 * FINE + FINE // 3
    world.markets[ALPHA].epochs = {positions.place_of(leg): Epoch()}
    return world


def test_trade__of_about_the_whole_position__closes_it(eroded):
    trade(eroded, -10, flags=6)
    assert (size(eroded, ANN), eroded.account(ANN).markets) == (0, ())
    assert eroded.close[0] == "fill: closes"


def test_trade__of_about_the_whole_position__may_leave_wei(eroded):
    eroded.forced = {0: False}
    trade(eroded, 10, flags=5, maker=ANN, taker=BOB)
    assert eroded.position(ANN, ALPHA).size_fine == 3 * FINE + FINE // 3
    assert eroded.close[:2] == ["fill: closes", "fill: flips"]


def test_trade__of_about_the_whole_position__may_flip_it(eroded):
    eroded.forced = {0: False, 1: True}
    trade(eroded, 10, maker=ANN, taker=BOB)
    assert eroded.position(ANN, ALPHA).size_fine == -FINE


def test_trade__flip_by_wei__reduces_nothing(eroded):
    eroded.forced = {0: False, 1: True}
    assert refused(eroded, 10, flags=5, maker=ANN, taker=BOB) == "order: would not reduce"
