"""Small days, public files and scenarios for tests of the replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from plimsoll import artifacts
from plimsoll.replay.book import Day, Holding, Wave
from plimsoll.replay.population import Deal
from plimsoll.units import WAD

SCENARIO: Final = artifacts.PROJECT_ROOT / "scenarios" / "replay_october_2025.json"
HEADER: Final = "account,adl_notional,closed_pnl,leverage_realtime,account_value_realtime"


def holding(notional: int, profit: int, cash: int, *, hedged: bool = False) -> Holding:
    """A holding in dollars."""
    return Holding(0, notional * WAD, profit * WAD, (cash + profit) * WAD, hedged)


# profit / equity: 40 / 50, 30 / 120, 30 / 30 (no cash), and one without a profit
FOUR: Final = (
    holding(400, 40, 10, hedged=True),
    holding(100, 30, 90),
    holding(300, 30, 0, hedged=True),
    holding(900, -5, 100, hedged=True),
)


def day(*holdings: Holding, needed: tuple[int, ...] = (10,)) -> Day:
    """A day whose waves need so many dollars."""
    waves = tuple(
        Wave(number, 1_000 * number, amount * WAD, 2 * amount * WAD, 1_000 * WAD)
        for number, amount in enumerate(needed, start=1)
    )
    return Day(holdings, waves, "by hand")


def everywhere(of: Day) -> Deal:
    """Every wave reaches everybody."""
    return Deal((1,) * len(of.holdings), (1,) * len(of.waves), 1)


def public_file(folder: Path, rows: list[str], name: str = "adl_by_account.csv") -> Path:
    """A folder with a per-account file of these rows."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return folder


def plain_rows(count: int = 120) -> list[str]:
    """Rows that a replay accepts."""
    return [f"{n},{100 + n}.5,{n * 10_000}.000001,0.5,{50 + n}" for n in range(count)]


def changed_scenario(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The project's scenario with a change, as a file of its own."""
    data = json.loads(SCENARIO.read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
