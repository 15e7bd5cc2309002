"""Brownie's return values as plain Python: its own types refuse to be compared with tuples."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """Tuples of ints, bools and strings."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else value
