"""Liquidator: auctions, takes, the resolve queue, with a ledger whose positions are set by hand."""

from __future__ import annotations

import pytest
from brownie import accounts, chain, reverts, web3

from plimsoll.loss_weights import SHARES, Weight, unpack
from tests.support.liquidation_world import (
    BTC,
    ETH,
    PPM,
    WAD,
    account_of,
    build_world,
)

HOUR_S = 3_600
T = 1_800
FAR = 10**30  # a limit price no buyer minds


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def exchange(deployer):
    """Stands where the exchange stands."""
    return deployer


@pytest.fixture(scope="module")
def trader():
    return accounts[1]


@pytest.fixture(scope="module")
def taker():
    return accounts[2]


@pytest.fixture(scope="module")
def keeper():
    return accounts[3]


@pytest.fixture(scope="module")
def attacker():
    return accounts[4]


@pytest.fixture(scope="module")
def world(deployer):
    made = build_world(deployer)
    made.fund(10_000, 90_000)
    return made


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


@pytest.fixture
def engine(world):
    return world.liquidator


@pytest.fixture
def account(trader):
    return account_of(trader)


@pytest.fixture
def into(taker):
    return account_of(taker, 7)


def long_100(world, account, equity):
    """100 BTC at mark 100, entered at 110: notional 10,000, MM 500."""
    world.give(account, equity, {BTC: (100, 110)})


def started(world, account, equity, keeper):
    """The same, under liquidation."""
    long_100(world, account, equity)
    return world.liquidator.start(account, {"from": keeper})


def move_mark_to_equity(world, account, equity):
    """Leave the legs alone and set the cash so that equity is what is asked."""
    now = world.ledger.health(account)[0]
    world.ledger.set_cash(
        account, world.ledger.cash(account) + equity - now, {"from": world.deployer}
    )


def places(world):
    """Live accounts in the queue by start time."""
    head, end, _, _ = world.liquidator.queue_bounds()
    return [account for account in world.liquidator.queue(head, end - head) if account]


def set_params(world, **changes):
    """Change some of the auction's parameters."""
    names = ("c_min", "c_max", "duration", "kappa", "fee", "insurance")
    values = dict(zip(names, tuple(world.liquidator.params()), strict=True))
    values.update(changes)
    return world.liquidator.set_params(tuple(values.values()), {"from": world.deployer})


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


# --- take ------------------------------------------------------------------------------


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


# --- resolve ---------------------------------------------------------------------------


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


# --- parameters ------------------------------------------------------------------------


def test_set_params__anybody_else__reverts(world, engine, attacker):
    with reverts("ownable: caller is not the owner"):
        engine.set_params(tuple(engine.params()), {"from": attacker})


@pytest.mark.parametrize(
    ("last_good", "first_bad", "reason"),
    [
        ({"c_min": 30_000}, {"c_min": 30_001}, "params: concession order"),
        ({"c_max": 100_000}, {"c_max": 100_001}, "params: concession too high"),
        ({"duration": 60}, {"duration": 59}, "params: duration out of bounds"),
        ({"duration": 3_600}, {"duration": 3_601}, "params: duration out of bounds"),
        ({"kappa": 1_010_000}, {"kappa": 1_009_999}, "params: kappa out of bounds"),
        ({"kappa": 2_000_000}, {"kappa": 2_000_001}, "params: kappa out of bounds"),
        ({"fee": 20_000}, {"fee": 20_001}, "params: fee too high"),
        ({"insurance": 10_000}, {"insurance": 10_001}, "params: insurance pays too much"),
    ],
)
def test_set_params__both_sides_of_each_bound(world, last_good, first_bad, reason):
    tx = set_params(world, **last_good)
    assert tuple(tx.events["ParamsSet"]["params"]) == tuple(world.liquidator.params())
    with reverts(reason):
        set_params(world, **first_bad)
