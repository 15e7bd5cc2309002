"""Brokers, their guaranty fund and the waterfall around a ledger whose health is set by hand.

Tokens, custody, vaults, waterfall and everything of the brokers is real; the liquidator is a plain
account. Amounts are whole tokens unless a name says otherwise; one is 1e6 token units, 1e18 claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_utils.address import to_checksum_address

from plimsoll import artifacts
from plimsoll.chain import Rpc, dev_key
from plimsoll.contract import Contract, Event, NodeSigner, blueprint_code, deploy_code
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms

WAD = 10**18
PPM = 10**6
UNIT = 10**6  # token units in a whole token
DAY_S = 86_400
HOUR_S = 3_600
WINDOW_S = 2 * DAY_S
NOTICE_S = 7 * DAY_S
CURE_S = 6 * HOUR_S
BUFFER_PPM = 200_000
BTC, ETH = 1, 2
NOBODY = "0x" + "00" * 20
GAS = 12_000_000
TERMS = {
    "omega_ppm": 2 * PPM,
    "first_loss_ppm": 250_000,
    "client_ppm": PPM,
    "commission_ppm": 100_000,
    "notice_s": NOTICE_S,
}
STATES = {"OPENED": 1, "ACTIVE": 2, "SUSPENDED": 4, "FAILED": 8, "LEAVING": 16, "LEFT": 32}
CALLED, DEFAULTED = 1, 2


class BrokerWorld:
    """One deployment and named people; `key(person)` signs for them."""

    def __init__(self, rpc: Rpc, currency: str = "TestToken") -> None:
        self.rpc = rpc
        people = [NodeSigner(to_checksum_address(address)) for address in rpc.accounts()]
        self._keys = {person.address: dev_key(number) for number, person in enumerate(people)}
        self.deployer, self.liquidator, self.operator, self.other_operator = people[:4]
        self.third_operator, self.depositor, self.other_depositor = people[4:7]
        self.client, self.other_client, self.attacker, self.anybody = people[7:11]
        label = ("Dollar", "USD", 6) if currency == "TestToken" else ()
        self.token = self.deploy(currency, *label)
        self.ledger = self.deploy("BrokerLedger")
        self.custody = self.deploy("Custody", self.token.address, self.ledger.address)
        self.junior, self.senior = (
            self.deploy("InsuranceVault", name, "V", *self._of_vault(), owner_only)
            for name, owner_only in (("Junior", True), ("Senior", False))
        )
        vaults = (self.junior.address, self.senior.address)
        self.waterfall = self.deploy("Waterfall", self.custody.address, *vaults)
        self.escrow = self.deploy("BrokerEscrow", self.token.address)
        self.registry = self.deploy("BrokerRegistry", *self._of_registry())
        registry = self.registry.address
        below = (self.custody.address, registry)
        self.fund = self.deploy(
            "GuarantyFund", registry, self.token.address, self.waterfall.address
        )
        self.sponsorship = self.deploy(
            "Sponsorship", self.ledger.address, self.waterfall.address, *below
        )
        liquidator, waterfall = self.liquidator.address, self.waterfall.address
        self.send(self.deployer, self.custody, "wire", waterfall, liquidator, *vaults)
        for vault in (self.junior, self.senior):
            self.give(self.deployer, 1, vault)
            self.send(self.deployer, vault, "wire", waterfall)
        ours = (self.sponsorship.address, self.fund.address)
        self.send(self.deployer, self.registry, "wire", *ours, waterfall)
        self.send(self.deployer, self.waterfall, "wire", liquidator, *ours)
        self.set_fund(minimum=50)
        self._salt = 0
        self.domain = GuaranteeDomain(rpc.chain_id(), self.sponsorship.address)

    # --- contracts ---------------------------------------------------------------------------

    def deploy(self, name: str, *args: Any) -> Contract:
        """Deploy one contract from its artifact."""
        artifact = artifacts.load(name)
        receipt = self.deployer.send(self.rpc, deploy_code(artifact, args), gas=14_000_000)
        return Contract(self.rpc, artifact, receipt["contractAddress"])

    def blueprint(self) -> str:
        """Put the broker vault's blueprint on chain."""
        code = blueprint_code(artifacts.load("BrokerVault"))
        return str(self.deployer.send(self.rpc, code, gas=14_000_000)["contractAddress"])

    def _of_vault(self) -> tuple[Any, ...]:
        return self.token.address, self.custody.address, 10 * DAY_S

    def _of_registry(self) -> tuple[str, ...]:
        below = (self.token, self.custody, self.escrow)
        return (*(contract.address for contract in below), self.blueprint())

    def send(
        self, signer: NodeSigner, contract: Contract, function: str, *args: Any
    ) -> list[Event]:
        """A transaction; returns the events of that contract."""
        return contract.events(contract.write(signer, function, *args, gas=GAS))

    def vault(self, address: str) -> Contract:
        """A broker's vault."""
        return Contract(self.rpc, artifacts.load("BrokerVault"), address)

    def key(self, person: NodeSigner) -> str:
        """The private key of somebody."""
        return self._keys[person.address]

    # --- money and time ----------------------------------------------------------------------

    def give(self, who: NodeSigner, tokens: int, spender: Contract) -> int:
        """Whole tokens for somebody, approved for a contract; returns token units."""
        units = tokens * UNIT
        self.send(who, self.token, "mint", who.address, units)
        allowed = self.token.read("allowance", who.address, spender.address)
        self.send(who, self.token, "approve", spender.address, allowed + units)
        return units

    def balance(self, address: str) -> int:
        """Token units."""
        return int(self.token.read("balanceOf", address))

    @property
    def now(self) -> int:
        return self.rpc.timestamp()

    def wait(self, seconds: int) -> None:
        """Let the last block be so many seconds later."""
        self.rpc.set_next_timestamp(self.now + seconds)
        self.rpc.mine()

    def set_fund(self, minimum: int, rate_ppm: int = 100_000, cause_ppm: int = 500_000) -> None:
        """Parameters of the guaranty fund; `minimum` in whole tokens."""
        values = (minimum * UNIT, rate_ppm, cause_ppm)
        self.send(self.deployer, self.fund, "set_parameters", *values)

    # --- brokers -----------------------------------------------------------------------------

    def open_vault(self, operator: NodeSigner, **changes: int) -> Contract:
        """A broker's vault without capital or seat."""
        terms = tuple((TERMS | changes).values())
        (opened, _) = self.send(operator, self.registry, "open_vault", "Broker", "BRK", terms)
        return self.vault(opened["broker"])

    def stake(self, vault: Contract, tokens: int) -> None:
        """More stake of the vault's operator."""
        operator = NodeSigner(vault.read("operator"))
        self.send(operator, vault, "add_stake", self.give(operator, tokens, vault))

    def invest(self, vault: Contract, who: NodeSigner, tokens: int) -> int:
        """A deposit; returns the shares."""
        units = self.give(who, tokens, vault)
        before = vault.read("balanceOf", who.address)
        self.send(who, vault, "deposit", units, who.address)
        return int(vault.read("balanceOf", who.address) - before)

    def broker(
        self,
        operator: NodeSigner | None = None,
        stake: int = 1_000,
        pool: int = 1_000,
        **terms: int,
    ) -> Contract:
        """A vault with capital and a seat."""
        who = operator or self.operator
        vault = self.open_vault(who, **terms)
        self.stake(vault, stake)
        if pool:
            self.invest(vault, self.depositor, pool)
        self.send(who, self.registry, "join", vault.address)
        return vault

    def state_of(self, vault: Contract) -> int:
        """One of `STATES`."""
        return int(self.registry.read("state_of", vault.address)[0])

    # --- clients -----------------------------------------------------------------------------

    @staticmethod
    def account(owner: NodeSigner, number: int = 0) -> int:
        """An owner's account."""
        return int(owner.address, 16) << 96 | number

    def set_health(self, account: int, equity: float, mm: float = 0, im: float = 0) -> None:
        """Whole units, in steps of a millionth."""
        values = (round(value * PPM) * 10**12 for value in (equity, mm, im))
        self.send(self.anybody, self.ledger, "set_health", account, *values)

    def set_leg(
        self, account: int, notional: int, size: int = 1, mm: int = 0, market: int = BTC
    ) -> None:
        """One more position, in whole units; a long, and all that needs margin, unless given."""
        markets = self.ledger.read("markets_of", account)
        if market not in markets:
            self.send(self.anybody, self.ledger, "set_markets", account, [*markets, market])
        position = (size * WAD, notional * WAD, mm * WAD)
        self.send(self.anybody, self.ledger, "set_leg", account, market, *position)

    def set_priced(self, account: int, priced: bool) -> None:
        self.send(self.anybody, self.ledger, "set_priced", account, priced)

    def set_started(self, account: int, started: bool = True) -> None:
        self.send(self.anybody, self.ledger, "set_started", account, started)

    def terms(self, vault: Contract, owner: NodeSigner | None = None, **changes: Any) -> Any:
        """Terms for the owner's main account: 500 for a year at 4 %, unless changed."""
        self._salt += 1
        fields: dict[str, Any] = {
            "account": self.account(owner or self.client),
            "broker": vault.address,
            "guarantee": 500 * UNIT,
            "fee_ppm": 40_000,
            "expiry": self.now + 365 * DAY_S,
            "buffer_ppm": BUFFER_PPM,
            "cure_s": CURE_S,
            "early_ppm": 500_000,
            "salt": self._salt,
            "valid_until": self.now + DAY_S,
        }
        return GuaranteeTerms(**(fields | changes))

    def agree(
        self,
        terms: GuaranteeTerms,
        owner: NodeSigner | None = None,
        operator: NodeSigner | None = None,
        function: str = "sponsor",
    ) -> list[Event]:
        """The client sends, the operator has signed; the fee is there."""
        who = owner or self.client
        self.give(who, 1_000, self.vault(terms.broker))
        signature = self.domain.sign(terms, self.key(operator or self.operator))
        return self.send(who, self.sponsorship, function, terms.as_tuple(), b"", signature)

    def sponsored(self, vault: Contract, guarantee: int = 500, **changes: Any) -> int:
        """The client's account with a guarantee in force, and 600 of its own; returns its id."""
        account = self.account(self.client)
        self.set_health(account, 600)
        self.agree(self.terms(vault, guarantee=guarantee * UNIT, **changes))
        return account

    def call_for_margin(self, vault: Contract, **changes: Any) -> int:
        """A sponsored account at 400 of equity on 490 of margin, with a call open."""
        account = self.sponsored(vault, **changes)
        self.set_health(account, 400, mm=490, im=980)
        self.send(self.anybody, self.sponsorship, "call", account)
        return account

    def guarantee(self, account: int) -> dict[str, int]:
        """What the ledger was told last."""
        names = ("amount", "opening_until", "shield_until", "buffer_ppm")
        return dict(zip(names, self.ledger.read("guarantees", account).values(), strict=True))

    def call_of(self, account: int) -> dict[str, int]:
        """The account's margin call."""
        return dict(self.sponsorship.read("margin_call", account))

    # --- invariants --------------------------------------------------------------------------

    def assert_sound(self, *vaults: Contract) -> None:
        """Locked and free capital make up the assets; every lock belongs to one client."""
        total = 0
        for vault in vaults:
            assets = vault.read("stake") + vault.read("totalAssets")
            locked = vault.read("client_locks") + vault.read("commitment")
            assert locked + vault.read("free_assets") == assets
            held = self.escrow.read("held", vault.address)
            assert held == assets + vault.read("unearned_fees")
            assert self.balance(vault.address) == 0
            count = self.sponsorship.read("client_count", vault.address)
            clients = self.sponsorship.read("clients", vault.address, 0, 64)
            assert len(clients) == count
            locks = [vault.read("locks", account) for account in clients]
            assert sum(locks) == vault.read("client_locks")
            risks = [self.sponsorship.read("risk_of", account) for account in clients]
            assert sum(risks) == self.sponsorship.read("at_risk", vault.address)
            for account, lock in zip(clients, locks, strict=True):
                record = self.sponsorship.read("sponsorship", account)
                assert (record["broker"], record["lock"]) == (vault.address, lock)
                assert self.guarantee(account)["amount"] == lock * 10**12
            parts = [self.fund.read(name, vault.address) for name in ("contribution", "assessment")]
            assert sum(parts) == vault.read("commitment")
            if vault.address in self.registry.read("members"):
                total += sum(parts)
        assert total == self.fund.read("totalAssets")
        assert self.balance(self.escrow.address) >= self.escrow.read("total")


@contextmanager
def undone(world: BrokerWorld) -> Iterator[BrokerWorld]:
    """The world as it is, whatever happens inside."""
    with world.rpc.undone():
        yield world
