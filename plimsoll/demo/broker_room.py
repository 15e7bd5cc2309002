"""Margin calls in a run: who is called, who answers, who defaults.

Only what is a party's own is done by that party: deposits, sales, early starts. Calls, cures and
defaults could come from anybody; here they come from the keepers' operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from plimsoll.broker_plans import BrokerLayer, ClientPlan
from plimsoll.chain import Receipt
from plimsoll.contract import Signer
from plimsoll.demo.broker_house import BrokerHouse, Progress
from plimsoll.demo.opening import signed
from plimsoll.demo.people import Person
from plimsoll.demo.stage import GAS, Happening, Stage
from plimsoll.errors import BrokerRefused
from plimsoll.orders import Flags, Match
from plimsoll.population import TradePlan
from plimsoll.units import PPM, div_down

HYSTERESIS_PPM: Final = 50_000
"""A call is cured only so far above the buffer."""

Send = Callable[[Signer, int], Receipt]


@dataclass(frozen=True)
class Call:
    """A margin call that somebody has opened; times of the scenario, amount wad."""

    client: str
    time: int
    deadline: int
    amount: int
    answered: bool = False


@dataclass(frozen=True)
class Answer:
    """What a called client did; wad."""

    client: str
    time: int
    deposited: int
    sold: int  # size
    price: int
    fee: int


class BrokerRoom(BrokerHouse):
    """The broker layer of a run, with the calls that are open."""

    def __init__(
        self, stage: Stage, layer: BrokerLayer, buyer: Person | None, progress: Progress
    ) -> None:
        """`buyer` takes the other side when a called client sells; without one nobody can sell."""
        super().__init__(stage, layer, progress)
        self.answers: list[Answer] = []
        self._buyer = buyer
        self._clients = {plan.name: plan for plan in layer.clients}
        self._calls: dict[str, Call] = {}
        self._over: set[str] = set()  # defaulted, or without a guarantee again
        self._read = 0  # happenings looked at

    def work(self) -> None:
        """Call, answer, cure, start early and declare defaults, as far as there is reason."""
        self._read_news()
        waiting = [plan for plan in self.layer.clients if plan.name not in self._over]
        people = [self.stage.people[plan.name] for plan in waiting]
        healths = self.stage.client.healths([person.account for person in people])
        for plan, health in zip(waiting, healths, strict=True):
            if plan.name in self.stage.started and plan.name not in self._calls:
                continue
            call = self._calls.get(plan.name)
            if call is None:
                if not _is_above(health, PPM + plan.buffer_ppm):
                    self._call(plan)
                continue
            self._follow_up(plan, call, health)

    def next_moment(self) -> int | None:
        """When the next answer or deadline is due; None without an open call."""
        moments = [moment for call in self._calls.values() for moment in self._moments(call)]
        return min(moments, default=None)

    def _moments(self, call: Call) -> Iterator[int]:
        plan = self._clients[call.client]
        if plan.response is not None and not call.answered:
            yield call.time + plan.response.after_s
        yield call.deadline + 1

    def _call(self, plan: ClientPlan) -> None:
        self.progress(f"{plan.name} is called for margin")
        (called,) = [h for h in self._about(self.desk.call, plan.name) if h.name == "MarginCalled"]
        deadline = called["deadline"] - self.stage.clock.shift
        self._calls[plan.name] = Call(plan.name, called.time, deadline, called["amount"])

    def _follow_up(self, plan: ClientPlan, call: Call, health: dict[str, Any]) -> None:
        stage, now = self.stage, self.stage.clock.now
        started = plan.name in stage.started
        safe = _is_above(health, PPM + plan.buffer_ppm + HYSTERESIS_PPM)
        if safe and not started and now < call.deadline:
            if self._try(self.desk.cure, plan.name):
                self.progress(f"{plan.name} is cured")
                del self._calls[plan.name]
            return
        if plan.starts_early and not started and not _is_above(health, plan.early_ppm):
            operator = self.operator(plan.broker).signer
            if self._try(self.desk.start_early, plan.name, operator):
                self.progress(f"{plan.broker} starts the auction of {plan.name} early")
                self._end(plan.name)
            return
        due = plan.response is not None and now >= call.time + plan.response.after_s
        if due and not call.answered and not started:
            self._answer(plan, call)
        elif now > call.deadline:
            self._declare(plan.name)

    def _declare(self, client: str) -> None:
        """Count how long the client's markets stood still; then the default, if it is due."""
        self._about(self.desk.count_stops, client)
        self._read_news()
        if self.stage.clock.now > self._calls[client].deadline and self._try(
            self.desk.declare_default, client
        ):
            self.progress(f"{client} defaults")
            self._end(client)

    def _answer(self, plan: ClientPlan, call: Call) -> None:
        """Deposit own tokens, or sell a part of the position; then be cured."""
        self._calls[plan.name] = replace(call, answered=True)
        answer = self._deposit(plan) or self._sell(plan)
        if answer is None:
            return
        self.answers.append(answer)
        if self._try(self.desk.cure, plan.name):
            self.progress(f"{plan.name} is cured")
            del self._calls[plan.name]

    def _deposit(self, plan: ClientPlan) -> Answer | None:
        if plan.response is None or not plan.response.deposit:
            return None
        stage, person = self.stage, self.stage.people[plan.name]
        tokens = self.tokens(plan.response.deposit)
        self.give(person, tokens, stage.client.custody.address)
        stage.record(stage.client.deposit(person.signer, person.account, tokens))
        return Answer(plan.name, stage.clock.now, plan.response.deposit, 0, 0, 0)

    def _sell(self, plan: ClientPlan) -> Answer | None:
        """By signed orders at mark, if there is somebody to buy."""
        if plan.response is None or self._buyer is None:
            return None
        stage, person, buyer = self.stage, self.stage.people[plan.name], self._buyer.name
        terms = stage.scenario.market(plan.market)
        size = stage.client.leg(person.account, terms.id)["size"]
        sold = terms.round_size(div_down(size * plan.response.sell_ppm, PPM))
        price, _ = stage.client.mark(terms.id)
        trade = TradePlan(0, terms.id, buyer, plan.name, -sold, price)
        salt = stage.transactions * 16
        orders = [
            signed(stage, trade, buyer, sold, Flags.POST_ONLY, salt),
            signed(stage, trade, plan.name, -sold, Flags.REDUCE_ONLY, salt + 1),
        ]
        receipt = stage.client.settle(stage.operator, orders, [Match(0, 1, sold)], gas=GAS)
        fee = next(
            h["fee"]
            for h in stage.record(receipt)
            if h.name == "PositionChanged" and h["account"] == person.account
        )
        return Answer(plan.name, stage.clock.now, 0, sold, price, fee)

    def _read_news(self) -> None:
        """Deadlines that have moved, and guarantees that a draw has ended."""
        happenings = self.stage.happenings
        for happening in happenings[self._read :]:
            if happening.name == "GuaranteePaid":
                self._end(self.stage.people.name_of(happening["account"]))
            elif happening.name == "ClockStopped":
                name = self.stage.people.name_of(happening["account"])
                deadline = happening["deadline"] - self.stage.clock.shift
                self._calls[name] = replace(self._calls[name], deadline=deadline)
        self._read = len(happenings)

    def _end(self, client: str) -> None:
        self._over.add(client)
        self._calls.pop(client, None)

    def _about(self, send: Send, client: str, signer: Signer | None = None) -> list[Happening]:
        account = self.stage.people[client].account
        return self.stage.record(send(signer or self.stage.operator, account))

    def _try(self, send: Send, client: str, signer: Signer | None = None) -> bool:
        """Whether the contracts accepted it; they refuse while a market stands still."""
        try:
            self._about(send, client, signer)
        except BrokerRefused as error:
            if error.reason not in ("call: clock stopped", "call: not cured", "call: not due"):
                raise
            return False
        return True


def _is_above(health: dict[str, Any], ppm: int) -> bool:
    """E >= MM * ppm and E >= 0, as the contract asks."""
    return bool(health["equity"] >= 0 and health["equity"] * PPM >= health["mm"] * ppm)
