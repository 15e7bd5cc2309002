"""Random walks over the real bytecode, each step compared with the reference model.

    make fuzz STEPS=100000 SEED=7 JOBS=2
    make fuzz CASE=reports/fuzz_case.json
    python -m scripts.fuzz --steps 1000000 --seed 1 --jobs 2 --write-docs

Runs in process (revm). Shows progress, then how often each rule, each reason, each layer and
each path of the ADL was reached; writes `reports/fuzz.json`. A violation is shortened, written
to a case file and printed; the command then leaves with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from plimsoll import artifacts
from plimsoll.deployment import claim_folder
from plimsoll.errors import InputError
from plimsoll.fuzz.cases import Case, read_case, write_case
from plimsoll.fuzz.tally import TARGETS, Tally
from plimsoll.fuzz.walk import Found, campaign, fresh_machine, violation_of
from scripts.deploy import leave_with

REPORTS = artifacts.PROJECT_ROOT / "reports"
DOCUMENT = artifacts.PROJECT_ROOT / "docs" / "fuzzing.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Random walks against the model.")
    parser.add_argument("--steps", type=int, default=100_000, help="calls, each one compared")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--case", type=Path, metavar="FILE", help="run this case again instead")
    parser.add_argument("--out", type=Path, default=REPORTS, metavar="FOLDER")
    parser.add_argument("--shrink", type=int, default=600, help="tries to shorten a violation")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs")
    parser.add_argument("--quiet", action="store_true", help="print the verdict only")
    options = parser.parse_args(argv)
    if options.steps < 1 or options.jobs < 1:
        raise InputError("steps and jobs start at 1", next_step="for example STEPS=100000 JOBS=2")
    return options


def rerun(console: Console, path: Path) -> bool:
    """Run one case file again; whether it holds."""
    case = read_case(path)
    violation = violation_of(fresh_machine(), case.actions)
    if violation is None:
        console.print(f"{path}: {len(case.actions)} actions, no violation")
        return True
    console.print(f"{path}: {violation}", style="red", markup=False)
    return False


def counted(
    title: str, counts: Mapping[str, int], targets: Mapping[str, int] | None = None
) -> Table:
    """Names and counts; with targets, beside what was asked for."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("times", justify="right")
    if targets is not None:
        table.add_column("asked for", justify="right")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        row = [name, f"{count:,}"]
        if targets is not None:
            row.append(f"{targets[name]:,}" if name in targets else "")
        table.add_row(*row)
    return table


def scaled_targets(steps: int) -> dict[str, int]:
    """What so many steps should reach."""
    return {name: count * steps // 1_000_000 for name, count in TARGETS.items()}


def show(console: Console, tally: Tally, seconds: float) -> None:
    """All tables of a run."""
    console.print(counted("Paths", tally.paths, scaled_targets(tally.steps)))
    console.print(counted("Calls", tally.calls))
    console.print(counted("Refusals, by reason", tally.refusals))
    console.print(counted("Events", tally.events))
    console.print(counted("Decided within the rounding bound", tally.close))
    console.print(counted("Largest difference of model and chain, wei", tally.largest))
    speed = tally.steps / seconds
    console.print(f"{tally.steps:,} steps in {seconds:,.0f} s, {speed:,.0f} a second")


def report(
    options: argparse.Namespace, tally: Tally, seconds: float, found: Found | None
) -> dict[str, Any]:
    """What `reports/fuzz.json` holds."""
    return {
        "command": f"make fuzz STEPS={options.steps} SEED={options.seed} JOBS={options.jobs}",
        "seconds": round(seconds, 1),
        "violation": found.message if found else None,
        **tally.as_json(),
    }


def document(text: str, data: Mapping[str, Any]) -> str:
    """The text with the campaign's figures between its marks."""
    targets = scaled_targets(data["steps"])
    verdict = "no violation" if data["violation"] is None else data["violation"]
    lines = [
        f"`{data['command']}`: {data['steps']:,} steps in {data['seconds']:,.0f} s, {verdict}.",
        *_rows("path", data["paths"], targets),
        *_rows("call", data["calls"]),
        *_rows("refusal", data["refusals"]),
        *_rows("decided within the rounding bound", data["close"]),
        *_rows("largest difference of model and chain", data["largest"], unit="wei"),
    ]
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + tail


def _rows(
    title: str,
    counts: Mapping[str, int],
    targets: Mapping[str, int] | None = None,
    unit: str = "times",
) -> list[str]:
    """A table in Markdown."""
    if targets is None:
        lines = ["", f"| {title} | {unit} |", "|---|---:|"]
        return lines + [f"| {name} | {count:,} |" for name, count in counts.items()]
    lines = ["", f"| {title} | {unit} | asked for |", "|---|---:|---:|"]
    for name, count in counts.items():
        asked = f"{targets[name]:,}" if name in targets else ""
        lines.append(f"| {name} | {count:,} | {asked} |")
    return lines


def walk(options: argparse.Namespace) -> bool:
    """The campaign, with progress; whether no violation was found."""
    console = Console(quiet=options.quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("steps", total=options.steps)

        def shown(tally: Tally) -> None:
            ends = tally.paths["bankruptcies finished"]
            text = f"steps ({ends:,} bankruptcies)"
            progress.update(task, completed=tally.steps, description=text)

        tally, found, seconds = campaign(
            options.steps, options.seed, options.jobs, shown, options.shrink
        )
    show(console, tally, seconds)
    claim_folder(options.out)
    data = report(options, tally, seconds, found)
    (options.out / "fuzz.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if found is not None:
        path = options.out / f"fuzz_case_{options.seed}.json"
        write_case(path, Case(found.message, found.actions))
        text = f"VIOLATION {found.message}\n  -> make fuzz CASE={path}"
        Console().print(text, style="red", markup=False)
        return False
    if options.write_docs:
        text = document(DOCUMENT.read_text(encoding="utf-8"), data)
        DOCUMENT.write_text(text, encoding="utf-8")
    return True


def run(argv: Sequence[str]) -> None:
    """Run the command."""
    options = parse(argv)
    holds = walk(options) if options.case is None else rerun(Console(), options.case)
    if not holds:
        sys.exit(1)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
