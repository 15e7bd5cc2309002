"""A deployment to measure on: two markets, fixed times, and people who trade through orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_account import Account
from eth_utils.crypto import keccak

from plimsoll.accounts import account_id
from plimsoll.bench.cold import ColdChain
from plimsoll.chain import AnvilOptions, Receipt, Rpc
from plimsoll.client import Client
from plimsoll.contract import Contract, NodeSigner
from plimsoll.deployment import Listing, Plan, Sender, deploy, feed_answers
from plimsoll.errors import ChainError
from plimsoll.orders import Flags, Match, Order, SignedOrder, settle_args, unsigned
from plimsoll.scenario import AuctionTerms, Bracket, MarketTerms
from plimsoll.units import WAD

ONE_FEED: Final = 1
THREE_FEEDS: Final = 2
PRICE: Final = 100 * WAD
SIZE: Final = 10 * WAD
"""What is traded, unless said otherwise."""
RICH: Final = 1_000_000
"""Whole tokens: enough for anything here."""
GENESIS: Final = 1_760_054_400  # a whole five-minute bucket
GAS: Final = 25_000_000
FAR_FUTURE: Final = 4_000_000_000
OPTIONS: Final = AnvilOptions(genesis_timestamp=GENESIS)

_BUCKET_S: Final = 300
_QUIET_S: Final = 100  # a measurement never comes nearer to the end of a bucket
_MAX_ORDERS: Final = 16


def _terms(market: int, name: str, feeds: int) -> MarketTerms:
    return MarketTerms(
        id=market,
        name=name,
        oi_cap=10**6 * WAD,
        min_notional=100,
        taker_fee_ppm=500,
        maker_fee_ppm=200,
        band_ppm=50_000,
        max_class=4,
        brackets=(
            Bracket(0, 50_000, 25_000),
            Bracket(500_000, 100_000, 50_000),
            Bracket(2_500_000, 200_000, 100_000),
        ),
        funding_base_ppb=12_500,
        funding_cap_ppb=500_000,
        premium_volume=50_000,
        size_decimals=6,
        feeds=feeds,
        feed_decimals=8,
        feed_spread_ppm=200,
    )


TERMS: Final = (_terms(ONE_FEED, "ONE", 1), _terms(THREE_FEEDS, "THREE", 3))


@dataclass(frozen=True)
class Trader:
    """Somebody with one account; `signer` sends through the node, `key` signs orders."""

    key: bytes
    signer: NodeSigner

    @property
    def account(self) -> int:
        """The account of sub-account 0."""
        return account_id(self.signer.address)


class Venue:
    """The protocol on a fresh chain, with blocks one second apart."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        rpc.call("anvil_setBlockTimestampInterval", [1])
        self.bank = NodeSigner(rpc.accounts()[0])
        plan = Plan(
            tuple(Listing(terms, price=PRICE) for terms in TERMS),
            self.bank.address,
            auction=AuctionTerms(1_000, 30_000, 300, 1_200_000, 5_000, 10_000),
        )
        deployment = deploy(rpc, Sender(rpc, self.bank, lambda _: None), plan)
        self.client = Client(rpc, deployment)
        self._feeds = {
            terms.id: [
                deployment.contract(rpc, f"{terms.name}Feed{number}")
                for number in range(1, terms.feeds + 1)
            ]
            for terms in TERMS
        }
        self._traders = 0
        self._salt = 0
        self.client.token.write(self.bank, "mint", self.bank.address, 10**18)
        for contract in (self.client.custody, self.client.junior, self.client.senior):
            self.client.token.write(self.bank, "approve", contract.address, 10**18)
        # from the second bucket on the funding rate is not zero
        self.next_bucket()

    # --- people ------------------------------------------------------------------------

    def trader(self, deposit: int = 0) -> Trader:
        """A new trader, with `deposit` whole tokens in the account."""
        self._traders += 1
        key = keccak(text=f"trader {self._traders}")
        address = str(Account.from_key(key).address)
        self.rpc.call("anvil_impersonateAccount", [address])
        self.rpc.set_balance(address, 10**18)
        trader = Trader(key, NodeSigner(address))
        if deposit:
            self.client.deposit(self.bank, trader.account, deposit * 10**6)
        return trader

    def traders(self, count: int, deposit: int) -> list[Trader]:
        """Several of them."""
        return [self.trader(deposit) for _ in range(count)]

    def order(self, trader: Trader, size: int, market: int = ONE_FEED, **changes: Any) -> Order:
        """An order at the starting price that is good for all but the last day of time."""
        self._salt += 1
        fields: dict[str, Any] = {
            "account": trader.account,
            "market": market,
            "size": size,
            "limit_price": PRICE,
            "max_fee_ppm": 1_000,
            "expiry": FAR_FUTURE,
            "salt": self._salt,
        }
        return Order(**(fields | changes))

    def signed(self, trader: Trader, size: int, market: int = ONE_FEED, **kw: Any) -> SignedOrder:
        """A signed order."""
        return self.client.domain.sign(self.order(trader, size, market, **kw), trader.key)

    def posted(self, trader: Trader, size: int, market: int = ONE_FEED, **kw: Any) -> SignedOrder:
        """A signed post-only order."""
        return self.signed(trader, size, market, flags=Flags.POST_ONLY, **kw)

    # --- trading -----------------------------------------------------------------------

    def settle_one(self, sender: NodeSigner, maker: SignedOrder, taker: SignedOrder) -> Receipt:
        """One fill of the maker's whole order."""
        return self.client.exchange.write(
            sender,
            "settle_one",
            maker.as_tuple(),
            taker.as_tuple(),
            abs(maker.order.size),
            gas=GAS,
        )

    def settle(
        self, sender: NodeSigner, orders: list[SignedOrder], matches: list[Match]
    ) -> Receipt:
        """Several fills in one call."""
        return self.client.exchange.write(sender, "settle", *settle_args(orders, matches), gas=GAS)

    def settle_makers(
        self, taker: Trader, makers: Sequence[Trader], size: int, market: int = ONE_FEED, **kw: Any
    ) -> Receipt:
        """One taker, who sends, against the posted orders of several makers, each `size`."""
        orders = [self.posted(maker, size, market, **kw) for maker in makers]
        order = self.order(taker, -size * len(makers), market, **kw)
        matches = [Match(index, len(makers), abs(size)) for index in range(len(makers))]
        return self.settle(taker.signer, [*orders, unsigned(order)], matches)

    def open_many(
        self, taker: Trader, makers: Sequence[Trader], size: int, market: int = ONE_FEED, **kw: Any
    ) -> None:
        """Positions of `size` for any number of makers."""
        for start in range(0, len(makers), _MAX_ORDERS - 1):
            part = makers[start : start + _MAX_ORDERS - 1]
            self.settle_makers(taker, part, size, market, **kw)

    def trade(self, maker: Trader, taker: Trader, size: int, price: int) -> Receipt:
        """A fill of two signed orders at a price; `size` is signed as the maker's."""
        return self.settle_one(
            self.bank,
            self.posted(maker, size, limit_price=price),
            self.signed(taker, -size, limit_price=price),
        )

    # --- chain -------------------------------------------------------------------------

    def measured(
        self, signer: NodeSigner, contract: Contract, function: str, *args: Any
    ) -> Receipt:
        """A transaction that starts on cold storage, whichever chain this is."""
        if isinstance(self.rpc, ColdChain):
            self.rpc.settle()
        return contract.write(signer, function, *args, gas=GAS)

    def insist(self, receipt: Receipt, wanted: Mapping[str, int]) -> None:
        """Refuse to publish the gas of something else than what it is said to be."""
        names = [event.name for event in self.client.events(receipt)]
        found = {name: names.count(name) for name in wanted}
        if found != wanted:
            raise ChainError(
                f"a measured call logged {found}, not {wanted}", next_step="see plimsoll/bench/"
            )

    def set_price(self, price: int, market: int = ONE_FEED) -> None:
        """A new round of every feed of a market."""
        answers = feed_answers(TERMS[market - 1], price)
        for feed, answer in zip(self._feeds[market], answers, strict=True):
            feed.write(self.bank, "set_answer", answer)

    def wait(self, seconds: int) -> None:
        """Let time pass, up to a moment at which no bucket ends soon."""
        self.rpc.set_next_timestamp(self.rpc.timestamp() + seconds)
        self.rpc.mine()
        self.next_bucket()

    def next_bucket(self) -> None:
        """Go to the next five-minute bucket and let every market set its funding rate."""
        now = self.rpc.timestamp()
        self.rpc.set_next_timestamp(now - now % _BUCKET_S + _BUCKET_S)
        for terms in TERMS:
            self.client.poke(self.bank, terms.id)

    def settle_down(self) -> None:
        """Make sure that the bucket does not end within the next few transactions."""
        if _BUCKET_S - self.rpc.timestamp() % _BUCKET_S < _QUIET_S:
            self.next_bucket()


def gas_of(receipt: Receipt) -> int:
    """Gas that a transaction used, refunds taken off."""
    return int(receipt["gasUsed"], 16)
