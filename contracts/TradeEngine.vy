# pragma version 0.4.3
# pragma optimize gas
"""
@title The hot path: trades
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
from contracts._modules import premiums
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
initializes: premiums[ledger := ledger]
initializes: margin[
    ledger := ledger, market_terms := market_terms, risks := market_risk, adl_index := adl_index
]
initializes: portfolio[ledger := ledger, adl_index := adl_index]
initializes: flat_bucket[ledger := ledger, adl_index := adl_index]
initializes: sides[
    ledger := ledger, margin := margin, portfolio := portfolio, flat_bucket := flat_bucket
]

FILL_MAKER_REDUCES: constant(uint256) = 1
FILL_TAKER_REDUCES: constant(uint256) = 2
FILL_MAKER_FEE: constant(uint256) = 4
FILL_BLOCK: constant(uint256) = 8

WIDE_BAND: constant(uint256) = 3  # times the band if one side only reduces


@deploy
def __init__():
    ownable.__init__()
    engines.__init__()


@external
def trade(fill: IClearinghouse.Fill) -> uint256:
    """
    @notice See IClearinghouse.
    """
    engines._assert_exchange()
    assert fill.maker >> 96 != fill.taker >> 96, "trade: self trade"
    assert fill.size != 0, "trade: zero size"
    terms: market_terms.Terms = market_terms._terms(fill.market)
    deal: sides.Deal = sides._deal(fill.market, fill.size, fill.price, terms)
    maker_fee_ppm: uint256 = (
        terms.taker_fee_ppm if fill.flags & FILL_MAKER_FEE == 0 else terms.maker_fee_ppm
    )
    assert (
        maker_fee_ppm <= fill.maker_fee_cap_ppm and terms.taker_fee_ppm <= fill.taker_fee_cap_ppm
    ), "order: fee above cap"

    interest_before: uint256 = ledger.market_interest[fill.market]
    side: sides.Side = sides.Side(
        account=fill.maker,
        delta=unsafe_sub(0, fill.size),
        cash=deal.cash,
        fee_ppm=maker_fee_ppm,
        reduce_only=fill.flags & FILL_MAKER_REDUCES != 0,
        opening=False,
    )
    maker: sides.Outcome = sides._settle_side(deal, side)
    side.account = fill.taker
    side.delta = fill.size
    side.cash = unsafe_sub(0, deal.cash)  # a quotient by 1e18
    side.fee_ppm = terms.taker_fee_ppm
    side.reduce_only = fill.flags & FILL_TAKER_REDUCES != 0
    taker: sides.Outcome = sides._settle_side(deal, side)

    band_ppm: uint256 = terms.band_ppm
    if maker.reduces or taker.reduces:
        band_ppm = unsafe_mul(band_ppm, WIDE_BAND)
    assert sides._is_near(fill.price, deal.mark, band_ppm), "trade: price outside band"
    interest: uint256 = ledger._add_to_interest(
        fill.market, unsafe_add(maker.interest, taker.interest), unsafe_add(maker.fee, taker.fee)
    )
    # neither side may grow beyond the cap; what does not grow always passes
    assert interest & ledger.INTEREST <= max(
        terms.oi_cap, interest_before & ledger.INTEREST
    ) and interest >> 100 & ledger.INTEREST <= max(
        terms.oi_cap, interest_before >> 100 & ledger.INTEREST
    ), "market: open interest cap"
    if fill.flags & FILL_BLOCK == 0:
        notional: uint256 = unsafe_div(deal.magnitude * deal.mark, fixed_point.WAD)
        premiums._record(fill.market, deal.clock, deal.mark, terms, fill.price, notional)
    return convert(maker.started, uint256) | convert(taker.started, uint256) << 1
