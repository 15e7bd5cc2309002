"""Liquidation prices: at this mark the auction starts, one wei better and it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.deployment import DEVIATION_PPM, TEST_HEARTBEAT_S, TEST_STALENESS_S
from plimsoll.preview import HIGHEST_MARK
from plimsoll.units import PPB, PPM, div_up
from tests.support.fill_checks import chain_of
from tests.support.flows import set_risk_terms
from tests.support.venue import (
    BTC,
    DOGE,
    ETH,
    GAS,
    MARKETS,
    PRICES,
    TERMS,
    WAD,
    Person,
    Venue,
    venue_in_process,
)


@pytest.fixture(scope="module")
def running() -> Venue:
    """Feeds of 18 decimals: a mark can be any number of wei."""
    venue = venue_in_process()
    oracle = venue.deployment.contract(venue.rpc, "PriceOracle")
    for market in MARKETS:
        feed = venue.deploy("TestFeed", 18, PRICES[market])
        sources = [(feed.address, TEST_HEARTBEAT_S, TEST_STALENESS_S)]
        with venue.owner() as owner:
            venue.send(owner, oracle, "set_market", market, sources, 1, DEVIATION_PPM)
        FEEDS[market] = feed.address
    venue.deposit(venue.person("rich"), 50_000_000)
    venue.deposit(venue.person("ann"), 100_000)
    return venue


FEEDS: dict[int, str] = {}


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with running.rpc.undone():
        yield running


@pytest.fixture
def ann(venue: Venue) -> Person:
    return venue.person("ann")


def hold(venue: Venue, who: Person, market: int, size: int) -> None:
    rich = venue.person("rich")
    buyer, seller = (who, rich) if size > 0 else (rich, who)
    venue.trade(buyer, seller, market, abs(size), PRICES[market])


def start_at(venue: Venue, who: Person, market: int, price: int) -> str | None:
    """Sets the feed and starts in the same block, then undoes both; why not, if so."""
    chain = chain_of(venue)
    feed = venue.feed(market)
    with chain.undone():
        set_answer = feed.encode("set_answer", price)
        assert chain.run(venue.keeper.address, FEEDS[market], set_answer, 0, GAS).ok
        liquidator = venue.client.liquidator
        data = liquidator.encode("start", who.account)
        return chain.run(venue.keeper.address, liquidator.address, data, 0, GAS).reason


def check_border(venue: Venue, who: Person, market: int) -> int:
    """At the liquidation price `start` works; one wei better it is refused."""
    chain_of(venue).new_block()
    price = venue.client.liquidation_price(who.account, market)
    assert price is not None
    better = 1 if venue.client.leg(who.account, market)["size"] > 0 else -1
    assert start_at(venue, who, market, price) is None
    assert start_at(venue, who, market, price - better) is None
    assert start_at(venue, who, market, price + better) == "liquidation: not below margin"
    return price


@pytest.mark.parametrize(
    "size",
    [
        3 * WAD,
        12_345_678_912_345_678_912,
        25 * WAD,
        29 * WAD,
        2 * WAD + 1,
        -WAD,
        -12_345_678_912_345_678_912,
        -29 * WAD,
        -(WAD // 500),
    ],
)
@pytest.mark.parametrize("seconds", [0, 50_000])
def test_liquidation_price__one_market__start_works_there_and_not_a_wei_better(
    venue: Venue, ann: Person, size: int, seconds: int
) -> None:
    """First and second bracket, and funding that has accrued."""
    hold(venue, ann, BTC, size)
    if seconds:
        venue.rpc.set_next_timestamp(venue.rpc.timestamp() + seconds)
        venue.poke(BTC)
    mark = venue.mark(BTC)
    assert (check_border(venue, ann, BTC) < mark) == (size > 0)


def test_liquidation_price__notional_passes_a_threshold_on_the_way__exact(
    venue: Venue, ann: Person
) -> None:
    """From the second bracket at the mark to the first at the border, and the other way round."""
    hold(venue, ann, BTC, 21 * WAD)
    assert check_border(venue, ann, BTC) * 21 < 10**6 * WAD < 21 * venue.mark(BTC)
    hold(venue, ann, BTC, -40 * WAD)
    assert check_border(venue, ann, BTC) * 19 > 10**6 * WAD > 19 * venue.mark(BTC)


@pytest.mark.parametrize("sizes", [(10, 300), (-10, 300), (10, -300), (-10, -300)])
def test_liquidation_price__two_markets__exact_in_each(
    venue: Venue, ann: Person, sizes: tuple[int, int]
) -> None:
    hold(venue, ann, BTC, sizes[0] * WAD)
    hold(venue, ann, ETH, sizes[1] * WAD)
    for market in (BTC, ETH):
        check_border(venue, ann, market)


def test_liquidation_price__after_a_haircut_and_small_sizes__exact(
    venue: Venue, ann: Person
) -> None:
    """Tiny units: many prices share one wei of value."""
    whole = TERMS[DOGE].size_decimals
    hold(venue, ann, DOGE, -(1_000 * WAD + 10**whole + 7))
    check_border(venue, ann, DOGE)


def test_liquidation_price__nothing_to_lose_by_it__none(venue: Venue, ann: Person) -> None:
    assert venue.client.liquidation_price(ann.account, BTC) is None
    hold(venue, ann, BTC, WAD)  # paid in full
    assert venue.client.liquidation_price(ann.account, BTC) is None
    assert venue.client.liquidation_price(ann.account, ETH) is None
    assert start_at(venue, ann, BTC, 1) == "liquidation: not below margin"


def test_liquidation_price__below_margin_already__beyond_the_mark(
    venue: Venue, ann: Person
) -> None:
    hold(venue, ann, BTC, 29 * WAD)
    chain = chain_of(venue)
    fall = venue.feed(BTC).encode("set_answer", 47_500 * WAD)
    assert chain.run(venue.keeper.address, FEEDS[BTC], fall, 0, GAS).ok
    assert check_border(venue, ann, BTC) > venue.mark(BTC) == 47_500 * WAD


def test_liquidation_price__no_mark_cures__the_extreme(venue: Venue, ann: Person) -> None:
    hold(venue, ann, BTC, 29 * WAD)
    hold(venue, ann, DOGE, -400 * WAD)
    hold(venue, ann, ETH, WAD // 20)
    chain = chain_of(venue)
    fall = venue.feed(BTC).encode("set_answer", 40_000 * WAD)
    assert chain.run(venue.keeper.address, FEEDS[BTC], fall, 0, GAS).ok
    chain.new_block()
    assert venue.client.liquidation_price(ann.account, DOGE) == 1
    cured = venue.client.liquidation_price(ann.account, ETH)
    assert cured is not None
    assert WAD * 10**6 < cured < HIGHEST_MARK


def test_liquidation_price__stirred_market__by_the_factor_now(venue: Venue, ann: Person) -> None:
    set_risk_terms(venue, BTC)
    hold(venue, ann, BTC, 15 * WAD)
    for price in (51_000, 49_500, 50_500):
        chain_of(venue).new_block(venue.rpc.timestamp() + 600)
        move = venue.feed(BTC).encode("set_answer", price * WAD)
        assert chain_of(venue).run(venue.keeper.address, FEEDS[BTC], move, 0, GAS).ok
        venue.poke(BTC)
    chain_of(venue).new_block(venue.rpc.timestamp() + 1_800)
    s_mm_ppb = venue.client.risk(BTC)["s_mm_ppb"]
    assert s_mm_ppb > 10**6
    price = venue.client.liquidation_price(ann.account, BTC)
    assert price is not None
    below = []
    for at in (price, price + 1):
        equity = venue.client.lens.read("dry_run", ann.account, [(BTC, at)])["equity"]
        margin = div_up(15 * at * 25_000, PPM)
        below.append(equity < div_up(margin * (PPB + s_mm_ppb), PPB))
    assert below == [True, False]
    leg = venue.client.leg(ann.account, BTC)
    assert leg["mm"] == div_up(div_up(leg["notional"] * 25_000, PPM) * (PPB + s_mm_ppb), PPB)
