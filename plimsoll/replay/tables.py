"""The tables of a replay."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from plimsoll.replay.brokers import Sponsored
from plimsoll.replay.outcome import PolicyOutcome
from plimsoll.replay.report import SHOWN_PPM, Replay, quantiles
from plimsoll.report.grid import Grid
from plimsoll.report.layout import clock
from plimsoll.units import PPM, WAD, div_down, percent, rounded

MILLION: Final = 10**6 * WAD
NONE: Final = "-"
KINDS: Final = {
    "published": "published",
    "simulation": "simulated in Python",
    "contracts": "run on the contracts",
}


def policies_table(replay: Replay) -> Grid:
    """Money: what every policy took from whom."""
    return Grid(
        title="Policies side by side: money, million dollars",
        columns=(
            *("policy", "how", "needed", "from winners", "from insurance", "from brokers"),
            *("from their fund", "from nobody", "too much", "too little", "recirculated"),
        ),
        rows=tuple(
            (
                outcome.title,
                KINDS[outcome.kind],
                *(
                    millions(amount)
                    for amount in (
                        *(outcome.needed, outcome.taken, outcome.insurance, outcome.brokers),
                        *(outcome.fund, outcome.shortfall, outcome.over),
                        *(outcome.under, outcome.recirculation),
                    )
                ),
            )
            for outcome in replay.rows
        ),
        words=2,
    )


def people_table(replay: Replay) -> Grid:
    """People: how many paid, and how much of what they had won."""
    return Grid(
        title="Policies side by side: people, over the whole day",
        columns=(
            *("policy", "accounts charged", "largest haircut", "median haircut"),
            *("hedged books", "broken by haircut", "broken by re-matching"),
            *("gas of start, M", "gas of resolve, M"),
        ),
        rows=tuple(
            (
                outcome.title,
                _count(outcome.accounts) + _of(outcome, " deleveraged"),
                share(outcome.largest) + _of(outcome, " of equity"),
                share(outcome.median),
                _count(outcome.hedged),
                _broken(outcome, "simulation"),
                _broken(outcome, "contracts"),
                _gas(outcome.start_gas),
                _gas(outcome.resolve_gas),
            )
            for outcome in replay.rows
        ),
    )


def waves_table(replay: Replay) -> Grid:
    """Wave by wave, Plimsoll with the waterfall off."""
    times = {wave.number: wave.at_ms for wave in replay.day.waves}
    return Grid(
        title=f"{replay.plain.title}, wave by wave, dollars",
        columns=(
            *("wave", "UTC", "needed", "taken", "difference", "profit before", "needed / profit"),
            *("haircut", "accounts", "re-matched", "buckets"),
            *("starts", "gas of start", "resolves", "gas of resolve"),
        ),
        rows=tuple(
            (
                str(one.wave),
                clock(times[one.wave] // 1_000),
                rounded(one.needed),
                rounded(one.taken),
                dust(one.taken - one.needed),
                rounded(one.available, 0),
                share(div_down(one.needed * WAD, one.available) if one.available else None),
                share(one.largest),
                _count(one.accounts),
                _count(one.rematched),
                _count(one.buckets),
                _count(one.bankrupt),
                _count(one.start_gas),
                _count(one.resolve_calls),
                _count(one.resolve_gas),
            )
            for one in replay.plain.rounds
        ),
        words=2,
    )


def published_table(replay: Replay) -> Grid:
    """Wave by wave, the published figures, and what is recomputed from them."""
    haircuts = {one.wave: one for one in replay.settings.published}
    return Grid(
        title="The venue, wave by wave, as published, dollars",
        columns=(
            *("wave", "UTC", "needed", "taken", "too much", "profit of the wave's winners"),
            *("needed / profit", "largest of equity, pro rata", "largest of equity, venue"),
        ),
        rows=tuple(
            (
                str(wave.number),
                clock(wave.at_ms // 1_000),
                rounded(wave.needed),
                rounded(wave.taken_by_venue),
                rounded(wave.taken_by_venue - wave.needed),
                rounded(wave.available, 0),
                share(div_down(wave.needed * WAD, wave.available) if wave.available else None),
                share(haircuts[wave.number].pro_rata),
                share(haircuts[wave.number].venue),
            )
            for wave in replay.day.waves
        ),
        words=2,
    )


def accounts_table(replay: Replay) -> Grid:
    """Who the winners are."""
    return Grid(
        title=f"The {len(replay.day.holdings):,} winners: quantiles",
        columns=("", *(f"{rounded(at * 100, 0, PPM)} %" for at in SHOWN_PPM)),
        rows=tuple(
            (
                row["what"],
                *(f"{Decimal(value):,.2f}" for value in row["values"]),
            )
            for row in quantiles(replay.day)
        ),
    )


def brokers_table(replay: Replay) -> Grid:
    """What brokers had put up and what they lost, by the part of the accounts they sponsor."""
    return Grid(
        title="Brokers, million dollars",
        columns=(
            *("policy", "clients", "their losses", "guaranteed", "stakes", "pools", "fund"),
            *("guarantees paid", "fund paid", "lost by operators", "lost by depositors"),
            *("winners pay less by", "failed"),
        ),
        rows=tuple(
            (
                outcome.title,
                f"{one.clients} of {one.bankrupt}",
                *(
                    millions(amount)
                    for amount in (
                        *(one.loss, one.guarantees, one.stakes, one.pools, one.fund),
                        *(outcome.brokers, outcome.fund, outcome.stakes, outcome.pools),
                    )
                ),
                share(div_down((outcome.brokers + outcome.fund) * WAD, outcome.needed)),
                str(one.failed),
            )
            for outcome, one in _with_brokers(replay)
        ),
    )


def broker_waves_table(replay: Replay) -> Grid | None:
    """Wave by wave, the layers of the policy that stands for those with brokers."""
    shown = sponsored_example(replay)
    if shown is None:
        return None
    return Grid(
        title=f"{shown.title}, wave by wave, dollars",
        columns=(
            *("wave", "needed", "guarantees", "junior and senior", "fund", "winners", "nobody"),
            *("haircut", "lost by operators", "lost by depositors"),
        ),
        rows=tuple(
            (
                str(one.wave),
                *(
                    rounded(amount)
                    for amount in (
                        *(one.needed, one.brokers, one.insurance, one.fund),
                        *(one.taken, one.shortfall),
                    )
                ),
                share(one.largest),
                rounded(one.stakes or 0),
                rounded(one.pools or 0),
            )
            for one in shown.rounds
        ),
    )


def sponsored_example(replay: Replay) -> PolicyOutcome | None:
    """The middle one of the policies whose only capital is the brokers'; None without any."""
    found = [outcome for outcome, _ in _with_brokers(replay) if not outcome.insured]
    return found[(len(found) - 1) // 2] if found else None


def _with_brokers(replay: Replay) -> list[tuple[PolicyOutcome, Sponsored]]:
    return [(one, one.sponsored) for one in replay.outcomes if one.sponsored is not None]


def of_policies(replay: Replay) -> tuple[Grid, ...]:
    """What compares policies."""
    waves = broker_waves_table(replay)
    brokers = () if waves is None else (brokers_table(replay), waves)
    return (policies_table(replay), people_table(replay), *brokers)


def every(replay: Replay) -> tuple[Grid, ...]:
    """All tables, the most important first."""
    return (
        *of_policies(replay),
        waves_table(replay),
        published_table(replay),
        accounts_table(replay),
    )


# --- words ---------------------------------------------------------------------------------


def millions(amount: int | None) -> str:
    """Million dollars, to the ten thousand; `-` if unknown."""
    return NONE if amount is None else rounded(amount, 2, MILLION)


def share(part: int | None) -> str:
    """A part of one (wad) as a percentage; what is small keeps its digits."""
    if part is None:
        return NONE
    return percent(part, WAD, 5 if 0 < part < WAD // 10_000 else 2)


def dust(amount: int) -> str:
    """A small difference in dollars; what is not nothing does not look like it."""
    if amount and abs(amount) < WAD // 200:
        return f"{Decimal(amount) / WAD:.0e}"
    return rounded(amount)


def _gas(amount: int | None) -> str:
    return NONE if amount is None else rounded(amount, 1, 10**6)


def _count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


def _of(outcome: PolicyOutcome, measure: str) -> str:
    """What the venue's figure measures, which is not what its column does."""
    return measure if outcome.kind == "published" else ""


def _broken(outcome: PolicyOutcome, kind: str) -> str:
    """Broken hedges of policies of a kind: simulations close by haircut, contracts re-match."""
    if outcome.kind != kind or outcome.hedged is None or outcome.broken is None:
        return NONE
    return percent(outcome.broken, max(1, outcome.hedged), 1)
