"""Measure gas, code size, growth and speed, beside the project's limits.

    make bench
    python -m scripts.bench --write-docs --update-snapshot

Starts its own Anvil, deploys and measures from receipts; crowds of up to 100,000 accounts are
built in process. Takes about three minutes, prints tables and writes `reports/bench.json`, whose
numbers stand at plain keys such as `gas.settle_existing` or `fuzz.steps_per_second.revm`. Leaves
with an error if a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from plimsoll import artifacts
from plimsoll.bench.figures import DYDX_V3_DELEVERAGE, LimitMissed
from plimsoll.bench.measure import measure
from plimsoll.bench.report import SCALE_LIMIT_PPM, WANTED_RATIO, Report
from plimsoll.text_marks import put_between
from plimsoll.units import PPM, percent
from scripts.deploy import leave_with

DEFAULT_OUT = artifacts.PROJECT_ROOT / "reports" / "bench.json"
DOCUMENT = artifacts.PROJECT_ROOT / "docs" / "gas.md"
SNAPSHOT = artifacts.PROJECT_ROOT / "tests" / "gas_snapshot.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure gas, size and speed.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FILE")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/gas.md")
    parser.add_argument(
        "--update-snapshot", action="store_true", help="what tests/sdk/test_bench.py compares with"
    )
    return parser.parse_args(argv)


def gas_table(report: Report) -> Table:
    """Gas beside limit and predecessor; what misses its limit is red."""
    table = Table(title="Gas, from receipts", title_justify="left")
    table.add_column("measured")
    for column in ("gas", "limit", "dYdX v3"):
        table.add_column(column, justify="right")
    for figure in report.gas:
        style = "" if figure.limit is None else "green" if figure.good else "red"
        table.add_row(
            f"{figure.description}\n[dim]{figure.key}[/dim]",
            f"{figure.value:,}",
            "" if figure.limit is None else f"{figure.limit:,}",
            "" if figure.dydx_v3 is None else f"{figure.dydx_v3:,}",
            style=style,
        )
    return table


def view_table(report: Report) -> Table:
    """What views cost."""
    table = Table(title="Views", title_justify="left")
    table.add_column("measured")
    for column in ("gas", "ms on Anvil"):
        table.add_column(column, justify="right")
    for view in report.views:
        table.add_row(
            f"{view.figure.description}\n[dim]{view.figure.key}[/dim]",
            f"{view.figure.value:,}",
            f"{view.milliseconds:.2f}",
        )
    return table


def scale_table(report: Report) -> Table:
    """The same resolves against buckets of different numbers of accounts."""
    spread = percent(report.scale_spread_ppm, PPM, 4)
    table = Table(
        title=f"ADL, spread {spread}, limit {percent(SCALE_LIMIT_PPM, PPM)}", title_justify="left"
    )
    columns = ("accounts in the bucket", "bankrupt", "solvent", "receipts", "dYdX v3")
    for column in columns:
        table.add_column(column, justify="right")
    receipts = {crowd.accounts: crowd for crowd in report.receipts}
    for crowd in report.crowds:
        receipt = receipts.get(crowd.accounts)
        table.add_row(
            f"{crowd.accounts:,}",
            f"{crowd.haircut:,}",
            f"{crowd.rematch:,}",
            "" if receipt is None else "equal" if receipt == crowd else "differ",
            f"{crowd.accounts * DYDX_V3_DELEVERAGE:,}",
        )
    return table


def bucket_table(report: Report) -> Table:
    """Resolves against different numbers of buckets."""
    table = Table(title="ADL by buckets", title_justify="left")
    for column in ("winning buckets", "all charged, first re-matched", "all charged and closed"):
        table.add_column(column, justify="right")
    for cost in report.buckets:
        table.add_row(str(cost.buckets), f"{cost.haircut:,}", f"{cost.rematch:,}")
    return table


def speed_table(report: Report) -> Table:
    """The fuzz machine on both chains."""
    speed = report.speed
    table = Table(title="Fuzz machine, one process", title_justify="left")
    for column in ("chain", "steps", "steps per second"):
        table.add_column(column, justify="right")
    table.add_row("revm, in process", f"{speed.revm_steps:,}", f"{speed.revm:,.0f}")
    table.add_row("Anvil", f"{speed.anvil_steps:,}", f"{speed.anvil:,.0f}")
    table.add_row("ratio", "", f"{speed.ratio:.1f}, wanted {WANTED_RATIO}")
    return table


def size_table(report: Report) -> Table:
    """Runtime bytes of each contract and the room that is left."""
    table = Table(title="Runtime code, bytes", title_justify="left")
    table.add_column("contract")
    table.add_column("size", justify="right")
    table.add_column("room", justify="right")
    for figure in report.sizes:
        table.add_row(
            figure.key.removeprefix("size."),
            f"{figure.value:,}",
            f"{figure.room:,}",
            style="" if figure.good else "red",
        )
    return table


def write_docs(report: Report, path: Path = DOCUMENT) -> None:
    """Replace what stands between the marks of the document."""
    text = path.read_text(encoding="utf-8")
    text = put_between(text, (BEGIN, END), report.as_markdown(), where=path)
    path.write_text(text, encoding="utf-8")


def write_snapshot(report: Report, path: Path = SNAPSHOT) -> None:
    """Keep the gas figures for the test that watches them."""
    snapshot = {figure.key: figure.value for figure in report.measured_gas}
    path.write_text(json.dumps(snapshot, indent=2) + "\n", encoding="utf-8")


def run(argv: Sequence[str]) -> None:
    """Measure, print, write."""
    args = parse(argv)
    console = Console(width=None if sys.stdout.isatty() else 120)
    with console.status("compiling") as status:
        artifacts.ensure_compiled()

        def progress(text: str) -> None:
            status.update(f"measuring: {text}")
            if not console.is_terminal:
                console.print(text, highlight=False)

        report = measure(progress)
    for table in (
        gas_table(report),
        view_table(report),
        scale_table(report),
        bucket_table(report),
        speed_table(report),
        size_table(report),
    ):
        console.print(table)
    for name, text in report.conditions.items():
        console.print(f"{name}: {text}", highlight=False)
    report.write(args.out)
    written = [args.out]
    if args.write_docs:
        write_docs(report)
        written.append(DOCUMENT)
    if args.update_snapshot:
        write_snapshot(report)
        written.append(SNAPSHOT)
    for path in written:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    if report.missed:
        raise LimitMissed(report.missed)


def main() -> None:
    """Entry point of `brownie run bench`: all defaults."""
    leave_with(run, [])


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
