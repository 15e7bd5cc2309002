"""Prices that stop for seconds or days, the grace after them, and markets that are wound down."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.stage import ATTACKER, KEEPER, OWNER
from plimsoll.fuzz.stories import losses, trades
from plimsoll.fuzz.stories.desk import AUCTION_S, DAY_S, Desk, Story

_DEEP_PPM: Final = (3_000, -8_000, -30_000, -60_000, -150_000)
_SPANS_S: Final = (20, 90, 400, 1_000, 1_900, 4_000, 30_000, DAY_S)
_GRACE_S: Final = 1_800
_WINDOW_S: Final = 3_600  # in which a settled market resolves
_DEAD_S: Final = 3 * DAY_S


def blackout(d: Desk) -> Story:
    """Some markets lose their price, mostly with an auction under way, and come back elsewhere."""
    rng = d.rng
    markets = rng.sample(d.live(), min(len(d.live()), rng.choice((1, 1, 1, 2, 3))))
    if not markets:
        return
    if rng.random() < 0.6:
        yield from _shaken(d, markets[0])
        if rng.random() < 0.5:
            yield action("wait", seconds=rng.choice((60, 900, 1_700)), refresh=1)
    for market in markets:
        yield from _stopped(d, market)
    yield from _meanwhile(d)
    yield action("wait", seconds=rng.choice(_SPANS_S), refresh=1)
    yield from _meanwhile(d)
    for market in markets:
        yield from _back(d, market)
    yield from aftermath(d)
    if rng.random() < 0.3:
        # it flickers: within the grace, or after it
        yield from _stopped(d, markets[0])
        yield action("wait", seconds=rng.choice((1, 30, 400, 2_500)), refresh=1)
        yield from _back(d, markets[0])
        yield from aftermath(d)


def sequencer_stop(d: Desk) -> Story:
    """The chain's sequencer stops: for all markets at once, seen by somebody or by nobody."""
    rng = d.rng
    live = d.live()
    if rng.random() < 0.5 and live:
        yield from _shaken(d, rng.choice(live))
    for market in live:
        if rng.random() < 0.8:
            yield action("poke", market=market)
    seconds = rng.choice((100, 299, 301, 1_000, 5_000, 30_000))
    if rng.random() < 0.5:
        # down, and somebody gets a transaction in
        yield action("sequencer", answer=1, since=d.m.world.now)
        yield from _meanwhile(d)
        yield action("wait", seconds=seconds, refresh=1)
        yield from _meanwhile(d)
        answer, ago = rng.choice(((0, 0), (0, 0), (0, 50), (2, 0)))
        yield action("sequencer", answer=answer, since=d.m.world.now - ago)
    else:
        # nobody can do anything until it is over
        yield action("silence", seconds=seconds)
        before_the_end = rng.choice((0, 10, 200, seconds - 100))
        since = d.m.world.now + seconds - before_the_end
        yield action("sequencer", answer=0, since=since)
    if rng.random() < 0.2:
        # a round in progress, one from the future
        odd = rng.choice((0, d.m.world.now + 1_000))
        yield action("sequencer", answer=0, since=odd)
        yield from _meanwhile(d)
    if d.m.world.sequencer is None or d.m.world.sequencer.answer or rng.random() < 0.2:
        yield action("sequencer", answer=0, since=d.m.world.now)
    for market in live:
        yield from _back(d, market)
    yield from aftermath(d)
    if not 0 < d.m.world.sequencer.started_at <= d.m.world.now:  # type: ignore[union-attr]
        yield action("sequencer", answer=0, since=d.m.world.now)


def aftermath(d: Desk) -> Story:
    """The grace: accounts are found bankrupt, nobody may act on it yet; then it is over."""
    rng = d.rng
    yield from losses.start_all(d)
    for _ in range(rng.randint(1, 5)):
        kind = rng.random()
        if kind < 0.35:
            yield from losses.taking(d)
        elif kind < 0.55 and d.started():
            yield from losses.resolving(d)
        elif kind < 0.7:
            yield from trades.leaving(d)
        elif kind < 0.85:
            yield from trades.trading(d)
        else:
            yield action("wait", seconds=rng.choice((5, 120, 600)), refresh=1)
    if rng.random() < 0.7:
        yield action("wait", seconds=_GRACE_S - rng.choice((0, 0, 60)), refresh=1)
        yield from losses.start_all(d)
        if rng.random() < 0.5:
            yield from losses.taking(d)
        yield from losses.clear_queue(d)


def winding_down(d: Desk) -> Story:
    """A market is settled; bankrupt accounts are resolved in the window, or only after it."""
    rng = d.rng
    live = d.live()
    if len(live) < 2:
        yield from blackout(d)
        return
    market = rng.choice(live)
    if rng.random() < 0.5:
        yield from _dead(d, market)
        sender = rng.choice((OWNER, KEEPER, ATTACKER))
    else:
        yield from _shaken(d, market, _DEEP_PPM)
        if rng.random() < 0.6:
            yield action("settle_market", sender=ATTACKER, market=market)
        sender = OWNER
    yield action("settle_market", sender=sender, market=market)
    waited = 0
    if rng.random() < 0.85:
        yield from losses.start_all(d)
        waited = rng.choice((0, AUCTION_S, AUCTION_S + 60, AUCTION_S + 60))
        yield action("wait", seconds=waited, refresh=1)
        yield from _meanwhile(d)
        if rng.random() < 0.7:
            yield from losses.clear_queue(d)
        else:
            # begun in the window, gone on with after it
            for _ in range(rng.randint(1, 4)):
                yield action("resolve", sender=KEEPER, max_buckets=1)
    for who, sub in d.holders(market)[:2]:
        yield action("sync", sender=KEEPER, owner=who, sub=sub, market=market)
    yield action("wait", seconds=max(1, _WINDOW_S - waited - rng.choice((0, 0, 30))), refresh=1)
    yield from converting(d, market)
    yield from losses.start_all(d)
    if d.started():
        yield action("wait", seconds=AUCTION_S, refresh=1)
        yield from losses.clear_queue(d)
    yield from converting(d, market)


def converting(d: Desk, market: int) -> Story:
    """Somebody turns everybody's positions in a settled market into cash."""
    for who, sub in d.holders(market):
        yield action("sync", sender=KEEPER, owner=who, sub=sub, market=market)


def _dead(d: Desk, market: int) -> Story:
    """No price for three days; who settles earlier is refused."""
    rng = d.rng
    if rng.random() < 0.7:
        yield from _shaken(d, market, _DEEP_PPM)
    yield from _stopped(d, market)
    yield action("poke", market=market)
    yield action("wait", seconds=_DEAD_S - rng.choice((0, 5, DAY_S)), refresh=1)
    if rng.random() < 0.6:
        yield action("settle_market", sender=KEEPER, market=market)
    if not d.m.world.markets[market].outage.settled_at:
        yield action("wait", seconds=rng.choice((1, DAY_S)), refresh=1)


def _shaken(d: Desk, market: int, depths_ppm: tuple[int, ...] = losses.DEPTHS_PPM) -> Story:
    """A gap that leaves somebody short of margin or bankrupt; auctions for them."""
    holders = d.holders(market)
    if holders:
        place = d.rng.choice(holders)
        if d.rng.random() < 0.6:
            place = d.weakest(market)
        yield d.to_depth(place, market, d.rng.choice(depths_ppm))
        yield from losses.start_all(d)


def _stopped(d: Desk, market: int) -> Story:
    """All feeds of a market but a minority stop, and mostly somebody sees it."""
    rng = d.rng
    feeds = len(d.m.stage.feeds[market])
    for number in range(feeds // 2 + 1 if rng.random() < 0.5 else feeds):
        yield action("stop_feed", market=market, number=number, updated_at=0)
    if rng.random() < 0.8:
        yield action("poke", market=market)


def _back(d: Desk, market: int) -> Story:
    """The price is back: where it was, a jump away, or where somebody is bankrupt."""
    rng = d.rng
    holders = d.holders(market)
    kind = rng.random()
    if kind < 0.5 and holders:
        yield d.to_depth(rng.choice(holders), market, rng.choice(losses.DEPTHS_PPM))
    else:
        yield d.gap(market, rng.choice((0, 0, 8_000, -8_000, 60_000, -60_000)))


def _meanwhile(d: Desk) -> Story:
    """What people try while nothing can be done."""
    rng = d.rng
    for _ in range(rng.randint(0, 3)):
        stories = (losses.taking, losses.resolving, losses.start_all, trades.trading, trades.paying)
        yield from rng.choice(stories)(d)
        if rng.random() < 0.2 and d.started():
            owner, sub = rng.choice(d.started())
            yield action("remark", sender=KEEPER, owner=owner, sub=sub)
