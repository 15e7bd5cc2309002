"""BrokerEscrow: what a caller has put in is its own, and nobody else's."""

from __future__ import annotations

import pytest

from plimsoll.errors import ContractReverted
from tests.support.broker_world import NOBODY, NOTICE_S, UNIT
from tests.support.expect import reverts


def test_deploy__zero_token__reverts(world):
    with reverts("escrow: zero token"):
        world.deploy("BrokerEscrow", NOBODY)


def test_hold_and_pay__each_its_own(world, vault):
    escrow, who = world.escrow, world.attacker
    before = escrow.read("total")
    assert before == escrow.read("held", vault.address) == 2_000 * UNIT
    with reverts("escrow: above balance"):
        world.send(who, escrow, "pay", who.address, 1)
    units = world.give(who, 5, escrow)
    world.send(who, escrow, "hold", units)
    assert escrow.read("held", who.address) == units
    assert escrow.read("total") == before + units
    with reverts("escrow: above balance"):
        world.send(who, escrow, "pay", who.address, units + 1)
    world.send(who, escrow, "pay", world.anybody.address, units)
    assert world.balance(world.anybody.address) == units
    assert escrow.read("held", who.address) == 0
    assert escrow.read("total") == before
    world.assert_sound(vault)


def test_hold__not_allowed__reverts(world):
    """The test token refuses without a reason of its own."""
    with pytest.raises(ContractReverted):
        world.send(world.attacker, world.escrow, "hold", 1)


def test_hold__fee_on_transfer__reverts(world):
    token = world.deploy("FeeToken")
    escrow = world.deploy("BrokerEscrow", token.address)
    who = world.attacker
    world.send(who, token, "mint", who.address, UNIT)
    world.send(who, token, "approve", escrow.address, UNIT)
    with reverts("escrow: fee on transfer"):
        world.send(who, escrow, "hold", UNIT)


@pytest.mark.parametrize("function", ["hold", "pay"])
def test_token_that_refuses__reverts(world, function):
    token = world.deploy("TrickToken")
    escrow = world.deploy("BrokerEscrow", token.address)
    who = world.attacker
    world.send(who, token, "mint", who.address, 2 * UNIT)
    world.send(who, token, "approve", escrow.address, 2 * UNIT)
    world.send(who, escrow, "hold", UNIT)
    world.send(who, token, "set_refusals", True, False)
    args = (UNIT,) if function == "hold" else (who.address, UNIT)
    with reverts("escrow: transfer failed"):
        world.send(who, escrow, function, *args)


def test_gifts__are_nobodys(world, vault):
    """Sent to a vault or to the escrow, they move no price and no book."""
    price = vault.read("convertToAssets", 10**12)
    for address in (vault.address, world.escrow.address):
        world.send(world.attacker, world.token, "mint", address, 7 * UNIT)
    assert vault.read("convertToAssets", 10**12) == price
    assert vault.read("free_assets") == 1_900 * UNIT
    assert world.escrow.read("total") == 2_000 * UNIT


def test_exit__goes_straight_to_the_receiver(world, vault):
    """A vault takes no part in it: one that the issuer has blocked locks nobody in."""
    who = world.depositor
    shares = 10**6 * 100 * UNIT
    world.send(who, vault, "request_withdrawal", shares)
    world.wait(NOTICE_S)
    receipt = vault.write(who, "redeem", shares, world.anybody.address, who.address)
    moves = [event for event in world.token.events(receipt) if event.name == "Transfer"]
    assert [(move["sender"], move["receiver"]) for move in moves] == [
        (world.escrow.address.lower(), world.anybody.address.lower())
    ]
    (left,) = [event for event in vault.events(receipt) if event.name == "Withdraw"]
    assert (left["assets"], left["shares"]) == (100 * UNIT, shares)
    world.assert_sound(vault)


def test_exit__for_somebody_else__takes_an_allowance(world, vault):
    who, helper = world.depositor, world.anybody
    shares = 10**6 * 100 * UNIT
    world.send(who, vault, "request_withdrawal", shares)
    world.wait(NOTICE_S)
    with reverts("erc20: insufficient allowance"):
        world.send(helper, vault, "redeem", shares, helper.address, who.address)
    world.send(who, vault, "approve", helper.address, shares)
    world.send(helper, vault, "redeem", shares, helper.address, who.address)
    assert world.balance(helper.address) == 100 * UNIT
    assert vault.read("allowance", who.address, helper.address) == 0
