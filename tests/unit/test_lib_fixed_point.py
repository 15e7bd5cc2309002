"""Integer arithmetic: each rounding against Python's, signs included."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.errors import ContractReverted
from tests.support.lone_contract import deploy_alone

WAD = 10**18
NUMBERS = (0, 1, 2, 3, 999, WAD - 1, WAD, WAD + 1, 2**120 - 1, 2**127)


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "FixedPointHarness")


def ceil_div(a: int, divisor: int) -> int:
    return -(-a // divisor)


def test_mul_div__both_directions__equal_python(harness):
    draw = random.Random(1)
    for a in NUMBERS:
        b, divisor = draw.choice(NUMBERS), draw.choice(NUMBERS[1:])
        assert harness.read("mul_div_down", a, b, divisor) == a * b // divisor
        assert harness.read("mul_div_up", a, b, divisor) == ceil_div(a * b, divisor)
        assert harness.read("div_up", a, divisor) == ceil_div(a, divisor)


@pytest.mark.parametrize("function", ["mul_div_down", "mul_div_up"])
def test_mul_div__product_above_256_bits__reverts(harness, function):
    assert harness.read(function, 2**255, 1, 1) == 2**255
    with pytest.raises(ContractReverted):
        harness.read(function, 2**255, 2, 2)


def test_division__by_zero__reverts(harness):
    for function, args in (
        ("mul_div_down", (1, 1, 0)),
        ("mul_div_up", (1, 1, 0)),
        ("div_up", (1, 0)),
    ):
        with pytest.raises(ContractReverted):
            harness.read(function, *args)


def test_floor_div__negative_numerators__round_down_as_python(harness):
    draw = random.Random(2)
    pairs = [(s * a, d) for s in (1, -1) for a in (0, 1, 2, 3, 6, 7) for d in (1, 2, 3, 7)]
    pairs += [
        (draw.getrandbits(200) * draw.choice((1, -1)), draw.getrandbits(90) + 1) for _ in range(20)
    ]
    for a, divisor in [*pairs, (-(2**254), 1), (-(2**254), 3), (2**255 - 1, 2)]:
        assert harness.read("floor_div", a, divisor) == a // divisor


def test_signed_and_magnitude__are_inverse(harness):
    for number in NUMBERS:
        assert harness.read("signed", number, False) == number
        assert harness.read("signed", number, True) == -number
        assert harness.read("magnitude", number) == number
        assert harness.read("magnitude", -number) == number
    assert harness.read("magnitude", 2**255 - 1) == 2**255 - 1
    with pytest.raises(ContractReverted):
        harness.read("signed", 2**255, False)
    with pytest.raises(ContractReverted):
        harness.read("magnitude", -(2**255))


def test_positive__drops_negative_numbers(harness):
    for number in (-(2**255), -1, 0, 1, 2**255 - 1):
        assert harness.read("positive", number) == max(number, 0)


def test_value_down__longs_and_shorts__round_against_the_holder(harness):
    draw = random.Random(3)
    for _ in range(30):
        size = draw.getrandbits(100) * draw.choice((1, -1))
        price = draw.getrandbits(90)
        assert harness.read("value_down", size, price) == size * price // WAD
        value, notional = harness.read("value_and_notional", abs(size), size > 0, price)
        assert value == size * price // WAD
        assert notional == ceil_div(abs(size) * price, WAD)
    assert harness.read("value_down", 1, 1) == 0
    assert harness.read("value_down", -1, 1) == -1
