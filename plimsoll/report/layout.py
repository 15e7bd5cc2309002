"""How the story of a run is laid out: tables, paragraphs, figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table


def new_table(*columns: str) -> Table:
    """Words to the left, figures to the right."""
    words = {
        "account",
        "answer",
        "client of",
        "cover-2",
        "kind",
        "layer",
        "liquidated",
        "market",
        "members",
        "result",
        "shock",
        "state",
        "two largest losers",
        "where",
        "who",
        "winner",
        "classes",
        "unit",
    }
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        left = column in words or column in ("", "quantile", "IM / MM brackets", "UTC", "start")
        table.add_column(column, justify="left" if left else "right", no_wrap=column != "members")
    return table


def show(console: Console, table: Table) -> None:
    """Print a table, a little to the right."""
    console.print(Padding(table, (1, 0, 1, 2)))


def say(console: Console, *lines: str, style: str = "") -> None:
    """Print paragraphs."""
    for line in lines:
        console.print(Padding(line, (0, 0, 0, 2)), style=style, highlight=False)


def figure(value: str | Decimal, places: int = 2) -> str:
    """Grouped thousands, at most `places` digits behind the point."""
    text = f"{Decimal(value):,.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".") if places > 2 else text
    return "0" if text in ("-0", "-0.00", "") else text


def small(value: str) -> str:
    """An amount to the cent; what is less, but not nothing, says so."""
    if 0 < abs(Decimal(value)) < Decimal("0.01"):
        return "over -0.01" if Decimal(value) < 0 else "under 0.01"
    return figure(value)


def rate(value: str | Decimal) -> str:
    """A part of one, in percent."""
    return f"{Decimal(value) * 100:.4f} %"


def clock(seconds: int) -> str:
    """Time of day, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def total(amounts: Iterable[str]) -> Decimal:
    """Sum of exact amounts."""
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


def day_and_clock(seconds: int) -> str:
    """Day and time, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%d %b %H:%M:%S}"
