"""What every touch of a started account leads to.

One of three: a cured auction ends, a flat bankrupt account is finished (the one draw), any other
keeps running with its reservation set to its deficit now.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Final

from plimsoll import loss_weights
from plimsoll.model import (
    auctions,
    custody,
    lanes,
    margin,
    positions,
    prices,
    registry,
    waterfall,
)
from plimsoll.model.margin import Health
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    PPM,
    SIZE_BOUND_WAD,
    WAD,
    Auction,
    World,
    require,
)

CLOSE_FINE: Final = CASH_BOUND_WAD * FINE
HELD_PARTS: Final = 10_000  # a loss above one of so many of a side's open interest holds it


class Verdict(Enum):
    """What a re-test found."""

    OVER = "over"  # cured or finished: no longer under liquidation
    SOLVENT = "solvent"
    BANKRUPT = "bankrupt"


def retest(world: World, account: int, health: Health, must_fit: bool) -> Verdict:
    """Re-test a started account, given its health now.

    Refuses a loss that does not fit into the waterfall if it `must_fit`.
    """
    auction = world.auctions[account]
    if health.shield_wad and _is_flat(world, account) and owes(world, health):
        # nobody else would ever pay what a guarantee shields and no position can win back
        return _finished(world, account, auction, must_fit)
    if is_cured(world, health):
        _end(world, account, auction)
        return Verdict.OVER
    # without margin it would be cured if it were not bankrupt
    bankrupt = health.mm_wad == 0 or owes(world, health)
    if bankrupt and _is_flat(world, account):
        return _finished(world, account, auction, must_fit)

    fits, uncovered_wad = True, 0
    if bankrupt:
        fits, uncovered_wad = _reserve_deficit(world, account, deficit_wad(health))
        require(fits or not must_fit, "liquidation: loss not reserved")
    elif auction.reserving:
        reserve(world, account, 0)
    urgent_place = auction.urgent_place
    # while no leg of the account is open nobody can resolve it, and nobody must wait for that
    urgent = not fits and can_resolve(world, account)
    if not fits and (urgent_place == 0 or not urgent):
        _hold_winners(world, auction.weights, uncovered_wad, everywhere=urgent)
    if urgent and urgent_place == 0:
        urgent_place = lanes.append(world, True, account)
    elif not urgent and urgent_place != 0:
        lanes.remove(world, True, urgent_place)
        urgent_place = 0
    if bankrupt != auction.reserving or urgent_place != auction.urgent_place:
        world.auctions[account] = replace(auction, reserving=bankrupt, urgent_place=urgent_place)
    return Verdict.BANKRUPT if bankrupt else Verdict.SOLVENT


def assert_not_resolving(world: World, account: int) -> None:
    """The frozen resolve owns its account, and its reservation, until the end."""
    require(account != world.resolving, "liquidation: being resolved")


def is_cured(world: World, health: Health) -> bool:
    """C >= kappa * MM, guarantee included; an account without positions and without debt is."""
    lead = health.covered_fine * PPM - world.params.kappa_ppm * health.mm_wad * FINE
    return world.decide("retest: cured", lead, CLOSE_FINE * PPM)


def is_gone(world: World, account: int, market: int) -> bool:
    """Whether nothing of a leg is left, not even a wei too small to need margin."""
    if not positions.is_open(world, account, market):
        return True
    size_fine = abs(world.position(account, market).size_fine)
    return world.decide("retest: gone", FINE - 1 - size_fine, SIZE_BOUND_WAD * FINE)


def can_resolve(world: World, account: int) -> bool:
    """Whether some leg may be resolved: the others wait for their price, or for their grace."""
    return any(prices.is_open(world, market) for market in world.account(account).markets)


def deficit_wad(health: Health) -> int:
    """-E of a bankrupt account, rounded up; at least one wei."""
    return max(1, -(health.equity_fine // FINE))


def reserve(world: World, account: int, amount_wad: int) -> int:
    """Set the account's reservation, split by its weights; what could be reserved."""
    return waterfall.reserve(world, account, amount_wad, world.auctions[account].weights)


def owes(world: World, health: Health) -> bool:
    """Whether own equity is below zero."""
    return not world.decide("retest: equity", health.equity_fine, CLOSE_FINE)


def _is_flat(world: World, account: int) -> bool:
    """Whether no leg of the account is left."""
    return all(is_gone(world, account, market) for market in world.account(account).markets)


def _reserve_deficit(world: World, account: int, deficit: int) -> tuple[bool, int]:
    """Reserve for a deficit; whether it fits as a whole, and what is not covered (wad)."""
    spare = reserve(world, account, deficit) - deficit
    uncovered = max(-spare, 0)
    if spare == 0:
        # how much more would have fitted, as far as rounding may matter
        asked = deficit + CASH_BOUND_WAD + 1
        weights = world.auctions[account].weights
        spare = sum(waterfall.preview(world, account, asked, weights)) - deficit
    return world.decide("retest: loss fits", spare, CASH_BOUND_WAD), uncovered


def _hold_winners(world: World, weights: int, uncovered_wad: int, everywhere: bool) -> None:
    """Hold the sides that may have to bear a loss, if it is above a ten-thousandth of them.

    While nobody can resolve the account, only where that is for want of a price or in a grace: or
    one dead feed would hold the winners of other markets for as long as somebody looks again.
    """
    for field in loss_weights.unpack(weights):
        if not everywhere and prices.is_open(world, field.market):
            continue
        mark_wad = prices.peek(world, field.market).mark_wad
        long, short = world.open_interest_fine(field.market)
        interest_wad = (long if field.short else short) // FINE
        scale = field.share * WAD * HELD_PARTS
        lead = uncovered_wad * scale - loss_weights.SHARES * interest_wad * mark_wad - 1
        dust_wad = sum(world.markets[field.market].dust_wad.values())
        sizes = loss_weights.SHARES * (SIZE_BOUND_WAD + dust_wad) * mark_wad
        if world.decide("retest: hold", lead, CASH_BOUND_WAD * scale + sizes):
            prices.hold(world, field.market, field.short)


def _finished(world: World, account: int, auction: Auction, must_fit: bool) -> Verdict:
    shortfall = _finish(world, account, auction)
    require(shortfall == 0 or not must_fit, "liquidation: loss not reserved")
    return Verdict.OVER


def _finish(world: World, account: int, auction: Auction) -> int:
    """Draw the loss of a flat account once; the shortfall that nobody could pay."""
    for market in world.account(account).markets:
        positions.sync(world, account, market)
    loss = max(0, -(margin.health(world, account).cash_fine // FINE))
    waterfall.reserve(world, account, loss, auction.weights, closely=True)
    covered = waterfall.draw(world, account, loss, auction.weights)
    shortfall = registry.cover(world, account, covered)
    if shortfall != 0:
        custody.book_shortfall(world, shortfall)
    _end(world, account, replace(auction, reserving=False))
    return shortfall


def _end(world: World, account: int, auction: Auction) -> None:
    """Out of both lanes, reservation released; the record keeps what the clock showed."""
    if auction.reserving:
        reserve(world, account, 0)
    lanes.remove(world, False, auction.place)
    if auction.urgent_place != 0:
        lanes.remove(world, True, auction.urgent_place)
    world.auctions[account] = auctions.closed(world, account, auction)
    state = world.account(account)
    require(not state.locked, "account: locked")
    state.started = False
