"""Fixtures around `custody_world`; a `conftest.py` imports them for its folder."""

from __future__ import annotations

import pytest
from brownie import accounts

from tests.support.custody_world import build_world


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def world(TestToken, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    return build_world(token, deployer)


@pytest.fixture(scope="module")
def trick_world(TrickToken, deployer):
    return build_world(TrickToken.deploy({"from": deployer}), deployer)


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass
