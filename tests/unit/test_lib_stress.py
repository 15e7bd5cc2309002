"""Averages, variance and stress factors against exact fractions and 40 digits of logarithm."""

from __future__ import annotations

import random
from decimal import Context, Decimal
from fractions import Fraction
from math import floor, isqrt, trunc

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.lone_contract import deploy_alone

WAD = 10**18
PPM = 10**6
PPB = 10**9
YEAR_S = 31_536_000
DISTANCE_MAX = 2**31 - 1
VARIANCE_MAX = 2**48 - 1
MARK_MAX = 2**96 - 1
DIGITS = Context(prec=40)


@pytest.fixture(scope="module")
def stress():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "StressHarness")


def marks(count: int) -> list[tuple[int, int]]:
    """Pairs of marks, most of them near each other."""
    draw = random.Random(11)
    pairs = [(WAD, WAD), (WAD, WAD + 1), (100 * WAD, 103 * WAD), (MARK_MAX, MARK_MAX - 1)]
    for _ in range(count):
        old = draw.randrange(10**9, MARK_MAX)
        pairs.append((old, max(1, min(old * draw.randrange(500, 2_000) // 1_000, MARK_MAX))))
    return pairs


# --- the average ------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0, 1, -1, 999_999_999, -PPB, DISTANCE_MAX])
@pytest.mark.parametrize("tau", [60, 900, 86_400])
@pytest.mark.parametrize("elapsed", [0, 1, 59, 3_600, 10**8])
def test_decayed__is_the_fraction_toward_zero(stress, distance, tau, elapsed):
    want = trunc(Fraction(distance * tau, tau + elapsed))
    assert stress.read("decayed", distance, tau, elapsed) == want


def test_moved__is_the_product_of_both_ratios_rounded_down(stress):
    draw = random.Random(5)
    for old, new in marks(20):
        distance = draw.randrange(-PPB, PPB)
        want = floor(Fraction((PPB + distance) * old, new)) - PPB
        assert stress.read("moved", distance, old, new) == min(want, DISTANCE_MAX)
    assert stress.read("moved", 0, 100 * WAD, 103 * WAD) == -29_126_214  # down, not toward zero


def test_moved__far_away__stays_in_its_field(stress):
    assert stress.read("moved", DISTANCE_MAX, MARK_MAX, 1) == DISTANCE_MAX
    assert stress.read("moved", -PPB, MARK_MAX, 1) == -PPB
    assert stress.read("moved", DISTANCE_MAX, 1, MARK_MAX) == -PPB


def test_average__is_mark_times_ratio_rounded_down(stress):
    for mark, distance in ((MARK_MAX, DISTANCE_MAX), (7, 1), (WAD + 1, -3), (WAD, -PPB)):
        want = floor(Fraction(mark * (PPB + distance), PPB))
        assert stress.read("average", mark, distance) == want


def test_worse_price__of_mark_and_average__rounds_against_the_holder(stress):
    mark = 100 * WAD + 7
    for distance in (1, 123_456_789, -1, -123_456_789, -PPB, DISTANCE_MAX):
        average = Fraction(mark * (PPB + distance), PPB)
        want_long = floor(min(Fraction(mark), average))
        want_short = -floor(-max(Fraction(mark), average))
        assert stress.read("worse_price", mark, distance, True) == want_long
        assert stress.read("worse_price", mark, distance, False) == want_short
    for long in (True, False):
        assert stress.read("worse_price", mark, 0, long) == mark


# --- variance ---------------------------------------------------------------------------------


def test_return__is_the_logarithm_cut_to_nine_digits(stress):
    for old, new in marks(20):
        # the contract takes the logarithm of a ratio of 18 digits
        ratio = Decimal(new * WAD // old) / Decimal(WAD)
        exact = abs(DIGITS.ln(ratio)) * PPB
        found = stress.read("return_ppb", old, new)
        assert found == int(exact) or abs(exact - round(exact)) < Decimal("1e-6"), (old, new)


def test_return__up_and_back__is_the_same_to_a_unit(stress):
    assert stress.read("return_ppb", WAD, WAD) == 0
    up = stress.read("return_ppb", 100 * WAD, 110 * WAD)
    down = stress.read("return_ppb", 110 * WAD, 100 * WAD)
    assert abs(up - down) <= 1


def test_variance__is_the_weighted_mean_rounded_down(stress):
    for old, ret, tau, elapsed in (
        (0, 0, 300, 0),
        (VARIANCE_MAX, 0, 604_800, 1),
        (10**9, 30_000_000, 3_600, 12),
        (12_345, 7, 300, 10**8),
    ):
        want = floor(Fraction(old * tau + ret * ret, tau + elapsed))
        assert stress.read("variance", old, ret, tau, elapsed) == min(want, VARIANCE_MAX)
    assert stress.read("variance", 0, 70 * PPB, 300, 0) == VARIANCE_MAX


def test_volatility__of_steady_moves__is_their_annual_size(stress):
    # 1 % an hour, at random: sqrt(8,760) % a year
    per_second = (PPB // 100) ** 2 // 3_600
    assert stress.read("volatility", per_second) == isqrt(per_second * YEAR_S)
    assert abs(stress.read("volatility", per_second) - 935_949_000) < 2_000
    assert stress.read("volatility", VARIANCE_MAX) == isqrt(VARIANCE_MAX * YEAR_S)
    assert stress.read("volatility", 0) == 0


# --- factors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volatility_ppb", "want_ppm"),
    [
        (0, 0),
        (PPB, 0),
        (PPB + 999, 0),
        (PPB + 1_000, 1),
        (2 * PPB, PPM),
        (2_500_000_000, 1_500_000),
        (10**13, 1_500_000),
    ],
)
def test_im_stress__from_calm_on__in_proportion_up_to_the_limit(stress, volatility_ppb, want_ppm):
    assert stress.read("im_stress", volatility_ppb, PPM, 2_500_000) == want_ppm
    assert stress.read("im_stress", volatility_ppb, PPM, PPM) == 0


def test_mm_stress__rises_ten_percent_an_hour_and_never_above_the_other(stress):
    def found(stored: int, elapsed: int, im_ppm: int = 3 * PPM) -> int:
        return stress.read("mm_stress", stored, elapsed, im_ppm)

    assert [found(0, s) for s in (0, 1, 1_800, 3_600)] == [0, 27_777, 50_000_000, 100_000_000]
    # an hour's worth between two updates, however long the silence
    assert found(7, 3_601) == found(7, 10**9) == 100_000_007
    assert found(10**9, 3_600, 50_000) == 50_000_000
    assert found(10**9, 0, 0) == 0


def test_raised__is_the_product_rounded_as_named(stress):
    draw = random.Random(3)
    for unit in (PPM, PPB):
        for above in (0, 1, unit // 3, 3 * unit):
            for amount in (0, 1, 25_000, draw.getrandbits(90), draw.getrandbits(190)):
                exact = Fraction(amount * (unit + above), unit)
                assert stress.read("raised", amount, above, unit) == -floor(-exact)
                assert stress.read("raised_down", amount, above, unit) == floor(exact)
