"""What came out of each fault, kept in a file so that a broken-off run can go on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from plimsoll.errors import ConfigError


class Status(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    """A killer ran many times longer than on the original: noticed, too."""
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    """The code of every deployed contract is the same as without it."""
    REFUSED = "refused"
    """The compiler does not take it."""
    TOO_LARGE = "too large"
    """The contract no longer fits into the code size limit."""
    BROKEN = "broken"
    """A killer ended in a way that says nothing about the fault."""


NOTICED = frozenset({Status.KILLED, Status.TIMEOUT})
SCORED = NOTICED | {Status.SURVIVED}


@dataclass(frozen=True)
class Result:
    """One fault and what became of it; `before` and `after` are the line without and with it."""

    id: str
    path: str
    operator: str
    before: str
    after: str
    status: Status
    killer: str = ""
    """The stage that noticed: fuzz, unit or flows."""
    by: str = ""
    """The test's id, or the invariant's number."""
    message: str = ""
    contracts: tuple[str, ...] = ()
    """Deployed contracts whose code it changes."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time to compile and of each killer."""

    @property
    def module(self) -> str:
        """The file's name without suffix."""
        return Path(self.path).stem


@dataclass(frozen=True)
class Score:
    """How many of some faults were noticed."""

    noticed: int
    survived: int
    apart: int
    """Equivalent, refused by the compiler, too large or without a verdict."""

    @property
    def scored(self) -> int:
        """What the score is a part of."""
        return self.noticed + self.survived

    @property
    def percent(self) -> str:
        """Noticed of scored, rounded down to a tenth."""
        if self.scored == 0:
            return "-"
        tenths = self.noticed * 1_000 // self.scored
        return f"{tenths // 10}.{tenths % 10} %"


def score(results: Iterable[Result]) -> Score:
    """The score of some results."""
    count = Counter(result.status for result in results)
    noticed = sum(count[status] for status in NOTICED)
    return Score(
        noticed,
        count[Status.SURVIVED],
        count.total() - noticed - count[Status.SURVIVED],
    )


def scores_by(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, Score]:
    """Scores of groups of results, by name of the group."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return {name: score(groups[name]) for name in sorted(groups)}


class ResultFile:
    """Results on disk, written again after each one; a folder that is missing is made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self.meta: dict[str, Any] = {}
        self.baseline: dict[str, Any] = {}
        self.results: dict[str, Result] = {}
        if path.is_file():
            self._read()

    def add(self, result: Result) -> None:
        """Keep one more result."""
        with self._lock:
            self.results[result.id] = result
            self.write()

    def write(self) -> None:
        """Replace the file in one step."""
        data = {
            "meta": self.meta,
            "baseline": self.baseline,
            "mutants": {key: asdict(result) for key, result in sorted(self.results.items())},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.path)

    def _read(self) -> None:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            self.meta = dict(data["meta"])
            self.baseline = dict(data["baseline"])
            for key, entry in data["mutants"].items():
                known = {
                    **entry,
                    "status": Status(entry["status"]),
                    "contracts": tuple(entry["contracts"]),
                }
                self.results[key] = Result(**known)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{self.path} cannot be read ({error!r})",
                next_step="delete it, or run with --fresh and another --out",
            ) from error
