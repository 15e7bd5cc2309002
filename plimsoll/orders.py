"""Orders as the exchange hashes them: typed data (EIP-712), signatures and call arguments.

Sizes and prices are wad integers, fee caps are parts per million, times are unix seconds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Any, Final

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import is_address, to_canonical_address
from eth_utils.crypto import keccak

from plimsoll.accounts import owner_of
from plimsoll.errors import InputError

DOMAIN_NAME: Final = "Plimsoll"
DOMAIN_VERSION: Final = "1"
NOBODY: Final = "0x" + "00" * 20
CANCELLED: Final = 2**256 - 1
"""What the exchange answers as `filled` for an order that was cancelled."""

_DOMAIN_TYPES: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_ORDER_TYPES: Final = (
    ("account", "uint256"),
    ("market", "uint256"),
    ("size", "int256"),
    ("limit_price", "uint256"),
    ("max_fee_ppm", "uint256"),
    ("expiry", "uint256"),
    ("salt", "uint256"),
    ("flags", "uint256"),
    ("matcher", "address"),
    ("counterparty", "uint256"),
    ("trigger_price", "uint256"),
)


class Flags(IntFlag):
    """Bits of `Order.flags`."""

    NONE = 0
    REDUCE_ONLY = 1
    POST_ONLY = 2
    LIQUIDATION_ONLY = 4
    TRIGGER_ABOVE = 8
    """Trigger when the mark is at or above the trigger price; without it, at or below."""


def new_salt() -> int:
    """A random salt of 128 bits. Use rising salts instead to be able to cancel all below one."""
    return secrets.randbits(128)


@dataclass(frozen=True, slots=True)
class Order:
    """What a signer allows: up to `size` at `limit_price` or better, until `expiry`."""

    account: int
    market: int
    size: int
    """Wad of base units; positive buys."""
    limit_price: int
    """Wad quote per base unit."""
    max_fee_ppm: int
    expiry: int
    """Unix seconds, last second of validity."""
    salt: int
    flags: Flags = Flags.NONE
    matcher: str = NOBODY
    """Only this sender may settle it; `NOBODY`: anybody may."""
    counterparty: int = 0
    """Only against this account; 0: any."""
    trigger_price: int = 0
    """Wad, against the mark; 0: none."""

    def __post_init__(self) -> None:
        for name, kind in _ORDER_TYPES:
            value = getattr(self, name)
            if not _fits(value, kind):
                raise InputError(
                    f"order: {name} is not a valid {kind}: {value!r}",
                    next_step="sizes and prices are wad integers, addresses 0x and 40 digits",
                )
        if self.size == 0:
            raise InputError("order: size is zero", next_step="positive buys, negative sells")

    @property
    def owner(self) -> str:
        """Checksum address of the account's owner."""
        return owner_of(self.account)

    def as_tuple(self) -> tuple[Any, ...]:
        """The order as a contract argument."""
        return (
            self.account,
            self.market,
            self.size,
            self.limit_price,
            self.max_fee_ppm,
            self.expiry,
            self.salt,
            int(self.flags),
            self.matcher,
            self.counterparty,
            self.trigger_price,
        )

    def replaced(self, **changes: Any) -> Order:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order with who stands for it; without a signature, the sender of the transaction does."""

    order: Order
    signer: str
    signature: bytes = b""

    def as_tuple(self) -> tuple[Any, ...]:
        """The signed order as a contract argument."""
        return (self.order.as_tuple(), self.signer, self.signature)


@dataclass(frozen=True, slots=True)
class Match:
    """Order number `maker` against order number `taker` of one call, for `size` (wad)."""

    maker: int
    taker: int
    size: int

    def as_tuple(self) -> tuple[int, int, int]:
        """The match as a contract argument."""
        return (self.maker, self.taker, self.size)


@dataclass(frozen=True, slots=True)
class Domain:
    """The exchange that an order is meant for."""

    chain_id: int
    exchange: str

    @property
    def separator(self) -> bytes:
        """The EIP-712 domain separator."""
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [
                    keccak(text=_type_string("EIP712Domain", _DOMAIN_TYPES)),
                    keccak(text=DOMAIN_NAME),
                    keccak(text=DOMAIN_VERSION),
                    self.chain_id,
                    to_canonical_address(self.exchange),
                ],
            )
        )

    def typed_data(self, order: Order) -> dict[str, Any]:
        """The message for a wallet (`eth_signTypedData_v4`)."""
        values = dict(zip((name for name, _ in _ORDER_TYPES), order.as_tuple(), strict=True))
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN_TYPES],
                "Order": [{"name": name, "type": kind} for name, kind in _ORDER_TYPES],
            },
            "primaryType": "Order",
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": self.chain_id,
                "verifyingContract": self.exchange,
            },
            "message": values,
        }

    def hash(self, order: Order) -> bytes:
        """The digest that is signed, equal to the exchange's `order_hash(order)`."""
        return keccak(b"\x19\x01" + self.separator + _struct_hash(order))

    def sign(self, order: Order, key: str | bytes) -> SignedOrder:
        """The order signed by a private key: the owner's or an agent's."""
        account = Account.from_key(key)
        signed = account.unsafe_sign_hash(self.hash(order))
        return SignedOrder(order, account.address, bytes(signed.signature))

    def sign_for_wallet(self, order: Order, key: str | bytes) -> SignedOrder:
        """The order signed for an ERC-1271 wallet that owns the account and accepts this key."""
        return replace(self.sign(order, key), signer=order.owner)


def unsigned(order: Order, sender: str | None = None) -> SignedOrder:
    """The order of whoever sends the transaction: the owner, or an agent given as `sender`."""
    return SignedOrder(order, sender or order.owner)


def settle_args(
    orders: list[SignedOrder], matches: list[Match]
) -> tuple[list[tuple[Any, ...]], list[tuple[int, int, int]]]:
    """Arguments of the exchange's `settle` and `try_settle`."""
    for match in matches:
        if not (0 <= match.maker < len(orders) and 0 <= match.taker < len(orders)):
            raise InputError(
                f"match names an order that is not there: {match}",
                next_step="`maker` and `taker` count from 0 in the list of orders",
            )
    return [order.as_tuple() for order in orders], [match.as_tuple() for match in matches]


def market_bits(markets: list[int]) -> int:
    """The market list of `set_agent`: bit m for market m, 0 (every market) for an empty list."""
    bits = 0
    for market in markets:
        if not 1 <= market <= 255:
            raise InputError(
                f"market id out of range: {market}", next_step="market ids are 1 to 255"
            )
        bits |= 1 << market
    return bits


def _fits(value: object, kind: str) -> bool:
    if kind == "address":
        return is_address(value)
    if not isinstance(value, int):
        return False
    # -2**255 has no opposite; the exchange refuses it
    return -(2**255) < value < 2**255 if kind == "int256" else 0 <= value < 2**256


def _type_string(name: str, members: tuple[tuple[str, str], ...]) -> str:
    return f"{name}({','.join(f'{kind} {member}' for member, kind in members)})"


ORDER_TYPEHASH: Final = keccak(text=_type_string("Order", _ORDER_TYPES))


def _struct_hash(order: Order) -> bytes:
    values = [to_canonical_address(v) if isinstance(v, str) else v for v in order.as_tuple()]
    return keccak(ORDER_TYPEHASH + encode([kind for _, kind in _ORDER_TYPES], values))
