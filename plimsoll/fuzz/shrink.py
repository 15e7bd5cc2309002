"""Leave out what a violation does not need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plimsoll.fuzz.actions import Action

Fails = Callable[[Sequence[Action]], bool]


def shrunk(actions: Sequence[Action], fails: Fails, budget: int = 600) -> list[Action]:
    """A short list of actions that still fails, by delta debugging (Zeller and Hildebrandt 2002).

    `fails` runs a list from the start; `budget` bounds how often it is asked.
    """
    left = list(actions)
    size = max(1, len(left) // 2)
    tries = 0
    while tries < budget:
        removed = False
        start = len(left) - size
        while start > -size and tries < budget:
            begin = max(0, start)
            shorter = left[:begin] + left[begin + size :]
            tries += 1
            if shorter != left and fails(shorter):
                left = shorter
                removed = True
            start -= size
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    return left
