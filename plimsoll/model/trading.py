"""Fills: trades of two orders, and takes of slices under liquidation.

As `contracts/TradeEngine.vy`. A fill's cash and fees are whole wei, rounded as on chain. Sizes
that ADL has changed differ from the chain's by wei: whether a fill then closes the position, or
leaves or opens a few wei, is a close decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import margin, positions, prices
from plimsoll.model.margin import Health, notional_up_wad, value_down_wad
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    MICRO,
    PPM,
    SIZE_BOUND_WAD,
    WAD,
    Market,
    Position,
    World,
    require,
)

MAKER_REDUCES: Final = 1  # flags of a fill
TAKER_REDUCES: Final = 2
MAKER_FEE: Final = 4
BLOCK: Final = 8

WIDE_BAND: Final = 3  # times the band if one side only reduces
TAKE_BAND_PPM: Final = 100_000
TAKE_FEE_MAX_PPM: Final = 50_000
BONUS_MAX_PPM: Final = 10_000

_CASH_BOUND_FINE: Final = CASH_BOUND_WAD * FINE
_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE
# a slice taken from an account hangs on its equity, which is a few wei apart
_SLICE_BOUND_FINE: Final = 1_000 * FINE


@dataclass(slots=True)
class Fill:
    """One matched pair of orders; as `IClearinghouse.Fill`."""

    maker: int
    taker: int
    market: int
    size_wad: int  # signed as the taker's
    price_wad: int
    maker_fee_cap_ppm: int
    taker_fee_cap_ppm: int
    flags: int  # 1 maker reduce-only, 2 taker reduce-only, 4 maker pays maker fee, 8 block trade


@dataclass(slots=True)
class TakeOrder:
    """What a taker takes over from an account under liquidation; as `IClearinghouse.Take`."""

    account: int
    taker: int
    market: int
    size_fine: int  # signed as the taker's change
    account_price_wad: int
    fee_wad: int  # from the account to the insurance fees
    bonus_wad: int  # concession already paid into custody for the taker


@dataclass(slots=True)
class _Deal:
    """What both sides of a fill share."""

    market: int
    state: Market
    price_wad: int
    magnitude_fine: int
    cash_wad: int  # signed: the size at the price, rounded down: what the taker pays
    notional_wad: int  # its magnitude, rounded up


@dataclass(slots=True)
class _Side:
    """One side of a fill."""

    account: int
    delta_fine: int
    cash_wad: int  # before fees
    fee_ppm: int
    reduce_only: bool
    opening: bool  # must meet initial margin whatever it does


@dataclass(slots=True)
class _Outcome:
    """What has become of a side."""

    reduces: bool
    started: bool  # under liquidation
    long_fine: int  # change of the open interest of longs
    short_fine: int


def trade(world: World, fill: Fill) -> tuple[bool, bool]:
    """Settles a fill; whether maker and taker are under liquidation.

    Refused if it breaks a limit of the market or leaves a side short of margin.
    """
    prices.poke(world, fill.market)
    prices.poke_all(world, fill.maker)
    prices.poke_all(world, fill.taker)
    require(fill.maker >> 96 != fill.taker >> 96, "trade: self trade")
    require(fill.size_wad != 0, "trade: zero size")
    deal = _deal(world, fill.market, fill.size_wad * FINE, fill.price_wad)
    terms = deal.state.terms
    maker_fee_ppm = terms.maker_fee_ppm if fill.flags & MAKER_FEE else terms.taker_fee_ppm
    require(
        maker_fee_ppm <= fill.maker_fee_cap_ppm and terms.taker_fee_ppm <= fill.taker_fee_cap_ppm,
        "order: fee above cap",
    )
    interest_before = world.open_interest_fine(fill.market)
    maker = _settle_side(
        world,
        deal,
        _Side(
            account=fill.maker,
            delta_fine=-fill.size_wad * FINE,
            cash_wad=deal.cash_wad,
            fee_ppm=maker_fee_ppm,
            reduce_only=bool(fill.flags & MAKER_REDUCES),
            opening=False,
        ),
    )
    taker = _settle_side(
        world,
        deal,
        _Side(
            account=fill.taker,
            delta_fine=fill.size_wad * FINE,
            cash_wad=-deal.cash_wad,
            fee_ppm=terms.taker_fee_ppm,
            reduce_only=bool(fill.flags & TAKER_REDUCES),
            opening=False,
        ),
    )
    band_ppm = terms.band_ppm * (WIDE_BAND if maker.reduces or taker.reduces else 1)
    mark_wad = deal.state.mark_wad
    require(_is_near(fill.price_wad, mark_wad, band_ppm), "trade: price outside band")
    _check_interest(world, deal.state, interest_before, maker, taker)
    if not fill.flags & BLOCK:
        notional_wad = div_down(abs(fill.size_wad) * mark_wad, WAD)
        prices.record_premium(world, fill.market, fill.price_wad, notional_wad)
    return maker.started, taker.started


def take(world: World, order: TakeOrder) -> Health:
    """Moves a slice of an account under liquidation to a taker; the account's health after it.

    Refused if it does not reduce the account's position or leaves the taker below initial margin.
    """
    prices.poke(world, order.market)
    prices.poke_all(world, order.account)
    prices.poke_all(world, order.taker)
    require(order.account != order.taker, "trade: self trade")
    deal = _deal(world, order.market, order.size_fine, order.account_price_wad)
    mark_wad = deal.state.mark_wad
    require(_is_near(order.account_price_wad, mark_wad, TAKE_BAND_PPM), "take: price outside band")
    notional_wad = div_down(deal.magnitude_fine * mark_wad, WAD * FINE)
    require(order.fee_wad * PPM <= notional_wad * TAKE_FEE_MAX_PPM, "take: fee too high")
    require(order.bonus_wad * PPM <= notional_wad * BONUS_MAX_PPM, "take: bonus too high")

    owner = world.account(order.account)
    require(owner.started, "account: not under liquidation")
    require(not owner.locked, "account: locked")
    leg = positions.inspect(world, order.account, order.market)
    size_fine = leg.size_fine
    left_fine = size_fine - order.size_fine
    if left_fine:
        left_fine = _size_after(world, deal.state, size_fine, left_fine)
    require(
        left_fine != size_fine and min(size_fine, 0) <= left_fine <= max(size_fine, 0),
        "take: not reducing",
    )
    positions.change(
        world, order.account, order.market, left_fine, leg.entry_fine, leg.leverage_class
    )
    owner.cash_fine += (deal.cash_wad - order.fee_wad) * FINE
    world.insurance_fees_wad += order.fee_wad
    _settle_side(
        world,
        deal,
        _Side(
            account=order.taker,
            delta_fine=order.size_fine,
            cash_wad=order.bonus_wad - deal.cash_wad,
            fee_ppm=0,
            reduce_only=False,
            opening=True,
        ),
    )
    return margin.health(world, order.account)


def _deal(world: World, market: int, size_fine: int, price_wad: int) -> _Deal:
    """What the sides of a fill share; refuses a market without a price."""
    state = world.markets[market]
    require(state.priced, "oracle: no price")
    return _Deal(
        market=market,
        state=state,
        price_wad=price_wad,
        magnitude_fine=abs(size_fine),
        cash_wad=value_down_wad(size_fine, price_wad),
        notional_wad=notional_up_wad(size_fine, price_wad),
    )


def _settle_side(world: World, deal: _Deal, side: _Side) -> _Outcome:
    """Moves one side; its margin must be E1 >= IM, or it reduces and does not worsen E / MM."""
    owner = world.account(side.account)
    require(not owner.locked, "account: locked")
    leg = positions.inspect(world, side.account, deal.market)
    before = leg.size_fine
    if deal.state.epochs and before:
        before = positions.snapped(world, before)
    after = _size_after(world, deal.state, before, before + side.delta_fine)
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
    fee_wad, class_in_force = _checked_fee(world, deal, side, before, after, reduces)

    if reduces:
        entry_fine, leverage_class = leg.entry_fine, leg.leverage_class
    else:
        entry_fine = _new_entry_wad(leg, before if stays else 0, after, deal.price_wad) * FINE
        leverage_class = class_in_force
    positions.change(world, side.account, deal.market, after, entry_fine, leverage_class)
    owner.cash_fine += (side.cash_wad - fee_wad) * FINE
    world.trading_fees_wad += fee_wad
    return _Outcome(
        reduces=reduces,
        started=started,
        long_fine=max(after, 0) - max(before, 0),
        short_fine=max(-after, 0) - max(-before, 0),
    )


def _checked_fee(
    world: World, deal: _Deal, side: _Side, before: int, after: int, reduces: bool
) -> tuple[int, int]:
    """Checks the margin of a side that goes from size `before` to `after` (fine).

    Returns the fee (wad), cut as far as the margin demands, and the leverage class in force.
    """
    state = deal.state
    mark_wad = state.mark_wad
    choice = world.position(side.account, deal.market).choice
    fee_wad = div_up(deal.notional_wad * side.fee_ppm, PPM * MICRO) * MICRO
    others = margin.health_without(world, side.account, deal.market)
    im_wad, mm_wad, class_in_force = margin.margins(
        state.terms, notional_up_wad(after, mark_wad), choice
    )
    im_wad += others.im_wad
    mm_wad += others.mm_wad
    gained_fine = (side.cash_wad + value_down_wad(after, mark_wad)) * FINE
    lead = others.equity_im_fine + gained_fine - (fee_wad + im_wad) * FINE
    if world.decide("trade: initial margin", lead, _CASH_BOUND_FINE):
        return fee_wad, class_in_force
    require(reduces and not side.opening, "margin: below initial")

    # E1 * MM0 >= E0 * MM1, the fee capped so that it holds; without equity E1 >= E0, and no fee
    equity_before = others.equity_fine + value_down_wad(before, mark_wad) * FINE
    needed_fine = equity_before
    if world.decide("trade: equity before", equity_before, _CASH_BOUND_FINE):
        notional_wad = notional_up_wad(before, mark_wad)
        mm_before = others.mm_wad + margin.margins(state.terms, notional_wad, choice)[1]
        needed_fine = div_up(max(equity_before, 0) * mm_wad, mm_before * FINE) * FINE
    else:
        require(world.account(side.account).started, "account: start auction first")
        fee_wad = 0
    spare_fine = others.equity_fine + gained_fine - needed_fine
    require(
        world.decide("trade: margin ratio", spare_fine, _CASH_BOUND_FINE), "margin: ratio worsened"
    )
    if fee_wad and spare_fine < fee_wad * FINE + _CASH_BOUND_FINE:
        unit_fine = MICRO * FINE
        units = world.quotient("trade: fee", max(spare_fine, 0), unit_fine, _CASH_BOUND_FINE)
        fee_wad = min(fee_wad, max(units, 0) * MICRO)
    return fee_wad, class_in_force


def _size_after(world: World, state: Market, before: int, after: int) -> int:
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


def _new_entry_wad(leg: Position, before: int, after: int, price_wad: int) -> int:
    """Entry of a position that opened (`before` = 0), flipped (the same) or increased to `after`.

    The mean of its entry so far and the price of what was added, rounded to the worse side.
    """
    if before == 0:
        return price_wad
    basis = before * positions.entry_wad(leg) + (after - before) * price_wad
    return div_up(basis, after) if after > 0 else div_down(-basis, -after)


def _check_interest(
    world: World, state: Market, before: tuple[int, int], maker: _Outcome, taker: _Outcome
) -> None:
    """Refuses a side's growth beyond the cap on open interest; what does not grow passes."""
    bound = _SIZE_BOUND_FINE if state.epochs else 0
    grown = (maker.long_fine + taker.long_fine, maker.short_fine + taker.short_fine)
    for side, growth in zip(before, grown, strict=True):
        if growth <= bound:
            continue
        spare_fine = state.terms.oi_cap_wad * FINE - side - growth
        fits = world.decide("trade: cap", spare_fine, bound) if bound else spare_fine >= 0
        require(fits, "market: open interest cap")


def _is_near(price_wad: int, mark_wad: int, band_ppm: int) -> bool:
    """Whether a price is within a band around the mark."""
    return abs(price_wad - mark_wad) * PPM <= mark_wad * band_ppm
