"""How the rules about outages, stopped clocks and settled markets are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    LegFrozen,
    MarketSettled,
    Matched,
    OutageEnded,
    PositionSettled,
    Rematched,
    Taken,
)
from plimsoll.fuzz.invariants.step import Step
from plimsoll.model.state import WAD
from tests.support.rule_breaks_risk import market
from tests.support.rule_trial import (
    MUCH,
    Break,
    Broken,
    Trial,
    Undo,
    event,
    first,
    plus,
    shows,
)

Memory = Any  # of a market, in `plimsoll.fuzz.invariants.outages`


def where(kind: type, **changes: Callable[[Step], Any]) -> Callable[..., Broken]:
    """The market of the first event of a kind has been through something else."""

    def change(trial: Trial, step: Step, _: Undo) -> Broken:
        one = first(step, kind)
        if one is None or trial._outages._of(one.market).settled_at:
            return None
        return remembered(trial, step, one.market, **changes)

    return change


def remembered(trial: Trial, step: Step, number: int, **changes: Callable[[Step], Any]) -> Step:
    memory = trial._outages._of(number)
    for name, of in changes.items():
        setattr(memory, name, of(step))
    return step


def second_hour(trial: Trial, step: Step, _: Undo) -> Broken:
    """The day's hour of grace was given already."""
    one = first(step, OutageEnded)
    if one is None or one.grace_until <= step.world.now:
        return None
    memory = trial._outages._of(one.market)
    if not memory.dead:
        return None
    memory.graces = [(step.world.now - 7_200, step.world.now - 3_600)]
    return step


def frozen_early(trial: Trial, step: Step, _: Undo) -> Broken:
    """The clocks of all its legs stood still until now."""
    one = first(step, AdlFrozen)
    if one is None or one.account in step.before.lists[1] or step.before.job is not None:
        return None
    for leg in (e for e in step.events if isinstance(e, LegFrozen)):
        stood_still(trial, step, leg.market)
    return step


def rematched_early(trial: Trial, step: Step, _: Undo) -> Broken:
    one = first(step, Rematched)
    return None if one is None else stood_still(trial, step, one.market)


def stood_still(trial: Trial, step: Step, number: int) -> Step:
    return remembered(
        trial, step, number, began=lambda _: 1, until=lambda s: s.world.now, dead=lambda _: False
    )


def poked(trial: Trial, step: Step, undo: Undo) -> Broken:
    """The clock of a market that was poked now has stopped a second longer."""
    for number, state in step.world.markets.items():
        seen = step.seen.markets[number]
        if step.reason is None and state.block == step.world.block and seen.stopped_from:
            return market(step, number, undo, stopped_until=seen.stopped_until + 1)
    return None


def settled(**changes: int) -> Callable[..., Broken]:
    """A settled market shows something else."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for number, memory in trial._outages.markets.items():
            if step.reason is None and memory.settled_at:
                seen = step.seen.markets[number]
                other = {name: getattr(seen, name) + more for name, more in changes.items()}
                return market(step, number, undo, **other)
        return None

    return change


def refused_though_dead(trial: Trial, step: Step, _: Undo) -> Broken:
    if step.reason != "market: alive":
        return None
    return remembered(trial, step, step.args[0], dead=lambda _: True, lost_at=lambda _: 1)


def settled_twice(trial: Trial, step: Step, _: Undo) -> Broken:
    return where(MarketSettled, settled_at=lambda s: s.world.now)(trial, step, _)


def converted_early(trial: Trial, step: Step, _: Undo) -> Broken:
    one = first(step, PositionSettled)
    if one is None or step.name == "resolve":
        return None
    return remembered(trial, step, one.market, settled_at=lambda s: s.world.now)


def richer(trial: Trial, step: Step, undo: Undo) -> Broken:
    """Somebody has more after a conversion."""
    one = first(step, PositionSettled)
    if one is None or step.name != "sync":
        return None
    seen = step.seen.accounts[one.account]
    return shows(step, one.account, undo, equity=seen.equity + WAD)


def richer_by_settlement(trial: Trial, step: Step, undo: Undo) -> Broken:
    if first(step, MarketSettled) is None:
        return None
    for account, seen in step.seen.accounts.items():
        if account in step.before.accounts:
            return shows(step, account, undo, equity=seen.equity - WAD)
    return None


BREAKS = {
    "taken without a price": Break("I-44", where(Taken, dead=lambda _: True), Trial.outages),
    "taken in the grace": Break(
        "I-44", where(Taken, until=lambda s: s.world.now + 1), Trial.outages
    ),
    "re-matched in the grace": Break(
        "I-44", where(Rematched, until=lambda s: s.world.now + 1), Trial.outages
    ),
    "frozen without a price": Break("I-44", where(LegFrozen, dead=lambda _: True), Trial.outages),
    "grace too long": Break("I-45", event(OutageEnded, **plus("grace_until", 1)), Trial.outages),
    "outage too long": Break("I-45", event(OutageEnded, **plus("seconds", 1)), Trial.outages),
    "second hour of grace": Break("I-45", second_hour, Trial.outages),
    "offer beyond the clock": Break(
        "I-46", event(Taken, **plus("insurance_concession", MUCH)), Trial.outages
    ),
    "frozen before its time": Break("I-46", frozen_early, Trial.outages),
    "re-matched before its time": Break("I-46", rematched_early, Trial.outages),
    "clock stops too long": Break("I-46", poked, Trial.outages),
    "final mark moves": Break("I-47", settled(mark=1), Trial.outages),
    "funding goes on": Break("I-47", settled(funding_index=1), Trial.outages),
    "size from nowhere": Break("I-47", settled(long_interest=MUCH), Trial.outages),
    "settled at another price": Break("I-47", event(MarketSettled, **plus("price", 1))),
    "settled twice": Break("I-47", settled_twice, Trial.outages),
    "converted at another price": Break(
        "I-47", event(PositionSettled, **plus("price", 1)), Trial.outages
    ),
    "converted another size": Break(
        "I-47", event(PositionSettled, **plus("size", WAD)), Trial.outages
    ),
    "converted too early": Break("I-47", converted_early, Trial.outages),
    "dead and not to be settled": Break("I-47", refused_though_dead, Trial.outages),
    "richer by a conversion": Break("I-48", richer, Trial.outages),
    "poorer by a settlement": Break("I-48", richer_by_settlement, Trial.outages),
    "traded in a settled market": Break(
        "I-49", where(Matched, settled_at=lambda _: 1), Trial.outages
    ),
}
