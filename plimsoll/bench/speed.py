"""Steps per second of the fuzz machine: the same episodes in process and on Anvil."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from plimsoll.chain import AnvilOptions, AnvilProcess
from plimsoll.errors import ChainError
from plimsoll.fuzz.chains import AnvilWalk
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import GENESIS, build
from plimsoll.fuzz.walk import fresh_machine, run_episodes

SEED: Final = 1
EPISODE_STEPS: Final = 100


@dataclass(frozen=True)
class Speed:
    """How fast the machine runs, model and comparison included, one process."""

    revm: float
    anvil: float
    revm_steps: int
    anvil_steps: int

    @property
    def ratio(self) -> float:
        """In process over Anvil."""
        return self.revm / self.anvil


def measure_speed(revm_steps: int, anvil_steps: int) -> Speed:
    """Both, without the time to deploy."""
    machine = fresh_machine()
    revm = _steps_per_second(machine, revm_steps)
    with AnvilProcess(None, AnvilOptions(genesis_timestamp=GENESIS)) as anvil:
        machine = Machine(build(anvil.rpc), AnvilWalk(anvil.rpc))
        return Speed(revm, _steps_per_second(machine, anvil_steps), revm_steps, anvil_steps)


def _steps_per_second(machine: Machine, steps: int) -> float:
    began = time.perf_counter()
    tally, found = run_episodes(machine, SEED, range(steps // EPISODE_STEPS), EPISODE_STEPS)
    seconds = time.perf_counter() - began
    if found is not None:
        raise ChainError(
            f"model and chain differ: {found.message}", next_step=f"make fuzz SEED={SEED}"
        )
    return tally.steps / seconds
