"""Loss weights: the contract's packing and the library's are the same word."""

from __future__ import annotations

import random

import pytest
from brownie import accounts, project

from plimsoll.errors import InputError
from plimsoll.loss_weights import SHARES, LegLoss, Weight, pack, split, unpack


@pytest.fixture(scope="module")
def harness():
    return project.get_loaded_projects()[0].LossWeightsHarness.deploy({"from": accounts[0]})


def test_pack__random_accounts__equal_the_model(harness):
    draw = random.Random(7)
    for _ in range(60):
        legs = [
            LegLoss(
                market,
                draw.random() < 0.5,
                draw.choice((0, 1, draw.getrandbits(draw.randint(1, 150)))),
            )
            for market in draw.sample(range(1, 256), draw.randint(0, 10))
        ]
        word = harness.pack([(leg.market, leg.short, leg.loss) for leg in legs])
        weights = split(legs)
        assert word == pack(weights)
        assert unpack(word) == weights
        assert sum(weight.share for weight in weights) == (SHARES if weights else 0)


def test_field__reads_back(harness):
    word = pack([Weight(255, True, 49_999), Weight(1, False, 1)])
    assert tuple(harness.field(word, 0)) == (255, True, 49_999)
    assert tuple(harness.field(word, 1)) == (1, False, 1)
    assert tuple(harness.field(word, 2)) == (0, False, 0)


def test_pack__remainder__goes_to_the_largest(harness):
    word = harness.pack([(1, False, 1), (2, False, 1), (3, False, 1)])
    assert [weight.share for weight in unpack(word)] == [16_668, 16_666, 16_666]


@pytest.mark.parametrize(
    "weights",
    [
        [Weight(0, False, 1)],
        [Weight(256, False, 1)],
        [Weight(1, False, 0)],
        [Weight(1, False, SHARES + 1)],
        [Weight(1, False, 1)] * 11,
    ],
)
def test_library_pack__bad_field__refused(weights):
    with pytest.raises(InputError):
        pack(weights)
