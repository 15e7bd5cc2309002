"""The Clearinghouse with plain keys in place of its engines: one market, everything allowed.

For tests of the ledger itself, where custody, exchange and liquidator are three accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_utils.address import to_checksum_address

from plimsoll import artifacts
from plimsoll.chain import AnvilProcess, Rpc
from plimsoll.contract import Contract, NodeSigner, deploy_code
from tests.support.storage_layout import slot_of

WAD = 10**18
BRACKETS = ((0, 50_000, 25_000), (1_000_000, 100_000, 50_000), (5_000_000, 200_000, 100_000))
TAKE_TERMS = {"fee": 0, "bonus": 0, "market": 1}
ZERO = "0x" + 40 * "0"
ENGINES = ("TradeEngine", "TakeEngine", "AdlEngine", "RegistryEngine")


def market_config(**changes: Any) -> tuple[Any, ...]:
    """A market's parameters with 20x leverage, as `IClearinghouse.MarketConfig`."""
    config = {
        "oi_cap": 10**6 * WAD,
        "min_notional": 100,
        "taker_fee_ppm": 500,
        "maker_fee_ppm": 200,
        "band_ppm": 100_000,
        "max_class": 4,
        "brackets": list(BRACKETS),
        "funding_base_ppb": 0,
        "funding_cap_ppb": 4_000_000,
        "premium_volume": 1_000,
    }
    config.update(changes)
    return tuple(config.values())


class BareLedger:
    """A Clearinghouse whose engines are accounts of the local chain."""

    def __init__(
        self, rpc: Rpc, price: int = 100, markets: int = 1, rollup: bool = False, **config: Any
    ) -> None:
        self.rpc = rpc
        people = [NodeSigner(to_checksum_address(address)) for address in rpc.accounts()[:7]]
        self.owner, self.custody, self.exchange, self.liquidator = people[:4]
        self.trader, self.attacker, self.sponsorship = people[4:]
        self.sequencer = self.deploy("TestFeed", 0, 0) if rollup else None
        self.oracle = self.deploy("PriceOracle", self.sequencer.address if self.sequencer else ZERO)
        self.engines = [
            self.deploy("TradeEngine"),
            self.deploy("TakeEngine"),
            self.deploy("AdlEngine"),
            self.deploy("RegistryEngine", self.oracle.address),
        ]
        self.ledger = self.deploy(
            "Clearinghouse", self.oracle.address, *(engine.address for engine in self.engines)
        )
        wired = (self.custody, self.exchange, self.liquidator, self.sponsorship)
        self.ledger.write(self.owner, "wire", *(who.address for who in wired))
        self.feeds: dict[int, Contract] = {}
        for market in range(1, markets + 1):
            feed = self.deploy("TestFeed", 8, price * 10**8)
            self.feeds[market] = feed
            source = (feed.address, 86_400, 2 * 86_400)
            self.oracle.write(self.owner, "set_market", market, [source], 1, 50_000)
            self.ledger.write(self.owner, "list_market", market, market_config(**config))

    def deploy(self, name: str, *args: Any) -> Contract:
        """Deploy one contract from its artifact."""
        artifact = artifacts.load(name)
        receipt = self.owner.send(self.rpc, deploy_code(artifact, args), gas=14_000_000)
        engines = [artifacts.load(engine) for engine in ENGINES] if name == "Clearinghouse" else []
        return Contract(self.rpc, artifact, receipt["contractAddress"], engines)

    def send(self, signer: NodeSigner, function: str, *args: Any) -> Any:
        """A transaction to the ledger; gas is given, for estimates fall short of nested calls."""
        return self.ledger.write(signer, function, *args, gas=12_000_000)

    @staticmethod
    def account(index: int) -> int:
        """Account id of an owner nobody holds the key of."""
        return (0x100000 + index) << 96

    @staticmethod
    def account_of(signer: NodeSigner, number: int = 0) -> int:
        """Account id of somebody who can sign."""
        return int(signer.address, 16) << 96 | number

    def set_price(self, price_wad: int, market: int = 1) -> None:
        """A new round of the market's feed (8 decimals)."""
        self.feeds[market].write(self.owner, "set_answer", price_wad // 10**10)

    def lose_price(self, market: int = 1) -> None:
        """From now on the feed's round is in progress: no price."""
        self.feeds[market].write(self.owner, "set_round", 10**8, 0)

    def fund(self, account: int, amount: int) -> None:
        """A deposit (wad)."""
        self.send(self.custody, "credit", account, amount)

    def trade(
        self, maker: int, taker: int, size: int, price: int, market: int = 1, flags: int = 4
    ) -> Any:
        """A fill; `size` (wad) is signed as the taker's."""
        fill = (maker, taker, market, size, price, 1_000, 1_000, flags)
        return self.send(self.exchange, "trade", fill)

    def take(self, account: int, taker: int, size: int, price: int, **terms: int) -> Any:
        """An auction take; `size` (wad) is signed as the taker's."""
        fee, bonus, market = (terms.pop(key, preset) for key, preset in TAKE_TERMS.items())
        assert not terms, terms
        order = (account, taker, market, size, price, fee, bonus)
        return self.send(self.liquidator, "take", order)

    def poke(self, market: int = 1) -> Any:
        """Refresh the mark."""
        return self.send(self.owner, "poke", market)

    def health(self, account: int) -> Any:
        """Margin state of an account."""
        return self.ledger.read("health", account)

    def leg(self, account: int, market: int = 1) -> Any:
        """One position."""
        return self.ledger.read("leg", account, market)

    def changes(self, receipt: Any) -> dict[int, Any]:
        """`PositionChanged` events of a transaction by account."""
        events = self.ledger.events(receipt)
        return {event["account"]: event for event in events if event.name == "PositionChanged"}

    # --- storage ------------------------------------------------------------------------

    def word(self, variable: str, *keys: int, offset: int = 0) -> int:
        """A stored word, by its full name and the keys of the mapping."""
        slot = slot_of("Clearinghouse", variable, *keys) + offset
        return int(
            self.rpc.call("eth_getStorageAt", [self.ledger.address, hex(slot), "latest"]), 16
        )

    def set_word(
        self, value: int, variable: str, *keys: int, at: str = "", offset: int = 0
    ) -> None:
        """Overwrite a stored word (of contract `at`), to reach states that take years."""
        slot = f"0x{slot_of('Clearinghouse', variable, *keys) + offset:064x}"
        address = at or self.ledger.address
        self.rpc.call("anvil_setStorageAt", [address, slot, f"0x{value:064x}"])

    def set_cash(self, account: int, cash: int) -> None:
        """Stored cash (wad), as if the rest had been won or lost elsewhere."""
        rest = self.word("ledger.account_words", account) >> 128 << 128
        self.set_word(rest | cash % 2**128, "ledger.account_words", account)

    def set_equity(self, account: int, equity: int) -> None:
        """Stored cash (wad) such that the account is worth so much now."""
        cash = int.from_bytes(
            (self.word("ledger.account_words", account) % 2**128).to_bytes(16, "big"),
            "big",
            signed=True,
        )
        self.set_cash(account, cash + equity - self.health(account)["equity"])


@contextmanager
def rich_ledger(accounts: int, cash: int, **options: Any) -> Iterator[BareLedger]:
    """A ledger on a node of its own; accounts 0, 1, ... have so much `cash` (wad) each."""
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, **options)
        for index in range(accounts):
            ledger.fund(ledger.account(index), cash)
        yield ledger
