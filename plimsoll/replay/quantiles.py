"""The winners of the day as quantiles, and as many invented winners that follow them.

`describe` sorts accounts by notional into bands and keeps, per band: how many they are, what
they sum to, quantiles of notional, quantiles of profit / notional and, because profit and
leverage go together, quantiles of cash / notional for each quarter of the band by profit.
`draw` goes the other way. Both are exact integers, so a scenario file gives the same accounts
everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from plimsoll.population import shuffled, stratified
from plimsoll.scenario import Quantiles
from plimsoll.units import PPM, WAD, div_down, exact, to_ppm, to_wad

# a band holds the accounts whose rank by notional lies between two of these
RANKS_PPM: Final = tuple(
    to_ppm(edge)
    for edge in (
        *("0", "0.02", "0.05", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"),
        *("0.95", "0.97", "0.98", "0.99", "0.995", "0.998", "1"),
    )
)
NOTIONAL_AT_PPM: Final = tuple(map(to_ppm, ("0", "0.25", "0.5", "0.75", "0.9", "1")))
PROFIT_AT_PPM: Final = tuple(
    to_ppm(probability)
    for probability in (
        *("0", "0.005", "0.01", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99"),
        *("0.995", "1"),
    )
)
CASH_AT_PPM: Final = tuple(
    to_ppm(probability)
    for probability in (
        *("0.005", "0.02", "0.05", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"),
        *("0.9", "0.95", "0.98", "0.995"),
    )
)
QUARTERS: Final = 4
SHUFFLES: Final = 64  # the one that meets a band's profit best is kept

_DIGITS: Final = 4  # significant digits of a quantile in the file


@dataclass(frozen=True)
class Outline:
    """What is known of an account: all wad. `cash` is the account value without this profit."""

    notional: int
    profit: int
    cash: int


@dataclass(frozen=True)
class Band:
    """Accounts of similar notional: sums in wad, quantiles of notional and of ratios to it."""

    accounts: int
    notional_sum: int
    profit_sum: int
    notional: Quantiles
    profit: Quantiles  # per unit of notional
    cash: tuple[Quantiles, ...]  # per unit of notional, by quarter of `profit`


def describe(outlines: Sequence[Outline]) -> tuple[Band, ...]:
    """Bands of these accounts; they must be enough for every band to have a few."""
    ranked = sorted(outlines, key=lambda one: (one.notional, one.profit, one.cash))
    edges = [div_down(len(ranked) * edge, PPM) for edge in RANKS_PPM]
    return tuple(_band(ranked[low:high]) for low, high in pairwise(edges))


def draw(bands: Sequence[Band], seed: int) -> tuple[Outline, ...]:
    """Invented accounts, as many as the bands say, in ascending bands of notional.

    Sums of notional and profit come out as the bands state them, up to a wad per account.
    """
    shuffler = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return tuple(outline for band in bands for outline in _draw_band(band, shuffler))


def quantile(ranked: Sequence[int], probability_ppm: int) -> int:
    """Of ascending numbers: linear between the two nearest ranks."""
    place, rest = divmod((len(ranked) - 1) * probability_ppm, PPM)
    above = ranked[min(place + 1, len(ranked) - 1)]
    return ranked[place] + div_down((above - ranked[place]) * rest, PPM)


def band_to_json(band: Band) -> dict[str, Any]:
    """A band as the scenario file states it: decimal numbers, a line for each distribution."""
    return {
        "accounts": band.accounts,
        "notional_sum": exact(band.notional_sum),
        "profit_sum": exact(band.profit_sum),
        "notional": _line(band.notional),
        "profit_per_notional": _line(band.profit),
        "cash_per_notional": [_line(part) for part in band.cash],
    }


def band_from_json(entry: Mapping[str, Any]) -> Band:
    """The inverse of `band_to_json`; KeyError or ValueError if it is something else."""
    parts = entry["cash_per_notional"]
    if len(parts) != QUARTERS:
        raise ValueError(f"cash_per_notional needs {QUARTERS} lines, one per quarter")
    band = Band(
        accounts=int(entry["accounts"]),
        notional_sum=to_wad(entry["notional_sum"]),
        profit_sum=to_wad(entry["profit_sum"]),
        notional=_read(NOTIONAL_AT_PPM, entry["notional"]),
        profit=_read(PROFIT_AT_PPM, entry["profit_per_notional"]),
        cash=tuple(_read(CASH_AT_PPM, part) for part in parts),
    )
    if band.accounts < 1 or band.notional.values[0] <= 0:
        raise ValueError("a band needs accounts, and they need a notional")
    return band


def _line(quantiles: Quantiles) -> str:
    return " ".join(exact(value) for value in quantiles.values)


def _read(at_ppm: tuple[int, ...], line: str) -> Quantiles:
    return _quantiles(at_ppm, [to_wad(number) for number in line.split()])


# --- describing --------------------------------------------------------------------------


def _band(ranked: Sequence[Outline]) -> Band:
    by_profit = sorted(ranked, key=_profit_ratio)
    edges = [div_down(len(by_profit) * quarter, QUARTERS) for quarter in range(QUARTERS + 1)]
    return Band(
        accounts=len(ranked),
        notional_sum=sum(one.notional for one in ranked),
        profit_sum=sum(one.profit for one in ranked),
        notional=_measured(NOTIONAL_AT_PPM, [one.notional for one in ranked]),
        profit=_measured(PROFIT_AT_PPM, [_profit_ratio(one) for one in ranked]),
        cash=tuple(
            _measured(
                CASH_AT_PPM,
                [div_down(one.cash * WAD, one.notional) for one in by_profit[low:high]],
            )
            for low, high in pairwise(edges)
        ),
    )


def _profit_ratio(one: Outline) -> int:
    return div_down(one.profit * WAD, one.notional)


def _measured(at_ppm: tuple[int, ...], values: Sequence[int]) -> Quantiles:
    """Quantiles of `values`, four digits of each."""
    ranked = sorted(values)
    return _quantiles(at_ppm, [_shortened(quantile(ranked, at)) for at in at_ppm])


def _shortened(value: int) -> int:
    """Four significant digits, nearest."""
    scale: int = 10 ** max(0, len(str(abs(value))) - _DIGITS)
    return div_down(value + scale // 2, scale) * scale


def _quantiles(at_ppm: tuple[int, ...], values: Sequence[int]) -> Quantiles:
    if len(values) != len(at_ppm) or list(values) != sorted(values):
        raise ValueError(f"{len(at_ppm)} ascending quantiles are needed, not {len(values)}")
    return Quantiles(source="", unit="", probabilities_ppm=at_ppm, values=tuple(values))


# --- drawing -----------------------------------------------------------------------------


def _draw_band(band: Band, shuffler: random.Random) -> list[Outline]:
    count = band.accounts
    notionals = _to_sum([band.notional.at(p) for p in stratified(count, 0, PPM)], band.notional_sum)
    ratios = [band.profit.at(p) for p in stratified(count, 0, PPM)]
    cash = _cash_by_rank(band, shuffler)
    order = _best_order(notionals, ratios, band.profit_sum, shuffler)
    raw = [div_down(size * ratios[rank], WAD) for size, rank in zip(notionals, order, strict=True)]
    profits = _to_sum(raw, band.profit_sum)
    return [
        Outline(notional=size, profit=profit, cash=div_down(size * cash[rank], WAD))
        for size, profit, rank in zip(notionals, profits, order, strict=True)
    ]


def _cash_by_rank(band: Band, shuffler: random.Random) -> list[int]:
    """Cash / notional for every rank by profit; shuffled inside each quarter."""
    edges = [div_down(band.accounts * quarter, QUARTERS) for quarter in range(QUARTERS + 1)]
    found: list[int] = []
    for part, (low, high) in zip(band.cash, pairwise(edges), strict=True):
        found += shuffled(shuffler, [part.at(p) for p in stratified(high - low, 0, PPM)])
    return found


def _best_order(
    notionals: Sequence[int], ratios: Sequence[int], wanted: int, shuffler: random.Random
) -> list[int]:
    """Which rank by profit each account gets: the shuffle that comes nearest to the sum."""
    tries = [shuffled(shuffler, range(len(ratios))) for _ in range(SHUFFLES)]

    def miss(order: Sequence[int]) -> int:
        pairs = zip(notionals, order, strict=True)
        return abs(div_down(sum(size * ratios[rank] for size, rank in pairs), WAD) - wanted)

    return min(tries, key=miss)


def _to_sum(values: Sequence[int], wanted: int) -> list[int]:
    """`values` in proportion, so that they sum to `wanted` less at most one wad each."""
    total = sum(values)
    return [div_down(value * wanted, total) for value in values]
