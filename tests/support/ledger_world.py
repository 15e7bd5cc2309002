"""A small model world for tests of the ledger: two markets, four traders, round numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plimsoll.model import margin, prices, snapshot, trading
from plimsoll.model.state import (
    FINE,
    WAD,
    AuctionParams,
    Custody,
    Feed,
    FeedRules,
    Market,
    Terms,
    Vault,
    Waterfall,
    World,
)
from plimsoll.model.trading import Fill
from tests.support.expect import refusal

NOW = 1_900_000_200  # a multiple of five minutes
BLOCK = 1_000
ALPHA, BETA = 1, 2  # markets at 100 and 2,000
MARKS = {ALPHA: 100, BETA: 2_000}
LEDGER = f"0x{0xC1:040x}"
ANN, BOB, CARA, DAN = (number << 96 for number in (0xA1, 0xB1, 0xC2, 0xD1))
UNLIMITED_PPM = 10_000

TERMS = Terms(
    oi_cap_wad=10_000 * WAD,
    min_notional_wad=100 * WAD,
    taker_fee_ppm=500,
    maker_fee_ppm=200,
    band_ppm=50_000,
    max_class=4,
    thresholds_wad=(0, 1_000_000 * WAD, 5_000_000 * WAD),
    im_ppm=(50_000, 100_000, 200_000),
    mm_ppm=(25_000, 50_000, 100_000),
    funding_base_ppb=10_000,
    funding_cap_ppb=4_000_000,
    premium_volume_wad=1_000 * WAD,
)


def listed(mark: int, **changes: Any) -> Market:
    """A market poked just now, with one feed that is fresh for an hour."""
    return Market(
        terms=replace(TERMS, **changes),
        feeds=[Feed(answer=mark * 10**8, updated_at=NOW)],
        rules=FeedRules(max_age_s=(3_600,), quorum=1, max_deviation_ppm=20_000),
        mark_wad=mark * WAD,
        priced=True,
        block=BLOCK,
        time=NOW,
    )


def ledger_world(**changes: Any) -> World:
    """Both markets with the same terms, and 10,000 of cash for each trader."""
    vault = Vault(address="", owner="", owner_only=False, notice_s=0)
    world = World(
        now=NOW,
        block=BLOCK,
        markets={market: listed(mark, **changes) for market, mark in MARKS.items()},
        custody=Custody(),
        junior=vault,
        senior=replace(vault),
        waterfall=Waterfall({}, {}, 0),
        params=AuctionParams(1_000, 50_000, 1_800, 1_100_000, 5_000, 10_000),
        addresses={"clearinghouse": LEDGER},
    )
    for account in (ANN, BOB, CARA, DAN):
        world.account(account).cash_fine = 10_000 * WAD * FINE
    return world


def later(world: World, seconds: int, **marks: int | None) -> None:
    """A new block; `alpha` and `beta` give new whole marks, None takes a feed away."""
    world.now += seconds
    world.block += 1
    for name, market in (("alpha", ALPHA), ("beta", BETA)):
        feed = world.markets[market].feeds[0]
        feed.updated_at = world.now
        if name in marks:
            mark = marks[name]
            feed.broken = mark is None
            feed.answer = feed.answer if mark is None else mark * 10**8


def poke(world: World) -> None:
    """Both markets."""
    prices.poke(world, ALPHA)
    prices.poke(world, BETA)


def fill(size: float, price: float, **changes: Any) -> Fill:
    """Bob, who waits, and Ann, who takes `size`."""
    fields: dict[str, Any] = {
        "maker": BOB,
        "taker": ANN,
        "market": ALPHA,
        "size_wad": int(size * 1_000_000) * 10**12,
        "price_wad": int(price * 1_000_000) * 10**12,
        "maker_fee_cap_ppm": UNLIMITED_PPM,
        "taker_fee_cap_ppm": UNLIMITED_PPM,
        "flags": 4,
    }
    return Fill(**(fields | changes))


def cash(world: World, account: int) -> float:
    """Cash in quote units."""
    return world.account(account).cash_fine / (WAD * FINE)


def size(world: World, account: int, market: int = ALPHA) -> float:
    """Size in base units."""
    return world.position(account, market).size_fine / (WAD * FINE)


def trade(world: World, quantity: float, price: float = 100.0, **changes: Any) -> tuple[bool, bool]:
    """Trades a `fill`."""
    return trading.trade(world, fill(quantity, price, **changes))


def refused(world: World, quantity: float, price: float = 100.0, **changes: Any) -> str:
    """The reason a `fill` is not traded."""
    return refusal(trading.trade, world, fill(quantity, price, **changes))


def denied(world: World, quantity: float, price: float = 100.0, **changes: Any) -> str:
    """The same, and the world is as it was before, as on a chain."""
    before = snapshot.save(world)
    reason = refused(world, quantity, price, **changes)
    snapshot.restore(world, before)
    return reason


def set_equity(world: World, account: int, equity: int) -> None:
    """Moves cash so that an account's equity becomes this many units."""
    gap = equity * WAD * FINE - margin.health(world, account).equity_fine
    world.account(account).cash_fine += gap


def strained_world() -> World:
    """Ann is long 100 at 100 against Dan, with an equity of 300: MM 250, IM 500."""
    world = ledger_world()
    trade(world, 100, maker=DAN)
    set_equity(world, ANN, 300)
    return world
