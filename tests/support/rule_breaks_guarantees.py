"""How the rules about guarantees, fees and margin calls are broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plimsoll.fuzz.invariants.broker_events import (
    FeePaid,
    MarginCalled,
    MarginCured,
    MarginDefaulted,
)
from plimsoll.fuzz.invariants.events import Matched
from plimsoll.fuzz.invariants.step import Step, guarantee_before
from plimsoll.model.state import PPM, WAD
from tests.support.rule_breaks_brokers import MUCH, any_client, client
from tests.support.rule_trial import (
    Break,
    Broken,
    Trial,
    Undo,
    event,
    first,
    plus,
    set_for_now,
    shows,
)

# --- guarantees -------------------------------------------------------------------------------


def equity_below_zero(_: Trial, step: Step, undo: Undo) -> Broken:
    """A fill leaves a client less than nothing of its own."""
    fill = first(step, Matched)
    for account in (fill.maker, fill.taker) if fill is not None else ():
        if guarantee_before(step, account) is not None:
            worse = min(step.seen.accounts[account].equity, 0) - 10**9 * WAD
            return shows(step, account, undo, equity=worse)
    return None


def opened_without_own_money(trial: Trial, step: Step, undo: Undo) -> Broken:
    """A fill that grew a client's position leaves it only what is guaranteed."""
    fill = first(step, Matched)
    if fill is None or step.name != "settle_one":
        return None
    if step.seen.markets[fill.market].share_percent:
        return None
    for account, change in ((fill.maker, -fill.size), (fill.taker, fill.size)):
        if guarantee_before(step, account) is None:
            continue
        old = step.before.positions.get((account, fill.market))
        size = old[0] if old else 0
        if size * change < 0:
            continue
        now = step.seen.accounts[account]
        if now.mm:
            return shows(step, account, undo, equity_im=now.mm, im=now.mm * 2)
    return None


def shield_is_equity(_: Trial, step: Step, undo: Undo) -> Broken:
    """A guarantee counts after its time."""
    for account, seen in step.seen.accounts.items():
        if account in step.seen.brokers.clients:
            return shows(step, account, undo, shield=seen.shield + 1)
    return None


def fee_of_somebody_else(_: Trial, step: Step, __: Undo) -> Broken:
    return event(FeePaid, **plus("payer", 1))(None, step, None)


# --- margin calls -----------------------------------------------------------------------------


def health_at(kind: type, of: Callable[[Step, Any], int]) -> Callable[..., Broken]:
    """The account of an event has another equity: a function of step and event."""

    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        found = first(step, kind)
        if found is None or not step.seen.accounts[found.account].mm:
            return None
        return shows(step, found.account, undo, equity=of(step, found))

    return change


def buffered(step: Step, found: Any, more_ppm: int = 0) -> int:
    record = step.world.brokers.sponsored[found.account]
    mm = step.seen.accounts[found.account].mm
    return -(-mm * (PPM + record.buffer_ppm + more_ppm) // PPM)


def deadline_ahead(kind: type, early: bool = False) -> Callable[..., Broken]:
    """As if the time had another length."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        found = first(step, kind)
        if found is None or found.account not in trial._guarantees.deadlines:
            return None
        if isinstance(found, MarginDefaulted) and (found.early or early):
            return None
        if isinstance(found, MarginCured) and step.name == "sponsorship_declare_default":
            return None
        moved = step.world.now + (-1 if kind is MarginCured else 1)
        set_for_now(trial._guarantees.deadlines, found.account, moved, undo)
        return step

    return change


def defaulted_while_closed(_: Trial, step: Step, undo: Undo) -> Broken:
    found = first(step, MarginDefaulted)
    if found is None:
        return None
    mm = step.seen.accounts[found.account].mm
    for (owner, market), leg in step.seen.legs.items():
        if owner == found.account and leg.mm and leg.mm * 10 >= mm:
            seen = step.seen.markets[market]
            set_for_now(step.seen.markets, market, seen._replace(open=0), undo)
            return step
    return None


def early_with_margin(_: Trial, step: Step, undo: Undo) -> Broken:
    found = first(step, MarginDefaulted)
    if found is None or not found.early:
        return None
    mm = step.seen.accounts[found.account].mm
    return shows(step, found.account, undo, equity=mm * 2) if mm else None


BREAKS = {
    "fill spends the guarantee": Break("I-63", equity_below_zero, Trial.guarantees),
    "opened on the guarantee alone": Break("I-63", opened_without_own_money, Trial.guarantees),
    "fee from somebody else": Break("I-64", fee_of_somebody_else, Trial.guarantees),
    "fee above what was signed": Break(
        "I-64", event(FeePaid, **plus("tokens", MUCH)), Trial.guarantees
    ),
    "guarantee above its lock": Break(
        "I-65", client(any_client, shield=lambda c: c.shield + 1), Trial.guarantees
    ),
    "guarantee opens in a call": Break(
        "I-65",
        client(lambda _, __, c: c.call_state == 1, opening=lambda c: c.lock * 10**12),
        Trial.guarantees,
    ),
    "guarantee shields after a default": Break(
        "I-65",
        client(lambda _, __, c: c.call_state == 2, shield=lambda c: c.lock * 10**12),
        Trial.guarantees,
    ),
    "health counts another shield": Break("I-65", shield_is_equity, Trial.guarantees),
    "call above the buffer": Break("I-67", health_at(MarginCalled, buffered), Trial.guarantees),
    "call for more than its time": Break(
        "I-67", event(MarginCalled, **plus("deadline", 10**6)), Trial.guarantees
    ),
    "call for a wrong amount": Break(
        "I-67", event(MarginCalled, **plus("amount", 1)), Trial.guarantees
    ),
    "cured at the buffer": Break(
        "I-67", health_at(MarginCured, lambda s, e: buffered(s, e, 49_999)), Trial.guarantees
    ),
    "cured too late": Break("I-67", deadline_ahead(MarginCured), Trial.guarantees),
    "default before the deadline": Break("I-67", deadline_ahead(MarginDefaulted), Trial.guarantees),
    "default of a call that is met": Break(
        "I-67",
        health_at(MarginDefaulted, lambda s, e: buffered(s, e, 10**6) * 2),
        Trial.guarantees,
    ),
    "default in an outage": Break("I-67", defaulted_while_closed, Trial.guarantees),
    "cut short with margin": Break("I-67", early_with_margin, Trial.guarantees),
}
