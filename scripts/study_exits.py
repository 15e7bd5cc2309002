"""Play random crashes against traders with plans, under every candidate rule for exits.

    make study RUNS=200 SEED=1
    python -m scripts.study_exits --seed 1 --runs 200 --out reports/study_exits

Writes `results.json` and pictures. The same seed and number of runs give the same figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from plimsoll import artifacts
from plimsoll.deployment import claim_folder
from plimsoll.errors import InputError
from plimsoll.study.cast import BLOCK_S
from plimsoll.study.measure import PLANS, Json, steps, study
from scripts.deploy import leave_with

DEFAULT_OUT = artifacts.PROJECT_ROOT / "reports" / "study_exits"
# Okabe and Ito: told apart with any common colour blindness
COLOURS = {
    "none": "#8A8A8A",
    "gate": "#56B4E9",
    "lock": "#0072B2",
    "escrow": "#E69F00",
    "hold": "#009E73",
    "hold_300": "#CC79A7",
    "keep": "#D55E00",
    "keep_all": "#CC79A7",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="study_exits",
        description="Exits while losses pend: 200 crashes take about two minutes, 20 some seconds.",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--runs", type=int, default=200, help="random crashes (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER")
    parser.add_argument("--quiet", action="store_true", help="write the files only")
    options = parser.parse_args(argv)
    if options.runs < 1:
        raise InputError("there must be a crash", next_step="for example --runs 200")
    return options


def percent(value: float, digits: int = 1) -> str:
    """A part as a percentage. Nothing is written as 0.0, never as -0.0."""
    return f"{round(value * 100, digits) + 0.0:.{digits}f}"


# --- tables ---------------------------------------------------------------------------------


def gains_table(data: Json) -> Table:
    """What each plan gains under each rule."""
    table = Table(title="Gain from deviating, % of the move's profit", title_justify="left")
    table.add_column("rule")
    table.add_column("loyal loses", justify="right")
    for plan in PLANS:
        table.add_column(plan, justify="right")
    for row in data["rules"]:
        cells = []
        for plan in PLANS:
            low, high = row["intervals"][plan]
            cells.append(f"{percent(row['gains'][plan])}\n[dim]{percent(low)}..{percent(high)}[/]")
        table.add_row(row["title"], percent(row["lost"]["twin"]), *cells)
    return table


def payers_table(data: Json) -> Table:
    """Who else pays, and who waits."""
    table = Table(title="Who pays and who waits", title_justify="left")
    table.add_column("rule")
    for column in (
        "R left open %",
        "crashes with rho < 1",
        "lowest rho",
        "bystander loses %",
        "reducers waited",
        "longest s",
        "withdrawals waited",
        "longest s ",
        "gains kept",
        "longest s  ",
    ):
        table.add_column(column, justify="right")
    for row in data["rules"]:
        reducer, saver, kept = row["waits"]["reducer"], row["waits"]["saver"], row["kept"]
        table.add_row(
            row["title"],
            percent(row["uncovered"], 2),
            str(row["holes"]),
            f"{row['worst_rho']:.4f}",
            percent(row["bystander"], 3),
            f"{reducer['waited']} of {reducer['wishes']}",
            str(reducer["longest_s"]),
            f"{saver['waited']} of {saver['wishes']}",
            str(saver["longest_s"]),
            str(kept["times"]),
            str(kept["longest_s"]),
        )
    return table


def curves_table(data: Json) -> Table:
    """What is left open when more winners deviate."""
    parts = sorted({row["part"] for row in data["curves"]})
    table = Table(title="R left open, %, when winners deviate", title_justify="left")
    table.add_column("rule")
    table.add_column("plan")
    for part in parts:
        table.add_column(f"{part:.0%}", justify="right")
    found = {(row["rule"], row["plan"], row["part"]): row for row in data["curves"]}
    for rule, plan in dict.fromkeys((row["rule"], row["plan"]) for row in data["curves"]):
        cells = []
        for part in parts:
            row = found[rule, plan, part]
            cells.append(f"{percent(row['uncovered'])}\n[dim]rho {row['worst_rho']:.3f}[/]")
        table.add_row(rule, plan, *cells)
    return table


def sweeps_table(data: Json) -> Table:
    """One parameter at a time."""
    table = Table(title="Sweeps", title_justify="left")
    table.add_column("what")
    for column in ("value", *PLANS, "R open %", "reducers waited", "longest s", "savers waited"):
        table.add_column(column, justify="right")
    for row in data["sweeps"]:
        value = "any" if row["value"] > 10**6 else f"{row['value']:g}"
        reducer, saver = row["waits"]["reducer"], row["waits"]["saver"]
        table.add_row(
            row["sweep"],
            value,
            *(percent(row["gains"][plan]) for plan in PLANS),
            percent(row["uncovered"], 2),
            f"{reducer['waited']} of {reducer['wishes']}",
            str(reducer["longest_s"]),
            f"{saver['waited']} of {saver['wishes']}",
        )
    return table


def race_table(data: Json) -> Table:
    """Late keepers."""
    table = Table(title="Gain of a runner, %, by the keepers' delay", title_justify="left")
    delays = sorted({row["delay"] for row in data["race"]})
    table.add_column("rule")
    for delay in delays:
        table.add_column(f"{delay * BLOCK_S} s", justify="right")
    for rule in dict.fromkeys(row["rule"] for row in data["race"]):
        rows = [row for row in data["race"] if row["rule"] == rule]
        table.add_row(rule, *(percent(row["gains"]["runner"]) for row in rows))
    return table


def show(console: Console, data: Json) -> None:
    """All tables."""
    for table in (
        gains_table(data),
        payers_table(data),
        curves_table(data),
        sweeps_table(data),
        race_table(data),
    ):
        console.print(table)
    for name, value in data["sample"].items():
        console.print(f"{name}: {value:.4g}", highlight=False)


# --- pictures -------------------------------------------------------------------------------


def draw_gains(data: Json, path: Path) -> None:
    """Bars: what a plan gains under each rule, with intervals."""
    plans = ("resetter", "runner", "drainer", "siphoner")
    _, axes = plt.subplots(figsize=(9, 4))
    width = 0.8 / len(data["rules"])
    for i, row in enumerate(data["rules"]):
        places = [j + i * width for j in range(len(plans))]
        heights = [row["gains"][plan] * 100 for plan in plans]
        bounds = [row["intervals"][plan] for plan in plans]
        below = [h - low * 100 for h, (low, _) in zip(heights, bounds, strict=True)]
        above = [high * 100 - h for h, (_, high) in zip(heights, bounds, strict=True)]
        axes.bar(
            places,
            heights,
            width,
            label=row["title"],
            color=COLOURS[row["rule"]],
            hatch="//" if row["rule"] == "keep_all" else None,
            yerr=[[max(0, x) for x in below], [max(0, x) for x in above]],
            error_kw={"linewidth": 0.8},
        )
    axes.axhline(0, color="#222222", linewidth=0.8)
    axes.set_xticks([j + 0.4 - width / 2 for j in range(len(plans))], plans)
    axes.set_ylabel("gain, % of the move's profit")
    axes.set_title("What deviating gains over staying")
    axes.legend(ncols=2, frameon=False)
    _save(path)


def draw_curves(data: Json, path: Path) -> None:
    """Lines: what nobody pays when more winners deviate."""
    _, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    for axes, plan in zip(panels, ("resetter", "runner"), strict=True):
        for rule in dict.fromkeys(row["rule"] for row in data["curves"]):
            rows = [r for r in data["curves"] if r["rule"] == rule and r["plan"] == plan]
            axes.plot(
                [row["part"] * 100 for row in rows],
                [row["uncovered"] * 100 for row in rows],
                marker="o",
                label=rule,
                color=COLOURS[rule],
            )
        axes.set_xlabel(f"% of winners that are {plan}s")
    panels[0].set_ylabel("% of the haircut left to everybody's rho")
    panels[0].set_title("Losses that winners escape")
    panels[0].legend(frameon=False)
    _save(path)


def draw_race(data: Json, path: Path) -> None:
    """Lines: gain of a runner against the keepers' delay."""
    _, axes = plt.subplots(figsize=(6, 3.8))
    for rule in dict.fromkeys(row["rule"] for row in data["race"]):
        rows = [row for row in data["race"] if row["rule"] == rule]
        axes.plot(
            [row["delay"] * BLOCK_S for row in rows],
            [row["gains"]["runner"] * 100 for row in rows],
            marker="o",
            label=rule,
            color=COLOURS[rule],
        )
    axes.set_xlabel("seconds from the move to the keepers' first start")
    axes.set_ylabel("gain of a runner, % of the move's profit")
    axes.set_title("The race for the exit")
    axes.legend(frameon=False)
    _save(path)


def _save(path: Path) -> None:
    """Write the current figure and forget it."""
    plt.tight_layout()
    plt.savefig(path, dpi=150)
    plt.close()


# --- run ------------------------------------------------------------------------------------


def run(argv: Sequence[str]) -> None:
    """Play, print, write."""
    options = parse(argv)
    claim_folder(options.out)
    console = Console(quiet=options.quiet, width=None if sys.stdout.isatty() else 160)
    began = time.monotonic()
    columns = (
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("drawing crashes", total=steps())

        def step(text: str) -> None:
            progress.update(task, advance=1, description=text)

        data = study(options.seed, options.runs, step)
    show(console, data)
    (options.out / "results.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    mpl.use("Agg")
    draw_gains(data, options.out / "gains.png")
    draw_curves(data, options.out / "left_open.png")
    draw_race(data, options.out / "race.png")
    seconds = time.monotonic() - began
    console.print(f"{seconds:.0f} s, wrote {options.out}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
