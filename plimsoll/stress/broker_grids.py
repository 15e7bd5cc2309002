"""The tables of brokers in a stress report."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.report.grid import Grid
from plimsoll.stress.findings import whole
from plimsoll.stress.outcome import Outcome


def brokers_grid(outcomes: Sequence[Outcome]) -> Grid:
    """Brokers of the scenarios that have some, before and after."""
    return Grid(
        "Brokers, quote units",
        (
            "scenario", "broker", "clients", "guaranteed", "stake", "pool", "in the fund",
            "clients left", "stake left", "pool left", "in the fund at the end", "at the end",
        ),
        tuple(
            (
                outcome.key,
                before.name,
                str(before.clients),
                *(whole(a) for a in (before.locks, before.stake, before.pool, before.fund)),
                str(after.clients),
                *(whole(a) for a in (after.stake, after.pool, after.fund)),
                after.state,
            )
            for outcome in outcomes
            for before, after in zip(outcome.brokers_before, outcome.brokers_after, strict=True)
        ),
        "In the fund: contribution and assessment, which are parts of stake and pool. What a "
        "broker earns in fees goes to both.",
        words=2,
    )  # fmt: skip


def calls_grid(outcomes: Sequence[Outcome]) -> Grid:
    """Margin calls, and who lost what at the brokers."""
    return Grid(
        "Margin calls and brokers' losses",
        (
            "scenario", "calls", "met", "defaulted", "lost by operators", "lost by depositors",
            "brokers failed", "suspended",
        ),
        tuple(
            (
                outcome.key,
                *(
                    str(outcome.figures[key])
                    for key in ("margin_calls", "margin_cures", "margin_defaults")
                ),
                *(whole(outcome.figures[key]) for key in ("operators_lost", "depositors_lost")),
                *(str(outcome.figures[key]) for key in ("brokers_failed", "brokers_suspended")),
            )
            for outcome in outcomes
            if outcome.brokers_before
        ),
    )  # fmt: skip
