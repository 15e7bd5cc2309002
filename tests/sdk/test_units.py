"""Fixed-point helpers: exact in, exact out, and the rounding that the name says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from plimsoll import units


@pytest.mark.parametrize(
    ("text", "wad"),
    [("0", 0), ("1", 10**18), ("-1.5", -15 * 10**17), ("0.000000000000000001", 1)],
)
def test_to_wad__decimal_text__exact(text, wad):
    assert units.to_wad(text) == wad
    assert units.exact(wad) == text


def test_to_wad__int_and_decimal__same():
    assert units.to_wad(3) == units.to_wad(Decimal(3)) == 3 * 10**18


@pytest.mark.parametrize("text", ["0.0000000000000000001", "abc", "", "NaN", "Infinity"])
def test_to_wad__not_representable__refused(text):
    with pytest.raises(ValueError, match="wad"):
        units.to_wad(text)


def test_to_wad__float__refused():
    with pytest.raises(TypeError, match="not a float"):
        units.to_wad(1.5)


def test_exact__huge_number__no_digit_lost():
    assert units.exact(2**256 - 1, 1) == str(2**256 - 1)
    assert units.exact(2**256 - 1).replace(".", "") == str(2**256 - 1)


@pytest.mark.parametrize(
    ("numerator", "down", "up", "trunc"),
    [(7, 3, 4, 3), (-7, -4, -3, -3), (8, 4, 4, 4), (0, 0, 0, 0)],
)
def test_division__both_signs__as_named(numerator, down, up, trunc):
    assert units.div_down(numerator, 2) == down
    assert units.div_up(numerator, 2) == up
    assert units.div_trunc(numerator, 2) == trunc


def test_tokens__six_decimals__rounded_against_the_reader():
    assert units.tokens_to_wad(1, 6) == 10**12
    assert units.wad_to_tokens_down(10**12 + 1, 6) == 1
    assert units.wad_to_tokens_up(10**12 + 1, 6) == 2


def test_rounded__for_reading__grouped_and_without_minus_zero():
    assert units.rounded(1_234_567 * 10**18) == "1,234,567.00"
    assert units.rounded(-1) == "0.00"
    assert units.percent(25_000, units.PPM) == "2.50 %"
