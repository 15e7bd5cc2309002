"""What caps by insurance capital, the utilisation fee and concentration cost."""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.risk import RISK_TERMS, set_terms
from plimsoll.bench.venue import ONE_FEED, PRICE, RICH, SIZE, THREE_FEEDS, Trader, Venue, gas_of
from plimsoll.orders import unsigned
from plimsoll.risk_terms import BufferTerms, Concentration
from plimsoll.units import WAD, div_up

_CAPITAL = 100_000  # whole tokens
_BUFFER = BufferTerms(kappa_ppm=2_000_000, share_ppm=500_000, gap_ppm=200_000)
_CONCENTRATION = Concentration(share_percent=10, rate_percent=5, floor_code=3)
_MAKERS = 10


def backed(venue: Venue) -> Iterator[Figure]:
    """Fills in markets with all terms, and the poke that reads the insurance capital."""
    venue.client.senior.write(venue.bank, "deposit", _CAPITAL * 10**6, venue.bank.address)
    maker, taker = venue.traders(2, RICH)
    venue.trade(maker, taker, SIZE, PRICE)
    with venue.rpc.undone():
        yield _two_markets(venue, maker, taker, "")
    for market in (ONE_FEED, THREE_FEEDS):
        set_terms(venue, "set_risk_terms", market, RISK_TERMS.values())
        set_terms(venue, "set_buffer_terms", market, _BUFFER.values())
        set_terms(venue, "set_concentration", market, _CONCENTRATION.values())
    venue.next_bucket()
    venue.trade(maker, taker, SIZE, PRICE)
    yield gas_figure("gas.settle_existing_backed", _traded(venue, maker, taker))
    receipt = venue.settle_one(
        taker.signer, venue.posted(maker, SIZE), unsigned(venue.order(taker, -SIZE))
    )
    yield gas_figure("gas.settle_one_signature_backed", gas_of(receipt))
    with venue.rpc.undone():
        yield _batch(venue)
    with venue.rpc.undone():
        yield _two_markets(venue, maker, taker, "_backed")
    with venue.rpc.undone():
        yield from _five_minutes(venue, maker, taker)
    venue.trade(maker, taker, 2_500 * WAD, PRICE)  # half of the cap
    yield gas_figure("gas.settle_existing_concentrated", _traded(venue, maker, taker))
    venue.trade(maker, taker, 1_900 * WAD, PRICE)  # nearly nine tenths
    yield gas_figure("gas.settle_existing_surcharge", _traded(venue, maker, taker))


def _traded(venue: Venue, maker: Trader, taker: Trader) -> int:
    venue.settle_down()
    return gas_of(venue.trade(maker, taker, SIZE, PRICE))


def _batch(venue: Venue) -> Figure:
    taker = venue.trader(RICH)
    makers = venue.traders(_MAKERS, RICH)
    venue.settle_makers(taker, makers, SIZE)
    venue.settle_down()
    gas = gas_of(venue.settle_makers(taker, makers, SIZE))
    return gas_figure("gas.settle_batch10_backed_per_fill", div_up(gas, _MAKERS))


def _two_markets(venue: Venue, maker: Trader, taker: Trader, suffix: str) -> Figure:
    orders = venue.posted(maker, SIZE, THREE_FEEDS), venue.signed(taker, -SIZE, THREE_FEEDS)
    venue.settle_one(venue.bank, *orders)
    gas = _traded(venue, maker, taker)
    return gas_figure(f"gas.settle_existing_two_markets{suffix}", gas)


def _five_minutes(venue: Venue, maker: Trader, taker: Trader) -> Iterator[Figure]:
    """The insurance capital has changed, so that the cap is written."""
    for key in ("gas.poke_new_cap", "gas.settle_existing_new_cap"):
        orders = venue.posted(maker, SIZE), venue.signed(taker, -SIZE)
        more = _CAPITAL // 10 * 10**6
        venue.client.senior.write(venue.bank, "deposit", more, venue.bank.address)
        now = venue.rpc.timestamp()
        venue.rpc.set_next_timestamp(now - now % 300 + 300)
        if key == "gas.poke_new_cap":
            receipt = venue.client.poke(venue.bank, ONE_FEED)
        else:
            receipt = venue.settle_one(venue.bank, *orders)
        venue.insist(receipt, {"BufferCapSet": 1})
        yield gas_figure(key, gas_of(receipt))
