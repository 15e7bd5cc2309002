"""Fills: trades of two orders, and takes of slices under liquidation.

As `contracts/TradeEngine.vy`. A fill's cash and fees are whole wei, rounded as on chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import backing, margin, positions, prices, sides
from plimsoll.model.margin import Health
from plimsoll.model.rounding import div_down
from plimsoll.model.state import (
    FINE,
    PPM,
    SIZE_BOUND_WAD,
    WAD,
    Market,
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

_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE


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


def trade(world: World, fill: Fill) -> tuple[bool, bool]:
    """Settles a fill; whether maker and taker are under liquidation.

    Refused if it breaks a limit of the market or leaves a side short of margin.
    """
    prices.poke(world, fill.market)
    prices.poke_all(world, fill.maker)
    prices.poke_all(world, fill.taker)
    require(fill.maker >> 96 != fill.taker >> 96, "trade: self trade")
    require(fill.size_wad != 0, "trade: zero size")
    deal = sides.deal_of(world, fill.market, fill.size_wad * FINE, fill.price_wad)
    terms = deal.state.terms
    extra_ppm = sides.surcharge_ppm(world, deal, fill.maker, fill.taker, fill.size_wad * FINE)
    maker_fee_ppm = terms.maker_fee_ppm if fill.flags & MAKER_FEE else terms.taker_fee_ppm
    maker_fee_ppm += extra_ppm
    taker_fee_ppm = terms.taker_fee_ppm + extra_ppm
    require(
        maker_fee_ppm <= fill.maker_fee_cap_ppm and taker_fee_ppm <= fill.taker_fee_cap_ppm,
        "order: fee above cap",
    )
    interest_before = world.open_interest_fine(fill.market)
    maker = sides.settle(
        world,
        deal,
        sides.Side(
            account=fill.maker,
            delta_fine=-fill.size_wad * FINE,
            cash_wad=deal.cash_wad,
            fee_ppm=maker_fee_ppm,
            reduce_only=bool(fill.flags & MAKER_REDUCES),
            opening=False,
        ),
    )
    taker = sides.settle(
        world,
        deal,
        sides.Side(
            account=fill.taker,
            delta_fine=fill.size_wad * FINE,
            cash_wad=-deal.cash_wad,
            fee_ppm=taker_fee_ppm,
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
    deal = sides.deal_of(world, order.market, order.size_fine, order.account_price_wad)
    require(not deal.state.waiting, "oracle: grace")
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
        left_fine = sides.size_after(world, deal.state, size_fine, left_fine)
    require(
        left_fine != size_fine and min(size_fine, 0) <= left_fine <= max(size_fine, 0),
        "take: not reducing",
    )
    positions.change(
        world, order.account, order.market, left_fine, leg.entry_fine, leg.leverage_class
    )
    owner.cash_fine += (deal.cash_wad - order.fee_wad) * FINE
    world.insurance_fees_wad += order.fee_wad
    sides.settle(
        world,
        deal,
        sides.Side(
            account=order.taker,
            delta_fine=order.size_fine,
            cash_wad=order.bonus_wad - deal.cash_wad,
            fee_ppm=0,
            reduce_only=False,
            opening=True,
        ),
    )
    return margin.health(world, order.account)


def _check_interest(
    world: World, state: Market, before: tuple[int, int], maker: sides.Outcome, taker: sides.Outcome
) -> None:
    """Refuses a side's growth beyond the cap on open interest; what does not grow passes.

    The cap is the market's own, or what insurance capital backs at the mark, if that is less.
    """
    bound = _SIZE_BOUND_FINE if state.epochs else 0
    cap_wad = state.terms.oi_cap_wad
    if state.cap_quote:
        cap_wad = min(cap_wad, backing.size_wad(state.cap_quote, state.mark_wad))
    grown = (maker.long_fine + taker.long_fine, maker.short_fine + taker.short_fine)
    for side, growth in zip(before, grown, strict=True):
        spare_fine = cap_wad * FINE - side - growth
        if bound == 0:
            require(growth <= 0 or spare_fine >= 0, "market: open interest cap")
        elif growth >= -bound and spare_fine <= bound:
            # a position that is some wei smaller on chain is not closed but flipped by as much
            grows = not world.decide("trade: grows", -growth, bound)
            fits = not grows or world.decide("trade: cap", spare_fine, bound)
            require(fits, "market: open interest cap")


def _is_near(price_wad: int, mark_wad: int, band_ppm: int) -> bool:
    """Whether a price is within a band around the mark."""
    return abs(price_wad - mark_wad) * PPM <= mark_wad * band_ppm
