"""The whole protocol on a chain of its own: token, three markets, funded vaults, named people.

Nothing is mocked. Transactions go over raw JSON-RPC, a millisecond or two each, and every
event is kept, so that the books can be recomputed from what was announced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.chain import AnvilOptions, AnvilProcess, Rpc, dev_key
from plimsoll.chain.revm import RevmChain
from plimsoll.client import Client
from plimsoll.contract import Contract, Event, NodeSigner, deploy_code
from plimsoll.deployment import Listing, Plan, Sender, deploy
from plimsoll.errors import ContractReverted
from plimsoll.orders import Flags, Match, Order, SignedOrder, settle_args, unsigned
from plimsoll.scenario import Bracket, MarketTerms

WAD = 10**18
RAY = 10**27
PPM = 10**6
SCALE = 10**12  # wad per unit of the 6-decimals token
DAY_S = 86_400
GAS = 12_000_000
JUNIOR, SENIOR = 3, 4
BTC, ETH, DOGE = 1, 2, 3
MARKETS = (BTC, ETH, DOGE)
PRICES = {BTC: 50_000 * WAD, ETH: 2_000 * WAD, DOGE: WAD // 4}
AUCTION_S = 1_800
FOREVER = 4_000_000_000
GENESIS = 1_900_000_000
_CLASS_20X = 4


def market_terms(number: int, name: str, oi_cap: int, **changes: Any) -> MarketTerms:
    """A market with 20x leverage; `oi_cap` in whole base units."""
    fields: dict[str, Any] = {
        "id": number,
        "name": name,
        "oi_cap": oi_cap * WAD,
        "min_notional": 100,
        "taker_fee_ppm": 500,
        "maker_fee_ppm": 200,
        "band_ppm": 50_000,
        "max_class": _CLASS_20X,
        "brackets": (
            Bracket(0, 50_000, 25_000),
            Bracket(1_000_000, 100_000, 50_000),
            Bracket(5_000_000, 200_000, 100_000),
        ),
        "funding_base_ppb": 10_000,
        "funding_cap_ppb": 4_000_000,
        "premium_volume": 1_000,
        "size_decimals": 6,
        "feeds": 1,
        "feed_decimals": 8,
        "feed_spread_ppm": 0,
    }
    return MarketTerms(**(fields | changes))


TERMS = {
    BTC: market_terms(BTC, "BTC", 10_000),
    ETH: market_terms(ETH, "ETH", 1_000_000),
    DOGE: market_terms(DOGE, "DOGE", 10**9),
}


@dataclass(frozen=True)
class Person:
    """Somebody with a key of their own."""

    name: str
    key: str
    signer: NodeSigner

    @property
    def address(self) -> str:
        return self.signer.address

    @property
    def account(self) -> int:
        return account_id(self.address)

    def sub(self, number: int) -> int:
        return account_id(self.address, number)


class Venue:
    """A deployment with capital in its vaults, and everything that has happened on it."""

    def __init__(
        self, rpc: Rpc, junior: int = 100_000, senior: int = 400_000, settled_in: str | None = None
    ) -> None:
        """`junior` and `senior` are whole tokens of insurance capital.

        `settled_in` names a contract with its `mint` to use instead of the test token.
        """
        self.rpc = rpc
        rpc.call("anvil_setBlockTimestampInterval", [1])
        addresses = rpc.accounts()
        self._free = [(NodeSigner(address), dev_key(i)) for i, address in enumerate(addresses)]
        self._people: dict[str, Person] = {}
        self.deployer = self._free.pop(0)[0]
        self.keeper = self.person("keeper").signer
        listings = tuple(Listing(TERMS[market], price=PRICES[market]) for market in MARKETS)
        settlement = None
        if settled_in is not None:
            contract = self.deploy(settled_in)
            contract.write(self.deployer, "mint", self.deployer.address, 100 * 10**6)
            settlement = contract.address
        plan = Plan(listings=listings, proposer=self.deployer.address, token=settlement)
        self.deployment = deploy(rpc, Sender(rpc, self.deployer, lambda _: None), plan)
        self.client = Client(rpc, self.deployment)
        self.timelock = self.deployment.contracts["Timelock"].address
        rpc.set_balance(self.timelock, 10**24)
        self.events: list[Event] = []
        self.times: list[int] = []  # of each event
        self.accounts: set[int] = {account_id(self.client.clearinghouse.address)}
        self.dead_feeds: set[int] = set()
        self._salt = 0
        self.fund_vaults(junior, senior)

    # --- people and money ----------------------------------------------------------------

    def person(self, name: str) -> Person:
        """The person of this name, with a key nobody else has."""
        if name not in self._people:
            signer, key = self._free.pop(0)
            self._people[name] = Person(name, key, signer)
        return self._people[name]

    @contextmanager
    def owner(self) -> Iterator[NodeSigner]:
        """Act as the timelock."""
        with self.rpc.impersonating(self.timelock):
            yield NodeSigner(self.timelock)

    def send(
        self, signer: NodeSigner, contract: Contract, function: str, *args: Any
    ) -> list[Event]:
        """A transaction; returns its events and remembers them."""
        receipt = contract.write(signer, function, *args, gas=GAS)
        events = self.client.events(receipt)
        if events:
            self.events += events
            self.times += [self.rpc.timestamp()] * len(events)
        return events

    def deploy(self, name: str, *args: Any) -> Contract:
        """One more contract."""
        artifact = artifacts.load(name)
        receipt = self.deployer.send(self.rpc, deploy_code(artifact, args), gas=GAS)
        return Contract(self.rpc, artifact, receipt["contractAddress"])

    def mint(self, who: NodeSigner, tokens: int, spender: str) -> None:
        """Whole tokens for somebody, approved for a contract."""
        self.send(who, self.client.token, "mint", who.address, tokens * 10**6)
        self.send(who, self.client.token, "approve", spender, tokens * 10**6)

    def fund_vaults(self, junior: int, senior: int) -> None:
        """Insurance capital, whole tokens: junior for the owner, senior for an outsider."""
        depositor = self.person("insurer").signer
        for vault, tokens, receiver in (
            (self.client.junior, junior, self.timelock),
            (self.client.senior, senior, depositor.address),
        ):
            self.mint(depositor, tokens, vault.address)
            self.send(depositor, vault, "deposit", tokens * 10**6, receiver)

    def deposit(self, who: Person, tokens: int, account: int | None = None) -> list[Event]:
        """Whole tokens into an account, the person's own main one unless told otherwise."""
        target = who.account if account is None else account
        self.accounts.add(target)
        self.mint(who.signer, tokens, self.client.custody.address)
        return self.send(who.signer, self.client.custody, "deposit", target, tokens * 10**6)

    def withdraw(self, who: Person, units: int, account: int | None = None) -> list[Event]:
        """Token units (1e-6) of claims to the person."""
        target = who.account if account is None else account
        return self.send(who.signer, self.client.custody, "withdraw", target, units, who.address)

    def balance(self, address: str) -> int:
        """Token units."""
        return int(self.client.token.read("balanceOf", address))

    # --- prices and time -----------------------------------------------------------------

    def feed(self, market: int) -> Contract:
        return self.deployment.contract(self.rpc, f"{TERMS[market].name}Feed1")

    def set_price(self, market: int, price: int) -> None:
        """A new feed round (wad), and a poke."""
        self.dead_feeds.discard(market)
        self.send(self.keeper, self.feed(market), "set_answer", price // 10**10)
        self.poke(market)

    def move(self, market: int, change_ppm: int) -> int:
        """Move a price by parts per million of itself; returns the new one."""
        old = self.mark(market)
        price = max(10**10, (old * (PPM + change_ppm) // PPM) // 10**10 * 10**10)
        self.set_price(market, price)
        return price

    def stop_feed(self, market: int) -> None:
        """The feed's round is in progress from now on: no price."""
        self.send(self.keeper, self.feed(market), "set_round", self.mark(market) // 10**10, 0)
        self.dead_feeds.add(market)
        self.poke(market)

    def poke(self, market: int) -> None:
        self.send(self.keeper, self.client.clearinghouse, "poke", market)

    def mark(self, market: int) -> int:
        """Wad."""
        return self.client.mark(market)[0]

    def wait(self, seconds: int) -> None:
        """Let time pass; living feeds report again, or they would go stale."""
        self.rpc.set_next_timestamp(self.rpc.timestamp() + seconds)
        for market in MARKETS:
            if market not in self.dead_feeds:
                self.set_price(market, self.mark_of_feed(market))

    def mark_of_feed(self, market: int) -> int:
        """The newest answer, wad."""
        return int(self.feed(market).read("latestRoundData")[1]) * 10**10

    # --- orders --------------------------------------------------------------------------

    def order(self, account: int, market: int, size: int, price: int, **changes: Any) -> Order:
        """An unsigned order; size and price in wad."""
        self._salt += 1
        self.accounts.add(account)
        fields: dict[str, Any] = {
            "account": account,
            "market": market,
            "size": size,
            "limit_price": price,
            "max_fee_ppm": 1_000,
            "expiry": FOREVER,
            "salt": self._salt,
        }
        return Order(**(fields | changes))

    def signed(
        self, who: Person, market: int, size: int, price: int, **changes: Any
    ) -> SignedOrder:
        """An order of the person's main account (or `account`), signed with their key."""
        account = changes.pop("account", who.account)
        order = self.order(account, market, size, price, **changes)
        return self.client.domain.sign(order, who.key)

    def settle_one(
        self, maker: SignedOrder, taker: SignedOrder, size: int, sender: NodeSigner | None = None
    ) -> list[Event]:
        return self.send(
            sender or self.keeper,
            self.client.exchange,
            "settle_one",
            maker.as_tuple(),
            taker.as_tuple(),
            size,
        )

    def settle(
        self, orders: list[SignedOrder], matches: list[Match], function: str = "settle"
    ) -> list[Event]:
        return self.send(self.keeper, self.client.exchange, function, *settle_args(orders, matches))

    def trade(
        self,
        buyer: Person,
        seller: Person,
        market: int,
        size: int,
        price: int | None = None,
        *,
        buyer_account: int | None = None,
        seller_account: int | None = None,
    ) -> list[Event]:
        """`buyer` buys from `seller` at the mark or the given price; the seller sends it."""
        at = price if price is not None else self.mark(market)
        maker = self.signed(
            buyer,
            market,
            size,
            at,
            flags=Flags.POST_ONLY,
            account=buyer.account if buyer_account is None else buyer_account,
        )
        account = seller.account if seller_account is None else seller_account
        taker = unsigned(self.order(account, market, -size, at))
        return self.settle_one(maker, taker, size, seller.signer)

    def set_class(self, who: Person, market: int, leverage_class: int, account: int = 0) -> None:
        """Choose a leverage class (0..4) while flat."""
        self.send(
            who.signer,
            self.client.clearinghouse,
            "set_leverage_class",
            account or who.account,
            market,
            leverage_class,
        )

    # --- liquidation ---------------------------------------------------------------------

    def start(self, account: int, signer: NodeSigner | None = None) -> list[Event]:
        return self.send(signer or self.keeper, self.client.liquidator, "start", account)

    def take(
        self, who: Person, account: int, market: int, size: int = 2**200, into: int = 0
    ) -> list[Event]:
        """Take over up to `size` at any price."""
        long = self.client.leg(account, market)["size"] > 0
        limit = 2**200 if long else 0
        target = into or who.account
        self.accounts.add(target)
        return self.send(
            who.signer, self.client.liquidator, "take", account, market, size, limit, target
        )

    def resolve(self, max_buckets: int = 400) -> list[Event]:
        return self.send(self.keeper, self.client.liquidator, "resolve", max_buckets)

    def resolve_all(self, max_buckets: int = 400, most: int = 200) -> list[Event]:
        """Resolve until nothing is left to do now; what waits for a price waits on."""
        events: list[Event] = []
        for _ in range(most):
            try:
                new = self.resolve(max_buckets)
            except ContractReverted as error:
                if error.reason != "liquidation: nothing to resolve":
                    raise
                return events
            events += new
            idle = not self.client.liquidator.read("resolving")
            if idle and named(new, "Requeued") and not named(new, "Finished"):
                return events
        raise AssertionError(f"resolve does not end after {most} calls")

    # --- reading -------------------------------------------------------------------------

    def started(self) -> list[int]:
        """Accounts under liquidation."""
        return [a for a in sorted(self.accounts) if self.client.clearinghouse.read("is_started", a)]

    def rejected(self, reason: str, call: Any, *args: Any, **named: Any) -> None:
        """The call must revert with exactly this reason."""
        found = None
        try:
            call(*args, **named)
        except ContractReverted as error:
            found = error.reason
        assert found == reason, f"{found!r} instead of {reason!r}"


@contextmanager
def running_venue(**options: Any) -> Iterator[Venue]:
    """A venue on its own Anvil."""
    with AnvilProcess(options=AnvilOptions(genesis_timestamp=GENESIS)) as anvil:
        yield Venue(anvil.rpc, **options)


def venue_in_process(**capital: int) -> Venue:
    """A venue on a chain in this process: the same addresses, and no round trips."""
    return Venue(RevmChain(genesis_timestamp=GENESIS), **capital)


def named(events: Sequence[Event], name: str) -> list[Event]:
    """Events of one name."""
    return [event for event in events if event.name == name]
