"""Teach Brownie 1.22 to build a Vyper 0.4 project.

Brownie imports this file from the project root before it compiles anything or connects
to a chain. It needs help in five places, most of them around one function,
`vyper_json.compile_json`:

- Brownie hands Vyper only the contracts that changed. `complete_input` adds every
  module, interface and library file that may be imported.
- Vyper 0.4 returns a source map as an object where Brownie reads a string.
  `brownie_output` converts it.
- Brownie compares a contract with its own source only, so an edit in a module would
  leave the old bytecode in `build/`. `drop_stale_artifacts` compares each contract
  together with everything it imports.
- Brownie fails with an unrelated error when its inputs surprise it. We check first.
- Brownie attaches to a running Anvil as if it were Ganache, and starts one from PATH only.
  `correct_anvil_backend`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import vyper
from brownie.network.rpc import ATTACH_BACKENDS, anvil
from vyper.cli import vyper_json

LIBRARY = "snekmate"
STAMP = "build/sources.json"

_IMPORT = re.compile(
    r"^(?:from[ \t]+(?P<package>[.\w]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#]+)"
    r"|import[ \t]+(?P<modules>[^\n#]+))",
    re.MULTILINE,
)

Json = dict[str, Any]


class BrownieHookError(Exception):
    """The project cannot be handed to Brownie as it is; the message says what to do."""


# --- sources ---------------------------------------------------------------------------


def site_packages() -> Path:
    """The folder that holds the installed Vyper libraries."""
    return Path(sysconfig.get_path("purelib"))


def project_files(root: Path) -> dict[str, Path]:
    """Every Vyper file of the project, by its path relative to `root`."""
    found = sorted(
        path
        for folder in ("contracts", "interfaces")
        for path in (root / folder).rglob("*")
        if path.suffix in (".vy", ".vyi")
    )
    return {path.relative_to(root).as_posix(): path for path in found}


def imported_paths(source: str) -> Iterator[str]:
    """Yield what `source` imports as slash paths without suffix; `./` and `../` are relative."""
    for match in _IMPORT.finditer(source):
        package = match["package"]
        names = (match["names"] or match["modules"]).strip("() \t\r")
        for name in re.split(r"[,\s]+", re.sub(r"\s+as\s+\w+", "", names)):
            if not name:
                continue
            dots = len(package or "") - len((package or "").lstrip("."))
            prefix = "./" if dots == 1 else "../" * (dots - 1)
            parts = [part for part in (package or "").lstrip(".").split(".") if part]
            yield prefix + "/".join([*parts, *name.split(".")])


def resolve_import(name: str, importer: Path, roots: Iterable[Path]) -> Path | None:
    """Find the file behind an import, or None for one that Vyper carries itself.

    The order is Vyper's: beside the importing file, then the search paths.
    """
    bases = [importer.parent] if name.startswith(".") else [importer.parent, *roots]
    for base in bases:
        for suffix in (".vy", ".vyi"):
            candidate = (base / f"{name}{suffix}").resolve()
            if candidate.is_file():
                return candidate
    return None


def import_closure(start: Path, roots: Iterable[Path]) -> set[Path]:
    """`start` and every file it imports, directly or not."""
    roots = [root.resolve() for root in roots]
    closure: set[Path] = set()
    pending = [start.resolve()]
    while pending:
        path = pending.pop()
        if path in closure:
            continue
        closure.add(path)
        for name in imported_paths(path.read_text(encoding="utf-8")):
            found = resolve_import(name, path, roots)
            if found is not None:
                pending.append(found)
    return closure


def importable_files(root: Path, library_root: Path) -> dict[str, str]:
    """Text of the project's files and of the library files they reach, by import path.

    Only reached library files are added: Vyper refuses two files with one stem, and
    the library has names such as `math` that a project may want for itself.
    """
    files = project_files(root)
    library = (library_root / LIBRARY).resolve()
    for start in list(files.values()):
        for path in import_closure(start, [root, library_root]):
            if path.is_relative_to(library):
                files[path.relative_to(library_root.resolve()).as_posix()] = path
    refuse_shared_stems(files)
    return {key: path.read_text(encoding="utf-8") for key, path in files.items()}


def refuse_shared_stems(paths: Iterable[str]) -> None:
    """Raise if two files differ only by folder or suffix; Vyper would refuse them later."""
    by_stem: dict[str, list[str]] = {}
    for path in paths:
        by_stem.setdefault(Path(path).stem, []).append(path)
    shared = [sorted(group) for group in by_stem.values() if len(group) > 1]
    if shared:
        listing = "; ".join(" and ".join(group) for group in sorted(shared))
        raise BrownieHookError(f"files share a name, rename one of each: {listing}")


# --- stale artifacts -------------------------------------------------------------------


def contract_digests(root: Path, library_root: Path) -> dict[str, str]:
    """One digest per contract that Brownie builds, over all the text it is made from."""
    digests: dict[str, str] = {}
    for key, path in project_files(root).items():
        if path.suffix == ".vyi" or any(part.startswith("_") for part in Path(key).parts):
            continue
        digest = hashlib.sha256(vyper.__version__.encode())
        for source in sorted(import_closure(path, [root, library_root])):
            digest.update(f"\0{source.name}\0".encode() + source.read_bytes())
        digests[path.stem] = digest.hexdigest()
    return digests


def drop_stale_artifacts(root: Path, library_root: Path) -> list[str]:
    """Delete the artifacts whose sources or imports changed; return their names.

    The digests are saved before the compiler runs: if it fails, the artifact is gone
    already and Brownie builds it next time.
    """
    stamp = root / STAMP
    known: Mapping[str, str] = json.loads(stamp.read_text()) if stamp.is_file() else {}
    digests = contract_digests(root, library_root)
    stale = []
    for artifact in sorted((root / "build" / "contracts").glob("*.json")):
        if known.get(artifact.stem) != digests.get(artifact.stem, ""):
            artifact.unlink()
            stale.append(artifact.stem)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(json.dumps(digests, indent=2) + "\n")
    return stale


# --- around the compiler ---------------------------------------------------------------


def complete_input(input_json: Json, importable: Mapping[str, str]) -> Json:
    """Brownie's compiler input with every importable file that it left out."""
    if not isinstance(input_json, dict) or "sources" not in input_json:
        raise BrownieHookError(
            "Brownie no longer passes standard JSON with 'sources' to Vyper; compare"
            " brownie/project/compiler/vyper.py with brownie_hooks.py"
        )
    present = input_json["sources"]
    interfaces = dict(input_json.get("interfaces", {}))
    for path, text in importable.items():
        if path not in present:
            interfaces[path] = {"content": text}
    return {**input_json, "interfaces": interfaces}


def brownie_source_map(source_map: str, source_id: int) -> str:
    """Blank the entries of a compressed map that point into another file.

    Brownie ignores the file index, so a line of a module would be shown, and counted
    in coverage, as whatever stands at that offset of the contract.
    """
    entries = []
    for entry in source_map.split(";"):
        start, length, file_id, *jump = entry.split(":")
        if int(file_id) != source_id:
            start = length = file_id = "-1"
        entries.append(":".join([start, length, file_id, *jump]))
    return ";".join(entries)


def brownie_output(output_json: Json) -> Json:
    """Vyper's output with the source maps in the form that Brownie reads."""
    try:
        for path, contracts in output_json["contracts"].items():
            source_id = output_json["sources"][path]["id"]
            for name, contract in contracts.items():
                # an ABI-only request, as Brownie makes for interfaces, has no code
                for code in contract.get("evm", {}).values():
                    if "sourceMap" in code:
                        compressed = code["sourceMap"]["pc_pos_map_compressed"]
                        code["sourceMap"] = brownie_source_map(compressed, source_id)
                    if "opcodes" in code and len(code["opcodes"].split()) < 5:
                        raise BrownieHookError(
                            f"{path} ({name}) has no external function, and Brownie"
                            " cannot build that: move it to a folder whose name starts"
                            " with an underscore, such as contracts/_modules"
                        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrownieHookError(
            f"Vyper {vyper.__version__} returned output of another shape ({error!r});"
            " install the pinned versions with `make setup`, or adapt brownie_output"
        ) from error
    return output_json


def install(root: Path, library_root: Path) -> None:
    """Drop stale artifacts and wrap the compiler entry point that Brownie calls."""
    if not callable(getattr(vyper_json, "compile_json", None)):
        raise BrownieHookError(
            f"Vyper {vyper.__version__} has no vyper.cli.vyper_json.compile_json;"
            " install the pinned versions with `make setup`"
        )
    drop_stale_artifacts(root, library_root)
    # a second project loaded in this process must wrap the compiler, not our wrapper
    original: Callable[..., Json] = getattr(
        vyper_json.compile_json, "__wrapped__", vyper_json.compile_json
    )

    @functools.wraps(original)
    def compile_json(input_json: Json, *args: Any, **kwargs: Any) -> Json:
        importable = importable_files(root, library_root)
        return brownie_output(original(complete_input(input_json, importable), *args, **kwargs))

    vyper_json.compile_json = compile_json


# --- the chain -------------------------------------------------------------------------


def correct_anvil_backend(root: Path) -> None:
    """Let Brownie start the project's Anvil, treat a running one alike, and mine at a given time.

    As Ganache it could not unlock an account. The backend for Anvil can, but puts the
    timestamp of `chain.mine` bare where JSON-RPC wants a list.
    """
    original: Callable[..., Any] = getattr(anvil.launch, "__wrapped__", anvil.launch)
    own = str(root / "node_modules" / ".bin")

    @functools.wraps(original)
    def launch(cmd: str, **settings: Any) -> Any:
        if shutil.which("anvil") is None:
            if shutil.which("anvil", path=own) is None:
                # Brownie shows an exception with all its frames, an exit with its text alone
                sys.exit(f"anvil is neither on PATH nor in {own}: run `make setup` first")
            os.environ["PATH"] += os.pathsep + own
        return original(cmd, **settings)

    def mine(timestamp: int | None = None) -> None:
        anvil._request("evm_mine", [] if timestamp is None else [timestamp])

    anvil.launch = launch
    anvil.mine = mine
    ATTACH_BACKENDS["anvil"] = anvil


install(Path(__file__).resolve().parent, site_packages())
correct_anvil_backend(Path(__file__).resolve().parent)
