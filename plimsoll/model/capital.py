"""Insurance capital that backs open interest, and the cap of a market that follows from it."""

from __future__ import annotations

from typing import Final

from plimsoll.model import backing, redemption
from plimsoll.model.backing import BufferTerms
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import CASH_BOUND_WAD, PPM, WAD, World
from plimsoll.model.tokens import SCALE
from plimsoll.model.vault_state import Vault

_VIRTUAL_SHARES: Final = 10**6


def offered_assets(vault: Vault) -> int:
    """Token units of all shares under notice, lapsed ones included; rounded up."""
    worth = div_up(vault.requested * (vault.assets_tokens + 1), vault.supply + _VIRTUAL_SHARES)
    return min(worth, vault.assets_tokens)


def capital(world: World) -> int:
    """Claims (wad) that stand behind open interest: neither offered for redemption nor reserved."""
    return _capital(world)[0]


def bound(world: World) -> int:
    """How far the chain's capital may be from ours, wad."""
    return _capital(world)[1]


def cap_quote(world: World, terms: BufferTerms) -> int:
    """The cap (quote units of notional) that a market gets if it is set now."""
    wad, bound_wad = _capital(world)
    cap_wad = backing.cap_wad(terms, wad)
    kept = backing.kept_quote(cap_wad)
    if bound_wad == 0:
        return kept
    reach_wad = div_up(terms.kappa_ppm * terms.share_ppm * bound_wad, terms.gap_ppm * PPM)
    below = backing.kept_quote(max(cap_wad - reach_wad, 0))
    if below != kept and not world.decide("buffer: cap", cap_wad - kept * WAD, reach_wad):
        return below
    above = backing.kept_quote(cap_wad + reach_wad)
    if above != kept and world.decide("buffer: cap", cap_wad - above * WAD, reach_wad):
        return above
    return kept


def _capital(world: World) -> tuple[int, int]:
    """Capital and its bound; nothing is in doubt while rho is 1 and nothing is reserved."""
    books = world.custody
    backing_wad = redemption.backing_now(world)
    reserving = any(auction.reserving for auction in world.auctions.values())
    total = bound_wad = 0
    for vault, layer in ((world.junior, 3), (world.senior, 4)):
        amount_wad = (vault.assets_tokens - offered_assets(vault)) * SCALE
        units = redemption.units_down(amount_wad, backing_wad, books.claims)
        total += max(units - world.waterfall.reserved[layer], 0)
        if reserving or world.waterfall.reserved[layer]:
            bound_wad += CASH_BOUND_WAD
        if not redemption.is_surely_whole(books):
            # both books may be off by the bound
            bound_wad += div_down(2 * units * CASH_BOUND_WAD, max(backing_wad, 1)) + 1
    return total, bound_wad
