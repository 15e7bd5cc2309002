"""A copy of the project with one fault in it, compiled as the project compiles itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import cbor2

from plimsoll import artifacts
from plimsoll.errors import ArtifactError

# what is written to, or finds the rest by its own place; everything else is a link
COPIED: Final = (
    "brownie_hooks.py", "brownie-config.yaml", "pyproject.toml",
    "contracts", "deployments", "interfaces", "plimsoll", "scenarios", "scripts", "tests",
)  # fmt: skip
LEFT_OUT: Final = frozenset({"build", "reports", "out"})
CODE_LIMIT: Final = 24_576
"""Runtime bytes of one contract (EIP-170): a larger one fails to deploy, which proves nothing."""


@dataclass(frozen=True)
class Code:
    """What a contract does: its two codes without the compiler's note on the sources."""

    init: bytes
    runtime: bytes


def make_tree(project: Path, tree: Path) -> Path:
    """Copy the project's sources to `tree`, link the rest, and copy what is compiled already.

    Nothing is compiled anew only if both lie in one folder: the build hook digests what a
    contract is made from in the order of paths, the library among them.
    """
    tree.mkdir(parents=True)
    for entry in sorted(project.iterdir()):
        target = tree / entry.name
        if entry.name.startswith(".") or entry.name in LEFT_OUT:
            continue
        if entry.name not in COPIED:
            target.symlink_to(entry)
        elif entry.is_dir():
            shutil.copytree(entry, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(entry, target)
    if (project / "build").is_dir():
        shutil.copytree(project / "build", tree / "build")
    return tree


def compile_tree(tree: Path) -> None:
    """Compile what changed; `ArtifactError` if the compiler refuses."""
    artifacts.ensure_compiled(tree)


def deployed_codes(tree: Path) -> dict[str, Code]:
    """Codes of every contract that is no mock, by name."""
    codes = {}
    for source in sorted((tree / "contracts").glob("*.vy")):
        artifact = artifacts.load(source.stem, tree)
        codes[source.stem] = Code(_without_note(artifact.bytecode), artifact.runtime)
    return codes


def changed(before: Mapping[str, Code], after: Mapping[str, Code]) -> list[str]:
    """Names of the contracts whose code differs."""
    return sorted(name for name, code in after.items() if before.get(name) != code)


def too_large(codes: Mapping[str, Code], immutables: Mapping[str, int]) -> list[str]:
    """Names of the contracts that no chain would accept; `immutables` are bytes appended."""
    return sorted(
        name
        for name, code in codes.items()
        if len(code.runtime) + immutables.get(name, 0) > CODE_LIMIT
    )


def immutable_bytes(tree: Path) -> dict[str, int]:
    """Bytes that deployment appends to each contract's code, from the compiler's note."""
    sizes = {}
    for source in sorted((tree / "contracts").glob("*.vy")):
        note = _note(artifacts.load(source.stem, tree).bytecode)
        sizes[source.stem] = int(cbor2.loads(note[:-2])[3])
    return sizes


def digest(tree: Path) -> str:
    """A name for everything that decides a result: contracts, library, scripts and tests."""
    total = sha256()
    for folder in ("contracts", "interfaces", "plimsoll", "scripts", "tests"):
        for path in sorted((tree / folder).rglob("*")):
            if path.suffix in (".py", ".vy", ".vyi", ".json"):
                total.update(path.relative_to(tree).as_posix().encode() + b"\0")
                total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _note(bytecode: bytes) -> bytes:
    """The end of the init code where Vyper writes a digest of the sources, and its length."""
    length = int.from_bytes(bytecode[-2:], "big")
    if not 2 < length < 512:
        raise ArtifactError(
            "the init code ends without the compiler's note",
            next_step="compile without --no-bytecode-metadata",
        )
    return bytecode[-length:]


def _without_note(bytecode: bytes) -> bytes:
    return bytecode[: -len(_note(bytecode))]
