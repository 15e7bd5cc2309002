"""The figures of a replay as files: report.json, waves.csv and policies.csv.

Amounts are exact decimal strings in units of the settlement asset (dollars), shares are decimal
strings of one; null or an empty cell means not known, or not applicable. The venue's `accounts`
are those it deleveraged, and its haircuts parts of equity; everybody else's are parts of profit.
`gas` is that of the calls of `start` and `resolve`, which stand beside it. `brokers` and
`guaranty_fund` are layers 2 and 5; `lost_by_operators` and `lost_by_depositors` share out the same.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.replay.book import Day
from plimsoll.replay.brokers import Sponsored
from plimsoll.replay.outcome import PolicyOutcome, Round
from plimsoll.replay.quantiles import quantile
from plimsoll.replay.settings import Settings
from plimsoll.units import PPM, WAD, div_down, exact

Json = dict[str, Any]

SHOWN_PPM = (100_000, 250_000, 500_000, 750_000, 900_000, 990_000)


@dataclass(frozen=True)
class Replay:
    """A day under every policy. `plain` is Plimsoll with the waterfall off."""

    settings: Settings
    day: Day
    venue: PolicyOutcome
    outcomes: tuple[PolicyOutcome, ...]
    luck: tuple[int, ...]  # net overshoots of the queue under other deals, wad, ascending
    seconds: float  # shown only: a report has the same bytes every time

    @property
    def plain(self) -> PolicyOutcome:
        """Plimsoll, waterfall off."""
        key = next(policy.key for policy in self.settings.policies if policy.bare)
        return next(outcome for outcome in self.outcomes if outcome.key == key)

    @property
    def rows(self) -> tuple[PolicyOutcome, ...]:
        """The venue first, then every policy."""
        return (self.venue, *self.outcomes)


def document(replay: Replay) -> Json:
    """The whole document. `waves` are those of Plimsoll with the waterfall off."""
    settings, day = replay.settings, replay.day
    return {
        "name": settings.name,
        "about": settings.about,
        "seed": settings.seed,
        "scale": exact(math.floor(day.scale * WAD)),
        "source": {"accounts": day.source, "waves": settings.waves_source},
        "facts": [dict(fact) for fact in settings.facts],
        "assumptions": {
            "hedged_share": exact(settings.hedged_ppm, PPM),
            "hedge_broken_from": exact(settings.broken_ppm, PPM),
            "brokers": settings.brokers_about,
        },
        "accounts": {
            "number": len(day.holdings),
            "notional": exact(sum(one.notional for one in day.holdings)),
            "profit": exact(sum(one.profit for one in day.holdings)),
            "quantiles": quantiles(day),
        },
        "waves": [_round(one) for one in replay.plain.rounds],
        "policies": [_outcome(outcome) for outcome in replay.rows],
        "queue_net_overshoot_under_other_deals": [exact(net) for net in replay.luck],
    }


def quantiles(day: Day) -> list[Json]:
    """Notional, profit, leverage and rank in the simulated queue of the day's accounts.

    Leverage is notional / cash, the rank profit / equity; both are 0 where the divisor is not
    positive.
    """
    columns = {
        "notional": [one.notional for one in day.holdings],
        "profit": [one.profit for one in day.holdings],
        "leverage: notional / cash": [
            _ratio(one.notional, one.equity - one.profit) for one in day.holdings
        ],
        "rank in the simulated queue: profit / equity": [
            _ratio(one.profit, one.equity) for one in day.holdings
        ],
    }
    return [
        {
            "what": what,
            "probabilities": [exact(probability, PPM) for probability in SHOWN_PPM],
            "values": [_short(quantile(sorted(values), at)) for at in SHOWN_PPM],
        }
        for what, values in columns.items()
    ]


def _short(value: int) -> str:
    """Four places are enough for a quantile."""
    return exact(div_down(value, 10**14), 10**4)


def _ratio(amount: int, divisor: int) -> int:
    return div_down(amount * WAD, divisor) if divisor > 0 else 0


def write_json(data: Json, path: Path) -> None:
    """Save the document; the same replay gives the same bytes."""
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def write_tables(replay: Replay, folder: Path) -> tuple[Path, Path]:
    """waves.csv with a line per policy and wave, policies.csv with a line per policy."""
    waves, policies = folder / "waves.csv", folder / "policies.csv"
    _csv(
        waves,
        [{"policy": o.key} | _round(one) for o in replay.rows for one in o.rounds],
    )
    _csv(policies, [_totals(outcome) for outcome in replay.rows])
    return waves, policies


def _csv(path: Path, rows: Sequence[Json]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _round(one: Round) -> Json:
    return {
        "wave": one.wave,
        "needed": exact(one.needed),
        "taken": exact(one.taken),
        "paid_by_winners": _known(one.charged),
        "insurance": exact(one.insurance),
        "brokers": exact(one.brokers),
        "guaranty_fund": exact(one.fund),
        "shortfall": exact(one.shortfall),
        "overshoot": exact(one.overshoot),
        "available_profit": exact(one.available),
        "profit_out_of_reach": _known(one.out_of_reach),
        "largest_haircut": exact(one.largest),
        "median_haircut": _known(one.median),
        "accounts": one.accounts,
        "recirculation": _known(one.recirculation),
        "rematched": one.rematched,
        "buckets": one.buckets,
        "gas": one.gas,
        "start_gas": one.start_gas,
        "start_calls": one.bankrupt,
        "resolve_gas": one.resolve_gas,
        "resolve_calls": one.resolve_calls,
        "lost_by_operators": _known(one.stakes),
        "lost_by_depositors": _known(one.pools),
    }


def _totals(outcome: PolicyOutcome) -> Json:
    return {
        "policy": outcome.key,
        "title": outcome.title,
        "kind": outcome.kind,
        "needed": exact(outcome.needed),
        "taken": exact(outcome.taken),
        "insurance": exact(outcome.insurance),
        "brokers": exact(outcome.brokers),
        "guaranty_fund": exact(outcome.fund),
        "shortfall": exact(outcome.shortfall),
        "net_overshoot": exact(outcome.net),
        "overshoot": exact(outcome.over),
        "undershoot": exact(outcome.under),
        "accounts": outcome.accounts,
        "largest_haircut": _known(outcome.largest),
        "median_haircut": _known(outcome.median),
        "recirculation": _known(outcome.recirculation),
        "hedged_books": outcome.hedged,
        "hedges_broken_by_haircut": outcome.broken if outcome.kind == "simulation" else None,
        "hedges_broken_by_rematching": outcome.broken if outcome.kind == "contracts" else None,
        "gas": outcome.gas,
        "start_gas": outcome.start_gas,
        "resolve_gas": outcome.resolve_gas,
        "lost_by_operators": _known(outcome.stakes),
        "lost_by_depositors": _known(outcome.pools),
    }


def _outcome(outcome: PolicyOutcome) -> Json:
    return {
        **_totals(outcome),
        "dropped": dict(outcome.dropped or {}),
        "sponsored": None if outcome.sponsored is None else _sponsored(outcome.sponsored),
        "waves": [_round(one) for one in outcome.rounds],
    }


def _sponsored(one: Sponsored) -> Json:
    return {
        "clients": one.clients,
        "bankrupt_accounts": one.bankrupt,
        "loss_expected_of_clients": exact(one.loss),
        "guarantees": exact(one.guarantees),
        "stakes": exact(one.stakes),
        "pools": exact(one.pools),
        "guaranty_fund": exact(one.fund),
        "brokers_failed": one.failed,
        "shields_ended_early": one.early,
    }


def _known(value: int | None) -> str | None:
    return None if value is None else exact(value)
