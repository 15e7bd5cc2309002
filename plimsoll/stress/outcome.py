"""What a run came to: figures, what was expected of them, and how it went over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.stress.books import Reconciliation
from plimsoll.stress.brokerage import Capital
from plimsoll.stress.cover import Cover
from plimsoll.stress.measures import MEASURES, Expectation


@dataclass(frozen=True)
class Sample:
    """One moment of a run: seconds after the opening, marks and capital wad."""

    time: int
    marks: tuple[int, ...]
    priced: tuple[bool, ...]
    bankrupt: int
    under_liquidation: int
    junior: int
    senior: int
    redemption_rate: int  # ray
    brokers: int = 0  # stakes and pools of their vaults


@dataclass(frozen=True)
class Outcome:
    """A finished run. `figures` holds every measure of `MEASURES`, in its own unit."""

    key: str
    title: str
    about: str
    markets: tuple[str, ...]
    accounts: int
    open_interest: int  # wad quote a side, all markets
    capital: tuple[int, int]  # junior and senior before the first event, wad
    figures: Mapping[str, int]
    brokers_before: tuple[Capital, ...]  # before the first event
    brokers_after: tuple[Capital, ...]
    terms_off: tuple[str, ...]  # kinds of terms that the scenario does without
    deficits: Mapping[str, int]  # by market of the debt's largest leg, wad
    haircuts: Mapping[str, int]  # by market, wad
    cover: Cover
    refusals: Mapping[str, int]
    samples: tuple[Sample, ...]
    expect: tuple[Expectation, ...]
    books: Reconciliation
    seconds: int  # on the chain's clock

    @property
    def failures(self) -> list[str]:
        """Expectations that do not hold, in words."""
        return [
            f"{e.text}, found {MEASURES[e.measure].shown(self.figures[e.measure])}"
            for e in self.expect
            if not e.holds(self.figures[e.measure])
        ]
