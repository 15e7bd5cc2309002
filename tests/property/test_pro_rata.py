"""The split of a loss over the members of the guaranty fund: exact, and fair to the unit."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.chain.revm import RevmChain
from tests.support.lone_contract import deploy_alone

SIZE = st.one_of(st.integers(0, 20), st.integers(0, 10**13), st.just(10**19))
PARTS = st.lists(SIZE, min_size=1, max_size=32)
on_chain = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def harness():
    return deploy_alone(RevmChain(), "ProRataHarness")


@on_chain
@given(part=SIZE, others=SIZE, share=st.fractions(0, 1))
def test_next__is_the_exact_share_rounded_up(harness, part, others, share):
    total = part + others
    rest = int(total * share)
    expected = ceil(Fraction(rest * part, total)) if total else 0
    assert harness.read("next_up", rest, part, total) == expected


@on_chain
@given(parts=PARTS, share=st.fractions(0, 1))
def test_split__sums_to_the_loss_and_nobody_pays_more_than_its_part(harness, parts, share):
    loss = int(sum(parts) * share)
    paid = harness.read("split", loss, parts)
    assert sum(paid) == loss
    assert all(0 <= one <= part for one, part in zip(paid, parts, strict=True))


@on_chain
@given(parts=PARTS, share=st.fractions(0, 1))
def test_split__is_off_the_exact_share_by_less_than_the_number_of_parts(harness, parts, share):
    loss = int(sum(parts) * share)
    paid = harness.read("split", loss, parts)
    for one, part in zip(paid, parts, strict=True):
        exact = Fraction(loss * part, sum(parts)) if loss else Fraction(0)
        assert abs(one - exact) < len(parts)


@on_chain
@given(parts=PARTS)
def test_split__whole__takes_every_part(harness, parts):
    assert harness.read("split", sum(parts), parts) == parts
