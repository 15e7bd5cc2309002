"""One fault after the other: compile, ask the killers in order of price, keep the result."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import ClassVar, Final, Self, TypeVar

from plimsoll.errors import ArtifactError, PlimsollError
from plimsoll.mutation import trees
from plimsoll.mutation.faults import Fault
from plimsoll.mutation.killers import (
    FLOWS,
    LONGEST_MESSAGE,
    Killer,
    Verdict,
    files_of,
    fuzz_killer,
    in_order_of_price,
    pytest_killer,
    run_killer,
)
from plimsoll.mutation.results import Result, ResultFile, Status

FUZZ: Final = "fuzz"
LIMIT_FACTOR: Final = 8
LEAST_LIMIT_S: Final = 90.0
"""A killer may take eight times as long as on the original, and never less than this."""
BASELINE_LIMIT_S: Final = 1_800.0

Progress = Callable[[str], None]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


class BaselineFailed(PlimsollError):
    """A killer fails on the contracts as they are: it cannot tell a fault from none."""

    exit_code: ClassVar[int] = 7

    def __init__(self, killer: str, verdict: Verdict) -> None:
        found = f"{verdict.by} {verdict.message}".strip() or f"exit code {verdict.code}"
        super().__init__(
            f"{killer} fails without any fault: {found}",
            next_step="make it pass first, or leave it out",
        )


@dataclass(frozen=True)
class Settings:
    """How a campaign is run."""

    jobs: int = 2
    fuzz_steps: int = 2_000
    """0 leaves the fuzz burst out."""
    fuzz_seed: int = 1


class Campaign:
    """A folder of trees beside each other: the original, and one for each fault at work.

    The original is a copy, too: editing the project does not disturb a campaign that runs.
    """

    def __init__(self, project: Path, file: ResultFile, settings: Settings) -> None:
        self.file = file
        self.settings = settings
        self._project = project
        self._folder = Path(tempfile.mkdtemp(prefix="plimsoll-mutation-"))
        self.original = self._folder / "original"
        self._codes: dict[str, trees.Code] = {}
        self._immutables: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            trees.make_tree(self._project, self.original)
            trees.compile_tree(self.original)
            self._codes = trees.deployed_codes(self.original)
            self._immutables = trees.immutable_bytes(self.original)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- before ------------------------------------------------------------------------

    def baseline(self, modules: Iterable[str], say: Progress) -> None:
        """Run every killer that will be needed on the original: all pass, and take how long?

        Known times are kept while nothing changes that decides a result.
        """
        tree_digest = trees.digest(self.original)
        wanted = dict.fromkeys(file for module in modules for file in files_of(module))
        wanted |= dict.fromkeys(FLOWS)
        killers = [pytest_killer(name, [name]) for name in wanted]
        if self.settings.fuzz_steps:
            killers.insert(0, self._fuzz())
        if self.file.baseline.get("digest") != tree_digest:
            self.file.baseline = {"digest": tree_digest, "seconds": {}}
        seconds = self.file.baseline["seconds"]
        missing = [killer for killer in killers if _key(killer) not in seconds]

        def measure(killer: Killer) -> None:
            with self._tree(f"baseline-{killers.index(killer)}") as tree:
                verdict = run_killer(killer, tree, BASELINE_LIMIT_S)
            if verdict.code != 0:
                raise BaselineFailed(killer.name, verdict)
            seconds[_key(killer)] = round(verdict.seconds, 1)
            say(f"{killer.name}: {verdict.seconds:.1f} s")

        for done in _in_parallel(self.settings.jobs, measure, missing):
            done.result()
        self.file.write()

    # --- the faults --------------------------------------------------------------------

    def run(self, faults: Sequence[Fault], say: Callable[[Result], None]) -> None:
        """Try every fault; each result is in the file before `say` hears of it."""
        numbered = list(enumerate(faults))
        for done in _in_parallel(self.settings.jobs, self._try_one, numbered):
            result = done.result()
            self.file.add(result)
            say(result)

    def _try_one(self, numbered: tuple[int, Fault]) -> Result:
        number, fault = numbered
        with self._tree(f"fault-{number}") as tree:
            return self._judge(fault, tree)

    def _judge(self, fault: Fault, tree: Path) -> Result:
        path = tree / fault.path
        text = path.read_text(encoding="utf-8")
        before, after = fault.difference(text)
        path.write_text(fault.applied(text), encoding="utf-8")

        def result(status: Status, verdict: Verdict | None = None, killer: str = "") -> Result:
            return Result(
                id=fault.id,
                path=fault.path,
                operator=fault.operator,
                before=before,
                after=after,
                status=status,
                killer=killer,
                by=verdict.by if verdict else "",
                message=verdict.message if verdict else "",
                contracts=tuple(contracts),
                seconds=seconds,
            )

        contracts: list[str] = []
        seconds: dict[str, float] = {}
        try:
            with _timed(seconds, "compile"):
                trees.compile_tree(tree)
        except ArtifactError as error:
            said = refusal(error)
            status = Status.REFUSED if said else Status.BROKEN
            return result(status, Verdict(None, 0, message=said or error.problem))
        codes = trees.deployed_codes(tree)
        contracts += trees.changed(self._codes, codes)
        if not contracts:
            return result(Status.EQUIVALENT)
        if trees.too_large(codes, self._immutables):
            return result(Status.TOO_LARGE)
        broken: Result | None = None  # the killer itself failed: the next ones may still tell
        for stage, killer, expected_s in self._killers(path.stem):
            limit_s = max(LEAST_LIMIT_S, LIMIT_FACTOR * expected_s)
            verdict = run_killer(killer, tree, limit_s)
            seconds[stage] = round(verdict.seconds, 1)
            if verdict.code == 0:
                continue
            if verdict.code is None:
                return result(Status.TIMEOUT, verdict, stage)
            if verdict.found:
                return result(Status.KILLED, verdict, stage)
            broken = result(Status.BROKEN, verdict, stage)
        return broken or result(Status.SURVIVED)

    def _killers(self, module: str) -> Iterator[tuple[str, Killer, float]]:
        """Stage, killer and the seconds it takes on the original."""
        known: dict[str, float] = self.file.baseline["seconds"]
        if self.settings.fuzz_steps:
            killer = self._fuzz()
            yield FUZZ, killer, known[_key(killer)]
        for stage, files in (("unit", files_of(module)), ("flows", FLOWS)):
            ordered = in_order_of_price(files, known)
            yield stage, pytest_killer(stage, ordered), sum(known[file] for file in ordered)

    def _fuzz(self) -> Killer:
        return fuzz_killer(self.settings.fuzz_steps, self.settings.fuzz_seed)

    @contextmanager
    def _tree(self, name: str) -> Iterator[Path]:
        tree = trees.make_tree(self.original, self._folder / name)
        try:
            yield tree
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def still_to_do(
    faults: Sequence[Fault], file: ResultFile, texts: dict[str, str], again: frozenset[Status]
) -> list[Fault]:
    """Faults without a result for the same line, or whose result is to be found again."""
    left = []
    for fault in faults:
        known = file.results.get(fault.id)
        lines = fault.difference(texts[fault.path])
        same = known is not None and (known.before, known.after) == lines
        if known is None or not same or known.status in again | {Status.BROKEN}:
            left.append(fault)
    return left


def _key(killer: Killer) -> str:
    """What a killer's time is filed under: the fuzz burst with its options."""
    return " ".join(killer.command[1:]) if killer.name == FUZZ else killer.name


def refusal(error: ArtifactError) -> str:
    """What the compiler said against the sources; nothing if something else went wrong."""
    lines = [line.strip() for line in _COLOUR.sub("", error.problem).splitlines()]
    for line, following in pairwise(lines):
        if line.startswith("Unhandled exception in 'contracts/"):
            return following[:LONGEST_MESSAGE]
    return ""


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = monotonic()
    try:
        yield
    finally:
        seconds[name] = round(monotonic() - started, 1)


def _in_parallel(
    jobs: int, work: Callable[[_Item], _Done], items: Sequence[_Item]
) -> Iterator[Future[_Done]]:
    """Futures as they are done. The work waits for processes, so threads are enough."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            yield from as_completed(futures)
        finally:
            for future in futures:
                future.cancel()
