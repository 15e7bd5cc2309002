"""The protocol of one chain behind one object.

    client = Client.connect("http://127.0.0.1:8545")
    client.health(account)["equity"]

Reads return integers and dicts in the contracts' own units (wad, ppm); every write takes a
`Signer`, waits, and returns the receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from plimsoll import artifacts
from plimsoll.chain import Receipt, Rpc
from plimsoll.contract import Contract, Event, Signer, all_events
from plimsoll.deployment import DEPLOYMENTS, Deployment, load_deployment
from plimsoll.errors import ConfigError
from plimsoll.orders import Domain, Match, Order, SignedOrder, settle_args
from plimsoll.preview import Fill, Preview, liquidation_price
from plimsoll.risk_terms import BufferTerms, Concentration, RiskTerms

_EVENT_SOURCES: Final = (
    "Clearinghouse",
    "Custody",
    "Exchange",
    "Liquidator",
    "Waterfall",
    "JuniorVault",
    "SeniorVault",
    "BrokerRegistry",
    "Sponsorship",
    "GuarantyFund",
)


class Client:
    """Calls to a deployment."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self.rpc = rpc
        self.deployment = deployment
        self._followed: list[Contract] = []

    @classmethod
    def connect(cls, url: str, folder: Path = DEPLOYMENTS) -> Client:
        """The deployment that was saved for the chain behind `url`."""
        rpc = Rpc(url)
        deployment = load_deployment(rpc.chain_id(), folder)
        if not rpc.code(deployment.contracts["Clearinghouse"].address):
            raise ConfigError(
                f"the saved deployment of chain {deployment.chain_id} is not on this chain",
                next_step="a restarted chain is empty: run `python -m scripts.deploy` again",
            )
        return cls(rpc, deployment)

    # --- contracts ---------------------------------------------------------------------

    @cached_property
    def clearinghouse(self) -> Contract:
        """The ledger."""
        return self.deployment.contract(self.rpc, "Clearinghouse")

    @cached_property
    def custody(self) -> Contract:
        """Margin tokens and the redemption rate."""
        return self.deployment.contract(self.rpc, "Custody")

    @cached_property
    def exchange(self) -> Contract:
        """Signed orders."""
        return self.deployment.contract(self.rpc, "Exchange")

    @cached_property
    def liquidator(self) -> Contract:
        """Auctions and resolution."""
        return self.deployment.contract(self.rpc, "Liquidator")

    @cached_property
    def waterfall(self) -> Contract:
        """Who pays a loss."""
        return self.deployment.contract(self.rpc, "Waterfall")

    @cached_property
    def junior(self) -> Contract:
        """The protocol's own insurance capital."""
        return self.deployment.contract(self.rpc, "JuniorVault")

    @cached_property
    def senior(self) -> Contract:
        """Outside insurance capital."""
        return self.deployment.contract(self.rpc, "SeniorVault")

    @cached_property
    def brokers(self) -> Contract:
        """Brokers, their vaults and what each may do."""
        return self.deployment.contract(self.rpc, "BrokerRegistry")

    @cached_property
    def sponsorship(self) -> Contract:
        """Guarantees and margin calls."""
        return self.deployment.contract(self.rpc, "Sponsorship")

    @cached_property
    def fund(self) -> Contract:
        """The brokers' mutual guaranty fund."""
        return self.deployment.contract(self.rpc, "GuarantyFund")

    @cached_property
    def escrow(self) -> Contract:
        """The tokens of all brokers."""
        return self.deployment.contract(self.rpc, "BrokerEscrow")

    def broker_vault(self, address: str) -> Contract:
        """The vault that a broker is named by."""
        return Contract(self.rpc, artifacts.load("BrokerVault"), address)

    @cached_property
    def lens(self) -> Contract:
        """Views over several contracts."""
        return self.deployment.contract(self.rpc, "Lens")

    @cached_property
    def token(self) -> Contract:
        """The settlement token."""
        return Contract(self.rpc, artifacts.load("TestToken"), self.deployment.token)

    @cached_property
    def domain(self) -> Domain:
        """What orders for this exchange are signed against."""
        return Domain(self.deployment.chain_id, self.exchange.address)

    @cached_property
    def _event_sources(self) -> list[Contract]:
        return [self.deployment.contract(self.rpc, name) for name in _EVENT_SOURCES]

    def events(self, receipt: Receipt) -> list[Event]:
        """The protocol's events in a receipt, in the order they were logged."""
        return all_events([*self._event_sources, *self._followed], receipt)

    def follow(self, contract: Contract) -> None:
        """Let `events` decode those of one more contract, such as a broker's vault."""
        self._followed.append(contract)

    # --- reading -----------------------------------------------------------------------

    def health(self, account: int) -> dict[str, Any]:
        """Margin state of an account, see `IClearinghouse.Health`."""
        return dict(self.clearinghouse.read("health", account))

    def healths(self, accounts: Sequence[int]) -> list[dict[str, Any]]:
        """Margin states of many accounts, all of one block, in one round trip."""
        calls = [(account,) for account in accounts]
        return [dict(value) for value in self.read_many(self.clearinghouse, "health", calls)]

    def leg(self, account: int, market: int) -> dict[str, Any]:
        """One position, see `IClearinghouse.Leg`."""
        return dict(self.clearinghouse.read("leg", account, market))

    def legs(self, places: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """Positions of many (account, market), all of one block, in one round trip."""
        return [dict(value) for value in self.read_many(self.clearinghouse, "leg", places)]

    def mark(self, market: int) -> tuple[int, bool]:
        """The mark (wad) a transaction would use now, and whether there is one."""
        price, priced = self.clearinghouse.read("mark", market)
        return price, priced

    def risk(self, market: int) -> dict[str, Any]:
        """Average of the mark, stress and holds, see `IClearinghouse.Risk`."""
        return dict(self.clearinghouse.read("risk", market))

    def clock_stop(self, market: int) -> tuple[int, int, bool]:
        """The last stop of auction clocks there, and whether positions can be resolved now.

        From and until in unix seconds; until is now while there is no price.
        """
        since, until, is_open = self.clearinghouse.read("clock_stop", market)
        return since, until, is_open

    def buffer_terms(self, market: int) -> BufferTerms:
        """How far insurance capital backs the market's open interest; all zero: not at all."""
        return BufferTerms(**self.clearinghouse.read("buffer_terms", market))

    def buffer_cap(self, market: int) -> int:
        """Most that either side may be worth at mark (wad) by that; 2**256 - 1 without terms."""
        return int(self.clearinghouse.read("buffer_cap", market))

    def buffers(self, market: int) -> dict[str, Any]:
        """Capital in front of the winners, and how full the market is, see `ILens.Buffers`."""
        return dict(self.lens.read("buffers", market))

    def concentration(self, market: int) -> Concentration:
        """Extra margin of positions that are large in the market; all zero: none."""
        return Concentration(**self.clearinghouse.read("concentration", market))

    def capital(self) -> int:
        """Insurance capital that nobody has reserved or asked back (wad)."""
        return int(self.waterfall.read("capital"))

    def take_terms(self, account: int, market: int) -> dict[str, Any]:
        """What a take would get now, see `ILiquidator.TakeTerms`."""
        return dict(self.liquidator.read("take_terms", account, market))

    def books(self) -> dict[str, Any]:
        """Everything a reconciliation needs, see `ILens.Books`."""
        return dict(self.lens.read("books"))

    def preview(self, fill: Fill, *, block: int | str = "latest") -> Preview:
        """What settling a fill in a block would do; nothing is sent, nobody has to have signed."""
        return Preview.of(fill, self.lens.read("preview", fill.as_tuple(), block=block))

    def preview_orders(
        self, maker: Order, taker: Order, size: int, *, block: int | str = "latest"
    ) -> Preview:
        """What a match of two orders would do; ContractReverted if they do not fit each other.

        Their expiry, triggers and matchers are not looked at, nor what was filled of them.
        """
        orders = maker.as_tuple(), taker.as_tuple()
        return self.preview(Fill.of(self.lens.read("fill_of", *orders, size)), block=block)

    def liquidation_price(self, account: int, market: int) -> int | None:
        """The mark (wad) of one market at which an account may be liquidated; None: no mark.

        Everything else stays as it is now; see `ILens.liquidation_price`.
        """
        return liquidation_price(self.lens.read("liquidation_price", account, market))

    def read_many(
        self, contract: Contract, function: str, calls: Sequence[Sequence[Any]]
    ) -> list[Any]:
        """One view for many lists of arguments, all of one block, in one round trip."""
        block = hex(self.rpc.block_number())
        requests = [
            (
                "eth_call",
                [
                    {
                        "to": contract.address,
                        "data": "0x" + contract.encode(function, *args).hex(),
                    },
                    block,
                ],
            )
            for args in calls
        ]
        return [
            contract.decode_result(function, bytes.fromhex(raw[2:]))
            for raw in self.rpc.batch(requests)
        ]

    # --- writing -----------------------------------------------------------------------

    def deposit(self, signer: Signer, account: int, tokens: int) -> Receipt:
        """Deposit token units, approved before, into any account."""
        return self.custody.write(signer, "deposit", account, tokens)

    def withdraw(self, signer: Signer, account: int, tokens: int, receiver: str) -> Receipt:
        """Withdraw free cash; `tokens` is the amount before the redemption rate."""
        return self.custody.write(signer, "withdraw", account, tokens, receiver)

    def settle(
        self,
        signer: Signer,
        orders: list[SignedOrder],
        matches: list[Match],
        gas: int | None = None,
    ) -> Receipt:
        """Settle matches of signed orders, all or none."""
        return self.exchange.write(signer, "settle", *settle_args(orders, matches), gas=gas)

    def poke(self, signer: Signer, market: int) -> Receipt:
        """Refresh a market's mark."""
        return self.clearinghouse.write(signer, "poke", market)

    def sync(self, signer: Signer, account: int, market: int) -> Receipt:
        """Write accrued funding and re-matching back; in a settled market turn it into cash."""
        return self.clearinghouse.write(signer, "sync", account, market)

    def settle_market(self, signer: Signer, market: int) -> Receipt:
        """Wind a market down: the owner, or anybody after three days without a price."""
        return self.clearinghouse.write(signer, "settle_market", market)

    def set_risk_terms(self, signer: Signer, market: int, terms: RiskTerms) -> Receipt:
        """How a market averages its mark, raises margins and holds gains; the owner only."""
        return self.clearinghouse.write(signer, "set_risk_terms", market, terms.values())

    def set_buffer_terms(self, signer: Signer, market: int, terms: BufferTerms) -> Receipt:
        """What part of the capital backs a market, and how far; the owner only."""
        return self.clearinghouse.write(signer, "set_buffer_terms", market, terms.values())

    def set_concentration(self, signer: Signer, market: int, terms: Concentration) -> Receipt:
        """Extra initial margin of large positions; the owner only."""
        return self.clearinghouse.write(signer, "set_concentration", market, terms.values())
