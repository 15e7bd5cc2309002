"""One side of a fill: what it does to an account, and the margin it must leave.

As `contracts/_modules/sides.vy`. Sizes that ADL has changed differ from the chain's
by wei: whether a fill then closes the position, or leaves or opens a few wei, is a close decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import backing, margin, positions, prices
from plimsoll.model.broker_state import Guarantee
from plimsoll.model.margin import notional_up_wad, value_down_wad
from plimsoll.model.risk import Factors
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    MICRO,
    PPM,
    SIZE_BOUND_WAD,
    Market,
    Position,
    World,
    require,
)

_CASH_BOUND_FINE: Final = CASH_BOUND_WAD * FINE
_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE
# a slice taken from an account hangs on its equity, which is a few wei apart
_SLICE_BOUND_FINE: Final = 1_000 * FINE


@dataclass(slots=True)
class Deal:
    """What both sides of a fill share."""

    market: int
    state: Market
    price_wad: int
    magnitude_fine: int
    cash_wad: int  # signed: the size at the price, rounded down: what the taker pays
    notional_wad: int  # its magnitude, rounded up
    interest_wad: int  # of the larger side, as the fill found it


@dataclass(slots=True)
class Side:
    """One side of a fill."""

    account: int
    delta_fine: int
    cash_wad: int  # before fees
    fee_ppm: int
    reduce_only: bool
    opening: bool  # must meet initial margin whatever it does


@dataclass(slots=True)
class Outcome:
    """What has become of a side."""

    reduces: bool
    started: bool  # under liquidation
    long_fine: int  # change of the open interest of longs
    short_fine: int


def deal_of(world: World, market: int, size_fine: int, price_wad: int) -> Deal:
    """What the sides of a fill share; refuses a market without a price."""
    state = world.markets[market]
    require(state.priced, "oracle: no price")
    interest_wad = div_down(max(world.open_interest_fine(market)), FINE)
    return Deal(
        market=market,
        state=state,
        price_wad=price_wad,
        magnitude_fine=abs(size_fine),
        cash_wad=value_down_wad(size_fine, price_wad),
        notional_wad=notional_up_wad(size_fine, price_wad),
        interest_wad=interest_wad,
    )


def surcharge_ppm(world: World, deal: Deal, maker: int, taker: int, size_fine: int) -> int:
    """What a fill adds to both fee rates for the last of the room; its size is the taker's.

    Nothing where a side reduces: a position changes hands. The chain's may be a step off ours.
    """
    if not deal.state.cap_quote:
        return 0
    found = _surcharge_at_ppm(deal.state, deal.interest_wad)
    bound_wad = prices.interest_bound_wad(deal.state)
    for off_wad in (-bound_wad, bound_wad):
        other = _surcharge_at_ppm(deal.state, max(deal.interest_wad + off_wad, 0))
        if other != found and not world.decide("trade: surcharge", 0, 0):
            found = other
            break
    if found == 0:
        return 0
    handed_on = _is_reduction(world, deal, maker, -size_fine) or _is_reduction(
        world, deal, taker, size_fine
    )
    return 0 if handed_on else found


def _is_reduction(world: World, deal: Deal, account: int, delta_fine: int) -> bool:
    """Whether a change makes a position smaller, or is refused anyway for want of a sync."""
    if not positions.is_current(world, account, deal.market):
        return True
    before = world.position(account, deal.market).size_fine
    if before == 0 or (before > 0) == (delta_fine > 0):
        return False
    bound = _SIZE_BOUND_FINE if deal.state.epochs else _SLICE_BOUND_FINE
    return world.decide("trade: reduces", abs(before) - abs(delta_fine), bound)


def _surcharge_at_ppm(state: Market, interest_wad: int) -> int:
    return backing.surcharge_ppm(
        backing.utilisation_ppm(state.cap_quote, interest_wad, state.mark_wad)
    )


def settle(world: World, deal: Deal, side: Side) -> Outcome:
    """Moves one side; its margin must be E1 >= IM, or it reduces and does not worsen E / MM."""
    owner = world.account(side.account)
    require(not owner.locked, "account: locked")
    leg = positions.inspect(world, side.account, deal.market)
    before = leg.size_fine
    if deal.state.epochs and before:
        before = positions.snapped(world, before)
    after = size_after(world, deal.state, before, before + side.delta_fine)
    stays = before != 0 and after != 0 and (before > 0) == (after > 0)  # on its side
    reduces = abs(after) < abs(before) and (stays or after == 0)
    started = owner.started

    require(reduces or not side.reduce_only, "order: would not reduce")
    require(
        reduces or side.opening or deal.notional_wad >= deal.state.terms.min_notional_wad,
        "trade: below least notional",
    )
    # nothing is opened under liquidation: the loss weights name all its markets and sides; nor
    # taken over: who takes a slice must meet initial margin, so its own auction would be over
    require(not started or (reduces and not side.opening), "account: under liquidation")
    entry_fine = leg.entry_fine
    if not reduces:
        entry_fine = _new_entry_fine(leg, before if stays else 0, after, deal)
    fee_wad = div_up(deal.notional_wad * side.fee_ppm, PPM * MICRO) * MICRO
    fee_wad, class_in_force = _checked_fee(world, deal, side, before, after, entry_fine, fee_wad)
    leverage_class = leg.leverage_class if reduces else class_in_force
    positions.change(world, side.account, deal.market, after, entry_fine, leverage_class)
    owner.cash_fine += (side.cash_wad - fee_wad) * FINE
    world.trading_fees_wad += fee_wad
    return Outcome(
        reduces=reduces,
        started=started,
        long_fine=max(after, 0) - max(before, 0),
        short_fine=max(-after, 0) - max(-before, 0),
    )


def _checked_fee(
    world: World,
    deal: Deal,
    side: Side,
    before: int,
    after: int,
    entry_fine: int,
    fee_wad: int,
) -> tuple[int, int]:
    """Checks the margin of a side that goes from size `before` to `after` at an entry (all fine).

    Returns the fee (wad), cut as far as the margin demands, and the leverage class in force.
    """
    state = deal.state
    mark_wad = state.mark_wad
    reduces = abs(after) < abs(before) and before * after >= 0
    leg = world.position(side.account, deal.market)
    others = margin.health_without(world, side.account, deal.market)
    factors = margin.factors_now(world, deal.market, state)
    if not side.opening and before and (reduces or before * after < 0):
        _check_held(world, factors, leg, mark_wad, before > 0)
    notional_wad = notional_up_wad(after, mark_wad)
    extra_wad, extra_bound_wad = margin.concentrated_by_wad(
        state, notional_wad, deal.interest_wad, mark_wad
    )
    im_wad, mm_wad, class_in_force = margin.stressed_margins(
        state.terms, notional_wad, leg.choice, factors, extra_wad
    )
    im_wad += others.im_wad
    mm_wad += others.mm_wad
    worth_wad, bound_wad = _opening_value(after, entry_fine, mark_wad, factors)
    lead = others.equity_im_fine + (side.cash_wad + worth_wad - fee_wad - im_wad) * FINE
    bound_wad += others.entry_bound_wad + others.im_bound_wad + extra_bound_wad
    bound = _CASH_BOUND_FINE + bound_wad * FINE
    if world.decide("trade: initial margin", lead, bound):
        return fee_wad, class_in_force
    guarantee = world.account(side.account).guarantee
    if guarantee is not None and _is_guaranteed(
        world, guarantee, lead + im_wad * FINE, im_wad, mm_wad, bound
    ):
        return fee_wad, class_in_force
    require(reduces and not side.opening, "margin: below initial")

    # E1 * MM0 >= E0 * MM1, the fee capped so that it holds; without equity E1 >= E0, and no fee
    bound = _CASH_BOUND_FINE + others.entry_bound_wad * FINE
    # gains of other legs that are held or have no price pay for no bad fill
    equity_before = others.equity_im_fine + value_down_wad(before, mark_wad) * FINE
    needed_fine = equity_before
    if world.decide("trade: equity before", equity_before, bound):
        notional_wad = notional_up_wad(before, mark_wad)
        mm_before = margin.stressed_margins(state.terms, notional_wad, leg.choice, factors)[1]
        mm_before += others.mm_wad
        needed_fine = div_up(max(equity_before, 0) * mm_wad, mm_before * FINE) * FINE
    else:
        if not world.account(side.account).started:
            excluded = others.covered_fine - others.equity_im_fine
            solvent = world.decide("trade: solvent", equity_before + excluded, bound)
            require(solvent, "account: start auction first")
        fee_wad = 0
    gained_fine = (side.cash_wad + value_down_wad(after, mark_wad)) * FINE
    spare_fine = others.equity_im_fine + gained_fine - needed_fine
    require(world.decide("trade: margin ratio", spare_fine, bound), "margin: ratio worsened")
    if fee_wad and spare_fine < fee_wad * FINE + bound:
        unit_fine = MICRO * FINE
        units = world.quotient("trade: fee", max(spare_fine, 0), unit_fine, bound)
        fee_wad = min(fee_wad, max(units, 0) * MICRO)
    return fee_wad, class_in_force


def _is_guaranteed(
    world: World, guarantee: Guarantee, own_fine: int, im_wad: int, mm_wad: int, bound: int
) -> bool:
    """Whether a guarantee lets a fill pass that leaves so much own equity, as for opening.

    It does if own equity alone is above maintenance margin and the buffer: so no fill spends it.
    """
    opening_wad = guarantee.opening_wad(world.now)
    if opening_wad == 0:
        return False
    needed = mm_wad * (PPM + guarantee.buffer_ppm) * FINE
    if not world.decide("trade: buffer", own_fine * PPM - needed, bound * PPM):
        return False
    lead = own_fine + (opening_wad - im_wad) * FINE
    return world.decide("trade: guaranteed margin", lead, bound)


def _opening_value(after: int, entry_fine: int, mark_wad: int, factors: Factors) -> tuple[int, int]:
    """What the position after a fill counts for initial margin, and its bound; wad."""
    if after == 0:
        return 0, 0
    entry_wad = positions.decode_entry(positions.entry_code(entry_fine, after > 0))
    return margin.opening_value(after, entry_wad, mark_wad, True, factors)


def _check_held(world: World, factors: Factors, leg: Position, mark_wad: int, long: bool) -> None:
    """Refuses to realise the gain of a held side: its mark is better than the entry."""
    if not factors.holds(long):
        return
    entry_wad = positions.entry_wad(leg)
    lead = mark_wad - entry_wad if long else entry_wad - mark_wad
    gains = world.decide("trade: held profit", lead - 1, entry_wad // positions.ENTRY_PARTS)
    require(not gains, "hold: profit")


def size_after(world: World, state: Market, before: int, after: int) -> int:
    """Size (fine) that a fill leaves: `after`, or what the chain's rounding makes of it near 0.

    The chain's size before may be some wei more or less, more where ADL has been: a fill of about
    the whole position closes it, leaves some wei or flips it to some wei.
    """
    bound = _SIZE_BOUND_FINE if state.epochs else _SLICE_BOUND_FINE
    if before == 0 or abs(after) > bound:
        return after
    if world.decide("fill: closes", 0, 0):
        return 0
    side = 1 if before > 0 else -1
    if world.decide("fill: flips", -after * side, bound):
        side = -side
    return after if after * side > 0 else side * FINE


def _new_entry_fine(leg: Position, before: int, after: int, deal: Deal) -> int:
    """Entry of a position that opened (`before` = 0), flipped (the same) or increased to `after`.

    The mean of its entry so far and the worse of price and mark for what was added, rounded to the
    worse side: a fill off the mark makes no profit to take out elsewhere. As it is stored.
    """
    worse = min if after > 0 else max
    entry_wad = worse(deal.price_wad, deal.state.mark_wad)
    if before:
        basis = before * positions.entry_wad(leg) + (after - before) * entry_wad
        entry_wad = div_up(basis, after) if after > 0 else div_down(-basis, -after)
    return positions.decode_entry(positions.encode_entry(entry_wad, after > 0)) * FINE
