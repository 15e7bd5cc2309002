"""The files of a run: results.json, scenarios.csv, sweep.csv."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.stress.brokerage import Capital
from plimsoll.stress.draws import SweepPlan
from plimsoll.stress.estimate import Estimate, Quantile
from plimsoll.stress.findings import Findings, part_of
from plimsoll.stress.grids import recommended
from plimsoll.stress.measures import MEASURES
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.sweep import Day, row
from plimsoll.units import PPM, exact

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """Everything one command found; the sweep's parts are empty if none was asked for."""

    command: str
    outcomes: tuple[Outcome, ...]
    plan: SweepPlan | None
    days: tuple[Day, ...]
    found: Findings | None


def as_json(run: Run) -> Json:
    """All results. Amounts are exact decimal strings in quote units, estimates are numbers."""
    return {
        "command": run.command,
        "scenarios": [_scenario(outcome) for outcome in run.outcomes],
        "sweep": None
        if run.plan is None or run.found is None
        else _sweep(run.plan, run.found, run.days),
    }


def write_files(run: Run, folder: Path) -> None:
    """The three files; the page is written by `page.write_page`."""
    text = json.dumps(as_json(run), indent=1)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    _write_csv(folder / "scenarios.csv", [_line(outcome) for outcome in run.outcomes])
    _write_csv(folder / "sweep.csv", [row(day) for day in run.days])


def _write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """One line for each; an old file of that name goes if there is nothing to write."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _figures(outcome: Outcome) -> dict[str, str]:
    return {key: exact(outcome.figures[key], kind.scale) for key, kind in MEASURES.items()}


def _line(outcome: Outcome) -> dict[str, str]:
    return {
        "scenario": outcome.key,
        "accounts": str(outcome.accounts),
        "open_interest": exact(outcome.open_interest),
        "junior_capital": exact(outcome.capital[0]),
        "senior_capital": exact(outcome.capital[1]),
        "broker_capital": exact(sum(one.stake + one.pool for one in outcome.brokers_before)),
        "terms_off": " ".join(outcome.terms_off),
        **_figures(outcome),
        "cover_2_losses": exact(outcome.cover.losses),
        "cover_2_paid": exact(outcome.cover.covered),
        "expectations": "failed" if outcome.failures else "hold",
    }


def _scenario(outcome: Outcome) -> Json:
    return {
        "scenario": outcome.key,
        "title": outcome.title,
        "about": outcome.about,
        "markets": list(outcome.markets),
        "accounts": outcome.accounts,
        "open_interest": exact(outcome.open_interest),
        "capital": {"junior": exact(outcome.capital[0]), "senior": exact(outcome.capital[1])},
        "brokers": [
            {"before": _capital(before), "after": _capital(after)}
            for before, after in zip(outcome.brokers_before, outcome.brokers_after, strict=True)
        ],
        "terms_off": list(outcome.terms_off),
        "figures": _figures(outcome),
        "deficits": {name: exact(amount) for name, amount in outcome.deficits.items()},
        "haircuts": {name: exact(amount) for name, amount in outcome.haircuts.items()},
        "cover_2": {
            "accounts": list(outcome.cover.names),
            "losses": exact(outcome.cover.losses),
            "paid": exact(outcome.cover.covered),
            "paid_by_layer": [exact(amount) for amount in outcome.cover.layers],
            "survived": outcome.cover.survived,
        },
        "refusals": dict(outcome.refusals),
        "expectations": [expectation.text for expectation in outcome.expect],
        "failures": outcome.failures,
        "books": {
            "claims": exact(outcome.books.claims),
            "unexplained_wei": outcome.books.difference,
            "token_units_minted": outcome.books.tokens_minted,
            "token_units_found": outcome.books.tokens_found,
        },
    }


def _capital(one: Capital) -> Json:
    return {
        "name": one.name,
        "state": one.state,
        "clients": one.clients,
        "locks": exact(one.locks),
        "stake": exact(one.stake),
        "pool": exact(one.pool),
        "fund": exact(one.fund),
    }


def _sweep(plan: SweepPlan, found: Findings, days: Sequence[Day]) -> Json:
    return {
        "seed": found.seed,
        "runs": found.runs,
        "runs_beyond_1_in_1000": found.beyond,
        "effective_runs": found.effective,
        "open_interest": exact(plan.open_interest),
        "terms_off": plan.switches.off,
        "limits": {
            "market": exact(found.limits.market_ppm, PPM),
            "total": exact(found.limits.total_ppm, PPM),
        },
        "gaps": {
            name: {"in_100": exact(gaps.in_100_ppm, PPM), "in_1000": exact(gaps.in_1000_ppm, PPM)}
            for name, gaps in plan.gaps.items()
        },
        "layers": [
            {
                "layer": layer.layer,
                "probability": _estimate(layer.often),
                "mean_part_of_open_interest": _estimate(layer.mean_part),
                "largest_part_of_open_interest": layer.largest_part,
            }
            for layer in found.layers
        ],
        "groups": [
            {
                "group": group.group,
                "runs": group.runs,
                "bankrupt": _estimate(group.bankrupt),
                "haircut": _estimate(group.haircut),
                "shortfall": _estimate(group.shortfall),
                "cover_2": _estimate(group.cover_2),
                "capital_1_in_1000": _quantile(plan, group.needed),
            }
            for group in found.groups
        ],
        "capital_1_in_1000": {
            "within_limits": _quantile(plan, found.capital.needed),
            "spent": _quantile(plan, found.capital.spent),
            "paid_on_replay_with": exact(found.capital.factor_ppm, PPM),
        },
        "kappa": [
            {
                "market": kappa.market,
                "gap_1_in_1000": exact(kappa.gap_ppm, PPM),
                "deficit_1_in_1000": _quantile(plan, kappa.deficit),
                "alpha": exact(kappa.alpha_ppm, PPM),
                "kappa": _finite(kappa.value),
                "low": _finite(kappa.low),
                "high": _finite(kappa.high),
                "recommended": recommended(kappa),
                "paid_on_replay_with": exact(kappa.factor_ppm, PPM),
            }
            for kappa in found.kappas
        ],
        "capital_tells_haircut": _estimate(found.agree),
        "days": [row(day) for day in days],
    }


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _quantile(plan: SweepPlan, found: Quantile) -> Json:
    return {
        "value": exact(found.value),
        "low": exact(found.low),
        "high": exact(found.high),
        "part_of_open_interest": part_of(plan, found.value),
    }


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value
