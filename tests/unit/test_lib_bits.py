"""Bit positions and signed numbers in packed words."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.expect import reverts
from tests.support.lone_contract import deploy_alone

WIDTHS = (128, 184, 192, 224)  # unused bits, as the ledger packs its words


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "BitsHarness")


def test_highest_and_lowest__single_bits__are_their_index(harness):
    for index in range(256):
        assert harness.read("highest", 1 << index) == index
        assert harness.read("lowest", 1 << index) == index


def test_highest_and_lowest__random_words__equal_python(harness):
    draw = random.Random(1)
    for _ in range(60):
        word = draw.getrandbits(draw.randint(1, 256)) | 1 << draw.randrange(256)
        assert harness.read("highest", word) == word.bit_length() - 1
        assert harness.read("lowest", word) == (word & -word).bit_length() - 1


def test_highest_and_lowest__no_bits__are_zero(harness):
    assert harness.read("highest", 0) == 0
    assert harness.read("lowest", 0) == 0


@pytest.mark.parametrize("unused", WIDTHS)
def test_low_bits__numbers_that_fit__come_back(harness, unused):
    top = 2 ** (255 - unused)
    for number in (0, 1, -1, top - 1, -top):
        word = harness.read("low_bits", number, unused)
        assert word == number % 2 ** (256 - unused)
        noise = 0x5A5A << (256 - unused) & 2**256 - 1
        assert harness.read("sign_extend", word | noise, unused) == number


@pytest.mark.parametrize("unused", WIDTHS)
def test_low_bits__one_past_the_field__reverts(harness, unused):
    top = 2 ** (255 - unused)
    for number in (top, -top - 1):
        with reverts("number: does not fit"):
            harness.read("low_bits", number, unused)
