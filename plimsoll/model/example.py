"""Worlds to begin with: one market that has a price, both insurance vaults, people with claims.

Prices and amounts are wad; token units have six decimals.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model.state import (
    FINE,
    WAD,
    Account,
    AuctionParams,
    Custody,
    Feed,
    FeedRules,
    Market,
    Terms,
    Waterfall,
    World,
)
from plimsoll.model.vault_state import Vault

LAYERS: Final = (3, 4, 5)  # with limits
NOW: Final = 1_900_000_000  # unix seconds of a new world, in block 1
MARKET: Final = 1
TOKEN: Final = 10**6  # token units of one token
TOKEN_WAD: Final = WAD // TOKEN  # wad of one token unit

ADDRESSES: Final = {
    name: f"0x{number:040x}"
    for number, name in enumerate(
        [
            # whose balances or messages the model knows
            *("custody", "junior", "senior", "waterfall", "clearinghouse", "exchange"),
            # whose roles decide who is let
            *("liquidator", "timelock", "deployer", "registry", "fund", "sponsorship"),
            "escrow",
        ],
        1,
    )
}
"""The names that `World.addresses` needs. A machine beside a chain has the real ones."""

TERMS: Final = Terms(
    oi_cap_wad=10**9 * WAD,
    min_notional_wad=10 * WAD,
    taker_fee_ppm=500,
    maker_fee_ppm=200,
    band_ppm=50_000,
    max_class=4,
    thresholds_wad=(0, 2 * 10**6 * WAD, 10**7 * WAD),
    im_ppm=(50_000, 100_000, 200_000),
    mm_ppm=(25_000, 50_000, 100_000),
    funding_base_ppb=0,
    funding_cap_ppb=4_000_000,
    premium_volume_wad=1_000 * WAD,
)
AUCTION: Final = AuctionParams(
    concession_min_ppm=5_000,
    concession_max_ppm=30_000,
    duration=1_800,
    kappa_ppm=1_200_000,
    fee_ppm=5_000,
    insurance_concession_ppm=10_000,
)

ANN: Final = f"0x{0xA11:040x}"
BOB: Final = f"0x{0xB0B:040x}"
KEEPER: Final = f"0x{0xEE9:040x}"
ANNS: Final = int(ANN, 16) << 96  # her first account: address, then sub-account number
BOBS: Final = int(BOB, 16) << 96


def _vault(name: str, assets_wad: int) -> Vault:
    """An insurance vault, its shares at par."""
    units = assets_wad // TOKEN_WAD
    return Vault(ADDRESSES[name], ADDRESSES[name], False, 14 * 86_400, units, units * TOKEN)


def market_world(price_wad: int, junior_wad: int, senior_wad: int) -> World:
    """A priced market with one feed of 8 decimals and two funded vaults; nobody has an account."""
    world = World(
        now=NOW,
        block=1,
        markets={
            MARKET: Market(
                terms=TERMS,
                feeds=[Feed(price_wad // 10**10, NOW)],
                rules=FeedRules((86_400,), 1, 20_000),
                mark_wad=price_wad,
                priced=True,
                block=1,
                time=NOW,
            )
        },
        custody=Custody(),
        junior=_vault("junior", junior_wad),
        senior=_vault("senior", senior_wad),
        waterfall=Waterfall(dict.fromkeys(LAYERS, 500_000), dict.fromkeys(LAYERS, 500_000), 10_000),
        params=AUCTION,
        addresses=dict(ADDRESSES),
    )
    for vault in (world.junior, world.senior):
        world.tokens[vault.address] = vault.assets_tokens
    return world


def back_claims(world: World) -> None:
    """Put the tokens behind all cash into custody; for a world at ρ = 1 that nobody called yet."""
    claims = sum(account.cash_fine for account in world.accounts.values()) // FINE
    world.custody.claims = world.custody.backing = claims
    world.tokens[world.addresses["custody"]] = claims // TOKEN_WAD


def example_world() -> World:
    """A market at 100; `ANNS` and `BOBS` have 1,000 each, the junior vault 300, the senior 600.

    A day's losses may use half of each vault.
    """
    world = market_world(100 * WAD, 300 * WAD, 600 * WAD)
    for account in (ANNS, BOBS):
        world.accounts[account] = Account(cash_fine=1_000 * WAD * FINE)
    back_claims(world)
    return world
