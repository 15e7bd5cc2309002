"""Redemption maths: the contract equals fractions, and every rounding favours the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from plimsoll.chain.revm import RevmChain
from tests.support.lone_contract import deploy_alone

WAD = 10**18
RAY = 10**27

AMOUNT = st.one_of(
    st.integers(0, 10**6),
    st.integers(0, 10**13 * WAD),
    st.integers(0, 10**13).map(lambda whole: whole * WAD),
)
POSITIVE = AMOUNT.filter(lambda amount: amount > 0)
on_chain = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
in_python = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def harness():
    return deploy_alone(RevmChain(), "RedemptionHarness")


def rho(backing: int, claims: int) -> Fraction:
    """The exact redemption rate."""
    return Fraction(1) if backing >= claims else Fraction(backing, claims)


def floor(value: Fraction) -> int:
    return value.numerator // value.denominator


def ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


# --- the contract against the fractions ------------------------------------------------------


@on_chain
@given(backing=AMOUNT, claims=AMOUNT)
def test_rate_down__is_the_exact_rate_rounded_down(harness, backing, claims):
    assert harness.read("rate_down", backing, claims) == floor(rho(backing, claims) * RAY)


@on_chain
@given(backing=AMOUNT, claims=AMOUNT)
def test_accepts_deposits__from_one_percent(harness, backing, claims):
    assert harness.read("accepts_deposits", backing, claims) == (
        rho(backing, claims) >= Fraction(1, 100)
    )


@on_chain
@given(units=AMOUNT, backing=AMOUNT, claims=AMOUNT)
def test_value__rounds_by_name(harness, units, backing, claims):
    exact = units * rho(backing, claims)
    assert harness.read("value_down", units, backing, claims) == floor(exact)
    assert harness.read("value_up", units, backing, claims) == ceil(exact)


@on_chain
@given(tokens=AMOUNT, backing=AMOUNT, unvested=AMOUNT, claims=AMOUNT)
def test_units__round_down(harness, tokens, backing, unvested, claims):
    rate = rho(backing, claims)
    assert harness.read("units_down", tokens, backing, claims) == (
        floor(tokens / rate) if rate else 0
    )
    rate = rho(backing + unvested, claims)
    credited = harness.read("deposit_units_down", tokens, backing, unvested, claims)
    assert credited == (floor(tokens / rate) if rate else 0)


@on_chain
@given(units=AMOUNT, backing=POSITIVE, claims=AMOUNT)
def test_round_trip__what_a_layer_pays_counts_for_what_was_asked(harness, units, backing, claims):
    tokens = harness.read("value_up", units, backing, claims)
    assert harness.read("units_down", tokens, backing, claims) >= units


# --- the books of custody, in integers -------------------------------------------------------


@dataclass(frozen=True)
class Books:
    """Backing and claims as custody keeps them (wad); `rho_exact` by the textbook formulas."""

    backing: int
    claims: int
    rho_exact: Fraction

    def deposit(self, tokens: int, unvested: int) -> Books:
        ahead = self.backing + unvested
        units = tokens if ahead >= self.claims else tokens * self.claims // ahead
        rho_d = min(Fraction(1), Fraction(ahead, self.backing) * self.rho_exact)
        rho_after = min(
            Fraction(1),
            Fraction(self.backing + tokens) / (self.backing / self.rho_exact + tokens / rho_d),
        )
        return Books(self.backing + tokens, self.claims + units, rho_after)

    def withdraw(self, units: int) -> Books:
        value = units if self.backing >= self.claims else units * self.backing // self.claims
        return replace(self, backing=self.backing - value, claims=self.claims - units)

    def shortfall(self, amount: int) -> Books:
        rho_after = self.rho_exact * self.backing / (self.backing + amount * self.rho_exact)
        return replace(self, claims=self.claims + amount, rho_exact=rho_after)

    def vest(self, amount: int) -> Books:
        added = min(amount, max(0, self.claims - self.backing))
        rho_after = min(Fraction(1), self.rho_exact * (self.backing + amount) / self.backing)
        return replace(self, backing=self.backing + added, rho_exact=rho_after)


STEP = st.tuples(
    st.sampled_from(["deposit", "withdraw", "shortfall", "vest"]),
    st.integers(1, 10**9 * WAD),
    st.integers(0, 10**6 * WAD),
)


@in_python
@given(
    start=st.integers(10**3 * WAD, 10**9 * WAD),
    steps=st.lists(STEP, max_size=25),
)
def test_books__follow_the_designs_formulas_and_never_pay_more(start, steps):
    books = Books(start, start, Fraction(1))
    least = start
    for kind, amount, unvested in steps:
        before = rho(books.backing, books.claims)
        if kind == "deposit":
            books = books.deposit(amount, unvested)
        elif kind == "withdraw":
            books = books.withdraw(min(amount, books.claims // 2))
            assert rho(books.backing, books.claims) >= before
        elif kind == "shortfall":
            # stay above the floor below which deposits stop
            books = books.shortfall(min(amount, books.backing))
        else:
            books = books.vest(amount)
        assume(books.backing > WAD)
        least = min(least, books.backing)
        # a step rounds by a wei of the books as they are then, and towards those who stay
        surplus = rho(books.backing, books.claims) - books.rho_exact
        assert 0 <= surplus <= Fraction(2 * len(steps), least)


@in_python
@given(
    backing=st.integers(1, 10**10 * WAD),
    shortfall=st.integers(0, 10**10 * WAD),
    tokens=st.integers(1, 10**10 * WAD),
    unvested=st.integers(0, 10**9 * WAD),
)
def test_deposit_then_withdraw__never_a_profit(backing, shortfall, tokens, unvested):
    books = Books(backing, backing, Fraction(1)).shortfall(shortfall)
    after = books.deposit(tokens, unvested)
    credited = after.claims - books.claims
    assert after.backing - after.withdraw(credited).backing <= tokens


@in_python
@given(
    backing=st.integers(10**6, 10**10 * WAD),
    shortfall=st.integers(0, 10**10 * WAD),
    tokens=st.integers(1, 10**10 * WAD),
    repayment=st.integers(0, 10**9 * WAD),
)
def test_deposit_before_a_repayment_vests__never_a_share_of_it(
    backing, shortfall, tokens, repayment
):
    books = Books(backing, backing, Fraction(1)).shortfall(shortfall)
    after = books.deposit(tokens, repayment)
    credited = after.claims - books.claims
    vested = after.vest(repayment)
    assert vested.backing - vested.withdraw(credited).backing <= tokens
