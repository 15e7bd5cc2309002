"""Brokers around a ledger set by hand, and in the whole protocol; on chains inside this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import Contract
from tests.support.broker_losses import three_members
from tests.support.broker_world import BrokerWorld, undone
from tests.support.flows import checked
from tests.support.sponsored_client import Desk
from tests.support.venue import GENESIS, Venue


@pytest.fixture(scope="package")
def deployed() -> BrokerWorld:
    # time stands still unless a test lets it pass: limits do not change between two calls
    return BrokerWorld(RevmChain(interval_s=0))


@pytest.fixture
def world(deployed: BrokerWorld) -> Iterator[BrokerWorld]:
    """The deployment, as it was before each test."""
    with undone(deployed) as fresh:
        yield fresh


@pytest.fixture
def members(world: BrokerWorld) -> list[Contract]:
    """Three members of the fund, the first one's operator is `world.operator`."""
    return three_members(world)


@pytest.fixture(scope="package")
def running_desk() -> Desk:
    chain = RevmChain(genesis_timestamp=GENESIS)
    return Desk(Venue(chain, settled_in="BlockToken"))


@pytest.fixture
def desk(running_desk: Desk) -> Iterator[Desk]:
    """A broker and its client where the issuer of the token can block addresses."""
    with checked(running_desk.venue):
        yield running_desk
