"""The operators: what a small fault in a contract is.

Each takes a node of the syntax tree and its parent and yields edits of the text. An edit that
the compiler refuses, or that leaves the bytecode as it was, is found out later and counted apart.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from plimsoll.mutation.sources import Source


@dataclass(frozen=True)
class Fault:
    """One edit of one file: `text[start:end]` becomes `replacement`."""

    path: str
    line: int
    column: int
    operator: str
    start: int
    end: int
    replacement: str
    serial: int = 1
    """Counts the faults of one operator at one position."""

    @property
    def id(self) -> str:
        """The same on every run: where and what."""
        suffix = "" if self.serial == 1 else f".{self.serial}"
        return f"{self.path}:{self.line}:{self.column}:{self.operator}{suffix}"

    def applied(self, text: str) -> str:
        """The file with the fault in it."""
        return text[: self.start] + self.replacement + text[self.end :]

    def difference(self, text: str) -> tuple[str, str]:
        """The lines that change, before and after; several are joined into one."""
        first = text.rfind("\n", 0, self.start) + 1
        last = text.find("\n", self.end)
        last = len(text) if last < 0 else last
        after = text[first : self.start] + self.replacement + text[self.end : last]
        return _one_line(text[first:last]), _one_line(after)


class Edit(NamedTuple):
    """What an operator yields."""

    start: int
    end: int
    replacement: str


class Place(NamedTuple):
    """What an operator looks at."""

    source: Source
    node: ast.AST
    parent: ast.AST
    functions: frozenset[str]


Operator = Callable[[Place], Iterator[Edit]]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_SWAPPED_CALLS: Final = {
    "unsafe_add": "unsafe_sub",
    "unsafe_sub": "unsafe_add",
    "unsafe_mul": "unsafe_div",
    "unsafe_div": "unsafe_mul",
}
# functions whose second argument says which way to round
_ROUNDING_FLAGS: Final = frozenset({"_encode", "_encode_near"})
_LAYERS: Final = (("JUNIOR_LAYER", "SENIOR_LAYER"), ("JUNIOR", "SENIOR"), ("junior", "senior"))


def compare(place: Place) -> Iterator[Edit]:
    """A comparison one step off, or turned round."""
    node = place.node
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        old, new = _COMPARISONS[type(node.ops[0])]
        yield from _operator(place.source, node.left, node.comparators[0], old, new)


def arithmetic(place: Place) -> Iterator[Edit]:
    """Another operation, or a sign lost."""
    source, node = place.source, place.node
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield from _operator(source, node.left, node.right, *_ARITHMETIC[type(node.op)])
    elif isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        old, new = _ARITHMETIC[type(node.op)]
        yield from _operator(source, node.target, node.value, f"{old}=", f"{new}=")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        start = source.start(node)
        yield Edit(start, start + 1, "")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        swapped = _SWAPPED_CALLS.get(node.func.id)
        if swapped is not None:
            yield Edit(source.start(node.func), source.end(node.func), swapped)


def rounding(place: Place) -> Iterator[Edit]:
    """A quotient rounded the other way."""
    source, node = place.source, place.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
        dividend = _dividend_of_ceil(node)
        above, below = source.segment(node.left), source.segment(node.right)
        if dividend is not None:
            yield Edit(
                source.start(node), source.end(node), f"({source.segment(dividend)}) // ({below})"
            )
        else:
            yield Edit(
                source.start(node), source.end(node), f"(({above}) + ({below}) - 1) // ({below})"
            )
    elif isinstance(node, ast.Call):
        name = _called(node)
        other = _other_direction(name)
        if other in place.functions:
            end = source.end(node.func)
            yield Edit(end - len(name), end, other)
        elif name == "unsafe_div":
            above, below = (source.segment(argument) for argument in node.args)
            yield Edit(
                source.start(node),
                source.end(node),
                f"unsafe_div(unsafe_sub(unsafe_add({above}, {below}), 1), {below})",
            )
        elif name in ("_div_up", "_floor_div"):
            above, below = (source.segment(argument) for argument in node.args)
            yield Edit(source.start(node), source.end(node), f"(({above}) // ({below}))")
        elif name in _ROUNDING_FLAGS:
            yield _negated(source, node.args[1])


def drop(place: Place) -> Iterator[Edit]:
    """An update or a call that does not happen."""
    source, node = place.source, place.node
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Await | ast.Call)
    ):
        yield Edit(source.start(node), source.end(node), "pass")


def layer(place: Place) -> Iterator[Edit]:
    """Junior for senior and the reverse."""
    source, node = place.source, place.node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        name = node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        name = node.attr
    else:
        return
    for junior, senior in _LAYERS:
        for old, new in ((junior, senior), (senior, junior)):
            if re.fullmatch(rf"_?{old}(_\w+)?", name) and (old != "JUNIOR" or "_" not in name):
                end = source.end(node)
                start = end - len(name) + name.index(old)
                yield Edit(start, start + len(old), new)
                return


def edge(place: Place) -> Iterator[Edit]:
    """The next tick, or the other edge of one."""
    source, node, parent = place.source, place.node, place.parent
    if isinstance(node, ast.Call) and _called(node) == "_worse_edge":
        yield _negated(source, node.args[-1])
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        name = node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        name = node.attr
    else:
        return
    # not what is called, nor a module such as entry_tick
    whole = not isinstance(parent, ast.Attribute) and getattr(parent, "func", None) is not node
    if re.fullmatch(r"(\w*[a-z]_)?tick", name) and whole:
        yield Edit(source.start(node), source.end(node), f"({source.segment(node)} + 1)")


def minmax(place: Place) -> Iterator[Edit]:
    """The larger for the smaller and the reverse."""
    node = place.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        other = {"min": "max", "max": "min"}.get(node.func.id)
        if other is not None:
            yield Edit(place.source.start(node.func), place.source.end(node.func), other)


def constant(place: Place) -> Iterator[Edit]:
    """A number one too large; of a power the exponent."""
    source, node, parent = place.source, place.node, place.parent
    number = _number(node)
    # an address, a mask or a selector is no quantity
    if number is None or not isinstance(node, ast.Constant) or _in_hex(source, node):
        return
    base = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.left is node
    index = isinstance(parent, ast.Subscript) and parent.slice is node
    if not base and not index:
        yield Edit(source.start(node), source.end(node), str(number + 1))


def assertion(place: Place) -> Iterator[Edit]:
    """A check that is not made."""
    node = place.node
    if isinstance(node, ast.Assert | ast.Raise):
        yield Edit(place.source.start(node), place.source.end(node), "pass")


def boolean(place: Place) -> Iterator[Edit]:
    """A condition turned round, `and` for `or`, a flag flipped."""
    source, node = place.source, place.node
    if isinstance(node, ast.If | ast.IfExp | ast.Assert):
        yield _negated(source, node.test)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in pairwise(node.values):
            yield from _operator(source, left, right, old, new)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield Edit(source.start(node), source.end(node), str(not node.value))


def index(place: Place) -> Iterator[Edit]:
    """The neighbouring element, or the keys of a mapping in the wrong order."""
    source, node = place.source, place.node
    if not isinstance(node, ast.Subscript):
        return
    inner = node.value
    number = _number(node.slice)
    if number is not None:
        other = number - 1 if number > 0 else 1
        yield Edit(source.start(node.slice), source.end(node.slice), str(other))
    elif isinstance(inner, ast.Subscript) and _number(inner.slice) is None:
        first, second = source.segment(inner.slice), source.segment(node.slice)
        between = source.text[source.end(inner.slice) : source.start(node.slice)]
        if first != second:
            start, end = source.start(inner.slice), source.end(node.slice)
            yield Edit(start, end, second + between + first)


OPERATORS: Final[dict[str, Operator]] = {
    "compare": compare,
    "arithmetic": arithmetic,
    "rounding": rounding,
    "drop": drop,
    "layer": layer,
    "edge": edge,
    "minmax": minmax,
    "constant": constant,
    "assert": assertion,
    "boolean": boolean,
    "index": index,
}


def faults_of(source: Source, functions: frozenset[str]) -> list[Fault]:
    """Every fault of every operator in a file, in the order of the text.

    `functions` are the names that exist: without a sibling a call cannot round the other way.
    """
    found: list[Fault] = []
    serials: dict[tuple[int, str], int] = {}
    for node, parent in source.places():
        place = Place(source, node, parent, functions)
        for name, operator in OPERATORS.items():
            for edit in operator(place):
                serial = serials[edit.start, name] = serials.get((edit.start, name), 0) + 1
                line, column = source.position(edit.start)
                found.append(Fault(source.path, line, column, name, *edit, serial))
    return sorted(found, key=lambda fault: (fault.line, fault.column, fault.operator, fault.serial))


def all_faults(sources: Iterable[Source], functions: frozenset[str]) -> list[Fault]:
    """The faults of several files."""
    return [fault for source in sources for fault in faults_of(source, functions)]


def _operator(
    source: Source, left: ast.expr, right: ast.expr, old: str, new: str
) -> Iterator[Edit]:
    """Replace the operator between two operands; between them are only it, space and brackets."""
    start = source.end(left)
    gap = source.code[start : source.start(right)]
    assert re.sub(r"[()\s\\]+", " ", gap).strip() == old, (source.path, gap, old)
    at = start + re.search(re.escape(old).replace(r"\ ", r"\s+"), gap).start()  # type: ignore[union-attr]
    length = len(old)
    yield Edit(at, at + length, new)


def _negated(source: Source, test: ast.expr) -> Edit:
    start, end = source.start(test), source.end(test)
    return Edit(start, end, f"(not ({source.segment(test)}))")


def _dividend_of_ceil(node: ast.BinOp) -> ast.expr | None:
    """The x of `(x + d - 1) // d`, however d is written."""
    less = node.left
    if not isinstance(less, ast.BinOp) or not isinstance(less.op, ast.Sub):
        return None
    if not isinstance(less.right, ast.Constant) or less.right.value != 1:
        return None
    total = less.left
    if not isinstance(total, ast.BinOp) or not isinstance(total.op, ast.Add):
        return None
    return total.left if ast.dump(total.right) == ast.dump(node.right) else None


def _called(node: ast.Call) -> str:
    """The last part of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _other_direction(name: str) -> str:
    if name.endswith("_up"):
        return name.removesuffix("_up") + "_down"
    if name.endswith("_down"):
        return name.removesuffix("_down") + "_up"
    return ""


def _number(node: ast.AST) -> int | None:
    """The value of an integer literal; truth values are none."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _in_hex(source: Source, node: ast.Constant) -> bool:
    return source.segment(node).startswith("0x")


def _one_line(text: str) -> str:
    return " ".join(text.split())
