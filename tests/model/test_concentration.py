"""The model's extra initial margin: large positions, and positions without a price."""

from __future__ import annotations

import pytest

from plimsoll.model import concentration, margin, registry, snapshot, trading
from plimsoll.model.concentration import Concentration
from plimsoll.model.risk import RiskTerms
from plimsoll.model.state import FINE, WAD
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    CARA,
    DAN,
    denied,
    later,
    ledger_world,
    poke,
    refusal,
    set_equity,
    size,
    trade,
)

TENTH = Concentration(share_percent=10, rate_percent=20, floor_code=0)


@pytest.fixture
def world():
    """Ann is long 300 of alpha at 100; a tenth of alpha's open interest is free, or 10,000."""
    made = ledger_world()
    trade(made, 300, maker=DAN)
    registry.set_concentration(made, ALPHA, TENTH)
    return made


def leg(world, account=ANN, market=ALPHA):
    return margin.leg(world, account, market)


def test_extra__rate_of_what_is_beyond__rounded_up():
    # open interest 2,000 at 100: 20,000 are free
    assert concentration.free_wad(TENTH, 2_000 * WAD, 100 * WAD) == 20_000 * WAD
    extra = concentration.extra_wad(TENTH, 20_000 * WAD + 1, 2_000 * WAD, 100 * WAD)
    assert extra == 1
    assert concentration.extra_wad(TENTH, 20_000 * WAD, 2_000 * WAD, 100 * WAD) == 0
    assert concentration.extra_wad(None, 10**30, WAD, WAD) == 0


@pytest.mark.parametrize(("code", "floor"), [(0, 10_000), (1, 20_000), (15, 327_680_000)])
def test_free__floor__doubles_with_each_code(code, floor):
    assert concentration.free_wad(Concentration(1, 1, code), 0, WAD) == floor * WAD


def test_leg__large__initial_margin_only(world):
    # 30,000 of notional, 10,000 free: 5 % and 20 % of 20,000
    assert leg(world).im_wad == (1_500 + 4_000) * WAD
    assert leg(world).mm_wad == 750 * WAD
    assert leg(world, DAN).im_wad == 5_500 * WAD
    assert margin.health(world, ANN).im_wad == 5_500 * WAD
    registry.set_concentration(world, ALPHA, concentration.NO_TERMS)
    assert leg(world).im_wad == 1_500 * WAD


def test_leg__under_stress__the_sum_is_raised(world):
    # a move of 0.3 % in twelve seconds, a limit of 1.5
    registry.set_risk_terms(world, ALPHA, RiskTerms(60, 300, 50_000, 1_500_000, 100_000, 60))
    later(world, 12, alpha=101)
    poke(world)
    assert world.markets[ALPHA].risk.s_im_ppm == 500_000
    assert leg(world).im_wad == 15 * (1_515 + (30_300 - 10_000) // 5) * WAD // 10


def test_leg__class_in_force__without_it(world):
    assert leg(world).leverage_class == 4


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ((32, 1, 0), "concentration: bad share"),
        ((0, 1, 0), "concentration: bad rate"),
        ((0, 0, 1), "concentration: bad floor"),
        ((1, 0, 0), "concentration: bad rate"),
        ((1, 51, 0), "concentration: bad rate"),
        ((31, 50, 16), "concentration: bad floor"),
    ],
)
def test_set_concentration__outside_the_bounds__is_refused(world, terms, reason):
    assert refusal(registry.set_concentration, world, ALPHA, Concentration(*terms)) == reason
    assert world.markets[ALPHA].concentration == TENTH


# --- fills ------------------------------------------------------------------------------------


def test_trade__counts_the_open_interest_it_finds(world):
    for account in (ANN, DAN):
        set_equity(world, account, 1_000_000)
    trade(world, 1_700, maker=DAN)
    # 20,000 of 200,000 are free: 21,000 need 1,050 + 200, and a fee of 10.50
    set_equity(world, CARA, 1_260)
    assert denied(world, 210, 100, maker=DAN, taker=CARA) == "margin: below initial"
    set_equity(world, CARA, 1_261)
    trade(world, 210, maker=DAN, taker=CARA)
    # the view knows what the fill has added: 22,100 are free
    assert leg(world, CARA).im_wad == 1_050 * WAD


def test_trade__large_position__needs_what_it_costs(world):
    set_equity(world, DAN, 1_000_000)
    # 20,000 of notional, 10,000 free: 1,000 + 2,000, and a fee of 10
    set_equity(world, CARA, 1_000 + 2_000 + 9)
    reason = denied(world, 200, 100, maker=DAN, taker=CARA)
    assert reason == "margin: below initial"
    set_equity(world, CARA, 1_000 + 2_000 + 11)
    trade(world, 200, maker=DAN, taker=CARA)
    assert size(world, CARA) == 200


def test_trade__reduction__by_maintenance_margin_as_ever(world):
    set_equity(world, ANN, 800)
    trade(world, -1, maker=DAN)
    assert size(world, ANN) == 299


def test_trade__other_leg__by_the_open_interest_of_now(world):
    set_equity(world, ANN, 5_500 + 2)
    # alpha needs all Ann has; beta's 100 needs 5 more
    assert denied(world, 0.05, 2_000, market=BETA, maker=CARA) == "margin: below initial"
    world.markets[ALPHA].concentration = None
    trade(world, 0.05, 2_000, market=BETA, maker=CARA)


def test_take__taker__by_the_open_interest_found(world):
    world.account(ANN).started = True
    set_equity(world, CARA, 1_000 + 2_000 - 1)
    order = trading.TakeOrder(ANN, CARA, ALPHA, 200 * WAD * FINE, 100 * WAD, 0, 0)
    before = snapshot.save(world)
    assert refusal(trading.take, world, order) == "margin: below initial"
    snapshot.restore(world, before)
    set_equity(world, CARA, 1_000 + 2_000)
    trading.take(world, order)
    assert size(world, CARA) == 200


def test_debit__counts_it(world):
    set_equity(world, ANN, 6_000)
    assert refusal(registry.debit, world, ANN, 501 * WAD) == "margin: below initial"
    registry.debit(world, ANN, 499 * WAD)


# --- without a price --------------------------------------------------------------------------


def test_leg__without_a_price__five_per_cent_more_initial_margin(world):
    world.markets[ALPHA].concentration = None
    later(world, 12, alpha=None)
    assert leg(world).im_wad == (1_500 + 1_500) * WAD
    assert leg(world).mm_wad == 750 * WAD
    assert margin.health(world, ANN).im_wad == 3_000 * WAD


def test_leg__without_a_price__after_stress_and_concentration(world):
    registry.set_risk_terms(world, ALPHA, RiskTerms(60, 300, 50_000, 1_500_000, 100_000, 60))
    later(world, 12, alpha=101)
    poke(world)
    later(world, 12, alpha=None)
    raised = 15 * (1_515 + (30_300 - 10_000) // 5) * WAD // 10
    assert leg(world).im_wad == raised + 1_515 * WAD


def test_stale__fraction__rounded_up():
    assert margin.stale_wad(1) == 1
    assert margin.stale_wad(20) == 1
    assert margin.stale_wad(21) == 2
