"""How well the invented accounts follow the published quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plimsoll.population import Population
from plimsoll.scenario import Quantiles, Scenario
from plimsoll.units import PPM, WAD, div_down, exact

SHOWN_PPM: Final = (100_000, 250_000, 500_000, 750_000, 900_000)


def fit_to_data(scenario: Scenario, population: Population) -> list[dict[str, Any]]:
    """Quantiles of the data beside those of the winners, had nobody been deleveraged.

    Leverage and size are taken at the data's average ADL prices, as in the data.
    """
    deposits = {plan.name: plan.deposit for plan in population.accounts}
    leverage: list[int] = []
    notional: list[int] = []
    entry: dict[str, list[int]] = {terms.name: [] for terms in scenario.markets}
    profit: dict[str, list[int]] = {terms.name: [] for terms in scenario.markets}
    names = {terms.id: terms.name for terms in scenario.markets}
    for trade in population.trades:
        if not trade.taker.startswith("winner"):
            continue
        market = names[trade.market]
        adl = scenario.adl_price[market]
        value = div_down(-trade.size * adl, WAD)
        equity = deposits[trade.taker] + div_down(trade.size * (adl - trade.price), WAD)
        leverage.append(div_down(value * WAD, equity))
        notional.append(value)
        entry[market].append(trade.price)
        profit[market].append(div_down((trade.price - adl) * 100 * WAD, adl))
    rows = [
        _row("leverage", scenario.leverage, leverage),
        _row("size", scenario.notional, notional),
    ]
    for terms in scenario.markets:
        rows.append(_row(f"{terms.name} entry", scenario.entry[terms.name], entry[terms.name]))
        rows.append(_row(f"{terms.name} profit", scenario.profit[terms.name], profit[terms.name]))
    return rows


def _row(what: str, data: Quantiles, ours: Sequence[int]) -> dict[str, Any]:
    ranked = sorted(ours)
    return {
        "what": what,
        "unit": data.unit,
        "source": data.source,
        "probabilities_ppm": list(SHOWN_PPM),
        "data": [exact(data.at(probability)) for probability in SHOWN_PPM],
        "ours": [exact(_quantile(ranked, probability)) for probability in SHOWN_PPM],
    }


def _quantile(ranked: Sequence[int], probability_ppm: int) -> int:
    """Linear between the two nearest values."""
    place = probability_ppm * (len(ranked) - 1)
    lower, rest = divmod(place, PPM)
    upper = min(lower + 1, len(ranked) - 1)
    return ranked[lower] + div_down((ranked[upper] - ranked[lower]) * rest, PPM)
