"""The protocol's events that a run is judged by, decoded by position.

All their fields are one word each, which is what makes this quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from plimsoll import abi, artifacts
from plimsoll.chain.evm import Outcome
from plimsoll.client import Client

# contract on chain -> the sources of its events, and the events that are read
_WANTED: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "Liquidator": (
        ("Liquidator",),
        ("AuctionStarted", "AuctionEnded", "Taken", "Rematched", "Finished", "Requeued"),
    ),
    "Clearinghouse": (
        ("Clearinghouse", "AdlEngine"),
        ("AdlFrozen", "HaircutSet", "BucketRematched"),
    ),
    "Waterfall": (("Waterfall",), ("Drawn", "ConcessionPaid")),
    "Custody": (("Custody",), ("DrawReceived", "ShortfallBooked")),
    "Sponsorship": (
        ("Sponsorship",),
        (
            "MarginCalled", "ClockStopped", "MarginCured", "MarginDefaulted", "GuaranteePaid",
            "Released",
        ),
    ),
    "GuarantyFund": (("GuarantyFund",), ("MemberDrawn", "Filled")),
    "BrokerRegistry": (("BrokerRegistry",), ("StateChanged",)),
}  # fmt: skip
_TOP: Final = 1 << 255


@dataclass(frozen=True, slots=True)
class Log:
    """One event; its fields by name, in the contracts' own units."""

    name: str
    args: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.args[name]


class LogReader:
    """Finds and decodes the events of one deployment."""

    def __init__(self, client: Client) -> None:
        contracts = client.deployment.contracts
        self._events: dict[tuple[str, bytes], dict[str, Any]] = {}
        for name, (sources, events) in _WANTED.items():
            for source in sources:
                found = artifacts.load(source).events
                for event in events:
                    if event in found:
                        topic = abi.topic(found[event])
                        self._events[contracts[name].address.lower(), topic] = found[event]

    def watch(self, vault: str) -> None:
        """Read the losses of a broker's vault too."""
        event = artifacts.load("BrokerVault").events["LossPaid"]
        self._events[vault.lower(), abi.topic(event)] = event

    def read(self, outcome: Outcome) -> list[Log]:
        """The events of a transaction that are read here, in order."""
        logs = []
        for address, topics, data in outcome.logs:
            entry = self._events.get((address.lower(), topics[0])) if topics else None
            if entry is not None:
                logs.append(Log(entry["name"], _fields(entry["inputs"], topics[1:], data)))
        return logs


def _fields(inputs: list[dict[str, Any]], topics: list[bytes], data: bytes) -> dict[str, int]:
    words = iter(data[at : at + 32] for at in range(0, len(data), 32))
    indexed = iter(topics)
    fields = {}
    for item in inputs:
        value = int.from_bytes(next(indexed) if item["indexed"] else next(words))
        if item["type"].startswith("int") and value >= _TOP:
            value -= 2 * _TOP
        fields[item["name"]] = value
    return fields
