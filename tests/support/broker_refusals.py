"""Everybody who could call the contracts of brokers, and what a call would end in.

A call is tried by `eth_call` from any address, contracts included: nothing changes, so that one
scene serves a whole table. Expected outcomes are "" (goes through) or the exact reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from plimsoll import artifacts
from plimsoll.contract import Contract, NodeSigner
from plimsoll.errors import ContractReverted
from tests.support.broker_world import DAY_S, NOBODY, NOTICE_S, TERMS, UNIT, BrokerWorld

GAS_FUNDS = 10**20
FAR = 4_000_000_000
Args = tuple[Any, ...]
CONTRACTS = {
    "BrokerRegistry": "registry",
    "BrokerVault": "vault",
    "Sponsorship": "sponsorship",
    "GuarantyFund": "fund",
    "BrokerEscrow": "escrow",
    "AtomicCredit": "credit",
}
"""Names of the contracts in the tables, and of their artifacts."""


def changing_functions() -> set[str]:
    """Every function of those contracts that is neither view nor pure, from their ABI."""
    return {
        f"{label}.{name}"
        for artifact, label in CONTRACTS.items()
        for name, entry in artifacts.load(artifact).functions.items()
        if entry["stateMutability"] not in ("view", "pure")
    }


@dataclass
class Scene:
    """A world with one broker's vault, one of another operator, and a client of the first."""

    world: BrokerWorld
    vault: Contract
    other_vault: Contract
    credit: Contract

    @classmethod
    def new(cls, world: BrokerWorld) -> Scene:
        """Both brokers have seats; nobody is sponsored yet, and nobody wants to leave."""
        vault = world.broker()
        other_vault = world.broker(world.other_operator, stake=1_000, pool=0)
        credit = world.deploy("AtomicCredit", world.client.address)
        return cls(world, vault, other_vault, credit)

    # --- who ---------------------------------------------------------------------------------

    @property
    def actors(self) -> dict[str, str]:
        """Name and address of everybody that a rule could mean."""
        world = self.world
        return {
            "operator": world.operator.address,
            "other operator": world.other_operator.address,
            "depositor": world.depositor.address,
            "client": world.client.address,
            "agent": world.attacker.address,  # may trade for the client, and no more
            "keeper": world.anybody.address,
            "guardian": world.third_operator.address,  # may pause markets, nothing here
            "owner": world.deployer.address,  # of the fund's parameters: the timelock
            "liquidator": world.liquidator.address,
            "registry": world.registry.address,
            "vault": self.vault.address,
            "sponsorship": world.sponsorship.address,
            "fund": world.fund.address,
            "waterfall": world.waterfall.address,
            "custody": world.custody.address,
            "ledger": world.ledger.address,
        }

    def contract(self, label: str) -> Contract:
        """A contract by its name in the tables."""
        if label in ("vault", "credit"):
            return getattr(self, label)
        return getattr(self.world, label)

    def acting(self, address: str) -> NodeSigner:
        """Somebody who sends, contracts included."""
        self.world.rpc.call("anvil_impersonateAccount", [address])
        self.world.rpc.set_balance(address, GAS_FUNDS)
        return NodeSigner(address)

    def outcome(self, key: str, actor: str) -> str:
        """What a call of `ARGUMENTS` by this actor would end in: nothing, or the reason."""
        label, name = key.split("/")[0].split(".")
        sender = self.actors[actor]
        try:
            self.contract(label).read(name, *ARGUMENTS[key](self, sender), sender=sender)
        except ContractReverted as refused:
            return refused.reason or "?"
        return ""

    # --- what --------------------------------------------------------------------------------

    @property
    def account(self) -> int:
        return self.world.account(self.world.client)

    def consent(self, key: str, vault: Contract, *, client: bool, operator: bool) -> Args:
        """Arguments of `sponsor` and `port` for terms of this vault, signed by whom it says."""
        world = self.world
        own = vault.address == self.vault.address
        runs = world.operator if own else world.other_operator
        terms = world.terms(vault, salt=zlib.crc32(key.encode()))
        signers = ((world.client, client), (runs, operator))
        signatures = (
            world.domain.sign(terms, world.key(who)) if signs else b"" for who, signs in signers
        )
        return (terms.as_tuple(), *signatures)

    # --- how ---------------------------------------------------------------------------------

    def fund_everybody(self) -> None:
        """Tokens for all actors, and their leave for both vaults to take them."""
        token = self.world.token
        for address in self.actors.values():
            sender = self.acting(address)
            token.write(self.world.anybody, "mint", address, 1_000 * UNIT)
            for taker in (self.vault, self.other_vault, self.world.escrow):
                token.write(sender, "approve", taker.address, 10**30)

    def prepare_exits(self) -> None:
        """A depositor and the operator have asked to leave; nobody may yet."""
        world = self.world
        shares = world.invest(self.vault, world.other_depositor, 10)
        world.send(world.other_depositor, self.vault, "request_withdrawal", shares)
        world.wait(3 * DAY_S)
        half = self.vault.read("balanceOf", world.depositor.address) // 2
        world.send(world.depositor, self.vault, "request_withdrawal", half)
        world.send(world.operator, self.vault, "request_stake", 100 * UNIT)

    def open_exits(self) -> None:
        """Their windows are open, and somebody else's has lapsed."""
        self.world.wait(NOTICE_S)

    def sponsor(self, guarantee: int = 500) -> None:
        """A guarantee for the client, who has 600 of its own."""
        self.world.sponsored(self.vault, guarantee)

    def draw_fund(self, tokens: int) -> None:
        """The waterfall draws on all members for an account without a broker."""
        waterfall = self.acting(self.world.waterfall.address)
        self.world.send(waterfall, self.world.fund, "pay_loss", NOBODY, tokens * UNIT)

    def fail(self) -> None:
        """Others pay for a client of the first broker."""
        committed = self.vault.read("commitment")
        waterfall = self.acting(self.world.waterfall.address)
        args = (self.vault.address, committed + UNIT)
        self.world.send(waterfall, self.world.fund, "pay_loss", *args)


def _consent(name: str, signed: str, scene: Scene, _: str) -> Args:
    vault = scene.vault if name == "sponsor" else scene.other_vault
    client, operator = signed in ("both", "client"), signed in ("both", "operator")
    return scene.consent(name, vault, client=client, operator=operator)


ARGUMENTS: dict[str, Callable[[Scene, str], Args]] = {
    "registry.wire": lambda s, me: (me, me, me),
    "registry.open_vault": lambda s, me: ("B", "B", tuple(TERMS.values())),
    **{
        f"registry.{name}": lambda s, me: (s.vault.address,)
        for name in ("join", "suspend", "reinstate", "fail", "leave", "retire")
    },
    # depositors
    "vault.deposit": lambda s, me: (UNIT, me),
    "vault.mint": lambda s, me: (UNIT, me),
    "vault.withdraw": lambda s, me: (UNIT, me, s.actors["depositor"]),
    "vault.withdraw/own": lambda s, me: (UNIT, me, me),
    "vault.redeem": lambda s, me: (UNIT, me, s.actors["depositor"]),
    "vault.approve": lambda s, me: (s.actors["guardian"], 1),
    "vault.transfer": lambda s, me: (s.actors["guardian"], 1),
    "vault.transferFrom": lambda s, me: (s.actors["depositor"], s.actors["guardian"], 1),
    "vault.permit": lambda s, me: (s.actors["depositor"], me, 1, FAR, 27, b"\1" * 32, b"\2" * 32),
    "vault.request_withdrawal": lambda s, me: (1,),
    "vault.clear_lapsed": lambda s, me: (s.world.other_depositor.address,),
    # operators
    "vault.add_stake": lambda s, me: (UNIT,),
    "vault.request_stake": lambda s, me: (UNIT,),
    "vault.withdraw_stake": lambda s, me: (UNIT, me),
    # contracts
    "vault.lock": lambda s, me: (s.account, 500 * UNIT),
    "vault.unlock": lambda s, me: (s.account,),
    "vault.pay_loss": lambda s, me: (s.account, 1),
    "vault.receive_fee": lambda s, me: (s.actors["client"], 1, DAY_S),
    "vault.commit": lambda s, me: (1,),
    "vault.uncommit": lambda s, me: (1,),
    "vault.pay_commitment": lambda s, me: (1,),
    # guarantees
    **{
        f"sponsorship.{name}/{signed}": partial(_consent, name, signed)
        for name in ("sponsor", "port")
        for signed in ("both", "client", "operator", "nobody")
    },
    "sponsorship.revoke": lambda s, me: _consent("sponsor", "nobody", s, me)[:1],
    "sponsorship.pay_loss": lambda s, me: (s.account, 1),
    **{
        f"sponsorship.{name}": lambda s, me: (s.account,)
        for name in (
            "release",
            "call",
            "cure",
            "measure",
            "count_stops",
            "declare_default",
            "start_early",
        )
    },
    # fund
    "fund.set_parameters": lambda s, me: (UNIT, 100_000, 0),
    "fund.transfer_ownership": lambda s, me: (s.actors["guardian"],),
    "fund.fill": lambda s, me: (s.vault.address,),
    "fund.release": lambda s, me: (s.vault.address,),
    "fund.pay_loss": lambda s, me: (NOBODY, 1),
    # tokens
    "escrow.hold": lambda s, me: (1,),
    "escrow.pay": lambda s, me: (me, 1),
    # credit from outside
    "credit.run": lambda s, me: (s.world.ledger.address, s.world.token.address, 0, 0, []),
    "credit.onFlashLoan": lambda s, me: (s.credit.address, s.world.token.address, 0, 0, b""),
    "credit.sweep": lambda s, me: (s.world.token.address,),
}
"""Good arguments of every function, for a scene and the address that calls; "/" names a variant."""
