"""Liquidator: takes."""

from __future__ import annotations

from brownie import chain, reverts, web3

from tests.support.liquidation_world import (
    BTC,
    ETH,
    FAR,
    PPM,
    WAD,
    T,
    account_of,
    long_100,
    move_mark_to_equity,
    places,
    set_params,
    started,
)


def test_take__exact_terms__restores_kappa_and_ends(world, engine, account, into, taker, keeper):
    set_params(world, c_min=10_000, c_max=10_000)
    started(world, account, 400 * WAD, keeper)
    chain.mine()
    size_max, size_min, c, c_a, phi_a, mark = engine.take_terms(account, BTC)
    assert (c, c_a, phi_a, mark) == (10_000, 10_000, 5_000, 100 * WAD)
    assert size_min == 5 * WAD  # 5 % of the leg
    # (1.2 * 500 - 400) / (1.2 * 5 % - 1.5 %) = 4,444.4 of notional
    assert 44_444_444_444_444_444_444 <= size_max <= 44_444_444_444_444_444_460
    tx = engine.take(account, BTC, 2**200, 99 * WAD, into, {"from": taker})
    assert tx.return_value == size_max
    event = tx.events["Taken"]
    assert (event["account"], event["taker"], event["market"]) == (account, into, BTC)
    assert (event["size"], event["mark"]) == (size_max, 100 * WAD)
    assert event["account_price"] == 99 * WAD
    assert event["fee"] == size_max * 100 * 5_000 // PPM
    assert event["insurance_concession"] == 0
    assert world.ledger.insurance_fees() == event["fee"]
    equity, _, mm, *_ = world.ledger.health(account)
    assert (event["equity"], event["mm"]) == (equity, mm)
    assert 0 <= equity * PPM - mm * 1_200_000 <= 100 * PPM
    assert "AuctionEnded" in tx.events
    assert not world.ledger.is_started(account)
    assert engine.auction(account)[0] == 0
    assert places(world) == []


def test_take__short_leg__sells_to_the_account(world, engine, account, into, taker, keeper):
    set_params(world, c_min=10_000, c_max=10_000)
    world.give(account, 400 * WAD, {BTC: (-100, 90)})
    engine.start(account, {"from": keeper})
    with reverts("liquidation: price under limit"):
        engine.take(account, BTC, 5 * WAD, 101 * WAD + 1, into, {"from": taker})
    tx = engine.take(account, BTC, 5 * WAD, 101 * WAD, into, {"from": taker})
    assert tx.events["Taken"]["size"] == -5 * WAD
    assert tx.events["Taken"]["account_price"] == 101 * WAD


def test_take__account_can_pay_less__insurance_adds_up_to_one_percent(
    world, engine, account, into, taker, keeper
):
    set_params(world, c_min=30_000, c_max=30_000)
    started(world, account, 100 * WAD, keeper)  # 100 / 500 * 5 % = 1 %
    chain.mine()
    _, _, c, c_a, phi_a, _ = engine.take_terms(account, BTC)
    assert (c, c_a, phi_a) == (30_000, 9_999, 0)
    tx = engine.take(account, BTC, 50 * WAD, FAR, into, {"from": taker})
    assert tx.events["Taken"]["fee"] == 0
    assert tx.events["Taken"]["insurance_concession"] == 50 * WAD  # 1 % of 5,000, not 2 %
    assert world.ledger.last_bonus() == 50 * WAD
    assert world.junior.totalAssets() == 9_950 * 10**6


def test_take__budget_used_up__taker_gets_less_and_the_limit_knows(
    world, engine, account, into, taker, keeper, deployer
):
    set_params(world, c_min=20_000, c_max=20_000)
    world.waterfall.set_concession_budget(1_000, {"from": deployer})  # 10
    started(world, account, 100 * WAD, keeper)
    # 9,999 ppm from the account and 10 / 50 = 0.2 of price from insurance
    price = 100 * WAD * (PPM - 9_999) // PPM - WAD // 5
    with reverts("liquidation: price over limit"):
        engine.take(account, BTC, 50 * WAD, price - 1, into, {"from": taker})
    engine.take(account, BTC, 50 * WAD, price, into, {"from": taker})
    assert world.ledger.last_bonus() == 10 * WAD


def test_take__concession_grows_over_time(world, engine, account, keeper):
    tx = started(world, account, 499 * WAD, keeper)
    chain.mine(timestamp=tx.timestamp + T // 2)
    assert abs(engine.take_terms(account, BTC)[2] - 17_500) <= 15
    chain.mine(timestamp=tx.timestamp + T)
    assert engine.take_terms(account, BTC)[2] == 30_000
    chain.mine(timestamp=tx.timestamp + 5 * T)
    assert engine.take_terms(account, BTC)[2] == 30_000


def test_take__slice_bounds(world, engine, account, into, taker, keeper):
    started(world, account, 400 * WAD, keeper)
    with reverts("liquidation: slice too small"):
        engine.take(account, BTC, 5 * WAD - 1, FAR, into, {"from": taker})
    tx = engine.take(account, BTC, 5 * WAD, FAR, into, {"from": taker})
    assert tx.return_value == 5 * WAD


def test_take__leg_of_the_minimum_notional__only_whole(world, engine, account, into, taker, keeper):
    world.give(account, 4 * WAD, {BTC: (1, 110)})
    engine.start(account, {"from": keeper})
    with reverts("liquidation: slice too small"):
        engine.take(account, BTC, WAD - 1, FAR, into, {"from": taker})
    assert engine.take(account, BTC, WAD, FAR, into, {"from": taker}).return_value == WAD


def test_take__dust_leg_without_notional__whole(world, engine, account, into, taker, keeper):
    world.give(account, 400 * WAD, {BTC: (100, 110)})
    world.ledger.set_mark(ETH, 1, {"from": keeper})
    world.ledger.set_position(account, ETH, 5, 1, {"from": keeper})
    engine.start(account, {"from": keeper})
    chain.mine()
    assert tuple(engine.take_terms(account, ETH))[:2] == (5, 5)
    assert engine.take(account, ETH, 5, FAR, into, {"from": taker}).return_value == 5


def test_take__cross_account_with_one_leg_without_price__other_legs_go_on(
    world, engine, account, into, taker, keeper
):
    world.give(account, 400 * WAD, {BTC: (100, 110), ETH: (10, 10)})
    engine.start(account, {"from": keeper})
    world.ledger.set_priced(ETH, False, {"from": keeper})
    with reverts("liquidation: no price"):
        engine.take(account, ETH, 10 * WAD, FAR, into, {"from": taker})
    engine.take(account, BTC, 5 * WAD, FAR, into, {"from": taker})


def test_take__same_block_as_start__reverts(world, engine, account, into, taker, keeper):
    long_100(world, account, 400 * WAD)
    web3.provider.make_request("evm_setAutomine", [False])
    try:
        options = {"required_confs": 0, "gas_limit": 2_000_000, "allow_revert": True}
        opened = engine.start(account, {"from": keeper, **options})
        early = engine.take(account, BTC, 5 * WAD, FAR, into, {"from": taker, **options})
        web3.provider.make_request("evm_mine", [])
    finally:
        web3.provider.make_request("evm_setAutomine", [True])
    opened.wait(1)
    early.wait(1)
    assert opened.block_number == early.block_number
    assert early.revert_msg == "liquidation: too early"


def test_take__wrong_calls__revert(world, engine, account, into, taker, trader, attacker, keeper):
    long_100(world, account, 400 * WAD)
    with reverts("liquidation: not started"):
        engine.take(account, BTC, WAD, FAR, into, {"from": taker})
    engine.start(account, {"from": keeper})
    with reverts("liquidation: not taker's account"):
        engine.take(account, BTC, WAD, FAR, into, {"from": attacker})
    with reverts("liquidation: self take"):
        engine.take(account, BTC, WAD, FAR, account_of(trader, 5), {"from": trader})
    with reverts("access: not exchange"):
        engine.take_for(into, account, BTC, WAD, FAR, {"from": attacker})
    with reverts("liquidation: no position"):
        engine.take(account, ETH, WAD, FAR, into, {"from": taker})
    move_mark_to_equity(world, account, 600 * WAD)
    with reverts("liquidation: cured"):
        engine.take(account, BTC, 5 * WAD, FAR, into, {"from": taker})
    with reverts("liquidation: not started"):
        engine.take_terms(account + 1, BTC)


def test_take_for__exchange__takes_into_the_signers_account(
    world, engine, account, into, exchange, keeper
):
    started(world, account, 400 * WAD, keeper)
    tx = engine.take_for(into, account, BTC, 5 * WAD, FAR, {"from": exchange})
    assert tx.return_value == 5 * WAD
    with reverts("liquidation: self take"):
        engine.take_for(account + 1, account, BTC, 5 * WAD, FAR, {"from": exchange})


def test_take__ledger_takes_more_than_the_terms__reverts(
    world, engine, account, into, taker, keeper
):
    started(world, account, 100 * WAD, keeper)
    world.ledger.set_take_loss(WAD, {"from": keeper})
    with reverts("liquidation: margin worsened"):
        engine.take(account, BTC, 50 * WAD, FAR, into, {"from": taker})
    move_mark_to_equity(world, account, -100 * WAD)
    with reverts("liquidation: equity worsened"):
        engine.take(account, BTC, 50 * WAD, FAR, into, {"from": taker})
    world.ledger.set_take_loss(4 * 101, {"from": keeper})
    engine.take(account, BTC, 50 * WAD, FAR, into, {"from": taker})


def test_take__bankrupt__size_and_cash_only_then_one_draw(
    world, engine, account, into, taker, keeper
):
    set_params(world, c_min=20_000, c_max=20_000)
    started(world, account, -300 * WAD, keeper)
    chain.mine()
    assert tuple(engine.take_terms(account, BTC)) == (
        100 * WAD,
        5 * WAD,
        20_000,
        0,
        0,
        100 * WAD,
    )
    tx = engine.take(account, BTC, 40 * WAD, 99 * WAD, into, {"from": taker})
    assert tx.events["Taken"]["account_price"] == 100 * WAD
    assert tx.events["Taken"]["insurance_concession"] == 40 * WAD  # 1 % of 4,000
    assert world.ledger.health(account)[0] == -300 * WAD
    assert world.waterfall.reservation(account)[1] == 300 * WAD
    tx = engine.take(account, BTC, 60 * WAD, FAR, into, {"from": taker})
    event = tx.events["Finished"]
    assert (event["account"], event["loss"]) == (account, 300 * WAD)
    assert (event["covered"], event["shortfall"]) == (300 * WAD, 0)
    assert not world.waterfall.exits_blocked()
    assert not world.ledger.is_started(account)
    assert world.ledger.cash(account) == 0


def test_take__loss_beyond_the_waterfall__reverts_until_resolved(
    world, engine, account, into, taker, keeper
):
    # 25 % of 100,000 is what one market gets in a day
    started(world, account, -25_001 * WAD, keeper)
    with reverts("liquidation: loss not reserved"):
        engine.take(account, BTC, 50 * WAD, FAR, into, {"from": taker})
    assert tuple(engine.queue_bounds())[2:] == (1, 2)  # start has put it into the urgent queue
