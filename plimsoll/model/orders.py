"""What an order must satisfy by itself, and what two of them do to each other.

Sizes and prices are wad. Reasons may carry a place in front, "#3 " for match 3 and "@2 " for
order 2 of a batch; an empty place gives the plain reason.

No cryptography runs here but the order hash: an order comes with a description of its signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from plimsoll.model.state import Agent, Refused, World, owner_of
from plimsoll.model.trading import Fill
from plimsoll.orders import CANCELLED, NOBODY, Domain, Flags, Order

ALL_FLAGS: Final = 15
MAX_MARKET: Final = 255

# `Fill.flags`
MAKER_REDUCES: Final = 1
TAKER_REDUCES: Final = 2
MAKER_FEE: Final = 4
BLOCK: Final = 8


class Seal(Enum):
    """How the signature bytes came about."""

    NONE = "no bytes: the sender of the transaction stands for the order"
    KEY = "a good signature of this order by `SignedBy.key`"
    WALLET = "the declared signer is a contract wallet, and accepts it"
    MALLEABLE = "65 bytes with s in the upper half; the declared signer is no contract wallet"
    GARBAGE = "bytes nobody made or accepts"


@dataclass(frozen=True, slots=True)
class SignedBy:
    """What a signature is; `key` is the address whose key made it, for `Seal.KEY` only."""

    seal: Seal
    key: str = ""


UNSIGNED: Final = SignedBy(Seal.NONE)
WALLET: Final = SignedBy(Seal.WALLET)
MALLEABLE: Final = SignedBy(Seal.MALLEABLE)
GARBAGE: Final = SignedBy(Seal.GARBAGE)


@dataclass(frozen=True, slots=True)
class Offer:
    """An order, who is said to stand for it (any case of address), and its signature."""

    order: Order
    signer: str
    signed_by: SignedBy = UNSIGNED


def unsigned(order: Order, sender: str | None = None) -> Offer:
    """The order of whoever sends the transaction: the owner, or an agent given as `sender`."""
    return Offer(order, sender or owner_of(order.account))


def signed(order: Order, key: str | None = None) -> Offer:
    """The order signed by the owner's key, or by the key of an agent's address."""
    signer = key or owner_of(order.account)
    return Offer(order, signer, SignedBy(Seal.KEY, signer))


def refuse(place: str, reason: str) -> Refused:
    """The refusal to raise, with the place in front."""
    return Refused(place + reason)


@lru_cache(maxsize=65_536)
def _digest(chain_id: int, exchange: str, order: Order) -> bytes:
    return Domain(chain_id, exchange).hash(order)


def order_hash(world: World, order: Order) -> bytes:
    """The digest that is signed, as the exchange computes it."""
    return _digest(world.chain_id, world.addresses["exchange"], order)


# --- one order ------------------------------------------------------------------------------


def verify(world: World, offer: Offer, sender: str, wanted: Flags, place: str) -> int:
    """Check everything an order must satisfy by itself, triggers aside.

    `wanted` is `Flags.LIQUIDATION_ONLY` for a take, `Flags.NONE` for a settlement. Returns what is
    filled of it (wad); of an order without a signature nothing is on record.
    """
    order = offer.order
    flags = int(order.flags)
    if world.now > order.expiry:
        raise refuse(place, "order: expired")
    if order.matcher not in (NOBODY, sender) and order.matcher.lower() != sender:
        raise refuse(place, "order: wrong matcher")
    if flags > ALL_FLAGS:
        raise refuse(place, "order: unknown flag")
    if flags & Flags.LIQUIDATION_ONLY != wanted:
        raise refuse(place, "order: not liquidation-only" if wanted else "order: liquidation-only")
    if wanted and flags & (Flags.REDUCE_ONLY | Flags.POST_ONLY):
        raise refuse(place, "order: flags do not combine")
    if order.size in (0, -(2**255)):
        raise refuse(place, "order: size out of range")

    signer = offer.signer.lower()
    owner = owner_of(order.account)
    if signer != owner:
        _check_agent(world, order, signer, place)
    if offer.signed_by.seal is Seal.NONE:
        if sender != signer:
            raise refuse(place, "order: not signed")
        return 0
    _check_signature(offer.signed_by, signer, owner, place)
    if order.salt < world.cancelled_below.get(order.account, 0):
        raise refuse(place, "order: below cancelled salt")
    already = world.filled_wad.get(order_hash(world, order), 0)
    if already == CANCELLED:
        raise refuse(place, "order: cancelled")
    return already


def is_live(world: World, agent: Agent | None) -> bool:
    """Whether there is such an agent now."""
    return agent is not None and world.now <= agent.expiry


def _check_agent(world: World, order: Order, key: str, place: str) -> None:
    """Raise unless the key may place this order for the account."""
    agent = world.agents.get((order.account, key))
    if agent is None:
        raise refuse(place, "agent: unknown")
    if world.now > agent.expiry:
        raise refuse(place, "agent: expired")
    if abs(order.size) > agent.max_size_wad:
        raise refuse(place, "agent: order too large")
    listed = order.market <= MAX_MARKET and agent.markets >> order.market & 1
    if agent.markets and not listed:
        raise refuse(place, "agent: wrong market")


def _check_signature(signed_by: SignedBy, signer: str, owner: str, place: str) -> None:
    """Raise unless the key of the declared signer signed, or the wallet that owns the account."""
    if signed_by.seal is Seal.KEY and signed_by.key.lower() == signer:
        return
    if signed_by.seal is Seal.WALLET and signer == owner:
        return
    if signed_by.seal is Seal.MALLEABLE:
        raise refuse(place, "order: malleable signature")
    raise refuse(place, "order: wrong signature")


# --- two orders -----------------------------------------------------------------------------


def match(
    maker: Order, taker: Order, size_wad: int, maker_filled: int, taker_filled: int, place: str
) -> Fill:
    """Decide what two orders do to each other, or raise if they do not fit.

    A post-only order is the maker wherever it stands, and sets the price.
    """
    if size_wad == 0:
        raise refuse(place, "match: zero size")
    if maker.market != taker.market:
        raise refuse(place, "order: different markets")
    if (maker.size > 0) == (taker.size > 0):
        raise refuse(place, "order: same side")
    if maker.account >> 96 == taker.account >> 96:
        raise refuse(place, "order: self trade")
    if size_wad > abs(maker.size) - maker_filled or size_wad > abs(taker.size) - taker_filled:
        raise refuse(place, "order: over filled")
    if maker.counterparty not in (0, taker.account) or taker.counterparty not in (
        0,
        maker.account,
    ):
        raise refuse(place, "order: wrong counterparty")
    flags = BLOCK if maker.counterparty or taker.counterparty else 0

    bid, ask = maker.limit_price, taker.limit_price
    if maker.size < 0:
        bid, ask = ask, bid
    if bid < ask:
        raise refuse(place, "order: prices do not cross")
    if taker.flags & Flags.POST_ONLY:
        if maker.flags & Flags.POST_ONLY:
            raise refuse(place, "order: both post-only")
        return _fill(taker, maker, size_wad, taker.limit_price, flags | MAKER_FEE)
    if maker.flags & Flags.POST_ONLY:
        return _fill(maker, taker, size_wad, maker.limit_price, flags | MAKER_FEE)
    return _fill(maker, taker, size_wad, (bid + ask) // 2, flags)


def _fill(maker: Order, taker: Order, size_wad: int, price_wad: int, flags: int) -> Fill:
    """The ledger's form of a match; the size has the taker's sign."""
    if maker.flags & Flags.REDUCE_ONLY:
        flags |= MAKER_REDUCES
    if taker.flags & Flags.REDUCE_ONLY:
        flags |= TAKER_REDUCES
    return Fill(
        maker=maker.account,
        taker=taker.account,
        market=maker.market,
        size_wad=size_wad if taker.size > 0 else -size_wad,
        price_wad=price_wad,
        maker_fee_cap_ppm=maker.max_fee_ppm,
        taker_fee_cap_ppm=taker.max_fee_ppm,
        flags=flags,
    )
