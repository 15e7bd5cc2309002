# pragma version 0.4.3
# pragma optimize gas
"""
@title The hot path: trades and auction takes
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage, in which nobody has access. The Clearinghouse holds the re-entrancy lock
        and has poked the markets of both accounts.
"""

from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import resolve_job
from contracts._modules import engines
from contracts._modules import ledger
from contracts._modules import margin
from contracts._modules import market_terms
from contracts._modules import premiums
from contracts._modules import portfolio
from interfaces import IClearinghouse
from snekmate.auth import ownable

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: adl_index[ledger := ledger]
initializes: premiums[ledger := ledger]
initializes: margin[ledger := ledger, market_terms := market_terms, adl_index := adl_index]
initializes: portfolio[ledger := ledger, adl_index := adl_index]


FILL_MAKER_REDUCES: constant(uint256) = 1
FILL_TAKER_REDUCES: constant(uint256) = 2
FILL_PASSIVE: constant(uint256) = 4
FILL_BLOCK: constant(uint256) = 8

WIDE_BAND: constant(uint256) = 3  # times the band if one side only reduces
TAKE_BAND_PPM: constant(uint256) = 100_000
TAKE_FEE_MAX_PPM: constant(uint256) = 50_000
BONUS_MAX_PPM: constant(uint256) = 10_000


# One side of a fill.
struct Side:
    account: uint256
    delta: int256  # wad
    cash: int256  # wad, before fees
    price: uint256  # wad
    fee_ppm: uint256
    reduce_only: bool
    opening: bool  # must meet initial margin whatever it does (takers of auctions)


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
    state: ledger.Market = ledger._fresh_market(fill.market)
    assert state.status & ledger.PRICED != 0, "oracle: no price"
    assert terms.taker_fee_ppm <= fill.taker_fee_cap_ppm, "order: fee above cap"
    maker_fee_ppm: uint256 = terms.taker_fee_ppm if fill.flags & FILL_PASSIVE == 0 else terms.maker_fee_ppm
    assert maker_fee_ppm <= fill.maker_fee_cap_ppm, "order: fee above cap"

    long: uint256 = 0
    short: uint256 = 0
    long, short = ledger._interest(fill.market)
    cash: int256 = fixed_point._value_down(fill.size, fill.price)
    maker_reduces: bool = False
    taker_reduces: bool = False
    maker_started: bool = False
    taker_started: bool = False
    fee: uint256 = 0
    maker_reduces, maker_started, fee = self._settle_side(
        fill.market,
        state,
        terms,
        Side(
            account=fill.maker,
            delta=-fill.size,
            cash=cash,
            price=fill.price,
            fee_ppm=maker_fee_ppm,
            reduce_only=fill.flags & FILL_MAKER_REDUCES != 0,
            opening=False,
        ),
    )
    fees: uint256 = fee
    taker_reduces, taker_started, fee = self._settle_side(
        fill.market,
        state,
        terms,
        Side(
            account=fill.taker,
            delta=fill.size,
            cash=-cash,
            price=fill.price,
            fee_ppm=terms.taker_fee_ppm,
            reduce_only=fill.flags & FILL_TAKER_REDUCES != 0,
            opening=False,
        ),
    )
    fees += fee
    if fees != 0:
        ledger._add_trading_fees(fill.market, fees)

    band_ppm: uint256 = terms.band_ppm
    if maker_reduces or taker_reduces:
        band_ppm *= WIDE_BAND
    self._assert_near(fill.price, state.mark, band_ppm, "trade: price outside band")
    self._assert_interest(fill.market, terms.oi_cap, long, short)
    if fill.flags & FILL_BLOCK == 0:
        notional: uint256 = fixed_point._magnitude(fill.size) * state.mark // fixed_point.WAD
        premiums._record(fill.market, terms, fill.price, notional)
    return convert(maker_started, uint256) | convert(taker_started, uint256) << 1


@external
def take(order: IClearinghouse.Take) -> IClearinghouse.Health:
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    assert order.account != order.taker, "trade: self trade"
    terms: market_terms.Terms = market_terms._terms(order.market)
    state: ledger.Market = ledger._fresh_market(order.market)
    assert state.status & ledger.PRICED != 0, "oracle: no price"
    self._assert_near(order.account_price, state.mark, TAKE_BAND_PPM, "take: price outside band")
    notional: uint256 = fixed_point._magnitude(order.size) * state.mark // fixed_point.WAD
    assert order.fee * fixed_point.PPM <= notional * TAKE_FEE_MAX_PPM, "take: fee too high"
    assert order.bonus * fixed_point.PPM <= notional * BONUS_MAX_PPM, "take: bonus too high"

    account: ledger.Account = ledger._account(order.account)
    assert account.flags & ledger.STARTED != 0, "account: not under liquidation"
    ledger._assert_free(account)
    before: portfolio.Before = portfolio._before(order.account, order.market, state)
    assert self._reduces(before.size, -order.size), "take: not reducing"
    cash: int256 = fixed_point._value_down(order.size, order.account_price)
    account = portfolio._move(
        order.account,
        account,
        order.market,
        state,
        0,
        before,
        -order.size,
        order.account_price,
        cash,
        order.fee,
    )
    ledger.insurance_fees += order.fee
    self._settle_side(
        order.market,
        state,
        terms,
        Side(
            account=order.taker,
            delta=order.size,
            cash=convert(order.bonus, int256) - cash,
            price=order.account_price,
            fee_ppm=0,
            reduce_only=False,
            opening=True,
        ),
    )
    return margin._health_without(order.account, account, 0)


@internal
def _settle_side(
    market: uint256, state: ledger.Market, terms: market_terms.Terms, side: Side
) -> (bool, bool, uint256):
    """
    @dev Moves one side and checks its margin: E1 >= IM, or a reduction that does not worsen E / MM.
         Returns whether it reduces, whether it is under liquidation, and the fee taken.
    """
    owner: ledger.Account = ledger._account(side.account)
    ledger._assert_free(owner)
    before: portfolio.Before = portfolio._before(side.account, market, state)
    reduces: bool = self._reduces(before.size, side.delta)
    assert reduces or not side.reduce_only, "order: would not reduce"
    magnitude: uint256 = fixed_point._magnitude(side.delta)
    notional: uint256 = fixed_point._mul_div_up(magnitude, side.price, fixed_point.WAD)
    assert reduces or side.opening or notional >= terms.min_notional * fixed_point.WAD, "trade: below least notional"
    fee: uint256 = (
        fixed_point._mul_div_up(notional, side.fee_ppm, fixed_point.PPM * ledger.MICRO) * ledger.MICRO
    )

    rest: IClearinghouse.Health = margin._health_without(side.account, owner, market)
    choice: uint256 = before.position.choice
    size: int256 = before.size + side.delta
    im: uint256 = 0
    mm: uint256 = 0
    class_in_force: uint256 = 0
    im, mm, class_in_force = market_terms._margins(
        market, self._notional_up(size, state.mark), choice, terms.max_class
    )
    gained: int256 = before.member.accrued + side.cash + fixed_point._value_down(size, state.mark)
    started: bool = owner.flags & ledger.STARTED != 0
    if rest.equity_im + gained - convert(fee, int256) < convert(rest.im + im, int256):
        assert reduces and not side.opening, "margin: below initial"
        equity_before: int256 = (
            rest.equity + before.member.accrued + fixed_point._value_down(before.size, state.mark)
        )
        equity_after: int256 = rest.equity + gained
        if equity_before >= 0:
            # E1 * MM0 >= E0 * MM1, the fee capped so that it holds
            mm_before: uint256 = market_terms._margins(
                market, self._notional_up(before.size, state.mark), choice, terms.max_class
            )[1]
            needed: uint256 = fixed_point._mul_div_up(
                convert(equity_before, uint256), rest.mm + mm, rest.mm + mm_before
            )
            assert equity_after >= convert(needed, int256), "margin: ratio worsened"
            spare: uint256 = convert(equity_after, uint256) - needed
            fee = min(fee, spare // ledger.MICRO * ledger.MICRO)
        else:
            assert started, "account: start auction first"
            assert equity_after >= equity_before, "margin: ratio worsened"
            fee = 0
    else:
        assert not (started and side.opening), "account: under liquidation"
    portfolio._move(
        side.account,
        owner,
        market,
        state,
        class_in_force,
        before,
        side.delta,
        side.price,
        side.cash,
        fee,
    )
    return reduces, started, fee


@internal
@pure
def _notional_up(size: int256, mark: uint256) -> uint256:
    """
    @dev |size| * mark in wad, rounded up.
    """
    return fixed_point._mul_div_up(fixed_point._magnitude(size), mark, fixed_point.WAD)


@internal
@pure
def _reduces(size: int256, delta: int256) -> bool:
    """
    @dev Whether a change makes a position smaller without flipping it.
    """
    if size > 0:
        return delta < 0 and size + delta >= 0
    return size < 0 and delta > 0 and size + delta <= 0


@internal
@pure
def _assert_near(price: uint256, mark: uint256, band_ppm: uint256, reason: String[32]):
    """
    @dev |price - mark| <= band * mark.
    """
    distance: uint256 = price - mark if price > mark else mark - price
    assert distance * fixed_point.PPM <= mark * band_ppm, reason


@internal
@view
def _assert_interest(market: uint256, cap: uint256, long_before: uint256, short_before: uint256):
    """
    @dev Neither side may grow beyond the cap; what does not grow always passes.
    """
    long: uint256 = 0
    short: uint256 = 0
    long, short = ledger._interest(market)
    assert long <= max(cap, long_before), "market: open interest cap"
    assert short <= max(cap, short_before), "market: open interest cap"
