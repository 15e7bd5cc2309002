"""One running venue per theme: each story starts from it as it was, and its books are checked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.flows import checked
from tests.support.venue import Venue, running_venue


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    with running_venue() as venue:
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with checked(running) as venue:
        yield venue
