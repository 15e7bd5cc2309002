"""What a sweep says to a risk committee: probabilities, cover 2, capital, kappa."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.stress.cores import in_parallel
from plimsoll.stress.draws import Draw, SweepPlan
from plimsoll.stress.estimate import (
    Estimate,
    Quantile,
    effective_runs,
    mean,
    probability,
    quantile,
)
from plimsoll.stress.measures import CENT
from plimsoll.stress.sweep import Day, Limits, limits_of, paid_in_full, survives
from plimsoll.units import PPM, WAD, div_up

THOUSANDTH: Final = 0.001
REPLAYS_PPM: Final = (
    500_000,
    750_000,
    900_000,
    1_020_000,
    1_100_000,
    1_250_000,
    1_500_000,
    2_000_000,
)
"""Parts of the estimated capital with which the day it rests on is played again."""
_FEWEST_BEYOND: Final = 10  # runs beyond a quantile, below which nothing is claimed of it

PAYERS: Final[Mapping[str, Callable[[Day], int]]] = {
    "account equity": lambda day: day.account_equity,
    "broker": lambda day: day.broker,
    "junior": lambda day: day.junior,
    "senior": lambda day: day.senior,
    "guaranty fund": lambda day: day.fund,
    "haircut": lambda day: day.haircut,
    "shortfall": lambda day: day.shortfall,
}
"""The layers in their order."""


@dataclass(frozen=True)
class LayerRow:
    """How often a layer pays, and how much of open interest when it does."""

    layer: str
    often: Estimate
    mean_part: Estimate  # of open interest, of the days on which it pays
    largest_part: float


@dataclass(frozen=True)
class GroupRow:
    """Some of the runs: of a mix, of a part of winners who leave, or of clients."""

    group: str
    runs: int
    bankrupt: Estimate  # probability of any bankrupt account
    haircut: Estimate
    shortfall: Estimate
    cover_2: Estimate  # probability that the fund survives its two dearest accounts
    needed: Quantile  # capital for all but one day in 1,000


@dataclass(frozen=True)
class Capital:
    """Capital that pays all but one day in 1,000, as it came out and as it was checked."""

    needed: Quantile  # within the layers' limits of a day, wad
    spent: Quantile  # what would really be paid of it, wad
    factor_ppm: int  # of the first that paid the day in full when it was played again; 0: none did


@dataclass(frozen=True)
class Kappa:
    """Open interest that a unit of capital may back in a market: OI * w <= kappa * alpha * C."""

    market: str
    gap_ppm: int  # w, the gap of one day in 1,000
    deficit: Quantile  # d, of that day, wad
    open_interest: int
    alpha_ppm: int  # the part of the capital that the layers may pay for one market in a day
    factor_ppm: int  # of the capital that paid when the day was played again; 0: none did

    @property
    def value(self) -> float:
        """W / d, with d as part of open interest; infinite if nothing was lost."""
        return self._for(self.deficit.value)

    @property
    def low(self) -> float:
        """The cautious end of the interval."""
        return self._for(self.deficit.high)

    @property
    def recommended(self) -> float:
        """The cautious end, lowered if the day took more capital when it was played again."""
        return self.low / max(1.0, self.factor_ppm / PPM) if self.factor_ppm else 0.0

    @property
    def high(self) -> float:
        """The other end."""
        return self._for(self.deficit.low)

    def _for(self, deficit: int) -> float:
        part = deficit / self.open_interest
        return self.gap_ppm / PPM / part if part else float("inf")


@dataclass(frozen=True)
class Findings:
    """Everything a sweep found."""

    seed: int
    runs: int
    effective: float
    beyond: int  # runs rarer than one day in 1,000
    limits: Limits
    layers: tuple[LayerRow, ...]
    groups: tuple[GroupRow, ...]
    capital: Capital
    kappas: tuple[Kappa, ...]
    agree: Estimate  # part of the runs whose haircut is told by their capital alone

    @property
    def claims_quantile(self) -> bool:
        """Whether there are enough runs beyond 1 in 1,000 to speak of it."""
        return self.beyond >= _FEWEST_BEYOND


def find(
    plan: SweepPlan, days: Sequence[Day], seed: int, jobs: int | None, step: Callable[[], None]
) -> Findings:
    """All findings; the days that quantiles rest on are played again to check them."""
    limits = limits_of(plan)
    weights = [day.draw.rarity for day in days]
    needed = quantile(weights, [day.needed(limits) for day in days], THOUSANDTH, seed)
    by_market = {
        market.name: quantile(
            weights, [day.deficits[market.name] for day in days], THOUSANDTH, seed
        )
        for market in plan.markets
    }
    checks = _checks(plan, days, limits, needed, by_market)
    paid: set[tuple[str, int]] = set()
    for key, full in in_parallel(_play_check, [(plan, check) for check in checks], jobs):
        if full:
            paid.add(key)
        step()
    # with brokers, guarantees and their fund pay too
    alone = [day for day in days if not day.draw.sponsored_ppm]
    told = [(day.needed(limits) > day.draw.capital) == (day.haircut >= CENT) for day in alone]
    return Findings(
        seed=seed,
        runs=len(days),
        effective=effective_runs(weights),
        beyond=sum(day.draw.rarity < THOUSANDTH for day in days),
        limits=limits,
        layers=tuple(_layer(plan, days, weights, name, seed) for name in PAYERS),
        groups=tuple(_groups(plan, days, limits, seed)),
        capital=Capital(
            needed=needed,
            spent=quantile(weights, [day.deficit for day in days], THOUSANDTH, seed),
            factor_ppm=_factor(paid, ""),
        ),
        kappas=tuple(
            Kappa(
                market=market.name,
                gap_ppm=plan.gaps[market.name].in_1000_ppm,
                deficit=by_market[market.name],
                open_interest=market.open_interest,
                alpha_ppm=limits.market_ppm,
                factor_ppm=_factor(paid, market.name),
            )
            for market in plan.markets
        ),
        agree=probability([1.0] * len(told), told, seed),
    )


def checks_of(plan: SweepPlan) -> int:
    """How many days are played again."""
    return len(REPLAYS_PPM) * (1 + len(plan.markets))


@dataclass(frozen=True)
class _Check:
    """A day to be played again with some capital."""

    market: str  # empty: all
    part_ppm: int
    day: Draw
    capital: int


def _checks(
    plan: SweepPlan,
    days: Sequence[Day],
    limits: Limits,
    needed: Quantile,
    by_market: Mapping[str, Quantile],
) -> Iterable[_Check]:
    for part in REPLAYS_PPM:
        yield _Check("", part, days[needed.run].draw, div_up(needed.value * part, PPM))
        for market in plan.markets:
            found = by_market[market.name]
            capital = div_up(found.value * part, limits.market_ppm)
            yield _Check(market.name, part, days[found.run].draw, capital)


def _play_check(given: tuple[SweepPlan, _Check]) -> tuple[tuple[str, int], bool]:
    plan, check = given
    outcome = survives(plan, check.day, check.capital, check.market or None)
    return (check.market, check.part_ppm), paid_in_full(outcome)


def _factor(paid: set[tuple[str, int]], market: str) -> int:
    """The least part from which on the day was always paid in full; 0: not with the largest."""
    least = 0
    for part in reversed(REPLAYS_PPM):
        if (market, part) not in paid:
            break
        least = part
    return least


def _layer(
    plan: SweepPlan, days: Sequence[Day], weights: Sequence[float], name: str, seed: int
) -> LayerRow:
    paid = [PAYERS[name](day) for day in days]
    paying = [i for i, amount in enumerate(paid) if amount >= CENT]
    parts = [paid[i] / plan.open_interest for i in paying]
    return LayerRow(
        layer=name,
        often=probability(weights, [amount >= CENT for amount in paid], seed),
        mean_part=mean([weights[i] for i in paying], parts, seed),
        largest_part=max(parts, default=0.0),
    )


def _groups(plan: SweepPlan, days: Sequence[Day], limits: Limits, seed: int) -> Iterable[GroupRow]:
    for mix in plan.mixes:
        name = f"leverage mix {mix}"
        yield _group(name, [day for day in days if day.draw.mix == mix], limits, seed)
    for part in dict.fromkeys(plan.leave_ppm):
        name = f"{part / PPM:.0%} of the winners leave"
        yield _group(name, [day for day in days if day.draw.leave_ppm == part], limits, seed)
    for part in sorted(set(plan.brokers.sponsored)) if len(set(plan.brokers.sponsored)) > 1 else ():
        name = f"{part / PPM:.0%} of the accounts have a broker"
        yield _group(name, [d for d in days if d.draw.sponsored_ppm == part], limits, seed)
    yield _group("all runs", days, limits, seed)


def _group(name: str, days: Sequence[Day], limits: Limits, seed: int) -> GroupRow:
    weights = [day.draw.rarity for day in days]

    def often(test: Callable[[Day], bool]) -> Estimate:
        return probability(weights, [test(day) for day in days], seed)

    return GroupRow(
        group=name,
        runs=len(days),
        bankrupt=often(lambda day: day.bankrupt > 0),
        haircut=often(lambda day: day.haircut >= CENT),
        shortfall=often(lambda day: day.shortfall >= CENT),
        cover_2=often(lambda day: day.cover_paid >= day.cover_losses),
        needed=quantile(weights, [day.needed(limits) for day in days], THOUSANDTH, seed)
        if days
        else Quantile(0, 0, 0, 0),
    )


def part_of(plan: SweepPlan, amount: int) -> float:
    """An amount as part of all open interest."""
    return amount / plan.open_interest


def whole(amount: int) -> str:
    """An amount in whole quote units."""
    return f"{amount // WAD:,}"
