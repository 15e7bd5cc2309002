"""Liquidator: how auctions start, and what touching a started account does."""

from __future__ import annotations

from brownie import chain, reverts

from plimsoll.loss_weights import SHARES, Weight, unpack
from tests.support.liquidation_world import (
    BTC,
    ETH,
    HOUR_S,
    WAD,
    long_100,
    move_mark_to_equity,
    started,
)

# --- start -----------------------------------------------------------------------------


def test_start__one_wei_below_margin__opens_an_auction(world, engine, account, keeper):
    tx = started(world, account, 500 * WAD - 1, keeper)
    event = tx.events["AuctionStarted"]
    assert event["account"] == account
    assert event["equity"] == 500 * WAD - 1
    assert event["mm"] == 500 * WAD
    assert event["queue_index"] == 1
    assert unpack(event["weights"]) == [Weight(BTC, False, SHARES)]
    begun, block, weights, place, elapsed = engine.auction(account)
    assert (begun, block, place, elapsed) == (tx.timestamp, tx.block_number, 1, 0)
    assert weights == event["weights"]
    assert world.ledger.is_started(account)


def test_start__at_margin__reverts(world, engine, account, keeper):
    long_100(world, account, 500 * WAD)
    with reverts("liquidation: not below margin"):
        engine.start(account, {"from": keeper})


def test_start__twice__reverts(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    with reverts("liquidation: already started"):
        engine.start(account, {"from": keeper})


def test_start__weights__by_loss_against_entry(world, engine, account, keeper):
    # long BTC lost 1,000; short ETH lost 3,000; the third leg wins
    world.ledger.set_market(3, 50 * WAD, 50_000, 100_000 * WAD, 100_000, {"from": keeper})
    world.give(account, 0, {BTC: (100, 110), ETH: (-1_000, 7), 3: (10, 40)})
    tx = engine.start(account, {"from": keeper})
    assert unpack(tx.events["AuctionStarted"]["weights"]) == [
        Weight(BTC, False, SHARES // 4),
        Weight(ETH, True, SHARES * 3 // 4),
    ]


def test_start__no_leg_lost__weights_by_margin(world, engine, account, keeper):
    world.give(account, 0, {BTC: (100, 90), ETH: (3_000, 9)})
    tx = engine.start(account, {"from": keeper})
    assert unpack(tx.events["AuctionStarted"]["weights"]) == [
        Weight(BTC, False, SHARES // 4),
        Weight(ETH, False, SHARES * 3 // 4),
    ]


def test_start__bankrupt__reserves_at_once(world, engine, account, keeper):
    tx = started(world, account, -300 * WAD, keeper)
    assert tx.events["Reserved"]["deficit"] == 300 * WAD
    assert tx.events["Reserved"]["reserved"] == 300 * WAD
    assert tuple(world.waterfall.reservation(account)) == (0, 300 * WAD, 0, 0)
    assert world.waterfall.exits_blocked()


def test_start__flat_with_debt__finished_in_the_same_call(world, engine, account, keeper):
    world.ledger.set_cash(account, -7 * WAD, {"from": keeper})
    tx = engine.start(account, {"from": keeper})
    event = tx.events["Finished"]
    assert (event["loss"], event["covered"], event["shortfall"]) == (7 * WAD, 7 * WAD, 0)
    assert world.ledger.cash(account) == 0
    assert not world.ledger.is_started(account)


# --- touch and remark ------------------------------------------------------------------


def test_deposit__cures__ends_the_auction_and_a_restart_resumes_the_clock(
    world, engine, account, trader, keeper
):
    tx = started(world, account, 400 * WAD, keeper)
    chain.mine(timestamp=tx.timestamp + 600)
    cured = world.deposit(trader, 200, account)
    assert cured.events["AuctionEnded"]["equity"] == 600 * WAD
    shown = cured.timestamp - tx.timestamp
    chain.mine(timestamp=cured.timestamp + HOUR_S - 20)
    move_mark_to_equity(world, account, 400 * WAD)
    again = engine.start(account, {"from": keeper})
    assert engine.auction(account)[4] >= shown
    move_mark_to_equity(world, account, 600 * WAD)
    engine.touch(account, {"from": keeper})
    chain.mine(timestamp=again.timestamp + HOUR_S + 60)
    move_mark_to_equity(world, account, 400 * WAD)
    engine.start(account, {"from": keeper})
    assert engine.auction(account)[4] <= 1


def test_deposit__one_wei_under_kappa__auction_goes_on(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    move_mark_to_equity(world, account, 600 * WAD - 1)
    engine.touch(account, {"from": keeper})
    assert world.ledger.is_started(account)
    move_mark_to_equity(world, account, 600 * WAD)
    engine.touch(account, {"from": keeper})
    assert not world.ledger.is_started(account)


def test_touch__loss_does_not_fit__a_fill_reverts_a_deposit_passes(
    world, engine, account, trader, exchange, keeper
):
    started(world, account, -26_000 * WAD, keeper)
    with reverts("liquidation: loss not reserved"):
        engine.touch(account, {"from": exchange})
    world.deposit(trader, 100, account)
    assert world.ledger.health(account)[0] == -25_900 * WAD


def test_touch__not_started__does_nothing(world, engine, account, keeper):
    long_100(world, account, 400 * WAD)
    assert not engine.touch(account, {"from": keeper}).events


def test_remark__follows_the_deficit_both_ways(world, engine, account, keeper):
    started(world, account, -300 * WAD, keeper)
    move_mark_to_equity(world, account, -500 * WAD)
    engine.remark(account, {"from": keeper})
    assert world.waterfall.reserved_total(3) == 500 * WAD
    move_mark_to_equity(world, account, -100 * WAD)
    engine.remark(account, {"from": keeper})
    assert world.waterfall.reserved_total(3) == 100 * WAD
    move_mark_to_equity(world, account, 100 * WAD)
    engine.remark(account, {"from": keeper})
    assert not world.waterfall.exits_blocked()
    assert world.ledger.is_started(account)


def test_remark__not_started__reverts(world, engine, account, keeper):
    with reverts("liquidation: not started"):
        engine.remark(account, {"from": keeper})


def test_remark__fits_again__leaves_the_urgent_queue(world, engine, account, keeper):
    started(world, account, -26_000 * WAD, keeper)
    move_mark_to_equity(world, account, -100 * WAD)
    engine.remark(account, {"from": keeper})
    assert tuple(engine.queue_bounds())[2:] == (2, 2)
    with reverts("liquidation: nothing to resolve"):
        engine.resolve(10, {"from": keeper})
