"""Storage of a contract as the compiler laid it out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import vyper
from eth_utils.crypto import keccak
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import Settings

from plimsoll.artifacts import PROJECT_ROOT


@cache
def layout(name: str) -> dict[str, Any]:
    """`vyper -f layout` of a contract."""
    libraries = Path(vyper.__file__).parents[1]
    bundle = FilesystemInputBundle([libraries, PROJECT_ROOT])
    source = bundle.load_file(Path("contracts") / f"{name}.vy")
    settings = Settings(evm_version="cancun")
    output = vyper.compile_from_file_input(
        source, input_bundle=bundle, output_formats=["layout"], settings=settings
    )
    return dict(output["layout"])


def variables(name: str) -> dict[str, tuple[str, int, int]]:
    """Stored variables by full name: type, slot, number of slots."""
    return dict(_flat(layout(name)["storage_layout"], ""))


def slot_of(name: str, variable: str, *keys: int) -> int:
    """Slot of a variable, or of a mapping's entry."""
    slot = variables(name)[variable][1]
    for key in keys:
        slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + key.to_bytes(32, "big")), "big")
    return slot


def _flat(tree: dict[str, Any], prefix: str) -> list[tuple[str, tuple[str, int, int]]]:
    rows = []
    for key, entry in tree.items():
        if "slot" in entry:
            rows.append((prefix + key, (entry["type"], entry["slot"], entry["n_slots"])))
        else:
            rows += _flat(entry, f"{prefix}{key}.")
    return rows
