"""Random walks over the real bytecode, each step compared with the reference model.

    make fuzz STEPS=100000 SEED=7 JOBS=2
    make fuzz CASE=reports/fuzz_case.json
    python -m scripts.fuzz --steps 1000000 --seed 1 --jobs 2 --write-docs

Runs in process (revm). Shows progress, then how often each rule, each reason, each layer and
each path of the ADL was reached; writes `reports/fuzz.json`. A violation is shortened, written
to a case file and printed; the command then leaves with 1. Ctrl-C writes the counts so far and
leaves with 130.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from plimsoll import artifacts
from plimsoll.deployment import claim_folder
from plimsoll.errors import InputError
from plimsoll.fuzz.cases import Case, read_case, write_case
from plimsoll.fuzz.stage import PRICES
from plimsoll.fuzz.tally import CAMPAIGN_STEPS, TARGETS, Tally
from plimsoll.fuzz.walk import (
    EPISODE_STEPS,
    Found,
    Told,
    campaign,
    fresh_machine,
    own_machine,
    shortened,
    violation_of_case,
    whole_episodes,
)
from plimsoll.model.state import CASH_BOUND_WAD, SIZE_BOUND_WAD
from plimsoll.units import WAD
from scripts.deploy import BROKEN_OFF, leave_with

REPORTS = artifacts.PROJECT_ROOT / "reports"
DOCUMENT = artifacts.PROJECT_ROOT / "docs" / "fuzzing.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"

# largest differences are named by the last word of what differs, see plimsoll/fuzz/compare.py
_CASH = ("backing", "unvested", "fees_in_transit", "balance", "uncounted", "claims", "fees",
         "reserved_2", "reserved_5")  # fmt: skip
_SIZES = ("size", "long_interest", "short_interest")
_VALUE_BOUND_WAD = CASH_BOUND_WAD + SIZE_BOUND_WAD * (1 + sum(PRICES.values()) // WAD)
_ENTRY = "2^-31 of it"
VALUES = (
    "cash", "equity", "equity_im", "mm", "im", "notional", "deficit", "credited", "reserved",
    "junior_reserved", "senior_reserved", "broker_reserved", "fund_reserved", "set_aside",
)  # fmt: skip
ALLOWED = {
    **dict.fromkeys(_CASH, f"{CASH_BOUND_WAD:,}"),
    **dict.fromkeys(_SIZES, f"{SIZE_BOUND_WAD:,}"),
    **dict.fromkeys(VALUES, f"{_VALUE_BOUND_WAD:,}"),
    "entry": _ENTRY,
    **dict.fromkeys(("risk", "at_risk", "redeems"), "token units: 1 for each client"),
    "amount": f"{2 * _VALUE_BOUND_WAD:,}",
    "capital": f"{2 * CASH_BOUND_WAD:,}, more at rho < 1",
}
"""Wei that model and chain may be apart; of a value at the first prices, it grows with them."""


STEPS_HELP = (
    f"calls, each one compared; whole episodes of {EPISODE_STEPS}, so the number is rounded up "
    "(default: %(default)s)"
)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Random walks against the model.")
    parser.add_argument("--steps", type=int, default=100_000, help=STEPS_HELP)
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
    """Run one case file again, call by call; whether it holds."""
    case = read_case(path)

    def say(told: Told) -> None:
        line = f"{told.action:>4} {told.name:<24} {told.who:<10} {told.refusal or 'ok'}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    machine = fresh_machine(say)
    violation = violation_of_case(machine, case.actions)
    tell = f"recorded as: {case.violation}"
    console.print(tell, markup=False, highlight=False, soft_wrap=True)
    counts = f"{path}: {len(case.actions)} actions, {machine.tally.steps} calls"
    if violation is None:
        verdict(f"{counts}, no violation")
        return True
    verdict(f"{counts}\nVIOLATION {violation}", style="red")
    return False


def verdict(text: str, style: str = "") -> None:
    """The last line, also with --quiet; a path in it is not broken."""
    Console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def counted(
    title: str,
    counts: Mapping[str, int],
    beside: Mapping[str, str] | None = None,
    *,
    heads: tuple[str, str] = ("times", ""),
    red: Collection[str] = (),
) -> Table:
    """Names and counts, with what stands beside them."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column(heads[0], justify="right")
    if beside is not None:
        table.add_column(heads[1], justify="right")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        row = [name, f"{count:,}"]
        if beside is not None:
            row.append(beside.get(name, ""))
        table.add_row(*row, style="red" if name in red else "")
    return table


def scaled_targets(steps: int) -> dict[str, int]:
    """What so many steps should reach; a campaign of a million or more, what is asked of it."""
    part = min(steps, CAMPAIGN_STEPS)
    return {name: count * part // CAMPAIGN_STEPS for name, count in TARGETS.items()}


def show(console: Console, tally: Tally, seconds: float) -> None:
    """All tables of a run."""
    targets = scaled_targets(tally.steps)
    paths = dict.fromkeys(targets, 0) | tally.paths
    missed = [name for name, count in targets.items() if paths[name] < count]
    asked = {name: f"{count:,}" for name, count in targets.items()}
    console.print(counted("Paths", paths, asked, heads=("times", "asked for"), red=missed))
    if missed:
        console.print(
            f"red ({', '.join(missed)}): met less often than asked for in so many steps; "
            "nothing is wrong, but less was tested",
            style="red",
            highlight=False,
        )
    console.print(counted("Calls", tally.calls))
    console.print(counted("Refusals, by reason", tally.refusals))
    console.print(counted("Events", tally.events))
    console.print(counted("Decided within the rounding bound", tally.close))
    largest = "Largest difference of model and chain"
    console.print(counted(largest, tally.largest, ALLOWED, heads=("wei", "allowed")))
    speed = tally.steps / seconds
    console.print(f"{tally.steps:,} steps in {seconds:,.0f} s, {speed:,.0f} a second")


def report(
    options: argparse.Namespace,
    tally: Tally,
    seconds: float,
    found: Found | None,
    *,
    broken_off: bool = False,
) -> dict[str, Any]:
    """What `reports/fuzz.json` holds."""
    return {
        "command": f"make fuzz STEPS={options.steps} SEED={options.seed} JOBS={options.jobs}",
        "seconds": round(seconds, 1),
        "broken_off": broken_off,
        "violation": found.message if found else None,
        **tally.as_json(),
    }


def document(text: str, data: Mapping[str, Any]) -> str:
    """The text with the campaign's figures between its marks."""
    targets = scaled_targets(data["steps"])
    verdict = "no violation" if data["violation"] is None else data["violation"]
    lines = [
        f"`{data['command']}`: {data['steps']:,} steps in {data['seconds']:,.0f} s, {verdict}.",
        *_rows("path", dict.fromkeys(targets, 0) | data["paths"], targets),
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
    claim_folder(options.out)
    console = Console(quiet=options.quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    so_far = Tally()
    began = time.monotonic()
    try:
        with Progress(*columns, console=console) as progress:
            total = whole_episodes(options.steps) * EPISODE_STEPS
            task = progress.add_task("steps", total=total)

            def shown(tally: Tally) -> None:
                nonlocal so_far
                so_far = tally
                ends = tally.paths["bankruptcies finished"]
                text = f"steps ({ends:,} bankruptcies)"
                progress.update(task, completed=tally.steps, description=text)

            tally, found, seconds = campaign(options.steps, options.seed, options.jobs, shown)
            if found is not None:
                progress.update(task, description="violation found, shortening it")
                found = shortened(own_machine(), found, options.shrink)
    except KeyboardInterrupt:
        data = report(options, so_far, time.monotonic() - began, None, broken_off=True)
        path = written(options.out, data)
        verdict(f"broken off after {so_far.steps:,} steps, no violation so far; wrote {path}")
        sys.exit(BROKEN_OFF)
    show(console, tally, seconds)
    data = report(options, tally, seconds, found)
    path = written(options.out, data)
    if found is not None:
        case = options.out / f"fuzz_case_{options.seed}.json"
        write_case(case, Case(found.message, found.actions))
        verdict(f"VIOLATION {found.message}\n  -> make fuzz CASE={short(case)}", style="red")
        return False
    if options.write_docs:
        text = document(DOCUMENT.read_text(encoding="utf-8"), data)
        DOCUMENT.write_text(text, encoding="utf-8")
        path += f" and {short(DOCUMENT)}"
    verdict(f"no violation; wrote {path}")
    return True


def written(folder: Path, data: Mapping[str, Any]) -> str:
    """Write `fuzz.json`; returns where it is."""
    path = folder / "fuzz.json"
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return short(path)


def short(path: Path) -> str:
    """A path from here, if it is below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def run(argv: Sequence[str]) -> None:
    """Run the command."""
    options = parse(argv)
    holds = (
        walk(options) if options.case is None else rerun(Console(quiet=options.quiet), options.case)
    )
    if not holds:
        sys.exit(1)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
