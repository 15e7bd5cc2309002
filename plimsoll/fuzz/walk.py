"""Long random walks, cut into episodes that each start from the same empty venue.

Episode number e of seed s does the same on any machine and with any number of processes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from random import Random
from typing import Final

from plimsoll.chain.revm import RevmChain
from plimsoll.fuzz.actions import Action
from plimsoll.fuzz.machine import Machine, Violation
from plimsoll.fuzz.shrink import shrunk
from plimsoll.fuzz.stage import GENESIS, build
from plimsoll.fuzz.steering import Steering, opening
from plimsoll.fuzz.tally import Tally

EPISODE_STEPS: Final = 800
_EPISODES_PER_TASK: Final = 4


@dataclass(frozen=True)
class Found:
    """A violation and the shortest list of actions known to lead to it."""

    message: str
    actions: tuple[Action, ...]


Progress = Callable[[Tally], None]


def fresh_machine() -> Machine:
    """A venue in process."""
    chain = RevmChain(genesis_timestamp=GENESIS)
    return Machine(build(chain), chain)


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


def violation_of(machine: Machine, actions: Sequence[Action]) -> Violation | None:
    """What a list of actions violates, if anything."""
    try:
        replay(machine, actions)
    except Violation as violation:
        return violation
    return None


def _shrink(machine: Machine, violation: Violation, budget: int) -> Found:
    kind = violation.kind
    actions = list(machine.done)

    def fails(shorter: Sequence[Action]) -> bool:
        found = violation_of(machine, shorter)
        return found is not None and found.kind == kind

    if fails(actions):
        actions = shrunk(actions, fails, budget)
    final = violation_of(machine, actions) or violation
    return Found(str(final), tuple(actions))


def run_episodes(
    machine: Machine, seed: int, numbers: Iterable[int], steps: int, shrink_budget: int = 600
) -> tuple[Tally, Found | None]:
    """Several episodes of `steps` calls each; stops at the first violation and shortens it."""
    machine.tally = Tally()
    for number in numbers:
        try:
            episode(machine, seed, number, steps)
        except Violation as violation:
            tally = machine.tally
            machine.tally = Tally()
            found = _shrink(machine, violation, shrink_budget)
            return tally, Found(f"episode {number}: {found.message}", found.actions)
    return machine.tally, None


@functools.cache
def _own_machine() -> Machine:
    """One for each process."""
    return fresh_machine()


def _task(seed: int, first: int, count: int, steps: int, budget: int) -> tuple[Tally, Found | None]:
    return run_episodes(_own_machine(), seed, range(first, first + count), steps, budget)


def campaign(
    steps: int, seed: int, jobs: int, progress: Progress, shrink_budget: int = 600
) -> tuple[Tally, Found | None, float]:
    """At least `steps` calls in `jobs` processes; returns counts, the violation, seconds."""
    total = Tally()
    began = time.monotonic()
    episodes = -(-steps // EPISODE_STEPS)
    tasks = [
        (seed, first, min(_EPISODES_PER_TASK, episodes - first), EPISODE_STEPS, shrink_budget)
        for first in range(0, episodes, _EPISODES_PER_TASK)
    ]
    if jobs == 1:
        for task in tasks:
            tally, found = _task(*task)
            total.add(tally)
            progress(total)
            if found is not None:
                return total, found, time.monotonic() - began
        return total, None, time.monotonic() - began
    with ProcessPoolExecutor(jobs) as pool:
        left = list(reversed(tasks))
        running: set[Future[tuple[Tally, Found | None]]] = set()
        while left or running:
            while left and len(running) < jobs:
                running.add(pool.submit(_task, *left.pop()))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                tally, found = future.result()
                total.add(tally)
                progress(total)
                if found is not None:
                    pool.shutdown(cancel_futures=True)
                    return total, found, time.monotonic() - began
    return total, None, time.monotonic() - began
