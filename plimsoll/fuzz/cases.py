"""A run as a file: what happened, in order, so that it happens again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """The case in a file; see `write_case`. Actions are numbered from 1."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        violation, actions = data["violation"], data["actions"]
    except OSError as error:
        raise InputError(
            f"cannot read the case {path}: {error.strerror}", next_step="name an existing file"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a case file ({type(error).__name__} {error})",
            next_step="use a file that `make fuzz` has written",
        ) from error
    if not isinstance(actions, list) or not actions:
        raise InputError(
            f"{path} holds no list of actions", next_step="use a file that `make fuzz` has written"
        )
    checked = tuple(from_json(entry, number) for number, entry in enumerate(actions, start=1))
    return Case(str(violation), checked)
