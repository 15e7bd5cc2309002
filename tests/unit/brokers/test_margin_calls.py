"""Margin calls: every state, every actor, and the clock."""

from __future__ import annotations

import pytest

from tests.support.broker_world import CALLED, CURE_S, DAY_S, DEFAULTED, HOUR_S, UNIT, WAD
from tests.support.expect import reverts


def do(world, function, account, who=None):
    return world.send(who or world.anybody, world.sponsorship, function, account)


# --- none -> called ---------------------------------------------------------------------------


def test_call__below_the_buffer(world, vault):
    account = world.sponsored(vault)
    shield_until = world.guarantee(account)["shield_until"]
    world.set_health(account, 588, mm=490, im=980)
    with reverts("call: above buffer"):
        do(world, "call", account)
    world.set_health(account, 400, mm=490, im=980)
    (event,) = do(world, "call", account)
    # 490 * 1.25 - 400
    assert dict(event.args) == {
        "account": account,
        "broker": vault.address.lower(),
        "amount": 2125 * WAD // 10,
        "deadline": world.now + CURE_S,
    }
    assert world.call_of(account) == {
        "state": CALLED,
        "called_at": world.now,
        "deadline": world.now + CURE_S,
        "amount": 2125 * WAD // 10,
    }
    # nothing is opened on it any more, and it still shields
    assert world.guarantee(account)["opening_until"] == 0
    assert world.guarantee(account)["shield_until"] == shield_until


def test_call__of_a_flat_debtor(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, -10)
    (event,) = do(world, "call", account)
    assert event["amount"] == 10 * WAD


def test_call__refused(world, vault):
    with reverts("sponsor: no broker"):
        do(world, "call", world.account(world.client))
    account = world.call_for_margin(vault)
    with reverts("call: already open"):
        do(world, "call", account)


def test_call__under_liquidation__reverts(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, 400, mm=490, im=980)
    world.set_started(account)
    with reverts("account: under liquidation"):
        do(world, "call", account)


def test_call__expired__reverts(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, 400, mm=490, im=980)
    world.rpc.set_next_timestamp(world.guarantee(account)["shield_until"])
    with reverts("call: expired"):
        do(world, "call", account)


# --- called -> cured --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "mm"), [(612.5, 490), (400, 320)], ids=["by deposit", "by reducing"]
)
def test_cure__five_percent_above_the_buffer(world, vault, equity, mm):
    account = world.call_for_margin(vault)
    opening_until = world.sponsorship.read("sponsorship", account)["expiry"] - CURE_S - 2 * HOUR_S
    world.set_health(account, equity - 0.000001, mm=mm, im=2 * mm)
    with reverts("call: not cured"):
        do(world, "cure", account)
    world.set_health(account, equity, mm=mm, im=2 * mm)
    (event,) = do(world, "cure", account)
    assert event.name == "MarginCured"
    assert event["equity"] == round(equity * 10) * WAD // 10
    assert world.call_of(account)["state"] == 0
    assert world.guarantee(account)["opening_until"] == opening_until


def test_cure__in_the_last_second(world, vault):
    account = world.call_for_margin(vault)
    deadline = world.call_of(account)["deadline"]
    world.set_health(account, 700, mm=490, im=980)
    with world.rpc.undone():
        world.rpc.set_next_timestamp(deadline)
        do(world, "cure", account)
    world.rpc.set_next_timestamp(deadline + 1)
    with reverts("call: deadline passed"):
        do(world, "cure", account)


def test_cure__without_a_call_or_under_liquidation__reverts(world, vault):
    account = world.sponsored(vault)
    with reverts("call: not open"):
        do(world, "cure", account)
    world.set_health(account, 400, mm=490, im=980)
    do(world, "call", account)
    world.set_health(account, 700, mm=490, im=980)
    world.set_started(account)
    with reverts("account: under liquidation"):
        do(world, "cure", account)


def test_call__again_within_a_day__resumes_the_clock(world, vault):
    account = world.call_for_margin(vault)
    world.wait(4 * HOUR_S)
    world.set_health(account, 700, mm=490, im=980)
    do(world, "cure", account)
    left = CURE_S - 4 * HOUR_S
    world.set_health(account, 400, mm=490, im=980)
    world.wait(20 * HOUR_S)
    do(world, "call", account)
    assert left - 10 < world.call_of(account)["deadline"] - world.now <= left


def test_call__again__leaves_a_quarter_at_least(world, vault):
    account = world.call_for_margin(vault)
    world.wait(CURE_S - 10)
    world.set_health(account, 700, mm=490, im=980)
    do(world, "cure", account)
    world.set_health(account, 400, mm=490, im=980)
    do(world, "call", account)
    assert world.call_of(account)["deadline"] == world.now + CURE_S // 4


def test_call__a_day_after_the_cure__has_a_whole_period(world, vault):
    account = world.call_for_margin(vault)
    world.wait(4 * HOUR_S)
    world.set_health(account, 700, mm=490, im=980)
    do(world, "cure", account)
    cured = world.now
    world.set_health(account, 400, mm=490, im=980)
    world.rpc.set_next_timestamp(cured + DAY_S)
    do(world, "call", account)
    assert world.call_of(account)["deadline"] == world.now + CURE_S


# --- called -> defaulted ----------------------------------------------------------------------


def test_default__after_the_deadline(world, vault):
    account = world.call_for_margin(vault)
    deadline = world.call_of(account)["deadline"]
    world.rpc.set_next_timestamp(deadline)
    with reverts("call: not due"):
        do(world, "declare_default", account)
    world.rpc.set_next_timestamp(deadline + 1)
    (event,) = do(world, "declare_default", account)
    assert dict(event.args) == {"account": account, "broker": vault.address.lower(), "early": False}
    assert world.call_of(account)["state"] == DEFAULTED
    assert world.guarantee(account)["shield_until"] == deadline + 1
    assert world.guarantee(account)["opening_until"] == 0
    # it is still first loss
    assert vault.read("locks", account) == 500 * UNIT
    assert world.guarantee(account)["amount"] == 500 * WAD
    for function, reason in (
        ("call", "call: defaulted"),
        ("cure", "call: not open"),
        ("declare_default", "call: not open"),
    ):
        with reverts(reason):
            do(world, function, account)
    world.assert_sound(vault)


def test_default__lock_is_released_or_renewed_like_an_expired_one(world, vault):
    account = world.call_for_margin(vault)
    world.wait(CURE_S + 1)
    do(world, "declare_default", account)
    with reverts("release: needs guarantee"):
        do(world, "release", account)
    world.set_health(account, 1_000, mm=490, im=980)
    with world.rpc.undone():
        do(world, "release", account)
        assert vault.read("client_locks") == 0
    world.agree(world.terms(vault))
    assert world.call_of(account)["state"] == 0
    assert world.guarantee(account)["opening_until"] > world.now


def test_default__without_a_call__reverts(world, vault):
    account = world.sponsored(vault)
    with reverts("call: not open"):
        do(world, "declare_default", account)


def test_default__while_started(world, vault):
    account = world.call_for_margin(vault)
    world.set_started(account)
    world.wait(CURE_S + 1)
    do(world, "declare_default", account)
    assert world.call_of(account)["state"] == DEFAULTED


# --- the operator -----------------------------------------------------------------------------


def test_start_early__below_what_the_client_signed(world, vault):
    account = world.call_for_margin(vault)
    world.set_health(account, 245, mm=490, im=980)
    with reverts("call: above early start"):
        do(world, "start_early", account, world.operator)
    world.set_health(account, 244.999999, mm=490, im=980)
    for who in (world.anybody, world.client, world.other_operator):
        with reverts("access: not operator"):
            do(world, "start_early", account, who)
    (event,) = do(world, "start_early", account, world.operator)
    assert (event.name, event["early"]) == ("MarginDefaulted", True)
    assert world.call_of(account)["state"] == DEFAULTED
    assert world.guarantee(account)["shield_until"] == world.now


def test_start_early__never__unless_below_zero(world, vault):
    account = world.call_for_margin(vault, early_ppm=0)
    world.set_health(account, 0, mm=490, im=980)
    with reverts("call: above early start"):
        do(world, "start_early", account, world.operator)
    world.set_health(account, -0.000001, mm=490, im=980)
    do(world, "start_early", account, world.operator)


def test_start_early__without_a_call__reverts(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, 0, mm=490, im=980)
    with reverts("call: not open"):
        do(world, "start_early", account, world.operator)
    with reverts("sponsor: no broker"):
        do(world, "start_early", world.account(world.other_client), world.operator)
