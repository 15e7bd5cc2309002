"""The Clearinghouse with plain keys in place of its engines: one market, everything allowed.

For tests of the ledger itself, where custody, exchange and liquidator are three accounts.
"""

from __future__ import annotations

from typing import Any

from plimsoll import artifacts
from plimsoll.chain import Rpc
from plimsoll.contract import Contract, NodeSigner, deploy_code

WAD = 10**18
ENGINES = ("TradeEngine", "AdlEngine", "RegistryEngine")


def market_config(**changes: Any) -> tuple[Any, ...]:
    """A market's parameters with 20x leverage, as `IClearinghouse.MarketConfig`."""
    config = {
        "oi_cap": 10**6 * WAD,
        "min_notional": 100,
        "taker_fee_ppm": 500,
        "maker_fee_ppm": 200,
        "band_ppm": 100_000,
        "max_class": 4,
        "brackets": [(0, 50_000, 25_000), (1_000_000, 100_000, 50_000), (5_000_000, 200_000, 100_000)],
        "funding_base_ppb": 0,
        "funding_cap_ppb": 4_000_000,
        "premium_volume": 1_000,
    }
    config.update(changes)
    return tuple(config.values())


class BareLedger:
    """A Clearinghouse whose engines are accounts of the local chain."""

    def __init__(self, rpc: Rpc, price: int = 100, markets: int = 1, **config: Any) -> None:
        self.rpc = rpc
        accounts = rpc.accounts()
        self.owner, self.custody, self.exchange, self.liquidator = map(NodeSigner, accounts[:4])
        self.oracle = self.deploy("PriceOracle")
        engines = [
            self.deploy("TradeEngine"),
            self.deploy("AdlEngine"),
            self.deploy("RegistryEngine", self.oracle.address),
        ]
        self.ledger = self.deploy(
            "Clearinghouse", self.oracle.address, *(engine.address for engine in engines)
        )
        wired = (self.custody.address, self.exchange.address, self.liquidator.address)
        self.ledger.write(self.owner, "wire", *wired)
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
        """A transaction to the ledger; the gas is given, for estimates fall short of nested calls."""
        return self.ledger.write(signer, function, *args, gas=12_000_000)

    @staticmethod
    def account(index: int) -> int:
        """Account id of an owner nobody holds the key of."""
        return (0x100000 + index) << 96

    def set_price(self, price_wad: int, market: int = 1) -> None:
        """A new round of the market's feed (8 decimals)."""
        self.feeds[market].write(self.owner, "set_answer", price_wad // 10**10)

    def fund(self, account: int, amount: int) -> None:
        """A deposit (wad)."""
        self.send(self.custody, "credit", account, amount)

    def trade(self, maker: int, taker: int, size: int, price: int, market: int = 1, flags: int = 4) -> Any:
        """A fill; `size` (wad) is signed as the taker's."""
        fill = (maker, taker, market, size, price, 1_000, 1_000, flags)
        return self.send(self.exchange, "trade", fill)
