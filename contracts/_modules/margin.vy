# pragma version 0.4.3
"""
@title Equity and margin of accounts
@notice E = cash + sum over markets of (size * mark + accrued). For opening and withdrawing a leg counts at the worse
        of mark and its average, and gains against entry that are held, or have no price, count as zero. Without a
        price it counts at its last good mark, and needs STALE_ADDON_PPM more initial margin.
"""

from contracts._lib import brackets
from contracts._lib import concentration
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._lib import stress
from contracts._modules import adl_index
from contracts._modules import ledger
from contracts._modules import market_risk as risks
from contracts._modules import market_terms
from interfaces import IClearinghouse

uses: ledger
uses: market_terms
uses: risks
uses: adl_index

# what a leg without a price must have beside its initial margin to open or withdraw: 5 % of its notional
STALE_ADDON_PPM: constant(uint256) = 50_000


@internal
@view
def _leg(
    account: uint256, market: uint256, state: ledger.Market, risk: risks.Reading
) -> IClearinghouse.Leg:
    """
    @dev One position, given its market as of this block. The class in force is found without stress.
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
    at_risk: uint256 = notional
    if state.status & ledger.SETTLED != 0:
        # nothing can be lost at a final mark
        at_risk = 0
        brackets_word = 0
    im, mm, class_now = market_terms._margins(
        brackets_word, at_risk, position.choice, terms.max_class
    )
    concentrated: uint256 = concentration._of_status(state.status)
    if concentrated != 0:
        larger: uint256 = ledger._larger_side_down(ledger.market_interest[market], state.mark)
        im += concentration._extra_up(concentrated, notional, larger)
    im = stress._raised_up(im, risk.im_stress_ppm, stress.PPM)
    if state.status & (ledger.PRICED | ledger.SETTLED) == 0:
        im += fixed_point._mul_div_up(notional, STALE_ADDON_PPM, fixed_point.PPM)
    return IClearinghouse.Leg(
        size=size,
        entry=entry_tick._decode(member.entry_code) if member.size != 0 else 0,
        accrued=member.accrued,
        mark=state.mark,
        priced=state.status & ledger.PRICED != 0,
        notional=notional,
        mm=stress._raised_up(mm, risk.mm_stress_ppb, stress.PPB),
        im=im,
        # down: a rate above the true one would end every slice short of what it is to restore
        mm_rate_ppm=stress._raised_down(
            brackets._marginal_mm_ppm(brackets_word, notional), risk.mm_stress_ppb, stress.PPB
        ),
        leverage_class=position.leverage_class,
    )


@internal
@pure
def _cash_only(cash: int256) -> IClearinghouse.Health:
    """
    @dev Health of an account without legs; a guarantee is added where it is asked for.
    """
    return IClearinghouse.Health(
        equity=cash, equity_im=cash, mm=0, im=0, cash=cash, priced=True, shield=0
    )


@internal
@pure
def _worth_im(
    size: int256, mark: uint256, entry: uint256, priced: bool, risk: risks.Reading
) -> int256:
    """
    @dev What a leg counts for when margin is opened or withdrawn, in wad, rounded down; never above its worth at mark.
    """
    long: bool = size > 0
    worth: int256 = fixed_point._value_down(
        size, stress._worse_price(mark, risk.distance_ppb, long)
    )
    side: uint256 = risks.LONGS if long else risks.SHORTS
    if not priced or risk.held & side != 0:
        worth = min(worth, fixed_point._value_down(size, entry))
    return worth


@internal
@pure
def _with_leg(
    health: IClearinghouse.Health, leg: IClearinghouse.Leg, risk: risks.Reading
) -> IClearinghouse.Health:
    """
    @dev Health with one leg more.
    """
    total: IClearinghouse.Health = health
    # ten legs, each a product of a position (120 bits) and a price, index or factor over its scale: below 2**170
    total.cash = unsafe_add(total.cash, leg.accrued)
    worth: int256 = fixed_point._value_down(leg.size, leg.mark)
    total.equity = unsafe_add(total.equity, unsafe_add(worth, leg.accrued))
    worth = self._worth_im(leg.size, leg.mark, leg.entry, leg.priced, risk)
    total.equity_im = unsafe_add(total.equity_im, unsafe_add(worth, leg.accrued))
    total.mm = unsafe_add(total.mm, leg.mm)
    total.im = unsafe_add(total.im, leg.im)
    total.priced = total.priced and leg.priced
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
            fresh: ledger.Market = ledger._fresh_market(market)
            risk: risks.Reading = risks._reading(market, fresh.status)
            total = self._with_leg(total, self._leg(account, market, fresh, risk), risk)
    return total


@internal
@view
def _stirred_reading(market: uint256) -> risks.Reading:
    """
    @dev What margins must heed in a market whose status says that its risk word matters.
    """
    return risks._reading(market, ledger.STIRRED)
