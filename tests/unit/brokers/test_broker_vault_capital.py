"""BrokerVault: stake, deposits, locks, and who may take what out."""

from __future__ import annotations

import pytest

from plimsoll.contract import NodeSigner
from tests.support.broker_world import (
    DAY_S,
    NOTICE_S,
    PPM,
    UNIT,
    WINDOW_S,
)
from tests.support.expect import reverts

FREE = 1_900  # of 2,000 with 100 committed


def request_and_wait(world, vault, who, shares, wait_s=NOTICE_S):
    world.send(who, vault, "request_withdrawal", shares)
    world.wait(wait_s)


def offer_stake(world, vault, tokens, wait_s=NOTICE_S):
    world.send(world.operator, vault, "request_stake", tokens * UNIT)
    world.wait(wait_s)


# --- coming in --------------------------------------------------------------------------------


def test_add_stake__operator_only(world, vault):
    units = world.give(world.operator, 10, vault)
    with reverts("access: not operator"):
        world.send(world.attacker, vault, "add_stake", units)
    with reverts("vault: zero amount"):
        world.send(world.operator, vault, "add_stake", 0)
    (added,) = world.send(world.operator, vault, "add_stake", units)
    assert added.name == "StakeAdded"
    assert dict(added.args) == {"tokens": 10 * UNIT, "stake": 1_010 * UNIT}
    assert vault.read("totalAssets") == 1_000 * UNIT
    world.assert_sound(vault)


def test_deposit__up_to_the_first_loss_share(world):
    vault = world.open_vault(world.operator)
    depositor = world.depositor
    assert vault.read("maxDeposit", depositor.address) == 0
    world.stake(vault, 100)
    # a quarter must be stake: 100 of 400
    assert vault.read("maxDeposit", depositor.address) == 300 * UNIT
    assert vault.read("maxMint", depositor.address) == 300 * UNIT * 10**6
    world.give(depositor, 301, vault)
    with reverts("vault: stake too small"):
        world.send(depositor, vault, "deposit", 300 * UNIT + 1, depositor.address)
    with reverts("vault: zero amount"):
        world.send(depositor, vault, "deposit", 0, depositor.address)
    world.send(depositor, vault, "mint", 300 * UNIT * 10**6, depositor.address)
    assert vault.read("totalAssets") == 300 * UNIT
    assert vault.read("maxDeposit", depositor.address) == 0
    world.assert_sound(vault)


def test_deposit__into_a_leaving_broker__reverts(world, vault):
    world.send(world.operator, world.registry, "leave", vault.address)
    world.give(world.depositor, 1, vault)
    assert vault.read("maxDeposit", world.depositor.address) == 0
    with reverts("vault: closed"):
        world.send(world.depositor, vault, "deposit", UNIT, world.depositor.address)


# --- locks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("lock", (1, UNIT)),
        ("unlock", (1,)),
        ("pay_loss", (1, UNIT)),
        ("receive_fee", ("0x" + "11" * 20, UNIT, DAY_S)),
    ],
)
def test_locks__sponsorship_only(world, vault, function, args):
    for who in (world.operator, world.attacker, world.depositor):
        with reverts("access: not sponsorship"):
            world.send(who, vault, function, *args)


@pytest.mark.parametrize("function", ["commit", "uncommit", "pay_commitment"])
def test_commitment__fund_only(world, vault, function):
    for who in (world.operator, world.attacker):
        with reverts("access: not fund"):
            world.send(who, vault, function, 1)


def test_lock__bounded_by_free_capital(world, vault):
    assert vault.read("lock_room") == FREE * UNIT
    # the fund's share of 1,900 is 190, which would have to be there twice
    world.send(world.deployer, world.fund, "set_parameters", 50 * UNIT, 10_000, 0)
    world.set_health(world.account(world.client), 0)
    with reverts("vault: capital locked"):
        world.agree(world.terms(vault, guarantee=FREE * UNIT + 1))
    world.agree(world.terms(vault, guarantee=FREE * UNIT))
    assert vault.read("free_assets") == vault.read("lock_room") == 0
    world.assert_sound(vault)


def test_lock__bounded_by_omega_times_stake(world):
    vault = world.broker(stake=1_000, pool=1_000, omega_ppm=PPM)
    world.agree(world.terms(vault, guarantee=500 * UNIT))
    assert vault.read("lock_room") == 500 * UNIT
    other = world.terms(vault, world.other_client, guarantee=500 * UNIT + 1)
    with reverts("vault: locks above stake"):
        world.agree(other, world.other_client)
    world.set_fund(minimum=50, rate_ppm=50_000)
    world.agree(other.replaced(guarantee=500 * UNIT), world.other_client)
    assert vault.read("lock_room") == 0
    world.assert_sound(vault)


def test_lock__bounded_per_client(world):
    vault = world.broker(client_ppm=300_000)
    assert vault.read("client_limit") == 600 * UNIT
    with reverts("vault: above client limit"):
        world.agree(world.terms(vault, guarantee=600 * UNIT + 1))


def test_locks__of_a_sponsorship_gone_wrong(world, vault):
    """What Sponsorship never asks for, the vault would not do either."""
    account = world.sponsored(vault)
    address = world.sponsorship.address
    with world.rpc.impersonating(address):
        world.rpc.set_balance(address, 10**18)
        sponsorship = NodeSigner(address)
        with reverts("vault: lowers lock"):
            world.send(sponsorship, vault, "lock", account, 500 * UNIT - 1)
        with reverts("vault: loss above lock"):
            world.send(sponsorship, vault, "pay_loss", account, 500 * UNIT + 1)
        with reverts("vault: loss above lock"):
            world.send(sponsorship, vault, "pay_loss", world.account(world.other_client), 1)


def test_lock__offered_stake_counts_no_more(world, vault):
    offer_stake(world, vault, 800, wait_s=1)
    assert vault.read("lock_room") == 400 * UNIT
    with reverts("vault: above client limit"):
        world.agree(world.terms(vault, guarantee=400 * UNIT + 1))
    world.wait(NOTICE_S + WINDOW_S)
    assert vault.read("stake_request") == (0, 0, 0)
    assert vault.read("lock_room") == FREE * UNIT


# --- going out --------------------------------------------------------------------------------


def test_redeem__after_notice__pays(world, vault):
    who = world.depositor
    shares = vault.read("balanceOf", who.address)
    with reverts("vault: not requested in time"):
        world.send(who, vault, "redeem", shares, who.address, who.address)
    request_and_wait(world, vault, who, shares)
    assert vault.read("maxRedeem", who.address) == shares
    assert vault.read("maxWithdraw", who.address) == 1_000 * UNIT
    world.send(who, vault, "redeem", shares // 2, who.address, who.address)
    world.send(who, vault, "withdraw", 500 * UNIT, who.address, who.address)
    assert world.balance(who.address) == 1_000 * UNIT
    assert vault.read("totalSupply") == 0
    world.assert_sound(vault)


def test_redeem__locked_capital_stays(world, vault):
    world.set_fund(minimum=50, rate_ppm=10_000)
    world.sponsored(vault, guarantee=1_500)
    who = world.depositor
    shares = vault.read("balanceOf", who.address)
    request_and_wait(world, vault, who, shares)
    free = vault.read("free_assets")
    # the year's fee of 60 has earned for a week
    assert 400 * UNIT < free < 402 * UNIT
    with reverts("vault: capital locked"):
        world.send(who, vault, "withdraw", 403 * UNIT, who.address, who.address)
    most = vault.read("maxWithdraw", who.address)
    assert most == free
    world.send(who, vault, "withdraw", most, who.address, who.address)
    assert world.balance(who.address) == most
    world.assert_sound(vault)


def test_lock__leaves_what_depositors_have_asked_for(world, vault):
    world.send(world.depositor, vault, "request_withdrawal", 10**6 * 1_000 * UNIT)
    assert vault.read("lock_room") == (FREE - 1_000) * UNIT
    with reverts("vault: capital locked"):
        world.agree(world.terms(vault, guarantee=900 * UNIT + 1))
    world.agree(world.terms(vault, guarantee=800 * UNIT))


def test_redeem__while_a_reservation_stands__reverts(world, vault):
    who = world.depositor
    request_and_wait(world, vault, who, vault.read("balanceOf", who.address))
    loser = world.account(world.other_client)
    world.send(world.liquidator, world.waterfall, "reserve", loser, 10**16, 0)
    with reverts("vault: loss pending"):
        world.send(who, vault, "redeem", 10**6, who.address, who.address)


def test_withdraw_stake__in_its_window(world, vault):
    operator = world.operator
    with reverts("access: not operator"):
        world.send(world.attacker, vault, "request_stake", UNIT)
    with reverts("vault: above stake"):
        world.send(operator, vault, "request_stake", 1_000 * UNIT + 1)
    offer_stake(world, vault, 200, wait_s=NOTICE_S - 2)
    out = ("withdraw_stake", 200 * UNIT, operator.address)
    with reverts("access: not operator"):
        world.send(world.attacker, vault, *out)
    with reverts("vault: not requested in time"):
        world.send(operator, vault, *out)
    world.wait(2)
    with reverts("vault: zero amount"):
        world.send(operator, vault, "withdraw_stake", 0, operator.address)
    with reverts("vault: not requested in time"):
        world.send(operator, vault, "withdraw_stake", 200 * UNIT + 1, operator.address)
    (event,) = world.send(operator, vault, *out)
    assert event.name == "StakeWithdrawn"
    assert event["stake"] == vault.read("stake") == 800 * UNIT
    assert world.balance(operator.address) == 200 * UNIT
    with reverts("vault: not requested in time"):
        world.send(operator, vault, "withdraw_stake", 1, operator.address)
    world.assert_sound(vault)


def test_withdraw_stake__first_loss_share_stays(world, vault):
    operator = world.operator
    offer_stake(world, vault, 700)
    # a quarter of 1,000 + 333.333333 is 333.33333325
    with reverts("vault: stake too small"):
        world.send(operator, vault, "withdraw_stake", 666_666_667, operator.address)
    world.send(operator, vault, "withdraw_stake", 666_666_666, operator.address)


def test_withdraw_stake__locks_need_it(world):
    vault = world.broker(omega_ppm=PPM)
    world.sponsored(vault)
    operator = world.operator
    offer_stake(world, vault, 600)
    stake = vault.read("stake")
    with reverts("vault: locks above stake"):
        world.send(operator, vault, "withdraw_stake", stake - 500 * UNIT + 10**5, operator.address)
    world.send(operator, vault, "withdraw_stake", 500 * UNIT, operator.address)
    world.assert_sound(vault)


def test_withdraw_stake__committed_capital_stays(world):
    vault = world.broker(stake=1_000, pool=0)
    operator = world.operator
    offer_stake(world, vault, 1_000)
    with reverts("vault: capital locked"):
        world.send(operator, vault, "withdraw_stake", 900 * UNIT + 1, operator.address)
    world.send(operator, vault, "withdraw_stake", 900 * UNIT, operator.address)
    world.assert_sound(vault)


def test_withdraw_stake__after_a_loss__not_more_than_is_left(world, vault):
    account = world.sponsored(vault, guarantee=900)
    offer_stake(world, vault, 1_000, wait_s=NOTICE_S)
    world.send(world.liquidator, world.waterfall, "reserve", account, 900 * 10**18, 0)
    world.send(world.liquidator, world.waterfall, "draw", account, 900 * 10**18, 0)
    left = vault.read("stake")
    assert 100 * UNIT < left < 101 * UNIT
    with reverts("vault: above stake"):
        world.send(world.operator, vault, "withdraw_stake", left + UNIT, world.operator.address)


def test_request_stake__zero__cancels(world, vault):
    offer_stake(world, vault, 100, wait_s=1)
    (event,) = world.send(world.operator, vault, "request_stake", 0)
    assert dict(event.args) == {"tokens": 0, "opens": 0, "lapses": 0}
    assert vault.read("stake_request") == (0, 0, 0)
