"""Liquidator: the bounds of its parameters."""

from __future__ import annotations

import pytest
from brownie import reverts

from tests.support.liquidation_world import set_params


def test_set_params__anybody_else__reverts(world, engine, attacker):
    with reverts("ownable: caller is not the owner"):
        engine.set_params(tuple(engine.params()), {"from": attacker})


@pytest.mark.parametrize(
    ("last_good", "first_bad", "reason"),
    [
        ({"c_min": 30_000}, {"c_min": 30_001}, "params: concession order"),
        ({"c_max": 100_000}, {"c_max": 100_001}, "params: concession too high"),
        ({"duration": 60}, {"duration": 59}, "params: duration out of bounds"),
        ({"duration": 3_600}, {"duration": 3_601}, "params: duration out of bounds"),
        ({"kappa": 1_010_000}, {"kappa": 1_009_999}, "params: kappa out of bounds"),
        ({"kappa": 2_000_000}, {"kappa": 2_000_001}, "params: kappa out of bounds"),
        ({"fee": 20_000}, {"fee": 20_001}, "params: fee too high"),
        ({"insurance": 10_000}, {"insurance": 10_001}, "params: insurance pays too much"),
    ],
)
def test_set_params__both_sides_of_each_bound(world, last_good, first_bad, reason):
    tx = set_params(world, **last_good)
    assert tuple(tx.events["ParamsSet"]["params"]) == tuple(world.liquidator.params())
    with reverts(reason):
        set_params(world, **first_bad)
