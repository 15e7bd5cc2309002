"""What a test expects of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from plimsoll.errors import ContractReverted
from plimsoll.model.state import Refused


def refusal(call: Callable[..., object], *args: object, **options: object) -> str:
    """The reason for which the reference model refuses a call."""
    with pytest.raises(Refused) as caught:
        call(*args, **options)
    return caught.value.reason


@contextmanager
def reverts(reason: str) -> Iterator[None]:
    """The block must end in a revert with exactly this reason."""
    with pytest.raises(ContractReverted) as caught:
        yield
    assert caught.value.reason == reason
