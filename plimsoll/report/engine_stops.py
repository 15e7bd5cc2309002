"""Where the risk engine stopped a market: outages with their grace, and the end of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from plimsoll.demo.play import Performance
from plimsoll.demo.stage import Happening
from plimsoll.demo.winding_down import WoundDown
from plimsoll.units import WAD, div_down, exact

Json = dict[str, Any]

# --- outages ------------------------------------------------------------------------------


def outages(performance: Performance) -> list[Json]:
    """One entry per stop of a market, as pokes saw it."""
    shift = performance.stage.clock.shift
    found: list[Json] = []
    running: dict[int, Json] = {}
    for h in performance.stage.happenings:
        if h.name == "OutageBegan":
            running[h["market"]] = {
                "market": h["market"],
                "began": h.time,
                **_at_begin(performance, h),
                "ended": None,
                "seconds": None,
                "grace_until": None,
            }
            found.append(running[h["market"]])
        elif h.name == "OutageEnded" and h["market"] in running:
            running.pop(h["market"]).update(
                ended=h.time, seconds=h["seconds"], grace_until=h["grace_until"] - shift
            )
    for entry in found:
        entry["closed_meanwhile"], entry["first_closed_after"] = _closings(performance, entry)
        entry["takes_refused"] = _refusals(performance, entry)
    return found


def _at_begin(performance: Performance, began: Happening) -> Json:
    """Who had an auction and a position there, and what a missing price added to margins."""
    name = performance.stage.scenario.markets[began["market"] - 1].name
    blackout = next(
        (
            one
            for one in performance.blackouts
            if one.begins and one.outage.market == name and one.after.time >= began.time
        ),
        None,
    )
    if blackout is None:
        return {}
    there = [
        [position for position in snapshot.positions if position.market == began["market"]]
        for snapshot in (blackout.before, blackout.after)
    ]
    return {
        "feeds": list(blackout.outage.feeds),
        "auctions_stopped": sorted({p.name for p in there[0]} & blackout.before.started),
        "notional": exact(sum(p.notional for p in there[1])),
        "initial_margin_before": exact(sum(p.im for p in there[0])),
        "initial_margin_without_price": exact(sum(p.im for p in there[1])),
    }


_CLOSINGS: Final = ("Taken", "Rematched", "BucketRematched")


def _closings(performance: Performance, outage: Mapping[str, Any]) -> tuple[int, int | None]:
    """How many positions were closed by force in a stop, and when the first one after it."""
    times = [
        h.time
        for h in performance.stage.happenings
        if h.name in _CLOSINGS and h["market"] == outage["market"] and h.time >= outage["began"]
    ]
    until = outage["grace_until"]
    after = [time for time in times if until is not None and time >= until]
    return len(times) - len(after), min(after, default=None)


def _refusals(performance: Performance, outage: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    until = outage["grace_until"]
    for refusal in performance.keeper.refusals:
        if outage["began"] <= refusal.time and (until is None or refusal.time < until):
            counts[refusal.reason] += refusal.reason in ("oracle: grace", "liquidation: no price")
    return {reason: count for reason, count in counts.items() if count}


# --- the wind-down ------------------------------------------------------------------------


def wind_down(ended: WoundDown | None) -> Json | None:
    """A market turned into cash, position by position."""
    if ended is None:
        return None
    return {
        "market": ended.market,
        "refused_at": ended.refused_at,
        "refused_before": ended.refused_before,
        "settled": ended.settled.time,
        "price": exact(ended.settled["price"]),
        "positions": [
            {
                "account": one.name,
                "size": exact(one.size),
                "entry": exact(one.entry),
                "price": exact(one.price),
                "paid": exact(one.paid),
                "profit": exact(div_down(one.size * (one.price - one.entry), WAD)),
                "cash_before": exact(one.cash_before),
                "cash_after": exact(one.cash_after),
                "equity_change": exact(one.equity_after - one.equity_before),
            }
            for one in ended.positions
        ],
        "paid_in_all": exact(sum(one.paid for one in ended.positions)),
        "size_in_all": exact(sum(one.size for one in ended.positions)),
        "open_interest_after": [exact(side) for side in ended.after.interest[ended.market - 1]],
    }
