"""The measurements: each is one transaction in a block of its own, read from its receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from plimsoll.bench.figures import Figure, Report, gas_figure, size_figure
from plimsoll.bench.venue import (
    GAS,
    ONE_FEED,
    OPTIONS,
    PRICE,
    THREE_FEEDS,
    Trader,
    Venue,
    gas_of,
)
from plimsoll.chain import AnvilProcess, Receipt
from plimsoll.errors import ChainError
from plimsoll.orders import Match, unsigned
from plimsoll.units import WAD, div_up

ADL_ACCOUNTS: Final = (10, 100, 1_000)

_BATCH: Final = 10
_FURTHER_BUCKETS: Final = 10
_PAIRS: Final = 8  # two orders each, 16 fit into a call
_SIZE: Final = 10 * WAD
_RICH: Final = 1_000_000  # whole tokens
_LOWER_CLASSES: Final = 4
_TESTS_ONLY: Final = ("Token", "Feed")

Progress = Callable[[str], None]


def measure(progress: Progress, adl_accounts: Sequence[int] = ADL_ACCOUNTS) -> Report:
    """Everything, on chains of its own."""
    with AnvilProcess(None, OPTIONS) as anvil:
        progress("deploying")
        venue = Venue(anvil.rpc)
        conditions = _conditions(venue)
        sizes = [
            size_figure(name, len(anvil.rpc.code(entry.address)))
            for name, entry in venue.client.deployment.contracts.items()
            if not any(part in name for part in _TESTS_ONLY)
        ]
        gas: list[Figure] = []
        for part in (_fills, _batches, _custody, _auction, _haircut):
            with anvil.rpc.undone():
                for figure in part(venue):
                    progress(figure.key)
                    gas.append(figure)
        scale = []
        for accounts in adl_accounts:
            progress(f"scale.adl, {accounts} accounts")
            with anvil.rpc.undone():
                scale.append((accounts, _resolve(venue, accounts, 1)[0]))
    return Report(tuple(gas), tuple(sizes), tuple(scale), conditions)


def _conditions(venue: Venue) -> dict[str, str]:
    """What is the same in every measurement, read from the chain where it can be."""
    rates = [venue.client.clearinghouse.read("funding", m)[1] for m in (ONE_FEED, THREE_FEEDS)]
    if 0 in rates:
        raise ChainError("a funding rate is zero", next_step="see Venue.next_bucket")
    return {
        "chain": f"{venue.rpc.client_version()}, hard fork cancun, gas from receipts",
        "mark": "not cached: each transaction is the first of its block and reads the feeds",
        "feeds": "one, unless three are named; a read costs two cold slots, as at an aggregator",
        "funding": f"accrues in each block, rates {rates[0]} and {rates[1]} ppb an hour",
        "orders": "first fill of every signed order: its word goes from zero to a number",
        "accounts": "one market each, fees not zero, no ADL in the bucket unless named",
    }


# --- settlement ----------------------------------------------------------------------------


def _fills(venue: Venue) -> Iterator[Figure]:
    """One fill at a time."""
    relayer = venue.bank
    for market, suffix in ((ONE_FEED, ""), (THREE_FEEDS, "_three_feeds")):
        maker, taker = venue.traders(2, _RICH)
        venue.settle_one(
            relayer, venue.posted(maker, _SIZE, market), venue.signed(taker, -_SIZE, market)
        )
        venue.settle_down()
        yield gas_figure(
            f"gas.settle_existing{suffix}",
            gas_of(
                venue.settle_one(
                    relayer,
                    venue.posted(maker, _SIZE, market),
                    venue.signed(taker, -_SIZE, market),
                )
            ),
        )
        yield gas_figure(
            f"gas.settle_one_signature{suffix}",
            gas_of(
                venue.settle_one(
                    taker.signer,
                    venue.posted(maker, _SIZE, market),
                    unsigned(venue.order(taker, -_SIZE, market)),
                )
            ),
        )
    yield from _openings(venue)


def _openings(venue: Venue) -> Iterator[Figure]:
    """Fills that are dearer than the usual one."""
    relayer = venue.bank
    newcomers = venue.traders(4, _RICH)
    venue.settle_down()
    yield gas_figure(
        "gas.settle_new",
        gas_of(
            venue.settle_one(
                relayer,
                venue.posted(newcomers[0], _SIZE),
                venue.signed(newcomers[1], -_SIZE),
            )
        ),
    )
    far = PRICE * 104 // 100  # inside the band, another tick
    yield gas_figure(
        "gas.settle_new_buckets",
        gas_of(
            venue.settle_one(
                relayer,
                venue.posted(newcomers[2], _SIZE, limit_price=far),
                venue.signed(newcomers[3], -_SIZE, limit_price=far),
            )
        ),
    )
    orders = venue.posted(newcomers[0], _SIZE), venue.signed(newcomers[1], -_SIZE)
    now = venue.rpc.timestamp()
    venue.rpc.set_next_timestamp(now - now % 300 + 300)
    yield gas_figure("gas.settle_existing_new_rate", gas_of(venue.settle_one(relayer, *orders)))


def _batches(venue: Venue) -> Iterator[Figure]:
    """Many fills in one call."""
    for market, suffix in ((ONE_FEED, ""), (THREE_FEEDS, "_three_feeds")):
        taker = venue.trader(_RICH)
        makers = venue.traders(_BATCH, _RICH)
        venue.settle_makers(taker, makers, _SIZE, market)
        venue.settle_down()
        gas = gas_of(venue.settle_makers(taker, makers, _SIZE, market))
        key = f"gas.settle_batch10_one_taker_per_fill{suffix}"
        yield gas_figure(key, div_up(gas, _BATCH))

    left, right = venue.traders(_PAIRS, _RICH), venue.traders(_PAIRS, _RICH)
    matches = [Match(2 * i, 2 * i + 1, _SIZE) for i in range(_PAIRS)]
    gas = 0
    for _ in range(2):  # the second time all have positions
        venue.settle_down()
        orders = [
            order
            for maker, taker in zip(left, right, strict=True)
            for order in (venue.posted(maker, _SIZE), venue.signed(taker, -_SIZE))
        ]
        gas = gas_of(venue.settle(venue.bank, orders, matches))
    yield gas_figure("gas.settle_batch_pairs_per_fill", div_up(gas, _PAIRS))


# --- custody -------------------------------------------------------------------------------


def _custody(venue: Venue) -> Iterator[Figure]:
    """Deposits by somebody who has deposited for others before, and a withdrawal."""
    trader, other = venue.trader(), venue.trader(_RICH)
    client = venue.client
    amount = 100_000 * 10**6
    yield gas_figure(
        "gas.deposit_first", gas_of(client.deposit(venue.bank, trader.account, amount))
    )
    yield gas_figure("gas.deposit", gas_of(client.deposit(venue.bank, trader.account, amount)))
    venue.settle_one(venue.bank, venue.posted(trader, _SIZE), venue.signed(other, -_SIZE))
    receiver = trader.signer.address
    client.withdraw(trader.signer, trader.account, 10**6, receiver)
    venue.settle_down()
    receipt = client.withdraw(trader.signer, trader.account, 10**6, receiver)
    yield gas_figure("gas.withdraw", gas_of(receipt))


# --- liquidation ---------------------------------------------------------------------------


def _auction(venue: Venue) -> Iterator[Figure]:
    """An account whose equity is positive, below its maintenance margin."""
    victim, counterparty, taker = venue.trader(60), venue.trader(_RICH), venue.trader(_RICH)
    venue.open_many(counterparty, [victim, taker], _SIZE)
    venue.set_price(PRICE * 96 // 100)
    venue.settle_down()
    liquidator = venue.client.liquidator
    yield gas_figure(
        "gas.start", gas_of(liquidator.write(venue.bank, "start", victim.account, gas=GAS))
    )
    venue.wait(60)
    terms = venue.client.take_terms(victim.account, ONE_FEED)
    size = (terms["size_min"] + terms["size_max"]) // 2
    receipt = liquidator.write(
        taker.signer, "take", victim.account, ONE_FEED, size, PRICE, taker.account, gas=GAS
    )
    yield gas_figure("gas.take", gas_of(receipt))
    venue.wait(600)
    receipt = liquidator.write(venue.bank, "resolve", 500, gas=GAS)
    _insist(venue, receipt, {"BucketRematched": 1, "Rematched": 1})
    yield gas_figure("gas.rematch_1_bucket", gas_of(receipt))


def _haircut(venue: Venue) -> Iterator[Figure]:
    """The same resolve with one winning bucket and with several."""
    with venue.rpc.undone():
        alone, people = _resolve(venue, 10, 1)
        yield gas_figure("gas.resolve_1_bucket", alone)
        price = PRICE * 85 // 100
        maker, taker = people
        venue.settle_down()
        receipt = _trade(venue, maker, taker, -_SIZE, price)
        yield gas_figure("gas.settle_after_adl", gas_of(receipt))
    several = _resolve(venue, 10, 1 + _FURTHER_BUCKETS)[0]
    yield gas_figure("gas.haircut_per_bucket", div_up(several - alone, _FURTHER_BUCKETS))


def _resolve(venue: Venue, accounts: int, buckets: int) -> tuple[int, tuple[Trader, Trader]]:
    """Gas to resolve a bankrupt long of fixed size against winners of fixed total size.

    The winners are so many shorts in one bucket, which is the head; further buckets, of one
    account each, are behind it. Both insurance layers pay a little, the winners the rest.
    Also returns one of the winners, and somebody to trade with.
    """
    client = venue.client
    for vault in (client.junior, client.senior):
        owner = vault.read("owner") if vault is client.junior else venue.bank.address
        vault.write(venue.bank, "deposit", 20 * 10**6, owner)
    counterparty = venue.trader(_RICH)
    winners = venue.traders(accounts, _RICH)
    venue.open_many(counterparty, winners, -1_000 * WAD // accounts)
    for step in range(buckets - 1):
        # a lower class and a lower entry: less profit for its class, further back
        behind = venue.trader(_RICH)
        client.clearinghouse.write(
            behind.signer, "set_leverage_class", behind.account, ONE_FEED, step % _LOWER_CLASSES
        )
        price = PRICE * (100 - 2 * (step // _LOWER_CLASSES)) // 100
        _trade(venue, behind, counterparty, -_SIZE, price)
    victim = venue.trader(60)
    _trade(venue, victim, counterparty, _SIZE, PRICE)
    venue.set_price(PRICE * 85 // 100)
    venue.settle_down()
    client.liquidator.write(venue.bank, "start", victim.account, gas=GAS)
    receipt = client.liquidator.write(venue.bank, "resolve", 500, gas=GAS)
    _insist(
        venue,
        receipt,
        {"BucketHaircut": buckets, "BucketRematched": 1, "Drawn": 2, "Finished": 1},
    )
    return gas_of(receipt), (winners[0], counterparty)


def _insist(venue: Venue, receipt: Receipt, wanted: dict[str, int]) -> None:
    """Refuse to publish the gas of something else than what it is said to be."""
    names = [event.name for event in venue.client.events(receipt)]
    found = {name: names.count(name) for name in wanted}
    if found != wanted:
        raise ChainError(
            f"a resolve did {found}, not {wanted}", next_step="see plimsoll/bench/measure.py"
        )


def _trade(venue: Venue, maker: Trader, taker: Trader, size: int, price: int) -> Receipt:
    return venue.settle_one(
        venue.bank,
        venue.posted(maker, size, limit_price=price),
        venue.signed(taker, -size, limit_price=price),
    )
