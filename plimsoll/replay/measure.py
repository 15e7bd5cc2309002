"""Figures of a day, the same for every policy, so that they can stand side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from plimsoll.replay.book import Day, Holding
from plimsoll.replay.opening import Person
from plimsoll.replay.outcome import PolicyOutcome, Round
from plimsoll.replay.policies import Simulation, middle, simulate
from plimsoll.replay.population import deal
from plimsoll.replay.settings import Policy, Published, Settings
from plimsoll.replay.waves import Performance
from plimsoll.units import PPM, WAD, div_down

INSURANCE: Final = ("junior", "senior")
OTHER_DEALS: Final = 15


def published(day: Day, haircuts: Sequence[Published]) -> PolicyOutcome:
    """What the venue took that day, by the published reconstruction.

    Its largest haircuts are parts of equity, not of profit. Every account of the file was
    deleveraged; in which wave is not published.
    """
    by_wave = {one.wave: one for one in haircuts}
    return PolicyOutcome(
        key="venue",
        title="the venue, as published",
        kind="published",
        rounds=tuple(
            Round(
                wave=wave.number,
                needed=wave.needed,
                taken=wave.taken_by_venue,
                insurance=0,
                brokers=0,
                fund=0,
                shortfall=0,
                available=wave.available,
                largest=by_wave[wave.number].venue,
                median=None,
                accounts=None,
                recirculation=None,
            )
            for wave in day.waves
        ),
        accounts=len(day.holdings),
        largest=max(by_wave[wave.number].venue for wave in day.waves),
    )


def simulated(policy: Policy, settings: Settings, day: Day, result: Simulation) -> PolicyOutcome:
    """Figures of a policy that was simulated."""
    rounds = tuple(
        Round(
            wave=one.wave,
            needed=one.needed,
            taken=one.taken,
            insurance=0,
            brokers=0,
            fund=0,
            shortfall=max(0, -one.overshoot),
            available=one.available,
            largest=one.largest,
            median=one.median,
            accounts=one.accounts,
            recirculation=one.recirculation,
        )
        for one in result.waves
    )
    return _outcome(
        policy, settings, day.holdings, rounds, "simulation", result.paid, result.closed
    )


def performed(policy: Policy, settings: Settings, day: Day, result: Performance) -> PolicyOutcome:
    """Figures of a policy that the contracts carried out."""
    rounds = tuple(
        Round(
            wave=one.wave,
            needed=one.needed,
            taken=one.taken,
            insurance=sum(one.layers[layer] for layer in INSURANCE),
            brokers=one.layers["broker"],
            fund=one.layers["fund"],
            shortfall=one.layers["shortfall"],
            available=one.available_profit,
            largest=one.largest_haircut,
            median=one.median_haircut,
            accounts=one.accounts,
            recirculation=one.recirculation,
            charged=one.charged,
            out_of_reach=one.out_of_reach,
            rematched=one.rematched,
            buckets=one.buckets,
            start_gas=one.start_gas,
            resolve_gas=one.gas,
            resolve_calls=one.gas_calls,
            bankrupt=one.bankrupt,
            stakes=one.stakes if result.sponsored else None,
            pools=one.pools if result.sponsored else None,
        )
        for one in result.waves
    )
    outcome = _outcome(
        policy, settings, day.holdings, rounds, "contracts", result.paid, result.rematched
    )
    dropped = Counter(reason for _, reason in result.dropped)
    if result.capped:
        dropped["opened with more cash than they had, for initial margin"] = result.capped
    return replace(outcome, dropped=dropped, sponsored=result.sponsored)


def as_opened(day: Day, people: Iterable[Person]) -> Day:
    """A stage's day with the equity that accounts have on chain: all policies meet one state.

    It differs where an account has less cash than initial margin allows.
    """
    equity = {person.seat.place: person.equity for person in people}
    return replace(
        day,
        holdings=tuple(
            replace(one, equity=equity.get(place, one.equity))
            for place, one in enumerate(day.holdings)
        ),
    )


def luck(day: Day) -> tuple[int, ...]:
    """Net overshoots (wad, ascending) of the queue if accounts are dealt to markets otherwise.

    A queue that takes whole accounts overshoots by what its last account has; where a large one
    happens to stand decides the sum.
    """
    nets = []
    for seed in range(1, OTHER_DEALS + 1):
        waves = simulate(day, deal(day, seed=seed), "queue").waves
        nets.append(sum(one.overshoot for one in waves))
    return tuple(sorted(nets))


def _outcome(
    policy: Policy,
    settings: Settings,
    holdings: Sequence[Holding],
    rounds: tuple[Round, ...],
    kind: str,
    paid: Sequence[int],
    closed: Sequence[int],
) -> PolicyOutcome:
    shares = sorted(
        div_down(amount * WAD, one.profit)
        for amount, one in zip(paid, holdings, strict=True)
        if one.profit > 0
    )
    payers = [share for share in shares if share > 0]
    limit = div_down(settings.broken_ppm * WAD, PPM)
    hedged = [part for part, one in zip(closed, holdings, strict=True) if one.hedged]
    return PolicyOutcome(
        key=policy.key,
        title=policy.title,
        kind=kind,
        rounds=rounds,
        insured=policy.insurance,
        accounts=sum(1 for amount in paid if amount > 0),
        largest=shares[-1] if shares else 0,
        median=middle(payers),
        hedged=len(hedged),
        broken=sum(1 for part in hedged if part > limit),
        paid_shares=tuple(shares),
    )
