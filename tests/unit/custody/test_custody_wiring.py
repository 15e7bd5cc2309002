"""Custody: its construction and its links."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, reverts


def test_deploy__token_of_19_decimals__reverts(TestToken, Custody, CashLedger, deployer):
    ledger = CashLedger.deploy({"from": deployer})
    token = TestToken.deploy("Too fine", "FINE", 19, {"from": deployer})
    with reverts("custody: over 18 decimals"):
        Custody.deploy(token, ledger, {"from": deployer})


def test_deploy__without_clearinghouse__reverts(TestToken, Custody, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    with reverts("custody: zero clearinghouse"):
        Custody.deploy(token, ZERO_ADDRESS, {"from": deployer})


def test_deploy__reads_back_its_links(world):
    assert world.custody.token() == world.token
    assert world.custody.clearinghouse() == world.ledger
    assert world.custody.waterfall() == world.driver
    assert world.custody.liquidator() == world.driver
    assert world.custody.junior() == world.junior
    assert world.custody.senior() == world.senior


def test_wire__by_somebody_else__reverts(Custody, world, deployer, attacker):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    with reverts("wire: only deployer"):
        custody.wire(attacker, attacker, attacker, attacker, {"from": attacker})


def test_wire__twice__reverts(world, deployer):
    with reverts("wire: already done"):
        world.custody.wire(deployer, deployer, deployer, deployer, {"from": deployer})


@pytest.mark.parametrize("missing", range(4))
def test_wire__zero_address__reverts(Custody, world, deployer, missing):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    links = [world.driver, world.driver, world.junior, world.senior]
    links[missing] = ZERO_ADDRESS
    with reverts("wire: zero address"):
        custody.wire(*links, {"from": deployer})


def test_wire__emits_the_links(Custody, world, deployer):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    receipt = custody.wire(
        world.driver, world.driver, world.junior, world.senior, {"from": deployer}
    )
    assert receipt.events["Wired"] == {
        "waterfall": world.driver,
        "liquidator": world.driver,
        "junior": world.junior,
        "senior": world.senior,
    }
