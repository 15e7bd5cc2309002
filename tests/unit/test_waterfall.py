"""Waterfall: reservations, draws, rolling limits and concessions, to the wei."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain, project, reverts

from plimsoll.loss_weights import SHARES, Weight, pack
from tests.support.liquidation_world import (
    BTC,
    DAY_S,
    ETH,
    JUNIOR,
    PPM,
    SENIOR,
    WAD,
    all_in,
    build_world,
)

# a reservation may forget a few seconds of decay between two transactions
SECOND = 10**6 // DAY_S + 1
# an amount counts as a whole number of wei per second of at most 28 hours
ROUNDED_UP = 28 * 3_600
STEP_S = 4 * 3_600


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def engine():
    """The address the waterfall takes orders from."""
    return accounts[1]


@pytest.fixture(scope="module")
def attacker():
    return accounts[2]


@pytest.fixture(scope="module")
def world(deployer, engine):
    made = build_world(deployer, caller=engine)
    made.fund(100, 900)
    return made


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


ALICE, BOB = 11 << 96, 12 << 96
MIXED = pack([Weight(BTC, False, SHARES // 4), Weight(ETH, True, SHARES * 3 // 4)])


# --- capital ---------------------------------------------------------------------------


def test_capital__both_layers__less_what_is_reserved_and_asked_back(world, engine, deployer):
    assert world.waterfall.capital() == 1_000 * WAD
    world.waterfall.reserve(ALICE, 40 * WAD, all_in(BTC), {"from": engine})
    assert world.waterfall.capital() == 960 * WAD
    shares = world.senior.balanceOf(deployer)
    world.senior.request_withdrawal(shares // 2, {"from": deployer})
    offered = world.senior.offered_assets()
    assert world.waterfall.capital() == 960 * WAD - offered * 10**12
    world.waterfall.draw(ALICE, 40 * WAD, all_in(BTC), {"from": engine})
    # 25 and 15 have gone, and the loss took its part of what is asked back
    assert world.senior.offered_assets() < offered
    assert world.waterfall.capital() == 960 * WAD - world.senior.offered_assets() * 10**12


def test_capital__reserved_capital_asked_back__counts_as_nothing_not_below(world, engine, deployer):
    world.open_limits()
    world.waterfall.reserve(ALICE, 1_000 * WAD, all_in(BTC), {"from": engine})
    assert world.waterfall.capital() == 0
    shares = world.senior.balanceOf(deployer)
    world.senior.request_withdrawal(shares, {"from": deployer})
    assert world.waterfall.capital() == 0
    world.waterfall.reserve(ALICE, 0, all_in(BTC), {"from": engine})
    # junior, and the dead share of senior that nobody can ask back
    assert world.waterfall.capital() == 101 * WAD


# --- reserve ---------------------------------------------------------------------------


def test_reserve__small_loss__junior_only(world, engine):
    tx = world.waterfall.reserve(ALICE, 10 * WAD, all_in(BTC), {"from": engine})
    assert tuple(world.waterfall.reservation(ALICE)) == (0, 10 * WAD, 0, 0)
    assert tx.return_value == 10 * WAD
    event = tx.events["ReservationChanged"]
    assert (event["account"], event["junior"], event["senior"]) == (ALICE, 10 * WAD, 0)


def test_reserve__above_juniors_market_limit__senior_gives_the_rest(world, engine):
    world.waterfall.reserve(ALICE, 40 * WAD, all_in(BTC), {"from": engine})
    assert tuple(world.waterfall.reservation(ALICE)) == (0, 25 * WAD, 15 * WAD, 0)


def test_reserve__above_every_limit__gives_what_fits(world, engine):
    world.waterfall.reserve(ALICE, 1_000 * WAD, all_in(BTC), {"from": engine})
    # 25 % of 100 and 25 % of 900
    assert tuple(world.waterfall.reservation(ALICE)) == (0, 25 * WAD, 225 * WAD, 0)
    assert tuple(world.waterfall.capacity(all_in(BTC)))[1:3] == (0, 0)


def test_reserve__two_markets__first_bound_market_binds_the_layer(world, engine):
    world.waterfall.reserve(ALICE, 1_000 * WAD, MIXED, {"from": engine})
    # three quarters of the loss in ETH: 25 / 0.75 of junior
    assert world.waterfall.reservation(ALICE)[1] == 25 * WAD * SHARES // (SHARES * 3 // 4)
    assert 25 * WAD - 1 <= world.waterfall.used(JUNIOR, ETH) <= 25 * WAD + ROUNDED_UP


def test_reserve__global_limit__binds_over_markets(world, engine):
    for account, market in ((ALICE, BTC), (BOB, ETH)):
        world.waterfall.reserve(account, 25 * WAD, all_in(market), {"from": engine})
    room = world.waterfall.capacity(all_in(3))[1]
    assert 0 <= room < 10**17  # 50 % of junior is spoken for, but for seconds of decay


def test_reserve__all_assets_promised__nothing_left(world, engine, deployer):
    world.open_limits()
    world.waterfall.reserve(ALICE, 1_000 * WAD, all_in(BTC), {"from": engine})
    assert tuple(world.waterfall.reservation(ALICE)) == (0, 100 * WAD, 900 * WAD, 0)
    chain.mine(timedelta=2 * DAY_S)  # limits are forgotten, reservations are not
    assert tuple(world.waterfall.capacity(all_in(ETH))) == (0, 0, 0, 0)


def test_reserve__again__replaces_and_counts_once(world, engine):
    world.waterfall.reserve(ALICE, 20 * WAD, all_in(BTC), {"from": engine})
    world.waterfall.reserve(ALICE, 12 * WAD, all_in(BTC), {"from": engine})
    assert world.waterfall.reserved_total(JUNIOR) == 12 * WAD
    assert (
        12 * WAD - 12 * SECOND * 10**12
        <= world.waterfall.used(JUNIOR, BTC)
        <= 12 * WAD + ROUNDED_UP
    )


def test_reserve__same_amount_at_the_limit__still_fits_later(world, engine):
    world.waterfall.reserve(ALICE, 250 * WAD, all_in(BTC), {"from": engine})
    chain.mine(timedelta=DAY_S // 3)
    world.waterfall.reserve(ALICE, 250 * WAD, all_in(BTC), {"from": engine})
    assert sum(world.waterfall.reservation(ALICE)) == 250 * WAD


def test_reserve__again_after_the_base_was_forgotten__stays_set_aside(world, engine):
    world.waterfall.reserve(ALICE, 25 * WAD, all_in(BTC), {"from": engine})
    world.waterfall.draw(ALICE, 25 * WAD, all_in(BTC), {"from": engine})
    # the draw counts in the base of the other market's limit: a quarter of 75 + 25
    world.waterfall.reserve(BOB, 40 * WAD, all_in(ETH), {"from": engine})
    held = tuple(world.waterfall.reservation(BOB))
    assert 24 * WAD < held[1] <= 25 * WAD
    chain.sleep(DAY_S // 2)
    chain.mine()
    assert tuple(world.waterfall.preview(BOB, sum(held), all_in(ETH))) == held
    world.waterfall.reserve(BOB, sum(held), all_in(ETH), {"from": engine})
    assert tuple(world.waterfall.reservation(BOB)) == held
    paid = world.waterfall.draw(BOB, sum(held), all_in(ETH), {"from": engine}).return_value
    assert paid == sum(held)


def test_reserve__zero__releases_everything(world, engine):
    world.waterfall.reserve(ALICE, 250 * WAD, MIXED, {"from": engine})
    assert world.waterfall.exits_blocked()
    world.waterfall.reserve(ALICE, 0, MIXED, {"from": engine})
    assert not world.waterfall.exits_blocked()
    assert tuple(world.waterfall.reservation(ALICE)) == (0, 0, 0, 0)
    for layer in (JUNIOR, SENIOR):
        for market in (0, BTC, ETH):
            assert world.waterfall.used(layer, market) <= 1


def test_reserve__release_after_half_a_day__takes_off_what_is_left(world, engine):
    world.waterfall.reserve(ALICE, 20 * WAD, all_in(BTC), {"from": engine})
    chain.mine(timedelta=DAY_S // 2)
    world.waterfall.reserve(BOB, 4 * WAD, all_in(BTC), {"from": engine})
    world.waterfall.reserve(ALICE, 0, all_in(BTC), {"from": engine})
    left = world.waterfall.used(JUNIOR, BTC)
    assert 4 * WAD - SECOND * 10**13 <= left <= 4 * WAD + ROUNDED_UP


def test_preview__equals_reserve(world, engine):
    for account, amount, weights in (
        (ALICE, 31 * WAD + 7, MIXED),
        (BOB, 500 * WAD + 1, all_in(ETH)),
        (ALICE, 5 * WAD, MIXED),
        (ALICE, 700 * WAD, MIXED),
    ):
        # each call has its own time, and limits and what has been used change by the second
        shown = world.waterfall.preview(account, amount, weights)
        expected = world.waterfall.reserve.call(account, amount, weights, {"from": engine})
        assert abs(expected - sum(shown)) <= expected * 2 // DAY_S + 2
        world.waterfall.reserve(account, amount, weights, {"from": engine})
        done = world.waterfall.reservation(account)
        for now, before in zip(done, shown, strict=True):
            assert abs(now - before) <= before * 2 // DAY_S + 2


def test_used__decays_linearly_to_the_first_mark_after_a_day(world, engine):
    chain.mine(timestamp=(chain[-1].timestamp // STEP_S + 1) * STEP_S + 3_600)
    world.waterfall.reserve(ALICE, 20 * WAD, all_in(BTC), {"from": engine})
    counted = chain[-1].timestamp
    mark = -(-(counted + DAY_S) // STEP_S) * STEP_S
    for part in (1, 2, 3, 4):
        now = counted + (mark - counted) * part // 4
        chain.mine(timestamp=now)
        left = -(-20 * WAD // (mark - counted)) * (mark - now)
        assert world.waterfall.used(JUNIOR, BTC) == left
    assert left == 0


# --- draw ------------------------------------------------------------------------------


def test_draw__in_layer_order__moves_tokens_and_tells(world, engine):
    world.waterfall.reserve(ALICE, 40 * WAD, all_in(BTC), {"from": engine})
    tx = world.waterfall.draw(ALICE, 30 * WAD, all_in(BTC), {"from": engine})
    assert tx.return_value == 30 * WAD
    assert world.junior.totalAssets() == 75 * 10**6
    assert world.senior.totalAssets() == 895 * 10**6
    assert world.token.balanceOf(world.custody) == 30 * 10**6
    assert world.custody.backing() == 30 * WAD
    junior, senior = tx.events["Drawn"]
    assert (junior["layer"], junior["account"], junior["units"], junior["tokens"]) == (
        JUNIOR,
        ALICE,
        25 * WAD,
        25 * 10**6,
    )
    assert (junior["capacity_before"], junior["capacity_after"]) == (100 * WAD, 75 * WAD)
    assert (senior["layer"], senior["units"], senior["capacity_after"]) == (
        SENIOR,
        5 * WAD,
        895 * WAD,
    )
    assert not world.waterfall.exits_blocked()


def test_draw__does_not_count_twice_and_releases_the_rest(world, engine):
    world.waterfall.reserve(ALICE, 20 * WAD, all_in(BTC), {"from": engine})
    world.waterfall.draw(ALICE, 8 * WAD, all_in(BTC), {"from": engine})
    assert abs(world.waterfall.used(JUNIOR, BTC) - 8 * WAD) <= 20 * WAD * 3 // DAY_S
    # the base keeps the day's draws: 25 % of 100, not of 92
    room = world.waterfall.capacity(all_in(BTC))[1]
    assert abs(room - 17 * WAD) <= 20 * WAD * 6 // DAY_S


def test_draw__without_reservation__pays_nothing(world, engine):
    tx = world.waterfall.draw(ALICE, WAD, all_in(BTC), {"from": engine})
    assert tx.return_value == 0
    assert "Drawn" not in tx.events


def test_draw__part_of_a_token_unit__rounded_up_against_the_layer(world, engine):
    world.waterfall.reserve(ALICE, WAD + 1, all_in(BTC), {"from": engine})
    tx = world.waterfall.draw(ALICE, WAD + 1, all_in(BTC), {"from": engine})
    assert tx.return_value == WAD + 1
    assert tx.events["Drawn"]["tokens"] == 10**6 + 1


def test_draw__several_roundings_at_the_last_token__pays_what_there_is(world, engine):
    world.open_limits()
    third = 100 * WAD // 3
    for account in (1 << 96, 2 << 96, 3 << 96):
        world.waterfall.reserve(account, third, all_in(BTC), {"from": engine})
    paid = [
        world.waterfall.draw(account, third, all_in(BTC), {"from": engine}).return_value
        for account in (1 << 96, 2 << 96, 3 << 96)
    ]
    assert paid[:2] == [third, third]
    assert third - 2 * 10**12 < paid[2] <= third
    assert world.junior.totalAssets() == 0


def test_exits__blocked_while_reserved(world, engine, deployer):
    world.senior.request_withdrawal(10**6, {"from": deployer})
    _, opens, _ = world.senior.withdrawal_request(deployer)
    chain.mine(timestamp=opens + 1)
    world.waterfall.reserve(ALICE, WAD, all_in(BTC), {"from": engine})
    with reverts("vault: loss pending"):
        world.senior.redeem(10**6, deployer, deployer, {"from": deployer})
    world.waterfall.reserve(ALICE, 0, all_in(BTC), {"from": engine})
    world.senior.redeem(10**6, deployer, deployer, {"from": deployer})


# --- concessions -----------------------------------------------------------------------


def test_pay_concession__within_budget__pays_from_junior(world, engine):
    tx = world.waterfall.pay_concession(ALICE, BTC, WAD // 2, {"from": engine})
    assert tx.return_value == WAD // 2
    assert world.junior.totalAssets() == 99_500_000
    event = tx.events["ConcessionPaid"]
    assert (event["market"], event["units"], event["tokens"]) == (BTC, WAD // 2, 500_000)


def test_pay_concession__above_budget__pays_the_budget(world, engine):
    tx = world.waterfall.pay_concession(ALICE, BTC, 5 * WAD, {"from": engine})
    assert tx.return_value == WAD  # 1 % of 100
    assert (
        world.waterfall.pay_concession(ALICE, BTC, WAD, {"from": engine}).return_value
        < WAD // 1_000
    )
    assert (
        world.waterfall.pay_concession(ALICE, ETH, WAD // 2, {"from": engine}).return_value
        == WAD // 2
    )


def test_pay_concession__less_than_a_token_unit__pays_nothing(world, engine):
    assert (
        world.waterfall.pay_concession(ALICE, BTC, 10**12 - 1, {"from": engine}).return_value == 0
    )


def test_pay_concession__never_into_reservations(world, engine):
    world.open_limits()
    world.waterfall.reserve(ALICE, 100 * WAD - 1, all_in(ETH), {"from": engine})
    assert world.waterfall.concession_available(BTC) == 0
    assert world.waterfall.pay_concession(ALICE, BTC, WAD, {"from": engine}).return_value == 0
    assert world.junior.totalAssets() == 100 * 10**6


def test_concession_available__equals_what_is_paid(world, engine):
    for amount in (WAD // 3, 5 * WAD):
        available = world.waterfall.concession_available(BTC)
        paid = world.waterfall.pay_concession(ALICE, BTC, amount, {"from": engine}).return_value
        asked = amount // 10**12 * 10**12
        assert min(available, asked) <= paid <= min(available + 10**14, asked)


# --- who and how much ------------------------------------------------------------------


def test_liquidators_functions__anybody_else__revert(world, attacker):
    with reverts("access: not liquidator"):
        world.waterfall.reserve(ALICE, 1, 0, {"from": attacker})
    with reverts("access: not liquidator"):
        world.waterfall.draw(ALICE, 1, 0, {"from": attacker})
    with reverts("access: not liquidator"):
        world.waterfall.pay_concession(ALICE, BTC, 1, {"from": attacker})


def test_setters__anybody_else__revert(world, attacker):
    for call in (
        lambda: world.waterfall.set_limits(JUNIOR, (PPM, PPM), {"from": attacker}),
        lambda: world.waterfall.set_market_limit(JUNIOR, BTC, PPM, {"from": attacker}),
        lambda: world.waterfall.set_concession_budget(0, {"from": attacker}),
    ):
        with reverts("ownable: caller is not the owner"):
            call()


def test_set_limits__hard_bounds(world, deployer):
    sender = {"from": deployer}
    tx = world.waterfall.set_limits(SENIOR, (100_000, 10_000), sender)
    assert tx.events["LimitsSet"]["layer"] == SENIOR
    assert tuple(world.waterfall.limits(SENIOR)) == (100_000, 10_000)
    for limits in ((99_999, 10_000), (100_000, 9_999)):
        with reverts("waterfall: limit too low"):
            world.waterfall.set_limits(SENIOR, limits, sender)
    for limits in ((PPM + 1, PPM), (PPM, PPM + 1)):
        with reverts("waterfall: limit too high"):
            world.waterfall.set_limits(SENIOR, limits, sender)
    for layer in (2, 6):
        with reverts("waterfall: unknown layer"):
            world.waterfall.set_limits(layer, (PPM, PPM), sender)


def test_set_market_limit__overrides_and_returns(world, deployer, engine):
    sender = {"from": deployer}
    tx = world.waterfall.set_market_limit(JUNIOR, BTC, 10_000, sender)
    assert tx.events["MarketLimitSet"]["market_ppm"] == 10_000
    assert world.waterfall.capacity(all_in(BTC))[1] == WAD
    assert world.waterfall.capacity(all_in(ETH))[1] == 25 * WAD
    world.waterfall.set_market_limit(JUNIOR, BTC, 0, sender)
    assert world.waterfall.market_limit(JUNIOR, BTC) == 250_000
    with reverts("waterfall: limit too low"):
        world.waterfall.set_market_limit(JUNIOR, BTC, 9_999, sender)
    with reverts("waterfall: limit too high"):
        world.waterfall.set_market_limit(JUNIOR, BTC, PPM + 1, sender)
    with reverts("waterfall: unknown layer"):
        world.waterfall.set_market_limit(6, BTC, PPM, sender)


def test_set_concession_budget__hard_bound(world, deployer):
    world.waterfall.set_concession_budget(50_000, {"from": deployer})
    assert world.waterfall.concession_available(BTC) == 5 * WAD
    with reverts("waterfall: budget too high"):
        world.waterfall.set_concession_budget(50_001, {"from": deployer})


def test_wire__once_by_the_deployer(world, deployer, attacker):
    contract = project.get_loaded_projects()[0].Waterfall
    fresh = contract.deploy(world.custody, world.junior, world.senior, {"from": deployer})
    with reverts("wire: only deployer"):
        fresh.wire(attacker, attacker, attacker, {"from": attacker})
    with reverts("wire: zero address"):
        fresh.wire(ZERO_ADDRESS, attacker, attacker, {"from": deployer})
    with reverts("wire: zero address"):
        fresh.wire(attacker, ZERO_ADDRESS, attacker, {"from": deployer})
    with reverts("wire: zero address"):
        fresh.wire(attacker, attacker, ZERO_ADDRESS, {"from": deployer})
    fresh.wire(attacker, attacker, attacker, {"from": deployer})
    with reverts("wire: already done"):
        fresh.wire(deployer, deployer, deployer, {"from": deployer})
