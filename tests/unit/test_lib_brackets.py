"""Margin brackets against exact fractions: continuous, convex, rounded up."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.lone_contract import deploy_alone

WAD = 10**18
PPM = 10**6
TABLES = (
    ((0, 50_000, 25_000), (1_000_000, 100_000, 50_000), (5_000_000, 200_000, 100_000)),
    ((0, 12_340, 10_000), (0, 12_340, 10_000), (0, 12_340, 10_000)),
    ((0, 10_000, 1_000), (0, 20_000, 3_000), (7, 655_350, 500_000)),
)


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "BracketsHarness")


def packed(table) -> int:
    word = 0
    for k, (threshold, im_ppm, mm_ppm) in enumerate(table):
        word |= (threshold | im_ppm // 10 << 48 | mm_ppm // 10 << 64) << (80 * k)
    return word


def exact(table, notional: int, column: int) -> Fraction:
    tops = [row[0] * WAD for row in table[1:]] + [notional]
    total = Fraction(0)
    for row, top in zip(table, tops, strict=True):
        part = max(min(notional, top) - row[0] * WAD, 0)
        total += Fraction(part * row[column], PPM)
    return total


def notionals(table) -> list[int]:
    draw = random.Random(4)
    near = [max(row[0] * WAD + d, 0) for row in table for d in (-1, 0, 1, 10**5 + 3)]
    return [0, 1, *near, *(draw.getrandbits(draw.randint(1, 90)) for _ in range(12))]


@pytest.mark.parametrize("table", TABLES)
def test_requirements__both_margins__are_the_fractions_rounded_up(harness, table):
    for notional in notionals(table):
        im, mm = harness.read("requirements", packed(table), notional)
        assert im == -(-exact(table, notional, 1) // 1), notional
        assert mm == -(-exact(table, notional, 2) // 1), notional


@pytest.mark.parametrize("table", TABLES)
def test_requirements__is_convex(harness, table):
    def mm(notional: int) -> int:
        return harness.read("requirements", packed(table), notional)[1]

    for notional in notionals(table)[2:]:
        half = notional // 2
        assert mm(half) + mm(notional - half) <= mm(notional) + 2


@pytest.mark.parametrize("table", TABLES)
def test_marginal_rate__is_that_of_the_last_unit(harness, table):
    for notional in notionals(table):
        want = [row[2] for k, row in enumerate(table) if k == 0 or notional > row[0] * WAD][-1]
        assert harness.read("marginal_mm_ppm", packed(table), notional) == want
