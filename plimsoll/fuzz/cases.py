"""A run as a file: what happened, in order, so that it happens again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plimsoll.errors import InputError
from plimsoll.fuzz.actions import Action, from_json


@dataclass(frozen=True, slots=True)
class Case:
    """Actions from an empty venue on, and what they violated when they were recorded."""

    violation: str
    actions: tuple[Action, ...]


def write_case(path: Path, case: Case) -> None:
    """One action a line, so that a person can read and edit it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n    ".join(json.dumps(action.as_json()) for action in case.actions)
    text = (
        f'{{\n  "violation": {json.dumps(case.violation)},\n  "actions": [\n    {lines}\n  ]\n}}\n'
    )
    path.write_text(text, encoding="utf-8")


def read_case(path: Path) -> Case:
    """The case in a file; see `write_case`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        actions: Sequence[dict[str, object]] = data["actions"]
        return Case(str(data["violation"]), tuple(from_json(entry) for entry in actions))
    except OSError as error:
        raise InputError(
            f"cannot read the case {path}: {error.strerror}", next_step="name an existing file"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a case file ({type(error).__name__} {error})",
            next_step="use a file that `make fuzz` has written",
        ) from error
