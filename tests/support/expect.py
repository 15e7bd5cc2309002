"""What a test expects of a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plimsoll.errors import ContractReverted


@contextmanager
def reverts(reason: str) -> Iterator[None]:
    """The block must end in a revert with exactly this reason."""
    with pytest.raises(ContractReverted) as caught:
        yield
    assert caught.value.reason == reason
