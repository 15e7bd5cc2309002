"""Stress scenarios from files and random days, on the real bytecode in process.

    make stress RUNS=300 SEED=1
    python -m scripts.stress --only gap_30 whale --runs 0
    python -m scripts.stress --backend dask --cluster tcp://scheduler:8786

Plays every file of scenarios/stress/, then a sweep of random days on all cores; shows tables and
writes `index.html`, `results.json`, `scenarios.csv` and `sweep.csv`. The same seed gives the same
figures with any number of processes. Leaves with 1 if something in a file was expected otherwise,
with 4 if the books of a run do not reconcile.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from plimsoll import artifacts
from plimsoll.deployment import claim_folder
from plimsoll.errors import InputError
from plimsoll.report.grid import Grid
from plimsoll.stress.cores import in_parallel, on_backend
from plimsoll.stress.draws import DEFAULT, SweepPlan, load_sweep
from plimsoll.stress.findings import checks_of, find
from plimsoll.stress.grids import scenario_grids, sweep_grids
from plimsoll.stress.page import write_page
from plimsoll.stress.play import play
from plimsoll.stress.report import Run, write_files
from plimsoll.stress.scenario import FOLDER, Scenario, load_all
from plimsoll.stress.sweep import sweep
from plimsoll.text_marks import put_between
from scripts.deploy import leave_with

DEFAULT_OUT = artifacts.PROJECT_ROOT / "reports" / "stress"
DOCUMENT = artifacts.PROJECT_ROOT / "docs" / "stress.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
LOCAL = ("loky", "threading", "multiprocessing", "sequential")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(prog="stress", description="Named stress and random days.")
    parser.add_argument("--scenarios", type=Path, default=FOLDER, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="file names without .toml")
    parser.add_argument("--sweep", type=Path, default=DEFAULT, metavar="FILE", help="what is drawn")
    parser.add_argument(
        "--runs", type=int, default=300, help="random days, 0: none (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, help="processes (default: all cores; on a cluster, all it has)"
    )
    parser.add_argument("--backend", default="loky", help="of joblib: loky, dask, ray …")
    parser.add_argument("--cluster", metavar="ADDRESS", help="scheduler of a dask cluster")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs")
    parser.add_argument("--quiet", action="store_true", help="print the verdict only")
    options = parser.parse_args(argv)
    if options.runs < 0 or (options.jobs is not None and options.jobs < 1):
        raise InputError("runs start at 0, jobs at 1", next_step="for example RUNS=300 JOBS=2")
    if options.jobs is None and options.backend in LOCAL:
        options.jobs = os.cpu_count() or 1
    return options


def chosen(options: argparse.Namespace) -> list[Scenario]:
    """The scenarios that are asked for."""
    scenarios = load_all(options.scenarios)
    if options.only is None:
        return scenarios
    known = {scenario.key: scenario for scenario in scenarios}
    for name in options.only:
        if name not in known:
            raise InputError(
                f"no scenario {name} in {options.scenarios}",
                next_step=f"choose from {', '.join(known)}",
            )
    return [known[name] for name in options.only]


def carry_out(
    options: argparse.Namespace,
    scenarios: Sequence[Scenario],
    plan: SweepPlan | None,
    console: Console,
) -> Run:
    """Everything that is asked for, with progress."""
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        on_backend(options.backend, options.cluster),
        Progress(*columns, console=console, transient=True) as progress,
    ):

        def stepper(what: str, total: int) -> Callable[[], None]:
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        step = stepper("named scenarios", len(scenarios))
        outcomes = []
        for outcome in in_parallel(play, scenarios, options.jobs):
            outcomes.append(outcome)
            step()
        outcomes.sort(key=lambda outcome: [s.key for s in scenarios].index(outcome.key))
        if plan is None:
            return Run(command(options), tuple(outcomes), None, (), None)
        step = stepper("random days", options.runs)
        days = sweep(plan, options.seed, options.runs, options.jobs, step)
        step = stepper("checks on the bytecode", checks_of(plan))
        found = find(plan, days, options.seed, options.jobs, step)
    return Run(command(options), tuple(outcomes), plan, tuple(days), found)


def command(options: argparse.Namespace) -> str:
    """What gives the same figures again."""
    words = ["python -m scripts.stress"]
    if options.scenarios != FOLDER:
        words.append(f"--scenarios {options.scenarios}")
    if options.only is not None:
        words.append(f"--only {' '.join(options.only)}")
    if options.sweep != DEFAULT:
        words.append(f"--sweep {options.sweep}")
    return " ".join([*words, f"--runs {options.runs} --seed {options.seed}"])


def grids(run: Run) -> list[Grid]:
    """All tables."""
    found = list(scenario_grids(run.outcomes)) if run.outcomes else []
    if run.plan is not None and run.found is not None:
        found += sweep_grids(run.plan, run.found)
    return found


def document(text: str, run: Run) -> str:
    """The text with the run's tables between its marks."""
    tables = "\n\n".join(grid.as_markdown() for grid in grids(run))
    return put_between(text, (BEGIN, END), f"\n`{run.command}`\n\n{tables}\n", where=DOCUMENT)


def show(console: Console, run: Run) -> None:
    """All tables, and what was not as expected."""
    for grid in grids(run):
        console.print(grid.as_rich())
        if grid.note:
            console.print(grid.note, style="dim", highlight=False)
        console.print()
    for outcome in run.outcomes:
        for failure in outcome.failures:
            console.print(f"{outcome.key}: {failure}", style="red", highlight=False)


def run(argv: Sequence[str]) -> None:
    """Play, print, write."""
    options = parse(argv)
    scenarios = chosen(options)
    plan = load_sweep(options.sweep) if options.runs else None
    claim_folder(options.out)
    artifacts.ensure_compiled()
    console = Console(quiet=options.quiet, width=None if sys.stdout.isatty() else 200)
    began = time.monotonic()
    played = carry_out(options, scenarios, plan, console)
    show(console, played)
    write_files(played, options.out)
    page = options.out / "index.html"
    write_page(played, page)
    if options.write_docs:
        text = document(DOCUMENT.read_text(encoding="utf-8"), played)
        DOCUMENT.write_text(text, encoding="utf-8")
    failed = [outcome.key for outcome in played.outcomes if outcome.failures]
    verdict = f"not as expected: {', '.join(failed)}" if failed else "all as expected"
    seconds = time.monotonic() - began
    Console().print(
        f"{len(played.outcomes)} scenarios, {len(played.days)} random days "
        f"in {seconds:.0f} s, {verdict}\n{page}",
        style="red" if failed else "",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
