"""Auctions opened and re-tested, and the queue worked off.

A solvent account whose auction has run out is re-matched leg by leg; a bankrupt one goes through
the frozen resolve. The head of a lane is looked for in bounded steps, and every entry looked at in
vain leaves or goes to the back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plimsoll.model import (
    auctions,
    deleveraging,
    lanes,
    margin,
    outages,
    positions,
    prices,
    retest,
    takes,
    waterfall,
)
from plimsoll.model.state import FINE, Auction, World, require

MAX_SKIPPED: Final = 16
MAX_HOLES: Final = 256
REFREEZE_AFTER: Final = 600
PHASE_HAIRCUT: Final = 1
DISCOUNT_MAX_PPM: Final = 100_000


def start(world: World, account: int) -> None:
    """Open the auction of an account below maintenance margin."""
    last = auctions.load(world, account)
    require(last.started == 0, "liquidation: already started")
    markets = world.account(account).markets
    for market in markets:
        _, priced = prices.poke(world, market)
        if not priced and outages.converts(world.markets[market].outage, world.now):
            # what has been settled is cash by now, and bears no loss
            positions.sync(world, account, market)
    health = margin.health(world, account)
    lead = health.covered_fine - health.mm_wad * FINE
    below = not world.decide("start: below margin", lead, retest.CLOSE_FINE)
    # what a flat account owes is nobody's to win back: its broker pays at once
    flat_debtor = not below and not world.account(account).markets and retest.owes(world, health)
    require(below or flat_debtor, "liquidation: not below margin")
    world.auctions[account] = Auction(
        started=world.now,
        start_block=world.block,
        weights=auctions.loss_weights(world, account, markets),
        offset=auctions.resumed_offset(world, last),
        place=lanes.append(world, False, account),
    )
    world.account(account).started = True
    retest.retest(world, account, health, must_fit=False)


def touch(world: World, account: int, from_exchange: bool) -> None:
    """Re-test a started account; do nothing for any other.

    The exchange's fills must leave the account's loss reserved.
    """
    if auctions.load(world, account).started == 0:
        return
    retest.assert_not_resolving(world, account)
    retest.retest(world, account, margin.health(world, account), must_fit=from_exchange)


def remark(world: World, account: int) -> None:
    """Re-test a started account at the marks of this block."""
    auctions.load_started(world, account)
    retest.assert_not_resolving(world, account)
    for market in world.account(account).markets:
        prices.poke(world, market)
    retest.retest(world, account, margin.health(world, account), must_fit=False)


def resolve(world: World, max_buckets: int) -> bool:
    """Go on with the frozen resolve, or work on the next account; whether that account is done."""
    require(max_buckets != 0, "liquidation: zero buckets")
    if world.resolving != 0:
        _refreeze(world, world.resolving)
        return _deleverage(world, max_buckets)

    account, verdict, moved, behind = _next_urgent(world)
    if behind:
        return False
    if account == 0:
        cleared = moved
        account, verdict, moved = _next(world)
        moved = moved or cleared
    if account == 0:
        require(moved, "liquidation: nothing to resolve")
        return False
    if verdict is retest.Verdict.SOLVENT:
        return _rematch(world, account, max_buckets)
    world.resolving = account
    reserved = sum(waterfall.reservation(world, account))
    deleveraging.adl_begin(world, account, reserved, auctions.to_charge(world, account))
    return _deleverage(world, max_buckets)


def is_due(world: World) -> bool:
    """Whether withdrawals wait for `resolve`: a loss does not fit, or one is frozen."""
    return world.resolving != 0 or lanes.is_occupied(world, True)


# --- who is next ----------------------------------------------------------------------------


def _next_urgent(world: World) -> tuple[int, retest.Verdict, bool, bool]:
    """First account whose loss still does not fit, its verdict, whether anything moved.

    Account 0 stands for none. Last: whether one is further behind than a call writes back.
    """
    moved = False
    for _ in range(MAX_SKIPPED):
        place = lanes.pass_holes(world, True, MAX_HOLES)
        if place == lanes.end(world, True):
            break
        moved = True
        account = lanes.at(world, True, place)
        if account == 0:
            break
        if not _sync(world, account):
            return 0, retest.Verdict.OVER, True, True
        verdict = _retest(world, account)
        if world.auctions[account].urgent_place != 0:
            return account, verdict, True, False
    return 0, retest.Verdict.OVER, moved, False


def _next(world: World) -> tuple[int, retest.Verdict, bool]:
    """First account by start time whose auction has run out and that can be worked on; likewise.

    Cured ones leave, ones without an open leg go to the back; entries appended meanwhile wait for
    the next call.
    """
    place = lanes.pass_holes(world, False, MAX_HOLES)
    end = lanes.end(world, False)
    moved = place != end and lanes.at(world, False, place) == 0
    skipped = 0
    for _ in range(MAX_HOLES):
        if place == end or skipped == MAX_SKIPPED:
            break
        account = lanes.at(world, False, place)
        place += 1
        if account == 0:
            continue
        skipped += 1
        if not auctions.has_run_out(world, account, world.auctions[account]):
            continue
        moved = True
        if not _sync(world, account):
            return 0, retest.Verdict.OVER, True
        # what had run out may have been a leg that was closed long ago
        if not auctions.has_run_out(world, account, world.auctions[account]):
            continue
        verdict = _retest(world, account)
        if verdict is retest.Verdict.OVER:
            continue
        if retest.can_resolve(world, account):
            return account, verdict, True
        _requeue(world, account)
    return 0, retest.Verdict.OVER, moved


def _sync(world: World, account: int) -> bool:
    """Write everything accrued back; False if a leg is too far behind for one touch."""
    current = True
    for market in world.account(account).markets:
        current = positions.sync(world, account, market) and current
    return current


def _retest(world: World, account: int) -> retest.Verdict:
    """Re-test with health as of now."""
    return retest.retest(world, account, margin.health(world, account), must_fit=False)


def _requeue(world: World, account: int) -> None:
    """To the back of the main lane: nothing can be done for it now."""
    auction = world.auctions[account]
    lanes.remove(world, False, auction.place)
    place = lanes.append(world, False, account)
    world.auctions[account] = replace(auction, place=place)


# --- what is done for it --------------------------------------------------------------------


def _rematch(world: World, account: int, max_buckets: int) -> bool:
    """Re-match leg by leg what restores kappa * MM, at mark worsened by half of what it can pay."""
    progress = False
    changed = False
    health = margin.health(world, account)
    for market in world.account(account).markets:
        if changed:
            health = margin.health(world, account)
            if _is_below_zero(world, health) or retest.is_cured(world, health):
                break
        leg = margin.leg(world, account, market)
        if not leg.priced or retest.is_gone(world, account, market):
            continue
        auction = world.auctions[account]
        if not (prices.is_open(world, market) and auctions.has_run_out_in(world, auction, market)):
            continue
        discount_ppm = min(takes.margin_share_ppm(world, health, leg) // 2, DISCOUNT_MAX_PPM)
        wanted = takes.restoring(world, health, leg, discount_ppm)
        size_fine = takes.size_worth_fine(world, wanted, leg)
        if size_fine != abs(leg.size_fine):
            bound_wad = takes.size_bound_wad(wanted, leg)
            size_fine = world.slice_fine(market, size_fine, bound_wad)
        rematched_fine = deleveraging.rematch(
            world, account, market, size_fine, discount_ppm, max_buckets
        )
        changed = True
        progress = progress or rematched_fine != 0
        if rematched_fine < size_fine:
            break
    verdict = _retest(world, account)
    over = verdict is retest.Verdict.OVER
    if not over and not progress:
        _requeue(world, account)
    return over


def _is_below_zero(world: World, health: margin.Health) -> bool:
    """Whether the account is bankrupt."""
    return not world.decide("resolve: equity", health.equity_fine, retest.CLOSE_FINE)


def _refreeze(world: World, account: int) -> None:
    """Freeze what is left anew after ten minutes.

    Not while a haircut is half done, nor if the account is solvent or no leg of it is open.
    """
    job = world.job
    assert job is not None, "a frozen resolve has a job"
    if world.now < job.started + REFREEZE_AFTER or job.phase == PHASE_HAIRCUT:
        return
    health = margin.health(world, account)
    if not _is_below_zero(world, health) or not retest.can_resolve(world, account):
        return
    reserved = retest.reserve(world, account, retest.deficit_wad(health))
    deleveraging.adl_begin(world, account, reserved, auctions.to_charge(world, account))


def _deleverage(world: World, max_buckets: int) -> bool:
    """Step the frozen resolve; at its end the account is finished, or waits at the back."""
    account = world.resolving
    if not deleveraging.adl_step(world, max_buckets):
        return False
    world.resolving = 0
    auctions.forget_resolved(world, account)
    verdict = _retest(world, account)
    if verdict is retest.Verdict.OVER:
        return True
    _requeue(world, account)
    return False
