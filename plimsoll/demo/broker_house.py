"""Brokers of a run: vaults with capital, seats, clients by signed terms, and what comes after.

Only what is a party's own is done by that party: signatures, capital, replenishing. Signed terms
are sent by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from plimsoll.broker_plans import BrokerLayer, BrokerPlan, ClientPlan
from plimsoll.broker_views import BrokerState
from plimsoll.brokers import BrokerDesk
from plimsoll.demo.opening import GAS_MONEY_WEI
from plimsoll.demo.people import People, Person
from plimsoll.demo.stage import GAS, Stage
from plimsoll.guarantees import GuaranteeTerms
from plimsoll.units import tokens_to_wad, wad_to_tokens_up

CONSENT_S: Final = 3_600
"""Signed terms may be agreed on for an hour."""
SYMBOL: Final = "BRK"
"""Of every broker's shares."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Agreed:
    """A guarantee that both have signed; wad."""

    client: str
    broker: str
    time: int
    guarantee: int
    fee: int
    ported: bool


class BrokerHouse:
    """All brokers of a run, and who has signed with them."""

    def __init__(self, stage: Stage, layer: BrokerLayer, progress: Progress) -> None:
        self.stage = stage
        self.layer = layer
        self.desk = BrokerDesk(stage.client, gas=GAS)
        self.broker_of: dict[str, str] = {}  # name of the vault, by its address
        self.vaults: dict[str, str] = {}  # address, by name
        self.agreed: list[Agreed] = []
        self.progress = progress
        self._crew = People(stage.scenario.seed)
        self._salt = 0

    # --- before the fall -----------------------------------------------------------------

    def open(self) -> None:
        """Every broker's vault with its capital and its seat, then every client's guarantee."""
        for plan in self.layer.vaults:
            self.progress(f"{plan.name} opens")
            self._open_vault(plan)
        for client in self.layer.clients:
            self.progress(f"{client.name} and {client.broker} sign")
            self._agree(client, client.broker)

    def state(self, broker: str) -> BrokerState:
        """What a broker may do now."""
        return BrokerState(self.stage.client.brokers.read("state_of", self.vaults[broker])[0])

    def operator(self, broker: str) -> Person:
        """Who runs a broker."""
        return self._crew[f"{broker} operator"]

    def _open_vault(self, plan: BrokerPlan) -> None:
        stage, desk = self.stage, self.desk
        operator = self._hired(f"{plan.name} operator")
        depositor = self._hired(f"{plan.name} depositor")
        broker = desk.open_vault(operator.signer, plan.name, SYMBOL, plan.terms)
        self.vaults[plan.name], self.broker_of[broker] = broker, plan.name
        stage.client.follow(desk.vault(broker))
        stage.broker_vaults.append(desk.vault(broker))
        stake, pool = self.tokens(plan.stake), self.tokens(plan.pool)
        self.give(operator, stake, broker)
        self.give(depositor, pool, broker)
        stage.record(desk.add_stake(operator.signer, broker, stake))
        if pool:
            stage.record(desk.deposit(depositor.signer, broker, pool))
        stage.record(desk.join(operator.signer, broker))

    def _agree(self, client: ClientPlan, broker: str, *, ported: bool = False) -> None:
        """Both sign the same terms; somebody else sends them."""
        stage, desk = self.stage, self.desk
        person, operator = stage.people[client.name], self.operator(broker)
        terms = self._terms(client, broker)
        consents = (desk.sign(terms, person.key), desk.sign(terms, operator.key))
        # a block later the fee is a second smaller
        fee = desk.fee(terms)
        self.give(person, fee, terms.broker)
        send = desk.port if ported else desk.agree
        new = stage.record(send(stage.operator, terms, *consents))
        (agreed,) = [h for h in new if h.name == "GuaranteeAgreed"]
        self.agreed.append(
            Agreed(
                client=client.name,
                broker=broker,
                time=agreed.time,
                guarantee=client.guarantee,
                fee=tokens_to_wad(agreed["fee"], stage.client.deployment.token_decimals),
                ported=ported,
            )
        )

    def _terms(self, client: ClientPlan, broker: str) -> GuaranteeTerms:
        self._salt += 1
        now = self.stage.rpc.timestamp()
        # who moves keeps the end of its first guarantee
        signed_at = next((a.time for a in self.agreed if a.client == client.name), None)
        start = now if signed_at is None else signed_at + self.stage.clock.shift
        return GuaranteeTerms(
            account=self.stage.people[client.name].account,
            broker=self.vaults[broker],
            guarantee=self.tokens(client.guarantee),
            fee_ppm=client.fee_ppm,
            expiry=start + client.term_s + (0 if signed_at is None else CONSENT_S),
            buffer_ppm=client.buffer_ppm,
            cure_s=client.cure_s,
            early_ppm=client.early_ppm,
            salt=self._salt,
            valid_until=now + CONSENT_S,
        )

    # --- after the fall ------------------------------------------------------------------

    def settle_down(self) -> None:
        """Clients of a failed broker move; a broker that was drawn on replenishes the fund."""
        for plan in self.layer.vaults:
            if self.state(plan.name) == BrokerState.FAILED:
                self._port_clients(plan.name)
            elif plan.replenishes and not self.stage.client.fund.read(
                "is_filled", self.vaults[plan.name]
            ):
                self.progress(f"{plan.name} replenishes the guaranty fund")
                operator = self.operator(plan.name).signer
                self.stage.record(self.desk.fill_fund(operator, self.vaults[plan.name]))

    def _port_clients(self, failed: str) -> None:
        for client in self.layer.clients:
            moved = any(one.ported and one.client == client.name for one in self.agreed)
            if client.broker != failed or client.ports_to is None or moved:
                continue
            if self.desk.guarantee(self.stage.people[client.name].account) is not None:
                self.progress(f"{client.name} moves to {client.ports_to}")
                self._agree(client, client.ports_to, ported=True)

    # --- small things --------------------------------------------------------------------

    def _hired(self, name: str) -> Person:
        person = self._crew.add(name, "broker")
        self.stage.rpc.set_balance(person.address, GAS_MONEY_WEI)
        return person

    def give(self, who: Person, tokens: int, spender: str) -> None:
        """Token units for somebody, allowed to a contract."""
        if tokens:
            token = self.stage.client.token
            self.stage.send(token, "mint", who.address, tokens)
            self.stage.send(token, "approve", spender, tokens, signer=who.signer)

    def tokens(self, amount: int) -> int:
        """Token units of an amount (wad), rounded up."""
        return wad_to_tokens_up(amount, self.stage.client.deployment.token_decimals)
