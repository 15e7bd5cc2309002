"""Exchange: its construction and its links."""

from __future__ import annotations

from brownie import Exchange, reverts

ZERO = "0x" + "00" * 20


def test_deploy__zero_clearinghouse__reverts(deployer):
    with reverts("exchange: zero address"):
        Exchange.deploy(ZERO, {"from": deployer})


def test_wire__by_another__reverts(desk, deployer, attacker):
    exchange = Exchange.deploy(desk.probe, {"from": deployer})
    with reverts("wire: only deployer"):
        exchange.wire(attacker.address, {"from": attacker.account})


def test_wire__zero_address__reverts(desk, deployer):
    exchange = Exchange.deploy(desk.probe, {"from": deployer})
    with reverts("wire: zero address"):
        exchange.wire(ZERO, {"from": deployer})


def test_wire__twice__reverts(desk, deployer):
    with reverts("wire: already done"):
        desk.exchange.wire(desk.probe, {"from": deployer})
