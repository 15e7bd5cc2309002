"""Outages, graces, auction clocks that stop, and markets that are wound down.

What a market has been through is followed here from its events; the times of pokes and the
sequencer's round are taken from the two states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    BucketHaircut,
    BucketRematched,
    Finished,
    LegFrozen,
    MarketSettled,
    Matched,
    OutageBegan,
    OutageEnded,
    PositionSettled,
    Rematched,
    Taken,
)
from plimsoll.fuzz.invariants.step import (
    SIZE,
    TIME,
    Step,
    equity_at_seen,
    value_bound,
)
from plimsoll.model.state import FINE, PPM, SIZE_BOUND_WAD, WAD, Auction

_GRACE_MAX_S: Final = 1_800
_BUDGET_S: Final = 3_600
_DAY_S: Final = 86_400
_GAP_S: Final = 300
_DEAD_S: Final = 3 * _DAY_S
_WINDOW_S: Final = 3_600
_DUST_WAD: Final = 64 * SIZE_BOUND_WAD
_AUCTIONS, _URGENT = 0, 1  # places among the dicts and lists of a snapshot


@dataclass(slots=True)
class _Memory:
    """What a market has been through."""

    dead: bool = False  # has no price
    lost_at: int = 0  # when a poke found so
    began: int = 0  # of the time in which clocks stood still
    until: int = 0  # its end, unless it is dead
    graces: list[tuple[int, int]] = field(default_factory=list)  # of the running day
    settled_at: int = 0
    mark: int = 0  # final
    funding_index: int = 0  # final
    converted: int = 0  # longs less shorts that became cash, wad

    def still(self, started: int, now: int) -> int:
        """Seconds in which the clock of an auction stood still."""
        until = now if self.dead else min(self.until, now)
        return max(until - max(self.began, started), 0) if self.began else 0

    def is_open(self, now: int) -> bool:
        """Whether accounts may be resolved there."""
        if self.settled_at:
            return now < self.settled_at + _WINDOW_S
        return not self.dead and now >= self.until


class Outages:
    """Follows the outages of a venue."""

    def __init__(self) -> None:
        self.markets: dict[int, _Memory] = {}

    def judge(self, step: Step) -> str | None:
        """I-44 to I-49."""
        for event in step.events:
            problem = None
            if isinstance(event, OutageBegan):
                self._began(step, event.market)
            elif isinstance(event, OutageEnded):
                problem = self._ended(step, event)
            elif isinstance(event, MarketSettled):
                problem = self._settled(step, event)
            elif isinstance(event, PositionSettled):
                problem = self._converted(step, event)
            if problem is not None:
                return problem
        if step.reason == "market: alive":
            memory = self._of(step.args[0])
            if memory.dead and step.world.now - memory.lost_at >= _DEAD_S:
                return f"I-47 settlement: refused, no price since {memory.lost_at}"
        if step.reason is not None:
            return None
        return self._acts(step) or self._clocks(step) or self._shown(step) or _equities(step)

    def _of(self, market: int) -> _Memory:
        return self.markets.setdefault(market, _Memory())

    # --- what events say ------------------------------------------------------------------------

    def _began(self, step: Step, market: int) -> None:
        memory, now = self._of(market), step.world.now
        memory.dead, memory.lost_at = True, now
        _stop(memory, _silent_since(step, market) or now)

    def _ended(self, step: Step, event: OutageEnded) -> str | None:
        """I-45: how long an outage was, and how much grace it gives."""
        memory = self._of(event.market)
        resumed = step.world.now
        if not memory.dead:
            since = _silent_since(step, event.market)
            if not since:
                return f"I-45 outage: market {event.market} had a price all the time"
            _stop(memory, since)
            assert step.world.sequencer is not None
            resumed = step.world.sequencer.started_at
        memory.dead = False
        if event.seconds != resumed - memory.began:
            return f"I-45 outage: {event}, it was from {memory.began} to {resumed}"
        if memory.graces and resumed >= memory.graces[0][0] + _DAY_S:
            memory.graces = []
        left = _BUDGET_S - sum(end - start for start, end in memory.graces)
        grace = event.grace_until - resumed
        if grace != min(event.seconds, _GRACE_MAX_S, left):
            return f"I-45 grace: {grace} s after {event.seconds} s, {left} s were left of the day"
        memory.graces.append((resumed, event.grace_until))
        memory.until = event.grace_until
        return None

    def _settled(self, step: Step, event: MarketSettled) -> str | None:
        memory, now = self._of(event.market), step.world.now
        if memory.settled_at:
            return f"I-47 settlement: market {event.market} a second time"
        seen = step.seen.markets[event.market]
        memory.until = now if memory.dead else min(memory.until, now)
        memory.dead, memory.settled_at = False, now
        memory.mark, memory.funding_index = seen.mark, seen.funding_index
        if (event.price, event.converts_at) != (seen.mark, now + _WINDOW_S):
            return f"I-47 settlement: {event} at {now}, the mark is {seen.mark}"
        return None

    def _converted(self, step: Step, event: PositionSettled) -> str | None:
        memory, now = self._of(event.market), step.world.now
        memory.converted += event.size
        early = now < memory.settled_at + _WINDOW_S and step.name != "resolve"
        if not memory.settled_at or early:
            return f"I-47 conversion: {event} before its time"
        if event.price != memory.mark:
            return f"I-47 conversion: {event}, the final mark is {memory.mark}"
        held = step.before.positions[event.account, event.market][SIZE]
        if abs(event.size * FINE - held) > 2 * SIZE_BOUND_WAD * FINE:
            return f"I-47 conversion: {event}, the account held {held} fine"
        return None

    # --- what may be done -----------------------------------------------------------------------

    def _acts(self, step: Step) -> str | None:
        """I-44 and I-49: where nothing may be taken, re-matched, frozen or traded."""
        now = step.world.now
        for event in step.events:
            if isinstance(event, Taken | Rematched | LegFrozen):
                memory = self._of(event.market)
                what = type(event).__name__
                final = memory.settled_at and not isinstance(event, LegFrozen)
                if final or not memory.is_open(now):
                    return f"I-44 {what}: market {event.market} is not open at {now}"
            elif isinstance(event, Matched) and self._of(event.market).settled_at:
                return f"I-49 trade: market {event.market} is settled"
        return None

    def _clocks(self, step: Step) -> str | None:
        """I-46: what a taker gets, and who is resolved, by clocks that stood still in outages."""
        frozen: dict[int, list[int]] = {}
        for event in step.events:
            if isinstance(event, LegFrozen):
                frozen.setdefault(event.account, []).append(event.market)
            elif isinstance(event, Rematched) and not self._run_out(
                step, event.account, event.market
            ):
                return f"I-46 clock: {event} before its auction has run out"
            elif isinstance(event, Taken):
                problem = self._offer(step, event)
                if problem is not None:
                    return problem
        for event in step.events:
            if not isinstance(event, AdlFrozen) or event.account in step.before.lists[_URGENT]:
                continue
            begins = step.before.job is None
            legs = frozen.get(event.account, [])
            if begins and not any(self._run_out(step, event.account, leg) for leg in legs):
                return f"I-46 clock: {event.account:#x} is frozen before an auction has run out"
        return None

    def _run_out(self, step: Step, account: int, market: int) -> bool:
        auction: Auction = step.before.dicts[_AUCTIONS][account]
        ran, fresh = self._ran(step, auction, market)
        duration = step.world.params.duration
        return ran >= duration and fresh >= duration // 4

    def _ran(self, step: Step, auction: Auction, market: int) -> tuple[int, int]:
        """What the clock of a leg shows, and how much of it has passed since the start."""
        now = step.world.now
        fresh = now - auction.started - self._of(market).still(auction.started, now)
        return auction.offset + fresh, fresh

    def _offer(self, step: Step, event: Taken) -> str | None:
        params = step.world.params
        ran, _ = self._ran(step, step.before.dicts[_AUCTIONS][event.account], event.market)
        rise = params.concession_max_ppm - params.concession_min_ppm
        ppm = params.concession_min_ppm + rise * min(ran, params.duration) // params.duration
        size = abs(event.size)
        worsening = abs(event.mark - event.account_price) * size // WAD
        offered = size * event.mark // WAD * ppm // PPM
        got = worsening + event.insurance_concession
        if got > offered + 2:
            return f"I-46 clock: {got} for {event.account:#x}, c is {ppm} ppm after {ran} s"
        return None

    # --- what the chain shows -------------------------------------------------------------------

    def _shown(self, step: Step) -> str | None:
        """I-46 and I-47: the clocks of poked markets; final marks, funding, and sizes."""
        now = step.world.now
        for market, state in step.world.markets.items():
            seen, memory = step.seen.markets[market], self._of(market)
            if memory.settled_at:
                if (seen.mark, seen.funding_index) != (memory.mark, memory.funding_index):
                    return f"I-47 final mark: {memory.mark} of market {market} became {seen.mark}"
                left = seen.long_interest - seen.short_interest + memory.converted
                if abs(left) > _DUST_WAD:
                    return f"I-47 conversion: {left} wei of market {market} from nowhere"
            elif state.block != step.world.block:
                continue  # the chain shows what the next poke would store
            until = now if memory.dead else memory.until
            shown = (seen.stopped_from, seen.stopped_until, bool(seen.open))
            if shown != (memory.began, until, memory.is_open(now)):
                return f"I-46 clock: market {market} shows {shown}, {memory} at {now}"
        return None


def _stop(memory: _Memory, at: int) -> None:
    """Clocks stand still from then on; in a grace they did already, and its rest is given back."""
    if memory.until > at:
        start, _ = memory.graces[-1]
        memory.graces[-1] = (start, at)
    else:
        memory.began = at
    memory.until = 0


def _silent_since(step: Step, market: int) -> int:
    """When the market was poked last, if the sequencer has been down since; else 0."""
    sequencer = step.world.sequencer
    last = step.before.markets[market][0][TIME]
    if sequencer is None or step.world.now - last < _GAP_S:
        return 0
    up = sequencer.answer == 0 and 0 < sequencer.started_at <= step.world.now
    return 0 if up and sequencer.started_at <= last else last


def _equities(step: Step) -> str | None:
    """I-48: winding down makes nobody richer or poorer."""
    if not any(isinstance(event, MarketSettled | PositionSettled) for event in step.events):
        return None
    if any(isinstance(event, BucketRematched | BucketHaircut | Finished) for event in step.events):
        return None
    bound = value_bound(step)
    # a call that ends a haircut credits the account it resolves, and may go on to its settled legs
    resolved = {
        event.account
        for event in step.events
        if isinstance(event, PositionSettled) and step.name == "resolve"
    }
    for account, seen in step.seen.accounts.items():
        before = equity_at_seen(step, account)
        more = seen.equity - before
        if more < -bound or (more > bound and account not in resolved):
            return f"I-48 equity: {account:#x} had {before} and has {seen.equity}"
    return None
