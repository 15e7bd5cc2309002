# pragma version 0.4.3
"""
@title What every touch of a started account leads to
@dev   One of three: a cured auction ends, a flat bankrupt account is finished (the one draw), any other keeps
       running with its reservation set to its deficit now. Where that is seen not to fit, those who won what the
       account lost are held, for they are asked for the rest: see docs/adr/0012.
"""

# interfaces
from interfaces import IClearinghouse
from interfaces import ILiquidator

# modules
from contracts._lib import loss_weights
from contracts._modules import auctions
from contracts._modules import neighbours
from contracts._modules import resolve_queue

uses: auctions
uses: neighbours
uses: resolve_queue

# constants
PPM: constant(uint256) = 10**6
WAD: constant(uint256) = 10**18
# Of the winning side's open interest: less is dust, for which nobody is held.
_LEAST_PART: constant(uint256) = 10_000


@internal
def _retest(
    account: uint256, record: auctions.Record, health: IClearinghouse.Health, must_fit: bool
) -> bool:
    """
    @dev Ends a cured auction, finishes a flat bankrupt account, re-marks the reservation of any other.
         Returns whether the auction is over.
    """
    # a flat debtor is finished first: a guarantee that covers the debt pays it
    debtor: bool = self._is_flat_debtor(account, health)
    if not debtor and self._is_cured(health):
        log ILiquidator.AuctionEnded(account=account, equity=health.equity, mm=health.mm)
        self._end(account, record)
        return True
    if debtor:
        # takes and fills may not hand a loss past the winners; whatever else finds the account flat may end in
        # a shortfall: resolve, start, remark, a deposit, a touch by anybody
        shortfall: uint256 = self._finish(account, record)
        assert shortfall == 0 or not must_fit, "liquidation: loss not reserved"
        return True

    updated: auctions.Record = record
    fits: bool = True
    uncovered: uint256 = 0
    if health.equity < 0:
        deficit: uint256 = convert(-health.equity, uint256)
        uncovered = deficit - self._reserve(account, deficit)
        fits = uncovered == 0
        updated.reserving = True
        assert fits or not must_fit, "liquidation: loss not reserved"
    elif record.reserving:
        self._reserve(account, 0)
        updated.reserving = False
    # while nothing of the account can be resolved nobody must wait for that, but winners do not leave meanwhile
    urgent: bool = not fits and self._can_resolve(account)
    if not fits and (record.urgent_place == 0 or not urgent):
        self._hold_winners(auctions._weights[account], uncovered, urgent)
    if urgent and record.urgent_place == 0:
        updated.urgent_place = resolve_queue._append(resolve_queue.Lane.URGENT, account)
    elif not urgent and record.urgent_place != 0:
        resolve_queue._remove(resolve_queue.Lane.URGENT, record.urgent_place)
        updated.urgent_place = 0
    if updated.reserving != record.reserving or updated.urgent_place != record.urgent_place:
        auctions._save(account, updated)
    return False


@internal
def _hold_winners(weights: uint256, uncovered: uint256, urgent: bool):
    """
    @dev Holds the winning side of each market that bears a part of an uncovered loss, unless that part is dust
         beside what the side holds. Of an account that nobody can resolve now, only where the market is not open
         either: each touch of it would hold the others anew.
    """
    for i: uint256 in range(loss_weights.FIELDS):
        market: uint256 = 0
        share: uint256 = 0
        market, share = loss_weights._field(weights, i)
        if market == 0:
            break
        if not urgent and neighbours._stop(market).open:
            continue
        longs: uint256 = 0
        shorts: uint256 = 0
        longs, shorts = staticcall neighbours.CLEARINGHOUSE.open_interest(market)
        winners_long: bool = loss_weights._is_short(weights, i)
        mark: uint256 = (staticcall neighbours.CLEARINGHOUSE.mark(market))[0]
        # part * 1e4 > size * mark, with nothing rounded: both products stay below 2**220
        part: uint256 = uncovered * share * _LEAST_PART * WAD
        if part > (longs if winners_long else shorts) * mark * loss_weights.SHARES:
            extcall neighbours.CLEARINGHOUSE.hold(market, winners_long)


@internal
def _finish(account: uint256, record: auctions.Record) -> uint256:
    """
    @dev The one draw: the account is flat, its debt is paid by the layers, the rest is a shortfall, which it returns.
    """
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        extcall neighbours.CLEARINGHOUSE.sync(account, market)
    health: IClearinghouse.Health = neighbours._health(account)
    loss: uint256 = convert(-health.cash, uint256)
    self._reserve(account, loss)
    covered: uint256 = extcall neighbours.WATERFALL.draw(account, loss, auctions._weights[account])
    shortfall: uint256 = extcall neighbours.CLEARINGHOUSE.cover(account, covered)
    if shortfall != 0:
        extcall neighbours.CUSTODY.book_shortfall(shortfall)
    log ILiquidator.Finished(account=account, loss=loss, covered=covered, shortfall=shortfall)
    drawn: auctions.Record = record
    drawn.reserving = False
    self._end(account, drawn)
    return shortfall


@internal
def _end(account: uint256, record: auctions.Record):
    """
    @dev Out of both lanes, reservation released; the record keeps what the clock showed, less the longest stop in a market
         that the account still has.
    """
    stopped: uint256 = 0
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        stopped = max(stopped, auctions._stopped(record, neighbours._stop(market)))
    if record.reserving:
        self._reserve(account, 0)
    resolve_queue._remove(resolve_queue.Lane.MAIN, record.place)
    if record.urgent_place != 0:
        resolve_queue._remove(resolve_queue.Lane.URGENT, record.urgent_place)
    auctions._close(account, record, stopped)
    extcall neighbours.CLEARINGHOUSE.set_started(account, False)


@internal
def _reserve(account: uint256, deficit: uint256) -> uint256:
    """
    @dev Sets the account's reservation, split by its weights.
    """
    reserved: uint256 = extcall neighbours.WATERFALL.reserve(
        account, deficit, auctions._weights[account]
    )
    log ILiquidator.Reserved(account=account, deficit=deficit, reserved=reserved)
    return reserved


@internal
@view
def _is_flat_debtor(account: uint256, health: IClearinghouse.Health) -> bool:
    """
    @dev Nothing is left to take: the loss is final, and can be paid.
    """
    return health.equity < 0 and health.mm == 0 and self._is_flat(account)


@internal
@view
def _is_cured(health: IClearinghouse.Health) -> bool:
    """
    @dev E + g >= kappa * MM, g being what a broker shields; an account without positions and without debt is.
    """
    covered: int256 = health.equity + convert(health.shield, int256)
    if covered < 0:
        return False
    return convert(covered, uint256) * PPM >= auctions._params().kappa_ppm * health.mm


@internal
@view
def _is_flat(account: uint256) -> bool:
    """
    @dev No position left, not even one too small to need margin.
    """
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        leg: IClearinghouse.Leg = neighbours._leg(account, market)
        if leg.size != 0:
            return False
    return True


@internal
@view
def _can_resolve(account: uint256) -> bool:
    """
    @dev Some leg is in a market that is open: the others wait, and hold up neither it nor anybody else.
    """
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        if neighbours._stop(market).open:
            return True
    return False
