"""The exchange alone, and who trades there."""

from __future__ import annotations

import pytest
from brownie import Exchange, ExchangeProbe, accounts, chain

from plimsoll.orders import Domain
from tests.support.order_desk import OrderDesk, party


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def maker():
    return party(accounts, 1)


@pytest.fixture(scope="module")
def taker():
    return party(accounts, 2)


@pytest.fixture(scope="module")
def other():
    return party(accounts, 3)


@pytest.fixture(scope="module")
def attacker():
    return party(accounts, 4)


@pytest.fixture(scope="module")
def desk(deployer):
    probe = ExchangeProbe.deploy({"from": deployer})
    exchange = Exchange.deploy(probe, {"from": deployer})
    exchange.wire(probe, {"from": deployer})
    return OrderDesk(exchange, probe, Domain(chain.id, exchange.address), accounts[9])


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass
