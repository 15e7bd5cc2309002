"""Ordinary fills, and money in and out."""

from __future__ import annotations

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.stories.desk import SCALE, Desk, Story
from plimsoll.model.state import WAD


def trading(d: Desk) -> Story:
    """People open, increase, reduce and flip."""
    rng = d.rng
    for _ in range(rng.randint(1, 6)):
        market = d.market()
        buyer, seller = rng.sample(d.accounts(), 2)
        if rng.random() < 0.35:
            held = [place for place in d.holders(market) if place[0] != seller[0]]
            if held:
                buyer = rng.choice(held)
        size = d.size(*buyer, market)
        if size and rng.random() < 0.4:
            amount = -size * rng.choice((100, 100, 50, 120, 10)) // 100
            yield d.fill(buyer, seller, market, amount)
            continue
        notional = min(d.room(*buyer, market), d.room(*seller, market))
        if notional > 50 * WAD:
            amount = rng.choice((1, -1)) * d.sized(market, notional)
            yield d.fill(buyer, seller, market, amount)
        else:
            yield from paying(d)
        if rng.random() < 0.3:
            yield d.gap(market, rng.randint(-15_000, 15_000))


def paying(d: Desk) -> Story:
    """Money in and out, to the last unit and one further."""
    rng = d.rng
    who, sub = rng.choice(d.accounts())
    if rng.random() < 0.55:
        tokens = int(10 ** rng.uniform(0, 4.6) * 10**6)
        yield action("deposit", who=who, owner=who, sub=sub, tokens=tokens)
    else:
        yield from leaving(d)


def leaving(d: Desk) -> Story:
    """Somebody takes money out, to the last unit and one further."""
    rng = d.rng
    who, sub = rng.choice(d.accounts())
    free = d.free(who, sub) // SCALE
    tokens = free * rng.choice((1, 10, 50, 90, 100)) // 100 + rng.choice((0, 0, 0, 1))
    yield action("withdraw", who=who, owner=who, sub=sub, tokens=tokens, to=who)


def drift(d: Desk) -> Story:
    """Prices move a little."""
    for _ in range(d.rng.randint(1, 4)):
        yield d.gap(d.market(), d.rng.randint(-25_000, 25_000))
