"""Margin calls and how they come out: cured, run out, cut short; and gaps that come before them."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import KEEPER, OPERATORS
from plimsoll.fuzz.stories import guarantees, losses, trades
from plimsoll.fuzz.stories.desk import SCALE, Desk, Place, Story
from plimsoll.model import margin, margin_calls
from plimsoll.model.broker_state import CallState
from plimsoll.model.state import PPM, WAD

CALL, CURE, COUNT, DEFAULT, EARLY = range(5)
HOUR_S: Final = 3_600
# what a gap leaves a client of its maintenance margin: below the buffer, with and without own money
_DEPTHS_PPM: Final = (1_040_000, 950_000, 800_000, 500_000, 200_000, -100_000, -600_000)


def calling(d: Desk) -> Story:
    """A client falls below its buffer; the call is cured, runs out, or is cut short."""
    rng = d.rng
    clients = callable_clients(d)
    if not clients:
        yield from guarantees.sponsoring(d)
        clients = callable_clients(d)
        if not clients:
            return
    place = rng.choice(clients)
    if guarantees.call_state(d, place) is CallState.NONE:
        yield from stressed(d, place)
        yield from calls(d)
        yield from losses.start_all(d)
        if guarantees.call_state(d, place) is CallState.NONE and rng.random() < 0.9:
            return
    end = rng.random()
    if end < 0.36:
        yield from curing(d, place)
    elif end < 0.62:
        yield from running_out(d, place)
    elif end < 0.88:
        yield from cutting(d, place)
    elif end < 0.95:
        yield from reducing(d, place)
    else:
        yield from rng.choice((trades.trading, losses.crash))(d)
    yield from losses.start_all(d)
    if rng.random() < 0.5 and d.started():
        yield from losses.taking(d)
        yield from losses.clear_queue(d)
    if rng.random() < 0.3:
        who, sub = place
        yield action("release", sender=KEEPER, owner=who, sub=sub)


def stressed(d: Desk, place: Place) -> Story:
    """A client takes what it may, and the mark goes against it."""
    account = d.m.account(*place)
    yield from guarantees.leveraged(d, place)
    markets = d.m.world.account(account).markets
    if markets:
        largest = max(markets, key=lambda market: abs(d.size(*place, market)) * d.mark(market))
        mm_wad = margin.health(d.m.world, account).mm_wad
        yield d.to_equity(place, largest, mm_wad * d.rng.choice(_DEPTHS_PPM) // PPM)


def callable_clients(d: Desk) -> list[Place]:
    """Whose call may be made, or has been, and who are not under liquidation."""
    found = []
    for place in guarantees.sponsored(d):
        record = guarantees.record_of(d, place)
        live = record is not None and d.m.world.now < record.expiry
        if live and not d.m.world.account(d.m.account(*place)).started:
            found.append(place)
    return found


def calls(d: Desk) -> Story:
    """Everybody below the buffer is called, and one who is not."""
    for place in guarantees.sponsored(d):
        account = d.m.account(*place)
        health = margin.health(d.m.world, account)
        record = guarantees.record_of(d, place)
        assert record is not None
        below = health.equity_fine * PPM < health.mm_wad * (PPM + record.buffer_ppm) * WAD
        if (below and guarantees.call_state(d, place) is CallState.NONE) or d.rng.random() < 0.05:
            yield step(d, place, CALL)
        if below and d.rng.random() < 0.4:
            yield action("measure", sender=KEEPER, owner=place[0], sub=place[1])


def step(d: Desk, place: Place, number: int) -> Action:
    """A step of somebody's margin call, by who may take it or by somebody else."""
    sender = KEEPER
    record = guarantees.record_of(d, place)
    if number == EARLY and record is not None and d.rng.random() < 0.9:
        sender = OPERATORS[guarantees.number_of(d, record.broker) % len(OPERATORS)]
    return action("margin_call", sender=sender, step=number, owner=place[0], sub=place[1])


def curing(d: Desk, place: Place) -> Story:
    """By a deposit of what is asked, or a token less, or by selling."""
    rng = d.rng
    who, sub = place
    account = d.m.account(*place)
    if guarantees.call_state(d, place) is CallState.CALLED:
        if rng.random() < 0.75:
            tokens = margin_calls.amount_wad(d.m.world, account) // SCALE
            tokens = max(tokens + rng.choice((-(10**6), 10**6, 10**6, 10**7)), 1)
            yield action("deposit", who=who, owner=who, sub=sub, tokens=tokens)
        else:
            yield from reducing(d, place)
    yield step(d, place, CURE)
    if rng.random() < 0.3:
        yield step(d, place, CALL)


def cutting(d: Desk, place: Place) -> Story:
    """The operator ends a call early, once the client is below what it has signed, or just not."""
    rng = d.rng
    account = d.m.account(*place)
    markets, record = d.m.world.account(account).markets, guarantees.record_of(d, place)
    if markets and record is not None:
        largest = max(markets, key=lambda market: abs(d.size(*place, market)) * d.mark(market))
        mm_wad = margin.health(d.m.world, account).mm_wad
        part_ppm = record.early_ppm + rng.choice((-400_000, -100_000, -100_000, 20_000))
        yield d.to_equity(place, largest, mm_wad * part_ppm // PPM)
    yield step(d, place, EARLY)


def reducing(d: Desk, place: Place) -> Story:
    """A client sells, at a fair price or a bad one, whether or not anything of it is its own."""
    rng = d.rng
    for market in d.m.world.account(d.m.account(*place)).markets:
        size = d.size(*place, market) * rng.choice((50, 80, 100)) // 100
        others = [other for other in d.accounts() if other[0] != place[0]]
        if size:
            yield d.fill(place, rng.choice(others), market, -size)


def running_out(d: Desk, place: Place) -> Story:
    """The deadline passes, sometimes with a feed that stands still on the way."""
    rng = d.rng
    markets = d.m.world.account(d.m.account(*place)).markets
    if markets and rng.random() < 0.2:
        yield action("stop_feed", market=rng.choice(markets), number=0, updated_at=0)
        yield action("wait", seconds=rng.choice((60, 900, HOUR_S)), refresh=0)
        yield step(d, place, rng.choice((COUNT, DEFAULT)))
        yield d.gap(rng.choice(markets), rng.randint(-2_000, 2_000))
    deadline = d.m.world.brokers.call(d.m.account(*place)).deadline
    wait_s = max(deadline - d.m.world.now, 0) + rng.choice((-3, 0, 1, 60, 60, 2_000))
    yield action("wait", seconds=max(wait_s, 1), refresh=1)
    yield step(d, place, rng.choice((DEFAULT, DEFAULT, DEFAULT, CURE)))
    if guarantees.call_state(d, place) is CallState.CALLED and rng.random() < 0.8:
        yield action("wait", seconds=2_400, refresh=1)
        yield step(d, place, DEFAULT)


def client_crash(d: Desk) -> Story:
    """A gap that leaves a client with debts: its broker pays first."""
    rng = d.rng
    clients = [
        place for place in guarantees.sponsored(d) if d.m.world.account(d.m.account(*place)).markets
    ]
    if not clients:
        yield from guarantees.sponsoring(d)
        return
    place = rng.choice(clients)
    market = rng.choice(d.m.world.account(d.m.account(*place)).markets)
    yield d.to_depth(place, market, rng.choice((-5_000, -20_000, -50_000, -120_000, -250_000)))
    yield from losses.start_all(d)
    if rng.random() < 0.4:
        yield from losses.taking(d)
    yield from losses.clear_queue(d)
