"""Check, or with `--fix` correct, the style of every Vyper file.

Runs `mamushi` (format) and `natrix` (lint). Both stop with a traceback at the first
file they cannot read, and natrix compiles each file to bytecode and cannot read modules
that use two others. So each file gets a verdict of its own here, and the lint rules get
the compiler's syntax tree, which is all that they need. Only the rule for large memory
frames (NTX1) has nothing to say without bytecode.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from natrix import read_pyproject_config
from natrix.rules.common import RuleRegistry

ROOT = Path(__file__).resolve().parents[1]
LINE_LENGTH = "100"

# In a deployed contract the ABI decides on names and arguments, used or not: a constant
# `decimals`, a facade that passes its calldata on whole. In modules we do.
ABI_RULES = frozenset({"NTX2", "NTX10"})

_UNREADABLE = re.compile(r"Unexpected token .*|\w+Error: .*")


class DoesNotCompileError(Exception):
    """The compiler refused a file; the message is the compiler's."""


def vyper_files(root: Path) -> list[str]:
    """Every Vyper file of the project, relative to its root."""
    return sorted(
        path.relative_to(root).as_posix()
        for folder in ("contracts", "interfaces")
        for path in (root / folder).rglob("*")
        if path.suffix in (".vy", ".vyi")
    )


def format_problem(path: str, *, fix: bool, root: Path = ROOT) -> str | None:
    """What mamushi finds wrong with a file, or None."""
    check = [] if fix else ["--check"]
    done = _run(["mamushi", "--quiet", "--line-length", LINE_LENGTH, *check, path], root)
    if done.returncode == 0:
        return None
    found = _UNREADABLE.search(done.stdout + done.stderr)
    if found is None and not fix:
        return f"{path}: not formatted, run `make format`"
    reason = found.group() if found else done.stderr.strip()[-200:]
    if "_INDENT" in reason:
        reason += " (it reads a flag only if a comment line stands right above it)"
    return f"{path}: mamushi cannot read it: {reason}"


def syntax_tree(path: str, root: Path = ROOT) -> dict[str, Any]:
    """The compiler's annotated syntax tree of a file."""
    done = _run(["vyper", "-f", "annotated_ast", path], root)
    if done.returncode != 0:
        raise DoesNotCompileError(done.stderr.strip())
    tree: dict[str, Any] = json.loads(done.stdout)
    return tree


def lint_problems(path: str, tree: dict[str, Any], rules_off: frozenset[str]) -> list[str]:
    """What natrix finds wrong with a file. Its rules keep state: one thread only."""
    if "/_" not in path:
        rules_off |= ABI_RULES
    return [
        f"{path}:{issue.position}: {issue.code} {issue.message}"
        for rule in RuleRegistry.get_rules()
        for issue in rule.run(tree)
        if issue.code not in rules_off
    ]


def examine(path: str, *, fix: bool) -> tuple[list[str], dict[str, Any] | None]:
    """The slow part for one file: its problems so far, and its tree if it is to be linted."""
    problem = format_problem(path, fix=fix)
    problems = [problem] if problem else []
    # natrix has no rules for interface files
    if fix or path.endswith(".vyi"):
        return problems, None
    try:
        return problems, syntax_tree(path)
    except DoesNotCompileError as error:
        return [*problems, f"{path}: {error}"], None


def main(arguments: list[str] | None = None) -> int:
    """Print every problem; the exit code is 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true", help="format the files, and do not lint")
    fix: bool = parser.parse_args(arguments).fix

    files = vyper_files(ROOT)
    rules_off = frozenset(read_pyproject_config()["disabled_rules"])
    count = 0
    # each tool is a process of its own, so threads are enough to use every core
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (problems, tree) in zip(
            files, pool.map(lambda path: examine(path, fix=fix), files), strict=True
        ):
            lint = lint_problems(path, tree, rules_off) if tree is not None else []
            count += len(problems) + len(lint)
            for problem in problems + lint:
                print(problem, flush=True)
    print(f"{len(files)} Vyper files, {count} problems")
    return 1 if count else 0


def _run(command: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    # a virtual environment's programs are not on PATH unless it is active
    program = str(Path(sys.executable).with_name(command[0]))
    return subprocess.run(
        [program, *command[1:]],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
