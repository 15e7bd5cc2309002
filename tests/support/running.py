"""Fixtures of tests in the whole protocol; a `conftest.py` imports them for its folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.flows import checked
from tests.support.venue import Venue, running_venue


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    """One venue for all tests of a file."""
    with running_venue() as venue:
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    """As it was at its start; the books are checked after each test."""
    with checked(running) as venue:
        yield venue
