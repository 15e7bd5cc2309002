"""Guarantees: what counts and when, what no client can spend, margin calls, fees."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.broker_states import ClientState
from plimsoll.fuzz.invariants.auctions import may_open
from plimsoll.fuzz.invariants.broker_events import (
    ClockStopped,
    FeePaid,
    MarginCalled,
    MarginCured,
    MarginDefaulted,
)
from plimsoll.fuzz.invariants.events import Matched, Taken
from plimsoll.fuzz.invariants.step import (
    SIZE,
    Step,
    guarantee_before,
    health_before,
    record_before,
    value_bound,
)
from plimsoll.model.consents import Consent
from plimsoll.model.state import FINE, PPM, SIZE_BOUND_WAD

_SCALE: Final = 10**12  # wad per token unit
_YEAR_S: Final = 365 * 86_400
_BEFORE_EXPIRY_S: Final = 7_200
_HYSTERESIS_PPM: Final = 50_000
_MATTERS: Final = 10  # a leg with a smaller part of the margin stops no clock
_AGREEING: Final = ("sponsorship_sponsor", "sponsorship_port")


class Guarantees:
    """Remembers the deadlines of open margin calls."""

    def __init__(self) -> None:
        self.deadlines: dict[int, int] = {}

    def judge(self, step: Step) -> str | None:
        """I-63 to I-65 and I-67."""
        return counts(step) or fills(step) or fees(step) or self._calls(step)

    def _calls(self, step: Step) -> str | None:
        """I-67: calls are made below the buffer, cured above it, in default when time is over."""
        problem = None
        for event in step.events:
            if isinstance(event, ClockStopped):
                moved = event.deadline - self.deadlines.get(event.account, event.deadline)
                if moved not in (0, event.seconds):
                    problem = f"I-67 call: a stop of {event.seconds} moved it by {moved}"
                self.deadlines[event.account] = event.deadline
            elif isinstance(event, MarginCalled):
                problem = _called(step, event)
                self.deadlines[event.account] = event.deadline
            elif isinstance(event, MarginCured):
                problem = self._cured(step, event)
            elif isinstance(event, MarginDefaulted):
                problem = self._defaulted(step, event)
            if problem is not None:
                return problem
        return None

    def _cured(self, step: Step, event: MarginCured) -> str | None:
        now, record = step.seen.accounts[event.account], record_before(step, event.account)
        deadline = self.deadlines.pop(event.account, step.world.now)
        # whoever declares a default of a call that is met ends it so
        if step.world.now > deadline and step.name != "sponsorship_declare_default":
            return f"I-67 call: cured after its deadline {deadline}"
        if record is None:
            return f"I-67 call: {event.account:#x} had none"
        if now.equity * PPM < now.mm * (PPM + record.buffer_ppm + _HYSTERESIS_PPM):
            return f"I-67 call: cured with {now.equity} of {now.mm}"
        return None

    def _defaulted(self, step: Step, event: MarginDefaulted) -> str | None:
        account = event.account
        now, record = step.seen.accounts[account], record_before(step, account)
        deadline = self.deadlines.pop(account, 0)
        markets = [
            market
            for (owner, market), leg in step.seen.legs.items()
            if owner == account and now.mm and leg.mm * _MATTERS >= now.mm
        ]
        if not all(step.seen.markets[market].open for market in markets):
            return "I-67 call: defaulted while a market stood still"
        if record is None:
            return f"I-67 call: {account:#x} had none"
        if event.early and now.equity * PPM >= now.mm * record.early_ppm:
            return f"I-67 call: cut short with {now.equity} of {now.mm}"
        if not event.early and step.world.now <= deadline:
            return f"I-67 call: defaulted before its deadline {deadline}"
        met = record.buffer_ppm + _HYSTERESIS_PPM
        if not event.early and now.equity * PPM >= now.mm * (PPM + met):
            return f"I-67 call: defaulted with {now.equity} of {now.mm}"
        return None


# --- rules of one transaction ---------------------------------------------------------------------


def counts(step: Step) -> str | None:
    """I-65: a guarantee counts in its time only, one to one with its lock, and never as equity."""
    for client in step.seen.brokers.clients.values():
        opening, shield = _worth(step, client)
        name = f"{client.account:#x}"
        if (client.opening, client.shield) != (opening, shield):
            shown = client.opening, client.shield
            return f"I-65 guarantee: {name} shows {shown}, it is worth {(opening, shield)}"
        account = step.seen.accounts.get(client.account)
        if account is not None and account.shield != shield:
            return f"I-65 guarantee: health of {name} says {account.shield}, not {shield}"
    return None


def fills(step: Step) -> str | None:
    """I-63: no fill takes a client's own equity below zero, or further below.

    And none opens what own equity with the guarantee does not carry.
    """
    for event in step.events:
        if not isinstance(event, Matched | Taken):
            continue
        parties = (event.maker, event.taker) if isinstance(event, Matched) else (event.taker,)
        for account in parties:
            if guarantee_before(step, account) is None:
                continue
            now, before = step.seen.accounts[account], health_before(step, account)
            if now.equity < min(before.equity, 0) - value_bound(step):
                return f"I-63 fill: left {now.equity} of {before.equity} to {account:#x}"
            alone = step.name == "settle_one" and _is_grown(step, account, event.market)
            large = step.seen.markets[event.market].share_percent
            if alone and not large and not may_open(step, now):
                return f"I-63 fill: opened with {now.equity_im} of {now.im} by {account:#x}"
    return None


def fees(step: Step) -> str | None:
    """I-64: only the owner of an account pays for its guarantee, once, what both have signed."""
    paid = [event for event in step.events if isinstance(event, FeePaid)]
    if not paid:
        return None
    if step.name not in _AGREEING or len(paid) != 1:
        return f"I-64 fee: {paid} by {step.name}"
    consent: Consent = step.args[0]
    terms = consent.terms
    seconds = terms.expiry - step.world.now
    most = -(-terms.guarantee * terms.fee_ppm * seconds // (PPM * _YEAR_S))
    if paid[0].payer != terms.account >> 96 or paid[0].tokens > most:
        return f"I-64 fee: {paid[0].tokens} from {paid[0].payer:#x}, agreed were {most}"
    return None


def _called(step: Step, event: MarginCalled) -> str | None:
    now, record = step.seen.accounts[event.account], record_before(step, event.account)
    if record is None:
        return f"I-67 call: {event.account:#x} has no broker"
    if now.equity * PPM >= now.mm * (PPM + record.buffer_ppm):
        return f"I-67 call: made with {now.equity} of {now.mm}"
    left = event.deadline - step.world.now
    if not record.cure_s // 4 <= left <= record.cure_s:
        return f"I-67 call: {left} of {record.cure_s} seconds"
    needed = -(-now.mm * (PPM + record.buffer_ppm + _HYSTERESIS_PPM) // PPM)
    if event.amount != max(needed - now.equity, 0):
        return f"I-67 call: {event.amount} asked for, {needed} needed, {now.equity} there"
    return None


def _worth(step: Step, client: ClientState) -> tuple[int, int]:
    """What a guarantee counts for opening and for maintenance, by its record."""
    if not client.broker:
        return 0, 0
    now, amount = step.world.now, client.lock * _SCALE
    shield = amount if now < client.expiry else 0
    opens_until = client.expiry - client.cure_s - _BEFORE_EXPIRY_S
    opening = amount if client.call_state == 0 and now < opens_until else 0
    return opening, shield


def _is_grown(step: Step, account: int, market: int) -> bool:
    """Whether a position is larger than when the call came, or on the other side."""
    old = step.before.positions.get((account, market))
    seen = step.seen.legs.get((account, market))
    before, now = (old[SIZE] // FINE if old else 0), (seen.size if seen else 0)
    if abs(now) <= SIZE_BOUND_WAD:
        return False
    return before * now < 0 or abs(now) > abs(before) + SIZE_BOUND_WAD
