# pragma version 0.4.3
# pragma optimize codesize
"""
@title The cold path: sync, re-matching, the frozen resolve, the end of a loss
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage, in which nobody has access. The Clearinghouse holds the re-entrancy lock
        and has poked the markets concerned.
"""

from contracts._lib import dust
from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import resolve_job
from contracts._modules import adl_resolve
from contracts._modules import engines
from contracts._modules import ledger
from contracts._modules import market_terms
from contracts._modules import portfolio
from interfaces import IClearinghouse
from snekmate.auth import ownable

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: adl_index[ledger := ledger]
initializes: portfolio[ledger := ledger, adl_index := adl_index]
initializes: adl_resolve[
    ledger := ledger, resolve_job := resolve_job, adl_index := adl_index, portfolio := portfolio
]

DISCOUNT_MAX_PPM: constant(uint256) = 100_000


@deploy
def __init__():
    ownable.__init__()
    engines.__init__()


@external
def sync(account: uint256, market: uint256) -> bool:
    """
    @notice See IClearinghouse.
    """
    ledger._assert_free(ledger._account(account))
    return portfolio._sync_or_convert(account, market)


@external
def rematch(
    account: uint256, market: uint256, size: uint256, discount_ppm: uint256, max_buckets: uint256
) -> uint256:
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    owner: ledger.Account = ledger._account(account)
    assert owner.flags & ledger.STARTED != 0, "account: not under liquidation"
    ledger._assert_free(owner)
    assert discount_ppm <= DISCOUNT_MAX_PPM, "rematch: discount too high"
    state: ledger.Market = ledger._fresh_market(market)
    assert state.status & ledger.PRICED != 0, "oracle: no price"
    assert state.status & ledger.WAITING == 0, "oracle: grace"
    long: bool = ledger._position(account, market).long
    factor: uint256 = fixed_point.PPM - discount_ppm if long else fixed_point.PPM + discount_ppm
    price: uint256 = state.mark * factor // fixed_point.PPM
    return adl_resolve._rematch_leg(account, market, size, state.mark, price, max_buckets)[0]


@external
def adl_begin(account: uint256, reserved: uint256, weights: uint256):
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    adl_resolve._begin(account, reserved, weights)


@external
def adl_step(max_buckets: uint256) -> bool:
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    return adl_resolve._step(max_buckets)


@external
def cover(account: uint256, amount: uint256) -> uint256:
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    state: ledger.Account = ledger._account(account)
    assert state.flags & ledger.STARTED != 0, "account: not under liquidation"
    ledger._assert_free(state)
    assert state.count == 0, "cover: holds positions"
    assert state.cash < 0, "cover: no loss"
    deficit: uint256 = fixed_point._positive(-state.cash)
    assert amount <= deficit, "cover: above the loss"
    shortfall: uint256 = deficit - amount
    if shortfall != 0 and shortfall <= dust.COVER_MAX:
        reserve_id: uint256 = convert(self, uint256) << 96
        reserve: ledger.Account = ledger._account(reserve_id)
        if reserve.cash >= convert(shortfall, int256):
            ledger._add_cash(reserve_id, reserve, -convert(shortfall, int256))
            shortfall = 0
    ledger._add_cash(account, state, convert(deficit, int256))
    log IClearinghouse.LossCovered(account=account, covered=amount, shortfall=shortfall)
    return shortfall
