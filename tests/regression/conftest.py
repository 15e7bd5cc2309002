"""A file that asks for nothing else gets a venue whose books are checked after each test."""

from __future__ import annotations

from tests.support.running import running, venue

__all__ = ["running", "venue"]
