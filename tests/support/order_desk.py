"""The exchange alone, with a probe where the clearinghouse and the liquidator would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brownie.convert.datatypes import HexString

from plimsoll.accounts import account_id
from plimsoll.chain import dev_key
from plimsoll.orders import Domain, Flags, Match, Order, SignedOrder, settle_args

WAD = 10**18
MARKET = 3
FAR_FUTURE = 4_000_000_000

MAKER_REDUCES, TAKER_REDUCES, MAKER_FEE, BLOCK = 1, 2, 4, 8  # flags of a fill


@dataclass(frozen=True)
class Party:
    """A named participant: its Brownie account, its key and its first sub-account."""

    account: Any
    key: str

    @property
    def address(self) -> str:
        return str(self.account.address)

    @property
    def main(self) -> int:
        return account_id(self.address)

    def sub(self, number: int) -> int:
        return account_id(self.address, number)


def party(brownie_accounts: Any, index: int) -> Party:
    """Participant number `index` of the local chain."""
    return Party(brownie_accounts[index], dev_key(index))


@dataclass
class OrderDesk:
    """Builds orders with rising salts, signs them and settles them."""

    exchange: Any
    probe: Any
    domain: Domain
    relayer: Any
    last_salt: int = 1_000

    def order(self, account: int, size: int, price: int, **changes: Any) -> Order:
        """An order over `size` and `price` in wad."""
        self.last_salt += 1
        fields: dict[str, Any] = {
            "account": account,
            "market": MARKET,
            "size": size,
            "limit_price": price,
            "max_fee_ppm": 500,
            "expiry": FAR_FUTURE,
            "salt": self.last_salt,
        }
        return Order(**(fields | changes))

    def signed(self, who: Party, size: int, price: int, **changes: Any) -> SignedOrder:
        """An order of a party's main account (or the given one), signed with its own key."""
        account = changes.pop("account", who.main)
        return self.domain.sign(self.order(account, size, price, **changes), who.key)

    def post(self, who: Party, size: int, price: int, **changes: Any) -> SignedOrder:
        """A signed post-only order."""
        flags = changes.pop("flags", Flags.NONE) | Flags.POST_ONLY
        return self.signed(who, size, price, flags=flags, **changes)

    def settle(
        self, orders: list[SignedOrder], matches: list[Match] | int, sender: Any = None
    ) -> Any:
        """Settle; a number instead of matches means order 0 against order 1 for that size."""
        return self.exchange.settle(
            *self.arguments(orders, matches), {"from": sender or self.relayer}
        )

    def try_settle(
        self,
        orders: list[SignedOrder],
        matches: list[Match] | int,
        sender: Any = None,
        gas_limit: int | None = None,
    ) -> Any:
        """As `settle`, skipping what fails."""
        transaction = {"from": sender or self.relayer}
        if gas_limit is not None:
            transaction["gas_limit"] = gas_limit
        return self.exchange.try_settle(*self.arguments(orders, matches), transaction)

    def filled(self, signed: SignedOrder) -> int:
        """What the exchange has on record for an order."""
        return int(self.exchange.filled(self.domain.hash(signed.order)))

    @staticmethod
    def arguments(orders: list[SignedOrder], matches: list[Match] | int) -> Any:
        """Arguments of `settle` and `try_settle`."""
        if isinstance(matches, int):
            matches = [Match(0, 1, matches)]
        return settle_args(orders, matches)


def wallet_call(desk: OrderDesk, wallet: Any, owner: Any, method: str, *args: Any) -> Any:
    """Call the exchange as a contract wallet."""
    return wallet.execute(
        desk.exchange.address, getattr(desk.exchange, method).encode_input(*args), {"from": owner}
    )


def fills(tx: Any) -> list[dict[str, Any]]:
    """What the clearinghouse was asked to trade."""
    names = (
        "maker",
        "taker",
        "market",
        "size",
        "price",
        "maker_fee_cap_ppm",
        "taker_fee_cap_ppm",
        "flags",
    )
    return [
        dict(zip(names, event["fill"], strict=True))
        for event in tx.events
        if event.name == "Traded"
    ]


def skipped(tx: Any) -> list[tuple[int, str]]:
    """Numbers of the matches that were skipped, and why."""
    return [
        (event["index"], bytes(HexString(event["reason"], "bytes")).decode())
        for event in tx.events
        if event.name == "FillSkipped"
    ]
