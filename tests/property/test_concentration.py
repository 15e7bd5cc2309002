"""Extra margin of large positions, and the price of the last room, against fractions."""

from __future__ import annotations

import random
from fractions import Fraction
from math import ceil, floor

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.lone_contract import deploy_alone

WAD = 10**18
PPM = 10**6
CASES = 1_500


@pytest.fixture(scope="module")
def chain():
    with AnvilProcess() as anvil:
        yield anvil.rpc


@pytest.fixture(scope="module")
def margin(chain):
    return deploy_alone(chain, "ConcentrationHarness")


@pytest.fixture(scope="module")
def fees(chain):
    return deploy_alone(chain, "UtilisationHarness")


def any_terms(draw: random.Random) -> tuple[int, int, int]:
    return draw.randint(1, 31), draw.randint(1, 50), draw.randint(0, 15)


def extra(terms: tuple[int, int, int], notional: int, larger: int) -> int:
    share, rate, k = terms
    free = max(floor(Fraction(larger * share, 100)), 10_000 * 2**k * WAD)
    return max(0, ceil(Fraction((notional - free) * rate, 100)))


def test_extra__random_positions__equals_the_fractions(margin):
    draw = random.Random(11)
    seen = set()
    for _ in range(CASES):
        terms = any_terms(draw)
        larger = draw.randrange(2 ** draw.randrange(70, 136))
        near = draw.choice((larger * terms[0] // 100, 10_000 * WAD << terms[2], larger))
        notional = max(0, near + draw.choice((-1, 0, 1, 99, 101)) * draw.choice((1, WAD)))
        want = extra(terms, notional, larger)
        got = margin.read("extra_up", margin.read("packed", *terms), notional, larger)
        assert got == want, (terms, notional, larger)
        seen.add(want == 0)
    assert seen == {True, False}


def test_extra__grows_with_the_position_and_shrinks_with_the_market(margin):
    draw = random.Random(12)
    for _ in range(CASES // 5):
        packed = margin.read("packed", *any_terms(draw))
        larger = draw.randrange(10**26)
        notional = draw.randrange(10**26)
        here = margin.read("extra_up", packed, notional, larger)
        more = draw.randrange(1, 10**24)
        grown = margin.read("extra_up", packed, notional + more, larger)
        assert here <= grown <= here + more
        assert margin.read("extra_up", packed, notional, larger + more) <= here


def test_terms__random__come_back_from_a_status_full_of_other_bits(margin):
    draw = random.Random(13)
    for _ in range(100):
        terms = any_terms(draw)
        status = draw.randrange(2**32) & ~(0xFFFF << 8) | margin.read("packed", *terms) << 8
        assert tuple(margin.read("fields", status)) == terms


def test_surcharge__random_markets__equals_the_fractions(fees):
    draw = random.Random(14)
    seen = set()
    for _ in range(CASES):
        cap = draw.randrange(1, 2 ** draw.randrange(1, 65)) * WAD
        larger = cap * draw.choice((79, 80, 81, 90, 99, 100, 101, 400)) // 100
        larger += draw.choice((-1, 0, 1))
        used = floor(Fraction(larger * PPM, cap))
        want = floor(Fraction(min(max(used - 800_000, 0), 200_000), 200))
        assert fees.read("utilisation_ppm_down", larger, cap) == used
        assert fees.read("surcharge_ppm_down", used) == want
        seen.add(want)
    assert {0, 500, 1_000} <= seen


@pytest.mark.parametrize(
    ("used", "surcharge"),
    [
        (0, 0),
        (800_000, 0),
        (800_199, 0),
        (800_200, 1),
        (999_999, 999),
        (1_000_000, 1_000),
        (2**200, 1_000),
    ],
)
def test_surcharge__borders(fees, used, surcharge):
    assert fees.read("surcharge_ppm_down", used) == surcharge
