"""Vyper sources as Python syntax trees whose positions are positions in the Vyper text.

Vyper reads its language with Python's parser after a few substitutions, and so do we; ours
keep the length of what they replace. Positions are then exact everywhere, which those of
Vyper's own tree are not: the end of an expression with a `staticcall` in it comes out too early.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from plimsoll.errors import InputError

MOCKS: Final = "mocks"

# built-ins whose further arguments, or all of them, are types
_TYPES_AFTER_FIRST: Final = frozenset({"convert", "abi_decode", "_abi_decode", "extract32"})
_TYPES_ONLY: Final = frozenset({"empty", "max_value", "min_value"})

_CALL = re.compile(r"\b(?:staticcall|extcall)\b")
_DEFINITION = re.compile(r"^[ \t]*def (\w+)\(", re.MULTILINE)
_HEX = re.compile(r'\bx(?=")')
_LOG = re.compile(r"^([ \t]*)log(?= )", re.MULTILINE)
_CLASS = re.compile(r"^(?:struct|event|interface)(?= )", re.MULTILINE)
_FLAG = re.compile(r"^flag (\w)(?=\w*:)", re.MULTILINE)
_LOOP = re.compile(r"^([ \t]*for \w+)(:[^\n]*?)(?= in )", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One Vyper file; `path` is relative to the project."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """Name of the file without suffix: no two are the same in the project."""
        return Path(self.path).stem

    @cached_property
    def code(self) -> str:
        """The text as Python, comments blanked: every character stands where it stood."""
        return _without_comments(_as_python(self.text))

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of `code`."""
        try:
            return ast.parse(self.code)
        except SyntaxError as error:
            raise InputError(
                f"{self.path}:{error.lineno}: not understood ({error.msg})",
                next_step="teach plimsoll/mutation/sources.py what is written there",
            ) from error

    @cached_property
    def lines(self) -> list[str]:
        """The text line by line, without line ends."""
        return self.text.split("\n")

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def offset(self, line: int, byte_column: int) -> int:
        """Index in `text` of a position as `ast` gives it: line from 1, column in UTF-8 bytes."""
        text = self.lines[line - 1]
        column = byte_column if text.isascii() else len(text.encode()[:byte_column].decode())
        return self._starts[line - 1] + column

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Index of a node's first character."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Index past a node's last character."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """A node as it is written in Vyper."""
        return self.text[self.start(node) : self.end(node)]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of an index in `text`."""
        line = self.text.count("\n", 0, offset) + 1
        return line, offset - self._starts[line - 1] + 1

    def places(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Every node of executed code with its parent, in the order of the text.

        Bodies of functions and values of constants; neither docstrings nor types.
        """
        for item in self.tree.body:
            if isinstance(item, ast.FunctionDef):
                for statement in item.body:
                    if not _is_docstring(statement):
                        yield from _walk(statement, item)
            elif _is_constant(item):
                assert isinstance(item, ast.AnnAssign)
                assert item.value is not None
                yield from _walk(item.value, item)


def read_sources(root: Path) -> list[Source]:
    """Every contract and module of a project that is deployed, by path; no mocks."""
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((root / "contracts").rglob("*.vy"))
        if MOCKS not in path.relative_to(root).parts
    ]


def function_names(root: Path) -> frozenset[str]:
    """Names of all functions of contracts, modules and interfaces."""
    return frozenset(
        name
        for folder in ("contracts", "interfaces")
        for path in (root / folder).rglob("*.vy*")
        for name in re.findall(
            r"^[ \t]*def (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    )


def _walk(node: ast.AST, parent: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    yield node, parent
    children: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.AnnAssign):
        children = [child for child in children if child is not node.annotation]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in _TYPES_ONLY:
            return
        if node.func.id in _TYPES_AFTER_FIRST:
            children = [node.func, *node.args[:1]]
    for child in children:
        yield from _walk(child, node)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_constant(item: ast.stmt) -> bool:
    if not isinstance(item, ast.AnnAssign) or item.value is None:
        return False
    # constant(uint256), or public(constant(uint256))
    calls = (part.func for part in ast.walk(item.annotation) if isinstance(part, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == "constant" for called in calls)


def _as_python(text: str) -> str:
    text = _CALL.sub(lambda match: "await".ljust(len(match[0])), text)
    text = _HEX.sub("b", text)
    text = _LOG.sub(lambda match: f"{match[1]}not", text)
    text = _CLASS.sub(lambda match: "class".ljust(len(match[0])), text)
    # `flag Lane` becomes `class ane`: one letter short, nobody reads the name
    text = _FLAG.sub("class ", text)
    return _LOOP.sub(lambda match: match[1] + " " * len(match[2]), text)


def _without_comments(text: str) -> str:
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column] + " " * len(token.string)
    return "\n".join(lines)
