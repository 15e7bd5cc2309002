"""The model's winding down of a market: who may, the window, positions that become cash."""

from __future__ import annotations

import pytest

from plimsoll.model import (
    deleveraging,
    margin,
    positions,
    prices,
    registry,
    resolution,
    takes,
    trading,
)
from plimsoll.model.state import FINE, WAD, Epoch
from tests.support.auction_world import (
    BTC,
    ETH,
    FAR,
    HOLDS,
    MINE,
    OTHERS,
    SHORT,
    T,
    equity_of,
    give,
    later,
    open_auction,
    opposed_world,
    refusal,
    set_price,
)
from tests.support.ledger_world import fill
from tests.support.money_world import ALICE, CAROL, TIMELOCK

DAY = 86_400
WINDOW = 3_600


@pytest.fixture
def world():
    """Alice is long 100 BTC from 110 with 5,000 of equity, Carol short; marks 100 and 10."""
    world = opposed_world()
    world.addresses["timelock"] = TIMELOCK
    give(world, MINE, 5_000 * WAD, {BTC: (100, 110)})
    later(world)
    return world


def settle(world, sender=TIMELOCK, market=BTC):
    registry.settle_market(world, sender, market)


def dead(world, seconds, market=BTC):
    """No price since `seconds` ago."""
    later(world)
    set_price(world, market, None)
    prices.poke(world, market)
    later(world, seconds)


# --- who may ----------------------------------------------------------------------------------


def test_settle__owner__at_any_time(world):
    settle(world)
    assert prices.poke(world, BTC) == (100 * WAD, False)
    assert refusal(settle, world) == "market: settled"


def test_settle__anybody__after_three_days_without_a_price(world):
    assert refusal(settle, world, ALICE) == "market: alive"
    dead(world, 3 * DAY - 1)
    assert refusal(settle, world, ALICE) == "market: alive"
    later(world)
    settle(world, ALICE)
    assert world.markets[BTC].mark_wad == 100 * WAD


def test_settle__price_is_back__is_the_owners_again(world):
    dead(world, 3 * DAY)
    set_price(world, BTC, 120)
    assert refusal(settle, world, ALICE) == "market: alive"
    settle(world)
    assert world.markets[BTC].mark_wad == 120 * WAD


def test_settle__flickering_in_a_grace__counts_from_the_last_loss(world):
    dead(world, 3 * DAY - 10)
    set_price(world, BTC, 100)
    prices.poke(world, BTC)
    later(world)
    dead(world, 3 * DAY - 1)
    assert world.markets[BTC].outage.began < world.now - 3 * DAY
    assert refusal(settle, world, ALICE) == "market: alive"
    later(world)
    settle(world, ALICE)


def test_settle__unknown_or_being_resolved__is_refused(world):
    assert refusal(settle, world, TIMELOCK, 9) == "market: unknown"
    state = world.markets[BTC]
    for name in ("funding_frozen", "locked_longs", "locked_shorts"):
        setattr(state, name, True)
        assert refusal(settle, world) == "market: being resolved"
        setattr(state, name, False)


# --- what is final ----------------------------------------------------------------------------


def test_settled__mark_and_funding__never_change(world):
    state = world.markets[BTC]
    state.rate_ppb = 1_000_000
    later(world, 3_600)
    settle(world)
    index = state.funding_index_ray
    assert index > 0
    set_price(world, BTC, 150)
    later(world, DAY)
    prices.poke(world, BTC)
    assert (state.mark_wad, state.funding_index_ray, state.rate_ppb) == (100 * WAD, index, 0)
    assert (state.block, state.time) == (world.block, world.now)


def test_settled__terms__are_refused(world):
    settle(world)
    assert refusal(registry.set_risk_terms, world, BTC, HOLDS) == "market: settled"


def test_settled__margin__none_and_no_gain_to_withdraw(world):
    before = equity_of(world, MINE), equity_of(world, SHORT)
    settle(world)
    assert (equity_of(world, MINE), equity_of(world, SHORT)) == before
    mine, short = margin.health(world, MINE), margin.health(world, SHORT)
    assert (mine.mm_wad, mine.im_wad) == (0, 0)
    assert mine.equity_im_fine == mine.equity_fine  # a loss counts
    # Carol's gain of 20 on 1,000 BTC does not, but for the rounding of her entry
    held = short.equity_fine - short.equity_im_fine
    assert held // FINE == pytest.approx(20_000 * WAD, rel=1e-9)
    leg = margin.leg(world, MINE, BTC)
    assert (leg.mm_wad, leg.im_wad, leg.mm_rate_ppm, leg.priced) == (0, 0, 0, False)
    assert leg.notional_wad == 10_000 * WAD


def test_settled__trades_and_takes__are_refused(world):
    open_auction(world, 400, OTHERS)
    settle(world)
    order = fill(1, 100, maker=SHORT, taker=MINE, market=BTC)
    assert refusal(trading.trade, world, order) == "oracle: no price"
    take = (takes.take, world, CAROL, OTHERS, BTC, 10 * WAD, FAR, SHORT)
    assert refusal(*take) == "liquidation: no price"


def test_settled__hold__does_nothing(world):
    registry.set_risk_terms(world, BTC, HOLDS)
    settle(world)
    before = world.markets[BTC].risk
    prices.hold(world, BTC, True)
    assert world.markets[BTC].risk == before


# --- the window -------------------------------------------------------------------------------


def test_window__clock_runs_from_the_settlement_on(world):
    open_auction(world, -300, OTHERS)
    dead(world, 3 * DAY)
    settle(world)
    settled = world.now
    later(world, T - 3)  # two seconds had passed before
    assert prices.clock_stop(world, BTC) == (settled - 3 * DAY, settled, True)
    assert refusal(resolution.resolve, world, 9) == "liquidation: nothing to resolve"
    later(world)
    assert resolution.resolve(world, 9)


def test_window__settled_in_a_grace__opens_at_once(world):
    dead(world, 1_000)
    set_price(world, BTC, 100)
    prices.poke(world, BTC)
    later(world, 10)
    assert not prices.is_open(world, BTC)
    settle(world)
    assert prices.clock_stop(world, BTC) == (world.now - 1_010, world.now, True)


def test_window__bankrupt_account__winners_pay_and_keep_their_positions(world):
    open_auction(world, -60_000, OTHERS)  # 35,000 more than the layers give
    settle(world)
    later(world, T)
    winner = equity_of(world, SHORT)
    assert resolution.resolve(world, 9)
    assert world.account(OTHERS).markets == ()
    assert world.position(SHORT, BTC).size_fine == -1_000 * WAD * FINE
    paid = winner - equity_of(world, SHORT)  # all it has won in the market
    assert paid == pytest.approx(20_000 * WAD, rel=1e-9)
    shortfall = world.custody.claims - world.custody.backing
    assert shortfall == pytest.approx(15_000 * WAD, rel=1e-9)


def test_window__solvent_account__nothing_is_rematched_where_it_is_settled(world):
    open_auction(world, 40, OTHERS, {BTC: (100, 110), ETH: (1_000, 11)})
    settle(world)
    later(world, T)
    resolution.resolve(world, 9)
    assert world.position(OTHERS, BTC).size_fine == 100 * WAD * FINE
    assert abs(world.position(OTHERS, ETH).size_fine) < 1_000 * WAD * FINE
    rematch = (deleveraging.rematch, world, OTHERS, BTC, FINE, 0, 9)
    world.account(OTHERS).started = True
    assert refusal(*rematch) == "oracle: no price"


def test_window__over__takes_the_market_out_of_the_clocks(world):
    settle(world)
    later(world, WINDOW - 1)
    assert prices.is_open(world, BTC)
    later(world)
    assert not prices.is_open(world, BTC)


# --- cash -------------------------------------------------------------------------------------


def test_sync__before_the_window_is_over__leaves_the_position(world):
    settle(world)
    later(world, WINDOW - 1)
    assert positions.sync(world, MINE, BTC)
    assert world.account(MINE).markets == (BTC,)


def test_sync__after_it__is_cash_at_the_final_mark(world):
    settle(world)
    set_price(world, BTC, 50)
    later(world, WINDOW)
    for account in (MINE, SHORT):
        before = equity_of(world, account)
        assert positions.sync(world, account, BTC)
        assert equity_of(world, account) == before
        assert BTC not in world.account(account).markets
    assert world.account(MINE).cash_fine == 5_000 * WAD * FINE
    assert world.open_interest_fine(BTC) == (0, 0)
    assert positions.sync(world, MINE, BTC)


def test_sync__far_behind__first_catches_up(world):
    settle(world)
    later(world, WINDOW)
    leg = world.position(MINE, BTC)
    world.markets[BTC].epochs = {positions.place_of(leg): Epoch(12)}
    assert not positions.sync(world, MINE, BTC)
    assert world.account(MINE).markets == (BTC,)
    assert positions.sync(world, MINE, BTC)
    assert world.account(MINE).markets == ()


def test_sync__while_a_resolve_is_frozen_there__waits_for_its_end(world):
    settle(world)
    later(world, WINDOW)
    world.markets[BTC].funding_frozen = True
    assert positions.sync(world, MINE, BTC)
    assert world.account(MINE).markets == (BTC,)
    world.account(MINE).locked = True
    assert refusal(positions.sync, world, MINE, BTC) == "account: locked"


def test_start__after_the_window__settled_legs_bear_no_loss(world):
    give(world, OTHERS, -5 * WAD, {BTC: (100, 110), ETH: (100, 11)})
    settle(world)
    later(world, WINDOW)
    resolution.start(world, OTHERS)
    assert world.account(OTHERS).markets == (ETH,)
    assert world.auctions[OTHERS].weights & 255 == ETH
    assert world.auctions[OTHERS].weights >> 25 == 0


def test_resolve__after_the_window__draws_on_the_layers_only(world):
    open_auction(world, -60_000, OTHERS)
    settle(world)
    later(world, WINDOW)
    winner = equity_of(world, SHORT)
    assert not resolution.resolve(world, 9)  # finished by the way, before anybody was worked on
    assert not world.account(OTHERS).started
    assert world.account(OTHERS).markets == ()
    assert equity_of(world, SHORT) == winner
    assert world.custody.claims - world.custody.backing == 35_000 * WAD
