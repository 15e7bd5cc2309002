# pragma version 0.4.3
"""
@title Equity and margin of accounts
@notice E = cash + sum over markets of (size * mark + accrued). Without a price a leg counts at its last good mark
        for maintenance; for opening and withdrawing its gains against entry count as zero.
"""

from contracts._lib import brackets
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import ledger
from contracts._modules import market_terms
from interfaces import IClearinghouse

uses: ledger
uses: market_terms
uses: adl_index


@internal
@view
def _leg(account: uint256, market: uint256, state: ledger.Market) -> IClearinghouse.Leg:
    """
    @dev One position, given its market as of this block.
    """
    terms: market_terms.Terms = market_terms._terms(market)
    position: ledger.Position = ledger._position(account, market)
    member: adl_index.Member = adl_index._member(market, position, state.funding_index)
    assert member.current, "adl: sync first"
    size: int256 = fixed_point._signed(member.size, not position.long)
    notional: uint256 = fixed_point._mul_div_up(member.size, state.mark, fixed_point.WAD)
    im: uint256 = 0
    mm: uint256 = 0
    class_now: uint256 = 0
    brackets_word: uint256 = ledger.market_brackets[market]
    im, mm, class_now = market_terms._margins(
        brackets_word, notional, position.choice, terms.max_class
    )
    return IClearinghouse.Leg(
        size=size,
        entry=entry_tick._decode(member.entry_code) if member.size != 0 else 0,
        accrued=member.accrued,
        mark=state.mark,
        priced=state.status & ledger.PRICED != 0,
        notional=notional,
        mm=mm,
        im=im,
        mm_rate_ppm=brackets._marginal_mm_ppm(brackets_word, notional),
        leverage_class=position.leverage_class,
    )


@internal
@pure
def _cash_only(cash: int256) -> IClearinghouse.Health:
    """
    @dev Health of an account without legs.
    """
    return IClearinghouse.Health(equity=cash, equity_im=cash, mm=0, im=0, cash=cash, priced=True)


@internal
@pure
def _with_leg(health: IClearinghouse.Health, leg: IClearinghouse.Leg) -> IClearinghouse.Health:
    """
    @dev Health with one leg more.
    """
    total: IClearinghouse.Health = health
    worth: int256 = fixed_point._value_down(leg.size, leg.mark)
    total.cash += leg.accrued
    total.equity += worth + leg.accrued
    total.equity_im += worth + leg.accrued
    total.mm += leg.mm
    total.im += leg.im
    if not leg.priced:
        total.priced = False
        total.equity_im -= max(worth - fixed_point._value_down(leg.size, leg.entry), 0)
    return total


@internal
@view
def _health_without(
    account: uint256, state: ledger.Account, without: uint256
) -> IClearinghouse.Health:
    """
    @dev Health of an account's cash and legs but the one in market `without` (0: none). The markets have been
         poked in this block.
    """
    total: IClearinghouse.Health = self._cash_only(state.cash)
    for i: uint256 in range(state.count, bound=ledger.MAX_MARKETS):
        market: uint256 = ledger._market_at(state.markets, i)
        if market != without:
            total = self._with_leg(total, self._leg(account, market, ledger._fresh_market(market)))
    return total
