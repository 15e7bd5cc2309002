"""What a claim on the margin tokens is worth: rho = min(1, backing / claims), and what vests.

Amounts of the books are wad.
"""

from __future__ import annotations

from plimsoll.model.rounding import div_down
from plimsoll.model.state import CASH_BOUND_WAD, WAD, Custody, World
from plimsoll.model.tokens import word


def backing_now(world: World) -> int:
    """Tokens behind the claims with what has vested until now, wad."""
    released, surplus = vesting(world)
    return world.custody.backing + released - surplus


def vesting(world: World) -> tuple[int, int]:
    """What has vested since the last write, and its part that the backing does not need, wad."""
    books = world.custody
    if books.unvested == 0:
        return 0, 0
    elapsed_wad_s = (world.now - books.vesting_since) * WAD
    remaining_wad_s = books.vesting_end_wad_s - books.vesting_since * WAD
    if elapsed_wad_s >= remaining_wad_s:
        released = books.unvested
    else:
        released = div_down(books.unvested * elapsed_wad_s, remaining_wad_s)
    missing = max(books.claims - books.backing, 0)
    return released, max(released - missing, 0)


def is_surely_whole(books: Custody) -> bool:
    """Whether rho is 1 however the chain rounded; equality is made by the books themselves."""
    return books.backing == books.claims or books.backing > books.claims + CASH_BOUND_WAD


def units_down(amount: int, backing: int, claims: int) -> int:
    """Wad of tokens divided by rho; 0 at rho = 0."""
    if backing >= claims:
        return amount
    return 0 if backing == 0 else div_down(word(amount * claims), backing)
