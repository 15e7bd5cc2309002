"""Small days to replay, in whole dollars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plimsoll import artifacts
from plimsoll.replay.book import Day, Holding
from plimsoll.replay.opening import Stage, build
from plimsoll.replay.settings import Wave
from plimsoll.replay.waves import Performance, play
from plimsoll.units import WAD

SCENARIO: Final = artifacts.PROJECT_ROOT / "scenarios" / "replay_october_2025.json"
ACCOUNTS: Final = 150
NOON: Final = 1_760_130_000_000


def silent(_: str) -> None:
    """No progress."""


def holding(number: int, notional: int, profit: int, cash: int) -> Holding:
    """A winner: notional, profit, and cash without it."""
    return Holding(number, notional * WAD, profit * WAD, (cash + profit) * WAD, hedged=False)


def wave(number: int, needed: int, available: int, after_s: int = 0) -> Wave:
    """A wave so many seconds after noon."""
    return Wave(number, NOON + after_s * 1_000, needed * WAD, 0, available * WAD)


def day_of(holdings: Sequence[Holding], *waves: Wave) -> Day:
    """A day of them."""
    return Day(tuple(holdings), waves, "made up")


def once(day: Day, insurance: int = 0) -> tuple[Stage, Performance]:
    """A day in one market, built and played."""
    found = build(day, silent, one_market=True)
    return found, play(found, insurance=insurance, progress=silent)
