"""Figures of a day, the same for every policy, so that they can stand side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from plimsoll.replay.book import Day, Holding
from plimsoll.replay.opening import Person
from plimsoll.replay.policies import Simulation, middle, simulate
from plimsoll.replay.population import deal
from plimsoll.replay.settings import Policy, Published, Settings
from plimsoll.replay.waves import Performance
from plimsoll.units import PPM, WAD, div_down

INSURANCE: Final = ("junior", "senior")
OTHER_DEALS: Final = 15


@dataclass(frozen=True)
class Round:
    """One wave under one policy; amounts and shares in wad. None: not known or not applicable."""

    wave: int
    needed: int
    taken: int  # from winners, by the contracts' events where they did it
    insurance: int
    shortfall: int
    available: int  # profit of all winners right before
    largest: int  # part of own profit
    median: int | None  # of those who paid
    accounts: int | None  # who paid
    recirculation: int | None  # paid by accounts that thereby have less than nothing
    charged: int | None = None  # what was taken, by the winners' positions before and after
    out_of_reach: int | None = None  # profit within a tick of the mark, beside `available`
    rematched: int | None = None  # accounts that lost a part of their position
    buckets: int | None = None
    gas: int | None = None
    gas_calls: int | None = None

    @property
    def overshoot(self) -> int:
        """Collected beyond what was needed; negative: a hole that nobody filled."""
        return self.taken + self.insurance - self.needed


@dataclass(frozen=True)
class PolicyOutcome:
    """A day under one policy; shares in wad of own profit over the whole day."""

    key: str
    title: str
    kind: str  # "published", "simulation" or "contracts"
    rounds: tuple[Round, ...]
    insured: int = 0  # capital of the insurance vaults, wad
    accounts: int | None = None  # who paid anything
    largest: int | None = None
    median: int | None = None  # of those who paid
    hedged: int | None = None  # delta-neutral books, as assumed
    broken: int | None = None  # of these, who lost too much: simulated haircut, or re-matching
    paid_shares: tuple[int, ...] = ()  # per account with a profit, ascending
    dropped: Mapping[str, int] | None = None  # reason -> accounts that are not as in the data

    @property
    def needed(self) -> int:
        """Losses to be covered, all waves."""
        return sum(one.needed for one in self.rounds)

    @property
    def taken(self) -> int:
        """From winners, all waves."""
        return sum(one.taken for one in self.rounds)

    @property
    def insurance(self) -> int:
        """From the insurance vaults, all waves."""
        return sum(one.insurance for one in self.rounds)

    @property
    def shortfall(self) -> int:
        """Paid by nobody but everybody's redemption rate, all waves."""
        return sum(one.shortfall for one in self.rounds)

    @property
    def net(self) -> int:
        """Overshoots less undershoots."""
        return sum(one.overshoot for one in self.rounds)

    @property
    def over(self) -> int:
        """Overshoots alone."""
        return sum(max(0, one.overshoot) for one in self.rounds)

    @property
    def under(self) -> int:
        """Undershoots alone, as a positive number."""
        return sum(max(0, -one.overshoot) for one in self.rounds)

    @property
    def recirculation(self) -> int | None:
        """Haircuts of accounts that thereby have less than nothing, all waves."""
        return _sum(one.recirculation for one in self.rounds)

    @property
    def gas(self) -> int | None:
        """Gas of all calls of `resolve`; `start` is not counted."""
        return _sum(one.gas for one in self.rounds)


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
            gas=one.gas,
            gas_calls=one.gas_calls,
        )
        for one in result.waves
    )
    outcome = _outcome(
        policy, settings, day.holdings, rounds, "contracts", result.paid, result.rematched
    )
    dropped = Counter(reason for _, reason in result.dropped)
    if result.capped:
        dropped["opened with more cash than they had, for initial margin"] = result.capped
    return replace(outcome, dropped=dropped)


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


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
