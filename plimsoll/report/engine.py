"""The risk engine in figures: stress, holds, outages, backing, concentration, a wind-down.

Amounts and prices are exact decimal strings, rates in ppm or ppb, times seconds of the scenario.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.demo.market_state import MarketState
from plimsoll.demo.play import Performance
from plimsoll.demo.snapshots import Snapshot
from plimsoll.demo.stage import Happening
from plimsoll.model.concentration import Concentration, extra_wad, free_wad
from plimsoll.report.engine_stops import outages, wind_down
from plimsoll.scenario import MarketTerms, Scenario
from plimsoll.units import PPM, WAD, div_down, div_up, exact

Json = dict[str, Any]

_MICRO: Final = 10**12  # fees are whole micro units


def risk_engine(performance: Performance) -> Json:
    """Every figure of the risk engine."""
    scenario = performance.stage.scenario
    paid = list(surcharges(performance.stage.happenings, scenario))
    before = [*(step.time for step in scenario.path[1:]), performance.final.time + 1]
    return {
        "terms": [_terms(market) for market in scenario.markets],
        "steps": [
            {
                "phase": step.phase,
                **_moment(scenario, snapshot),
                "surcharges_paid": [
                    exact(
                        sum(
                            one.amount
                            for one in paid
                            if one.market == market.id and step.time <= one.time < until
                        )
                    )
                    for market in scenario.markets
                ],
            }
            for step, snapshot, until in zip(
                scenario.path, performance.at_steps, before, strict=True
            )
        ],
        "before_fall": _moment(scenario, performance.opened),
        "series": [
            _moment(scenario, snapshot) for snapshot in (*performance.samples, performance.calm)
        ],
        "surcharges": [
            {
                "market": market.id,
                "sides": len(amounts := [one.amount for one in paid if one.market == market.id]),
                "paid": exact(sum(amounts)),
                "highest_rate_ppm": max(
                    (one.rate_ppm for one in paid if one.market == market.id), default=0
                ),
            }
            for market in scenario.markets
        ],
        "concentrated": [
            entry
            for market in scenario.markets
            for entry in _concentrated(market, performance.opened)
        ],
        "outages": outages(performance),
        "wind_down": wind_down(performance.wound_down),
    }


# --- moments ------------------------------------------------------------------------------


def _terms(market: MarketTerms) -> Json:
    return {
        "market": market.id,
        "name": market.name,
        "buffer": None
        if market.buffer is None
        else {
            "kappa": exact(market.buffer.kappa_ppm, PPM),
            "share_ppm": market.buffer.share_ppm,
            "gap_ppm": market.buffer.gap_ppm,
        },
        "concentration": None
        if market.concentration is None
        else {
            "share_percent": market.concentration.share_percent,
            "rate_percent": market.concentration.rate_percent,
            "floor": 10_000 << market.concentration.floor_code,
        },
    }


def _moment(scenario: Scenario, snapshot: Snapshot) -> Json:
    return {
        "time": snapshot.time,
        "capital": exact(snapshot.capital),
        "markets": [
            _state(market, state, snapshot)
            for market, state in zip(scenario.markets, snapshot.markets, strict=True)
        ],
    }


def _state(market: MarketTerms, state: MarketState, snapshot: Snapshot) -> Json:
    extras = [extra for _, extra in extra_margins(market, snapshot) if extra]
    return {
        "market": state.market,
        "mark": exact(state.mark),
        "ema": exact(state.ema),
        "volatility_ppm": state.volatility_ppm,
        "s_im_ppm": state.s_im_ppm,
        "s_mm_ppb": state.s_mm_ppb,
        "longs_held": state.longs_held,
        "shorts_held": state.shorts_held,
        "priced": state.priced,
        "waits": state.waits,
        "settled": state.settled,
        "stop": {"since": state.stop_since, "until": state.stop_until}
        if state.stop_since
        else None,
        "open_interest": exact(state.larger_side),
        "cap": None if state.cap is None else exact(state.cap),
        "utilisation_ppm": state.utilisation_ppm,
        "surcharge_ppm": state.surcharge_ppm,
        "extra_margin": exact(sum(extras)),
        "accounts_with_extra_margin": len(extras),
    }


# --- concentration ------------------------------------------------------------------------


def extra_margins(market: MarketTerms, snapshot: Snapshot) -> Iterator[tuple[str, int]]:
    """Each position of a market: whose, and its extra initial margin with stress (wad)."""
    state = snapshot.markets[market.id - 1]
    if market.concentration is None or state.settled:
        return
    terms, interest = Concentration(*market.concentration.values()), _interest(market, snapshot)
    for position in snapshot.positions:
        if position.market == market.id:
            extra = extra_wad(terms, position.notional, interest, state.mark)
            yield position.name, div_up(extra * (PPM + state.s_im_ppm), PPM)


def _concentrated(market: MarketTerms, snapshot: Snapshot) -> Iterator[Json]:
    if market.concentration is None:
        return
    state, interest = snapshot.markets[market.id - 1], _interest(market, snapshot)
    extras = dict(extra_margins(market, snapshot))
    free = free_wad(Concentration(*market.concentration.values()), interest, state.mark)
    for position in snapshot.positions:
        if position.market == market.id and extras[position.name]:
            yield {
                "account": position.name,
                "market": market.id,
                "notional": exact(position.notional),
                "part_of_open_interest_ppm": div_down(abs(position.size) * PPM, interest),
                "free": exact(free),
                "extra_margin": exact(extras[position.name]),
                "initial_margin": exact(position.im),
            }


def _interest(market: MarketTerms, snapshot: Snapshot) -> int:
    return max(snapshot.interest[market.id - 1])


# --- surcharges ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Surcharge:
    """What one side of a fill paid for the last of a market's room."""

    time: int
    market: int
    account: int
    amount: int  # wad
    rate_ppm: int


def surcharges(happenings: Iterable[Happening], scenario: Scenario) -> Iterator[Surcharge]:
    """What sides of fills paid above their plain rate; makers here are always post-only."""
    markets = {market.id: market for market in scenario.markets}
    fees: dict[tuple[int, int, int], int] = {}
    for h in happenings:
        if h.name == "PositionChanged":
            fees[h.transaction, h["account"], h["market"]] = h["fee"]
        elif h.name == "Matched":
            market = markets[h["market"]]
            notional = div_down(abs(h["size"]) * h["price"], WAD)
            for side, rate in (("maker", market.maker_fee_ppm), ("taker", market.taker_fee_ppm)):
                fee = fees.pop((h.transaction, h[side], h["market"]))
                plain = div_up(notional * rate, PPM * _MICRO) * _MICRO
                if fee > plain:
                    part = div_down((fee - plain) * PPM + notional // 2, notional)
                    yield Surcharge(h.time, h["market"], h[side], fee - plain, part)
