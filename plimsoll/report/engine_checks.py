"""What of the risk engine a run must have shown, as far as its scenario asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from plimsoll.demo.play import Performance
from plimsoll.demo.winding_down import WoundDown
from plimsoll.report.engine import extra_margins, surcharges
from plimsoll.units import PPM, WAD, to_wad

Json = dict[str, Any]

CALM_PPM: Final = 800_000  # utilisation above which fills pay a surcharge
STALE_ADDON_PPM: Final = 50_000  # of the notional, initial margin of a position without a price
_FUNDING_TOLERANCE: Final = 10**16  # wad; seconds of funding lie between two readings


def engine_stages(performance: Performance, engine: Json) -> dict[str, bool]:
    """Each piece of the risk engine, and whether this run went through it."""
    scenario = performance.stage.scenario
    found: dict[str, bool] = {}
    if any(market.risk for market in scenario.markets):
        found |= _stress(performance)
    if any(market.buffer for market in scenario.markets):
        found |= _backing(performance)
    if any(market.concentration for market in scenario.markets):
        found["a position large for its market, with extra initial margin"] = any(
            extra > 0
            for market in scenario.markets
            for _, extra in extra_margins(market, performance.opened)
        )
    if any(outage.end is not None for outage in scenario.outages):
        found |= _outages([outage for outage in engine["outages"] if outage["ended"] is not None])
    if performance.wound_down is not None:
        found |= _wind_down(performance.wound_down)
    return found


def _stress(performance: Performance) -> dict[str, bool]:
    states = [state for snapshot in performance.samples for state in snapshot.markets]
    return {
        "stress factors on both margins": any(
            state.s_im_ppm > 0 and state.s_mm_ppb > 0 for state in states
        ),
        "a jump that held the gains of a side": any(
            h.name == "SideHeld" for h in performance.stage.happenings
        ),
    }


def _backing(performance: Performance) -> dict[str, bool]:
    moments = (*performance.at_steps, performance.opened, *performance.samples)
    paid = list(surcharges(performance.stage.happenings, performance.stage.scenario))
    caps = [
        (before.cap, after.cap)
        for before, after in zip(performance.opened.markets, performance.calm.markets, strict=True)
        if before.cap is not None and after.cap is not None
    ]
    return {
        "a market above 80 % of what insurance backs": any(
            state.cap is not None and state.utilisation_ppm > CALM_PPM
            for snapshot in moments
            for state in snapshot.markets
        ),
        "a surcharge for the last of a market's room": bool(paid),
        "caps lowered by insurance losses": bool(caps) and all(new < old for old, new in caps),
        "open interest above a lowered cap, and left alone": any(_above_cap(performance)),
    }


def _above_cap(performance: Performance) -> Iterator[bool]:
    """Markets from one tick to the next: above their cap, and not a wei smaller."""
    for one, following in pairwise(performance.samples):
        for place, (before, after) in enumerate(zip(one.markets, following.markets, strict=True)):
            if before.cap is not None and after.cap is not None:
                yield (
                    before.larger_side > before.cap
                    and after.larger_side > after.cap
                    and one.interest[place] == following.interest[place]
                )


def _outages(ended: list[Json]) -> dict[str, bool]:
    return {
        "an outage of feeds with its grace": any(
            outage["grace_until"] > outage["ended"] for outage in ended
        ),
        "auctions that stood still in it": any(outage.get("auctions_stopped") for outage in ended),
        "nobody taken or re-matched before the end of the grace": all(
            outage["closed_meanwhile"] == 0 for outage in ended
        ),
        "takes or re-matching after the grace": any(
            outage["first_closed_after"] is not None for outage in ended
        ),
        "5 % more initial margin without a price": any(map(_stale_addon, ended)),
    }


def _stale_addon(outage: Json) -> bool:
    """Seconds lie between both sums: stress may have fallen a little."""
    if "notional" not in outage:
        return False
    more = to_wad(outage["initial_margin_without_price"]) - to_wad(outage["initial_margin_before"])
    addon = to_wad(outage["notional"]) * STALE_ADDON_PPM // PPM
    return addon > 0 and abs(more - addon) * 20 < addon


def _wind_down(ended: WoundDown) -> dict[str, bool]:
    return {
        "a dead market not settled before its time": ended.refused_before == "market: alive",
        "a dead market settled, every position turned into cash": bool(ended.positions)
        and all(position.market != ended.market for position in ended.after.positions)
        and all(
            abs(one.cash_after - one.cash_before - one.paid) < _FUNDING_TOLERANCE
            for one in ended.positions
        ),
        "nobody richer or poorer by that": all(
            abs(one.equity_after - one.equity_before) < _FUNDING_TOLERANCE
            for one in ended.positions
        )
        and abs(sum(one.paid for one in ended.positions)) < WAD // 10**6,
    }
