"""How the rules about capital behind open interest, and about single margins, are broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from plimsoll.fuzz.invariants.backing import CAP_REFUSED, NO_CAP, cap_size, interest_before
from plimsoll.fuzz.invariants.events import Matched, PositionChanged
from plimsoll.fuzz.invariants.margins import large_im
from plimsoll.fuzz.invariants.step import SIZE, TIME, Step
from plimsoll.fuzz.probe import LegState, MarketState
from plimsoll.model.state import FINE, PPM, RAY, WAD
from tests.support.rule_breaks_risk import market
from tests.support.rule_trial import Break, Broken, Trial, Undo, first, set_for_now

MOST = 10**30


def capped(step: Step) -> Iterator[MarketState]:
    return (seen for seen in step.seen.markets.values() if seen.kappa_ppm)


# --- caps -----------------------------------------------------------------------------------------


def side_above(name: str) -> Callable[..., Broken]:
    """A side shows more than it had and more than the cap, if there is room for it."""

    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        for seen in capped(step):
            most = max(cap_size(step, seen.market), *interest_before(step, seen.market))
            return market(step, seen.market, undo, **{name: most + 10**9})
        return None

    return change


def set_now(step: Step) -> MarketState | None:
    """A market whose cap has been set in this call from the capital that is still there."""
    for seen in capped(step):
        before = step.before.markets[seen.market][0][TIME]
        large = seen.buffer_cap > 1_000 * WAD
        if large and step.name == "poke" and before // 300 < step.world.now // 300:
            return seen
    return None


def cap_is(of: Callable[[MarketState], int]) -> Callable[..., Broken]:
    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        seen = set_now(step)
        if seen is None:
            return None
        return market(step, seen.market, undo, buffer_cap=of(seen))

    return change


def cap_moves_between(trial: Trial, step: Step, undo: Undo) -> Broken:
    for seen in capped(step):
        before = step.before.markets[seen.market][0][TIME]
        at_rest = before // 300 == step.world.now // 300 and step.name != "set_buffer_terms"
        if at_rest and seen.market in trial._backing.caps:
            return market(step, seen.market, undo, buffer_cap=seen.buffer_cap + WAD)
    return None


def cap_without_terms(_: Trial, step: Step, undo: Undo) -> Broken:
    for seen in step.seen.markets.values():
        if not seen.kappa_ppm:
            return market(step, seen.market, undo, buffer_cap=NO_CAP - 1)
    return None


def shares_above_one(_: Trial, step: Step, undo: Undo) -> Broken:
    for seen in capped(step):
        return market(step, seen.market, undo, share_ppm=PPM + 1)
    return None


# --- capital --------------------------------------------------------------------------------------


def books(step: Step, undo: Undo, **changes: int) -> Step:
    set_for_now(step.seen, "books", step.seen.books._replace(**changes), undo)
    return step


def offered_still_counts(_: Trial, step: Step, undo: Undo) -> Broken:
    seen = step.seen.books
    offered = seen.junior_offered + seen.senior_offered
    if not offered or seen.redemption_rate != RAY or seen.exits_blocked:
        return None
    return books(step, undo, capital=seen.capital + offered * 10**12)


def reserved_still_counts(_: Trial, step: Step, undo: Undo) -> Broken:
    seen = step.seen.books
    reserved = seen.junior_reserved + seen.senior_reserved
    if reserved < WAD or seen.redemption_rate < RAY // 2:
        return None
    return books(step, undo, capital=seen.capital + reserved)


def notice_changes_nothing(trial: Trial, step: Step, undo: Undo) -> Broken:
    """As if the view of what is requested lagged too."""
    old, seen = trial._backing.books, step.seen.books
    if not step.name.endswith("request_withdrawal") or step.reason is not None or old is None:
        return None
    rises = seen.junior_offered + seen.senior_offered > old.junior_offered + old.senior_offered
    if not rises or seen.redemption_rate != RAY or seen.exits_blocked:
        return None
    return books(step, undo, capital=old.capital)


# --- refusals and fees ----------------------------------------------------------------------------


def take_refused(_: Trial, step: Step, __: Undo) -> Broken:
    if step.name not in ("take", "take_with_order"):
        return None
    return replace(step, reason=CAP_REFUSED, events=[])


def reduction_refused(_: Trial, step: Step, undo: Undo) -> Broken:
    """A fill that made neither side grow: it was refused, and all is as it was."""
    fill = first(step, Matched)
    if fill is None or step.name != "settle_one":
        return None
    seen = step.seen.markets[fill.market]
    was = interest_before(step, fill.market)
    if seen.long_interest > was[0] or seen.short_interest > was[1]:
        return None
    for account in (fill.maker, fill.taker):
        place = account, fill.market
        leg = step.before.positions.get(place)
        size = leg[SIZE] // FINE if leg is not None else 0
        legs = {**step.seen.legs, place: LegState(*place, size, *[0] * 9)}
        set_for_now(step.seen, "legs", legs, undo)
    market(step, fill.market, undo, long_interest=was[0], short_interest=was[1])
    return replace(step, reason=CAP_REFUSED, events=[])


def refused_with_room(_: Trial, step: Step, undo: Undo) -> Broken:
    """A fill that was refused for the cap, with a cap that has room for it."""
    if step.name != "settle_one" or step.reason != CAP_REFUSED:
        return None
    number = step.args[0].order.market
    terms = replace(step.world.markets[number].terms, oi_cap_wad=MOST)
    set_for_now(step.world.markets[number], "terms", terms, undo)
    return market(step, number, undo, buffer_cap=NO_CAP)


def fee_is(
    of: Callable[[int, int], int], reduces: bool, full: bool | None = None
) -> Callable[..., Broken]:
    """A side that reduces, or grows, pays something else: a function of fee and notional."""

    def change(_: Trial, step: Step, __: Undo) -> Broken:
        fill = first(step, Matched)
        if fill is None or step.name != "settle_one":
            return None
        notional = abs(fill.size) * fill.price // WAD
        seen = step.seen.markets[fill.market]
        room = max(interest_before(step, fill.market)) * seen.mark // WAD
        is_full = seen.buffer_cap != NO_CAP and room * 100 > seen.buffer_cap * 80
        if full is not None and is_full != full:
            return None
        if full and room * 100 < seen.buffer_cap * 81:
            return None
        sides = [
            (place, one, _shrinks(step, one))
            for place, one in enumerate(step.events)
            if isinstance(one, PositionChanged)
            and one.market == fill.market
            and one.account in (fill.maker, fill.taker)
        ]
        if any(abs(one.size) < 10**9 for _, one, _ in sides):
            return None  # rounding decides what is left
        # where a side reduces nobody pays for room
        if full and any(smaller for _, _, smaller in sides):
            return None
        for place, one, smaller in sides:
            if smaller == reduces:
                changed = one._replace(fee=of(one.fee, notional))
                events = [*step.events[:place], changed, *step.events[place + 1 :]]
                return replace(step, events=events) if changed != one else None
        return None

    return change


def _shrinks(step: Step, one: PositionChanged) -> bool:
    """Whether a fill has left less of a position, or nothing."""
    leg = step.before.positions.get((one.account, one.market))
    size = leg[SIZE] // FINE if leg is not None else 0
    return abs(one.size) < abs(size) and one.size * size >= 0


# --- margins --------------------------------------------------------------------------------------


def leg_where(
    suits: Callable[[Step, LegState], bool], **of: Callable[[Step, LegState], int]
) -> Callable[..., Broken]:
    """The chain shows something else of the first position that suits."""

    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        for place, leg in step.seen.legs.items():
            if abs(leg.size) > 10**9 and suits(step, leg):
                changed = leg._replace(**{name: value(step, leg) for name, value in of.items()})
                set_for_now(step.seen.legs, place, changed, undo)
                return step
        return None

    return change


def is_large(step: Step, leg: LegState) -> bool:
    return large_im(step, leg) > 100 and bool(leg.priced)


def is_stale(_: Step, leg: LegState) -> bool:
    return not leg.priced and leg.im != 0  # a settled market asks for none


BREAKS = {
    "longs above the cap": Break("I-50", side_above("long_interest"), Trial.backing),
    "shorts above the cap": Break("I-50", side_above("short_interest"), Trial.backing),
    "cap above its capital": Break(
        "I-51", cap_is(lambda s: s.buffer_cap * 1_003 // 1_000), Trial.backing
    ),
    "cap too far below its capital": Break(
        "I-51", cap_is(lambda s: s.buffer_cap * 996 // 1_000), Trial.backing
    ),
    "cap moves between pokes": Break("I-51", cap_moves_between, Trial.backing),
    "cap without terms": Break("I-51", cap_without_terms, Trial.backing),
    "shares above one": Break("I-52", shares_above_one, Trial.backing),
    "offered capital still counts": Break("I-53", offered_still_counts, Trial.backing),
    "reserved capital still counts": Break("I-53", reserved_still_counts, Trial.backing),
    "notice changes nothing": Break("I-53", notice_changes_nothing, Trial.backing),
    "take refused for the cap": Break("I-54", take_refused, Trial.cap_refusals),
    "reduction refused for the cap": Break("I-54", reduction_refused, Trial.cap_refusals),
    "refused though it fits": Break("I-54", refused_with_room, Trial.cap_refusals),
    "reduction pays a surcharge": Break(
        "I-55", fee_is(lambda fee, n: fee + n // 1_000 + 10**13, reduces=True), Trial.backing
    ),
    "surcharge above ten basis points": Break(
        "I-55",
        fee_is(lambda fee, n: fee + n * 2 // 1_000 + 10**13, reduces=False, full=True),
        Trial.backing,
    ),
    "surcharge below 80 %": Break(
        "I-55",
        fee_is(lambda fee, n: fee + n // 10_000 + 10**13, reduces=False, full=False),
        Trial.backing,
    ),
    "no surcharge at the cap": Break(
        "I-55", fee_is(lambda *_: 0, reduces=False, full=True), Trial.backing
    ),
    "maintenance knows concentration": Break(
        "I-56", leg_where(is_large, mm=lambda s, leg: leg.mm + large_im(s, leg)), Trial.margins
    ),
    "maintenance knows a missing price": Break(
        "I-56", leg_where(is_stale, mm=lambda _, leg: leg.mm + leg.notional // 20), Trial.margins
    ),
    "large position for nothing": Break(
        "I-57", leg_where(is_large, im=lambda s, leg: leg.im - large_im(s, leg)), Trial.margins
    ),
    "missing price for nothing": Break(
        "I-58", leg_where(is_stale, im=lambda _, leg: leg.im - leg.notional // 20), Trial.margins
    ),
}
