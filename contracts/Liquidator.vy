# pragma version 0.4.3
"""
@title Auctions and resolution of accounts below maintenance margin
@notice Parties: a *keeper* calls `start`, `remark` and `resolve`, for nothing but a safe venue; a *taker* takes over a slice
        of a position at mark worsened by the concession c(t).

        Symbols: E equity, MM maintenance margin, kappa > 1 the level at which an auction ends, c concession of the
        auction, c_a and phi_a what the account pays of it and as a fee, all per unit of notional.

        Worked example. An account is long 10 at mark 100, MM is 50, E is 40: below. c has grown to 2 %, phi is 0.5 %. The
        account can pay E/MM * MM/N = 4 %, so c_a = 2 %, phi_a = 0.5 %, and a slice of (1.2 * 50 - 40) / (1.2 * 5 % - 2.5 %)
        = 571 brings E to 1.2 * MM. With E at 10 it could pay 1 %: c_a = 1 %, phi_a = 0, and the junior vault adds 1 %.
@dev    Decides, and moves nothing itself: balances change in the Clearinghouse, the vaults and Custody.

        While a market has no price, and during the grace after that, nothing is taken, re-matched or frozen in it, and
        the clock of a leg there stands still. An account whose loss was seen not to fit goes before the queue by start time: takes from it
        revert, so nothing but `resolve` can help it.
"""

# interfaces
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import ILiquidator
from interfaces import IWaterfall

# modules
from contracts._modules import auctions
from contracts._modules import neighbours
from contracts._modules import resolution
from contracts._modules import resolve_queue
from contracts._modules import retest
from contracts._modules import takes
from snekmate.auth import ownable

implements: ILiquidator
initializes: neighbours
initializes: auctions
initializes: resolve_queue
initializes: retest[auctions := auctions, neighbours := neighbours, resolve_queue := resolve_queue]
initializes: takes[auctions := auctions, neighbours := neighbours, retest := retest]
initializes: resolution[
    auctions := auctions, neighbours := neighbours, resolve_queue := resolve_queue, retest := retest
]
initializes: ownable

# exports (renounce_ownership is left out: parameters must stay maintainable)
exports: (
    ownable.owner,
    ownable.transfer_ownership,
    neighbours.CLEARINGHOUSE,
    neighbours.WATERFALL,
    neighbours.CUSTODY,
)

# immutables
EXCHANGE: public(immutable(address))


@deploy
def __init__(
    clearinghouse: IClearinghouse, waterfall: IWaterfall, custody: ICustody, exchange: address
):
    """
    @dev Starts with c from 0.5 % to 3 % in 30 minutes, kappa 1.2, fee 0.5 %, insurance adding at most 1 %.
    """
    ownable.__init__()
    neighbours.__init__(clearinghouse, waterfall, custody)
    EXCHANGE = exchange
    auctions._set_params(
        ILiquidator.Params(
            concession_min_ppm=5_000,
            concession_max_ppm=30_000,
            duration=1_800,
            kappa_ppm=1_200_000,
            fee_ppm=5_000,
            insurance_concession_ppm=10_000,
        )
    )


@external
def set_params(params: ILiquidator.Params):
    ownable._check_owner()
    auctions._set_params(params)


# --- auctions --------------------------------------------------------------------------


@external
@nonreentrant
def start(account: uint256):
    record: auctions.Record = auctions._load(account)
    assert record.started == 0, "liquidation: already started"
    mark: uint256 = 0
    priced: bool = False
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        mark, priced = extcall neighbours.CLEARINGHOUSE.poke(market)
        if not priced and neighbours._converts(market):
            # becomes cash, and bears no weight
            extcall neighbours.CLEARINGHOUSE.sync(account, market)
    markets = neighbours._markets(account)
    health: IClearinghouse.Health = neighbours._health(account)
    covered: int256 = health.equity + convert(health.shield, int256)
    # who waits for a loss that is final may have it paid, whatever shields it
    assert (
        covered < convert(health.mm, int256) or retest._is_flat_debtor(account, health)
    ), "liquidation: not below margin"

    weights: uint256 = takes._loss_weights(account, markets)
    record = auctions.Record(
        started=block.timestamp,
        start_block=block.number,
        place=resolve_queue._append(resolve_queue.Lane.MAIN, account),
        urgent_place=0,
        offset=auctions._resumed_offset(record),
        ended=0,
        reserving=False,
    )
    auctions._save(account, record)
    auctions._weights[account] = weights
    log ILiquidator.AuctionStarted(
        account=account,
        equity=health.equity,
        mm=health.mm,
        weights=weights,
        queue_index=record.place,
    )
    extcall neighbours.CLEARINGHOUSE.set_started(account, True)
    retest._retest(account, record, health, False)


@external
@nonreentrant
def take(
    account: uint256, market: uint256, size: uint256, limit_price: uint256, into: uint256
) -> uint256:
    assert into >> 96 == convert(msg.sender, uint256), "liquidation: not taker's account"
    resolution._assert_not_resolving(account)
    return takes._take(into, account, market, size, limit_price)


@external
@nonreentrant
def take_for(
    taker: uint256, account: uint256, market: uint256, size: uint256, limit_price: uint256
) -> uint256:
    assert msg.sender == EXCHANGE, "access: not exchange"
    resolution._assert_not_resolving(account)
    return takes._take(taker, account, market, size, limit_price)


@external
@nonreentrant
def touch(account: uint256):
    record: auctions.Record = auctions._load(account)
    if record.started == 0:
        return
    resolution._assert_not_resolving(account)
    # a fill must leave its loss reserved; a deposit is welcome even if the rest does not fit
    retest._retest(account, record, neighbours._health(account), msg.sender == EXCHANGE)


@external
@nonreentrant
def remark(account: uint256):
    record: auctions.Record = auctions._load_started(account)
    resolution._assert_not_resolving(account)
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        extcall neighbours.CLEARINGHOUSE.poke(market)
    retest._retest(account, record, neighbours._health(account), False)


# --- resolution ------------------------------------------------------------------------


@external
@nonreentrant
def resolve(max_buckets: uint256) -> bool:
    assert max_buckets != 0, "liquidation: zero buckets"
    return resolution._resolve(max_buckets)


# --- views -----------------------------------------------------------------------------


@external
@view
def take_terms(account: uint256, market: uint256) -> ILiquidator.TakeTerms:
    return takes._terms(
        auctions._load_started(account),
        neighbours._health(account),
        neighbours._leg(account, market),
        market,
    )


@external
@view
def auction(account: uint256) -> ILiquidator.Auction:
    record: auctions.Record = auctions._load(account)
    if record.started == 0:
        return empty(ILiquidator.Auction)
    return ILiquidator.Auction(
        started=record.started,
        start_block=record.start_block,
        weights=auctions._weights[account],
        queue_index=record.place,
        elapsed=auctions._elapsed(record),
    )


@external
@view
def params() -> ILiquidator.Params:
    return auctions._params()


@external
@view
def resolving() -> uint256:
    return resolution.resolving


@external
@view
def queue(place: uint256, n: uint256) -> DynArray[uint256, 64]:
    accounts: DynArray[uint256, 64] = []
    for i: uint256 in range(min(n, 64), bound=64):
        accounts.append(resolve_queue._at(resolve_queue.Lane.MAIN, place + i))
    return accounts


@external
@view
def queue_bounds() -> (uint256, uint256, uint256, uint256):
    return (
        resolve_queue._head(resolve_queue.Lane.MAIN),
        resolve_queue._end(resolve_queue.Lane.MAIN),
        resolve_queue._head(resolve_queue.Lane.URGENT),
        resolve_queue._end(resolve_queue.Lane.URGENT),
    )


@external
@view
def resolve_due() -> bool:
    return resolution.resolving != 0 or not resolve_queue._is_empty(resolve_queue.Lane.URGENT)
