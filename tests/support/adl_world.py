"""Worlds for tests of positions and ADL in the model: accounts with given legs, no trades."""

from __future__ import annotations

from plimsoll.loss_weights import SHARES, Weight, pack
from plimsoll.model import positions
from plimsoll.model.state import (
    FINE,
    PPM,
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

NOW = 1_700_000_000
MARKET = 1
UNIT = WAD * FINE  # one whole unit of size, price or cash, fine

TERMS = Terms(
    oi_cap_wad=10**6 * WAD,
    min_notional_wad=100 * WAD,
    taker_fee_ppm=500,
    maker_fee_ppm=200,
    band_ppm=50_000,
    max_class=4,
    thresholds_wad=(0, 10**6 * WAD, 10**7 * WAD),
    im_ppm=(20_000, 40_000, 100_000),
    mm_ppm=(10_000, 20_000, 50_000),
    funding_base_ppb=0,
    funding_cap_ppb=10**6,
    premium_volume_wad=0,
)


def market_at(price: int) -> Market:
    """A market with one feed, poked now at a whole price."""
    return Market(
        terms=TERMS,
        feeds=[Feed(price * 10**8, NOW)],
        rules=FeedRules((10**6,), 1, 50_000),
        mark_wad=price * WAD,
        priced=True,
        block=1,
        time=NOW,
    )


def adl_world(*whole_prices: int) -> World:
    """Markets 1, 2, ... at these prices, nobody in them."""
    vaults = [Vault(f"0x{n:040x}", "", False, 0) for n in (1, 2)]
    return World(
        now=NOW,
        block=1,
        markets={n: market_at(price) for n, price in enumerate(whole_prices, start=1)},
        custody=Custody(),
        junior=vaults[0],
        senior=vaults[1],
        waterfall=Waterfall({3: PPM, 4: PPM}, {3: PPM, 4: PPM}, PPM),
        params=AuctionParams(5_000, 100_000, 300, 1_250_000, 10_000, 10_000),
        addresses={},
    )


def give(
    world: World,
    account: int,
    size: int,
    entry: int,
    leverage_class: int = 4,
    cash: int = 0,
    market: int = MARKET,
) -> None:
    """A leg of a whole size at a whole entry, and whole cash on top of what it was bought for."""
    positions.change(world, account, market, size * UNIT, entry * UNIT, leverage_class)
    world.account(account).cash_fine += (cash - size * entry) * UNIT


def set_price(world: World, price: int, seconds: int = 1, market: int = MARKET) -> None:
    """The next block, with a new whole price."""
    world.block += 1
    world.now += seconds
    for where, state in world.markets.items():
        for feed in state.feeds:
            feed.updated_at = world.now
            if where == market:
                feed.answer = price * 10**8


def whole_loss_on(market: int = MARKET, short: bool = False) -> int:
    """Loss weights of an account that lost everything in one market."""
    return pack([Weight(market, short, SHARES)])
