"""An insurance vault in its surroundings, and the people around it."""

from __future__ import annotations

import pytest
from brownie import accounts

from tests.support.custody_world import build_world


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


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
def world(TestToken, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    return build_world(token, deployer)


@pytest.fixture(scope="module")
def trick_world(TrickToken, deployer):
    return build_world(TrickToken.deploy({"from": deployer}), deployer)


@pytest.fixture(scope="module")
def vault(world):
    return world.senior


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass
