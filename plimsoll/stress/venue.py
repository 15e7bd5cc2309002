"""The protocol on a chain in this process, with people who trade on it.

A deployment takes half a second, so a process keeps one for each list of markets and goes back to
its first block for every run. Blocks carry the run's own times; several may share one.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.chain import AnvilOptions
from plimsoll.chain.revm import RevmChain
from plimsoll.client import Client
from plimsoll.contract import Contract, NodeSigner, deploy_code
from plimsoll.deployment import FeedSource, Listing, Plan, Sender, deploy
from plimsoll.errors import ContractReverted
from plimsoll.fuzz.probe import State, StateProbe
from plimsoll.orders import Flags, Order, SignedOrder, unsigned
from plimsoll.scenario import AuctionTerms
from plimsoll.stress.calls import call_data
from plimsoll.stress.logs import Log, LogReader
from plimsoll.stress.markets import MarketPlan
from plimsoll.units import WAD, div_down, wad_to_tokens_up

GENESIS: Final = 1_760_054_400  # a whole five-minute bucket
DECIMALS: Final = 6
DESK: Final = "desk"
"""Stands between longs and shorts while they open; flat and gone before the first event."""
DEPOSITOR: Final = "depositor"
"""Holds the senior vault's shares."""

_MINTED: Final = 10**24  # token units, for the bank, which pays all deposits
_PROBE_ACCOUNTS: Final = 40  # that one question may name
_FAR_FUTURE: Final = 4_000_000_000
_MAX_FEE_PPM: Final = 10_000
_OPTIONS: Final = AnvilOptions(genesis_timestamp=GENESIS)


@dataclass(frozen=True)
class Person:
    """Somebody with one account; a liquidator acts as any other."""

    name: str
    address: str
    key: bytes = field(repr=False)

    @functools.cached_property
    def account(self) -> int:
        """The account of sub-account 0."""
        return account_id(self.address)


@functools.lru_cache(maxsize=8_192)
def person(name: str) -> Person:
    """The same name is the same person in every run."""
    key = keccak(text=f"plimsoll stress {name}")
    point = PrivateKey(key).public_key.format(compressed=False)
    return Person(name, to_checksum_address(keccak(point[1:])[12:]), key)


class Venue:
    """A deployment at its first block; `rewind` goes back to it."""

    def __init__(self, markets: Sequence[MarketPlan], auction: AuctionTerms) -> None:
        self.markets = tuple(markets)
        self.auction = auction
        self.chain = RevmChain(options=_OPTIONS, interval_s=0)
        accounts = self.chain.accounts()
        self._bank = NodeSigner(accounts[0])
        self.bank = self._bank.address
        self.feeds = self._deploy_feeds()
        plan = Plan(
            tuple(
                Listing(
                    market.terms,
                    tuple(
                        FeedSource(feed.address, market.heartbeat, market.staleness)
                        for feed in self.feeds[market.name]
                    ),
                )
                for market in self.markets
            ),
            accounts[0],
            token=self._token(),
            auction=auction,
        )
        deployment = deploy(self.chain, Sender(self.chain, self._bank, lambda _: None), plan)
        self.client = Client(self.chain, deployment)
        self.timelock = deployment.contracts["Timelock"].address
        self.logs = LogReader(self.client)
        self.probe = StateProbe(self.chain, self._deploy_probe())
        self.people: dict[str, Person] = {}
        self.holders: set[str] = set()
        """Addresses beside the people's to which tokens went."""
        self._by_account: dict[int, str] = {}
        self._salt = 0
        for vault in (self.client.custody, self.client.junior, self.client.senior):
            self.send(self.bank, self.client.token, "approve", vault.address, 2**256 - 1)
        self._first = self.chain.snapshot()

    # --- calls -------------------------------------------------------------------------

    def send(self, sender: str, contract: Contract, function: str, *args: Any) -> list[Log]:
        """A transaction; what it logged, or `ContractReverted`."""
        outcome = self.chain.transact(
            sender, contract.address, call_data(contract, function, *args)
        )
        if not outcome.ok:
            raise ContractReverted(outcome.reason or "", outcome.output)
        return self.logs.read(outcome)

    def resolve(self, buckets: int) -> tuple[list[Log], int] | None:
        """One call of `resolve`, with its gas; None if there is nothing to resolve."""
        liquidator = self.client.liquidator
        data = call_data(liquidator, "resolve", buckets)
        outcome = self.chain.transact(self.bank, liquidator.address, data)
        if not outcome.ok:
            return None
        return self.logs.read(outcome), outcome.gas

    def words(self, contract: Contract, function: str, *args: Any) -> list[int]:
        """The words that a view returns, as unsigned numbers."""
        raw = self.chain.static(contract.address, call_data(contract, function, *args))
        return [int.from_bytes(raw[at : at + 32]) for at in range(0, len(raw), 32)]

    def read(self, people: Sequence[Person], *, legs: bool = False) -> State:
        """The books, all markets, and these people's accounts."""
        markets = [market.terms.id for market in self.markets]
        accounts = [one.account for one in people]
        state = self.probe.read((), (), markets)
        for start in range(0, len(accounts), _PROBE_ACCOUNTS):
            part = accounts[start : start + _PROBE_ACCOUNTS]
            found = self.probe.read(part, part if legs else ())
            state.accounts.update(found.accounts)
            state.legs.update(found.legs)
        return state

    # --- people ------------------------------------------------------------------------

    def add(self, name: str, deposit: int = 0) -> Person:
        """Somebody new, with `deposit` (wad) in the account."""
        found = person(name)
        self.people[name] = found
        self._by_account[found.account] = name
        if deposit:
            self.deposit(found, deposit)
        return found

    @property
    def traders(self) -> list[Person]:
        """Everybody who has an account of their own to lose."""
        return [one for one in self.people.values() if one.name not in (DESK, DEPOSITOR)]

    def name_of(self, account: int) -> str:
        """Whose account this is."""
        return self._by_account[account]

    def deposit(self, one: Person, amount: int) -> None:
        """The bank pays `amount` (wad) into somebody's account."""
        tokens = wad_to_tokens_up(amount, DECIMALS)
        self.send(self.bank, self.client.custody, "deposit", one.account, tokens)

    def insure(self, junior: int, senior: int) -> None:
        """Capital (wad) for both vaults: the protocol's own, and one depositor's."""
        depositor = self.add(DEPOSITOR)
        for vault, amount, owner in (
            (self.client.junior, junior, self.timelock),
            (self.client.senior, senior, depositor.address),
        ):
            if amount:
                tokens = wad_to_tokens_up(amount, DECIMALS)
                self.send(self.bank, vault, "deposit", tokens, owner)

    def trade(
        self, market: MarketPlan, buyer: Person, seller: Person, size: int, price: int
    ) -> None:
        """The seller crosses the buyer's posted order of `size` at `price` (wad)."""
        posted = self._order(market, buyer, size, price, Flags.POST_ONLY)
        crossing = self._order(market, seller, -size, price, Flags.NONE)
        self.send(
            seller.address,
            self.client.exchange,
            "settle_one",
            self._signed(posted, buyer).as_tuple(),
            unsigned(crossing).as_tuple(),
            size,
        )

    def _order(self, market: MarketPlan, one: Person, size: int, price: int, flags: Flags) -> Order:
        self._salt += 1
        return Order(
            account=one.account,
            market=market.terms.id,
            size=size,
            limit_price=price,
            max_fee_ppm=_MAX_FEE_PPM,
            expiry=_FAR_FUTURE,
            salt=self._salt,
            flags=flags,
        )

    def _signed(self, order: Order, one: Person) -> SignedOrder:
        digest = self.client.domain.hash(order)
        raw = PrivateKey(one.key).sign_recoverable(digest, hasher=None)
        return SignedOrder(order, one.address, raw[:64] + bytes([27 + raw[64]]))

    # --- brokers -----------------------------------------------------------------------

    def give(self, one: Person, tokens: int, spender: Contract) -> None:
        """Token units for somebody's wallet, and leave for a contract to take them."""
        if tokens:
            self.holders.add(one.address)
            self.send(self.bank, self.client.token, "transfer", one.address, tokens)
            self.send(one.address, self.client.token, "approve", spender.address, tokens)

    # --- prices and time ---------------------------------------------------------------

    def publish(self, market: MarketPlan, feed: int, price: int, updated_at: int) -> None:
        """A new round of one feed (from 0); price wad, time in seconds of the chain."""
        answer = div_down(price, 10 ** (18 - market.terms.feed_decimals))
        self.send(self.bank, self.feeds[market.name][feed], "set_round", answer, updated_at)

    def poke(self, market: MarketPlan) -> None:
        """Bring a market up to its feeds."""
        self.send(self.bank, self.client.clearinghouse, "poke", market.terms.id)

    def minted(self) -> int:
        """Token units that exist."""
        return int(self.client.token.read("totalSupply"))

    # --- deployment --------------------------------------------------------------------

    def rewind(self) -> None:
        """Back to the first block, without people."""
        self.chain.revert(self._first)
        self._first = self.chain.snapshot()
        self.people.clear()
        self.holders.clear()
        self._by_account.clear()
        self._salt = 0

    def _token(self) -> str:
        code = deploy_code(artifacts.load("TestToken"), ("Test Dollar", "TUSD", DECIMALS))
        address = str(self._bank.send(self.chain, code)["contractAddress"])
        token = Contract(self.chain, artifacts.load("TestToken"), address)
        token.write(self._bank, "mint", self.bank, _MINTED)
        return address

    def _deploy_feeds(self) -> dict[str, list[Contract]]:
        artifact = artifacts.load("TestFeed")
        feeds: dict[str, list[Contract]] = {}
        for market in self.markets:
            decimals = market.terms.feed_decimals
            code = deploy_code(artifact, (decimals, div_down(market.price, 10 ** (18 - decimals))))
            feeds[market.name] = [
                Contract(self.chain, artifact, self._bank.send(self.chain, code)["contractAddress"])
                for _ in range(market.terms.feeds)
            ]
        return feeds

    def _deploy_probe(self) -> str:
        client = self.client
        wired = (client.clearinghouse, client.custody, client.liquidator, client.waterfall)
        code = deploy_code(artifacts.load("StateProbe"), [contract.address for contract in wired])
        return str(self._bank.send(self.chain, code)["contractAddress"])


_kept = threading.local()


def venue_for(markets: Sequence[MarketPlan], auction: AuctionTerms) -> Venue:
    """A thread's deployment for these markets, at its first block; the last one is kept."""
    key = (tuple(markets), auction)
    known: tuple[Any, Venue] | None = getattr(_kept, "venue", None)
    if known is not None and known[0] == key:
        known[1].rewind()
        return known[1]
    venue = Venue(markets, auction)
    _kept.venue = (key, venue)
    return venue


def sized(market: MarketPlan, notional: int, price: int) -> int:
    """A size (wad) worth `notional` at `price`, with the market's decimals."""
    return market.terms.round_size(div_down(notional * WAD, price))
