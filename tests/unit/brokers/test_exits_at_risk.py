"""What clients may cost: who leaves bears it, nobody enters meanwhile, and the stake stays."""

from __future__ import annotations

import pytest

from tests.support.broker_world import CURE_S, DAY_S, NOTICE_S, PPM, UNIT, WAD
from tests.support.expect import reverts

SHARES = 10**6  # of a token unit at par


@pytest.fixture
def account(world, vault):
    """A client with 1,200 of 2,000 locked; 240 are committed."""
    return world.sponsored(vault, guarantee=1_200, fee_ppm=0)


def at_risk(world, vault):
    return world.sponsorship.read("at_risk", vault.address) / UNIT


def measure(world, account, equity, mm):
    world.set_health(account, equity, mm=mm, im=2 * mm)
    return world.send(world.anybody, world.sponsorship, "measure", account)


def leave_soon(world, vault, tokens=400):
    who = world.depositor
    world.send(who, vault, "request_withdrawal", tokens * UNIT * SHARES)
    world.wait(NOTICE_S)
    return who


def draw(world, account, tokens):
    for function in ("reserve", "draw"):
        world.send(world.liquidator, world.waterfall, function, account, tokens * WAD, 0)


# --- how much ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "mm", "expected"),
    [
        (120, 100, 0),  # just at the buffer
        (119.999999, 100, 280.000001),  # four margins, less what is there
        (-50, 100, 450),
        (0, 500, 1_200),  # its lock at most
        (-10, 0, 10),  # flat, and owes
        (0, 0, 0),
    ],
)
def test_measure__four_margins_beyond_own_equity(world, vault, account, equity, mm, expected):
    measure(world, account, equity, mm)
    assert at_risk(world, vault) == expected
    assert world.sponsorship.read("risk_of", account) == round(expected * UNIT)


def test_measure__rounded_up_to_a_token_unit(world, vault, account):
    world.send(world.anybody, world.ledger, "set_health", account, -1, 0, 0)
    (event,) = world.send(world.anybody, world.sponsorship, "measure", account)
    assert dict(event.args) == {"account": account, "broker": vault.address.lower(), "risk": 1}


def test_measure__goes_both_ways(world, vault, account):
    for equity, expected in ((100, 300), (50, 350), (110, 290), (120, 0)):
        measure(world, account, equity, 100)
        assert at_risk(world, vault) == expected
    assert measure(world, account, 120, 100) == []


def test_measure__under_liquidation(world, vault, account):
    world.set_started(account)
    measure(world, account, 300, 100)
    assert at_risk(world, vault) == 100


@pytest.mark.parametrize(("part", "expected"), [(9, 0), (10, 100)])
def test_measure__without_a_price_where_a_tenth_of_the_margin_is(
    world, vault, account, part, expected
):
    world.set_leg(account, 10_000, mm=part)
    world.set_priced(account, False)
    measure(world, account, 300, 100)
    assert at_risk(world, vault) == expected


def test_measure__whatever_the_state_of_its_call(world, vault, account):
    do = (world.anybody, world.sponsorship)
    world.set_health(account, 100, mm=100, im=200)
    world.send(*do, "call", account)
    assert at_risk(world, vault) == 0
    world.send(*do, "measure", account)
    assert at_risk(world, vault) == 300
    world.wait(CURE_S + 1)
    world.send(*do, "declare_default", account)
    assert at_risk(world, vault) == 300
    measure(world, account, 50, 100)
    assert at_risk(world, vault) == 350


def test_measure__expired(world, vault, account):
    """Its lock is first loss until it is released."""
    world.wait(366 * DAY_S)
    measure(world, account, 50, 100)
    assert at_risk(world, vault) == 350


def test_measure__nobodys_client__reverts(world, vault):
    with reverts("sponsor: no broker"):
        world.send(world.anybody, world.sponsorship, "measure", world.account(world.client))


@pytest.mark.parametrize("end", ["release", "draw", "renewal"])
def test_at_risk__is_over_with_the_guarantee(world, vault, account, end):
    measure(world, account, 100, 100)
    world.set_health(account, 2_000, mm=100, im=200)
    if end == "release":
        world.send(world.client, world.sponsorship, "release", account)
    elif end == "draw":
        draw(world, account, 1)
    else:
        world.agree(world.terms(vault, guarantee=1_200 * UNIT, fee_ppm=0))
    assert at_risk(world, vault) == world.sponsorship.read("risk_of", account) == 0
    world.assert_sound(vault)


@pytest.mark.parametrize(("equity", "expected"), [(100, 300), (130, 0)])
def test_port__measures_for_the_new_broker(world, vault, account, equity, expected):
    other = world.broker(world.other_operator, stake=2_000, pool=0)
    measure(world, account, 90, 100)
    world.send(world.operator, world.registry, "leave", vault.address)
    world.set_health(account, equity, mm=100, im=200)
    terms = world.terms(other, guarantee=1_200 * UNIT)
    world.agree(terms, operator=world.other_operator, function="port")
    assert (at_risk(world, vault), at_risk(world, other)) == (0, expected)
    world.assert_sound(vault, other)


def test_at_risk__adds_up_over_clients(world, vault, account):
    second = world.account(world.other_client)
    world.agree(world.terms(vault, world.other_client, guarantee=100 * UNIT), world.other_client)
    measure(world, account, 0, 50)
    measure(world, second, 0, 50)
    assert at_risk(world, vault) == 300
    measure(world, account, 60, 50)
    assert at_risk(world, vault) == 100


# --- what it does to exits ----------------------------------------------------------------------


def test_exit__bears_what_the_stake_does_not_cover(world, vault, account):
    who = leave_soon(world, vault)
    measure(world, account, 0, 500)
    # 1,200 and 240 of commitment against a stake of 1,000: 440 of the pool of 1,000
    shares = 400 * UNIT * SHARES
    assert vault.read("previewRedeem", shares) == pytest.approx(224 * UNIT, abs=1)
    assert vault.read("maxWithdraw", who.address) == vault.read("previewRedeem", shares)
    assert vault.read("previewWithdraw", 224 * UNIT) == pytest.approx(shares, rel=1e-8)
    assert vault.read("convertToAssets", shares) == 400 * UNIT
    assert vault.read("totalAssets") == 1_000 * UNIT
    half = vault.read("previewRedeem", shares // 2)
    world.send(who, vault, "redeem", shares // 2, who.address, who.address)
    assert world.balance(who.address) == half
    world.send(who, vault, "withdraw", half - UNIT, who.address, who.address)
    # it does not come to that: who stayed has it all
    measure(world, account, 700, 500)
    assert vault.read("convertToAssets", 600 * UNIT * SHARES) > 774 * UNIT
    world.assert_sound(vault)


def test_entry__while_there_is_a_provision__reverts(world, vault, account):
    """Or a newcomer would get back what those who leave have paid for."""
    measure(world, account, 0, 500)
    who = world.other_depositor
    world.give(who, 10, vault)
    assert vault.read("maxDeposit", who.address) == vault.read("maxMint", who.address) == 0
    for function, amount in (("deposit", UNIT), ("mint", UNIT * SHARES)):
        with reverts("vault: loss measured"):
            world.send(who, vault, function, amount, who.address)
    measure(world, account, 600, 500)
    world.send(who, vault, "deposit", UNIT, who.address)


def test_exit__stake_covers_it__pays_in_full(world, vault, account):
    who = leave_soon(world, vault)
    measure(world, account, 0, 190)  # 760 and 240
    assert vault.read("maxWithdraw", who.address) == 400 * UNIT
    world.send(who, vault, "withdraw", 400 * UNIT, who.address, who.address)
    world.invest(vault, world.other_depositor, 10)


def test_exit__puppet_of_one_unit__costs_no_more_than_two(world):
    """The commitment counts as far as a loss beyond a lock is likely to reach it."""
    vault = world.broker(stake=1_000, pool=1_000, omega_ppm=10 * PPM)
    account = world.account(world.client)
    world.agree(world.terms(vault, guarantee=1, fee_ppm=0))
    big = world.terms(vault, world.other_client, guarantee=950 * UNIT, fee_ppm=0)
    world.agree(big, world.other_client)
    draw(world, world.account(world.other_client), 950)
    assert vault.read("stake") == 50 * UNIT < vault.read("commitment")
    who = leave_soon(world, vault, 100)
    measure(world, account, 0, 500)
    assert at_risk(world, vault) == 1 / UNIT
    assert vault.read("maxWithdraw", who.address) == 100 * UNIT


def test_exit__nearly_all_is_feared__is_worth_next_to_nothing(world):
    world.set_fund(minimum=50, rate_ppm=500_000)
    vault = world.broker(stake=1_000, pool=1_000)
    account = world.sponsored(vault, guarantee=960, fee_ppm=0)
    who = leave_soon(world, vault, 1)
    measure(world, account, 0, 500)
    # 960, and 960 of commitment, against a stake of 1,000
    assert vault.read("maxWithdraw", who.address) == pytest.approx(0.08 * UNIT, abs=1)
    world.send(who, vault, "redeem", UNIT * SHARES, who.address, who.address)
    assert world.balance(who.address) == pytest.approx(0.08 * UNIT, abs=1)
    world.assert_sound(vault)


def test_stake__leaves_down_to_what_may_be_lost(world, vault, account):
    world.send(world.operator, vault, "request_stake", 500 * UNIT)
    world.wait(NOTICE_S)
    measure(world, account, 0, 100)  # 400, and 240 of commitment
    out = (world.operator, vault, "withdraw_stake")
    with reverts("vault: loss measured"):
        world.send(*out, 360 * UNIT + 1, world.operator.address)
    world.send(*out, 360 * UNIT, world.operator.address)
    assert vault.read("stake") == 640 * UNIT
    world.assert_sound(vault)


# --- prices that are gone -------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["sponsor", "port"])
def test_guarantee__of_a_position_without_a_price__reverts(world, vault, function):
    account = world.account(world.client)
    target, operator = vault, world.operator
    if function == "port":
        world.sponsored(vault)
        world.send(world.operator, world.registry, "leave", vault.address)
        target = world.broker(world.other_operator, stake=2_000, pool=0)
        operator = world.other_operator
    world.set_priced(account, False)
    with reverts("sponsor: no price"):
        world.agree(world.terms(target), operator=operator, function=function)


def test_release__without_a_price__reverts(world, vault, account):
    world.set_health(account, 2_000, mm=490, im=980)
    world.set_priced(account, False)
    with reverts("release: needs guarantee"):
        world.send(world.client, world.sponsorship, "release", account)
    world.wait(380 * DAY_S)
    with reverts("release: needs guarantee"):
        world.send(world.anybody, world.sponsorship, "release", account)
    world.set_priced(account, True)
    world.send(world.anybody, world.sponsorship, "release", account)


def test_cure__at_a_mark_that_is_gone__reverts(world, vault):
    account = world.call_for_margin(vault)
    world.set_leg(account, 10_000)
    world.set_health(account, 1_000, mm=490, im=980)
    world.set_priced(account, False)
    with reverts("call: clock stopped"):
        world.send(world.anybody, world.sponsorship, "cure", account)
    world.set_priced(account, True)
    world.send(world.anybody, world.sponsorship, "cure", account)
