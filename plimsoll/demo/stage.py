"""The local chain of a demo: its clock, its prices, and a record of every event.

Blocks carry the scenario's own times, one second apart inside a step, so that nothing
depends on the wall clock. A chain that is already ahead of the scenario gets all times
moved by whole days; what is recorded are always the scenario's times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
        self.settled: dict[int, int] = {}  # wound down markets: since when
        self.broker_vaults: list[Contract] = []
        self._markets: dict[str, list[int]] = {}
        self._dead: dict[str, set[int]] = {}  # feeds that do not answer, by number from 1
        self._prices = dict(zip(_names(scenario), scenario.path[0].prices, strict=True))
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
        elif happening.name == "MarketSettled":
            self.settled[happening["market"]] = happening.time

    def markets_of(self, person: Person) -> list[int]:
        """Markets in which somebody has ever held a position."""
        return self._markets.get(person.name, [])

    def set_prices(self, time: int, prices: tuple[int, ...]) -> None:
        """New rounds on every feed that answers, at a time of the scenario; all are poked."""
        self.clock.set_next(time)
        self._prices = dict(zip(self._feeds, prices, strict=True))
        for name, feeds in self._feeds.items():
            answering = set(range(1, len(feeds) + 1)) - self._dead.get(name, set())
            self._send_rounds(name, answering)
        self.poke_all()

    def kill_feeds(self, time: int, market: str, feeds: Iterable[int]) -> None:
        """From now on these feeds, by number from 1, show a round that is never finished."""
        self.clock.set_next(time)
        for number in feeds:
            self.send(self._feeds[market][number - 1], "set_round", 0, 0)
        self._dead.setdefault(market, set()).update(feeds)
        self.poke_all()

    def revive_feeds(self, time: int, market: str, feeds: Iterable[int]) -> None:
        """These feeds answer again, with the price that the market has meanwhile."""
        self.clock.set_next(time)
        self._dead[market] -= set(feeds)
        self._send_rounds(market, feeds)
        self.poke_all()

    def _send_rounds(self, market: str, feeds: Iterable[int]) -> None:
        answers = feed_answers(self.scenario.market(market), self._prices[market])
        for number in sorted(feeds):
            self.send(self._feeds[market][number - 1], "set_answer", answers[number - 1])

    def poke_all(self) -> None:
        """Bring every market up to the newest feed round."""
        for terms in self.scenario.markets:
            self.send(self.client.clearinghouse, "poke", terms.id)

    def advance(self, seconds: int) -> None:
        """Let time pass and accrue everything to then."""
        self.clock.set_next(self.clock.now + seconds)
        self.poke_all()


def _names(scenario: Scenario) -> list[str]:
    return [terms.name for terms in scenario.markets]
