"""How the rules about jumps, holds and stress are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from plimsoll.fuzz.invariants.events import Matched, PositionChanged, Reserved, Withdrawn
from plimsoll.fuzz.invariants.step import ENTRY, MARK, SIZE, STARTED, Step
from plimsoll.fuzz.probe import MarketState
from plimsoll.model.state import FINE, WAD
from tests.support.rule_trial import MUCH, Break, Broken, Trial, Undo, first, set_for_now, shows

NOBODY = {"longs_held": 0, "shorts_held": 0, "hold_until": 0}
BOTH = {"longs_held": 1, "shorts_held": 1}


def market(step: Step, number: int, undo: Undo, **changes: int) -> Step:
    """The chain shows something else of a market."""
    seen = step.seen.markets[number]._replace(**changes)
    set_for_now(step.seen.markets, number, seen, undo)
    return step


def weighed(step: Step) -> Iterator[tuple[MarketState, bool]]:
    """Markets with risk terms, and whether the step has changed the mark."""
    for number, state in step.world.markets.items():
        if state.risk_terms is not None:
            moved = step.before.markets[number][0][MARK] != state.mark_wad
            yield step.seen.markets[number], moved


def just_held(step: Step, seen: MarketState) -> bool:
    terms = step.world.markets[seen.market].risk_terms
    return terms is not None and seen.hold_until == step.world.now + terms.hold_seconds


def is_uncovered(step: Step) -> bool:
    return any(isinstance(e, Reserved) and e.reserved < e.deficit for e in step.events)


# --- jumps and losses -----------------------------------------------------------------------------


def after_a_jump(**changes: Callable[[MarketState], int]) -> Callable[..., Broken]:
    """Of one side, with a later end than any hold before."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for seen, moved in weighed(step):
            memory = trial._holds.markets.get(seen.market)
            until = memory.hold_until if memory is not None else 0
            alone = seen.longs_held + seen.shorts_held == 1 and seen.hold_until != until
            if moved and alone and just_held(step, seen):
                values = {name: of(seen) for name, of in changes.items()}
                return market(step, seen.market, undo, **values)
        return None

    return change


def loss_holds_nobody(_: Trial, step: Step, undo: Undo) -> Broken:
    if step.name not in ("start", "remark") or not is_uncovered(step):
        return None
    for seen, moved in weighed(step):
        if not moved and just_held(step, seen):
            return market(step, seen.market, undo, **NOBODY)
    return None


# --- gains ----------------------------------------------------------------------------------------


def winner_leaves(_: Trial, step: Step, undo: Undo) -> Broken:
    fill = first(step, Matched)
    if fill is None or step.name != "settle_one":
        return None
    for account in (fill.maker, fill.taker):
        leg = step.before.positions.get((account, fill.market))
        if leg is None or abs(leg[SIZE]) < WAD * FINE or step.before.accounts[account][STARTED]:
            continue
        mark, entry = step.seen.markets[fill.market].mark, leg[ENTRY] // FINE
        gain = mark - entry if leg[SIZE] > 0 else entry - mark
        left = step.world.positions[account, fill.market].size_fine
        if gain * 10**6 > entry and abs(left) < abs(leg[SIZE]):
            return market(step, fill.market, undo, **BOTH)
    return None


def held_gain_withdrawn(_: Trial, step: Step, undo: Undo) -> Broken:
    paid = first(step, Withdrawn)
    return None if paid is None else shows(step, paid.account, undo, equity_im=MUCH)


def withdrawn_before_a_loss(_: Trial, step: Step, undo: Undo) -> Broken:
    if first(step, Withdrawn) is None:
        return None
    set_for_now(step.world, "urgent_lane", [1], undo)
    return step


def entered_too_well(_: Trial, step: Step, __: Undo) -> Broken:
    fill = first(step, Matched)
    if fill is None or step.name != "settle_one":
        return None
    for place, one in enumerate(step.events):
        if isinstance(one, PositionChanged) and one.market == fill.market and one.size:
            leg = step.before.positions.get((one.account, one.market))
            if leg is None or not leg[SIZE]:
                entry = 2 * one.entry if one.size > 0 else one.entry // 2
                changed = [*step.events[:place], one._replace(entry=entry)]
                return replace(step, events=[*changed, *step.events[place + 1 :]])
    return None


# --- in time --------------------------------------------------------------------------------------


def quiet(of: Callable[[MarketState, int], dict[str, int]]) -> Callable[..., Broken]:
    """A market that has been looked at before and in which nothing happens now shows this."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for seen, moved in weighed(step):
            memory = trial._holds.markets.get(seen.market)
            known = memory is not None and memory.seen_at
            at_rest = not moved and seen.mark == step.world.markets[seen.market].mark_wad
            if known and at_rest and not seen.hold_until and not is_uncovered(step):
                return market(step, seen.market, undo, **of(seen, step.world.now))
        return None

    return change


BREAKS = {
    "jump holds nobody": Break("I-38", after_a_jump(**{k: lambda _: 0 for k in NOBODY})),
    "jump holds too short": Break("I-38", after_a_jump(hold_until=lambda s: s.hold_until - 1)),
    "jump holds the wrong side": Break(
        "I-38",
        after_a_jump(longs_held=lambda s: s.shorts_held, shorts_held=lambda s: s.longs_held),
    ),
    "uncovered loss holds nobody": Break("I-38", loss_holds_nobody),
    "held winner leaves": Break("I-39", winner_leaves, Trial.gains),
    "held gain withdrawn": Break("I-39", held_gain_withdrawn, Trial.gains),
    "withdrawn before a loss": Break("I-40", withdrawn_before_a_loss, Trial.gains),
    "maintenance above initial stress": Break(
        "I-41", quiet(lambda seen, _: {"s_mm_ppb": seen.s_im_ppm * 1_000 + 1}), Trial.holds
    ),
    "maintenance margin at once": Break(
        "I-41", quiet(lambda *_: {"s_im_ppm": 10**9, "s_mm_ppb": 10**12}), Trial.holds
    ),
    "hold for ever": Break(
        "I-42", quiet(lambda _, now: {"longs_held": 1, "hold_until": now + 601}), Trial.holds
    ),
    "hold that is over": Break(
        "I-42", quiet(lambda _, now: {"longs_held": 1, "hold_until": now}), Trial.holds
    ),
    "hold of nobody": Break("I-42", quiet(lambda _, now: {"hold_until": now + 9}), Trial.holds),
    "hold without a reason": Break(
        "I-42", quiet(lambda _, now: {"shorts_held": 1, "hold_until": now + 60}), Trial.holds
    ),
    "entered too well": Break("I-43", entered_too_well, Trial.gains),
}
