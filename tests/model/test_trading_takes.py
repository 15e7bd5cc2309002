"""The model's takes of slices under liquidation, every refusal."""

from __future__ import annotations

import pytest

from plimsoll.model import margin, trading
from plimsoll.model.state import FINE, WAD
from plimsoll.model.trading import TakeOrder
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    CARA,
    DAN,
    later,
    ledger_world,
    poke,
    refusal,
    set_equity,
    size,
    strained_world,
    trade,
)

UNIT = WAD * FINE


@pytest.fixture
def seized():
    """Ann, long 100, is under liquidation."""
    world = strained_world()
    world.account(ANN).started = True
    return world


def order(quantity, price=100, **changes):
    fields = {
        "account": ANN,
        "taker": CARA,
        "market": ALPHA,
        "size_fine": quantity * UNIT,
        "account_price_wad": int(price * 1_000) * 10**15,
        "fee_wad": 0,
        "bonus_wad": 0,
    }
    return TakeOrder(**(fields | changes))


def refused_take(world, *args, **changes):
    return refusal(trading.take, world, order(*args, **changes))


def test_take__moves_the_slice_and_its_price(seized):
    fees = seized.trading_fees_wad
    health = trading.take(seized, order(40, 99, fee_wad=4 * WAD, bonus_wad=6 * WAD))
    # Ann gives 40 of concession and 4 of fee, Cara gets the concession and 6 on top
    assert (size(seized, ANN), size(seized, CARA)) == (60, 40)
    assert health.equity_fine == (300 - 44) * UNIT
    assert margin.health(seized, CARA).equity_fine == 10_046 * UNIT
    assert seized.insurance_fees_wad == 4 * WAD
    assert seized.trading_fees_wad == fees
    assert seized.markets[ALPHA].premium_volume == 100 * 100 * 10**6


def test_take__whole_leg__account_leaves_the_market(seized):
    trading.take(seized, order(100))
    assert seized.account(ANN).markets == ()
    assert seized.close == []


def test_take__of_a_short__pays_above_mark():
    world = ledger_world()
    trade(world, -100, maker=DAN)
    world.account(ANN).started = True
    trading.take(world, order(-100, 101))
    assert size(world, CARA) == -100
    assert margin.health(world, CARA).equity_fine == 10_100 * UNIT


def test_take__refusals_in_order(seized):
    assert refused_take(seized, 10, market=9) == "market: unknown"
    assert refused_take(seized, 10, taker=ANN) == "trade: self trade"
    assert refused_take(seized, 10, 110.001) == "take: price outside band"
    assert refused_take(seized, 10, fee_wad=50 * WAD + 1) == "take: fee too high"
    assert refused_take(seized, 10, bonus_wad=10 * WAD + 1) == "take: bonus too high"
    assert refused_take(seized, 101) == "take: not reducing"
    assert refused_take(seized, -1) == "take: not reducing"
    seized.markets[ALPHA].locked_longs = True
    assert refused_take(seized, -1) == "adl: side locked"
    seized.account(ANN).locked = True
    assert refused_take(seized, 10) == "account: locked"
    seized.account(ANN).started = False
    assert refused_take(seized, 10) == "account: not under liquidation"
    later(seized, 12, alpha=None)
    assert refused_take(seized, 10, taker=CARA) == "oracle: no price"


def test_take__taker_must_meet_initial_margin_even_if_it_reduces(seized):
    trade(seized, -50, taker=CARA, maker=DAN)
    set_equity(seized, CARA, 200)
    # from 50 short to 45 short: IM 225
    assert refused_take(seized, 5) == "margin: below initial"
    set_equity(seized, CARA, 226)
    trading.take(seized, order(5))


def test_take__taker_under_liquidation__may_only_reduce(seized):
    seized.account(CARA).started = True
    assert refused_take(seized, 10) == "account: under liquidation"


def test_take__below_least_notional__is_allowed(seized):
    poke(seized)
    trading.take(seized, order(1, 99.99, size_fine=WAD // 2 * FINE))
    assert size(seized, CARA) == 0.5
