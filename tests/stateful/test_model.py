"""The reference model against the contracts, on both chains, driven by the same rules.

Hypothesis chooses stories (`plimsoll.fuzz.steering`); each of their calls goes to the chain and to
the model, and everything observable is compared after it. The long campaign over the same rules
is `make fuzz`. Time is bounded by steps, not by a clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from plimsoll.chain import AnvilOptions, AnvilProcess
from plimsoll.fuzz.cases import read_case
from plimsoll.fuzz.chains import AnvilWalk
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import GENESIS, build
from plimsoll.fuzz.steering import STORIES, opening
from plimsoll.fuzz.stories.desk import Desk, Story
from plimsoll.fuzz.walk import fresh_machine, replay, run_episodes

SEED = 20_251_010
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
IN_PROCESS_STEPS = int(os.environ.get("PLIMSOLL_FUZZ_STEPS", "12000"))

# what the short campaign must have reached, or the comparison has compared nothing
KEY_PATHS = (
    "bankruptcies finished",
    "bankruptcies with a shortfall",
    "draws on junior",
    "draws on senior",
    "haircuts",
    "multi-bucket re-matches",
    "epoch rolls",
    "holds by jump",
    "holds by uncovered loss",
    "profit refused",
    "stress above 1",
    "withdrawals refused",
    "outages",
    "graces",
    "waits refused",
    "settlements",
    "conversions",
    "cap changes",
    "cap refusals",
    "surcharges paid",
    "concentrated positions",
    "guarantees agreed",
    "margin calls",
    "calls cured",
    "calls defaulted",
    "draws on brokers",
    "draws on the fund",
    "assessments",
    "paid for others",
    "suspensions",
    "failures",
    "risks measured",
)


class Venue(RuleBasedStateMachine):
    """Stories in any order, from an opening that the example chooses."""

    machine: Machine

    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        self.machine.reset()
        rng = Random(seed)
        for action in opening(self.machine, rng):
            self.machine.apply(action)
        self.desk = Desk(self.machine, rng)

    @rule(story=st.sampled_from(list(STORIES)))
    def tell(self, story: Callable[[Desk], Story]) -> None:
        for action in story(self.desk):
            self.machine.apply(action)


def run(machine: Machine, examples: int, stories: int) -> None:
    Venue.machine = machine
    run_state_machine_as_test(
        Venue,
        settings=settings(
            max_examples=examples,
            stateful_step_count=stories,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@contextmanager
def machine_on_anvil() -> Iterator[Machine]:
    with AnvilProcess(options=AnvilOptions(genesis_timestamp=GENESIS)) as anvil:
        stage = build(anvil.rpc)
        yield Machine(stage, AnvilWalk(anvil.rpc))


@pytest.mark.slow
def test_model__stories_on_anvil__equal_at_every_step() -> None:
    with machine_on_anvil() as machine:
        run(machine, examples=4, stories=10)
        assert machine.tally.steps > 200


@pytest.mark.slow
def test_model__stories_in_process__equal_at_every_step() -> None:
    machine = fresh_machine()
    run(machine, examples=12, stories=20)
    assert machine.tally.steps > 1_000


@pytest.mark.slow
def test_model__short_campaign__equal_at_every_step_and_reaches_every_path() -> None:
    steps = 500
    tally, found = run_episodes(fresh_machine(), SEED, range(IN_PROCESS_STEPS // steps), steps)
    assert found is None, found
    missing = [path for path in KEY_PATHS if not tally.paths[path]]
    assert not missing, f"never reached: {missing}"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_model__case_found_by_a_campaign__holds(path: Path) -> None:
    replay(fresh_machine(), read_case(path).actions)


@pytest.mark.slow
def test_model__same_actions_on_both_chains__same_state() -> None:
    first = fresh_machine()
    tally, found = run_episodes(first, SEED, range(1), 120)
    assert found is None
    assert tally.steps >= 120
    with machine_on_anvil() as second:
        replay(second, first.done)
        assert second.seen == first.seen
