"""Losses that are reserved and drawn by hand in a `BrokerWorld`, who pays them, who leaves."""

from __future__ import annotations

from plimsoll.contract import Contract, NodeSigner
from tests.support.broker_world import NOTICE_S, PPM, UNIT, WAD, BrokerWorld

MORE_THAN_THERE_IS = 10**24


def open_fund(world: BrokerWorld) -> None:
    """All of the guaranty fund for one market and day; next to nothing of the layers before."""
    for layer in (3, 4):
        world.send(world.deployer, world.waterfall, "set_limits", layer, (100_000, 10_000))
    world.send(world.deployer, world.waterfall, "set_limits", 5, (PPM, PPM))


def three_members(world: BrokerWorld) -> list[Contract]:
    """Contributions of 50, 100 and 150, assessments of the same; from now on 50 are the least."""
    vaults = []
    operators = (world.operator, world.other_operator, world.third_operator)
    for operator, tokens in zip(operators, (50, 100, 150), strict=True):
        world.set_fund(minimum=tokens)
        vaults.append(world.broker(operator, stake=1_000, pool=500))
    world.set_fund(minimum=50)
    open_fund(world)
    return vaults


def reserve(world: BrokerWorld, account: int, wad: int) -> list[int]:
    """Returns what each layer holds for the account then."""
    world.send(world.liquidator, world.waterfall, "reserve", account, wad, 0)
    return list(world.waterfall.read("reservation", account))


def draw(world: BrokerWorld, account: int, wad: int = MORE_THAN_THERE_IS) -> None:
    """What is reserved, if it is not less than `wad`."""
    world.send(world.liquidator, world.waterfall, "draw", account, wad, 0)


def lose(world: BrokerWorld, account: int, from_fund: int) -> None:
    """A loss that takes exactly so many whole tokens from the fund, after all layers before."""
    before_fund = sum(reserve(world, account, MORE_THAN_THERE_IS)[:3])
    held = reserve(world, account, before_fund + from_fund * WAD)
    assert held[3] == from_fund * WAD
    draw(world, account)


def ask_back(world: BrokerWorld, vault: Contract, who: NodeSigner) -> int:
    """Notice for all shares of somebody; returns them."""
    shares = int(vault.read("balanceOf", who.address))
    world.send(who, vault, "request_withdrawal", shares)
    return shares


def sit_out_notice(world: BrokerWorld) -> None:
    """Who gave notice may leave now."""
    world.wait(NOTICE_S + 60)


def exposed(
    world: BrokerWorld, vault: Contract, guarantee: int, equity: float, owner: NodeSigner
) -> int:
    """A client that was rich when it was guaranteed, now on 100 of margin; returns its account."""
    account = world.account(owner)
    world.set_health(account, 10_000)
    world.agree(world.terms(vault, owner, guarantee=guarantee * UNIT, fee_ppm=0), owner)
    world.set_health(account, equity, mm=100, im=200)
    return account
