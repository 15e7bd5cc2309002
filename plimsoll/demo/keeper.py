"""Keepers and liquidators: they start auctions, take slices, and resolve what nobody takes.

Nothing here has a special right. Every call could come from anybody; what is refused is
refused by the contracts, and written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from plimsoll.demo.broker_room import BrokerRoom
from plimsoll.demo.opening import MAX_FEE_PPM, ORDER_LIFE_S
from plimsoll.demo.people import Person
from plimsoll.demo.queue import Bucket, read_queue
from plimsoll.demo.snapshots import Snapshot, take_snapshot
from plimsoll.demo.stage import GAS, Happening, Stage
from plimsoll.errors import ContractReverted
from plimsoll.orders import Flags, Order
from plimsoll.scenario import LiquidatorPlan
from plimsoll.units import PPM, WAD, div_down

TICK_S: Final = 45  # how often keepers and liquidators look
BUCKETS_PER_CALL: Final = 6  # of a resolve: small, so that a resolve needs several calls
SLICES: Final = 8  # a liquidator takes at most this part of its appetite at once

Progress = Callable[[str], None]

_TRADERS: Final = ("late long", "client", "twin", "holder", "winner", "liquidator")
_NOTHING_TO_RESOLVE: Final = "liquidation: nothing to resolve"


@dataclass
class Liquidator:
    """A volunteer with what is left of its appetite (wad notional)."""

    person: Person
    plan: LiquidatorPlan
    appetite: int


@dataclass(frozen=True)
class Refusal:
    """A take that the contracts refused."""

    time: int
    account: str
    liquidator: str
    reason: str


@dataclass(frozen=True)
class Resolve:
    """All calls of one account's resolve, with everybody's state and the queues around them."""

    account: str
    place: int  # among the accounts under liquidation, by start time
    before: Snapshot
    after: Snapshot
    queues_before: Mapping[int, tuple[Bucket, ...]]  # per market of the account, the other side
    queues_after: Mapping[int, tuple[Bucket, ...]]
    calls: int
    happenings: tuple[Happening, ...]


class Keeper:
    """Runs the venue's open jobs from one price to the next."""

    def __init__(
        self,
        stage: Stage,
        liquidators: list[Liquidator],
        progress: Progress,
        brokers: BrokerRoom | None = None,
    ) -> None:
        self.stage = stage
        self.brokers = brokers
        self.liquidators = liquidators
        self.refusals: list[Refusal] = []
        self.resolves: list[Resolve] = []
        self.samples: list[Snapshot] = []
        self._progress = progress
        self._salt = 10**12

    def work_until(self, time: int, *, watch: bool = False) -> None:
        """Start, take and resolve, tick by tick, until `time`.

        Without `watch` only until nothing is left to do; with it markets are poked all the time.
        """
        self._answer_calls()
        self.start_all()
        self.samples.append(take_snapshot(self.stage))
        while (pause := self._pause(watch)) and self.stage.clock.now + pause < time:
            self.stage.advance(pause)
            self._answer_calls()
            self.start_all()
            self.remark_all()
            self.take_all()
            self.resolve_all()
            self.samples.append(take_snapshot(self.stage))

    def _pause(self, watch: bool) -> int:
        """Seconds until there is something to do again; 0: there is nothing."""
        if watch or self.stage.started:
            return TICK_S
        moment = self.brokers.next_moment() if self.brokers is not None else None
        return max(TICK_S, moment - self.stage.clock.now) if moment is not None else 0

    def _answer_calls(self) -> None:
        if self.brokers is not None:
            self.brokers.work()

    def start_all(self) -> None:
        """Open the auction of everybody below maintenance margin."""
        stage = self.stage
        waiting = [
            person
            for person in stage.people.with_role(*_TRADERS)
            if person.name not in stage.started
        ]
        healths = stage.client.healths([person.account for person in waiting])
        for person, health in zip(waiting, healths, strict=True):
            if health["equity"] + health["shield"] < health["mm"]:
                self._progress(f"auction of {person.name}")
                stage.send(stage.client.liquidator, "start", person.account)

    def remark_all(self) -> None:
        """Bring the reservations of bankrupt accounts up to their deficits."""
        stage = self.stage
        accounts = [stage.people[name] for name in stage.started]
        healths = stage.client.healths([person.account for person in accounts])
        for person, health in zip(accounts, healths, strict=True):
            if health["equity"] < 0:
                stage.send(stage.client.liquidator, "remark", person.account)

    def take_all(self) -> None:
        """Let every liquidator look at every auction, in queue order."""
        for name in list(self.stage.started):
            for market in self.stage.markets_of(self.stage.people[name]):
                for liquidator in self.liquidators:
                    if name in self.stage.started:
                        self._consider(liquidator, self.stage.people[name], market)

    def resolve_all(self) -> None:
        """Work on the resolve queue until it has nothing for us."""
        stage = self.stage
        waiting: set[int] = set()  # sent to the back of the queue: their markets are not open
        while stage.started and self._can_resolve():
            started = list(stage.started)
            before = take_snapshot(stage)
            queues = {
                (terms.id, long): read_queue(stage, terms.id, long=long)
                for terms in stage.scenario.markets
                for long in (False, True)
            }
            calls, happenings = 0, []
            name = None
            while name is None or name in stage.started:
                new = stage.send(stage.client.liquidator, "resolve", BUCKETS_PER_CALL)
                worked_on = self._resolved_account(new)
                if worked_on is None:
                    sent_back = {h["account"] for h in new if h.name == "Requeued"}
                    if sent_back <= waiting:
                        return
                    waiting |= sent_back
                    break
                name = worked_on
                calls += 1
                happenings.extend(new)
                if stage.client.liquidator.read("resolving") == 0:
                    break
            if name is None:
                continue
            self._progress(f"resolved {name}")
            legs = [p for p in before.positions if p.name == name]
            self.resolves.append(
                Resolve(
                    account=name,
                    place=started.index(name) + 1,
                    before=before,
                    after=take_snapshot(stage),
                    queues_before={p.market: queues[p.market, p.size < 0] for p in legs},
                    queues_after={
                        p.market: read_queue(stage, p.market, long=p.size < 0) for p in legs
                    },
                    calls=calls,
                    happenings=tuple(happenings),
                )
            )

    # --- one decision each -------------------------------------------------------------

    def _can_resolve(self) -> bool:
        """Whether `resolve` would find work, asked without sending it."""
        liquidator = self.stage.client.liquidator
        try:
            liquidator.read("resolve", BUCKETS_PER_CALL, sender=self.stage.operator.address)
        except ContractReverted as error:
            if error.reason == _NOTHING_TO_RESOLVE:
                return False
            raise
        return True

    def _resolved_account(self, new: list[Happening]) -> str | None:
        """Whose resolve a call worked on."""
        resolving = self.stage.client.liquidator.read("resolving")
        if resolving != 0:
            return self.stage.people.name_of(resolving)
        for happening in new:
            if happening.name in ("Finished", "Rematched", "AdlFrozen", "AuctionEnded"):
                return self.stage.people.name_of(happening["account"])
        return None

    def _consider(self, liquidator: Liquidator, person: Person, market: int) -> None:
        """Take a slice if the concession is high enough and appetite is left."""
        client = self.stage.client
        if client.leg(person.account, market)["size"] == 0:
            return
        terms = client.take_terms(person.account, market)
        offered = self._offered_ppm(terms, market)
        if offered < liquidator.plan.least_concession_ppm:
            return
        most = min(liquidator.appetite, div_down(liquidator.plan.appetite, SLICES))
        size = min(terms["size_max"], div_down(most * WAD, terms["mark"]))
        if size < terms["size_min"]:
            return
        limit = terms["mark"] - div_down(terms["mark"] * liquidator.plan.least_concession_ppm, PPM)
        try:
            if liquidator.plan.signs_orders:
                new = self._take_with_order(liquidator.person, person, market, size, limit)
            else:
                new = self.stage.send(
                    client.liquidator,
                    "take",
                    person.account,
                    market,
                    size,
                    limit,
                    liquidator.person.account,
                    signer=liquidator.person.signer,
                )
        except ContractReverted as error:
            self.refusals.append(
                Refusal(self.stage.clock.now, person.name, liquidator.person.name, error.reason)
            )
            return
        for happening in new:
            if happening.name == "Taken":
                notional = div_down(abs(happening["size"]) * happening["mark"], WAD)
                liquidator.appetite -= notional
                self._progress(f"{liquidator.person.name} takes from {person.name}")

    def _offered_ppm(self, terms: dict[str, int], market: int) -> int:
        """What a taker gets: from the account, and from insurance as far as its budget goes."""
        budget = self.stage.client.waterfall.read("concession_available", market)
        from_insurance = terms["concession_ppm"] - terms["account_concession_ppm"] if budget else 0
        return terms["account_concession_ppm"] + from_insurance

    def _take_with_order(
        self, taker: Person, person: Person, market: int, size: int, limit: int
    ) -> list[Happening]:
        """A take by a signed liquidation-only order, sent by the operator."""
        stage = self.stage
        self._salt += 1
        order = Order(
            account=taker.account,
            market=market,
            size=size,
            limit_price=limit,
            max_fee_ppm=MAX_FEE_PPM,
            expiry=stage.clock.now + stage.clock.shift + ORDER_LIFE_S,
            salt=self._salt,
            flags=Flags.LIQUIDATION_ONLY,
        )
        signed = stage.client.domain.sign(order, taker.key)
        receipt = stage.client.exchange.write(
            stage.operator,
            "take_with_order",
            signed.as_tuple(),
            person.account,
            size,
            gas=GAS,
        )
        return stage.record(receipt)
