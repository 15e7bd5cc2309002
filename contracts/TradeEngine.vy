# pragma version 0.4.3
# pragma optimize gas
"""
@title The hot path: trades
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage, in which nobody has access. The Clearinghouse holds the re-entrancy lock
        and has poked the markets of both accounts.
"""

from contracts._lib import cap_code
from contracts._lib import fixed_point
from contracts._lib import utilisation
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
    interest_before: uint256 = ledger.market_interest[fill.market]
    deal: sides.Deal = sides._deal(
        fill.market,
        interest_before,
        fill.size,
        fill.price,
        terms.min_notional,
        terms.max_class,
    )
    maker_fee_ppm: uint256 = (
        terms.taker_fee_ppm if fill.flags & FILL_MAKER_FEE == 0 else terms.maker_fee_ppm
    )
    taker_fee_ppm: uint256 = terms.taker_fee_ppm
    cap_size: uint256 = terms.oi_cap
    code: uint256 = deal.brackets >> cap_code.PLACE
    if code != 0:
        # cap_code._decode, written out: a call costs as much again
        significand: uint256 = unsafe_add(cap_code.IMPLICIT_ONE, code & cap_code.MANTISSA)
        cap: uint256 = (significand << (code >> cap_code.MANTISSA_BITS) >> cap_code.MANTISSA_BITS)
        cap_size = min(
            cap_size, unsafe_div(unsafe_mul(cap, fixed_point.WAD * fixed_point.WAD), deal.mark)
        )
        # nothing to pay up to 80 %, and nearly all fills are far below: a | b is not below max(a, b)
        if unsafe_mul((interest_before | interest_before >> 100) & ledger.INTEREST, 5) > unsafe_mul(
            cap_size, 4
        ) and self._makes_interest(fill, deal.funding_index):
            surcharge_ppm: uint256 = utilisation._surcharge_ppm_down(
                utilisation._utilisation_ppm_down(
                    ledger._larger_side_down(interest_before, deal.mark),
                    unsafe_mul(cap, fixed_point.WAD),
                )
            )
            maker_fee_ppm = unsafe_add(maker_fee_ppm, surcharge_ppm)
            taker_fee_ppm = unsafe_add(taker_fee_ppm, surcharge_ppm)
    assert (
        maker_fee_ppm <= fill.maker_fee_cap_ppm and taker_fee_ppm <= fill.taker_fee_cap_ppm
    ), "order: fee above cap"
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
    side.fee_ppm = taker_fee_ppm
    side.reduce_only = fill.flags & FILL_TAKER_REDUCES != 0
    taker: sides.Outcome = sides._settle_side(deal, side)

    band_ppm: uint256 = terms.band_ppm
    if maker.reduces or taker.reduces:
        band_ppm = unsafe_mul(band_ppm, WIDE_BAND)
    assert sides._is_near(fill.price, deal.mark, band_ppm), "trade: price outside band"
    interest: uint256 = ledger._add_to_interest(
        fill.market, unsafe_add(maker.interest, taker.interest), unsafe_add(maker.fee, taker.fee)
    )
    if (interest | interest >> 100) & ledger.INTEREST > cap_size:
        # a side that does not grow always passes
        assert interest & ledger.INTEREST <= max(
            cap_size, interest_before & ledger.INTEREST
        ) and interest >> 100 & ledger.INTEREST <= max(
            cap_size, interest_before >> 100 & ledger.INTEREST
        ), "market: open interest cap"
    if fill.flags & FILL_BLOCK == 0:
        # positions before and after hold it, so it has 121 bits, and a mark 96
        notional: uint256 = unsafe_div(unsafe_mul(deal.magnitude, deal.mark), fixed_point.WAD)
        premiums._record(
            fill.market,
            deal.clock,
            deal.mark,
            terms.funding_base_ppb,
            terms.funding_cap_ppb,
            fill.price,
            notional,
        )
    return convert(maker.started, uint256) | convert(taker.started, uint256) << 1


@internal
@view
def _makes_interest(fill: IClearinghouse.Fill, funding_index: int256) -> bool:
    """
    @dev Whether neither side of a fill reduces. Where one does, a position changes hands and no room is used.
    """
    return not (
        self._is_reduction(fill.maker, fill.market, unsafe_sub(0, fill.size), funding_index)
        or self._is_reduction(fill.taker, fill.market, fill.size, funding_index)
    )


@internal
@view
def _is_reduction(account: uint256, market: uint256, delta: int256, funding_index: int256) -> bool:
    """
    @dev Whether a change makes a position smaller without flipping it.
    """
    position: ledger.Position = ledger._position(account, market)
    member: adl_index.Member = adl_index._member(market, position, funding_index)
    # one that must be synced first trades with nobody
    return not member.current or (
        position.long != (delta > 0) and convert(abs(delta), uint256) <= member.size
    )
