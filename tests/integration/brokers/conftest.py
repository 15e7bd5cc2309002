"""What the tests of brokers in the whole protocol share."""

from __future__ import annotations

from tests.support.sponsored_client import desk, long

__all__ = ["desk", "long"]
