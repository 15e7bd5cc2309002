"""Streams of repayments and fees: the contract equals fractions and pays nobody before time."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.chain.revm import RevmChain
from tests.support.lone_contract import deploy_alone

WAD = 10**18
WEEK_S = 7 * 86_400
YEAR_S = 366 * 86_400
AMOUNT = st.one_of(st.integers(0, 10**6), st.integers(0, 10**31))
POSITIVE = AMOUNT.filter(lambda amount: amount > 0)
SECONDS = st.one_of(st.sampled_from([1, 60, WEEK_S, YEAR_S]), st.integers(1, YEAR_S))
REMAINING = st.integers(0, YEAR_S * WAD)
on_chain = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def harness():
    return deploy_alone(RevmChain(), "LinearStreamHarness")


@on_chain
@given(amount=AMOUNT, elapsed_s=st.integers(0, 2 * YEAR_S), remaining_wad_s=REMAINING)
def test_released__is_linear_and_ends_whole(harness, amount, elapsed_s, remaining_wad_s):
    released = harness.read("released_down", amount, elapsed_s, remaining_wad_s)
    if elapsed_s * WAD >= remaining_wad_s:
        assert released == amount
    else:
        assert released == floor(Fraction(amount * elapsed_s * WAD, remaining_wad_s))


@on_chain
@given(amount=AMOUNT, remaining_wad_s=REMAINING, added=POSITIVE, seconds=SECONDS)
def test_joined__lies_between_and_is_the_mean(harness, amount, remaining_wad_s, added, seconds):
    joined = harness.read("joined_remaining_down", amount, remaining_wad_s, added, seconds)
    mean = Fraction(amount * remaining_wad_s + added * seconds * WAD, amount + added)
    assert joined == floor(mean)
    shorter, longer = sorted((remaining_wad_s, seconds * WAD))
    assert shorter <= joined <= longer


@on_chain
@given(
    amount=AMOUNT,
    remaining_s=st.integers(1, YEAR_S),
    added=POSITIVE,
    seconds=SECONDS,
    elapsed_s=st.integers(0, YEAR_S),
)
def test_joined__releases_at_the_start_as_both_alone_would(
    harness, amount, remaining_s, added, seconds, elapsed_s
):
    """Both together earn at most what they would alone, while neither alone has ended."""
    elapsed_s %= min(remaining_s, seconds)
    joined = harness.read("joined_remaining_down", amount, remaining_s * WAD, added, seconds)
    released = harness.read("released_down", amount + added, elapsed_s, joined)
    alone = Fraction(amount * elapsed_s, remaining_s) + Fraction(added * elapsed_s, seconds)
    # the end is rounded down by less than 1e-18 s
    early = Fraction((amount + added) * elapsed_s * WAD, joined * (joined + 1))
    assert released <= alone + early


@on_chain
@given(amount=POSITIVE, seconds=SECONDS, stops=st.lists(SECONDS, max_size=8))
def test_released__in_parts__is_all_of_it_in_the_end(harness, amount, seconds, stops):
    """Whoever writes the books, and however often: nothing is lost, and nothing comes early."""
    times = sorted({stop for stop in stops if stop < seconds} | {seconds})
    rest, since = amount, 0
    for now in times:
        released = harness.read("released_down", rest, now - since, (seconds - since) * WAD)
        rest, since = rest - released, now
        assert amount - rest <= Fraction(amount * now, seconds)
        assert amount - rest > Fraction(amount * now, seconds) - len(times)
    assert rest == 0
