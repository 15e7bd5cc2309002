"""Put small faults into the contracts, one at a time, and see which check notices.

    make mutate [MODULES="ledger Waterfall"] [SEED=1] [COUNT=220] [JOBS=2]
    python -m scripts.mutate --report

Results come into `reports/mutation.json` one by one; a run that was broken off goes on where it
was. `--report` writes `docs/mutation.md` from that file and tries nothing. Leaves with 7 if the
score is too low or a survivor is unexplained, and with `--report` if too few faults count.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import ClassVar

import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from plimsoll import artifacts
from plimsoll.errors import InputError, PlimsollError
from plimsoll.mutation import report
from plimsoll.mutation.campaign import Campaign, Settings, still_to_do
from plimsoll.mutation.choice import choose
from plimsoll.mutation.faults import Fault, all_faults
from plimsoll.mutation.results import Result, ResultFile, Score, Status, score, scores_by
from plimsoll.mutation.sources import Source, function_names, read_sources
from scripts.deploy import BROKEN_OFF, leave_with

ROOT = artifacts.PROJECT_ROOT
DEFAULT_OUT = ROOT / "reports" / "mutation.json"
DOCUMENT = ROOT / "docs" / "mutation.md"
SURVIVORS = ROOT / "docs" / "mutation_survivors.toml"
DEFAULT_COUNT = 220
_STYLES = {Status.KILLED: "green", Status.TIMEOUT: "green", Status.SURVIVED: "bold red"}


class NotGoodEnough(PlimsollError):
    """The checks let too much through."""

    exit_code: ClassVar[int] = 7


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="mutate",
        description="Check the checks: put faults into the contracts, one at a time. A fault takes "
        f"about 25 s with two jobs, so all {DEFAULT_COUNT} take an hour and a half.",
    )
    add = parser.add_argument
    add("--modules", nargs="*", default=[], metavar="NAME", help="default: all")
    add("--operators", nargs="*", default=[], metavar="NAME", help="default: all")
    add("--seed", type=int, default=1, help="which faults are chosen, and the fuzz burst's seed")
    add("--count", type=_number, default=DEFAULT_COUNT, help="how many faults are chosen")
    add("--jobs", type=_number, default=os.cpu_count() or 1, help="faults tried at the same time")
    add("--ids", nargs="*", default=[], metavar="ID", help="exactly these faults")
    add("--fuzz-steps", type=_number, default=2_000, metavar="N", help="of the fuzz burst")
    add("--no-fuzz", dest="fuzz_steps", action="store_const", const=0, help="no fuzz burst")
    add("--fresh", action="store_true", help="forget earlier results")
    add("--survivors", action="store_true", help="try again what survived")
    add("--list", action="store_true", help="print the chosen faults, try none")
    add("--report", action="store_true", help="write docs/mutation.md, try none")
    add("--out", type=Path, default=DEFAULT_OUT, metavar="FILE")
    return parser.parse_args(argv)


def _number(text: str) -> int:
    """A number of something, at least one."""
    number = int(text)
    if number < 1:
        raise InputError(
            "COUNT, JOBS and --fuzz-steps start at 1", next_step="for example COUNT=20 JOBS=2"
        )
    return number


def chosen_faults(args: argparse.Namespace, sources: Sequence[Source]) -> list[Fault]:
    """The faults that the arguments ask for."""
    faults = all_faults(sources, function_names(ROOT))
    if args.ids:
        by_id = {fault.id: fault for fault in faults}
        _refuse_unknown("fault", args.ids, by_id, "see --list for the names")
        return [by_id[name] for name in args.ids]
    modules = {source.path: source.module for source in sources}
    known = sorted(set(modules.values()))
    _refuse_unknown("module", args.modules, known, f"known are {', '.join(known)}")
    known = sorted({fault.operator for fault in faults})
    _refuse_unknown("operator", args.operators, known, f"known are {', '.join(known)}")
    wanted = [
        fault
        for fault in faults
        if (not args.modules or modules[fault.path] in args.modules)
        and (not args.operators or fault.operator in args.operators)
    ]
    return choose(wanted, args.count, args.seed)


def summary(results: Sequence[Result]) -> list[Table]:
    """Scores by module and by operator."""
    return [
        _table("By module", scores_by(results, lambda result: result.module)),
        _table("By operator", scores_by(results, lambda result: result.operator)),
    ]


def try_faults(args: argparse.Namespace, faults: Sequence[Fault], console: Console) -> None:
    """Run the campaign over what has no result yet."""
    file = ResultFile(args.out)
    if args.fresh:
        file.results.clear()
    texts = {source.path: source.text for source in read_sources(ROOT)}
    again = frozenset({Status.SURVIVED}) if args.survivors else frozenset[Status]()
    left = still_to_do(faults, file, texts, again)
    file.meta = {
        "seed": args.seed,
        "count": len(faults),
        "fuzz_steps": args.fuzz_steps,
        "ids": [fault.id for fault in faults],
        "command": command(args),
    }
    file.write()
    console.print(f"{len(faults)} faults, {len(faults) - len(left)} with a result", highlight=False)
    if not left:
        return
    settings = Settings(args.jobs, args.fuzz_steps, args.seed)
    with console.status("copying and compiling the original"):
        campaign = Campaign(ROOT, file, settings)
    with campaign, _progress(console) as progress:
        task = progress.add_task("killers on the original", total=None)
        campaign.baseline(
            sorted({Path(fault.path).stem for fault in left}),
            lambda text: progress.console.print(f"[dim]{text}[/dim]", highlight=False),
        )
        progress.update(task, total=len(left), completed=0, description="faults")

        def say(result: Result) -> None:
            progress.advance(task)
            style = _STYLES.get(result.status, "yellow")
            told = f"[{style}]{result.status}[/{style}] {result.id}"
            took = " ".join(f"{name} {value:.0f}s" for name, value in result.seconds.items())
            by = f" by {result.by}" if result.by else ""
            progress.console.print(f"{told}{by} [dim]{took}[/dim]", highlight=False, soft_wrap=True)
            if result.status == Status.SURVIVED:
                for mark, line in (("-", result.before), ("+", result.after)):
                    progress.console.print(
                        f"  {mark} {line}", highlight=False, markup=False, soft_wrap=True
                    )

        campaign.run(left, say)


def command(args: argparse.Namespace) -> str:
    """What to type for the same choice."""
    if args.ids or args.operators:
        names = ["--ids", *args.ids] if args.ids else ["--operators", *args.operators]
        parts = ["python -m scripts.mutate", f"--seed {args.seed} --count {args.count}", *names]
        return " ".join([*parts, *(["--modules", *args.modules] if args.modules else [])])
    parts = ["make mutate", f"SEED={args.seed}", f"COUNT={args.count}"]
    if args.modules:
        parts.append(f'MODULES="{" ".join(args.modules)}"')
    return " ".join(parts)


def results_of(file: ResultFile) -> list[Result]:
    """Results of the faults that the last run chose, in the order of their ids."""
    return [file.results[key] for key in sorted(file.meta.get("ids", [])) if key in file.results]


def judge(results: Sequence[Result], chosen: int, *, whole: bool) -> None:
    """Raise if the checks are not good enough; `whole` also asks for enough faults."""
    total = score(results)
    missing = report.unexplained(results, report.read_explanations(SURVIVORS))
    problems = []
    if len(results) < chosen:
        problems.append(f"{chosen - len(results)} of {chosen} faults have no result yet")
    broken = [result for result in results if result.status == Status.BROKEN]
    if broken:
        problems.append(f"{len(broken)} faults without a verdict, such as {broken[0].id}")
    if whole and total.scored < report.LEAST_SCORED:
        problems.append(f"{total.scored} faults count, wanted {report.LEAST_SCORED}")
    if total.noticed * 100 < report.GOAL_PERCENT * total.scored:
        problems.append(f"score {total.percent}, wanted {report.GOAL_PERCENT} %")
    if missing:
        problems.append(f"{len(missing)} survivors are not explained")
    if problems:
        raise NotGoodEnough(
            "; ".join(problems), next_step=f"write tests, or explain in {SURVIVORS}"
        )


def write_document(file: ResultFile, path: Path = DOCUMENT) -> None:
    """Write the page from the results of the last run."""
    results = results_of(file)
    spent = sum(sum(result.seconds.values()) for result in results)
    steps = file.meta["fuzz_steps"]
    possible = len(all_faults(read_sources(ROOT), function_names(ROOT)))
    conditions = {
        "faults that could be chosen": f"{possible:,}",
        "fuzz burst": f"{steps:,} steps, seed {file.meta['seed']}" if steps else "left out",
        "time": f"{spent / 60:.0f} minutes of one core, {spent / len(results):.0f} s for one fault",
    }
    text = report.document(
        results, report.read_explanations(SURVIVORS), file.meta["command"], conditions
    )
    path.write_text(text, encoding="utf-8")


def run(argv: Sequence[str]) -> None:
    """Choose, try, print; or write the page."""
    args = parse(argv)
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not args.report:
        faults = chosen_faults(args, sources := read_sources(ROOT))
        if args.list:
            texts = {source.path: source.text for source in sources}
            for fault in faults:
                before, after = fault.difference(texts[fault.path])
                console.print(
                    f"{fault.id}\n  - {before}\n  + {after}", highlight=False, markup=False
                )
            return
        try:
            with _children_ended_by_ctrl_c():
                try_faults(args, faults, console)
        except KeyboardInterrupt:
            file = ResultFile(args.out)
            console.print(
                f"broken off: {len(results_of(file))} of {len(faults)} faults have a result in "
                f"{args.out}; the same command goes on from there",
                highlight=False,
                soft_wrap=True,
            )
            sys.exit(BROKEN_OFF)
    file = ResultFile(args.out)
    results = results_of(file)
    if args.report and not results:
        raise InputError(f"{file.path} holds no results", next_step="run `make mutate` first")
    for table in summary(results):
        console.print(table)
    total = score(results)
    console.print(f"score {total.percent}: {total.noticed} of {total.scored}", highlight=False)
    if args.report:
        write_document(file)
        console.print(f"wrote {DOCUMENT}", highlight=False, soft_wrap=True)
    judge(results, len(file.meta.get("ids", [])), whole=args.report)


def main() -> None:
    """Entry point of `brownie run mutate`: all defaults."""
    leave_with(run, [])


@contextmanager
def _children_ended_by_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the tests of the faults at work, too, or their threads would wait for them."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console)


def _table(title: str, scores: dict[str, Score]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("name")
    for column in ("noticed", "survived", "score", "apart"):
        table.add_column(column, justify="right")
    for name, entry in scores.items():
        table.add_row(
            name,
            str(entry.noticed),
            str(entry.survived),
            entry.percent,
            str(entry.apart),
            style="red" if entry.survived else "",
        )
    return table


def _refuse_unknown(kind: str, names: Sequence[str], known: Collection[str], hint: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no {kind} {', '.join(unknown)}", next_step=hint)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
