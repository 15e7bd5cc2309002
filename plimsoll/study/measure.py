"""Many crashes under many rules, added up.

Gains from deviating are parts of the profit that the move itself gave the position: what a loyal
twin is missing at the end, price moves apart, less what the deviator is missing. 0.2 says that the
plan kept a fifth of that profit that loyalty would have lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from statistics import fmean
from typing import Any, Final

from plimsoll.study.cast import INTEREST, Crash, draw
from plimsoll.study.play import HONEST, PROBE_SHARE, PROBES, Outcome, Play
from plimsoll.study.rules import ANY, ESCROW, GATE, HOLD, LOCK, NONE, RULES, Rule
from plimsoll.study.venue import FEES_PPM

Json = dict[str, Any]
Step = Callable[[str], None]

PLANS: Final = tuple(plan for plan in PROBES if plan != "twin")
PARTS: Final = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)  # of the winners that deviate
CURVE_RULES: Final = (NONE, LOCK, ESCROW, HOLD)
CURVE_PLANS: Final = ("resetter", "runner")
FACTORS: Final = (0.5, 1.0, 2.0, 4.0, ANY)
GATE_FACTORS: Final = (0.5, 1.0, ANY)
DELAYS: Final = (0, 2, 5, 8, 12, 20)  # of keepers, blocks
RACERS: Final = (NONE, LOCK, HOLD, replace(HOLD, key="hold_300", title="hold, 5 min", hold_s=300))
HELD: Final = (0, 30, 60, 120, 300)
JUMPS: Final = (0.03, 0.045, 0.06, 0.1)
BOOTSTRAPS: Final = 200
HOLE: Final = 1.0  # quote units: less is rounding
SUBSET: Final = 5  # one crash in so many is played in the sweeps


def move_profit(outcome: Outcome) -> float:
    """What the move gave a probe, quote units."""
    return PROBE_SHARE * INTEREST * outcome.crash.gap


def uncovered_part(outcomes: Sequence[Outcome]) -> float:
    """Part of what the waterfall left open that winners did not pay either."""
    asked = sum(outcome.hole + outcome.haircut for outcome in outcomes)
    return sum(outcome.hole for outcome in outcomes) / asked if asked else 0.0


def gain(outcomes: Sequence[Outcome], plan: str) -> float:
    """What a plan keeps that loyalty loses, as a part of the move's profit."""
    kept = sum(outcome.costs["twin"] - outcome.costs[plan] for outcome in outcomes)
    return kept / sum(move_profit(outcome) for outcome in outcomes)


def interval(outcomes: Sequence[Outcome], plan: str) -> tuple[float, float]:
    """95 % of the gains of a plan when the crashes are drawn anew from those played."""
    rng = Random(plan)  # noqa: S311 - repeatable, not secret
    found = sorted(gain(rng.choices(outcomes, k=len(outcomes)), plan) for _ in range(BOOTSTRAPS))
    return found[BOOTSTRAPS // 40], found[-1 - BOOTSTRAPS // 40]


def waits(outcomes: Sequence[Outcome], plan: str) -> Json:
    """How long honest wishes of one kind waited."""
    all_s = [wait for outcome in outcomes for wait in outcome.waits.get(plan, [])]
    late = [wait for wait in all_s if wait]
    wished = len(outcomes) * max(1, list(HONEST.values()).count(plan))
    return {
        "wishes": wished,
        "granted": len(all_s),
        "waited": len(late),
        "mean_s": fmean(late) if late else 0.0,
        "longest_s": max(late, default=0),
    }


def summary(rule: Rule, outcomes: Sequence[Outcome]) -> Json:
    """One rule over all crashes."""
    profit = sum(move_profit(outcome) for outcome in outcomes)
    kept_s = [held for outcome in outcomes for held in outcome.kept_s]

    def lost(plan: str) -> float:
        return sum(outcome.costs[plan] for outcome in outcomes) / profit

    def missing(plan: str) -> float:
        return fmean(outcome.costs[plan] / outcome.bases[plan] for outcome in outcomes)

    return {
        "rule": rule.key,
        "title": rule.title,
        "gains": {plan: gain(outcomes, plan) for plan in PLANS},
        "intervals": {plan: interval(outcomes, plan) for plan in PLANS},
        "lost": {plan: lost(plan) for plan in (*PROBES, "late")},
        "bystander": missing("bystander"),
        "fugitive": missing("fugitive"),
        "uncovered": uncovered_part(outcomes),
        "holes": sum(outcome.hole > HOLE for outcome in outcomes),
        "worst_rho": min(outcome.rho for outcome in outcomes),
        "vaults": sum(outcome.vaults for outcome in outcomes) / len(outcomes) / INTEREST,
        "waits": {plan: waits(outcomes, plan) for plan in ("reducer", "spender", "saver")},
        "kept": {
            "times": len(kept_s),
            "mean_s": fmean(kept_s) if kept_s else 0.0,
            "longest_s": max(kept_s, default=0),
        },
        "unfinished": sum(outcome.unfinished for outcome in outcomes),
    }


def sample(outcomes: Sequence[Outcome]) -> Json:
    """What kind of crashes these are; outcomes without a rule."""
    open_ones = [outcome for outcome in outcomes if outcome.hole + outcome.haircut > HOLE]
    asked = [(outcome.hole + outcome.haircut) / INTEREST for outcome in open_ones]
    fee = [FEES_PPM / 1e6 / outcome.crash.gap for outcome in outcomes]
    alarms = [outcome for outcome in outcomes if outcome.bankrupt > HOLE]
    idle = [outcome for outcome in alarms if outcome.hole + outcome.haircut <= HOLE]
    return {
        "crashes": len(outcomes),
        "gaps": sum(outcome.crash.steps == 1 for outcome in outcomes),
        "below_zero": len(alarms),
        "beyond_waterfall": len(open_ones),
        "asked_mean": fmean(asked) if asked else 0.0,
        "asked_largest": max(asked, default=0.0),
        "fee_of_profit": fmean(fee),
        "reset_in_vain": len(idle),
        "twin_lost": sum(outcome.costs["twin"] for outcome in outcomes)
        / sum(move_profit(outcome) for outcome in outcomes),
        "twin_lost_beyond": sum(outcome.costs["twin"] for outcome in open_ones)
        / max(1.0, sum(move_profit(outcome) for outcome in open_ones)),
    }


# --- sweeps ---------------------------------------------------------------------------------


def curves(crashes: Sequence[Crash], step: Step) -> list[Json]:
    """Who pays when more and more winners deviate."""
    found = []
    for rule in CURVE_RULES:
        for plan in CURVE_PLANS:
            step(f"{rule.title}: more and more {plan}s")
            for part in PARTS:
                played = [Play(crash, rule, part, plan).run() for crash in crashes]
                found.append(
                    {
                        "rule": rule.key,
                        "plan": plan,
                        "part": part,
                        "uncovered": uncovered_part(played),
                        "holes": sum(outcome.hole > HOLE for outcome in played),
                        "rho": fmean(outcome.rho for outcome in played),
                        "worst_rho": min(outcome.rho for outcome in played),
                    }
                )
    return found


def variants() -> Iterator[tuple[str, float, Rule]]:
    """Name of the sweep, its value and the rule."""
    for factor in FACTORS:
        yield "lock factor", factor, replace(LOCK, lock_factor=factor)
    for factor in GATE_FACTORS:
        yield "gate factor", factor, replace(GATE, gate_factor=factor)
    for seconds in HELD:
        yield "hold, seconds", seconds, replace(HOLD, hold_s=seconds)
    for jump in JUMPS:
        yield "hold, jump", jump, replace(HOLD, jump=jump)
    yield "hold, entry as filled", 0, replace(HOLD, basis_at_mark=False)
    yield "hold, profit may be withdrawn", 0, replace(HOLD, gains_stay=False)
    yield "hold, all withdrawals wait", 0, replace(HOLD, gate_jump=True)
    yield "hold, takes refused too", 0, replace(HOLD, lock_takes=True)
    yield "hold and lock, factor", 2, replace(HOLD, lock_factor=2)


def sweeps(crashes: Sequence[Crash], step: Step) -> list[Json]:
    """One parameter at a time."""
    found = []
    for name, value, rule in variants():
        step(f"{name} {value:g}")
        played = [Play(crash, rule).run() for crash in crashes]
        row = summary(rule, played)
        del row["intervals"], row["lost"]
        found.append({"sweep": name, "value": value, **row})
    return found


def race(crashes: Sequence[Crash], step: Step) -> list[Json]:
    """Deviators act in the block of the move, keepers some blocks later."""
    found = []
    for rule in RACERS:
        step(f"{rule.title}: late keepers")
        for delay in DELAYS:
            late = [replace(c, keeper_lag=delay, lags=dict.fromkeys(c.lags, 0)) for c in crashes]
            played = [Play(crash, rule).run() for crash in late]
            gains = {plan: gain(played, plan) for plan in PLANS}
            found.append({"rule": rule.key, "delay": delay, "gains": gains})
    return found


def study(seed: int, runs: int, step: Step) -> Json:
    """Everything; `step` is told what is being played."""
    crashes = [draw(seed, number) for number in range(runs)]
    some = crashes[: max(1, runs // SUBSET)]
    rules: list[Json] = []
    first: list[Outcome] = []
    for rule in RULES:
        step(f"{rule.title}: {runs} crashes")
        played = [Play(crash, rule).run() for crash in crashes]
        first = first or played
        rules.append(summary(rule, played))
    return {
        "seed": seed,
        "runs": runs,
        "sample": sample(first),
        "rules": rules,
        "curves": curves(some, step),
        "sweeps": sweeps(some, step),
        "race": race(some, step),
    }


def steps() -> int:
    """How often `study` calls its `step`."""
    return len(RULES) + len(CURVE_RULES) * len(CURVE_PLANS) + len(list(variants())) + len(RACERS)
