"""Random work on brokers: books stay sound, and what a view promises is what happens."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from plimsoll.errors import ContractReverted
from tests.support.broker_world import DAY_S, NOTICE_S, PPM, UNIT, WAD
from tests.support.expect import reverts

FUND = 3  # place in the waterfall's arrays
LATE = "vault: not requested in time"


class Desk:
    """Three brokers, nine accounts that may have one, three that never have."""

    def __init__(self, world, seed):
        self.world, self.random = world, random.Random(seed)
        self.operators = (world.operator, world.other_operator, world.third_operator)
        self.vaults = [
            world.broker(operator, stake=3_000, pool=500, omega_ppm=PPM)
            for operator in self.operators
        ]
        for layer, limits in ((3, (100_000, 10_000)), (4, (100_000, 10_000)), (5, (PPM, PPM))):
            world.send(world.deployer, world.waterfall, "set_limits", layer, limits)
        self.clients = [world.account(world.client, number) for number in range(9)]
        self.strangers = [world.account(world.attacker, number) for number in range(3)]
        for account in self.clients:
            world.set_health(account, 10**6)
        self.draws = 0

    def attempt(self, call, *args, **options):
        """Brokers run out of capital and fail: a refusal is an outcome like any other."""
        with suppress(ContractReverted):
            call(*args, **options)

    def sponsor(self):
        number, account = self.random.randrange(3), self.random.choice(self.clients)
        if any(self.world.waterfall.read("reservation", account)):
            return  # under liquidation, which the ledger would say
        terms = self.world.terms(
            self.vaults[number],
            account=account,
            guarantee=self.random.randrange(1, 60 * UNIT),
            fee_ppm=10_000,
        )
        self.attempt(self.world.agree, terms, operator=self.operators[number])

    def lose(self):
        """As much is reserved as was foretold; a draw pays it, whatever claims are worth."""
        world = self.world
        account = self.random.choice(self.clients + self.strangers)
        amount = self.random.randrange(1, 120 * WAD)
        foretold = world.waterfall.read("preview", account, amount, 0)
        world.send(world.liquidator, world.waterfall, "reserve", account, amount, 0)
        held = world.waterfall.read("reservation", account)
        # rolling limits of a second later
        assert held == pytest.approx(foretold, abs=WAD // 100)
        # what was set aside stays so; draws since have rounded up to token units
        assets = world.custody.read("to_units_down", world.fund.read("totalAssets"))
        assert held[FUND] <= assets + 10**14
        if self.random.random() < 0.6:
            before = world.custody.read("claims")
            world.send(world.liquidator, world.waterfall, "draw", account, sum(held), 0)
            self.draws += 1
            paid = world.custody.read("claims") - before
            worthless = world.custody.read("redemption_rate") == 0
            assert worthless or paid >= sum(held) - WAD // 1_000
            assert world.waterfall.read("reservation", account) == [0, 0, 0, 0]

    def fill(self):
        number = self.random.randrange(3)
        fund, vault = self.world.fund, self.vaults[number]
        self.attempt(self.world.send, self.operators[number], fund, "fill", vault.address)

    def fall_short(self):
        world = self.world
        if world.custody.read("backing") > 10 * WAD:
            shortfall = self.random.randrange(1, 2 * WAD)
            world.send(world.liquidator, world.custody, "book_shortfall", shortfall)

    def wait(self):
        self.world.wait(self.random.randrange(1, DAY_S))

    def step(self):
        actions = (self.sponsor, self.lose, self.fill, self.fall_short, self.wait)
        self.random.choices(actions, weights=(25, 50, 10, 5, 10))[0]()
        self.world.assert_sound(*self.vaults)
        reserved = [self.world.waterfall.read("reserved_total", layer) for layer in (3, 4, 5)]
        assert self.world.waterfall.read("exits_blocked") == (sum(reserved) != 0)


@pytest.mark.parametrize("seed", range(3))
def test_losses__at_any_rate_and_in_any_order(world, seed):
    desk = Desk(world, seed)
    for _ in range(120):
        desk.step()
    assert desk.draws > 15


@pytest.mark.parametrize("seed", range(6))
def test_exits__what_is_promised_is_paid_under_a_provision(world, seed):
    numbers = random.Random(seed)
    vault = world.broker(stake=numbers.randrange(700, 1_200), pool=numbers.randrange(500, 1_300))
    world.invest(vault, world.other_depositor, numbers.randrange(1, 200))
    account = world.sponsored(vault, guarantee=numbers.randrange(300, 900), fee_ppm=0)
    who = world.depositor
    world.send(who, vault, "request_withdrawal", vault.read("balanceOf", who.address))
    world.wait(NOTICE_S)
    world.set_health(account, -numbers.randrange(1, 3_000), mm=100, im=200)
    world.send(world.anybody, world.sponsorship, "measure", account)
    with world.rpc.undone():
        shares = vault.read("maxRedeem", who.address)
        promised = vault.read("previewRedeem", shares)
        world.send(who, vault, "redeem", shares, who.address, who.address)
        assert world.balance(who.address) == promised
        world.assert_sound(vault)
    most = vault.read("maxWithdraw", who.address)
    with reverts("vault: capital locked" if most == vault.read("free_assets") else LATE):
        world.send(who, vault, "withdraw", most + 1, who.address, who.address)
    cost, before = vault.read("previewWithdraw", most), vault.read("balanceOf", who.address)
    world.send(who, vault, "withdraw", most, who.address, who.address)
    assert world.balance(who.address) == most
    assert before - vault.read("balanceOf", who.address) == cost
    world.assert_sound(vault)


def test_shares__cycles_never_pay_more_than_was_put_in(world):
    numbers = random.Random(7)
    vault = world.broker(stake=5_000, pool=100)
    who = world.attacker
    start = world.give(who, 10_000, vault)
    for _ in range(40):
        amount = numbers.choice((1, 2, 3, 7, 999_999, numbers.randrange(1, 100 * UNIT)))
        if numbers.random() < 0.5:
            world.send(who, vault, "deposit", amount, who.address)
        else:
            shares = amount * 10**6 + numbers.randrange(10**6)
            world.send(who, vault, "mint", shares, who.address)
        world.send(who, vault, "request_withdrawal", vault.read("balanceOf", who.address))
        world.wait(NOTICE_S)
        if numbers.random() < 0.5:
            shares = vault.read("maxRedeem", who.address)
            world.send(who, vault, "redeem", shares, who.address, who.address)
        elif assets := vault.read("maxWithdraw", who.address):
            world.send(who, vault, "withdraw", assets, who.address, who.address)
        assert world.balance(who.address) <= start
    world.assert_sound(vault)
