"""Liquidator: the resolve queue, with a ledger whose positions are set by hand."""

from __future__ import annotations

from brownie import accounts, chain, reverts

from tests.support.liquidation_world import (
    BTC,
    ETH,
    FAR,
    PPM,
    WAD,
    T,
    account_of,
    move_mark_to_equity,
    places,
    set_params,
    started,
)


def test_resolve__nothing_started__reverts(world, engine, keeper):
    with reverts("liquidation: nothing to resolve"):
        engine.resolve(10, {"from": keeper})


def test_resolve__too_early__reverts(world, engine, account, keeper):
    tx = started(world, account, 400 * WAD, keeper)
    chain.mine(timestamp=tx.timestamp + T - 5)
    with reverts("liquidation: nothing to resolve"):
        engine.resolve(10, {"from": keeper})
    chain.mine(timestamp=tx.timestamp + T)
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__solvent__rematches_until_kappa(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    event = tx.events["Rematched"]
    # half of 400 / 500 * 5 %
    assert (event["market"], event["discount_ppm"]) == (BTC, 19_999)
    equity, _, mm, *_ = world.ledger.health(account)
    assert 0 <= equity * PPM - mm * 1_200_000 <= 100 * PPM
    assert "AuctionEnded" in tx.events


def test_resolve__equity_of_exactly_zero__is_rematched_at_mark(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    move_mark_to_equity(world, account, 0)
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert [event["discount_ppm"] for event in tx.events["Rematched"]] == [0]
    assert world.ledger.adl_job()[0] == 0


def test_resolve__solvent__leg_by_leg(world, engine, account, keeper):
    world.give(account, 20 * WAD, {BTC: (100, 110), ETH: (500, 10)})
    engine.start(account, {"from": keeper})
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert [event["market"] for event in tx.events["Rematched"]] == [BTC, ETH]
    assert not world.ledger.is_started(account)


def test_resolve__buckets_used_up__call_again(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=T)
    world.ledger.set_rematch_most(30 * WAD, {"from": keeper})
    assert engine.resolve(1, {"from": keeper}).return_value is False
    assert places(world) == [account]
    assert engine.resolve(1, {"from": keeper}).return_value is True


def test_resolve__no_counterparty__goes_to_the_back(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=T)
    world.ledger.set_rematch_most(0, {"from": keeper})
    tx = engine.resolve(1, {"from": keeper})
    assert tx.return_value is False
    assert tx.events["Requeued"]["queue_index"] == 2


def test_resolve__bankrupt_and_run_out__frozen_resolve_then_one_draw(
    world, engine, account, into, taker, keeper, exchange
):
    started(world, account, -300 * WAD, keeper)
    chain.mine(timedelta=T)
    world.ledger.set_resolve(2, 0, {"from": keeper})
    assert engine.resolve(10, {"from": keeper}).return_value is False
    job = world.ledger.adl_job()
    assert (job[0], job[2], job[3], job[4]) == (account, 300 * WAD, 300 * WAD, 0)
    assert world.ledger.last_weights() == engine.auction(account)[2]
    for call in (
        lambda: engine.take(account, BTC, 5 * WAD, FAR, into, {"from": taker}),
        lambda: engine.touch(account, {"from": exchange}),
        lambda: engine.remark(account, {"from": keeper}),
    ):
        with reverts("liquidation: being resolved"):
            call()
    tx = engine.resolve(10, {"from": keeper})
    assert tx.return_value is True
    assert tx.events["Finished"]["covered"] == 300 * WAD
    assert engine.resolving() == 0


def test_resolve__does_not_fit__at_once_with_haircut_and_shortfall(world, engine, account, keeper):
    # the winners pay 600 of the 1,000 that do not fit; 400 stay
    started(world, account, -26_000 * WAD, keeper)
    world.ledger.set_resolve(1, 600 * WAD, {"from": keeper})
    tx = engine.resolve(10, {"from": keeper})
    assert tx.return_value is True
    event = tx.events["Finished"]
    assert event["loss"] == 25_400 * WAD
    assert abs(event["covered"] - 25_000 * WAD) < WAD
    assert event["shortfall"] == event["loss"] - event["covered"]
    assert tx.events["ShortfallBooked"]["amount"] == event["shortfall"]


def test_resolve__credits_pay_everything__released_without_draw(world, engine, account, keeper):
    started(world, account, -26_000 * WAD, keeper)
    world.ledger.set_resolve(1, 26_000 * WAD + 5, {"from": keeper})
    tx = engine.resolve(10, {"from": keeper})
    assert "Drawn" not in tx.events
    assert tx.events["AuctionEnded"]["equity"] == 5
    assert not world.waterfall.exits_blocked()


def test_resolve__unfinished_for_ten_minutes__frozen_anew(world, engine, account, keeper):
    started(world, account, -300 * WAD, keeper)
    chain.mine(timedelta=T)
    world.ledger.set_resolve(9, 0, {"from": keeper})
    engine.resolve(1, {"from": keeper})
    move_mark_to_equity(world, account, -400 * WAD)
    engine.resolve(1, {"from": keeper})
    assert world.ledger.adl_job()[2] == 300 * WAD
    chain.mine(timedelta=600)
    world.ledger.set_job_phase(1, {"from": keeper})
    engine.resolve(1, {"from": keeper})  # a haircut half done is finished first
    assert world.ledger.adl_job()[2] == 300 * WAD
    world.ledger.set_job_phase(2, {"from": keeper})
    engine.resolve(1, {"from": keeper})
    assert tuple(world.ledger.adl_job())[2:4] == (400 * WAD, 400 * WAD)


def test_resolve__order_by_start_time(world, engine, keeper):
    owners = [account_of(accounts[i]) for i in (5, 6, 7)]
    for owner in owners:
        started(world, owner, 400 * WAD, keeper)
    chain.mine(timedelta=T)
    assert places(world) == owners
    ended = [engine.resolve(9, {"from": keeper}).events["AuctionEnded"]["account"] for _ in owners]
    assert ended == owners


def test_queue__gives_as_many_places_as_asked_for_and_64_at_most(world, engine, keeper):
    owners = [account_of(accounts[i]) for i in (5, 6, 7)]
    for owner in owners:
        started(world, owner, 400 * WAD, keeper)
    head, end, *_ = engine.queue_bounds()
    assert end - head == 3
    assert list(engine.queue(head, 0)) == []
    assert list(engine.queue(head, 2)) == owners[:2]
    assert list(engine.queue(head + 1, 1)) == owners[1:2]
    assert list(engine.queue(head, 65)) == owners + [0] * 61


def test_resolve__cured_on_the_way__removed(world, engine, account, keeper, attacker):
    other = account_of(attacker)
    started(world, other, 400 * WAD, keeper)
    started(world, account, 400 * WAD, keeper)
    move_mark_to_equity(world, other, 700 * WAD)
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert [event["account"] for event in tx.events["AuctionEnded"]] == [other, account]


def test_resolve__without_price__goes_to_the_back_and_holds_up_nobody(
    world, engine, account, keeper, attacker
):
    stuck = [account_of(attacker, i) for i in range(3)]
    for other in stuck:
        world.give(other, 4 * WAD, {ETH: (10, 11)})
        engine.start(other, {"from": keeper})
    started(world, account, 400 * WAD, keeper)
    world.ledger.set_priced(ETH, False, {"from": keeper})
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert tx.events["AuctionEnded"]["account"] == account
    assert [event["account"] for event in tx.events["Requeued"]] == stuck
    assert places(world) == stuck


def test_resolve__bankrupt_without_any_price__waits_at_the_back(world, engine, account, keeper):
    world.give(account, -26_000 * WAD, {BTC: (100, 110), ETH: (10, 11)})
    for market in (BTC, ETH):
        world.ledger.set_priced(market, False, {"from": keeper})
    engine.start(account, {"from": keeper})
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert tx.return_value is False
    assert tx.events["Requeued"]["account"] == account
    for market in (BTC, ETH):
        world.ledger.set_priced(market, True, {"from": keeper})
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__no_buckets__reverts(engine, keeper):
    with reverts("liquidation: zero buckets"):
        engine.resolve(0, {"from": keeper})


def test_resolve__more_than_sixteen_stuck__the_seventeenth_is_next(
    world, engine, account, keeper, attacker
):
    for i in range(17):
        other = account_of(attacker, i)
        world.give(other, 4 * WAD, {ETH: (10, 11)})
        engine.start(other, {"from": keeper})
    started(world, account, 400 * WAD, keeper)
    world.ledger.set_priced(ETH, False, {"from": keeper})
    chain.mine(timedelta=T)
    tx = engine.resolve(10, {"from": keeper})
    assert tx.return_value is False
    assert len(tx.events["Requeued"]) == 16
    tx = engine.resolve(10, {"from": keeper})
    assert tx.events["AuctionEnded"]["account"] == account


def test_resolve__restarted_auction__runs_a_quarter_again(world, engine, account, keeper):
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=2 * T)
    move_mark_to_equity(world, account, 700 * WAD)
    engine.touch(account, {"from": keeper})
    move_mark_to_equity(world, account, 400 * WAD)
    tx = engine.start(account, {"from": keeper})
    assert engine.auction(account)[4] >= 2 * T
    chain.mine(timestamp=tx.timestamp + T // 4 - 5)
    with reverts("liquidation: nothing to resolve"):
        engine.resolve(10, {"from": keeper})
    chain.mine(timestamp=tx.timestamp + T // 4)
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__restarted_auction__a_quarter_is_whole_seconds_rounded_down(
    world, engine, account, keeper
):
    set_params(world, duration=T + 3)
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=2 * T)
    move_mark_to_equity(world, account, 700 * WAD)
    engine.touch(account, {"from": keeper})
    move_mark_to_equity(world, account, 400 * WAD)
    tx = engine.start(account, {"from": keeper})
    chain.mine(timestamp=tx.timestamp + T // 4 - 1)
    with reverts("liquidation: nothing to resolve"):
        engine.resolve.call(10, {"from": keeper})
    chain.mine(timestamp=tx.timestamp + T // 4)
    assert engine.resolve.call(10, {"from": keeper}) is True
