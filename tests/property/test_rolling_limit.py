"""Rolling amounts: lines that no order of changes stretches, against fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.core import given  # without Brownie's snapshot around each example

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import NodeSigner
from plimsoll.errors import ContractReverted
from tests.support.lone_contract import deploy_alone

DAY_S = 86_400
STEP_S = 14_400
LONGEST_S = DAY_S + STEP_S
GROUP_S = 3 * STEP_S  # marks of one word
WAD = 10**18
RATE_MAX = 2**80 - 1
ADD, TAKE_BACK, RE_STORE = range(3)

amounts = st.one_of(
    st.integers(0, 10**6), st.integers(0, 10**27), st.integers(1, 10**9).map(lambda n: n * WAD)
)
pauses = st.one_of(
    st.integers(1, 30),
    st.integers(1, 2 * DAY_S),
    st.sampled_from([STEP_S - 1, STEP_S, STEP_S + 1, DAY_S - 1, DAY_S, DAY_S + 1, LONGEST_S]),
)
changes = st.lists(
    st.tuples(pauses, st.integers(ADD, RE_STORE), amounts, st.integers(0, 9)),
    min_size=1,
    max_size=20,
)
examples = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass
class Line:
    """An amount and when it was counted."""

    amount: int
    since: int

    def left(self, now: int, seconds: int) -> Fraction:
        """What is not forgotten yet of a line that lasts so long."""
        return Fraction(self.amount * max(0, self.since + seconds - now), seconds)


class Book:
    """The contract, and all amounts that were counted and not taken back."""

    def __init__(self) -> None:
        self.chain = RevmChain()
        self.harness = deploy_alone(self.chain, "RollingLimitHarness")
        self.signer = NodeSigner(self.chain.accounts()[0])
        self.lines: list[Line] = []

    def write(self, function: str, *args: int) -> int:
        """A transaction in a block of its own; the block's time."""
        self.harness.write(self.signer, function, *args, gas=5_000_000)
        return self.chain.timestamp()

    def read(self, time: int, function: str, *args: int) -> int:
        """A number as of a time."""
        data = self.harness.encode(function, *args)
        return int.from_bytes(self.chain.static(self.harness.address, data, time), "big")

    def change(self, kind: int, amount: int, index: int) -> None:
        """Count an amount; take all or a part of one back; or take it back and count it anew."""
        if kind == ADD or not self.lines:
            self.lines.append(Line(amount, self.write("add", amount)))
            return
        line = self.lines[index % len(self.lines)]
        kept = min(amount, line.amount) if kind == TAKE_BACK else 0
        with_all = line.amount
        self.write("take_back", with_all, kept, line.since)
        line.amount = kept
        if kind == RE_STORE:
            self.lines.append(Line(with_all, self.write("add", with_all)))

    def check(self, now: int) -> None:
        """Between lines of 24 hours and lines of 28 hours; exactly the sum of what each left."""
        used = self.read(now, "used")
        alive = [line for line in self.lines if now < line.since + LONGEST_S]
        rounding = LONGEST_S * len(alive)
        assert used >= sum(line.left(now, DAY_S) for line in alive)
        assert used <= sum(line.left(now, LONGEST_S) for line in alive) + rounding
        assert used <= sum(line.amount for line in alive) + rounding
        lefts = [self.read(now, "left_of", line.amount, line.since) for line in alive]
        assert used == sum(lefts)


@pytest.fixture(scope="module")
def fresh() -> Book:
    return Book()


@examples
@given(changes=changes)
def test_used__any_changes__stays_between_the_lines(fresh, changes):
    start = fresh.chain.snapshot()
    fresh.lines = []
    try:
        for pause, kind, amount, index in changes:
            fresh.chain.set_next_timestamp(fresh.chain.timestamp() + pause)
            fresh.change(kind, amount, index)
            fresh.check(fresh.chain.timestamp())
        now = fresh.chain.timestamp()
        for later in (1, STEP_S - 1, STEP_S, DAY_S // 2, DAY_S - 1, DAY_S, LONGEST_S - 1):
            fresh.check(now + later)
        assert fresh.read(now + LONGEST_S, "used") == 0
    finally:
        fresh.chain.revert(start)


@examples
@given(amount=amounts, dust=st.integers(1, 10**6), every=st.integers(60, STEP_S), offset=pauses)
def test_used__dust_counted_again_and_again__does_not_keep_an_amount(
    fresh, amount, dust, every, offset
):
    start = fresh.chain.snapshot()
    try:
        first = fresh.chain.timestamp() + offset
        fresh.chain.set_next_timestamp(first)
        fresh.write("add", amount)
        mark = -(-(first + DAY_S) // STEP_S) * STEP_S
        steps = min(40, DAY_S // every)
        for _ in range(steps):
            fresh.chain.set_next_timestamp(fresh.chain.timestamp() + every)
            fresh.write("add", dust)
        last = fresh.chain.timestamp()
        dusts = steps * (dust + LONGEST_S)
        for at in range(last, mark, STEP_S):
            left = fresh.read(at, "left_of", amount, first)
            assert left <= fresh.read(at, "used") <= left + dusts
        assert fresh.read(mark, "used") <= dusts
    finally:
        fresh.chain.revert(start)


@examples
@given(amount=amounts, since=st.integers(0, STEP_S - 1))
def test_used__one_amount__a_straight_line_to_its_mark(fresh, amount, since):
    start = fresh.chain.snapshot()
    try:
        time = (fresh.chain.timestamp() // STEP_S + 1) * STEP_S + since
        fresh.chain.set_next_timestamp(time)
        fresh.write("add", amount)
        seconds = DAY_S + (-since) % STEP_S
        rate = -(-amount // seconds)
        for elapsed in (0, 1, seconds // 2, seconds - 1, seconds, seconds + 1):
            expected = rate * max(0, seconds - elapsed)
            assert fresh.read(time + elapsed, "used") == expected
            assert fresh.read(time + elapsed, "left_of", amount, time) == expected
        fresh.write("take_back", amount, 0, time)
        assert fresh.read(fresh.chain.timestamp(), "used") == 0
    finally:
        fresh.chain.revert(start)


def test_add__above_a_lane__reverts(fresh):
    start = fresh.chain.snapshot()
    time = (fresh.chain.timestamp() // STEP_S + 1) * STEP_S + 1
    fresh.chain.set_next_timestamp(time)
    fresh.write("add", RATE_MAX * (LONGEST_S - 1))
    with pytest.raises(ContractReverted, match="limit: amount too large"):
        fresh.write("add", 1)
    assert fresh.read(time, "used") == RATE_MAX * (LONGEST_S - 1)
    fresh.chain.revert(start)


@pytest.mark.parametrize("later", [0, 1])
def test_used__word_of_passed_marks_left_alone__does_not_count_again_for_two_centuries(
    fresh, later
):
    """Its 16 bits tell three marks from those that share its word 36 hours later, and so on."""
    start = fresh.chain.snapshot()
    time = (fresh.chain.timestamp() // GROUP_S + 1 + later) * GROUP_S
    fresh.chain.set_next_timestamp(time)
    fresh.write("add", WAD)
    assert fresh.read(time, "used") >= WAD
    # where it would if one of the 16 were missing
    bits = [way << bit for bit in range(16) for way in (1, -1)]
    for groups in (bit + (wrap << 16) for bit in bits for wrap in range(3)):
        if groups > 0 and groups % 3 == 0:
            assert fresh.read(time + groups * GROUP_S, "used") == 0, groups
    fresh.chain.revert(start)


@pytest.mark.parametrize("start_s", [0, 1, 7_200, STEP_S - 1])
def test_add_down__at_any_time__counts_no_more_than_a_line_of_24_hours(fresh, start_s):
    """What widens a limit must not widen it for longer than a day."""
    snapshot = fresh.chain.snapshot()
    time = (fresh.chain.timestamp() // STEP_S + 1) * STEP_S + start_s
    fresh.chain.set_next_timestamp(time)
    amount = 10**6 * WAD
    fresh.write("add_down", amount)
    assert amount - DAY_S <= fresh.read(time, "used") <= amount
    for passed in range(0, DAY_S + 1, 600):
        used = fresh.read(time + passed, "used")
        assert used <= amount * (DAY_S - passed) // DAY_S
        assert used >= amount * (DAY_S - STEP_S - passed) // (DAY_S - STEP_S) - DAY_S
    fresh.chain.revert(snapshot)
