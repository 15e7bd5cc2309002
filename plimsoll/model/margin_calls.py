"""Margin calls: opened below the buffer, cured above it in time, or ended in default.

E is the account's own equity at mark, MM its maintenance margin, b the buffer. The clock of a call
stands still while a market of the account does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plimsoll.model import broker_registry, client_books, margin, prices, retest, sponsorship
from plimsoll.model.broker_state import Call, CallState, Sponsored
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import FINE, PPM, World, require

HYSTERESIS_PPM: Final = 50_000
RESUME_S: Final = 86_400


def call(world: World, _sender: str, account: int) -> None:
    """Call for margin: E < MM * (1 + b). Soon after a cure the old clock goes on."""
    record = _record(world, account)
    last = world.brokers.call(account)
    require(last.state is not CallState.CALLED, "call: already open")
    require(last.state is not CallState.DEFAULTED, "call: defaulted")
    require(world.now < record.expiry, "call: expired")
    require(not world.account(account).started, "account: under liquidation")
    health = margin.health(world, account)
    above = client_books.holds_buffer(world, "call: buffer", health, record.buffer_ppm)
    require(not above, "call: above buffer")
    left_s = record.cure_s
    if world.now < last.ended + RESUME_S:
        left_s = max(last.left_s, div_down(record.cure_s, 4))
    world.brokers.calls[account] = Call(CallState.CALLED, world.now, world.now + left_s, world.now)
    sponsorship.write_guarantee(world, account)


def cure(world: World, _sender: str, account: int) -> None:
    """End a call in time: E >= MM * (1 + b + 5 %)."""
    _open_call(world, account)
    require(not world.account(account).started, "account: under liquidation")
    count_stops(world, "", account)
    open_call, record = world.brokers.call(account), _record(world, account)
    require(world.now <= open_call.deadline, "call: deadline passed")
    health = margin.health(world, account)
    require(not client_books.is_blind(world, account, health), "call: clock stopped")
    require(_is_cured(world, health, record), "call: not cured")
    _cure(world, account, open_call.deadline - world.now)


def count_stops(world: World, _sender: str, account: int) -> None:
    """Move the deadline by what a market of the account stood still since the last count."""
    open_call = world.brokers.call(account)
    if open_call.state is not CallState.CALLED:
        return
    begun = max(open_call.called_at, open_call.counted_until)
    stopped = 0
    for market in _that_matter(world, account):
        since, until, _ = prices.clock_stop(world, market)
        if since < open_call.deadline:
            stopped = max(stopped, min(until, world.now) - max(since, begun))
    world.brokers.calls[account] = replace(
        open_call, deadline=open_call.deadline + stopped, counted_until=world.now
    )


def declare_default(world: World, _sender: str, account: int) -> None:
    """Past the deadline the guarantee shields no more, unless the call is met: that cures it."""
    _open_call(world, account)
    count_stops(world, "", account)
    require(world.now > world.brokers.call(account).deadline, "call: not due")
    _require_running(world, account)
    record = _record(world, account)
    if _is_cured(world, margin.health(world, account), record):
        _cure(world, account, 0)
    else:
        _default(world, account)


def start_early(world: World, sender: str, account: int) -> None:
    """The operator ends the shield before the deadline, below the part of MM that was agreed."""
    record = _record(world, account)
    operator = broker_registry.operator_of(world, record.broker)
    require(sender == operator, "access: not operator")
    _open_call(world, account)
    count_stops(world, "", account)
    _require_running(world, account)
    health = margin.health(world, account)
    lead = health.equity_fine * PPM - health.mm_wad * record.early_ppm * FINE
    above = world.decide("call: early start", lead, retest.CLOSE_FINE * PPM)
    require(not above, "call: above early start")
    _default(world, account)


def amount_wad(world: World, account: int) -> int:
    """What a deposit would have to bring now to cure an open call."""
    record = _record(world, account)
    health = margin.health(world, account)
    needed = health.mm_wad * (PPM + record.buffer_ppm + HYSTERESIS_PPM)
    return max(div_up(needed, PPM) - div_down(health.equity_fine, FINE), 0)


def _is_cured(world: World, health: margin.Health, record: Sponsored) -> bool:
    needed_ppm = record.buffer_ppm + HYSTERESIS_PPM
    return client_books.holds_buffer(world, "call: cured", health, needed_ppm)


def _cure(world: World, account: int, left_s: int) -> None:
    world.brokers.calls[account] = Call(left_s=left_s, ended=world.now)
    sponsorship.write_guarantee(world, account)


def _that_matter(world: World, account: int) -> list[int]:
    """Markets of an account that stop the clock of its call."""
    health = margin.health(world, account)
    markets = world.account(account).markets
    return [each for each in markets if client_books.matters(world, account, each, health)]


def _default(world: World, account: int) -> None:
    """Final for this record: nothing counts any more, the lock stays."""
    open_call, record = world.brokers.call(account), _record(world, account)
    world.brokers.calls[account] = replace(open_call, state=CallState.DEFAULTED)
    expiry = min(record.expiry, world.now)
    world.brokers.sponsored[account] = replace(record, expiry=expiry)
    sponsorship.write_guarantee(world, account)


def _record(world: World, account: int) -> Sponsored:
    record = world.brokers.sponsored.get(account)
    require(record is not None, "sponsor: no broker")
    assert record is not None
    return record


def _open_call(world: World, account: int) -> None:
    require(world.brokers.call(account).state is CallState.CALLED, "call: not open")


def _require_running(world: World, account: int) -> None:
    """No clock runs out while the client cannot act."""
    running = all(prices.is_open(world, market) for market in _that_matter(world, account))
    require(running, "call: clock stopped")
