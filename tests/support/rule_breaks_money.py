"""How the rules about money, auctions and takes are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    AuctionEnded,
    AuctionStarted,
    BucketHaircut,
    BucketRematched,
    Finished,
    Matched,
    PositionChanged,
    ShortfallBooked,
    Taken,
    Withdrawn,
)
from plimsoll.fuzz.invariants.step import CLASS, LONG, SIZE, TICK, Step
from plimsoll.model.state import FINE, WAD
from tests.support.rule_trial import (
    MUCH,
    Break,
    Broken,
    Trial,
    Undo,
    cash,
    event,
    first,
    plus,
    set_for_now,
    shows,
)

# --- money ------------------------------------------------------------------------------------


def bystander_gains(trial: Trial, step: Step, undo: Undo) -> Broken:
    if step.name != "poke" or trial.bystander not in step.world.accounts:
        return None
    return cash(step, trial.bystander, 1, undo)


def reserve_pays(trial: Trial, step: Step, undo: Undo) -> Broken:
    return cash(step, trial.reserve, -1, undo) if step.name == "poke" else None


def fee_from_nowhere(trial: Trial, step: Step, undo: Undo) -> Broken:
    if first(step, BucketRematched) is not None or first(step, BucketHaircut) is not None:
        return None  # what an account got there is judged as a sum
    if trial._resolve.account or first(step, AdlFrozen) is not None:
        return None
    return event(PositionChanged, fee=lambda e: e.fee + 10**12)(trial, step, undo)


def size_from_nowhere(_: Trial, step: Step, undo: Undo) -> Broken:
    for leg in step.world.positions.values():
        if step.name == "settle_one" and step.events and leg.size_fine:
            set_for_now(leg, "size_fine", leg.size_fine + 10**8 * FINE, undo)
            return step
    return None


def winner_cash(amount: int) -> Callable[..., Broken]:
    """Somebody who was charged and is no other party has so much more."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        charged = {one.key for one in step.events if isinstance(one, BucketHaircut)}
        parties = {trial._resolve.account}
        parties |= {one.account for one in step.events if isinstance(one, Finished | AdlFrozen)}
        for (account, market), leg in step.before.positions.items():
            key = market << 17 | leg[LONG] << 16 | leg[CLASS] << 13 | leg[TICK]
            if leg[SIZE] and key in charged and account not in parties:
                return cash(step, account, amount * FINE, undo)
        return None

    return change


def shortfall_kept_quiet(_: Trial, step: Step, __: Undo) -> Broken:
    if first(step, ShortfallBooked) is None:
        return None
    return replace(step, events=[e for e in step.events if not isinstance(e, ShortfallBooked)])


def withdrawn_below_margin(_: Trial, step: Step, undo: Undo) -> Broken:
    paid = first(step, Withdrawn)
    return None if paid is None else shows(step, paid.account, undo, im=MUCH)


# --- auctions and takes -------------------------------------------------------------------------


def taker_below_margin(_: Trial, step: Step, undo: Undo) -> Broken:
    taken = first(step, Taken)
    return None if taken is None else shows(step, taken.taker, undo, im=MUCH)


def offer_was_smaller(_: Trial, step: Step, undo: Undo) -> Broken:
    taken = first(step, Taken)
    if taken is None or taken.account_price == taken.mark:
        return None
    params = replace(step.world.params, concession_max_ppm=0)
    set_for_now(step.world, "params", params, undo)
    return step


def start_refused(_: Trial, step: Step, __: Undo) -> Broken:
    if step.name != "start" or step.reason is not None:
        return None
    now = step.seen.accounts[step.args[0]]
    if now.equity >= now.mm:
        return None
    return replace(step, reason="liquidation: not below margin", events=[])


def cured_and_open(_: Trial, step: Step, undo: Undo) -> Broken:
    taken = first(step, Taken)
    if taken is None or not step.seen.accounts[taken.account].started:
        return None
    return shows(step, taken.account, undo, equity=MUCH)


def ended_twice(trial: Trial, step: Step, _: Undo) -> Broken:
    ended = first(step, AuctionEnded) or first(step, Finished)
    if ended is None or ended.account not in trial._open.accounts:
        return None
    trial._open.accounts.remove(ended.account)
    return step


BREAKS = {
    "bystander gains": Break("I-12", bystander_gains),
    "dust reserve pays": Break("I-12", reserve_pays),
    "winner pays more": Break("I-13", winner_cash(-WAD), Trial.money),
    "winner pays less": Break("I-30", winner_cash(WAD), Trial.money),
    "shortfall not booked": Break("I-14", shortfall_kept_quiet),
    "rate does not fall": Break(
        "I-14", event(ShortfallBooked, rate_after=lambda e: e.rate_before), Trial.money
    ),
    "fee from nowhere": Break("I-36", fee_from_nowhere),
    "price of a fill": Break(
        "I-36", event(Matched, price=lambda e: 2 * e.price + 10**40 // e.size)
    ),
    "size from nowhere": Break("I-16 size", size_from_nowhere, Trial.money),
    "account pays too much": Break("I-17", event(Taken, **plus("fee", 10**30)), Trial.auctions),
    "concession above c(T)": Break("I-17", offer_was_smaller, Trial.auctions),
    "insurance pays too much": Break(
        "I-17", event(Taken, **plus("insurance_concession", 10**30)), Trial.auctions
    ),
    "take worsens equity": Break("I-18", event(Taken, **plus("equity", -(10**30)))),
    "taker below margin": Break("I-18", taker_below_margin, Trial.auctions),
    "start above margin": Break("I-19", event(AuctionStarted, equity=lambda e: e.mm)),
    "start announces wrong": Break("I-19", event(AuctionStarted, **plus("equity", -WAD))),
    "start refused": Break("I-19", start_refused),
    "ended, not cured": Break("I-20", event(AuctionEnded, equity=lambda _: -MUCH)),
    "cured and open": Break("I-20", cured_and_open, Trial.auctions),
    "ended twice": Break("I-35", ended_twice),
    "withdrawal below margin": Break("I-32", withdrawn_below_margin),
}
