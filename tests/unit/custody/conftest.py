"""Custody with its two vaults, and the people around it."""

from __future__ import annotations

import pytest
from brownie import accounts
from eth_account import Account

from tests.support.custody_fixtures import deployer, isolation, trick_world, world
from tests.support.custody_world import WAD

__all__ = ["deployer", "isolation", "trick_world", "world"]


@pytest.fixture(scope="module")
def trader():
    return accounts[1]


@pytest.fixture(scope="module")
def winner():
    return accounts[2]


@pytest.fixture(scope="module")
def attacker():
    return accounts[3]


@pytest.fixture(scope="module")
def newcomer():
    return accounts[4]


@pytest.fixture(scope="module")
def benefactor():
    return accounts[5]


@pytest.fixture(scope="module")
def signer(deployer):
    local = accounts.add(Account.create().key.hex())
    deployer.transfer(local, WAD)
    return local
