# pragma version 0.4.3
"""
@title Working off the queue: re-matching solvent accounts, the frozen resolve of bankrupt ones
@dev   The head of a queue is looked for in bounded steps, and every entry looked at in vain leaves, or goes to the
       back, so that calls make progress whatever stands in the queue.
"""

# interfaces
from interfaces import IClearinghouse
from interfaces import ILiquidator

# modules
from contracts._lib import loss_weights
from contracts._lib import take_formula
from contracts._modules import auctions
from contracts._modules import neighbours
from contracts._modules import resolve_queue
from contracts._modules import retest

uses: auctions
uses: neighbours
uses: resolve_queue
uses: retest

# constants
MAX_SKIPPED: constant(uint256) = 16
MAX_HOLES: constant(uint256) = 256
REFREEZE_AFTER: constant(uint256) = 600
PHASE_HAIRCUT: constant(uint256) = 1
DISCOUNT_MAX_PPM: constant(uint256) = 100_000  # the ledger re-matches no worse than this

# state
resolving: uint256  # account of the frozen resolve in progress; 0: none


@internal
def _resolve(max_buckets: uint256) -> bool:
    """
    @dev Goes on with the frozen resolve if there is one, else picks the next account.
    """
    account: uint256 = self.resolving
    if account != 0:
        self._refreeze(account)
        return self._deleverage(account, max_buckets)

    moved: bool = False
    behind: bool = False
    account, moved, behind = self._next_urgent()
    if behind:
        return False  # the main lane must not overtake it
    if account == 0:
        cleared: bool = moved
        account, moved = self._next()
        moved = moved or cleared
    if account == 0:
        assert moved, "liquidation: nothing to resolve"
        return False

    health: IClearinghouse.Health = neighbours._health(account)
    if health.equity >= 0:
        return self._rematch(account, max_buckets)
    self.resolving = account
    reserved: uint256[4] = staticcall neighbours.WATERFALL.reservation(account)
    extcall neighbours.CLEARINGHOUSE.adl_begin(
        account,
        reserved[0] + reserved[1] + reserved[2] + reserved[3],
        auctions._to_charge(account),
    )
    return self._deleverage(account, max_buckets)


@internal
def _next_urgent() -> (uint256, bool, bool):
    """
    @dev First account whose loss still does not fit, whether anything was cleared on the way, and whether one
         there is further behind its epochs than one call writes back.
    """
    moved: bool = False
    for _: uint256 in range(MAX_SKIPPED):
        place: uint256 = resolve_queue._pass_holes(resolve_queue.Lane.URGENT, MAX_HOLES)
        if place == resolve_queue._end(resolve_queue.Lane.URGENT):
            break
        moved = True
        account: uint256 = resolve_queue._at(resolve_queue.Lane.URGENT, place)
        if account == 0:
            break
        if not self._sync(account):
            return 0, True, True
        self._retest(account)
        if auctions._load(account).urgent_place != 0:
            return account, True, False
    return 0, moved, False


@internal
def _next() -> (uint256, bool):
    """
    @dev First account by start time whose auction has run out and that can be worked on. Cured ones leave,
         ones without an open market go to the back; entries appended meanwhile wait for the next call.
    """
    place: uint256 = resolve_queue._pass_holes(resolve_queue.Lane.MAIN, MAX_HOLES)
    end: uint256 = resolve_queue._end(resolve_queue.Lane.MAIN)
    moved: bool = place != end and resolve_queue._at(resolve_queue.Lane.MAIN, place) == 0
    params: ILiquidator.Params = auctions._params()
    skipped: uint256 = 0
    for _: uint256 in range(MAX_HOLES):
        if place == end or skipped == MAX_SKIPPED:
            break
        account: uint256 = resolve_queue._at(resolve_queue.Lane.MAIN, place)
        place += 1
        if account == 0:
            continue
        skipped += 1
        record: auctions.Record = auctions._load(account)
        if self._still_runs(account, record, params):
            continue
        moved = True
        if not self._sync(account):
            return 0, True
        # a leg that was closed behind its back is gone now, and its clock with it
        if self._still_runs(account, record, params):
            continue
        if self._retest(account):
            continue
        if retest._can_resolve(account):
            return account, True
        self._requeue(account)
    return 0, moved


@internal
@view
def _still_runs(account: uint256, record: auctions.Record, params: ILiquidator.Params) -> bool:
    """
    @dev Whether an auction has to go on: in each open market of the account by the clock of that leg. Without an open
         market nothing stands still for it.
    """
    if not auctions._has_run_out(record, 0, params):
        return True
    waits: bool = False
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        stop: neighbours.Stop = neighbours._stop(market)
        if stop.open:
            if auctions._has_run_out(record, auctions._stopped(record, stop), params):
                return False
            waits = True
    return waits


@internal
def _sync(account: uint256) -> bool:
    """
    @dev Writes everything accrued back first, so that the freeze that may follow finds the same equity. False for
         an account further behind than one sync follows, which has no health yet: the next call goes on.
    """
    current: bool = True
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        if not extcall neighbours.CLEARINGHOUSE.sync(account, market):
            current = False
    return current


@internal
def _retest(account: uint256) -> bool:
    """
    @dev As after every touch, with health as of now; whether the auction is over.
    """
    return retest._retest(account, auctions._load(account), neighbours._health(account), False)


@internal
def _requeue(account: uint256):
    """
    @dev To the back of the queue: nothing can be done for it now, and it must not hold up the others.
    """
    record: auctions.Record = auctions._load(account)
    resolve_queue._remove(resolve_queue.Lane.MAIN, record.place)
    record.place = resolve_queue._append(resolve_queue.Lane.MAIN, account)
    auctions._save(account, record)
    log ILiquidator.Requeued(account=account, queue_index=record.place)


@internal
def _rematch(account: uint256, max_buckets: uint256) -> bool:
    """
    @dev Solvent, auction run out: re-matches leg by leg, where the leg's own clock has run out, what restores kappa * MM, at
         mark worsened by half of what the account can pay.
    """
    record: auctions.Record = auctions._load(account)
    params: ILiquidator.Params = auctions._params()
    progress: bool = False
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        health: IClearinghouse.Health = neighbours._health(account)
        if health.equity < 0 or retest._is_cured(health):
            break
        leg: IClearinghouse.Leg = neighbours._leg(account, market)
        if not leg.priced or leg.size == 0:
            continue
        stop: neighbours.Stop = neighbours._stop(market)
        stopped: uint256 = auctions._stopped(record, stop)
        if not stop.open or not auctions._has_run_out(record, stopped, params):
            continue
        share_ppm: uint256 = take_formula._margin_share_ppm(
            health.equity, health.mm, leg.mm, leg.notional
        )
        discount_ppm: uint256 = min(share_ppm // 2, DISCOUNT_MAX_PPM)
        wanted: uint256 = take_formula._restoring_notional(
            health.equity + convert(health.shield, int256),
            health.mm,
            leg.notional,
            leg.mm_rate_ppm,
            discount_ppm,
            params.kappa_ppm,
        )
        size: uint256 = take_formula._size_worth(
            wanted, convert(abs(leg.size), uint256), leg.notional, leg.mark
        )
        rematched: uint256 = extcall neighbours.CLEARINGHOUSE.rematch(
            account, market, size, discount_ppm, max_buckets
        )
        log ILiquidator.Rematched(
            account=account, market=market, size=rematched, discount_ppm=discount_ppm
        )
        progress = progress or rematched != 0
        if rematched < size:
            break
    over: bool = self._retest(account)
    if not over and not progress:
        self._requeue(account)
    return over


@internal
def _refreeze(account: uint256):
    """
    @dev Freezes what is left anew after ten minutes, unless a haircut is half done or no market of it is open.
    """
    job: IClearinghouse.AdlJob = staticcall neighbours.CLEARINGHOUSE.adl_job()
    if block.timestamp < job.started + REFREEZE_AFTER or job.phase == PHASE_HAIRCUT:
        return
    health: IClearinghouse.Health = neighbours._health(account)
    if health.equity >= 0 or not retest._can_resolve(account):
        return
    reserved: uint256 = retest._reserve(account, convert(-health.equity, uint256))
    extcall neighbours.CLEARINGHOUSE.adl_begin(account, reserved, auctions._to_charge(account))


@internal
def _deleverage(account: uint256, max_buckets: uint256) -> bool:
    """
    @dev Steps the frozen resolve. At its end the account is flat and is finished like any other, or it keeps legs
         in markets that are not open and waits for them at the back of the queue.
    """
    if not extcall neighbours.CLEARINGHOUSE.adl_step(max_buckets):
        return False
    self.resolving = 0
    self._forget_resolved(account)
    if self._retest(account):
        return True
    self._requeue(account)
    return False


@internal
def _forget_resolved(account: uint256):
    """
    @dev What is left of the loss is that of the markets the account is still in: the others have paid their part.
    """
    kept: uint256 = 0
    markets: DynArray[uint256, 10] = neighbours._markets(account)
    for market: uint256 in markets:
        kept |= 1 << market
    auctions._charged_next[account] = loss_weights._kept(auctions._to_charge(account), kept)


@internal
@view
def _assert_not_resolving(account: uint256):
    """
    @dev The frozen resolve owns its account, and its reservation, until the end.
    """
    assert account != self.resolving, "liquidation: being resolved"
