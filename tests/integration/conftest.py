"""Flows and stories: each test starts from the same funded venue, and its books are checked."""

from __future__ import annotations

from tests.support.running import running, venue

__all__ = ["running", "venue"]
