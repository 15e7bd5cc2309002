"""Isolated accounts, leverage classes, and the ledger's side of money that comes and goes.

As `contracts/RegistryEngine.vy`, and `credit`, `debit`, `collect_fees` and `cover` of the
Clearinghouse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plimsoll.model import backing, capital, concentration, margin, outages, positions, prices
from plimsoll.model.backing import BufferTerms
from plimsoll.model.concentration import Concentration
from plimsoll.model.risk import NO_RISK, Risk, RiskTerms
from plimsoll.model.rounding import div_down
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    DUST_COVER_WAD,
    FINE,
    PPM,
    Account,
    World,
    owner_of,
    require,
)

_CASH_BOUND_FINE: Final = CASH_BOUND_WAD * FINE


# --- accounts -------------------------------------------------------------------------------


def open_isolated(world: World, sender: str, subaccount: int) -> int:
    """Opens an isolated account of the sender; refuses one that was ever used and is not empty."""
    require(0 <= subaccount < 2**96, "account: bad sub-account")
    account = int(sender, 16) << 96 | subaccount
    require(_is_unused(world, account), "account: already in use")
    world.accounts[account] = Account(isolated=True)
    return account


def set_leverage_class(
    world: World, sender: str, account: int, market: int, leverage_class: int
) -> None:
    """Chooses the leverage class of a market the account has no position in."""
    require(owner_of(account) == sender, "access: not account owner")
    terms = prices.market_of(world, market).terms
    require(leverage_class <= terms.max_class, "class: above the market's")
    require(not positions.is_open(world, account, market), "class: position open")
    world.position(account, market).choice = leverage_class + 1


def set_risk_terms(world: World, market: int, terms: RiskTerms) -> None:
    """Sets how a market weighs its mark's moves, within hard bounds; what it remembers stays."""
    state = prices.market_of(world, market)
    require(state.outage.settled_at == 0, "market: settled")
    require(60 <= terms.ema_seconds <= 86_400, "risk: bad ema time")
    require(300 <= terms.volatility_seconds <= 604_800, "risk: bad volatility time")
    require(50_000 <= terms.calm_ppm <= 5_000_000, "risk: bad calm volatility")
    require(1_000_000 <= terms.stress_max_ppm <= 4_000_000, "risk: bad stress limit")
    require(10_000 <= terms.jump_ppm <= 100_000, "risk: bad jump")
    require(60 <= terms.hold_seconds <= 600, "risk: bad hold")
    state.risk_terms = terms
    if state.risk == NO_RISK:
        state.risk = Risk(changed_at=world.now)


def settle_market(world: World, sender: str, market: int) -> None:
    """Winds a market down: its mark is final, nobody trades in it any more.

    The owner may while there is a price, anybody once there has been none for three days.
    """
    prices.poke(world, market)
    state = world.markets[market]
    require(state.outage.settled_at == 0, "market: settled")
    dead = outages.is_dead(state.outage, state.priced, world.now)
    by_owner = sender == world.addresses["timelock"]
    require(dead or (by_owner and state.priced), "market: alive")
    busy = state.funding_frozen or state.locked_longs or state.locked_shorts
    require(not busy, "market: being resolved")
    state.outage = outages.settled(state.outage, state.priced, world.now)
    state.priced = state.waiting = False
    state.rate_ppb = 0
    state.risk = replace(state.risk, stirred=False)
    state.buffer_terms, state.cap_quote, state.concentration = None, 0, None


def set_buffer_terms(world: World, market: int, terms: BufferTerms) -> None:
    """Sets how insurance capital backs a market, within hard bounds, and its cap at once.

    All zero: the market needs no capital. No more than all of it may be promised.
    """
    state = prices.market_of(world, market)
    require(state.outage.settled_at == 0, "market: settled")
    if terms == backing.NO_TERMS:
        state.buffer_terms, state.cap_quote = None, 0
        return
    require(100_000 <= terms.kappa_ppm <= 100_000_000, "buffer: bad multiple")
    require(1 <= terms.share_ppm <= PPM, "buffer: bad share")
    require(10_000 <= terms.gap_ppm <= PPM, "buffer: bad gap")
    others = [
        other.buffer_terms.share_ppm
        for other in world.markets.values()
        if other is not state and other.buffer_terms is not None
    ]
    require(sum(others) + terms.share_ppm <= PPM, "buffer: shares above one")
    state.buffer_terms = terms
    state.cap_quote = capital.cap_quote(world, terms)


def set_concentration(world: World, market: int, terms: Concentration) -> None:
    """Sets from where on a position counts as large, and its rate; all zero: never."""
    state = prices.market_of(world, market)
    require(state.outage.settled_at == 0, "market: settled")
    if terms == concentration.NO_TERMS:
        state.concentration = None
        return
    require(terms.share_percent <= 31, "concentration: bad share")
    some = terms.share_percent != 0
    require(some <= terms.rate_percent <= 50 * some, "concentration: bad rate")
    require(terms.floor_code <= 15 * some, "concentration: bad floor")
    state.concentration = terms


def _is_unused(world: World, account: int) -> bool:
    """Whether an account holds nothing; a few wei of cash may have been lost to rounding."""
    state = world.accounts.get(account)
    if state is None:
        return True
    if state.markets or state.isolated or state.started or state.locked:
        return False
    if state.cash_fine == 0:
        return True
    return world.decide("account: unused", -abs(state.cash_fine), _CASH_BOUND_FINE)


# --- cash -----------------------------------------------------------------------------------


def credit(world: World, account: int, wad: int) -> None:
    """Adds a deposit; refused for the account of the frozen resolve."""
    state = world.account(account)
    require(not state.locked, "account: locked")
    state.cash_fine += wad * FINE


def debit(world: World, account: int, wad: int) -> None:
    """Takes out what is not needed as initial margin, at the marks of now.

    Refused under liquidation and while a haircut works on a side the account is on.
    """
    state = world.account(account)
    require(not state.locked, "account: locked")
    require(not state.started, "account: under liquidation")
    for market in state.markets:
        positions.require_unlocked(world.markets[market], world.positions[account, market].long)
    health = margin.health(world, account)
    lead = health.equity_im_fine - (wad + health.im_wad) * FINE
    bound = _CASH_BOUND_FINE + (health.entry_bound_wad + health.im_bound_wad) * FINE
    require(world.decide("debit: initial margin", lead, bound), "margin: below initial")
    state.cash_fine -= wad * FINE


def collect_fees(world: World) -> tuple[int, int]:
    """Empties the fee balances: trading fees and insurance fees, wad."""
    fees = world.trading_fees_wad, world.insurance_fees_wad
    world.trading_fees_wad = world.insurance_fees_wad = 0
    return fees


def cover(world: World, account: int, wad: int) -> int:
    """Settles the loss of a flat account, `wad` of it paid by the layers; the shortfall, wad.

    A shortfall that is no more than rounding is paid by the dust reserve, if it can.
    """
    state = world.account(account)
    require(state.started, "account: not under liquidation")
    require(not state.locked, "account: locked")
    require(not state.markets, "cover: holds positions")
    # the caller has decided that there is a loss: here only what is far from it is refused
    require(state.cash_fine < _CASH_BOUND_FINE, "cover: no loss")
    deficit_wad = max(-div_down(state.cash_fine, FINE), 0)
    require(wad <= deficit_wad + CASH_BOUND_WAD, "cover: above the loss")
    shortfall_wad = max(deficit_wad - wad, 0)
    state.cash_fine = 0
    if shortfall_wad == 0:
        return 0
    small = (DUST_COVER_WAD - shortfall_wad) * FINE
    if world.decide("cover: dust", small, _CASH_BOUND_FINE):
        reserve = world.account(int(world.addresses["clearinghouse"], 16) << 96)
        lead = reserve.cash_fine - shortfall_wad * FINE
        if world.decide("cover: reserve", lead, _CASH_BOUND_FINE):
            reserve.cash_fine -= shortfall_wad * FINE
            return 0
    return shortfall_wad
