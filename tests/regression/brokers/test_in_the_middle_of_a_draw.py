"""Nobody acts, and no view lies, while members of the fund pay one after the other."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from tests.support.broker_losses import (
    MORE_THAN_THERE_IS,
    ask_back,
    draw,
    open_fund,
    reserve,
    sit_out_notice,
)
from tests.support.broker_world import NOBODY, BrokerWorld

YES = (1).to_bytes(32, "big")


@pytest.fixture
def world():
    """The token calls somebody back when it is sent."""
    return BrokerWorld(RevmChain(), "HookToken")


def test_draw__depositor_of_a_member_that_has_not_paid_yet__stays(world):
    """The token's hook let it out at the old price, and those who stayed paid its part too."""
    world.set_fund(minimum=400)
    world.broker(world.operator, stake=1_000, pool=0)
    second = world.broker(world.other_operator, stake=450, pool=375)
    world.invest(second, world.other_depositor, 375)
    open_fund(world)
    who = world.depositor
    shares = ask_back(world, second, who)
    world.send(who, second, "approve", world.token.address, shares)
    sit_out_notice(world)
    loser = world.account(world.attacker)
    reserve(world, loser, MORE_THAN_THERE_IS)
    assert world.waterfall.read("exits_blocked")

    def answer(contract, function, *args):
        """What the hook is told while the first member pays."""
        with world.rpc.undone():
            data = contract.encode(function, *args)
            world.send(who, world.token, "set_hook", world.escrow.address, contract.address, data)
            draw(world, loser)
            assert world.token.read("hook_sender") == NOBODY
            return world.token.read("succeeded"), world.token.read("answer")

    assert answer(second, "redeem", shares // 2, who.address, who.address)[0] is False
    assert answer(second, "maxRedeem", who.address) == (True, bytes(32))
    assert answer(world.waterfall, "exits_blocked") == (True, YES)
    draw(world, loser)
    assert not world.waterfall.read("exits_blocked")
