"""Settlement, orders and agents: what a trader and a matcher pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.venue import (
    FAR_FUTURE,
    GAS,
    ONE_FEED,
    PRICE,
    RICH,
    SIZE,
    THREE_FEEDS,
    Trader,
    Venue,
    gas_of,
)
from plimsoll.orders import Match, SignedOrder, settle_args, unsigned
from plimsoll.units import div_up

_MAKERS = 10
_PAIRS = 8  # two orders each, 16 fit into a call
_TEN_PAIRS = (5, 5)  # in two calls
_MARKETS = ((ONE_FEED, ""), (THREE_FEEDS, "_three_feeds"))
_PART = SIZE // 10


def fills(venue: Venue) -> Iterator[Figure]:
    """One fill at a time."""
    relayer = venue.bank
    for market, suffix in _MARKETS:
        maker, taker = venue.traders(2, RICH)
        venue.settle_one(
            relayer, venue.posted(maker, SIZE, market), venue.signed(taker, -SIZE, market)
        )
        venue.settle_down()
        receipt = venue.settle_one(
            relayer, venue.posted(maker, SIZE, market), venue.signed(taker, -SIZE, market)
        )
        yield gas_figure(f"gas.settle_existing{suffix}", gas_of(receipt))
        receipt = venue.settle_one(
            taker.signer,
            venue.posted(maker, SIZE, market),
            unsigned(venue.order(taker, -SIZE, market)),
        )
        yield gas_figure(f"gas.settle_one_signature{suffix}", gas_of(receipt))


def openings(venue: Venue) -> Iterator[Figure]:
    """Fills that are dearer than the usual one, and the way out."""
    relayer = venue.bank
    maker, taker, *others = venue.traders(6, RICH)
    venue.trade(others[0], others[1], SIZE, PRICE)  # now the buckets exist
    venue.settle_down()
    receipt = venue.trade(maker, taker, SIZE, PRICE)
    yield gas_figure("gas.settle_new", gas_of(receipt))
    with venue.rpc.undone():
        # another tick; the mark has to be there too, or one side would enter at it
        elsewhere = PRICE * 104 // 100
        venue.set_price(elsewhere)
        venue.settle_down()
        receipt = venue.trade(others[2], others[3], SIZE, elsewhere)
        yield gas_figure("gas.settle_new_buckets", gas_of(receipt))
    orders = venue.posted(maker, SIZE), venue.signed(taker, -SIZE)
    now = venue.rpc.timestamp()
    venue.rpc.set_next_timestamp(now - now % 300 + 300)
    receipt = venue.settle_one(relayer, *orders)
    yield gas_figure("gas.settle_existing_new_rate", gas_of(receipt))
    receipt = venue.trade(maker, taker, -2 * SIZE, PRICE)
    yield gas_figure("gas.settle_close", gas_of(receipt))


def batches(venue: Venue) -> Iterator[Figure]:
    """Many fills in one call."""
    for market, suffix in _MARKETS:
        taker = venue.trader(RICH)
        makers = venue.traders(_MAKERS, RICH)
        venue.settle_makers(taker, makers, SIZE, market)
        venue.settle_down()
        gas = gas_of(venue.settle_makers(taker, makers, SIZE, market))
        key = f"gas.settle_batch10_one_taker_per_fill{suffix}"
        yield gas_figure(key, div_up(gas, _MAKERS))
    left, right = venue.traders(sum(_TEN_PAIRS), RICH), venue.traders(sum(_TEN_PAIRS), RICH)
    for count in _TEN_PAIRS:  # so that all have positions
        _settle_pairs(venue, left, right, count)
        left, right = left[count:] + left[:count], right[count:] + right[:count]
    venue.settle_down()
    gas = 0
    for count in _TEN_PAIRS:
        gas += _settle_pairs(venue, left, right, count)
        left, right = left[count:] + left[:count], right[count:] + right[:count]
    yield gas_figure("gas.settle_batch10_per_fill", div_up(gas, sum(_TEN_PAIRS)))
    venue.settle_down()
    gas = _settle_pairs(venue, left, right, _PAIRS)
    yield gas_figure("gas.settle_batch_pairs_per_fill", div_up(gas, _PAIRS))


def _settle_pairs(venue: Venue, left: Sequence[Trader], right: Sequence[Trader], count: int) -> int:
    """The first `count` of both, pair by pair, in one call."""
    orders = [
        order
        for maker, taker in zip(left[:count], right[:count], strict=True)
        for order in (venue.posted(maker, SIZE), venue.signed(taker, -SIZE))
    ]
    matches = [Match(2 * i, 2 * i + 1, SIZE) for i in range(count)]
    return gas_of(venue.settle(venue.bank, orders, matches))


def tries(venue: Venue) -> Iterator[Figure]:
    """`try_settle`, with a pair that settles and with one that does not."""
    maker, taker, poor = venue.trader(RICH), venue.trader(RICH), venue.trader()
    venue.trade(maker, taker, SIZE, PRICE)
    venue.settle_down()
    for key, other in (("gas.try_settle", taker), ("gas.try_settle_skipped", poor)):
        orders: list[SignedOrder] = [venue.posted(maker, SIZE), venue.signed(other, -SIZE)]
        receipt = venue.client.exchange.write(
            venue.bank, "try_settle", *settle_args(orders, [Match(0, 1, SIZE)]), gas=GAS
        )
        venue.insist(receipt, {"Matched": int(other is taker), "FillSkipped": int(other is poor)})
        yield gas_figure(key, gas_of(receipt))


def orders(venue: Venue) -> Iterator[Figure]:
    """Cancelling, and orders that are filled in parts."""
    trader, other = venue.traders(2, RICH)
    exchange = venue.client.exchange
    venue.trade(trader, other, SIZE, PRICE)
    posted = venue.posted(trader, SIZE)
    for _ in range(2):
        venue.settle_down()
        taker = venue.signed(other, -_PART).as_tuple()
        receipt = exchange.write(venue.bank, "settle_one", posted.as_tuple(), taker, _PART, gas=GAS)
    yield gas_figure("gas.settle_further_part", gas_of(receipt))
    fresh = venue.order(trader, SIZE)
    for key, order in (("gas.cancel_first", fresh), ("gas.cancel_filled", posted.order)):
        receipt = exchange.write(trader.signer, "cancel", order.as_tuple(), gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    for key, salt in (("gas.cancel_below_first", 10), ("gas.cancel_below", 20)):
        receipt = exchange.write(trader.signer, "cancel_below", trader.account, salt, gas=GAS)
        yield gas_figure(key, gas_of(receipt))


def agents(venue: Venue) -> Iterator[Figure]:
    """Keys that may trade for an account."""
    maker, taker, agent, other = *venue.traders(2, RICH), *venue.traders(2, 0)
    exchange = venue.client.exchange
    venue.trade(maker, taker, SIZE, PRICE)
    for key, limit in (("gas.set_agent_first", 100 * SIZE), ("gas.set_agent", 200 * SIZE)):
        receipt = exchange.write(
            maker.signer,
            "set_agent",
            maker.account,
            agent.signer.address,
            FAR_FUTURE,
            0,
            limit,
            gas=GAS,
        )
        yield gas_figure(key, gas_of(receipt))
    exchange.write(
        taker.signer,
        "set_agent",
        taker.account,
        other.signer.address,
        FAR_FUTURE,
        0,
        100 * SIZE,
        gas=GAS,
    )
    venue.settle_down()
    domain = venue.client.domain
    posted = domain.sign(venue.posted(maker, SIZE).order, agent.key)
    taken = domain.sign(venue.order(taker, -SIZE), other.key)
    yield gas_figure("gas.settle_agents", gas_of(venue.settle_one(venue.bank, posted, taken)))
    receipt = exchange.write(
        maker.signer, "revoke_agent", maker.account, agent.signer.address, gas=GAS
    )
    yield gas_figure("gas.revoke_agent", gas_of(receipt))
