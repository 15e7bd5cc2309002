"""A model world with two markets and people whose equity and legs are set by hand."""

from __future__ import annotations

from plimsoll.model import lanes, margin, positions, resolution
from plimsoll.model.auctions import set_params
from plimsoll.model.risk import RiskTerms
from plimsoll.model.state import (
    FINE,
    WAD,
    AuctionParams,
    Feed,
    FeedRules,
    Market,
    Terms,
    World,
)
from tests.support.expect import refusal as refusal  # what every test of this world asks
from tests.support.money_world import ALICE, BOB, CAROL, NOW, account_of, fund, money_world

BTC, ETH = 1, 2
T = 1_800  # seconds an auction runs
MINE, OTHERS, SHORT = account_of(ALICE), account_of(BOB), account_of(CAROL)
RICH = 10**6 * WAD
FAR = 10**30  # a limit price no buyer minds
PARAMS = AuctionParams(5_000, 30_000, T, 1_200_000, 5_000, 10_000)
TERMS = Terms(
    oi_cap_wad=10**6 * WAD,
    min_notional_wad=100 * WAD,
    taker_fee_ppm=0,
    maker_fee_ppm=0,
    band_ppm=50_000,
    max_class=3,
    thresholds_wad=(0, 100_000 * WAD, 200_000 * WAD),
    im_ppm=(100_000, 150_000, 200_000),
    mm_ppm=(50_000, 100_000, 150_000),
    funding_base_ppb=0,
    funding_cap_ppb=0,
    premium_volume_wad=0,
)
# a jump is more than 3 %, a hold lasts 120 s; nothing else
HOLDS = RiskTerms(900, 3_600, 5_000_000, 1_000_000, 30_000, 120)


def auction_world() -> World:
    """BTC at 100, ETH at 10, MM 5 %; junior holds 10,000, senior 90,000."""
    world = money_world()
    world.params = PARAMS
    fund(world, world.junior, 10_000)
    fund(world, world.senior, 90_000)
    for market, price in ((BTC, 100), (ETH, 10)):
        world.markets[market] = Market(
            terms=TERMS,
            feeds=[Feed(price * 10**8, NOW)],
            rules=FeedRules((10**9,), 1, 10_000),
            mark_wad=price * WAD,
            priced=True,
            block=world.block,
            time=world.now,
        )
    return world


def opposed_world() -> World:
    """Besides, Carol is short 1,000 BTC and 10,000 ETH, entered at 120 and 12: the counterparty."""
    world = auction_world()
    give(world, SHORT, RICH, {BTC: (-1_000, 120), ETH: (-10_000, 12)})
    return world


def give(world: World, account: int, equity_wad: int, legs: dict[int, tuple[int, int]]) -> None:
    """Set an account's legs (market -> size, entry; whole units) and its equity now."""
    for market, (size, entry) in legs.items():
        positions.change(world, account, market, size * WAD * FINE, entry * WAD * FINE, 0)
    set_equity(world, account, equity_wad)


def set_equity(world: World, account: int, equity_wad: int) -> None:
    """Leave the legs alone and set the cash so that equity is what is asked."""
    now = margin.health(world, account).equity_fine
    world.account(account).cash_fine += equity_wad * FINE - now


def set_price(world: World, market: int, price: int | None) -> None:
    """What the market's feed says from the next block on; None: nothing."""
    feed = world.markets[market].feeds[0]
    feed.broken = price is None
    if price is not None:
        feed.answer = price * 10**8


def later(world: World, seconds: int = 1) -> None:
    """A new block, so much later."""
    world.now += seconds
    world.block += 1


def change_params(world: World, **changes: int) -> None:
    """Change some of the auction's parameters."""
    values = {name: getattr(world.params, name) for name in AuctionParams.__slots__}
    set_params(world, AuctionParams(**{**values, **changes}))


def open_auction(
    world: World,
    equity: int,
    account: int = MINE,
    legs: dict[int, tuple[int, int]] | None = None,
) -> None:
    """Long 100 BTC at 100, entered at 110: MM is 500; the auction runs, a block later."""
    give(world, account, equity * WAD, legs or {BTC: (100, 110)})
    resolution.start(world, account)
    later(world)


def equity_of(world: World, account: int) -> int:
    """Equity now, wad."""
    return margin.health(world, account).equity_fine // FINE


def waiting(world: World) -> list[int]:
    """Accounts in the main lane."""
    head, end, _, _ = lanes.bounds(world)
    return [account for account in lanes.queue(world, head, end - head) if account]
