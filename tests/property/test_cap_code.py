"""Caps in 16 bits against exact numbers: rounded down, ordered, and each code its own amount."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.lone_contract import deploy_alone

BATCH = 1_024
CODES = 2**16
LARGEST = 2**64 - 2**53


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "CapCodeHarness")


def batched(harness, function: str, numbers: list[int]) -> list[int]:
    results: list[int] = []
    for start in range(0, len(numbers), BATCH):
        results += harness.read(function, numbers[start : start + BATCH])
    return results


def exact(code: int) -> Fraction:
    return Fraction(1_024 + code % 1_024, 1_024) * 2 ** (code // 1_024)


def test_decode__every_code__is_its_float_rounded_down(harness):
    amounts = batched(harness, "decode", list(range(CODES)))
    assert amounts == [int(exact(code)) for code in range(CODES)]
    assert amounts == sorted(amounts)
    assert (amounts[1], amounts[-1]) == (1, LARGEST)


def test_encode__what_a_code_stands_for__is_that_code_again(harness):
    """Below 1,024 units several codes stand for one amount; it has the least of them."""
    amounts = batched(harness, "decode", list(range(1, CODES)))
    least: dict[int, int] = {}
    for code, amount in enumerate(amounts, start=1):
        least.setdefault(amount, code)
    assert batched(harness, "encode_down", amounts) == [least[amount] for amount in amounts]
    assert all(least[int(exact(code))] == code for code in range(10 * 1_024, CODES))


def test_encode__one_unit_around_each_border__never_above(harness):
    borders = sorted(set(batched(harness, "decode", list(range(1_024, CODES)))))
    below = batched(harness, "decode", batched(harness, "encode_down", [b - 1 for b in borders]))
    assert all(low < border for low, border in zip(below, borders, strict=True))
    above = batched(harness, "decode", batched(harness, "encode_down", [b + 1 for b in borders]))
    assert all(high >= border for high, border in zip(above, borders, strict=True))


def test_encode__random_amounts__down_by_less_than_a_thousandth(harness):
    draw = random.Random(3)
    amounts = sorted(draw.randrange(1, 2 ** draw.randrange(1, 65)) for _ in range(8_192))
    codes = batched(harness, "encode_down", amounts)
    assert codes == sorted(codes)
    for amount, value in zip(amounts, batched(harness, "decode", codes), strict=True):
        if amount < LARGEST:
            assert value <= amount < value * Fraction(1_025, 1_024) + (value < 1_024)
        if amount < 2_048:
            assert value == amount


def test_encode__nothing_and_too_much__least_and_largest(harness):
    amounts = [0, 1, LARGEST - 1, LARGEST, 2**64 - 1, 2**64, 2**256 - 1]
    codes = batched(harness, "encode_down", amounts)
    assert codes == [1, 1, CODES - 2, CODES - 1, CODES - 1, CODES - 1, CODES - 1]
