"""Long random walks, cut into episodes that each start from the same empty venue.

Episode number e of seed s does the same on any machine and with any number of processes.
"""

from __future__ import annotations

import functools
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from plimsoll.chain.revm import RevmChain
from plimsoll.errors import InputError, RpcError
from plimsoll.fuzz.actions import Action
from plimsoll.fuzz.chains import WalkChain
from plimsoll.fuzz.machine import Machine, Violation
from plimsoll.fuzz.shrink import shrunk
from plimsoll.fuzz.stage import GENESIS, PEOPLE, Stage, build
from plimsoll.fuzz.steering import Steering, opening
from plimsoll.fuzz.tally import Tally

EPISODE_STEPS: Final = 800
_WRONG_ACTION: Final = (
    KeyError, IndexError, TypeError, ValueError, OverflowError, InputError, RpcError,
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A violation and the shortest list of actions known to lead to it."""

    episode: int
    violation: str
    actions: tuple[Action, ...]

    @property
    def message(self) -> str:
        """Where, what."""
        return f"episode {self.episode}: {self.violation}"


@dataclass(frozen=True)
class Told:
    """What one call came to."""

    action: int  # counted from 1
    name: str
    who: str
    refusal: str | None


Progress = Callable[[Tally], None]
Say = Callable[[Told], None]


class Narrated(Machine):
    """A machine that tells of every call, the one that violates something included."""

    def __init__(self, stage: Stage, chain: WalkChain, say: Say) -> None:
        super().__init__(stage, chain)
        self._say = say

    def call(self, who: int, name: str, *args: Any) -> None:
        """One transaction of a person, judged and told."""
        steps, refusals = self.tally.steps, Counter(self.tally.refusals)
        try:
            super().call(who, name, *args)
        finally:
            if self.tally.steps > steps:  # it has reached the chain
                refusal = next(iter(self.tally.refusals - refusals), None)
                shown = f"{args[0]}.{args[1]}" if name == "attempt" else name
                self._say(Told(len(self.done), shown, PEOPLE[who], refusal))


def fresh_machine(say: Say | None = None) -> Machine:
    """A venue in process; with `say` it tells of every call."""
    chain = RevmChain(genesis_timestamp=GENESIS)
    stage = build(chain)
    return Machine(stage, chain) if say is None else Narrated(stage, chain, say)


def episode(machine: Machine, seed: int, number: int, steps: int) -> list[Action]:
    """Run one episode; returns its actions, or raises `Violation` with them in `machine.done`."""
    rng = Random(f"{seed}/{number}")
    machine.reset()
    end = machine.tally.steps + steps
    for action in opening(machine, rng):
        if machine.tally.steps >= end:
            break
        machine.apply(action)
    steering = Steering(machine, rng)
    while machine.tally.steps < end:
        machine.apply(steering.next())
    machine.compare_all()
    return list(machine.done)


def replay(machine: Machine, actions: Iterable[Action]) -> None:
    """The actions from an empty venue on; raises `Violation` if they lead to one."""
    machine.reset()
    for action in actions:
        machine.apply(action)
    machine.compare_all()


def violation_of(machine: Machine, actions: Sequence[Action]) -> Violation | None:
    """What a list of actions violates, if anything."""
    try:
        replay(machine, actions)
    except Violation as violation:
        return violation
    return None


def violation_of_case(machine: Machine, actions: Sequence[Action]) -> Violation | None:
    """The same for actions that a person may have edited; names one that cannot be done."""
    try:
        return violation_of(machine, actions)
    except _WRONG_ACTION as error:
        said = error.problem if isinstance(error, InputError | RpcError) else repr(error)
        raise InputError(
            f"action {len(machine.done)} ({machine.done[-1].rule}): cannot be done, {said}",
            next_step="correct its numbers in the file, or leave it out",
        ) from error


def shortened(machine: Machine, found: Found, budget: int) -> Found:
    """The same violation after fewer actions. Ctrl-C ends the search, not what it has found."""
    kind = Violation(found.violation).kind
    best = found

    def fails(shorter: Sequence[Action]) -> bool:
        nonlocal best
        violation = violation_of(machine, shorter)
        if violation is None or violation.kind != kind:
            return False
        best = Found(found.episode, str(violation), tuple(shorter))
        return True

    try:
        if fails(found.actions):
            shrunk(found.actions, fails, budget)
    except KeyboardInterrupt:
        return best
    return best


def run_episodes(
    machine: Machine, seed: int, numbers: Iterable[int], steps: int, shrink_budget: int = 600
) -> tuple[Tally, Found | None]:
    """Several episodes of `steps` calls each; stops at the first violation and shortens it."""
    tally = Tally()
    for number in numbers:
        counts, found = one_episode(machine, seed, number, steps)
        tally.add(counts)
        if found is not None:
            return tally, shortened(machine, found, shrink_budget)
    return tally, None


def one_episode(machine: Machine, seed: int, number: int, steps: int) -> tuple[Tally, Found | None]:
    """Counts of one episode; a violation comes as it was met."""
    tally = machine.tally = Tally()
    try:
        episode(machine, seed, number, steps)
    except Violation as violation:
        machine.tally = Tally()
        return tally, Found(number, str(violation), tuple(machine.done))
    return tally, None


@functools.cache
def own_machine() -> Machine:
    """One for each process."""
    return fresh_machine()


def whole_episodes(steps: int) -> int:
    """How many episodes make at least so many calls."""
    return -(-steps // EPISODE_STEPS)


def _task(seed: int, number: int) -> tuple[Tally, Found | None]:
    return one_episode(own_machine(), seed, number, EPISODE_STEPS)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def campaign(
    steps: int, seed: int, jobs: int, progress: Progress
) -> tuple[Tally, Found | None, float]:
    """At least `steps` calls in `jobs` processes; returns counts, the violation, seconds.

    `progress` hears of every episode; what it was told last is all there is after a Ctrl-C.
    """
    total = Tally()
    began = time.monotonic()
    numbers = range(whole_episodes(steps))
    if jobs == 1:
        for number in numbers:
            tally, found = _task(seed, number)
            total.add(tally)
            progress(total)
            if found is not None:
                return total, found, time.monotonic() - began
        return total, None, time.monotonic() - began
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, initializer=_leave_ctrl_c_to_the_parent) as pool:
        try:
            left = list(reversed(numbers))
            running: set[Future[tuple[Tally, Found | None]]] = set()
            while left or running:
                while left and len(running) < jobs:
                    running.add(pool.submit(_task, seed, left.pop()))
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    tally, found = future.result()
                    total.add(tally)
                    progress(total)
                    if found is not None:
                        pool.shutdown(cancel_futures=True)
                        return total, found, time.monotonic() - began
        except KeyboardInterrupt:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
    return total, None, time.monotonic() - began
