"""Jumps, holds, stress: who may not leave with a gain, and for how long; how fast margins rise.

The moves of a mark are followed here with 27 decimals, the contract keeps nine: near a limit
either may be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.fuzz.invariants.deleveraging import shares_of
from plimsoll.fuzz.invariants.events import Matched, PositionChanged, Reserved, Withdrawn
from plimsoll.fuzz.invariants.step import (
    ENTRY,
    MARK,
    SIZE,
    SIZE_FINE,
    Step,
    value_bound,
)
from plimsoll.fuzz.probe import MarketState
from plimsoll.model.risk import RiskTerms
from plimsoll.model.state import FINE, RAY, WAD

_NEWS_SECONDS: Final = 900
_CLOSE_RAY: Final = 10**21  # of a move to the jump: a millionth
_RISE_PPB: Final = 10**8  # of the factor on maintenance margin in an hour
_HOUR: Final = 3_600
_HOLD_MAX_S: Final = 600
_ENTRY_PARTS: Final = 2**30  # an entry has 33 bits, and one may be a step off
_SHARES: Final = 50_000
_HELD_PARTS: Final = 10_000  # of open interest: what a loss must exceed to hold it
_NO_FILLS: Final = ("start", "remark", "touch", "deposit")  # that change no size


@dataclass(slots=True)
class _Memory:
    """What is remembered of a market from step to step."""

    news_ray: int = 0  # of the mark against its reference, when it changed last
    changed_at: int = 0
    hold_until: int = 0  # as the chain has shown it
    longs_held: bool = False
    shorts_held: bool = False
    s_mm_ppb: int = 0
    seen_at: int = 0


class Holds:
    """Follows the marks of a venue."""

    def __init__(self) -> None:
        self.markets: dict[int, _Memory] = {}

    def judge(self, step: Step) -> str | None:
        """I-38 to I-43."""
        uncovered = any(
            isinstance(event, Reserved) and event.reserved < event.deficit for event in step.events
        )
        for market, state in step.world.markets.items():
            if state.risk_terms is not None:
                memory = self.markets.setdefault(market, _Memory())
                problem = _market(step, market, state.risk_terms, memory, uncovered)
                if problem is not None:
                    return problem
        problem = _new_losses(step) if uncovered and step.name in _NO_FILLS else None
        return problem or gains(step)


def _market(
    step: Step, market: int, terms: RiskTerms, memory: _Memory, uncovered: bool
) -> str | None:
    seen = step.seen.markets[market]
    if seen.s_mm_ppb > seen.s_im_ppm * 1_000:
        return f"I-41 stress: {seen.s_mm_ppb} on maintenance, {seen.s_im_ppm} on initial margin"
    now = step.world.now
    # from the end of a grace, if that is later, and what was held before stays so
    latest = max(max(now, seen.stopped_until) + _HOLD_MAX_S, memory.hold_until)
    if seen.hold_until and not now < seen.hold_until <= latest:
        return f"I-42 hold: shown until {seen.hold_until}, it is {now}"
    if bool(seen.hold_until) != bool(seen.longs_held or seen.shorts_held):
        return f"I-42 hold: until {seen.hold_until}, of {seen.longs_held} and {seen.shorts_held}"
    favoured = _jump(step, market, terms, memory)
    if favoured is not None:
        held = seen.longs_held if favoured else seen.shorts_held
        if not held or seen.hold_until < _held_until(seen, terms, now):
            side = "longs" if favoured else "shorts"
            return f"I-38 jump: {side} of market {market} are held until {seen.hold_until} only"
    if seen.mark != step.world.markets[market].mark_wad:
        return None  # what the next poke would store, and perhaps never does
    problem = _stays(seen, memory, now, free=favoured is not None or uncovered)
    memory.hold_until, memory.seen_at = seen.hold_until, now
    memory.longs_held, memory.shorts_held = bool(seen.longs_held), bool(seen.shorts_held)
    memory.s_mm_ppb = seen.s_mm_ppb
    return problem


def _jump(step: Step, market: int, terms: RiskTerms, memory: _Memory) -> bool | None:
    """The side (longs?) that a jump in this step favours; follows the reference."""
    old, mark = step.before.markets[market][0][MARK], step.world.markets[market].mark_wad
    if old == mark:
        return None
    now = step.world.now
    left = memory.news_ray * _NEWS_SECONDS // (_NEWS_SECONDS + now - memory.changed_at)
    move = (RAY + left) * mark // old - RAY
    memory.changed_at = now
    beyond = abs(move) - terms.jump_ppm * RAY // 10**6
    seen = step.seen.markets[market]
    held = seen.longs_held if move > 0 else seen.shorts_held
    if abs(beyond) <= _CLOSE_RAY:
        # the chain has decided
        beyond = 1 if held and seen.hold_until == _held_until(seen, terms, now) else 0
    memory.news_ray = 0 if beyond > 0 else move
    return move > 0 if beyond > 0 else None


def _held_until(seen: MarketState, terms: RiskTerms, now: int) -> int:
    """Least end of a hold that begins now: its time begins when the grace is over."""
    grace_until = seen.stopped_until if seen.priced and not seen.open else 0
    return max(now, grace_until) + terms.hold_seconds


def _stays(seen: MarketState, memory: _Memory, now: int, free: bool) -> str | None:
    """Without a reason no hold begins or grows; maintenance margin rises slowly."""
    rise = memory.s_mm_ppb + (now - memory.seen_at) * _RISE_PPB // _HOUR + 1
    if memory.seen_at and seen.s_mm_ppb > rise:
        return f"I-41 stress: {seen.s_mm_ppb} on maintenance margin, at most {rise} by now"
    if free:
        return None
    over = memory.hold_until <= now
    if seen.hold_until != (0 if over else memory.hold_until):
        return f"I-42 hold: until {seen.hold_until}, it was {memory.hold_until}"
    wanted = (memory.longs_held and not over, memory.shorts_held and not over)
    if (bool(seen.longs_held), bool(seen.shorts_held)) != wanted:
        return f"I-42 hold: of {seen.longs_held} and {seen.shorts_held}, without a reason"
    return None


def _new_losses(step: Step) -> str | None:
    """A loss that does not fit holds the winners of its markets, up to a hundredth of the limit.

    Not if it is urgent already. If nobody can resolve it now, only in markets that are not open.
    """
    world = step.world
    reserved = {e.account: e for e in step.events if isinstance(e, Reserved)}
    for account, event in reserved.items():
        urgent = account in world.urgent_lane
        if event.reserved == event.deficit or (urgent and account in step.before.lists[1]):
            continue
        for market, share in shares_of(world.auctions[account].weights).items():
            state, seen = world.markets[market], step.seen.markets[market]
            if seen.open and not urgent:
                continue
            size = world.positions[account, market].size_fine
            sizes = [
                abs(leg.size_fine)
                for (_, where), leg in world.positions.items()
                if where == market and leg.size_fine and (leg.size_fine > 0) != (size > 0)
            ]
            part = (event.deficit - event.reserved) * share // _SHARES
            least = sum(sizes) // FINE * seen.mark // WAD * 101 // (100 * _HELD_PARTS)
            held = seen.shorts_held if size > 0 else seen.longs_held
            final = state.risk_terms is None or state.outage.settled_at
            if not final and size and part > least and not held:
                return f"I-38 loss: {part} of market {market} is not covered, nobody is held"
    return None


# --- gains ------------------------------------------------------------------------------------


def gains(step: Step) -> str | None:
    """I-39, I-40 and I-43: what a transaction does with gains, whatever was before it."""
    return _fills(step) or _withdrawals(step)


def _fills(step: Step) -> str | None:
    """A fill takes no gain out of a held side, and enters what it adds no better than at mark."""
    matches = [event for event in step.events if isinstance(event, Matched)]
    sides = [(m.market, account) for m in matches for account in (m.maker, m.taker)]
    for market, account in sides:
        if sides.count((market, account)) == 1:
            problem = _reduction(step, market, account) or _entry(step, market, account)
            if problem is not None:
                return problem
    return None


def _reduction(step: Step, market: int, account: int) -> str | None:
    """Whoever reduces on a held side does it without a gain, under liquidation or not."""
    leg = step.before.positions.get((account, market))
    owner = step.before.accounts.get(account)
    if leg is None or owner is None or abs(leg[SIZE]) <= SIZE_FINE:
        return None
    after = step.world.positions[account, market].size_fine
    long, seen = leg[SIZE] > 0, step.seen.markets[market]
    grows = (after > 0) == long and abs(after) >= abs(leg[SIZE])
    if grows or not (seen.longs_held if long else seen.shorts_held):
        return None
    entry = leg[ENTRY] // FINE
    gain = seen.mark - entry if long else entry - seen.mark
    if gain > entry // _ENTRY_PARTS:
        return f"I-39 held profit: {account:#x} left market {market} at {seen.mark} for {entry}"
    return None


def _entry(step: Step, market: int, account: int) -> str | None:
    """Who was flat has no entry that makes less of a gain than the mark does."""
    leg = step.before.positions.get((account, market))
    if leg is not None and leg[SIZE]:
        return None
    mark = step.seen.markets[market].mark
    slack = mark // _ENTRY_PARTS
    for event in step.events:
        if isinstance(event, PositionChanged) and (event.account, event.market) == (
            account,
            market,
        ):
            worse = event.entry - mark if event.size > 0 else mark - event.entry
            if event.size and worse > slack:
                return f"I-43 entry: {event.entry} for {event.size}, the mark is {mark}"
    return None


def _withdrawals(step: Step) -> str | None:
    """Nobody withdraws past a loss that waits for `resolve`, or the gain of a held side."""
    world = step.world
    for event in step.events:
        if not isinstance(event, Withdrawn):
            continue
        if any(world.urgent_lane) or step.seen.books.resolving:
            return f"I-40 withdrawal: {event.account:#x} went before a loss that nobody covers"
        account = step.seen.accounts[event.account]
        worth, slack = account.cash, 2 * value_bound(step)
        for market in world.accounts[event.account].markets:
            leg, seen = world.positions[event.account, market], step.seen.markets[market]
            price, entry = seen.mark, leg.entry_fine // FINE
            if leg.size_fine > 0:
                price = min(price, entry) if seen.longs_held else price
            elif seen.shorts_held:
                price = max(price, entry)
            worth += leg.size_fine * price // (WAD * FINE)
            slack += abs(leg.size_fine) * entry // (WAD * FINE * _ENTRY_PARTS)
        if account.equity_im > worth + slack:
            shown = account.equity_im
            return f"I-39 held profit: {event.account:#x} withdrew on {shown}, it has {worth}"
    return None
