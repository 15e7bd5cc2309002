"""`make setup`: it works when something is missing, and only then. Nothing is installed here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from plimsoll.artifacts import PROJECT_ROOT

TOOLS = (
    ".venv/bin/python",
    ".venv/bin/brownie",
    ".venv/bin/ruff",
    ".venv/bin/mypy",
    "node_modules/.bin/anvil",
)
STAMPS = (".venv/.ready", "node_modules/.ready")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A project folder in which everything is there, as empty files."""
    for name in ("Makefile", "requirements.lock", "package.json", "package-lock.json"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    promised = re.search(
        r"^PY_TOOLS := .*BIN\)/,(.+)\)$", (tmp_path / "Makefile").read_text(), re.MULTILINE
    )
    assert promised is not None
    names = [f".venv/bin/{tool}" for tool in promised[1].split()]
    for name in dict.fromkeys((*names, *TOOLS, *STAMPS)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return tmp_path


def test_setup__everything_there__nothing_to_do(installed: Path) -> None:
    assert make(installed, "--question", "setup").returncode == 0


@pytest.mark.parametrize("missing", [*TOOLS, *STAMPS])
def test_setup__tool_or_stamp_gone__installs_that_part(installed: Path, missing: str) -> None:
    (installed / missing).unlink()

    done = make(installed, "--dry-run", "setup")

    assert ("pip install" in done.stdout) == missing.startswith(".venv")
    assert ("npm ci" in done.stdout) == missing.startswith("node_modules")


def test_setup__python_behind_the_link_gone__installs_again(installed: Path) -> None:
    python = installed / ".venv/bin/python"
    python.unlink()
    python.symlink_to(installed / "no-such-python")

    assert "venv --clear" in make(installed, "--dry-run", "setup").stdout


def test_setup__folder_gone__installs_again(installed: Path) -> None:
    shutil.rmtree(installed / "node_modules")

    assert "npm ci" in make(installed, "--dry-run", "setup").stdout
