"""Compiled contracts, from Brownie's `build/contracts`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError

PROJECT_ROOT = Path(__file__).resolve().parents[1]

_OUTPUT_TAIL = 4_000


@dataclass(frozen=True)
class Artifact:
    """What is needed to deploy a contract and to talk to it."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """ABI entries of the functions, by name."""
        return {item["name"]: item for item in self.abi if item["type"] == "function"}

    @cached_property
    def events(self) -> dict[str, dict[str, Any]]:
        """ABI entries of the events, by name."""
        return {item["name"]: item for item in self.abi if item["type"] == "event"}


def load(name: str, root: Path = PROJECT_ROOT) -> Artifact:
    """The artifact of one contract, as it was last compiled."""
    path = root / "build" / "contracts" / f"{name}.json"
    if not path.is_file():
        raise ArtifactError(
            f"{name} is not compiled ({path} does not exist)",
            next_step="run `make build`, and check the contract's name",
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Artifact(
            name=name,
            abi=data["abi"],
            bytecode=_code(data["bytecode"]),
            runtime=_code(data["deployedBytecode"]),
        )
    except (ValueError, KeyError) as error:
        raise ArtifactError(
            f"{path} is damaged ({error!r})", next_step="delete the file and run `make build`"
        ) from error


def ensure_compiled(root: Path = PROJECT_ROOT) -> None:
    """Bring `build/` up to date with the sources.

    Brownie decides what is stale, in its own process: importing it here would tie
    every user of this package to it. With nothing to do this takes about a second.
    """
    # a console script beside the interpreter is not on PATH unless the venv is active
    brownie = Path(sys.executable).with_name("brownie")
    if not brownie.is_file():
        raise ArtifactError(
            f"cannot compile: there is no {brownie}",
            next_step="run `make setup` and use the interpreter in .venv",
        )
    done = subprocess.run(
        [str(brownie), "compile"],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Brownie leaves with 0 after most failures, so its own last word is what counts
    if done.returncode != 0 or "Project has been compiled" not in done.stdout:
        output = (done.stdout + done.stderr).strip()[-_OUTPUT_TAIL:]
        raise ArtifactError(
            f"the contracts do not compile:\n{output}",
            next_step="correct the source named above, then compile again",
        )


def _code(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
