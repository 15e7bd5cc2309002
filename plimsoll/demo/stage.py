"""The local chain of a demo: its clock, its prices, and a record of every event.

Blocks carry the scenario's own times, one second apart inside a step, so that nothing
depends on the wall clock. A chain that is already ahead of the scenario gets all times
moved by whole days; what is recorded are always the scenario's times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.chain import Receipt, Rpc
from plimsoll.client import Client
from plimsoll.contract import Contract, Event, NodeSigner, Signer
from plimsoll.demo.people import People, Person
from plimsoll.deployment import Deployment, feed_answers
from plimsoll.scenario import Scenario

GAS: Final = 11_000_000  # enough for any single call here, and under every local block limit
_DAY_S: Final = 86_400
_BEFORE_FIRST_S: Final = 3_600


@dataclass(frozen=True)
class Happening:
    """An event with its time in the scenario and the transaction it belongs to."""

    time: int
    transaction: int
    event: Event

    @property
    def name(self) -> str:
        """Name of the event."""
        return self.event.name

    def __getitem__(self, name: str) -> Any:
        return self.event[name]


class Clock:
    """Times of the next blocks."""

    def __init__(self, rpc: Rpc, first: int) -> None:
        self._rpc = rpc
        late = max(0, rpc.timestamp() + _BEFORE_FIRST_S - first)
        self.shift = -(-late // _DAY_S) * _DAY_S

    @property
    def now(self) -> int:
        """Scenario time of the newest block."""
        return self._rpc.timestamp() - self.shift

    def set_next(self, time: int) -> None:
        """Give the next block this scenario time, or the earliest possible one."""
        self._rpc.set_next_timestamp(max(time, self.now + 1) + self.shift)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Blocks one second apart, unless told otherwise."""
        self._rpc.call("anvil_setBlockTimestampInterval", [1])
        try:
            yield
        finally:
            self._rpc.call("anvil_removeBlockTimestampInterval")


class Stage:
    """Chain, contracts and people of one run."""

    def __init__(
        self, rpc: Rpc, scenario: Scenario, deployment: Deployment, clock: Clock, people: People
    ) -> None:
        self.rpc = rpc
        self.scenario = scenario
        self.client = Client(rpc, deployment)
        self.clock = clock
        self.people = people
        self.operator = NodeSigner(rpc.accounts()[1])
        self.happenings: list[Happening] = []
        self.transactions = 0
        self.started: list[str] = []  # accounts under liquidation, by start time
        self._markets: dict[str, list[int]] = {}
        self._feeds: dict[str, list[Contract]] = {
            terms.name: [
                deployment.contract(rpc, f"{terms.name}Feed{number}")
                for number in range(1, terms.feeds + 1)
            ]
            for terms in scenario.markets
        }

    def send(
        self, contract: Contract, function: str, *args: Any, signer: Signer | None = None
    ) -> list[Happening]:
        """Send a transaction, by the operator unless told otherwise; returns its events."""
        return self.record(contract.write(signer or self.operator, function, *args, gas=GAS))

    def record(self, receipt: Receipt) -> list[Happening]:
        """Write the events of a receipt down."""
        self.transactions += 1
        time = self.clock.now
        new = [Happening(time, self.transactions, event) for event in self.client.events(receipt)]
        self.happenings.extend(new)
        for happening in new:
            self._follow(happening)
        return new

    def _follow(self, happening: Happening) -> None:
        """Keep the list of started accounts, and of the markets people hold."""
        if happening.name == "AuctionStarted":
            self.started.append(self.people.name_of(happening["account"]))
        elif happening.name in ("AuctionEnded", "Finished"):
            self.started.remove(self.people.name_of(happening["account"]))
        elif happening.name == "PositionChanged":
            markets = self._markets.setdefault(self.people.name_of(happening["account"]), [])
            if happening["market"] not in markets:
                markets.append(happening["market"])

    def markets_of(self, person: Person) -> list[int]:
        """Markets in which somebody has ever held a position."""
        return self._markets.get(person.name, [])

    def set_prices(self, time: int, prices: tuple[int, ...]) -> None:
        """New rounds on every feed at a time of the scenario, and a poke of every market."""
        self.clock.set_next(time)
        for terms, price in zip(self.scenario.markets, prices, strict=True):
            answers = feed_answers(terms, price)
            for feed, answer in zip(self._feeds[terms.name], answers, strict=True):
                self.send(feed, "set_answer", answer)
        self.poke_all()

    def poke_all(self) -> None:
        """Bring every market up to the newest feed round."""
        for terms in self.scenario.markets:
            self.send(self.client.clearinghouse, "poke", terms.id)

    def advance(self, seconds: int) -> None:
        """Let time pass and accrue everything to then."""
        self.clock.set_next(self.clock.now + seconds)
        self.poke_all()
