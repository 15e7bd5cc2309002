"""A model world with three markets and people who trade, and orders for it."""

from __future__ import annotations

from itertools import count
from typing import Any

from plimsoll.model.orders import Offer, signed
from plimsoll.model.state import FINE, Account, Feed, FeedRules, Market, Terms, World
from plimsoll.orders import Order
from tests.support.money_world import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    TIMELOCK,
    WAD,
    account_of,
    address,
    money_world,
)

BTC, ETH, DOGE = 1, 2, 3
PRICES = {BTC: 100, ETH: 50, DOGE: 2}
EXCHANGE, LIQUIDATOR, DEPLOYER = (address(number) for number in (6, 7, 8))
MALLORY, AGENT, KEEPER = (address(number) for number in (0xBAD, 0xA6E, 0xEE9))
FOREVER = 4_000_000_000

ALICES, BOBS, CAROLS = (account_of(owner) for owner in (ALICE, BOB, CAROL))

TERMS = Terms(
    oi_cap_wad=10**6 * WAD,
    min_notional_wad=10 * WAD,
    taker_fee_ppm=500,
    maker_fee_ppm=200,
    band_ppm=50_000,
    max_class=4,
    thresholds_wad=(0, 10**6 * WAD, 5 * 10**6 * WAD),
    im_ppm=(50_000, 100_000, 200_000),
    mm_ppm=(25_000, 50_000, 100_000),
    funding_base_ppb=0,
    funding_cap_ppb=4_000_000,
    premium_volume_wad=1_000 * WAD,
)

_salts = count(1_000)


def model_venue() -> World:
    """Three priced markets; Alice, Bob and Carol have 10,000 each in their first accounts."""
    world = money_world()
    world.addresses |= {
        "exchange": EXCHANGE,
        "liquidator": LIQUIDATOR,
        "timelock": TIMELOCK,
        "deployer": DEPLOYER,
    }
    for market, price in PRICES.items():
        world.markets[market] = Market(
            terms=TERMS,
            feeds=[Feed(price * 10**8, NOW)],
            rules=FeedRules((86_400,), 1, 20_000),
            mark_wad=price * WAD,
            priced=True,
            block=world.block,
            time=NOW,
        )
    for account in (ALICES, BOBS, CAROLS):
        world.accounts[account] = Account(cash_fine=10_000 * WAD * FINE)
    world.custody.claims = world.custody.backing = 30_000 * WAD
    world.tokens[world.addresses["custody"]] = 30_000 * 10**6
    return world


def order(account: int, size: int, price: int, **changes: Any) -> Order:
    """An order in BTC over `size` and `price` in wad, with a salt of its own."""
    fields: dict[str, Any] = {
        "account": account,
        "market": BTC,
        "size": size,
        "limit_price": price,
        "max_fee_ppm": 500,
        "expiry": FOREVER,
        "salt": next(_salts),
    }
    return Order(**(fields | changes))


def offer(account: int, size: int, price: int, **changes: Any) -> Offer:
    """The same, signed by the owner's key."""
    return signed(order(account, size, price, **changes))
