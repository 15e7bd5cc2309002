"""A model world of custody, vaults and waterfall alone: no markets, named people with tokens."""

from __future__ import annotations

from plimsoll.model.state import AuctionParams, Custody, Vault, Waterfall, World

WAD = 10**18
TOKEN = 10**6
DAY_S = 86_400
NOW = 1_900_000_000
NOTICE_S = 14 * DAY_S


def address(number: int) -> str:
    """A lower-case address."""
    return f"0x{number:040x}"


ALICE, BOB, CAROL, TIMELOCK = (address(number) for number in (0xA11, 0xB0B, 0xCA2, 0x71))
CUSTODY, JUNIOR, SENIOR, WATERFALL = (address(number) for number in (1, 2, 3, 4))
DEAD = "0x000000000000000000000000000000000000dead"


def account_of(owner: str, number: int = 0) -> int:
    """An owner's account."""
    return int(owner, 16) << 96 | number


def fresh_vault(where: str, owner_only: bool) -> Vault:
    """A vault as it is after wiring: one token buried at par."""
    return Vault(
        address=where,
        owner=TIMELOCK,
        owner_only=owner_only,
        notice_s=NOTICE_S,
        assets_tokens=TOKEN,
        supply=TOKEN * 10**6,
        shares={DEAD: TOKEN * 10**6},
    )


def fund(world: World, vault: Vault, whole_tokens: int) -> None:
    """Set a vault's assets, its price still at par."""
    vault.assets_tokens = whole_tokens * TOKEN
    vault.supply = vault.assets_tokens * 10**6
    vault.shares = {DEAD: vault.supply}
    world.tokens[vault.address] = vault.assets_tokens


def money_world() -> World:
    """Nothing deposited; Alice, Bob and Carol have 10,000 tokens each."""
    return World(
        now=NOW,
        block=1,
        markets={},
        custody=Custody(),
        junior=fresh_vault(JUNIOR, owner_only=True),
        senior=fresh_vault(SENIOR, owner_only=False),
        waterfall=Waterfall(
            global_ppm={3: 500_000, 4: 500_000},
            market_ppm={3: 250_000, 4: 250_000},
            concession_budget_ppm=10_000,
        ),
        params=AuctionParams(5_000, 30_000, 1_800, 1_200_000, 5_000, 10_000),
        addresses={
            "custody": CUSTODY,
            "junior": JUNIOR,
            "senior": SENIOR,
            "waterfall": WATERFALL,
            "clearinghouse": address(5),
        },
        tokens={
            ALICE: 10_000 * TOKEN,
            BOB: 10_000 * TOKEN,
            CAROL: 10_000 * TOKEN,
            JUNIOR: TOKEN,
            SENIOR: TOKEN,
        },
    )
