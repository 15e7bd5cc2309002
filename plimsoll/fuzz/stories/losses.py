"""Gaps, auctions, takes, resolves: where the money is lost."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.role_calls import MAX_LIMIT
from plimsoll.fuzz.stage import KEEPER, MARKETS
from plimsoll.fuzz.stories import trades
from plimsoll.fuzz.stories.desk import AUCTION_S, FIRST_LIQUIDATOR, FIRST_RICH, TRADING, Desk, Story
from plimsoll.model.state import PPM
from plimsoll.orders import Flags

# what a gap leaves of the victim's position, in millionths of its notional
DEPTHS_PPM: Final = (10_000, 3_000, -1_000, -8_000, -30_000, -60_000, -120_000, -250_000)


def crash(d: Desk) -> Story:
    """Somebody is left with a small or negative part of their position; then it runs on."""
    rng = d.rng
    market = d.market()
    holders = d.holders(market)
    if not holders:
        yield from trades.trading(d)
        return
    yield d.to_depth(rng.choice(holders), market, rng.choice(DEPTHS_PPM))
    yield from start_all(d)
    for _ in range(rng.randint(2, 9)):
        step = rng.random()
        if step < 0.45:
            yield from taking(d)
        elif step < 0.70 and d.started():
            yield from resolving(d)
        elif step < 0.80:
            yield action("wait", seconds=AUCTION_S, refresh=1)
        elif step < 0.90:
            yield d.gap(market, rng.choice((-40_000, -9_000, 9_000, 45_000)))
            yield from start_all(d)
        else:
            yield from trades.trading(d)
    if d.started():
        yield from clear_queue(d)


def rout(d: Desk) -> Story:
    """A loss beyond what the layers may give: haircuts, in one call or in many."""
    rng = d.rng
    market = d.market()
    holders = d.holders(market)
    if not holders:
        yield from trades.trading(d)
        return
    victim = rng.choice(holders)
    if rng.random() < 0.5:
        victim = max(holders, key=lambda place: abs(d.size(place[0], place[1], market)))
    if rng.random() < 0.3:
        yield from cash_in(d, market)
    yield d.to_depth(victim, market, rng.choice((-60_000, -150_000, -300_000)))
    yield from start_all(d)
    if rng.random() < 0.3:
        yield from trades.leaving(d)
    yield from clear_queue(d)


def surge(d: Desk) -> Story:
    """A jump of the mark, or nearly one: those it favours try to make their gain cash.

    Some wait until the hold is over, some try a second before, some find that it has turned.
    """
    rng = d.rng
    market = d.market()
    terms = d.m.world.markets[market].risk_terms
    jump, seconds = (terms.jump_ppm, terms.hold_seconds) if terms else (30_000, 120)
    sign = rng.choice((1, -1))
    if rng.random() < 0.3:
        yield d.gap(market, sign * jump // 2)
        jump //= 2
    yield d.gap(market, sign * (jump + rng.choice((-200, 200, 5_000, 40_000))))
    if rng.random() < 0.5:
        yield from start_all(d)
    for _ in range(rng.randint(2, 6)):
        winners = [place for place in d.holders(market) if d.size(*place, market) * sign > 0]
        kind = rng.random()
        if kind < 0.5 and winners:
            holder = rng.choice(winners)
            others = [place for place in d.accounts() if place[0] != holder[0]]
            part = d.size(*holder, market) * rng.choice((10, 100, 100, 130)) // 100
            yield d.fill(holder, rng.choice(others), market, -part)
        elif kind < 0.7:
            yield from trades.leaving(d)
        elif kind < 0.8:
            yield d.gap(market, -sign * rng.choice((1_000, 20_000, jump)))
        elif kind < 0.9:
            yield from trades.trading(d)
        else:
            yield action("wait", seconds=rng.choice((1, seconds - 1, seconds)), refresh=1)
    if d.started():
        yield from taking(d)
        yield from clear_queue(d)


def start_all(d: Desk) -> Story:
    """An auction for everybody below maintenance margin."""
    for who, sub in d.below():
        yield action("start", sender=KEEPER, owner=who, sub=sub)


def clear_queue(d: Desk) -> Story:
    """Auctions run out; resolve until nobody is left who can be helped."""
    rng = d.rng
    chunk = rng.choice((1, 2, 3, 400, 400))
    if d.started():
        yield action("wait", seconds=AUCTION_S + 1, refresh=1)
        yield from start_all(d)
    for _ in range(12):
        if not d.started() and not d.m.world.resolving:
            return
        yield action("resolve", sender=KEEPER, max_buckets=chunk)
        if rng.random() < 0.06:
            yield action("wait", seconds=rng.choice((300, 700)), refresh=1)
        if rng.random() < 0.05:
            yield from trades.trading(d)


def cash_in(d: Desk, market: int) -> Story:
    """Winners hand their positions to others at mark: their profit is cash now."""
    for holder in d.holders(market)[:4]:
        size = d.size(*holder, market)
        others = [place for place in d.accounts() if place[0] != holder[0]]
        if size:
            yield d.fill(holder, d.rng.choice(others), market, -size)


def resolving(d: Desk) -> Story:
    """Work on the queue, in large or small portions."""
    yield action("resolve", sender=KEEPER, max_buckets=d.rng.choice((1, 2, 5, 400)))


def taking(d: Desk) -> Story:
    """A slice of somebody under liquidation, directly or by a signed order."""
    rng = d.rng
    started = d.started()
    if not started:
        return
    owner, sub = rng.choice(started)
    places = [market for market in MARKETS if d.size(owner, sub, market)]
    market = rng.choice(places or MARKETS)
    size = d.size(owner, sub, market)
    amount = abs(size) * rng.choice((3, 10, 30, 60, 100, 300)) // 100 + rng.randint(0, 1)
    taker = rng.choice([who for who in TRADING if who != owner] + [FIRST_RICH, FIRST_LIQUIDATOR])
    if rng.random() < 0.25:
        sign = 1 if size > 0 else -1
        amount = max(1, amount)
        limit = d.mark(market) * (PPM + sign * 20_000) // PPM
        flags = Flags.LIQUIDATION_ONLY
        order = d.order(taker, 0, market, sign * amount, limit, flags=flags)
        yield action(
            "take_with_order", sender=KEEPER, order=order, owner=owner, sub=sub, size=amount
        )
        return
    limit = MAX_LIMIT if size > 0 else 0
    if rng.random() < 0.1:
        limit = d.mark(market)
    yield action(
        "take",
        sender=taker,
        owner=owner,
        sub=sub,
        market=market,
        size=amount,
        limit=limit,
        into=taker,
        into_sub=0,
    )
