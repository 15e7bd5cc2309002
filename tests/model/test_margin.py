"""The model's margin: worked examples of docs/protocol.md section 4."""

from __future__ import annotations

import pytest

from plimsoll.model import margin, positions, trading
from plimsoll.model.state import FINE, WAD
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    DAN,
    TERMS,
    fill,
    later,
    ledger_world,
    poke,
    refusal,
)

UNIT = WAD * FINE


@pytest.fixture
def world():
    """Ann is long 10 alpha at 100 and short 1 beta at 2,000, both without fees."""
    world = ledger_world(maker_fee_ppm=0, taker_fee_ppm=0)
    trading.trade(world, fill(10, 100))
    trading.trade(world, fill(-1, 2_000, market=BETA))
    return world


# --- brackets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notional", "im", "mm"),
    [
        (0, 0, 0),
        (1_000, 50, 25),
        (1_000_000, 50_000, 25_000),
        (2_000_000, 150_000, 75_000),
        (5_000_000, 450_000, 225_000),
        (6_000_000, 650_000, 325_000),
    ],
)
def test_margins__work_like_income_tax(notional, im, mm):
    assert margin.margins(TERMS, notional * WAD, 0)[:2] == (im * WAD, mm * WAD)


def test_margins__fraction__rounded_up():
    assert margin.margins(TERMS, 1, 0)[:2] == (1, 1)


@pytest.mark.parametrize(
    ("notional", "choice", "im", "in_force"),
    [
        (1_000, 0, 50, 4),  # the market's largest
        (1_000, 5, 50, 4),
        (1_000, 4, 100, 3),
        (1_000, 1, 1_000, 0),
        (2_000_000, 0, 150_000, 3),  # N / IM = 13.3
        (6_000_000, 0, 650_000, 2),  # N / IM = 9.2
        (6_000_000, 2, 3_000_000, 1),
    ],
)
def test_margins__class__chosen_for_margin_and_allowed_for_rank(notional, choice, im, in_force):
    found = margin.margins(TERMS, notional * WAD, choice)
    assert (found[0], found[2]) == (im * WAD, in_force)


@pytest.mark.parametrize(
    ("notional", "rate"),
    [(0, 25_000), (1_000_000, 25_000), (1_000_001, 50_000), (5_000_001, 100_000)],
)
def test_marginal_rate__of_the_bracket_below_the_last_unit(notional, rate):
    assert margin.marginal_mm_rate_ppm(TERMS, notional * WAD) == rate


# --- health -----------------------------------------------------------------------------------


def test_health__nobody__is_empty_and_stays_unknown(world):
    health = margin.health(world, 77)
    assert (health.equity_fine, health.mm_wad, health.priced) == (0, 0, True)
    assert 77 not in world.accounts


def test_health__two_legs__count_at_the_marks_of_now(world):
    later(world, 12, alpha=110, beta=2_100)
    health = margin.health(world, ANN)
    # 10,000 + 10 * 10 - 100
    assert health.equity_fine == 10_000 * UNIT
    assert health.equity_im_fine == health.equity_fine
    assert health.cash_fine == (10_000 - 1_000 + 2_000) * UNIT
    assert health.mm_wad == 3_200 * WAD // 40
    assert health.im_wad == 3_200 * WAD // 20
    assert world.markets[ALPHA].mark_wad == 100 * WAD


def test_health_without__leaves_one_leg_out(world):
    health = margin.health_without(world, ANN, BETA)
    assert health.equity_fine == (11_000 + 1_000) * UNIT
    assert health.mm_wad == 25 * WAD


def test_health__without_a_poke__equals_the_one_after(world):
    for market in world.markets.values():
        market.rate_ppb = 777_777
    later(world, 1_234, alpha=103, beta=1_950)
    before = {account: margin.health(world, account) for account in (ANN, BOB)}
    poke(world)
    assert world.markets[ALPHA].funding_index_ray != 0
    for account, health in before.items():
        after = margin.health(world, account)
        assert abs(after.equity_fine - health.equity_fine) <= 2
        assert abs(after.cash_fine - health.cash_fine) <= 2
        assert (after.mm_wad, after.im_wad) == (health.mm_wad, health.im_wad)


def test_health__unpriced_leg__gains_do_not_count_for_opening(world):
    later(world, 12, alpha=110)
    poke(world)
    later(world, 12, alpha=None)
    health = margin.health(world, ANN)
    assert not health.priced
    assert health.equity_fine == 10_100 * UNIT
    entry = positions.entry_wad(world.position(ANN, ALPHA))
    assert health.equity_im_fine == health.equity_fine - (110 * WAD - entry) * 10 * FINE
    # the loss of the other side counts in full
    assert margin.health(world, BOB).equity_im_fine == margin.health(world, BOB).equity_fine


def test_leg__as_of_now(world):
    later(world, 12, beta=2_100)
    leg = margin.leg(world, ANN, BETA)
    assert leg.size_fine == -UNIT
    # entries are floats of 33 bits, down for shorts
    assert 0 <= 2_000 * WAD - leg.entry_fine // FINE <= 2_000 * WAD >> 33
    assert (leg.mark_wad, leg.priced) == (2_100 * WAD, True)
    assert leg.notional_wad == 2_100 * WAD
    assert (leg.im_wad, leg.mm_wad, leg.mm_rate_ppm) == (105 * WAD, 52 * WAD + WAD // 2, 25_000)
    assert leg.leverage_class == 4


def test_leg__flat__is_empty(world):
    leg = margin.leg(world, DAN, ALPHA)
    assert (leg.size_fine, leg.entry_fine, leg.im_wad, leg.leverage_class) == (0, 0, 0, 0)
    assert (DAN, ALPHA) not in world.positions


def test_leg__unknown_market__is_refused(world):
    assert refusal(margin.leg, world, ANN, 9) == "market: unknown"


def test_value__rounds_down_whatever_the_sign():
    assert margin.value_down_wad(FINE, WAD // 2) == 0
    assert margin.value_down_wad(-FINE, WAD // 2) == -1
    assert margin.notional_up_wad(-FINE, WAD // 2) == 1
