"""The protocol with markets for one day, and calls to it that are fast enough for crowds.

Fees and funding are zero, so that what happens to an account is its own profit, its cash and
what a wave takes. Every market has one counterparty, who takes the other side of all openings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll.accounts import account_id
from plimsoll.bench.cold import DayChain, Image
from plimsoll.chain import AnvilOptions, dev_key
from plimsoll.chain.evm import Outcome
from plimsoll.client import Client
from plimsoll.contract import Contract, KeySigner, NodeSigner
from plimsoll.deployment import Listing, Plan, Sender, deploy
from plimsoll.errors import ContractReverted
from plimsoll.orders import NOBODY, Flags, Order
from plimsoll.replay.forms import Form, blank, blank_address, signed, words_of
from plimsoll.replay.population import MARK
from plimsoll.scenario import AuctionTerms, Bracket, MarketTerms
from plimsoll.units import WAD, div_up

TOKEN: Final = 10**12
"""Wad in one unit of the settlement token."""
BAND_PPM: Final = 200_000
AUCTION_S: Final = 300
IM_PPM: Final = 50_000

_FAR_FUTURE: Final = 4_000_000_000
_ENDLESS: Final = 10**33
_HIGHEST_PRICE: Final = 10**30
_FEED_DECIMALS: Final = 8
_FEED_UNIT: Final = 10 ** (18 - _FEED_DECIMALS)
_OI_CAP: Final = 10**9 * WAD
_RICH: Final = 10**24  # tokens' units minted to the bank


@dataclass(frozen=True)
class Leg:
    """A position: signed size, entry and accrued cash, wad."""

    size: int
    entry: int
    accrued: int

    def worth(self, mark: int) -> int:
        """What it adds to the equity of its account, as the ledger rounds it."""
        return self.size * mark // WAD + self.accrued

    def profit(self, mark: int) -> int:
        """Unrealised profit against the entry, rounded down."""
        return self.size * (mark - self.entry) // WAD


class Venue:
    """A deployment on a `DayChain`. What the protocol refuses raises `ContractReverted`."""

    def __init__(self, markets: int, genesis: int) -> None:
        """Markets 1 to `markets` are listed at `MARK`."""
        self.chain = DayChain(AnvilOptions(genesis_timestamp=genesis))
        self.chain.interval_s = 0
        bank = NodeSigner(self.chain.accounts()[0])
        plan = Plan(
            tuple(Listing(_terms(number), price=MARK) for number in range(1, markets + 1)),
            bank.address,
            auction=AuctionTerms(1_000, 30_000, AUCTION_S, 1_200_000, 5_000, 10_000),
        )
        deployment = deploy(self.chain, Sender(self.chain, bank, lambda _: None), plan)
        self.client = Client(self.chain, deployment)
        self.bank = bank.address
        self.marks = dict.fromkeys(range(1, markets + 1), MARK)
        self._feeds = {
            number: deployment.contract(self.chain, f"{_name(number)}Feed1").address
            for number in self.marks
        }
        self._key = dev_key(1)
        self._dealer = KeySigner(self._key).address
        token = self.client.token
        token.write(bank, "mint", bank.address, _RICH)
        for contract in (self.client.custody, self.client.junior, self.client.senior):
            token.write(bank, "approve", contract.address, _RICH)
        self._forms()

    def _forms(self) -> None:
        client = self.client
        feed = client.deployment.contract(self.chain, f"{_name(1)}Feed1")
        self._deposit = Form(client.custody, "deposit", blank(0), blank(1))
        self._withdraw = Form(client.custody, "withdraw", blank(0), blank(1), self.bank)
        self._class = Form(client.clearinghouse, "set_leverage_class", *map(blank, range(3)))
        self._leg = Form(client.clearinghouse, "leg", blank(0), blank(1))
        self._health = Form(client.clearinghouse, "health", blank(0))
        self._answer = Form(feed, "set_answer", blank(0))
        self._fills = {
            (market, buys): self._fill_form(market, buys)
            for market in self.marks
            for buys in (True, False)
        }

    def _fill_form(self, market: int, dealer_buys: bool) -> Form:
        """A fill of a sender's order (account, size, price) with the dealer's in a market."""
        dealer = Order(
            account=self.dealer(market),
            market=market,
            size=_ENDLESS if dealer_buys else -_ENDLESS,
            limit_price=_HIGHEST_PRICE if dealer_buys else 1,
            max_fee_ppm=0,
            expiry=_FAR_FUTURE,
            salt=int(dealer_buys),
        )
        signed_order = self.client.domain.sign(dealer, self._key)
        order = (blank(0), market, blank(1), blank(2), 0, _FAR_FUTURE, 0, int(Flags.POST_ONLY))
        mine = ((*order, NOBODY, 0, 0), blank_address(3), b"")
        return Form(self.client.exchange, "settle_one", signed_order.as_tuple(), mine, blank(4))

    # --- people ------------------------------------------------------------------------

    def dealer(self, market: int) -> int:
        """The counterparty's account in a market: one owner, a sub-account each."""
        return account_id(self._dealer, market)

    @staticmethod
    def owner(name: str) -> str:
        """The address of somebody by name, who only ever sends."""
        return to_checksum_address(keccak(text=name)[:20])

    @staticmethod
    def key(name: str) -> bytes:
        """The private key of somebody who signs."""
        return keccak(text=name)

    @staticmethod
    def keyed(name: str) -> KeySigner:
        """Somebody who signs."""
        return KeySigner(Venue.key(name))

    def deposit(self, account: int, amount: int) -> None:
        """Put `amount` (wad) into an account, rounded up to a token unit."""
        tokens = div_up(amount, TOKEN)
        self.send(self.bank, self.client.custody, self._deposit.filled(account, tokens))

    def credit(self, account: int, claims: int) -> None:
        """Deposit what buys so many claims (wad), which are cheaper after a shortfall."""
        tokens = self.client.custody.read("to_tokens_up", claims)
        self.send(self.bank, self.client.custody, self._deposit.filled(account, tokens))

    def withdraw(self, owner: str, account: int, amount: int) -> None:
        """Take out `amount` (wad, whole token units)."""
        self.send(owner, self.client.custody, self._withdraw.filled(account, amount // TOKEN))

    def choose_class(self, owner: str, account: int, market: int, leverage_class: int) -> None:
        """Choose the leverage class in a market; only while flat there."""
        data = self._class.filled(account, market, leverage_class)
        self.send(owner, self.client.clearinghouse, data)

    def trade(self, owner: str, account: int, market: int, size: int, price: int) -> None:
        """A fill with the dealer; `size` is signed as the account's."""
        form = self._fills[market, size < 0]
        data = form.filled(account, size, price, int(owner, 16), abs(size))
        self.send(owner, self.client.exchange, data)

    # --- prices and time ---------------------------------------------------------------

    def set_mark(self, market: int, price: int) -> int:
        """Move the feed to `price`, rounded up to a feed unit; the mark that follows."""
        answer = div_up(price, _FEED_UNIT)
        data = self._answer.filled(answer)
        _insist(self.chain.transact(self.bank, self._feeds[market], data))
        self.marks[market] = answer * _FEED_UNIT
        return self.marks[market]

    def restore(self, image: Image) -> None:
        """Go back to an image at which all marks stood at `MARK`."""
        self.chain.restore(image)
        self.marks = dict.fromkeys(self.marks, MARK)

    def wait_until(self, timestamp: int) -> None:
        """Let time pass up to a moment."""
        if timestamp > self.chain.time:
            self.chain.new_block(timestamp)

    # --- reading -----------------------------------------------------------------------

    def leg(self, account: int, market: int) -> Leg:
        """An account's position in a market at the newest block."""
        raw = self.chain.static(
            self.client.clearinghouse.address, self._leg.filled(account, market)
        )
        size, entry, accrued = words_of(raw[:96])
        return Leg(signed(size), entry, signed(accrued))

    def equity(self, account: int) -> int:
        """Equity of an account, wad."""
        raw = self.chain.static(self.client.clearinghouse.address, self._health.filled(account))
        return signed(int.from_bytes(raw[:32]))

    def shielded(self, account: int) -> bool:
        """Whether only a guarantee keeps an account from liquidation."""
        raw = self.chain.static(self.client.clearinghouse.address, self._health.filled(account))
        equity, _, margin, _, _, _, shield = words_of(raw)
        return signed(equity) < margin <= signed(equity) + shield

    # --- sending -----------------------------------------------------------------------

    def send(self, sender: str, contract: Contract, data: bytes) -> Outcome:
        """A transaction in a block of its own, at the time of the newest one."""
        return _insist(self.chain.transact(sender, contract.address, data))

    def call(self, contract: Contract, function: str, *args: Any, sender: str = "") -> Outcome:
        """The same by name; the bank sends unless somebody is named."""
        return self.send(sender or self.bank, contract, contract.encode(function, *args))


def _insist(outcome: Outcome) -> Outcome:
    if not outcome.ok:
        raise ContractReverted(outcome.reason or "", outcome.output)
    return outcome


def _name(number: int) -> str:
    return f"MARKET{number}"


def _terms(number: int) -> MarketTerms:
    bracket = Bracket(0, IM_PPM, IM_PPM // 2)
    return MarketTerms(
        id=number,
        name=_name(number),
        oi_cap=_OI_CAP,
        min_notional=100,
        taker_fee_ppm=0,
        maker_fee_ppm=0,
        band_ppm=BAND_PPM,
        max_class=4,
        brackets=(bracket, bracket, bracket),
        funding_base_ppb=0,
        funding_cap_ppb=0,
        premium_volume=0,
        size_decimals=18,
        feeds=1,
        feed_decimals=_FEED_DECIMALS,
        feed_spread_ppm=0,
    )
