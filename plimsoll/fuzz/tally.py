"""What a run has really reached: rules, refusals, waterfall layers, paths of the ADL.

Counted from the chain's own events and answers, never from what a rule meant to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from plimsoll import abi, artifacts
from plimsoll.model.state import RAY

_SOURCES: Final = (
    "Clearinghouse",
    "TradeEngine",
    "TakeEngine",
    "AdlEngine",
    "RegistryEngine",
    "Custody",
    "Exchange",
    "Liquidator",
    "Waterfall",
    "InsuranceVault",
    "BrokerRegistry",
    "BrokerVault",
    "GuarantyFund",
    "Sponsorship",
)
_LAYERS: Final = {2: "brokers", 3: "junior", 4: "senior", 5: "the fund"}

# What a campaign is asked to reach; the number is per million steps.
CAMPAIGN_STEPS: Final = 1_000_000
TARGETS: Final = {
    "bankruptcies finished": 20_000,
    "draws on junior": 5_000,
    "draws on senior": 5_000,
    "haircuts": 2_000,
    "multi-bucket re-matches": 2_000,
    "epoch rolls": 500,
    "holds by jump": 10_000,
    "holds by uncovered loss": 2_000,
    "profit refused": 2_000,
    "stress above 1": 100_000,
    "withdrawals refused": 500,
    "outages": 7_000,
    "graces": 7_000,
    "waits refused": 700,
    "settlements": 1_000,
    "conversions": 4_000,
    "resolves of settled legs": 150,
    "cap changes": 20_000,
    "cap refusals": 1_000,
    "surcharges paid": 5_000,
    "concentrated positions": 100_000,
    "guarantees agreed": 8_000,
    "margin calls": 2_500,
    "calls cured": 700,
    "calls defaulted": 600,
    "calls cut short": 150,
    "draws on brokers": 3_000,
    "draws on the fund": 2_000,
    "assessments": 500,
    "paid for others": 500,
    "ports": 300,
    "suspensions": 500,
    "failures": 200,
    "brokers retired": 100,
    "risks measured": 1_000,
}

# What a refusal shows, by its reason.
_REFUSED_PATHS: Final = {
    "hold: profit": "profit refused",
    "custody: resolve first": "withdrawals refused",
    "oracle: grace": "waits refused",
    "market: open interest cap": "cap refusals",
}


def event_names() -> dict[bytes, str]:
    """Name by first topic, of every event the protocol can log."""
    names = {}
    for source in _SOURCES:
        for name, entry in artifacts.load(source).events.items():
            names[abi.topic(entry)] = name
    return names


@dataclass
class Tally:
    """Counters of one run; two tallies add up."""

    steps: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    close: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)  # wei apart, never added

    def refused(self, reason: str) -> None:
        """A call was refused; the reason of a batch starts with its place."""
        self.refusals[reason or "(none)"] += 1
        for ending, path in _REFUSED_PATHS.items():
            self.paths[path] += reason.endswith(ending)

    def add(self, other: Tally) -> None:
        """Take over another run's counts."""
        self.steps += other.steps
        for name in ("rules", "calls", "refusals", "events", "paths", "close"):
            getattr(self, name).update(getattr(other, name))
        for name, value in other.largest.items():
            self.largest[name] = max(self.largest[name], value)

    def as_json(self) -> dict[str, Any]:
        """Plain data, largest counts first."""
        plain: dict[str, Any] = {"steps": self.steps}
        for name in ("paths", "rules", "calls", "refusals", "events", "close", "largest"):
            plain[name] = dict(getattr(self, name).most_common())
        return plain


# What an event shows by itself.
_SHOWN: Final = {
    "OutageBegan": "outages",
    "MarketSettled": "settlements",
    "PositionSettled": "conversions",
    "GuaranteeAgreed": "guarantees agreed",
    "MarginCalled": "margin calls",
    "MarginCured": "calls cured",
    "RiskMeasured": "risks measured",
    "Ported": "ports",
}
_STATES: Final = {4: "suspensions", 8: "failures", 16: "departures", 32: "brokers retired"}


_SLICED: Final = ("Taken", "Rematched")


class EventCounter:
    """Turns the logs of one transaction into counts of events and paths."""

    def __init__(self) -> None:
        self._names = event_names()
        self._epochs: dict[int, int] = {}  # bucket key -> newest epoch seen
        self._settled: set[int] = set()  # markets

    def forget(self) -> None:
        """A new venue begins."""
        self._epochs.clear()
        self._settled.clear()

    def count(
        self, tally: Tally, logs: Sequence[tuple[Sequence[bytes], bytes]], now: int
    ) -> list[str]:
        """`logs` are (topics, data) of a call at a time; returns the names in order."""
        names = []
        buckets = 0
        before = ""  # the event before, holds apart
        for topics, data in logs:
            name = self._names.get(topics[0]) if topics else None
            if name is None:
                continue
            names.append(name)
            tally.events[name] += 1
            if name == "SideHeld":
                cause = "uncovered loss" if before == "Reserved" else "jump"
                tally.paths[f"holds by {cause}"] += 1
                continue
            before = name
            if name in _SHOWN:
                tally.paths[_SHOWN[name]] += 1
            if name == "BucketRematched":
                buckets += 1
                self.saw(tally, _number(topics[3]), _word(data, 2))
            elif name == "BucketHaircut":
                self.saw(tally, _number(topics[2]), _word(data, 0))
            elif name == "Drawn":
                units = _word(data, 0)
                layer = _LAYERS[_number(topics[1])]
                tally.paths[f"draws on {layer}"] += units != 0
            elif name == "HaircutSet":
                eta = _word(data, 1)
                tally.paths["haircuts"] += eta != 0
                tally.paths["haircuts of all profit"] += eta == RAY
                tally.paths["haircuts of nothing"] += eta == 0
            elif name == "OutageEnded":
                tally.paths["graces"] += _word(data, 1) > now
            elif name == "MarketSettled":
                self._settled.add(_number(topics[1]))
            elif name == "LegFrozen":
                tally.paths["resolves of settled legs"] += _number(topics[2]) in self._settled
            elif name == "MarginDefaulted":
                tally.paths["calls cut short" if _word(data, 0) else "calls defaulted"] += 1
            elif name == "MemberDrawn":
                tally.paths["assessments"] += _word(data, 1) != 0
                member, drawn_for = _number(topics[1]), _number(topics[2])
                tally.paths["paid for others"] += drawn_for not in (0, member)
            elif name == "StateChanged":
                entered = _STATES.get(_word(data, 0))
                if entered is not None:
                    tally.paths[entered] += 1
            elif name == "BufferCapSet":
                tally.paths["cap changes"] += 1
            elif name == "Finished":
                tally.paths["bankruptcies finished"] += 1
                tally.paths["bankruptcies with a shortfall"] += _word(data, 2) != 0
        tally.paths["multi-bucket re-matches"] += buckets > 1
        tally.paths["re-matches"] += buckets > 0
        return names

    def slices(self, logs: Sequence[tuple[Sequence[bytes], bytes]]) -> dict[int, int]:
        """Sizes (wad) that a take or a solvent account's re-matches moved, by market."""
        found = {}
        for topics, data in logs:
            if topics and self._names.get(topics[0]) in _SLICED:
                size = _word(data, 0)
                found[_number(topics[-1])] = min(size, 2**256 - size)
        return found

    def saw(self, tally: Tally, bucket: int, epoch: int) -> None:
        """The epoch a bucket stands in tells how often it has rolled since it was seen last."""
        before = self._epochs.get(bucket, 0)
        if epoch > before:
            tally.paths["epoch rolls"] += epoch - before
        self._epochs[bucket] = epoch


def _word(data: bytes, index: int) -> int:
    return _number(data[32 * index : 32 * index + 32])


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
