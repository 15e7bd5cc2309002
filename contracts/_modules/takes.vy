# pragma version 0.4.3
"""
@title Taking over a slice of a started account
@dev   `_terms` decides, `_take` executes exactly that and re-checks the account's margin in integers.
"""

# interfaces
from interfaces import IClearinghouse
from interfaces import ILiquidator

# modules
from contracts._lib import loss_weights
from contracts._lib import take_formula
from contracts._modules import auctions
from contracts._modules import neighbours
from contracts._modules import retest

uses: auctions
uses: neighbours
uses: retest

# constants
PPM: constant(uint256) = take_formula.PPM
WAD: constant(uint256) = take_formula.WAD
_ROUNDING: constant(uint256) = 4  # wei a transfer may lose, in quote and in size


@internal
@view
def _terms(
    record: auctions.Record,
    health: IClearinghouse.Health,
    leg: IClearinghouse.Leg,
    market: uint256,
) -> ILiquidator.TakeTerms:
    """
    @dev What a take gets now; `take` applies exactly this.
    """
    params: ILiquidator.Params = auctions._params()
    stopped: uint256 = auctions._stopped(record, neighbours._stop(market))
    concession_ppm: uint256 = auctions._concession_ppm(auctions._elapsed(record) - stopped, params)
    share_ppm: uint256 = take_formula._margin_share_ppm(
        health.equity, health.mm, leg.mm, leg.notional
    )
    account_concession_ppm: uint256 = 0
    account_fee_ppm: uint256 = 0
    account_concession_ppm, account_fee_ppm = take_formula._account_terms(
        share_ppm, concession_ppm, params.fee_ppm
    )
    wanted: uint256 = take_formula._restoring_notional(
        health.equity + convert(health.shield, int256),
        health.mm,
        leg.notional,
        leg.mm_rate_ppm,
        account_concession_ppm + account_fee_ppm,
        params.kappa_ppm,
    )
    config: IClearinghouse.MarketConfig = staticcall neighbours.CLEARINGHOUSE.market_config(market)
    size_max: uint256 = 0
    size_min: uint256 = 0
    size_max, size_min = take_formula._slice_bounds(
        convert(abs(leg.size), uint256), leg.notional, leg.mark, wanted, config.min_notional * WAD
    )
    return ILiquidator.TakeTerms(
        size_max=size_max,
        size_min=size_min,
        concession_ppm=concession_ppm,
        account_concession_ppm=account_concession_ppm,
        account_fee_ppm=account_fee_ppm,
        mark=leg.mark,
    )


@internal
@view
def _loss_weights(account: uint256, markets: DynArray[uint256, 10]) -> uint256:
    """
    @dev By loss against entry, topped up by maintenance margin: see the library.
    """
    losses: DynArray[loss_weights.LegLoss, 10] = []
    margins: DynArray[uint256, 10] = []
    for market: uint256 in markets:
        leg: IClearinghouse.Leg = neighbours._leg(account, market)
        long: bool = leg.size > 0
        high: uint256 = leg.entry if long else leg.mark
        low: uint256 = leg.mark if long else leg.entry
        loss: uint256 = 0
        if high > low:
            loss = (high - low) * convert(abs(leg.size), uint256) // WAD
        losses.append(loss_weights.LegLoss(market=market, short=not long, loss=loss))
        margins.append(loss_weights._margin(leg.mm, leg.notional))
    return loss_weights._pack(loss_weights._with_margins(losses, margins))


@internal
def _take(
    taker: uint256, account: uint256, market: uint256, size: uint256, limit_price: uint256
) -> uint256:
    """
    @dev One slice: terms, concession, transfer, checks, then what follows for the auction.
    """
    assert taker >> 96 != account >> 96, "liquidation: self take"
    record: auctions.Record = auctions._load_started(account)
    assert block.number > record.start_block, "liquidation: too early"
    health: IClearinghouse.Health = neighbours._health(account)
    leg: IClearinghouse.Leg = neighbours._leg(account, market)
    assert leg.size != 0, "liquidation: no position"
    assert leg.priced, "liquidation: no price"
    assert not retest._is_cured(health), "liquidation: cured"

    terms: ILiquidator.TakeTerms = self._terms(record, health, leg, market)
    taken: uint256 = min(size, terms.size_max)
    assert taken >= terms.size_min, "liquidation: slice too small"
    order: IClearinghouse.Take = self._order(account, taker, market, taken, leg.size > 0, terms)
    self._check_limit(order, taken, limit_price)

    after: IClearinghouse.Health = extcall neighbours.CLEARINGHOUSE.take(order)
    self._check_margin(health, after, leg.mark)
    log ILiquidator.Taken(
        account=account,
        taker=taker,
        market=market,
        size=order.size,
        mark=leg.mark,
        account_price=order.account_price,
        fee=order.fee,
        insurance_concession=order.bonus,
        equity=after.equity,
        mm=after.mm,
    )
    retest._retest(account, record, after, True)
    return taken


@internal
def _order(
    account: uint256,
    taker: uint256,
    market: uint256,
    taken: uint256,
    account_is_long: bool,
    terms: ILiquidator.TakeTerms,
) -> IClearinghouse.Take:
    """
    @dev Puts the terms into money and collects the insurance concession, as far as its budget goes.
    """
    notional: uint256 = taken * terms.mark // WAD
    added_ppm: uint256 = min(
        terms.concession_ppm - terms.account_concession_ppm,
        auctions._params().insurance_concession_ppm,
    )
    added: uint256 = notional * added_ppm // PPM
    bonus: uint256 = 0
    if added != 0:
        bonus = extcall neighbours.WATERFALL.pay_concession(account, market, added)
    size: int256 = convert(taken, int256)
    return IClearinghouse.Take(
        account=account,
        taker=taker,
        market=market,
        size=size if account_is_long else -size,
        account_price=take_formula._worsened(
            terms.mark, terms.account_concession_ppm, account_is_long
        ),
        fee=notional * terms.account_fee_ppm // PPM,
        bonus=bonus,
    )


@internal
@pure
def _check_limit(order: IClearinghouse.Take, taken: uint256, limit_price: uint256):
    """
    @dev Against what the taker really gets, insurance concession included, rounded against us.
    """
    bonus_price: uint256 = order.bonus * WAD // taken
    if order.size > 0:
        # as a difference: any limit is allowed, the largest number too
        assert (
            limit_price >= order.account_price or order.account_price - limit_price <= bonus_price
        ), "liquidation: price over limit"
    else:
        assert order.account_price + bonus_price >= limit_price, "liquidation: price under limit"


@internal
@pure
def _check_margin(before: IClearinghouse.Health, after: IClearinghouse.Health, mark: uint256):
    """
    @dev E1 * MM0 >= E0 * MM1 while E0 > 0, which also keeps E1 >= 0. A bankrupt account pays nothing, but
         rounding may cost it a few wei of cash and of size.
    """
    if before.equity > 0:
        assert after.equity * convert(before.mm, int256) >= before.equity * convert(
            after.mm, int256
        ), "liquidation: margin worsened"
    else:
        lost: uint256 = _ROUNDING * (1 + mark // WAD)
        assert after.equity + convert(lost, int256) >= before.equity, "liquidation: equity worsened"
