"""Guarantees, reservations, draws, refills, shortfalls in any order: what is reserved is paid."""

from __future__ import annotations

import random

import pytest

from plimsoll.errors import ContractReverted
from tests.support.broker_losses import draw, open_fund, reserve
from tests.support.broker_world import DAY_S, PPM, UNIT, WAD

STEPS = 150
ROUNDING = 10**13  # wad, of rates of rolling limits and of token units


class Walk:
    """Three brokers, nine accounts that they guarantee, three that nobody does."""

    def __init__(self, world, seed):
        self.world = world
        self.rng = random.Random(seed)
        operators = (world.operator, world.other_operator, world.third_operator)
        self.brokers = [
            (operator, world.broker(operator, stake=3_000, pool=500, omega_ppm=PPM))
            for operator in operators
        ]
        self.vaults = [vault for _, vault in self.brokers]
        open_fund(world)
        self.clients = [world.account(world.client, number) for number in range(9)]
        self.strangers = [world.account(world.attacker, number) for number in range(3)]
        for account in self.clients:
            world.set_health(account, 10**6)
        self.draws = 0

    def guarantee(self):
        world, rng = self.world, self.rng
        account = rng.choice(self.clients)
        operator, vault = rng.choice(self.brokers)
        if not any(world.waterfall.read("reservation", account)):
            tokens = rng.randrange(1, 60 * UNIT)
            terms = world.terms(vault, account=account, guarantee=tokens, fee_ppm=10_000)
            world.agree(terms, operator=operator)

    def loss(self):
        world, rng = self.world, self.rng
        account = rng.choice(self.clients + self.strangers)
        amount = rng.randrange(1, 120 * WAD)
        preview = world.waterfall.read("preview", account, amount, 0)
        held = reserve(world, account, amount)
        assert held == preview
        if rng.random() < 0.5:
            self.wait()  # limits forget, what is set aside is not forgotten
            assert reserve(world, account, sum(held)) == held
        if rng.random() < 0.6:
            before = world.custody.read("claims")
            draw(world, account)
            assert world.waterfall.read("reservation", account) == [0] * 4
            assert abs(world.custody.read("claims") - before - sum(held)) < 10**13
            self.draws += 1

    def fill(self):
        operator, vault = self.rng.choice(self.brokers)
        self.world.send(operator, self.world.fund, "fill", vault.address)

    def shortfall(self):
        world = self.world
        if world.custody.read("backing") > 10 * WAD:
            lost = self.rng.randrange(1, 2 * WAD)
            world.send(world.liquidator, world.custody, "book_shortfall", lost)

    def wait(self):
        self.world.wait(self.rng.randrange(1, DAY_S))

    def check(self):
        world = self.world
        world.assert_sound(*self.vaults)
        reserved = [world.waterfall.read("reserved_total", layer) for layer in (3, 4, 5)]
        assert world.waterfall.read("exits_blocked") == any(reserved)
        fund = world.custody.read("to_units_down", world.fund.read("totalAssets"))
        assert reserved[-1] <= fund + ROUNDING


@pytest.mark.parametrize("seed", range(2))
def test_draws__in_any_order__pay_what_was_reserved(world, seed):
    """A draw that reverts stops all liquidations, one that pays less is everybody's shortfall."""
    walk = Walk(world, seed)
    refused = {"guarantee", "fill"}  # by rules of brokers, as often as not
    names = ("guarantee", "loss", "fill", "shortfall", "wait")
    for name in walk.rng.choices(names, weights=(5, 10, 2, 1, 3), k=STEPS):
        try:
            getattr(walk, name)()
        except ContractReverted:
            assert name in refused
        walk.check()
    assert walk.draws > 20
