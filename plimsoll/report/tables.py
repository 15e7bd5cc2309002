"""Tables for the terminal, as wide as what they hold: an address is never cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from plimsoll.deployment import Deployment
from plimsoll.verification import Link

WIDTH: Final = 42  # of a value: an address


def deployment_table(deployment: Deployment) -> Table:
    """Names and addresses of a deployment."""
    table = _table(f"Plimsoll on chain {deployment.chain_id}", "contract", "address", "code hash")
    for name, entry in deployment.contracts.items():
        table.add_row(name, entry.address, _shortened(entry.code_hash, 14))
    return table


def links_table(links: Sequence[Link]) -> Table:
    """Everything read back from the chain; what is wrong is shown in full."""
    table = _table("Read back from the chain", "contract", "what", "value", "")
    table.columns[1].no_wrap, table.columns[1].max_width = False, 12
    for link in links:
        if link.good:
            short = link.found if link.found.startswith("0x") else _shortened(link.found, WIDTH)
            table.add_row(link.contract, link.what, _whole(short), "[green]ok[/green]")
        else:
            value = f"{_whole(link.found)}\ninstead of\n{_whole(link.expected)}"
            table.add_row(link.contract, link.what, value, "[red]wrong[/red]")
    return table


def show(console: Console, table: Table) -> None:
    """Print a table whole: it fits 80 columns, and a narrower terminal wraps its lines."""
    unlimited = console.options.update(max_width=10_000)
    table.width = console.measure(table, options=unlimited).maximum
    console.print(table, crop=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", box=None, header_style="bold", pad_edge=False,
        padding=(0, 2, 0, 0),
    )  # fmt: skip
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _whole(text: str) -> str:
    """In lines of the width of a value; a list of addresses has one in each."""
    return textwrap.fill(text, WIDTH, break_long_words=False)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
