"""What orders and their signers may do, and one step past it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.stage import ATTACKER, BYSTANDER, GARBAGE, KEEPER, RICH, UNSIGNED
from plimsoll.fuzz.stories.desk import FIRST_LIQUIDATOR, FIRST_RICH, Desk, Story
from plimsoll.model.state import PPM, WAD
from plimsoll.orders import Flags


def batches(d: Desk) -> Story:
    """Several orders in one call: one taker against many, broken ones among them."""
    rng = d.rng
    market = d.market()
    mark = d.mark(market)
    taker, *makers = rng.sample(d.accounts(), rng.randint(2, 5))
    part = min(d.room(*place, market) for place in (taker, *makers)) // len(makers)
    size = d.sized(market, max(part, 120 * WAD))
    sign = rng.choice((1, -1))
    orders = [d.order(*taker, market, -sign * size * len(makers), mark)]
    matches = []
    for number, maker in enumerate(makers, start=1):
        price = mark * (PPM + sign * rng.choice((0, 0, 0, 60_000))) // PPM
        signer = None if rng.random() < 0.85 else rng.choice((GARBAGE, UNSIGNED, ATTACKER))
        flags = Flags.POST_ONLY
        order = d.order(*maker, market, sign * size, price, flags=flags, signed_by=signer)
        orders.append(order)
        matches.append([number, 0, size])
    if rng.random() < 0.1:
        matches.append(rng.choice(([0, 9, size], [1, 1, size], [1, 0, 0], [1, 0, size])))
    name = rng.choice(("settle", "try_settle"))
    yield action(name, sender=KEEPER, orders=orders, matches=matches)


def odd_orders(d: Desk) -> Story:
    """One term of an order at, or one step past, what is allowed."""
    rng = d.rng
    market = d.market()
    maker, taker = rng.sample(range(FIRST_LIQUIDATOR, FIRST_RICH + len(RICH)), 2)
    size = d.sized(market, rng.choice((99, 101, 5_000, 20_000)) * WAD)
    size *= rng.choice((1, -1))
    kind = rng.random()
    if kind < 0.15 and d.orders:
        yield from replay(d)
        return
    if kind < 0.25:
        yield from agents(d, maker, taker, market, size)
        return
    mark = d.mark(market)
    name = rng.choice(tuple(_ODD))
    changes = {"price": mark, "flags": int(Flags.POST_ONLY), name: _ODD[name](d, mark)}
    price = changes.pop("price")
    if name == "self_trade":
        changes.pop(name)
        taker = maker
    first = d.order(maker, 0, market, size, price, **changes)
    flags = rng.choice((0, 0, 0, Flags.POST_ONLY, Flags.REDUCE_ONLY))
    second = d.order(taker, 0, market, -size, mark, signed_by=UNSIGNED, flags=flags)
    yield action("settle_one", sender=taker, maker=first, taker=second, size=abs(size))


_ODD: Final[dict[str, Callable[[Desk, int], int]]] = {
    "price": lambda d, mark: (
        mark
        * (PPM + d.rng.choice((150_001, -150_001, 50_001, -50_001, 49_999, 2_000, -2_000)))
        // PPM
    ),
    "max_fee_ppm": lambda d, _: d.rng.choice((0, 199, 200)),
    "expiry": lambda d, _: d.m.world.now + d.rng.choice((-1, 0, 1, 60)),
    "signed_by": lambda d, _: d.rng.choice((GARBAGE, UNSIGNED, ATTACKER, BYSTANDER)),
    "matcher": lambda d, _: d.rng.choice((FIRST_LIQUIDATOR, FIRST_RICH, ATTACKER)),
    "counterparty": lambda d, _: d.rng.choice((FIRST_LIQUIDATOR, FIRST_RICH, ATTACKER)),
    "trigger_price": lambda d, mark: mark * (PPM + d.rng.choice((-9_000, 0, 9_000))) // PPM,
    "flags": lambda d, _: d.rng.choice((0, 1, 3, 4, 9, 10, 16)),
    "self_trade": lambda _d, _: 0,
}


def replay(d: Desk) -> Story:
    """An order seen before: filled further, cancelled, or cancelled by a stranger."""
    rng = d.rng
    order = rng.choice(d.orders)
    owner, sub, market, size, price, *_ = order
    kind = rng.random()
    if kind < 0.3:
        yield action("cancel", sender=rng.choice((owner, ATTACKER)), order=order)
    elif kind < 0.5:
        sender = rng.choice((owner, owner, ATTACKER))
        salt = order[7] + rng.choice((0, 1))
        yield action("cancel_below", sender=sender, owner=owner, sub=sub, salt=salt)
    other = rng.choice([place for place in d.accounts() if place[0] != owner])
    part = max(1, abs(size) * rng.choice((50, 100, 100)) // 100)
    signed = part if size < 0 else -part
    taker = d.order(*other, market, signed, price, signed_by=UNSIGNED)
    yield action("settle_one", sender=other[0], maker=order, taker=taker, size=part)


def agents(d: Desk, owner: int, other: int, market: int, size: int) -> Story:
    """A key that may trade, within limits, and may lose the right."""
    rng = d.rng
    yield action(
        "set_agent",
        sender=rng.choice((owner, owner, owner, ATTACKER)),
        owner=owner,
        sub=0,
        agent=BYSTANDER,
        ttl=rng.choice((3_600, 3_600, -1, 0)),
        markets=rng.choice((0, 2, 4, 1 << market)),
        size=rng.choice((abs(size), abs(size) - 1, 2**100)),
    )
    price, flags = d.mark(market), Flags.POST_ONLY
    maker = d.order(owner, 0, market, size, price, flags=flags, signed_by=BYSTANDER)
    taker = d.order(other, 0, market, -size, price, signed_by=UNSIGNED)
    yield action("settle_one", sender=other, maker=maker, taker=taker, size=abs(size))
    yield action("withdraw", who=BYSTANDER, owner=owner, sub=0, tokens=1, to=BYSTANDER)
    if rng.random() < 0.5:
        sender = rng.choice((owner, ATTACKER))
        yield action("revoke_agent", sender=sender, owner=owner, sub=0, agent=BYSTANDER)
