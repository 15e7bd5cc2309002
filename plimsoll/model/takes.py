"""Taking over a slice of an account under auction.

Symbols: E equity, MM maintenance margin of the account; N, m notional and margin of the leg, r its
marginal rate; kappa where an auction ends; c_a and phi_a what the account pays as a concession and
as a fee, per unit of notional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import auctions, margin, retest, trading, waterfall
from plimsoll.model.margin import Health, Leg
from plimsoll.model.rounding import div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    PPM,
    SIZE_BOUND_WAD,
    WAD,
    World,
    owner_of,
    require,
)

LEAST_SLICE_DIVISOR: Final = 20  # 5 % of the leg
SLACK_WAD: Final = 10  # quote, so that an exact slice does not end a wei short of kappa * MM
ROUNDING_WEI: Final = 4  # a transfer may lose, in quote and in size


@dataclass(frozen=True, slots=True)
class Terms:
    """What a take gets now."""

    size_max_fine: int  # largest slice
    size_min_wad: int  # smallest slice
    size_bound_wad: int  # how far the chain's largest slice may be from ours
    concession_ppm: int  # c(t), what the taker is offered
    account_concession_ppm: int  # c_a
    account_fee_ppm: int  # phi_a
    mark_wad: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Notional (wad) that restores kappa * MM, before it is cut to the leg."""

    notional_wad: int
    bound_wad: int  # how far the chain's may be from it
    whole: bool = False  # the whole leg, whatever the notional


WHOLE_LEG: Final = Wanted(0, 0, whole=True)


def take_terms(world: World, account: int, market: int) -> tuple[int, int, int, int, int, int]:
    """As the view: size max, size min (wad), c(t), c_a, phi_a (ppm), mark (wad)."""
    auctions.load_started(world, account)
    health = margin.health(world, account)
    found = terms(world, account, market, health, margin.leg(world, account, market))
    return (
        found.size_max_fine // FINE,
        found.size_min_wad,
        found.concession_ppm,
        found.account_concession_ppm,
        found.account_fee_ppm,
        found.mark_wad,
    )


def take(
    world: World,
    sender: str,
    account: int,
    market: int,
    size_wad: int,
    limit_price_wad: int,
    into: int,
) -> int:
    """Take over up to `size_wad` of the account's leg into the sender's `into`; wad taken."""
    require(owner_of(into) == sender, "liquidation: not taker's account")
    return take_for(world, into, account, market, size_wad, limit_price_wad)


def take_for(
    world: World, taker: int, account: int, market: int, size_wad: int, limit_price_wad: int
) -> int:
    """Take over up to `size_wad` into the account `taker`; wad taken.

    Refuses what `docs/protocol.md` section 7 refuses, a price worse than the limit, and a loss that
    would not fit into the waterfall.
    """
    retest.assert_not_resolving(world, account)
    require(taker >> 96 != account >> 96, "liquidation: self take")
    auction = auctions.load_started(world, account)
    require(world.block > auction.start_block, "liquidation: too early")
    health = margin.health(world, account)
    leg = margin.leg(world, account, market)
    long = leg.size_fine > 0
    require(not retest.is_gone(world, account, market), "liquidation: no position")
    require(leg.priced, "liquidation: no price")
    require(not retest.is_cured(world, health), "liquidation: cured")

    found = terms(world, account, market, health, leg)
    taken_fine = _slice(world, market, leg, found, size_wad)
    order = _order(world, account, taker, market, taken_fine, long, found)
    _check_limit(world, order, limit_price_wad)
    after = trading.take(world, order)
    _check_margin(world, health, after, leg.mark_wad)
    retest.retest(world, account, after, must_fit=True)
    return taken_fine // FINE


# --- terms ----------------------------------------------------------------------------------


def terms(world: World, account: int, market: int, health: Health, leg: Leg) -> Terms:
    """What a take of the leg gets now, given health and leg."""
    params = world.params
    concession_ppm = auctions.concession_ppm(world, world.auctions[account], market)
    share_ppm = margin_share_ppm(world, health, leg)
    account_concession_ppm = min(concession_ppm, share_ppm)
    account_fee_ppm = min(params.fee_ppm, share_ppm - account_concession_ppm)
    wanted = restoring(world, health, leg, account_concession_ppm + account_fee_ppm)
    size_max_fine, size_min_wad = _bounds(world, market, leg, wanted)
    return Terms(
        size_max_fine=size_max_fine,
        size_min_wad=size_min_wad,
        size_bound_wad=size_bound_wad(wanted, leg),
        concession_ppm=concession_ppm,
        account_concession_ppm=account_concession_ppm,
        account_fee_ppm=account_fee_ppm,
        mark_wad=leg.mark_wad,
    )


def margin_share_ppm(world: World, health: Health, leg: Leg) -> int:
    """Most the account may pay: the largest whole ppm strictly under E * m / (MM * N), or 0."""
    equity = health.equity_fine // FINE
    divisor = health.mm_wad * leg.notional_wad
    if equity <= 0 or divisor == 0:
        return 0
    product = equity * leg.mm_wad * PPM
    if product == 0:
        return 0
    size_wad = max(1, abs(leg.size_fine) // FINE)
    bound = CASH_BOUND_WAD * leg.mm_wad * PPM + 2 * product * SIZE_BOUND_WAD // size_wad
    return max(0, world.quotient("take: share", product - 1, divisor, bound))


def restoring(world: World, health: Health, leg: Leg, cost_ppm: int) -> Wanted:
    """Notional n with C - a * n = kappa * (MM - r * n), where a is `cost_ppm`; 10 wei more.

    C is equity with a broker's guarantee; what a take costs is the account's own.
    """
    equity = health.covered_fine // FINE
    if equity <= 0:
        return WHOLE_LEG
    target = world.params.kappa_ppm * health.mm_wad
    held = equity * PPM
    if held >= target:
        return Wanted(0, 0)
    relief = world.params.kappa_ppm * leg.mm_rate_ppm
    cost = cost_ppm * PPM
    if relief <= cost:
        return WHOLE_LEG
    scale = PPM * PPM
    return Wanted(
        ((target - held) // PPM + SLACK_WAD) * scale // (relief - cost),
        CASH_BOUND_WAD * scale // (relief - cost) + _value_bound_wad(leg),
    )


def size_worth_fine(world: World, wanted: Wanted, leg: Leg) -> int:
    """Size of a notional, rounded up to a wei; the whole leg once its notional is asked for."""
    whole_fine = abs(leg.size_fine)
    lead = wanted.notional_wad - leg.notional_wad
    if wanted.whole or world.decide("slice: whole leg", lead, wanted.bound_wad):
        return whole_fine
    return min(whole_fine, div_up(wanted.notional_wad * WAD, leg.mark_wad) * FINE)


def _bounds(world: World, market: int, leg: Leg, wanted: Wanted) -> tuple[int, int]:
    """Largest (fine) and smallest (wad) slice: n and max(least notional, 5 %), or the whole leg."""
    size_wad = abs(leg.size_fine) // FINE
    least = max(
        world.markets[market].terms.min_notional_wad, leg.notional_wad // LEAST_SLICE_DIVISOR
    )
    if world.decide("slice: least notional", least - leg.notional_wad, _value_bound_wad(leg)):
        return abs(leg.size_fine), size_wad
    largest = wanted
    if not wanted.whole and wanted.notional_wad < least:
        largest = Wanted(least, 0)
    smallest_wad = min(size_wad, div_up(least * WAD, leg.mark_wad))
    return size_worth_fine(world, largest, leg), smallest_wad


def size_bound_wad(wanted: Wanted, leg: Leg) -> int:
    """How far the chain's size of a wanted notional may be from ours."""
    return SIZE_BOUND_WAD + div_up(wanted.bound_wad * WAD, leg.mark_wad)


def _value_bound_wad(leg: Leg) -> int:
    """How far the chain's notional of a leg may be from ours."""
    return SIZE_BOUND_WAD * leg.mark_wad // WAD


def _slice(world: World, market: int, leg: Leg, found: Terms, size_wad: int) -> int:
    """What is taken, fine: what was asked for, up to the largest slice."""
    lead = size_wad - found.size_max_fine // FINE
    if world.decide("take: largest slice", lead, found.size_bound_wad):
        if found.size_max_fine == abs(leg.size_fine):
            return found.size_max_fine
        return world.slice_fine(market, found.size_max_fine, found.size_bound_wad)
    # 5 % of a leg may differ by a few wei from the chain's
    require(
        world.decide("take: slice too small", size_wad - found.size_min_wad, SIZE_BOUND_WAD),
        "liquidation: slice too small",
    )
    # less than the whole leg leaves a wei at least
    return min(size_wad * FINE, abs(leg.size_fine) - FINE)


# --- execution ------------------------------------------------------------------------------


def _order(
    world: World,
    account: int,
    taker: int,
    market: int,
    taken_fine: int,
    long: bool,
    found: Terms,
) -> trading.TakeOrder:
    """The terms in money; collects the insurance concession, as far as its budget goes."""
    notional = taken_fine // FINE * found.mark_wad // WAD
    added_ppm = min(
        found.concession_ppm - found.account_concession_ppm,
        world.params.insurance_concession_ppm,
    )
    added = notional * added_ppm // PPM
    bonus = waterfall.pay_concession(world, account, market, added) if added != 0 else 0
    return trading.TakeOrder(
        account=account,
        taker=taker,
        market=market,
        size_fine=taken_fine if long else -taken_fine,
        account_price_wad=_worsened(found.mark_wad, found.account_concession_ppm, long),
        fee_wad=notional * found.account_fee_ppm // PPM,
        bonus_wad=bonus,
    )


def _worsened(mark_wad: int, ppm: int, long: bool) -> int:
    """Mark made worse by `ppm` for the account, the last wei in its favour."""
    change = mark_wad * ppm // PPM
    return mark_wad - change if long else mark_wad + change


def _check_limit(world: World, order: trading.TakeOrder, limit_price_wad: int) -> None:
    """Compare what the taker gets, concession included and rounded down, with its limit."""
    taken_wad = max(1, abs(order.size_fine) // FINE)
    bonus_price = order.bonus_wad * WAD // taken_wad
    bound = bonus_price * SIZE_BOUND_WAD // taken_wad + 1
    if order.bonus_wad == 0:
        bound = -1  # both are exact
    if order.size_fine > 0:
        lead = limit_price_wad + bonus_price - order.account_price_wad
        require(world.decide("take: limit", lead, bound), "liquidation: price over limit")
    else:
        lead = order.account_price_wad + bonus_price - limit_price_wad
        require(world.decide("take: limit", lead, bound), "liquidation: price under limit")


def _check_margin(world: World, before: Health, after: Health, mark_wad: int) -> None:
    """E1 * MM0 >= E0 * MM1 while E0 > 0; a bankrupt account may lose rounding only."""
    if before.equity_fine >= FINE:
        lead = after.equity_fine * before.mm_wad - before.equity_fine * after.mm_wad
        bound = retest.CLOSE_FINE * before.mm_wad
        require(world.decide("take: margin", lead, bound), "liquidation: margin worsened")
        return
    lost = ROUNDING_WEI * (1 + mark_wad // WAD)
    require(
        after.equity_fine // FINE + lost >= before.equity_fine // FINE,
        "liquidation: equity worsened",
    )
