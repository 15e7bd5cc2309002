"""A token that calls back in the middle of a transfer finds every door shut."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.broker_world import NOTICE_S, UNIT, BrokerWorld, undone
from tests.support.expect import reverts

LOCKED = ""  # Vyper's lock gives no reason


@pytest.fixture(scope="module")
def tricky():
    with AnvilProcess() as anvil:
        yield BrokerWorld(anvil.rpc, "TrickToken")


@pytest.fixture
def world(tricky):
    with undone(tricky) as fresh:
        yield fresh


@pytest.fixture
def vault(world):
    return world.broker()


def on_transfer(world, contract, function, *args):
    """From now on each transfer of the token first makes this call."""
    data = contract.encode(function, *args)
    world.send(world.attacker, world.token, "set_hook", contract.address, data)


def test_deposit__re_entered__reverts(world, vault):
    who = world.depositor
    world.give(who, 10, vault)
    for function, args in (
        ("deposit", (UNIT, who.address)),
        ("redeem", (1, who.address, who.address)),
        ("request_withdrawal", (0,)),
        ("transfer", (who.address, 0)),
    ):
        on_transfer(world, vault, function, *args)
        with reverts(LOCKED):
            world.send(who, vault, "deposit", UNIT, who.address)


def test_redeem__re_entered__reverts(world, vault):
    who = world.depositor
    world.send(who, vault, "request_withdrawal", 10**12)
    world.wait(NOTICE_S)
    on_transfer(world, vault, "redeem", 1, who.address, who.address)
    with reverts(LOCKED):
        world.send(who, vault, "redeem", 10**12, who.address, who.address)


def test_sponsor__re_entered_while_the_fee_is_paid__reverts(world, vault):
    account = world.account(world.client)
    for function, args in (
        ("release", (account,)),
        ("call", (account,)),
        ("measure", (account,)),
    ):
        on_transfer(world, world.sponsorship, function, *args)
        with reverts(LOCKED):
            world.agree(world.terms(vault))


def test_draw__re_entered_while_the_lock_pays__reverts(world, vault):
    account = world.sponsored(vault)
    world.send(world.liquidator, world.waterfall, "reserve", account, 10**20, 0)
    for contract, function, args in (
        (world.sponsorship, "release", (account,)),
        (world.sponsorship, "pay_loss", (account, 1)),
        (vault, "redeem", (1, world.depositor.address, world.depositor.address)),
    ):
        on_transfer(world, contract, function, *args)
        with reverts(LOCKED):
            world.send(world.liquidator, world.waterfall, "draw", account, 10**20, 0)


def test_token_that_refuses__reverts(world, vault):
    who = world.depositor
    account = world.sponsored(vault)
    units = world.give(world.operator, 10, vault)
    world.send(world.liquidator, world.waterfall, "reserve", account, 10**20, 0)
    world.send(world.attacker, world.token, "set_refusals", True, False)
    with reverts("vault: transfer failed"):
        world.send(world.operator, vault, "add_stake", units)
    with reverts("escrow: transfer failed"):
        world.send(world.liquidator, world.waterfall, "draw", account, 10**20, 0)
    with reverts("erc4626: transferFrom operation did not succeed"):
        world.give(who, 1, vault)
        world.send(who, vault, "deposit", UNIT, who.address)
