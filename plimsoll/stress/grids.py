"""The tables of a stress report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from plimsoll.report.grid import Grid
from plimsoll.stress.broker_grids import brokers_grid, calls_grid
from plimsoll.stress.cover import Cover
from plimsoll.stress.draws import SweepPlan
from plimsoll.stress.estimate import Estimate, Quantile
from plimsoll.stress.findings import REPLAYS_PPM, Findings, Kappa, part_of, whole
from plimsoll.stress.measures import LAYERS
from plimsoll.stress.outcome import Outcome
from plimsoll.units import PPM, RAY, percent

# --- scenarios ------------------------------------------------------------------------------


def who_paid(outcomes: Sequence[Outcome]) -> Grid:
    """Layer by layer."""
    return Grid(
        "Who paid, quote units",
        (
            "scenario", "own margin", "brokers", "junior", "senior", "their fund", "haircut",
            "shortfall", "terms off", "expected",
        ),
        tuple(
            (
                outcome.key,
                *(whole(outcome.figures[layer]) for layer in LAYERS),
                ", ".join(outcome.terms_off) or "-",
                f"FAILED {len(outcome.failures)}" if outcome.failures else "as found",
            )
            for outcome in outcomes
        ),
        "Brokers: layer 2, what the bankrupt account's own broker guaranteed. Their fund: layer 5.",
    )  # fmt: skip


def what_happened(outcomes: Sequence[Outcome]) -> Grid:
    """Accounts, sizes, rates, gas."""
    return Grid(
        "What happened",
        (
            "scenario", "accounts", "bankrupt", "taken", "re-matched", "largest haircut",
            "redemption rate", "takers got", "cover 2", "refusals", "dearest resolve, gas",
        ),
        tuple(
            (
                outcome.key,
                str(outcome.accounts),
                str(outcome.figures["bankrupt"]),
                _share(outcome.figures["taken"]),
                _share(outcome.figures["rematched"]),
                _share(outcome.figures["largest_haircut"]),
                percent(outcome.figures["redemption_rate"], RAY),
                whole(outcome.figures["concessions"] + outcome.figures["insurance_concessions"]),
                "yes" if outcome.cover.survived else "no",
                f"{outcome.figures['refusals']:,}",
                f"{outcome.figures['resolve_gas']:,}",
            )
            for outcome in outcomes
        ),
        "Taken and re-matched are parts of open interest at the first prices; a position may be "
        "re-matched more than once. Gas is measured in process, where slots stay warm: a receipt "
        "says more, see docs/gas.md.",
    )  # fmt: skip


def cover_grid(outcomes: Sequence[Outcome]) -> Grid:
    """The two dearest accounts of each scenario."""
    return Grid(
        "Cover 2: the two accounts whose default would cost most, at the scenario's worst prices",
        (
            "scenario",
            "accounts",
            "they would owe",
            "guarantees",
            "insurance",
            "guaranty fund",
            "together",
            "survived",
        ),
        tuple(
            (
                outcome.key,
                " and ".join(outcome.cover.names) or "nobody",
                whole(outcome.cover.losses),
                *_paid(outcome.cover),
                whole(outcome.cover.covered),
                "yes" if outcome.cover.survived else "no",
            )
            for outcome in outcomes
        ),
    )


# --- sweep ----------------------------------------------------------------------------------


def gaps_grid(plan: SweepPlan) -> Grid:
    """The assumption everything rests on."""
    return Grid(
        "Assumed gaps",
        ("market", "1 day in 100", "1 in 1,000", "1 in 10,000", "tail index"),
        tuple(
            (
                name,
                percent(gaps.in_100_ppm, PPM, 1),
                percent(gaps.in_1000_ppm, PPM, 1),
                percent(gaps.at(0.0001), PPM, 1),
                f"{gaps.tail:.1f}",
            )
            for name, gaps in plan.gaps.items()
        ),
    )


def layers_grid(found: Findings) -> Grid:
    """How often and how much each layer pays."""
    return Grid(
        "Each layer: how often it pays, and how much of open interest then",
        ("layer", "probability a day", "nine in ten", "mean", "largest"),
        tuple(
            (
                row.layer,
                chance(row.often.value),
                _interval(row.often),
                _part(row.mean_part.value),
                _part(row.largest_part),
            )
            for row in found.layers
        ),
    )


def groups_grid(plan: SweepPlan, found: Findings) -> Grid:
    """By leverage, and by how many winners leave."""
    return Grid(
        "By leverage mix, by winners who leave before anybody is liquidated, by clients of brokers",
        (
            "runs of", "number", "bankrupt", "haircut", "shortfall", "cover 2 holds",
            "capital for 1 in 1,000",
        ),
        tuple(
            (
                row.group,
                str(row.runs),
                chance(row.bankrupt.value),
                chance(row.haircut.value),
                chance(row.shortfall.value),
                _part(row.cover_2.value),
                _range(plan, row.needed),
            )
            for row in found.groups
        ),
        "Probabilities are of a day. Capital is part of open interest, with nine in ten of "
        "resampled estimates; guarantees are not counted as capital.",
    )  # fmt: skip


def capital_grid(plan: SweepPlan, found: Findings) -> Grid:
    """Capital for all but one day in a thousand."""
    capital = found.capital
    limits = found.limits
    rows = (
        ("within the layers' limits of a day", capital.needed),
        ("if all capital could be spent in a day", capital.spent),
    )
    return Grid(
        "Capital that pays all but one day in 1,000",
        ("", "quote units", "of open interest", "nine in ten"),
        tuple(
            (name, whole(q.value), _part(part_of(plan, q.value)), _range(plan, q, bare=True))
            for name, q in rows
        ),
        f"Limits: {percent(limits.market_ppm, PPM, 0)} of the capital a day for one market, "
        f"{percent(limits.total_ppm, PPM, 0)} for all. The day it rests on was played again with "
        f"other capital; the least that paid in full: {_factor(capital.factor_ppm)} the estimate.",
    )


def kappa_grid(found: Findings) -> Grid:
    """Recommended kappa of each market."""
    return Grid(
        "Largest kappa at which the fund survives the market's 1-in-1,000 gap, in open interest "
        "· w <= kappa · alpha · C",
        ("market", "w", "d", "kappa", "nine in ten", "paid on replay with", "recommended"),
        tuple(
            (
                kappa.market,
                percent(kappa.gap_ppm, PPM, 1),
                _part(kappa.deficit.value / kappa.open_interest),
                _number(kappa.value),
                f"{_number(kappa.low)} to {_number(kappa.high)}",
                f"{_factor(kappa.factor_ppm)} the capital",
                recommended(kappa),
            )
            for kappa in found.kappas
        ),
        "d: deficit of the 1-in-1,000 day as part of the market's open interest. alpha: what the "
        "layers may pay for one market in a day. The day behind d was played again with a gap in "
        "that market alone. Recommended is the cautious end of the interval, lowered if that took "
        "more capital than the estimate.",
    )


def recommended(kappa: Kappa) -> str:
    """Kappa as recommended, rounded down to a tenth."""
    value = kappa.recommended
    return "any" if math.isinf(value) else f"{math.floor(value * 10) / 10:.1f}"


def sweep_grids(plan: SweepPlan, found: Findings) -> list[Grid]:
    """All tables of a sweep."""
    return [
        gaps_grid(plan),
        layers_grid(found),
        groups_grid(plan, found),
        capital_grid(plan, found),
        kappa_grid(found),
    ]


def scenario_grids(outcomes: Sequence[Outcome]) -> list[Grid]:
    """All tables of the named scenarios."""
    grids = [who_paid(outcomes), what_happened(outcomes), cover_grid(outcomes)]
    if any(outcome.brokers_before for outcome in outcomes):
        grids += [brokers_grid(outcomes), calls_grid(outcomes)]
    return grids


def _paid(cover: Cover) -> tuple[str, str, str]:
    two, three, four, five = cover.layers
    return whole(two), whole(three + four), whole(five)


# --- cells ----------------------------------------------------------------------------------


def _share(part: int) -> str:
    return percent(part, RAY, 1)


def chance(value: float) -> str:
    """Two digits that count; an event that no run showed has no probability here."""
    return "none seen" if value == 0 else f"{value * 100:.2g} %"


def _part(value: float) -> str:
    return f"{value * 100:.2f} %"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low * 100:.2g} to {estimate.high * 100:.2g} %"


def _range(plan: SweepPlan, found: Quantile, *, bare: bool = False) -> str:
    low, high = part_of(plan, found.low) * 100, part_of(plan, found.high) * 100
    if bare:
        return f"{low:.1f} to {high:.1f} %"
    return f"{part_of(plan, found.value) * 100:.1f} % ({low:.1f} to {high:.1f})"


def _number(value: float) -> str:
    return "any" if math.isinf(value) else f"{value:.1f}"


def _factor(part_ppm: int) -> str:
    times = f"{(part_ppm or max(REPLAYS_PPM)) / PPM:g} times"
    return times if part_ppm else f"more than {times}"
