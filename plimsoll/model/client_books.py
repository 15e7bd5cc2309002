"""A broker's clients, and how much of what it has locked for them may be lost."""

from __future__ import annotations

from plimsoll.model import margin, prices, retest
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import FINE, PPM, World
from plimsoll.model.tokens import SCALE

RISK_MARGINS = 4  # maintenance margins that a client below its buffer may still lose
MATTERS_PARTS = 10  # a leg with a smaller part of the margin stops no clock


def enter(world: World, broker: str, account: int) -> None:
    """One more client, the last one."""
    clients = world.brokers.clients
    clients[broker] = (*clients.get(broker, ()), account)


def leave(world: World, broker: str, account: int) -> None:
    """One client less: the last one takes its place. Nothing of it is at risk there any more."""
    clients = list(world.brokers.clients[broker])
    clients[clients.index(account)] = clients[-1]
    world.brokers.clients[broker] = tuple(clients[:-1])
    world.brokers.risks.pop(account, None)


def measure(world: World, account: int) -> None:
    """Note what an account may lose of its lock, unless it is above its buffer for sure."""
    world.brokers.risks[account] = _measured(world, account)


def matters(world: World, account: int, market: int, health: margin.Health) -> bool:
    """Whether a leg is large enough to stop the clock of a margin call."""
    if health.mm_wad == 0:
        return False
    return margin.leg(world, account, market).mm_wad * MATTERS_PARTS >= health.mm_wad


def is_blind(world: World, account: int, health: margin.Health) -> bool:
    """Whether a leg that matters has no price."""
    if health.priced:
        return False
    return any(
        not prices.peek(world, market).priced and matters(world, account, market, health)
        for market in world.account(account).markets
    )


def holds_buffer(world: World, name: str, health: margin.Health, buffer_ppm: int) -> bool:
    """Whether own equity is at least MM * (1 + buffer)."""
    lead = health.equity_fine * PPM - health.mm_wad * (PPM + buffer_ppm) * FINE
    return world.decide(name, lead, retest.CLOSE_FINE * PPM)


def _measured(world: World, account: int) -> int:
    record = world.brokers.sponsored[account]
    health = margin.health(world, account)
    seen = not world.account(account).started and not is_blind(world, account, health)
    if seen and holds_buffer(world, "risk: buffer", health, record.buffer_ppm):
        return 0
    missing_wad = RISK_MARGINS * health.mm_wad - div_down(health.equity_fine, FINE)
    return min(record.lock, div_up(max(missing_wad, 0), SCALE))
