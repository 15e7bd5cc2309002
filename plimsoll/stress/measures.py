"""The figures a scenario is judged by, and what its file may expect of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plimsoll.units import RAY, WAD, exact, percent, rounded

CENT: Final = WAD // 100
"""Less than this much money is what rounding leaves, and counts as nothing."""


@dataclass(frozen=True)
class Measure:
    """A figure: its unit (1 / scale), and the least that is not nothing."""

    words: str
    scale: int
    noise: int = 1

    def shown(self, value: int) -> str:
        """The figure for reading: money to the cent, parts in percent."""
        if self.scale == WAD:
            return rounded(value)
        if self.scale == RAY:
            return percent(value, RAY)
        return f"{value:,}"


def _money(words: str) -> Measure:
    return Measure(words, WAD, CENT)


def _count(words: str) -> Measure:
    return Measure(words, 1)


def _part(words: str) -> Measure:
    return Measure(words, RAY)


MEASURES: Final[Mapping[str, Measure]] = {
    "liquidated": _count("accounts put under liquidation"),
    "bankrupt": _count("accounts that ended with a debt of a cent or more"),
    "account_equity": _money("layer 1: what the bankrupt accounts had themselves"),
    "deficits": _money("what they owed beyond that"),
    "broker": _money("layer 2: drawn from the guarantee of each account's broker"),
    "junior": _money("layer 3: drawn from the junior vault"),
    "senior": _money("layer 4: drawn from the senior vault"),
    "fund": _money("layer 5: drawn from the brokers' guaranty fund"),
    "haircut": _money("layer 6: taken from winners"),
    "shortfall": _money("layer 7: booked against everybody"),
    "redemption_rate": _part("tokens per claim at the end"),
    "largest_haircut": _part("largest part of a winner's profit taken, all haircuts together"),
    "concessions": _money("what accounts under liquidation gave their takers"),
    "insurance_concessions": _money("what the junior vault added to that"),
    "taken": _part("open interest taken over in auctions"),
    "rematched": _part("open interest re-matched with the ADL queue"),
    "resolve_calls": _count("calls of resolve"),
    "resolve_gas": _count("gas of the dearest of them"),
    "cover_2": _count("1 if the fund survives its two dearest accounts, else 0"),
    "margin_calls": _count("margin calls to brokers' clients"),
    "margin_cures": _count("calls that were met"),
    "margin_defaults": _count("calls that were not, or ended early by the operator"),
    "operators_lost": _money("what brokers' operators lost, to guarantees and the fund"),
    "depositors_lost": _money("what their depositors lost"),
    "brokers_failed": _count("brokers excluded, since others paid for their clients"),
    "brokers_suspended": _count("brokers suspended, since they did not fill the fund in time"),
    "refusals": _count("things people wanted and the contracts refused"),
    "unfinished": _count("accounts still under liquidation at the end"),
}

LAYERS: Final = (
    *("account_equity", "broker", "junior", "senior", "fund"),
    *("haircut", "shortfall"),
)
"""The measures that share out a loss, in the order of the waterfall."""


@dataclass(frozen=True)
class Expectation:
    """Bounds of a figure, both included, in its own unit."""

    measure: str
    least: int | None
    most: int | None

    def holds(self, value: int) -> bool:
        """Whether a figure lies within."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def text(self) -> str:
        """The bounds in words."""
        measure = MEASURES[self.measure]
        if self.least == measure.noise and self.most is None:
            return f"{self.measure}: some"
        if self.least is None and self.most == measure.noise - 1:
            return f"{self.measure}: none"
        bounds = []
        if self.least is not None:
            bounds.append(f"at least {exact(self.least, measure.scale)}")
        if self.most is not None:
            bounds.append(f"at most {exact(self.most, measure.scale)}")
        return f"{self.measure}: {', '.join(bounds)}"


def some(measure: str) -> Expectation:
    """More than nothing."""
    return Expectation(measure, MEASURES[measure].noise, None)


def none(measure: str) -> Expectation:
    """Nothing but what rounding leaves."""
    return Expectation(measure, None, MEASURES[measure].noise - 1)
