"""The model's registry and the ledger's cash primitives, with every refusal."""

from __future__ import annotations

import pytest

from plimsoll.model import registry, trading
from plimsoll.model.state import FINE, WAD, owner_of
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    LEDGER,
    cash,
    fill,
    later,
    ledger_world,
    refusal,
)

UNIT = WAD * FINE
RESERVE = int(LEDGER, 16) << 96


@pytest.fixture
def world():
    return ledger_world()


@pytest.fixture
def indebted(world):
    """Ann is flat, under liquidation, and owes 100."""
    ann = world.account(ANN)
    ann.cash_fine, ann.started = -100 * UNIT, True
    return world


# --- accounts ---------------------------------------------------------------------------------


def test_open_isolated__new__is_isolated(world):
    account = registry.open_isolated(world, owner_of(ANN), 7)
    assert account == ANN | 7
    assert world.account(account).isolated


def test_open_isolated__refusals(world):
    ann = owner_of(ANN)
    assert refusal(registry.open_isolated, world, ann, 2**96) == "account: bad sub-account"
    assert refusal(registry.open_isolated, world, ann, 0) == "account: already in use"
    registry.open_isolated(world, ann, 1)
    assert refusal(registry.open_isolated, world, ann, 1) == "account: already in use"
    assert world.close == []


def test_open_isolated__wei_that_rounding_may_have_eaten__either_way(world):
    world.account(ANN).cash_fine = 3 * FINE
    assert refusal(registry.open_isolated, world, owner_of(ANN), 0) == "account: already in use"
    assert world.close == ["account: unused"]
    world.close, world.forced = [], {0: True}
    registry.open_isolated(world, owner_of(ANN), 0)
    assert world.account(ANN).cash_fine == 0


def test_set_leverage_class__while_flat__is_kept(world):
    registry.set_leverage_class(world, owner_of(ANN), ANN, ALPHA, 2)
    assert world.position(ANN, ALPHA).choice == 3
    trading.trade(world, fill(10, 100))
    assert world.position(ANN, ALPHA).leverage_class == 2
    trading.trade(world, fill(-10, 100))
    assert world.position(ANN, ALPHA).choice == 3


def test_set_leverage_class__refusals(world):
    ann = owner_of(ANN)
    call = registry.set_leverage_class
    assert refusal(call, world, ann, BOB, ALPHA, 0) == "access: not account owner"
    assert refusal(call, world, ann, ANN, 9, 0) == "market: unknown"
    assert refusal(call, world, ann, ANN, ALPHA, 5) == "class: above the market's"
    trading.trade(world, fill(10, 100))
    assert refusal(call, world, ann, ANN, ALPHA, 0) == "class: position open"
    call(world, ann, ANN, BETA, 0)


def test_isolated__second_market__is_refused(world):
    account = registry.open_isolated(world, owner_of(ANN), 1)
    registry.credit(world, account, 10_000 * WAD)
    trading.trade(world, fill(1, 100, taker=account))
    second = fill(1, 2_000, taker=account, market=BETA)
    assert refusal(trading.trade, world, second) == "account: too many markets"


# --- cash -------------------------------------------------------------------------------------


def test_credit__locked__is_refused(world):
    registry.credit(world, ANN, WAD)
    assert cash(world, ANN) == 10_001
    world.account(ANN).locked = True
    assert refusal(registry.credit, world, ANN, WAD) == "account: locked"


def test_debit__down_to_initial_margin__and_no_further(world):
    trading.trade(world, fill(10, 100))
    # 10,000 - 0.5 fee - 50 initial margin
    registry.debit(world, ANN, 9_949 * WAD + WAD // 2 - 10**9)
    too_much = refusal(registry.debit, world, ANN, 2 * 10**9)
    assert too_much == "margin: below initial"


def test_debit__looks_at_the_marks_of_now(world):
    trading.trade(world, fill(10, 100))
    later(world, 12, alpha=50)
    assert refusal(registry.debit, world, ANN, 9_900 * WAD) == "margin: below initial"
    registry.debit(world, ANN, 9_400 * WAD)


def test_debit__refusals_in_order(world):
    trading.trade(world, fill(10, 100))
    world.markets[ALPHA].locked_longs = True
    ann = world.account(ANN)
    assert refusal(registry.debit, world, ANN, 10**30) == "adl: side locked"
    ann.started = True
    assert refusal(registry.debit, world, ANN, 10**30) == "account: under liquidation"
    ann.locked = True
    assert refusal(registry.debit, world, ANN, 10**30) == "account: locked"
    registry.debit(world, BOB, WAD)


def test_collect_fees__empties_both(world):
    trading.trade(world, fill(10, 100))
    world.insurance_fees_wad = 5
    # 0.05 % and 0.02 % of 1,000
    assert registry.collect_fees(world) == (7 * WAD // 10, 5)
    assert registry.collect_fees(world) == (0, 0)


# --- losses -----------------------------------------------------------------------------------


def test_cover__part__rest_is_the_shortfall(indebted):
    assert registry.cover(indebted, ANN, 60 * WAD) == 40 * WAD
    assert indebted.account(ANN).cash_fine == 0


def test_cover__fraction_of_a_wei__rounded_up(indebted):
    indebted.account(ANN).cash_fine = -(10**15) * FINE - 1
    assert registry.cover(indebted, ANN, 0) == 10**15 + 1


def test_cover__all__no_shortfall(indebted):
    assert registry.cover(indebted, ANN, 100 * WAD) == 0
    assert indebted.close == []


def test_cover__rounding__paid_by_the_dust_reserve(indebted):
    indebted.account(RESERVE).cash_fine = 10**12 * FINE
    assert registry.cover(indebted, ANN, 100 * WAD - 10**11) == 0
    assert indebted.account(RESERVE).cash_fine == (10**12 - 10**11) * FINE


def test_cover__rounding_without_a_reserve__is_a_shortfall(indebted):
    assert registry.cover(indebted, ANN, 100 * WAD - 10**11) == 10**11


def test_cover__more_than_rounding__leaves_the_reserve_alone(indebted):
    indebted.account(RESERVE).cash_fine = WAD * FINE
    assert registry.cover(indebted, ANN, 100 * WAD - 2 * 10**14) == 2 * 10**14
    assert indebted.account(RESERVE).cash_fine == WAD * FINE


def test_cover__refusals_in_order(indebted):
    ann = indebted.account(ANN)
    assert refusal(registry.cover, indebted, ANN, 101 * WAD) == "cover: above the loss"
    ann.cash_fine = UNIT
    assert refusal(registry.cover, indebted, ANN, 0) == "cover: no loss"
    ann.markets = (ALPHA,)
    assert refusal(registry.cover, indebted, ANN, 0) == "cover: holds positions"
    ann.locked = True
    assert refusal(registry.cover, indebted, ANN, 0) == "account: locked"
    ann.started = False
    assert refusal(registry.cover, indebted, ANN, 0) == "account: not under liquidation"
