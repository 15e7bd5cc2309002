"""How the rules about the waterfall are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    BucketRematched,
    Drawn,
    Finished,
    Matched,
    ReservationChanged,
    Reserved,
)
from plimsoll.fuzz.invariants.losses import JUNIOR, held_before
from plimsoll.fuzz.invariants.step import Step
from plimsoll.model.state import WAD
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

# --- losses -------------------------------------------------------------------------------------


def drawn_twice(_: Trial, step: Step, __: Undo) -> Broken:
    drawn = first(step, Drawn)
    if drawn is None or first(step, Finished) is None:
        return None
    place = step.events.index(drawn)
    return replace(step, events=[*step.events[:place], drawn, *step.events[place:]])


def senior_first(_: Trial, step: Step, __: Undo) -> Broken:
    drawn = [one for one in step.events if isinstance(one, Drawn)]
    if len(drawn) != 2 or drawn[0].account != drawn[1].account:
        return None
    rest = [one for one in step.events if not isinstance(one, Drawn)]
    return replace(step, events=[drawn[1], drawn[0], *rest])


def not_finished(_: Trial, step: Step, __: Undo) -> Broken:
    if first(step, Drawn) is None:
        return None
    return replace(step, events=[one for one in step.events if not isinstance(one, Finished)])


def finished_with_equity(_: Trial, step: Step, undo: Undo) -> Broken:
    ended = first(step, Finished)
    return None if ended is None else shows(step, ended.account, undo, equity=-1)


def shortfall_in_a_fill(_: Trial, step: Step, __: Undo) -> Broken:
    ended = first(step, Finished)
    if ended is None or not ended.shortfall:
        return None
    fill = Matched(0, 0, 1, ended.account, 1, WAD, WAD)
    return replace(step, events=[fill, *step.events])


def one_reserves(step: Step) -> bool:
    return len({one.account for one in step.events if isinstance(one, Reserved)}) == 1


def layer_had_more(name: str, ended: bool) -> Callable[..., Broken]:
    """A vault is richer than a call could have left it."""

    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        finished, asked = first(step, Finished), first(step, Reserved)
        if asked is None or not one_reserves(step) or (finished is not None) != ended:
            return None
        if ended:
            beyond = finished.shortfall > WAD
        else:
            held = step.world.waterfall.reservations.get(asked.account)
            beyond = held is not None and held.senior > WAD
        if not beyond:
            return None
        vault = getattr(step.world, name)
        set_for_now(vault, "assets_tokens", vault.assets_tokens + 10**14, undo)
        return step

    return change


def above_its_limit(_: Trial, step: Step, undo: Undo) -> Broken:
    if not one_reserves(step) or first(step, Finished) is not None:
        return None
    account = first(step, Reserved).account
    held = step.world.waterfall.reservations.get(account)
    # what was set aside before stays, whatever the limits are now
    if held is None or held.junior - held_before(step, account, JUNIOR) < WAD:
        return None
    set_for_now(step.world.waterfall.global_ppm, 3, 0, undo)
    return step


def wrong_deficit(_: Trial, step: Step, __: Undo) -> Broken:
    asked = [place for place, one in enumerate(step.events) if isinstance(one, Reserved)]
    adl = first(step, AdlFrozen) or first(step, BucketRematched) or first(step, Finished)
    if not asked or adl is not None:
        return None
    last = step.events[asked[-1]]
    if not step.seen.accounts[last.account].started:
        return None
    other = last._replace(deficit=last.deficit + 1)
    return replace(step, events=[*step.events[: asked[-1]], other, *step.events[asked[-1] + 1 :]])


BREAKS = {
    "drawn twice": Break("I-21", drawn_twice),
    "senior first": Break("I-21", senior_first),
    "drawn before the end": Break("I-21", not_finished, Trial.losses),
    "layer loses more": Break(
        # what is left of a broker's lock is free after its draw
        "I-37",
        event(
            Drawn,
            capacity_after=lambda e: (
                e.capacity_before // 2 - e.units if e.layer > 2 else e.capacity_after
            ),
        ),
    ),
    "draws are not the cover": Break("I-22", event(Finished, **plus("covered", 1))),
    "loss does not add up": Break("I-22", event(Finished, **plus("loss", 10**13)), Trial.losses),
    "finished with equity": Break("I-22", finished_with_equity),
    "shortfall in a fill": Break("I-23", shortfall_in_a_fill, Trial.losses),
    "shortfall before senior": Break("I-23", layer_had_more("senior", True)),
    "reserved above deficit": Break("I-24", event(Reserved, reserved=lambda e: e.deficit + 1)),
    "reserved for another deficit": Break("I-24", wrong_deficit),
    "split is not the sum": Break("I-24", event(ReservationChanged, **plus("junior", 10**9))),
    "senior before junior": Break("I-25", layer_had_more("junior", False)),
    "above a limit": Break("I-10", above_its_limit),
    "R is not L - G": Break("I-26", event(AdlFrozen, **plus("uncovered", 1))),
}
