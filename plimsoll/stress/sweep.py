"""Hundreds of random days on the real bytecode; the same seed gives the same days anywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from plimsoll.stress.cores import in_parallel
from plimsoll.stress.draws import Draw, SweepPlan, alone, draw, scenario_of
from plimsoll.stress.measures import CENT
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.play import play
from plimsoll.stress.venue import venue_for
from plimsoll.units import PPM, div_down, div_up, exact


@dataclass(frozen=True)
class Limits:
    """What part (ppm) of the capital the layers may pay in a day: for one market, and for all."""

    market_ppm: int
    total_ppm: int


@dataclass(frozen=True)
class Day:
    """One day that was played; amounts wad, deficits by market."""

    draw: Draw
    bankrupt: int
    account_equity: int
    deficits: Mapping[str, int]
    broker: int
    junior: int
    senior: int
    fund: int
    haircut: int
    shortfall: int
    redemption_rate: int  # ray
    largest_haircut: int  # ray
    cover_losses: int
    cover_paid: int
    resolve_gas: int

    @property
    def deficit(self) -> int:
        """Of all markets."""
        return sum(self.deficits.values())

    def needed(self, limits: Limits) -> int:
        """Capital with which the layers, within their limits, would have paid all of it, wad."""
        largest = max(self.deficits.values())
        return max(
            div_up(largest * PPM, limits.market_ppm), div_up(self.deficit * PPM, limits.total_ppm)
        )


def sweep(
    plan: SweepPlan, seed: int, runs: int, jobs: int | None, step: Callable[[], None]
) -> list[Day]:
    """Play all days; `step` is called after each. Days come back in their order."""
    play_day = functools.partial(play_number, plan, seed, runs)
    days = []
    for day in in_parallel(play_day, range(runs), jobs):
        days.append(day)
        step()
    return sorted(days, key=lambda day: day.draw.number)


def play_number(plan: SweepPlan, seed: int, runs: int, number: int) -> Day:
    """One day of a sweep, by its number."""
    return play_day(plan, draw(plan, seed, runs, number))


def play_day(plan: SweepPlan, day: Draw) -> Day:
    """One day."""
    outcome = play(scenario_of(plan, day), samples=False)
    figures = outcome.figures
    return Day(
        draw=day,
        bankrupt=figures["bankrupt"],
        account_equity=figures["account_equity"],
        deficits=outcome.deficits,
        broker=figures["broker"],
        junior=figures["junior"],
        senior=figures["senior"],
        fund=figures["fund"],
        haircut=figures["haircut"],
        shortfall=figures["shortfall"],
        redemption_rate=figures["redemption_rate"],
        largest_haircut=figures["largest_haircut"],
        cover_losses=outcome.cover.losses,
        cover_paid=outcome.cover.covered,
        resolve_gas=figures["resolve_gas"],
    )


def limits_of(plan: SweepPlan) -> Limits:
    """The waterfall's limits as they are deployed, for the mix of junior and senior capital."""
    venue = venue_for(plan.markets, plan.auction)
    waterfall = venue.client.waterfall
    junior, senior = (venue.words(waterfall, "limits", layer) for layer in (3, 4))
    parts = [
        div_down(j * plan.junior_ppm + s * (PPM - plan.junior_ppm), PPM)
        for j, s in zip(junior, senior, strict=True)
    ]
    return Limits(market_ppm=parts[1], total_ppm=parts[0])


def survives(plan: SweepPlan, day: Draw, capital: int, market: str | None) -> Outcome:
    """Play a day again with other capital (wad), with a gap in one market only if one is named.

    Nobody leaves and nobody has a broker: what is asked is whether the capital pays.
    """
    again = replace(
        alone(day, market) if market else day, capital=capital, leave_ppm=0, sponsored_ppm=0
    )
    return play(scenario_of(plan, again), samples=False)


def paid_in_full(outcome: Outcome) -> bool:
    """Whether no winner and nobody else had to pay."""
    return outcome.figures["haircut"] < CENT and outcome.figures["shortfall"] < CENT


def row(day: Day) -> dict[str, str]:
    """A day as a line of a table, exact."""
    drawn = day.draw
    return {
        "run": str(drawn.number),
        "rarity": repr(drawn.rarity),
        "direction": "fall" if drawn.falls else "rise",
        **{f"gap_{name}": exact(gap, PPM) for name, gap in drawn.gaps_ppm.items()},
        "mix": drawn.mix,
        "largest_share": exact(drawn.largest_share_ppm, PPM),
        "capital": exact(drawn.capital),
        "appetite": exact(drawn.appetite),
        "over_s": str(drawn.over),
        "winners_leave": exact(drawn.leave_ppm, PPM),
        "sponsored": exact(drawn.sponsored_ppm, PPM),
        "bankrupt": str(day.bankrupt),
        "account_equity": exact(day.account_equity),
        **{f"deficit_{name}": exact(amount) for name, amount in day.deficits.items()},
        "broker": exact(day.broker),
        "junior": exact(day.junior),
        "senior": exact(day.senior),
        "fund": exact(day.fund),
        "haircut": exact(day.haircut),
        "shortfall": exact(day.shortfall),
        "redemption_rate": exact(day.redemption_rate, 10**27),
        "largest_haircut": exact(day.largest_haircut, 10**27),
        "cover_2_losses": exact(day.cover_losses),
        "cover_2_paid": exact(day.cover_paid),
        "resolve_gas": str(day.resolve_gas),
    }
