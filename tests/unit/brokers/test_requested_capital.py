"""Who gave notice gets out: nothing locks that capital anew, and no stake leaves before it."""

from __future__ import annotations

from tests.support.broker_world import DAY_S, NOTICE_S, PPM, UNIT
from tests.support.expect import reverts


def give_notice(world, vault, who):
    world.send(who, vault, "request_withdrawal", vault.read("balanceOf", who.address))


def short(world, vault, days, guarantee, **changes):
    """Terms without a fee, for some days."""
    expiry = world.now + days * DAY_S
    return world.terms(vault, expiry=expiry, fee_ppm=0, guarantee=guarantee * UNIT, **changes)


def drain_fund(world):
    """A loss of nobody's client takes all that members have committed."""
    for layer, limits in ((3, (100_000, 10_000)), (4, (100_000, 10_000)), (5, (PPM, PPM))):
        world.send(world.deployer, world.waterfall, "set_limits", layer, limits)
    loser = world.account(world.attacker)
    for function in ("reserve", "draw"):
        world.send(world.liquidator, world.waterfall, function, loser, 10**24, 0)


def test_renewal__leaves_what_was_asked_back(world, vault):
    """A guarantee of the same amount is locked anew: else its capital would never be free."""
    world.set_health(world.account(world.client), 10_000)
    world.agree(short(world, vault, 9, 1_600))
    give_notice(world, vault, world.depositor)
    world.wait(NOTICE_S)
    with reverts("vault: capital locked"):
        world.agree(short(world, vault, 365, 1_600))
    # without the request it may
    world.send(world.depositor, vault, "request_withdrawal", 0)
    world.agree(short(world, vault, 365, 1_600))


def test_renewal__needs_the_stake_that_a_new_lock_needs(world):
    world.set_fund(minimum=400)
    vault = world.broker(stake=1_000, pool=1_000, omega_ppm=PPM)
    world.set_fund(minimum=1)
    world.set_health(world.account(world.client), 10_000)
    world.agree(short(world, vault, 9, 900))
    drain_fund(world)
    assert vault.read("client_limit") < 201 * UNIT
    with reverts("vault: above client limit"):
        world.agree(short(world, vault, 365, 900))


def test_commitment__leaves_what_was_asked_back(world):
    """Only the operator ends a seat: what it commits would be gone for whoever asked first."""
    world.set_fund(minimum=500)
    vault = world.open_vault(world.operator, first_loss_ppm=50_000)
    world.stake(vault, 60)
    world.invest(vault, world.depositor, 1_000)
    give_notice(world, vault, world.depositor)
    with reverts("vault: capital locked"):
        world.send(world.operator, world.registry, "join", vault.address)
    world.wait(NOTICE_S)
    with reverts("vault: capital locked"):
        world.send(world.operator, world.registry, "join", vault.address)
    assert vault.read("maxWithdraw", world.depositor.address) == 1_000 * UNIT


def test_stake__leaves_after_what_was_asked_back(world, vault):
    world.set_health(world.account(world.client), 10_000)
    world.agree(short(world, vault, 300, 1_000))
    give_notice(world, vault, world.depositor)
    world.send(world.operator, vault, "request_stake", 500 * UNIT)
    world.wait(NOTICE_S)
    # 800 are free, and all 1,000 of the pool have been asked for
    with reverts("vault: capital locked"):
        world.send(world.operator, vault, "withdraw_stake", 1, world.operator.address)
    assert vault.read("maxWithdraw", world.depositor.address) == 800 * UNIT


def test_deposit__takes_no_room_that_offered_stake_makes(world):
    """Or strangers could keep the operator from leaving."""
    vault = world.broker(stake=1_000, pool=0)
    assert vault.read("maxDeposit", world.attacker.address) == 3_000 * UNIT
    world.send(world.operator, vault, "request_stake", 800 * UNIT)
    world.wait(NOTICE_S)
    who = world.attacker
    assert vault.read("maxDeposit", who.address) == 600 * UNIT
    world.give(who, 601, vault)
    with reverts("vault: stake too small"):
        world.send(who, vault, "deposit", 600 * UNIT + 1, who.address)
    world.send(who, vault, "deposit", 600 * UNIT, who.address)
    world.send(world.operator, vault, "withdraw_stake", 800 * UNIT, world.operator.address)
    world.assert_sound(vault)
