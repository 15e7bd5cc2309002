"""Every reason a contract can refuse for is expected by a test somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from plimsoll.artifacts import PROJECT_ROOT

REASON = re.compile(r'"([a-z][a-z -]*: [^"\n]+)"')
PLACE = re.compile(r"^[@#]\d+ ")
LONGEST = 32  # bytes: one word of memory, and what dynamic reasons are declared with


def reasons_of_contracts() -> dict[str, set[str]]:
    """Reason strings outside docstrings, with the files they stand in."""
    found: dict[str, set[str]] = {}
    for path in sorted((PROJECT_ROOT / "contracts").rglob("*.vy")):
        if path.parent.name == "mocks":
            continue
        code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        code = re.sub(r"#.*", "", code)
        for reason in REASON.findall(code):
            found.setdefault(reason, set()).add(path.name)
    return found


def strings_of_tests() -> set[str]:
    """String literals of all test files, without the `@3 ` that names a bad order or match."""
    found = set()
    for path in sorted((PROJECT_ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(PLACE.sub("", node.value))
    return found


def test_every_reason_is_tested():
    reasons = reasons_of_contracts()
    assert len(reasons) > 100
    known = strings_of_tests()
    missing = {reason: files for reason, files in reasons.items() if reason not in known}
    assert not missing


def test_every_reason_fits_a_word():
    assert [reason for reason in reasons_of_contracts() if len(reason.encode()) > LONGEST] == []


def test_no_contract_asserts_without_a_reason():
    """An `assert` or `raise` of one line ends with a string or a name that holds one."""
    bare = []
    for path in sorted(Path(PROJECT_ROOT / "contracts").rglob("*.vy")):
        if path.parent.name == "mocks":
            continue
        text = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in text.splitlines():
            stripped = line.strip()
            if stripped.startswith("assert ") and stripped[-1] not in "(\\" and "," not in stripped:
                bare.append((path.name, stripped))
            if stripped == "raise":
                bare.append((path.name, stripped))
    assert not bare
