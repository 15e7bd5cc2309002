"""A day and its waves under one policy, in figures that every policy has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plimsoll.replay.brokers import Sponsored


@dataclass(frozen=True)
class Round:
    """One wave under one policy; amounts and shares in wad. None: not known or not applicable."""

    wave: int
    needed: int
    taken: int  # from winners, by the contracts' events where they did it
    insurance: int
    brokers: int  # layer 2, the guarantees
    fund: int  # layer 5, the guaranty fund
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
    start_gas: int | None = None
    resolve_gas: int | None = None
    resolve_calls: int | None = None
    bankrupt: int | None = None  # accounts put under liquidation, one `start` each
    stakes: int | None = None  # lost by operators of broker vaults, in layers 2 and 5 together
    pools: int | None = None  # lost by the vaults' depositors

    @property
    def before_winners(self) -> int:
        """What layers 2 to 5 paid."""
        return self.insurance + self.brokers + self.fund

    @property
    def overshoot(self) -> int:
        """Collected beyond what was needed; negative: a hole that nobody filled."""
        return self.taken + self.before_winners - self.needed

    @property
    def gas(self) -> int | None:
        """Of all calls of `start` and `resolve`."""
        return _sum((self.start_gas, self.resolve_gas))


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
    sponsored: Sponsored | None = None  # the brokers, if there are any

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
    def brokers(self) -> int:
        """From brokers' guarantees, all waves."""
        return sum(one.brokers for one in self.rounds)

    @property
    def fund(self) -> int:
        """From the guaranty fund, all waves."""
        return sum(one.fund for one in self.rounds)

    @property
    def stakes(self) -> int | None:
        """What operators of broker vaults lost, all waves."""
        return _sum(one.stakes for one in self.rounds)

    @property
    def pools(self) -> int | None:
        """What depositors of broker vaults lost, all waves."""
        return _sum(one.pools for one in self.rounds)

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
    def start_gas(self) -> int | None:
        """Gas of all calls of `start`."""
        return _sum(one.start_gas for one in self.rounds)

    @property
    def resolve_gas(self) -> int | None:
        """Gas of all calls of `resolve`."""
        return _sum(one.resolve_gas for one in self.rounds)

    @property
    def gas(self) -> int | None:
        """Gas of both."""
        return _sum(one.gas for one in self.rounds)


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
