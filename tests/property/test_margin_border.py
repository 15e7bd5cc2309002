"""The liquidation price against a search through every price."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.chain.revm import RevmChain
from tests.support.lone_contract import deploy_alone

WAD = 10**18
PPM = 10**6
PPB = 10**9
HIGHEST = 2**96 - 1
ALL_PRICES = 600  # as far as every price is tried
on_chain = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Case:
    """An account as a function of one mark; integers as in the contract."""

    size: int
    rest: int
    thresholds: tuple[int, int, int]
    rates_ppm: tuple[int, int, int]
    stress_ppb: int

    def margin(self, notional: int) -> int:
        tops = (*self.thresholds[1:], max(notional, self.thresholds[2]))
        total = Fraction(0)
        for low, top, rate in zip(self.thresholds, tops, self.rates_ppm, strict=True):
            total += Fraction(max(min(notional, top) - low, 0) * rate, PPM)
        return ceil(ceil(total) * (1 + Fraction(self.stress_ppb, PPB)))

    def surplus(self, price: int) -> int:
        value = Fraction(self.size * price, WAD)
        return self.rest + floor(value) - self.margin(ceil(abs(value)))

    def as_tuple(self):
        return (self.size, self.rest, (self.thresholds, self.rates_ppm, self.stress_ppb))


@st.composite
def cases(draw, signs=(1, -1), steepest_ppm=200_000):
    """Small numbers, at which every wei of rounding shows; the rate with stress below one."""
    rates = sorted(draw(st.integers(1_000, steepest_ppm)) for _ in range(3))
    thresholds = (0, *sorted(draw(st.integers(0, 400)) for _ in range(2)))
    magnitude = draw(st.one_of(st.integers(WAD // 10, 3 * WAD), st.integers(1, 9 * WAD)))
    return Case(
        size=draw(st.sampled_from(signs)) * magnitude,
        rest=draw(st.integers(-300, 300)),
        thresholds=thresholds,
        rates_ppm=tuple(rates),
        stress_ppb=draw(st.one_of(st.just(0), st.integers(0, 3 * PPB))),
    )


@pytest.fixture(scope="module")
def harness():
    return deploy_alone(RevmChain(), "MarginBorderHarness")


@on_chain
@given(case=cases(), price=st.integers(0, 2**40))
def test_surplus__any_case__is_the_fractions_rounded_against_the_account(harness, case, price):
    assert harness.read("surplus", case.as_tuple(), price) == case.surplus(price)


@on_chain
@given(case=cases(signs=(-1,)), mark=st.integers(1, ALL_PRICES))
def test_price__short__is_the_lowest_below(harness, case, mark):
    found = harness.read("price", case.as_tuple(), mark)
    assert case.surplus(found) < 0
    tried = [price for price in range(1, ALL_PRICES) if case.surplus(price) < 0]
    assert found == tried[0] if tried else found >= ALL_PRICES
    assert found == 1 or case.surplus(found - 1) >= 0


@on_chain
@given(case=cases(signs=(1,)), mark=st.integers(1, ALL_PRICES))
def test_price__long__is_the_highest_below(harness, case, mark):
    found = harness.read("price", case.as_tuple(), mark)
    tried = [price for price in range(1, ALL_PRICES) if case.surplus(price) < 0]
    if found < ALL_PRICES - 1:
        assert found == max(tried, default=0)
    assert found == 0 or case.surplus(found) < 0
    # every end of a wei of value above it, the next hundred of them
    level = floor(Fraction(case.size * found, WAD))
    for step in range(100):
        end = ceil(Fraction((level + step + 1) * WAD, case.size)) - 1
        assert end <= found or case.surplus(end) >= 0


@on_chain
@given(
    units=st.integers(10**12, 10**24),
    entry=st.integers(10**15, 10**23),
    leverage_ppm=st.integers(1_020_000, 30_000_000),
    stress_ppb=st.integers(0, PPB),
)
def test_price__long_of_real_size__one_wei_more_is_not_below(
    harness, units, entry, leverage_ppm, stress_ppb
):
    value = units * entry // WAD
    case = Case(
        size=units,
        rest=value * PPM // leverage_ppm - value,
        thresholds=(0, 10**6 * WAD, 5 * 10**6 * WAD),
        rates_ppm=(25_000, 50_000, 100_000),
        stress_ppb=stress_ppb,
    )
    found = harness.read("price", case.as_tuple(), entry)
    assert case.surplus(found) < 0 <= case.surplus(found + 1)


def test_price__no_position_or_no_debt__none(harness):
    flat = Case(0, -5, (0, 0, 0), (1_000, 1_000, 1_000), 0)
    assert harness.read("price", flat.as_tuple(), 100) == 0
    # the value of the leg can only help
    unindebted = Case(WAD, 0, (0, 0, 0), (1_000, 1_000, 1_000), 0)
    assert harness.read("price", unindebted.as_tuple(), 100) == 0
    # whatever the price, less than its wei of debt
    dust = Case(-1, 10**12, (0, 0, 0), (1_000, 1_000, 1_000), 0)
    assert harness.read("price", dust.as_tuple(), 100) == 0


def test_price__short_that_nothing_cures__one(harness):
    case = Case(-WAD, -1, (0, 0, 0), (1_000, 1_000, 1_000), 0)
    assert harness.read("price", case.as_tuple(), 100) == 1


def test_price__long_that_nothing_cures__highest(harness):
    case = Case(WAD, -(2**97), (0, 0, 0), (1_000, 1_000, 1_000), 0)
    assert harness.read("price", case.as_tuple(), 100) == HIGHEST


def test_price__margin_rises_faster_than_value_far_above__border_below_the_mark(harness):
    """Beyond a notional of 1,000 each unit asks for two of margin."""
    case = Case(WAD, -100, (0, 1_000, 1_000), (100_000, 500_000, 500_000), 3 * PPB)
    assert case.surplus(400) > 0 > case.surplus(3_000)
    found = harness.read("price", case.as_tuple(), 400)
    assert found == max(price for price in range(1, 400) if case.surplus(price) < 0)
    below = harness.read("price", case.as_tuple(), 100)
    assert below == HIGHEST, "below already, and no price far enough above is not"
