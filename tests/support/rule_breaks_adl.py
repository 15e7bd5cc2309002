"""How the rules about ADL are broken on purpose."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    BucketHaircut,
    BucketRematched,
    Finished,
    HaircutSet,
    LegFrozen,
    Rematched,
)
from plimsoll.fuzz.invariants.step import CASH, OPEN_IN, Step
from plimsoll.model.state import FINE, WAD
from tests.support.rule_trial import (
    Break,
    Broken,
    Trial,
    Undo,
    event,
    first,
    plus,
    set_for_now,
)

# --- ADL ----------------------------------------------------------------------------------------


def closed_buckets(step: Step) -> list[BucketRematched]:
    """Buckets of the first leg that was re-matched with several, if they are more than dust."""
    closed = [one for one in step.events if isinstance(one, BucketRematched)]
    closed = [one for one in closed if one.market == closed[0].market]
    large = len(closed) > 1 and all(one.size > 10**9 for one in closed)
    return closed if large else []


def out_of_order(_: Trial, step: Step, __: Undo) -> Broken:
    closed = closed_buckets(step)
    if not closed:
        return None
    other = {id(closed[0]): closed[1], id(closed[1]): closed[0]}
    return replace(step, events=[other.get(id(one), one) for one in step.events])


def head_skipped(_: Trial, step: Step, __: Undo) -> Broken:
    closed = closed_buckets(step)
    if not closed:
        return None
    return replace(step, events=[one for one in step.events if one is not closed[0]])


def head_closed_in_part(_: Trial, step: Step, __: Undo) -> Broken:
    closed = closed_buckets(step)
    if not closed:
        return None
    less = closed[0]._replace(size=closed[0].size - 10**8)
    return replace(step, events=[less if one is closed[0] else one for one in step.events])


def charged_twice(_: Trial, step: Step, __: Undo) -> Broken:
    charged = first(step, BucketHaircut)
    if charged is None:
        return None
    place = step.events.index(charged)
    return replace(step, events=[*step.events[:place], charged, *step.events[place:]])


def winner_spared(trial: Trial, step: Step, _: Undo) -> Broken:
    charged = first(step, BucketHaircut)
    rate = first(step, HaircutSet)
    if charged is None or rate is None or rate.market != charged.market or not rate.eta_ray:
        return None
    later = step.events[step.events.index(charged) :]
    markets = [one.market for one in later if isinstance(one, BucketRematched)]
    if charged.market not in markets:
        return None
    spared = [one for one in step.events if not isinstance(one, BucketHaircut)]
    return replace(step, events=spared)


def nobody_was_asked(trial: Trial, step: Step, _: Undo) -> Broken:
    rate = first(step, HaircutSet)
    if rate is None or all(
        one.market != rate.market for one in step.events if isinstance(one, BucketRematched)
    ):
        return None
    left = [one for one in step.events if not isinstance(one, HaircutSet | BucketHaircut)]
    return replace(step, events=left)


def cap_was_smaller(_: Trial, step: Step, undo: Undo) -> Broken:
    sold = first(step, Rematched)
    if sold is None or not sold.discount_ppm:
        return None
    owner = step.before.accounts[sold.account]
    if owner[OPEN_IN][0] != sold.market:
        return None
    poorer = (owner[CASH] - 10**8 * WAD * FINE, *owner[1:])
    set_for_now(step.before.accounts, sold.account, poorer, undo)
    return step


def loss_was_larger(trial: Trial, step: Step, _: Undo) -> Broken:
    if first(step, Finished) is None or first(step, AdlFrozen) is not None:
        return None
    if not trial._resolve.account or trial._resolve.over or step.seen.books.job_account:
        return None
    trial._resolve.deficit += WAD
    return step


BREAKS = {
    "loss beyond the deficit": Break("I-22", loss_was_larger, Trial.adl),
    "share of R": Break("I-26", event(LegFrozen, **plus("uncovered", 1))),
    "frozen off the mark": Break("I-26", event(LegFrozen, **plus("mark", 1))),
    "queue out of order": Break("I-28", out_of_order, Trial.adl),
    "head skipped": Break("I-28", head_skipped, Trial.adl),
    "head closed in part": Break("I-28", head_closed_in_part, Trial.adl),
    "credited": Break("I-29", event(HaircutSet, **plus("credited", 1))),
    "eta": Break("I-29", event(HaircutSet, **plus("eta_ray", 1))),
    "winners not asked": Break("I-29", nobody_was_asked, Trial.adl),
    "charged twice": Break("I-30", charged_twice),
    "winner spared": Break("I-30", winner_spared, Trial.adl),
    "price of a re-match": Break("I-31", event(BucketRematched, **plus("price", 1)), Trial.adl),
    "discount": Break("I-31", event(Rematched, **plus("discount_ppm", 10)), Trial.adl),
    "discount above the cap": Break("I-31", cap_was_smaller, Trial.adl),
}
