# pragma version 0.4.3
# pragma optimize gas
"""
@title Takes: slices of accounts under auction
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage, in which nobody has access. The Clearinghouse holds the re-entrancy lock
        and has poked the markets of both accounts.
"""

from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import resolve_job
from contracts._modules import engines
from contracts._modules import flat_bucket
from contracts._modules import ledger
from contracts._modules import margin
from contracts._modules import market_risk
from contracts._modules import market_terms
from contracts._modules import portfolio
from contracts._modules import sides
from interfaces import IClearinghouse
from snekmate.auth import ownable

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: adl_index[ledger := ledger]
initializes: market_risk[ledger := ledger]
initializes: margin[
    ledger := ledger, market_terms := market_terms, risks := market_risk, adl_index := adl_index
]
initializes: portfolio[ledger := ledger, adl_index := adl_index]
initializes: flat_bucket[ledger := ledger, adl_index := adl_index]
initializes: sides[
    ledger := ledger, margin := margin, portfolio := portfolio, flat_bucket := flat_bucket
]

TAKE_BAND_PPM: constant(uint256) = 100_000
TAKE_FEE_MAX_PPM: constant(uint256) = 50_000
BONUS_MAX_PPM: constant(uint256) = 10_000


@deploy
def __init__():
    ownable.__init__()
    engines.__init__()


@external
def take(order: IClearinghouse.Take) -> IClearinghouse.Health:
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    assert order.account != order.taker, "trade: self trade"
    terms: market_terms.Terms = market_terms._terms(order.market)
    deal: sides.Deal = sides._deal(
        order.market,
        ledger.market_interest[order.market],
        order.size,
        order.account_price,
        terms.min_notional,
        terms.max_class,
    )
    assert deal.clock >> 224 & ledger.WAITING == 0, "oracle: grace"
    assert sides._is_near(order.account_price, deal.mark, TAKE_BAND_PPM), "take: price outside band"
    notional: uint256 = deal.magnitude * deal.mark // fixed_point.WAD
    assert order.fee * fixed_point.PPM <= notional * TAKE_FEE_MAX_PPM, "take: fee too high"
    assert order.bonus * fixed_point.PPM <= notional * BONUS_MAX_PPM, "take: bonus too high"

    account: ledger.Account = ledger._account(order.account)
    assert account.flags & ledger.STARTED != 0, "account: not under liquidation"
    assert account.flags & ledger.LOCKED == 0, "account: locked"
    size: int256 = 0
    accrued: int256 = 0
    entry_code: uint256 = 0
    size, accrued, entry_code = sides._indexed(order.account, order.market)
    left: int256 = size - order.size
    assert left != size and min(size, 0) <= left and left <= max(size, 0), "take: not reducing"
    if left == 0:
        account = ledger._without_market(account, order.market)
    account = portfolio._change(
        order.account,
        account,
        order.market,
        left,
        entry_code,
        ledger.position_words[order.account][order.market][0] >> 173 & 7,
        deal.cash,
        order.fee,
    )
    ledger.insurance_fees += order.fee
    taker: sides.Outcome = sides._settle_side(
        deal,
        sides.Side(
            account=order.taker,
            delta=order.size,
            cash=convert(order.bonus, int256) - deal.cash,
            fee_ppm=0,
            reduce_only=False,
            opening=True,
        ),
    )
    ledger._add_to_interest(order.market, taker.interest, 0)
    health: IClearinghouse.Health = margin._health_without(order.account, account, 0)
    health.shield = ledger._shield(order.account, account.flags)
    return health
