"""Nobody has more of a pool by asking often, or by going around in circles."""

from __future__ import annotations

import random

import pytest

from tests.support.broker_losses import ask_back
from tests.support.broker_world import NOTICE_S, UNIT


def test_fees__operator_has_the_books_written_every_other_second__pool_has_its_part(world):
    """Rounded to the stake at each write, a small fee would be the operator's alone."""
    vault = world.broker(commission_ppm=0)
    world.sponsored(vault, guarantee=500, fee_ppm=40_000)  # 0.63 units a second
    pool, stake = vault.read("totalAssets"), vault.read("stake")
    for _ in range(200):
        world.rpc.set_next_timestamp(world.now + 2)
        world.send(world.operator, vault, "request_stake", 0)
    to_pool, to_stake = vault.read("totalAssets") - pool, vault.read("stake") - stake
    assert to_pool >= to_stake
    assert to_pool + to_stake >= 200


def test_circles__of_entries_and_exits__never_pay_more_than_was_put_in(world):
    """A rounding to the depositor's side, some thousand times over, is somebody else's money."""
    rng = random.Random(7)
    vault = world.broker(stake=5_000, pool=100)
    who = world.attacker
    start = world.give(who, 10_000, vault)
    for _ in range(100):
        amount = rng.choice((1, 2, 3, 7, 999_999, rng.randrange(1, 100 * UNIT)))
        if rng.random() < 0.5:
            world.send(who, vault, "deposit", amount, who.address)
        else:
            world.send(who, vault, "mint", amount * 10**6 + rng.randrange(10**6), who.address)
        ask_back(world, vault, who)
        world.wait(NOTICE_S)
        if rng.random() < 0.5:
            shares = vault.read("maxRedeem", who.address)
            world.send(who, vault, "redeem", shares, who.address, who.address)
        elif assets := vault.read("maxWithdraw", who.address):
            world.send(who, vault, "withdraw", assets, who.address, who.address)
        assert world.balance(who.address) <= start
    world.assert_sound(vault)


@pytest.mark.parametrize("seed", range(4))
def test_quoted_room__while_fees_are_earned__is_what_is_taken(world, seed):
    """A quote above it would be refused, one below it would keep out who might enter."""
    rng = random.Random(seed)
    vault = world.broker(
        stake=rng.randrange(300, 1_000),
        pool=rng.randrange(100, 500),
        first_loss_ppm=rng.randrange(50_000, 400_000),
    )
    world.sponsored(vault, guarantee=rng.randrange(1, 100), fee_ppm=rng.randrange(500_000))
    world.wait(rng.randrange(1, NOTICE_S))
    who = world.attacker
    world.give(who, 10**6, vault)
    for function, quote in (("deposit", "maxDeposit"), ("mint", "maxMint")):
        with world.rpc.undone():
            world.send(who, vault, function, vault.read(quote, who.address), who.address)
            assert vault.read("maxDeposit", who.address) <= 1
            world.assert_sound(vault)
