"""The build hook: its parts, and Brownie itself on a small project of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import brownie_hooks as hooks

ROOT = Path(hooks.__file__).resolve().parent
LIBRARY = hooks.site_packages()

PRAGMA = "# pragma version 0.4.3\n"
WAD = PRAGMA + "@internal\n@pure\ndef _twice(x: uint256) -> uint256:\n    return x * 2\n"
TALLY = (
    PRAGMA
    + "from contracts._lib import wad\n\ntotal: uint256\n\n"
    + "@internal\ndef _add(x: uint256):\n"
    + '    assert x < 100, "tally: too big"\n    self.total += wad._twice(x)\n\n'
    + "@external\n@view\ndef sum() -> uint256:\n    return self.total\n"
)
COUNTER = (
    PRAGMA
    + "from contracts._modules import tally\nfrom interfaces import ICounter\n\n"
    + "implements: ICounter\ninitializes: tally\nexports: tally.sum\n\n"
    + "@external\ndef bump(by: uint256):\n    tally._add(by)\n    log ICounter.Bumped(by=by)\n"
)
ICOUNTER = PRAGMA + "event Bumped:\n    by: uint256\n\n@external\ndef bump(by: uint256): ...\n"
VAULT = (
    PRAGMA
    + "from ethereum.ercs import IERC20\nfrom snekmate.extensions import erc4626\n\n"
    + "initializes: erc4626\nexports: erc4626.deposit\n\n"
    + "@deploy\ndef __init__(asset: IERC20):\n"
    + '    erc4626.__init__("V", "V", asset, 6, "V", "1")\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Brownie project with a module, a library, an interface and a snekmate import."""
    files = {
        "contracts/_lib/wad.vy": WAD,
        "contracts/_modules/tally.vy": TALLY,
        "contracts/Counter.vy": COUNTER,
        "contracts/Vault.vy": VAULT,
        "interfaces/ICounter.vyi": ICOUNTER,
    }
    root = tmp_path / "tiny"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("brownie_hooks.py", "brownie-config.yaml"):
        shutil.copy(ROOT / name, root)
    return root


def brownie_compile(project: Path) -> str:
    """Run `brownie compile` and return what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("brownie")), "compile"],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def runtime(project: Path, name: str) -> str:
    return json.loads((project / f"build/contracts/{name}.json").read_text())["deployedBytecode"]


# --- Brownie on a real project ---------------------------------------------------------


def test_brownie_compile__modules_interfaces_and_snekmate__builds(project: Path) -> None:
    output = brownie_compile(project)

    assert "Project has been compiled" in output, output
    counter = json.loads((project / "build/contracts/Counter.json").read_text())
    assert {item["name"] for item in counter["abi"]} == {"bump", "sum", "Bumped"}
    assert counter["compiler"] == {"evm_version": "cancun", "version": "0.4.3"}
    assert (project / "build/contracts/Vault.json").is_file()


def test_brownie_compile__module_only_edit__rebuilds_what_imports_it(project: Path) -> None:
    brownie_compile(project)
    before = runtime(project, "Counter")

    (project / "contracts/_lib/wad.vy").write_text(WAD.replace("x * 2", "x * 3"))
    output = brownie_compile(project)

    assert " - Counter" in output
    assert " - Vault" not in output
    assert runtime(project, "Counter") != before


def test_brownie_compile__nothing_changed__builds_nothing(project: Path) -> None:
    brownie_compile(project)

    assert "Compiling" not in brownie_compile(project)


def test_brownie_compile__one_contract_changed__still_finds_the_others(project: Path) -> None:
    brownie_compile(project)

    vault = project / "contracts/Vault.vy"
    vault.write_text(vault.read_text().replace('"V", "V"', '"W", "W"'))
    output = brownie_compile(project)

    assert " - Vault" in output
    assert " - Counter" not in output


def test_brownie_compile__pragma_optimize__takes_effect(project: Path) -> None:
    sizes = {}
    for level in ("codesize", "none"):
        (project / "contracts/Counter.vy").write_text(f"# pragma optimize {level}\n{COUNTER}")
        brownie_compile(project)
        sizes[level] = len(runtime(project, "Counter"))

    assert sizes["codesize"] < sizes["none"]


def test_brownie_compile__internal_only_contract__says_where_to_move_it(project: Path) -> None:
    (project / "contracts/helper.vy").write_text(WAD.replace("_twice", "_thrice"))

    output = brownie_compile(project)

    assert "BrownieHookError" in output
    assert "contracts/_modules" in output


def test_brownie_compile__shared_stem__names_both_files(project: Path) -> None:
    (project / "contracts/_modules/wad.vy").write_text(WAD)

    output = brownie_compile(project)

    assert "contracts/_lib/wad.vy and contracts/_modules/wad.vy" in output


# --- the parts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from contracts._modules import ledger", ["contracts/_modules/ledger"]),
        ("from contracts._modules import ledger as l  # why", ["contracts/_modules/ledger"]),
        ("from a import b, c as d", ["a/b", "a/c"]),
        ("from a import (\n    b,\n    c,\n)", ["a/b", "a/c"]),
        ("from . import near", ["./near"]),
        ("from .folder import near", ["./folder/near"]),
        ("from ..utils import math", ["../utils/math"]),
        ("from ... import far", ["../../far"]),
        ("import a.b as c", ["a/b"]),
        ("# from a import b", []),
        ("x: uint256  # import a", []),
    ],
)
def test_imported_paths__every_form__is_found(source: str, expected: list[str]) -> None:
    assert list(hooks.imported_paths(source)) == expected


def test_import_closure__follows_relative_imports_of_the_library(project: Path) -> None:
    closure = hooks.import_closure(project / "contracts/Vault.vy", [project, LIBRARY])

    names = {path.name for path in closure}
    assert {"Vault.vy", "erc4626.vy", "erc20.vy", "ownable.vy", "IERC5267.vyi"} <= names


def test_importable_files__adds_only_the_library_files_in_use(project: Path) -> None:
    files = hooks.importable_files(project, LIBRARY)

    assert "snekmate/extensions/erc4626.vy" in files
    assert "snekmate/governance/timelock_controller.vy" not in files


def test_refuse_shared_stems__module_and_interface__raises() -> None:
    with pytest.raises(hooks.BrownieHookError, match=r"a/x\.vy and b/x\.vyi"):
        hooks.refuse_shared_stems(["b/x.vyi", "a/x.vy", "c/y.vy"])


def test_complete_input__keeps_sources_and_adds_the_rest() -> None:
    given = {"language": "Vyper", "sources": {"contracts/A.vy": {"content": "a"}}}

    completed = hooks.complete_input(given, {"contracts/A.vy": "a", "interfaces/I.vyi": "i"})

    assert completed["sources"] == given["sources"]
    assert completed["interfaces"] == {"interfaces/I.vyi": {"content": "i"}}


@pytest.mark.parametrize("given", ["{}", {}, {"files": {}}])
def test_complete_input__other_shape__says_what_to_compare(given: object) -> None:
    with pytest.raises(hooks.BrownieHookError, match=r"brownie/project/compiler/vyper\.py"):
        hooks.complete_input(given, {})  # type: ignore[arg-type]


def compiler_output(source_map: object) -> dict[str, object]:
    code = {"sourceMap": source_map, "opcodes": "PUSH1 0x00 PUSH1 0x00 REVERT"}
    return {
        "sources": {"contracts/A.vy": {"id": 0}},
        "contracts": {"contracts/A.vy": {"A": {"abi": [], "evm": {"deployedBytecode": code}}}},
    }


def test_brownie_output__source_map_object__becomes_its_string() -> None:
    output = hooks.brownie_output(
        compiler_output({"pc_pos_map_compressed": "10:4:0;10:4:0:i;7:2:1:o;-1:-1:-1"})
    )

    code = output["contracts"]["contracts/A.vy"]["A"]["evm"]["deployedBytecode"]
    assert code["sourceMap"] == "10:4:0;10:4:0:i;-1:-1:-1:o;-1:-1:-1"


@pytest.mark.parametrize("source_map", ["1:2:0", {}, {"pc_pos_map_compressed": "oops"}])
def test_brownie_output__other_shape__names_the_compiler(source_map: object) -> None:
    with pytest.raises(hooks.BrownieHookError, match=r"Vyper 0\.4\.3 returned output"):
        hooks.brownie_output(compiler_output(source_map))


def test_brownie_output__abi_only__passes_through() -> None:
    output = {
        "sources": {"contracts/A.vy": {"id": 0}},
        "contracts": {"contracts/A.vy": {"A": {"abi": []}}},
    }

    assert hooks.brownie_output(output) == output


def test_drop_stale_artifacts__unknown_artifact__is_dropped_once(project: Path) -> None:
    artifact = project / "build/contracts/Counter.json"
    artifact.parent.mkdir(parents=True)
    artifact.write_text("{}")

    assert hooks.drop_stale_artifacts(project, LIBRARY) == ["Counter"]
    artifact.write_text("{}")
    assert hooks.drop_stale_artifacts(project, LIBRARY) == []


def test_drop_stale_artifacts__interface_edit__drops_who_imports_it(project: Path) -> None:
    hooks.drop_stale_artifacts(project, LIBRARY)
    for name in ("Counter", "Vault"):
        (project / "build/contracts").mkdir(exist_ok=True)
        (project / f"build/contracts/{name}.json").write_text("{}")

    (project / "interfaces/ICounter.vyi").write_text(ICOUNTER + "# changed\n")

    assert hooks.drop_stale_artifacts(project, LIBRARY) == ["Counter"]


def test_install__compiler_entry_point_gone__names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.delattr(hooks.vyper_json, "compile_json")

    with pytest.raises(hooks.BrownieHookError, match="make setup"):
        hooks.install(project, LIBRARY)


# --- the chain -------------------------------------------------------------------------


@pytest.fixture
def no_anvil_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a real one that a mistake could start."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(hooks.anvil, "launch", lambda cmd, **_: shutil.which(cmd))
    monkeypatch.setattr(hooks.anvil, "mine", hooks.anvil.mine)


def test_launch__anvil_in_the_project_only__is_found_there(
    no_anvil_on_path: None, tmp_path: Path
) -> None:
    tool = tmp_path / "node_modules/.bin/anvil"
    tool.parent.mkdir(parents=True)
    tool.touch(mode=0o755)

    hooks.correct_anvil_backend(tmp_path)

    assert hooks.anvil.launch("anvil", port=1) == str(tool)


def test_launch__no_anvil_at_all__leaves_with_what_to_do(
    no_anvil_on_path: None, tmp_path: Path
) -> None:
    hooks.correct_anvil_backend(tmp_path)

    with pytest.raises(SystemExit, match="run `make setup` first"):
        hooks.anvil.launch("anvil", port=1)
