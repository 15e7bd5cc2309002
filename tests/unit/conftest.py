"""What the tests of the ledger share."""

from __future__ import annotations

import pytest


@pytest.fixture
def ledger(deployed):
    """The module's own deployment, as it was before each test."""
    with deployed.rpc.undone():
        yield deployed


@pytest.fixture
def maker(ledger):
    """One of the accounts whose keys nobody holds; `deployed` says what is in them."""
    return ledger.account(0)


@pytest.fixture
def trader(ledger):
    return ledger.account(1)


@pytest.fixture
def friend(ledger):
    return ledger.account(2)


@pytest.fixture
def poor(ledger):
    """An account with nothing in it yet."""
    return ledger.account(9)
