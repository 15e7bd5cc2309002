"""What the tests of the ledger share."""

from __future__ import annotations

import pytest


@pytest.fixture
def ledger(deployed):
    """The module's own deployment, as it was before each test."""
    with deployed.rpc.undone():
        yield deployed
