"""What the tests of brokers share."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.broker_world import BrokerWorld, undone


@pytest.fixture(scope="package")
def deployed():
    with AnvilProcess() as anvil:
        yield BrokerWorld(anvil.rpc)


@pytest.fixture
def world(deployed):
    """The deployment, as it was before each test."""
    with undone(deployed) as fresh:
        yield fresh


@pytest.fixture
def vault(world):
    """A broker with 1,000 of stake, 1,000 of deposits and a seat."""
    return world.broker()
