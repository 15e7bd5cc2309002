"""Liquidation: auctions, takes, re-matches and haircuts, and what of them grows with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.venue import GAS, ONE_FEED, PRICE, RICH, SIZE, Trader, Venue, gas_of
from plimsoll.orders import Flags
from plimsoll.units import WAD, div_up

MOST_BUCKETS: Final = 29
"""Buckets that fit between the starting price and the last one, in four classes."""

_BANKRUPT: Final = PRICE * 85 // 100
_BELOW_MAINTENANCE: Final = PRICE * 96 // 100
_SLICES: Final = 500  # buckets that one resolve may visit
_LOWER_CLASSES: Final = 4
_HEAD_ACCOUNTS: Final = 10
_HEAD_SIZE: Final = 1_000 * WAD
_FURTHER_BUCKETS: Final = 10


@dataclass(frozen=True)
class BucketCost:
    """Gas of the resolve of a bankrupt account, against so many winning buckets."""

    buckets: int
    haircut: int
    """All are charged, the account's position is re-matched with the first."""
    rematch: int
    """All are charged, and it is re-matched with all of them."""


# --- figures -------------------------------------------------------------------------------


def auction(venue: Venue) -> Iterator[Figure]:
    """An account whose equity is positive, below its maintenance margin."""
    victim, counterparty, taker = venue.trader(60), venue.trader(RICH), venue.trader(RICH)
    newcomer, caller = venue.trader(RICH), venue.bank
    venue.open_many(counterparty, [victim, taker], SIZE)
    venue.set_price(_BELOW_MAINTENANCE)
    venue.settle_down()
    liquidator, exchange = venue.client.liquidator, venue.client.exchange
    receipt = liquidator.write(caller, "start", victim.account, gas=GAS)
    yield gas_figure("gas.start", gas_of(receipt))
    venue.wait(60)
    terms = venue.client.take_terms(victim.account, ONE_FEED)
    size = (terms["size_min"] + terms["size_max"]) // 2
    take = (victim.account, ONE_FEED, size, PRICE)
    with venue.rpc.undone():
        receipt = liquidator.write(caller, "touch", victim.account, gas=GAS)
        yield gas_figure("gas.touch", gas_of(receipt))
    with venue.rpc.undone():
        receipt = liquidator.write(newcomer.signer, "take", *take, newcomer.account, gas=GAS)
        yield gas_figure("gas.take_new", gas_of(receipt))
    with venue.rpc.undone():
        order = venue.signed(taker, size, flags=Flags.LIQUIDATION_ONLY)
        receipt = exchange.write(
            caller, "take_with_order", order.as_tuple(), victim.account, size, gas=GAS
        )
        yield gas_figure("gas.take_with_order", gas_of(receipt))
    receipt = liquidator.write(taker.signer, "take", *take, taker.account, gas=GAS)
    yield gas_figure("gas.take", gas_of(receipt))
    with venue.rpc.undone():
        venue.client.deposit(venue.bank, victim.account, 10**6)
        # the deposit itself looks at the auction: this one brings the account back to health
        receipt = venue.client.deposit(venue.bank, victim.account, 20 * 10**6)
        venue.insist(receipt, {"AuctionEnded": 1})
        yield gas_figure("gas.deposit_ends_auction", gas_of(receipt))
        venue.set_price(PRICE * 91 // 100)
        venue.settle_down()
        receipt = liquidator.write(caller, "start", victim.account, gas=GAS)
        yield gas_figure("gas.start_again", gas_of(receipt))
    venue.wait(600)
    receipt = liquidator.write(caller, "resolve", _SLICES, gas=GAS)
    venue.insist(receipt, {"BucketRematched": 1, "Rematched": 1})
    yield gas_figure("gas.rematch_1_bucket", gas_of(receipt))


def bankruptcy(venue: Venue) -> Iterator[Figure]:
    """An account whose equity falls below zero under auction: its loss is reserved, and again."""
    liquidator, caller = venue.client.liquidator, venue.bank
    victim = _victim(venue, venue.trader(RICH), SIZE)
    _move(venue, _BELOW_MAINTENANCE)
    liquidator.write(caller, "start", victim.account, gas=GAS)
    for key, percent in (("gas.remark_first", 85), ("gas.remark", 84)):
        _move(venue, PRICE * percent // 100)
        receipt = liquidator.write(caller, "remark", victim.account, gas=GAS)
        yield gas_figure(key, gas_of(receipt))


def haircut(venue: Venue) -> Iterator[Figure]:
    """The same resolve with one winning bucket and with several."""
    with venue.rpc.undone():
        counterparty, winners = _head(venue)
        alone = resolve_bankrupt(venue, counterparty)
        yield gas_figure("gas.resolve_1_bucket", alone)
        venue.settle_down()
        with venue.rpc.undone():
            receipt = venue.client.clearinghouse.write(
                venue.bank, "sync", winners[0].account, ONE_FEED, gas=GAS
            )
            yield gas_figure("gas.sync_after_adl", gas_of(receipt))
        with venue.rpc.undone():
            receipt = venue.trade(winners[0], counterparty, -SIZE, _BANKRUPT)
            yield gas_figure("gas.settle_after_adl", gas_of(receipt))
        _move(venue, PRICE)
        again = resolve_bankrupt(venue, counterparty)
        yield gas_figure("gas.resolve_1_bucket_again", again)
    several = _resolve_charging(venue, 1 + _FURTHER_BUCKETS)
    yield gas_figure("gas.haircut_per_bucket", div_up(several - alone, _FURTHER_BUCKETS))


# --- what grows with what ------------------------------------------------------------------


def bucket_cost(venue: Venue, buckets: int) -> BucketCost:
    """Both resolves against so many buckets, at most `MOST_BUCKETS`."""
    with venue.rpc.undone():
        haircut_gas = _resolve_charging(venue, buckets)
    with venue.rpc.undone():
        rematch_gas = _resolve_closing(venue, buckets)
    return BucketCost(buckets, haircut_gas, rematch_gas)


def resolve_bankrupt(venue: Venue, counterparty: Trader) -> int:
    """Gas to resolve a bankrupt long of fixed size; both insurance layers pay a little.

    The winners are there already, in one bucket that is larger than the position.
    """
    victim = _victim(venue, counterparty, SIZE)
    return _resolve(venue, victim, charged=1, closed=1)


def resolve_solvent(venue: Venue, counterparty: Trader) -> int:
    """Gas to re-match a solvent long of fixed size with one bucket, after its auction."""
    victim = _victim(venue, counterparty, SIZE)
    _move(venue, _BELOW_MAINTENANCE)
    venue.client.liquidator.write(venue.bank, "start", victim.account, gas=GAS)
    venue.wait(600)
    receipt = venue.measured(venue.bank, venue.client.liquidator, "resolve", _SLICES)
    venue.insist(receipt, {"BucketRematched": 1, "Rematched": 1})
    return gas_of(receipt)


def further_buckets(venue: Venue, counterparty: Trader, count: int) -> None:
    """Winning shorts behind the head, each alone in a bucket.

    A lower class and a lower entry: less profit for its class, further back. The mark follows.
    """
    clearinghouse = venue.client.clearinghouse
    for step in range(count):
        behind = venue.trader(RICH)
        lower_class = step % _LOWER_CLASSES
        clearinghouse.write(
            behind.signer, "set_leverage_class", behind.account, ONE_FEED, lower_class
        )
        price = PRICE * (100 - 2 * (step // _LOWER_CLASSES)) // 100
        if lower_class == 0:
            venue.set_price(price)
        venue.trade(behind, counterparty, -SIZE, price)


def _resolve_charging(venue: Venue, buckets: int) -> int:
    """Every bucket is charged; the first is large enough to close the position."""
    counterparty, _ = _head(venue)
    victim = _victim(venue, counterparty, SIZE)
    further_buckets(venue, counterparty, buckets - 1)
    return _resolve(venue, victim, charged=buckets, closed=1)


def _resolve_closing(venue: Venue, buckets: int) -> int:
    """Every bucket is charged, and closed whole: the position is as large as all of them."""
    counterparty, head = venue.traders(2, RICH)
    venue.trade(head, counterparty, -SIZE, PRICE)
    victim = _victim(venue, counterparty, SIZE * buckets)
    further_buckets(venue, counterparty, buckets - 1)
    return _resolve(venue, victim, charged=buckets, closed=buckets)


def _resolve(venue: Venue, victim: Trader, charged: int, closed: int) -> int:
    client = venue.client
    for vault in (client.junior, client.senior):
        owner = vault.read("owner") if vault is client.junior else venue.bank.address
        vault.write(venue.bank, "deposit", 20 * 10**6, owner)
    _move(venue, _BANKRUPT)
    client.liquidator.write(venue.bank, "start", victim.account, gas=GAS)
    receipt = venue.measured(venue.bank, client.liquidator, "resolve", _SLICES)
    venue.insist(
        receipt,
        {"BucketHaircut": charged, "BucketRematched": closed, "Drawn": 2, "Finished": 1},
    )
    return gas_of(receipt)


def _head(venue: Venue) -> tuple[Trader, list[Trader]]:
    """Shorts of fixed total size in one bucket, which is the head, and who they trade with."""
    counterparty = venue.trader(RICH)
    winners = venue.traders(_HEAD_ACCOUNTS, RICH)
    venue.open_many(counterparty, winners, -_HEAD_SIZE // _HEAD_ACCOUNTS)
    return counterparty, winners


def _victim(venue: Venue, counterparty: Trader, size: int) -> Trader:
    """A long at the starting price that holds 6 % of its notional."""
    victim = venue.trader(size * PRICE * 6 // (100 * WAD * WAD))
    venue.trade(victim, counterparty, size, PRICE)
    return victim


def _move(venue: Venue, price: int) -> None:
    venue.set_price(price)
    venue.settle_down()
