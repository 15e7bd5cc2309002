"""Replay the auto-deleveraging of 10 October 2025 under several policies, Plimsoll on its bytecode.

    make replay
    make replay DATA=folder-with-adl_by_account.csv
    python -m scripts.replay --accounts 300

Without the public per-account file the winners are drawn from quantiles of it, as many. Writes
`index.html` (one page with tables and pictures), `report.json`, `waves.csv` and `policies.csv`.
The same arguments give the same files.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from plimsoll import artifacts
from plimsoll.deployment import claim_folder
from plimsoll.errors import InputError
from plimsoll.replay import measure, tables
from plimsoll.replay.book import LEAST_ACCOUNTS, load_day, read_outlines
from plimsoll.replay.brokers import open_vaults
from plimsoll.replay.charts import draw_all
from plimsoll.replay.html import page
from plimsoll.replay.opening import build
from plimsoll.replay.policies import simulate
from plimsoll.replay.quantiles import band_to_json, describe
from plimsoll.replay.report import Replay, document, quantiles, write_json, write_tables
from plimsoll.replay.settings import load_settings
from plimsoll.replay.waves import play
from plimsoll.replay.words import findings
from plimsoll.text_marks import put_between
from plimsoll.units import exact
from scripts.deploy import leave_with

SCENARIO = artifacts.PROJECT_ROOT / "scenarios" / "replay_october_2025.json"
DEFAULT_OUT = artifacts.PROJECT_ROOT / "reports" / "replay"
DOCUMENT = artifacts.PROJECT_ROOT / "docs" / "october-2025.md"
DOCUMENT_PICTURES = ("money.png", "people.png")
DRAWN = ("<!-- measured: begin -->", "<!-- measured: end -->")
FROM_FILE = ("<!-- measured on the file: begin -->", "<!-- measured on the file: end -->")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="replay", description="10 October 2025 under several policies, some minutes."
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="holds the public per-account file"
    )
    parser.add_argument("--scenario", type=Path, default=SCENARIO, metavar="FILE")
    parser.add_argument("--accounts", type=int, metavar="N", help="so many only, for a quick look")
    parser.add_argument("--seed", type=int, help="another draw of accounts and hedges")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="for the report (default: reports/replay, with --accounts reports/replay-N)",
    )
    parser.add_argument("--quiet", action="store_true", help="no tables, only what was written")
    parser.add_argument(
        "--write-docs", action="store_true", help="put the figures into docs/october-2025.md"
    )
    parser.add_argument(
        "--write-quantiles",
        action="store_true",
        help="describe the file in --data, put the quantiles into the scenario, replay nothing",
    )
    args = parser.parse_args(argv)
    if args.out is None:
        copy = "" if args.accounts is None else f"-{args.accounts}"
        args.out = DEFAULT_OUT.with_name(f"{DEFAULT_OUT.name}{copy}")
    problems = {
        "the documentation shows the whole day": (
            args.write_docs and args.accounts is not None,
            "leave --accounts out",
        ),
        "the documentation shows the run that `make replay` repeats": (
            args.write_docs and (args.seed is not None or args.scenario != SCENARIO),
            "leave --seed and --scenario out",
        ),
        "there is nothing to describe": (
            args.write_quantiles and args.data is None,
            "name the folder of the file with --data",
        ),
        f"{args.accounts} accounts are too few to follow quantiles": (
            args.accounts is not None and args.accounts < LEAST_ACCOUNTS,
            f"name at least {LEAST_ACCOUNTS} with --accounts",
        ),
    }
    for problem, (found, next_step) in problems.items():
        if found:
            raise InputError(problem, next_step=next_step)
    return args


def replay(args: argparse.Namespace, say: Callable[[str], None]) -> Replay:
    """Load, simulate, and let the contracts do it; `say` hears of every step."""
    began = time.monotonic()
    settings = load_settings(args.scenario)
    if args.seed is not None:
        settings = replace(settings, seed=args.seed)
    say("reading the day")
    day = load_day(args.data, args.scenario, args.accounts, args.seed)
    stage = build(day, say, before=functools.partial(open_vaults, plan=settings.brokers))
    whole, day = day, measure.as_opened(stage.day, stage.people)
    outcomes = []
    for policy in settings.policies:
        say(policy.title)
        if policy.kind != "plimsoll":
            simulation = simulate(day, stage.table, policy.kind)
            outcomes.append(measure.simulated(policy, settings, day, simulation))
            continue
        performance = play(
            stage,
            insurance=math.floor(policy.insurance * day.scale),
            brokers=settings.brokers,
            sponsored_ppm=policy.sponsored_ppm,
            progress=_named(policy.title, say),
        )
        outcomes.append(measure.performed(policy, settings, day, performance))
    say("the queue, had the accounts been dealt to markets in another way")
    return Replay(
        settings=settings,
        day=day,
        venue=measure.published(whole, settings.published),
        outcomes=tuple(outcomes),
        luck=measure.luck(day),
        seconds=time.monotonic() - began,
    )


def _named(title: str, say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: say(f"{title}: {text}")


def write_report(found: Replay, folder: Path) -> tuple[Path, ...]:
    """All files of a replay; the page is the last."""
    report, page_file = folder / "report.json", folder / "index.html"
    pictures = draw_all(found, folder)
    write_json(document(found), report)
    waves, policies = write_tables(found, folder)
    page_file.write_text(page(found, pictures), encoding="utf-8")
    return (report, waves, policies, *pictures.values(), page_file)


def write_docs(
    found: Replay, folder: Path, path: Path = DOCUMENT, *, drawn: bool = True
) -> tuple[Path, ...]:
    """Put the figures between marks of the document.

    Of a drawn day everything and pictures beside it; of one from the public file, between marks
    of its own, what differs: the findings and the tables of policies.
    """
    said = "\n".join(f"- {sentence}" for sentence in findings(found))
    chosen = tables.every(found) if drawn else tables.of_policies(found)
    shown = "\n\n".join(table.as_markdown() for table in chosen)
    text = path.read_text(encoding="utf-8")
    text = put_between(text, DRAWN if drawn else FROM_FILE, f"{said}\n\n{shown}", where=path)
    path.write_text(text, encoding="utf-8")
    written = [path]
    for name in DOCUMENT_PICTURES if drawn else ():
        copy = path.parent / "img" / f"replay_{name}"
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / name, copy)
        written.append(copy)
    return tuple(written)


def write_quantiles(folder: Path, scenario: Path) -> None:
    """Describe the public file, and put its totals and bands into the scenario."""
    load_settings(scenario)
    outlines, _ = read_outlines(folder)
    data = json.loads(scenario.read_text(encoding="utf-8"))
    data["accounts"]["totals"] = {
        "accounts": len(outlines),
        "notional": exact(sum(one.notional for one in outlines)),
        "profit": exact(sum(one.profit for one in outlines)),
    }
    data["accounts"]["whole"] = quantiles(load_day(folder, scenario))
    data["accounts"]["bands"] = [band_to_json(band) for band in describe(outlines)]
    scenario.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def run(argv: Sequence[str]) -> None:
    """Replay, tell, write."""
    args = parse(argv)
    console = Console(width=None if sys.stdout.isatty() else 160)
    if args.write_quantiles:
        write_quantiles(args.data, args.scenario)
        console.print(f"wrote {args.scenario}", highlight=False, soft_wrap=True)
        return
    claim_folder(args.out)
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("compiling", total=None)

        def say(text: str) -> None:
            progress.update(task, description=text)
            if not console.is_terminal and not args.quiet:
                console.print(text, highlight=False)

        artifacts.ensure_compiled()
        found = replay(args, say)
        say("writing the report")
        written = write_report(found, args.out)
        if args.write_docs:
            written = (*write_docs(found, args.out, drawn=args.data is None), *written)
    if not args.quiet:
        for table in tables.every(found):
            console.print(table.as_rich())
            console.print()
        for sentence in findings(found):
            console.print(f"- {sentence}", highlight=False)
    console.print(f"\n{found.seconds:.0f} s", highlight=False)
    for path in written:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point of `brownie run replay`: all defaults."""
    leave_with(run, [])


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
