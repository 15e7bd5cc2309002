"""Liquidator, waterfall and vaults around a ledger whose positions are set by hand."""

from __future__ import annotations

import pytest
from brownie import accounts

from tests.support.liquidation_world import account_of, build_world


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def exchange(deployer):
    """Stands where the exchange stands."""
    return deployer


@pytest.fixture(scope="module")
def trader():
    return accounts[1]


@pytest.fixture(scope="module")
def taker():
    return accounts[2]


@pytest.fixture(scope="module")
def keeper():
    return accounts[3]


@pytest.fixture(scope="module")
def attacker():
    return accounts[4]


@pytest.fixture(scope="module")
def world(deployer):
    made = build_world(deployer)
    made.fund(10_000, 90_000)
    return made


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


@pytest.fixture
def engine(world):
    return world.liquidator


@pytest.fixture
def account(trader):
    return account_of(trader)


@pytest.fixture
def into(taker):
    return account_of(taker, 7)
