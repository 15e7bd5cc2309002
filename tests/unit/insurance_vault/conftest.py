"""An insurance vault in its surroundings, and the people around it."""

from __future__ import annotations

import pytest
from brownie import accounts

from tests.support.custody_fixtures import deployer, isolation, trick_world, world

__all__ = ["deployer", "isolation", "trick_world", "world"]


@pytest.fixture(scope="module")
def saver():
    return accounts[1]


@pytest.fixture(scope="module")
def other_saver():
    return accounts[2]


@pytest.fixture(scope="module")
def attacker():
    return accounts[3]


@pytest.fixture(scope="module")
def vault(world):
    return world.senior
