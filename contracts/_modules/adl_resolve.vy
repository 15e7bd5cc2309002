# pragma version 0.4.3
"""
@title Cold path of the ADL index: closing, charging and re-matching buckets, the frozen resolve
@notice Re-matching gives the contracts of an account under liquidation new counterparties, in queue order; a haircut
        charges every winner of a side the same share eta of its own profit.

        Close quantity q of a bucket at price M:
            K <- K_now + sigma * M * q / T,   P <- P - q / T,   F_b <- F
        Haircut eta at M, for every bucket with sigma * (M - w) > 0:
            U   = sum of sigma * (M * T - a * N - b * T) * P,   eta = min(1, R / U) rounded up
            K   <- K_now - sigma * eta * P * (M - b),   H <- H + eta * P * a,   F_b <- F
            b   <- b + eta * (M - b),   a <- a * (1 - eta),   w <- w + eta * (M - w)
        A member with shares s and n then pays sigma * eta * P * (M * s - (a * n + b * s)): eta of its own profit. Its
        basis a * n + b * s moves by eta towards M * s, so what it paid is no profit any more.

        The frozen resolve works leg by leg: sum the winners' profit, charge them, re-match. Its job state lives here,
        with the ledger; an engine passes a number of buckets only.
"""

from contracts._lib import dust
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._lib import loss_weights
from contracts._modules import adl_index
from contracts._modules import resolve_job
from contracts._modules import ledger
from contracts._modules import market_terms
from contracts._modules import outages
from contracts._modules import portfolio
from interfaces import IClearinghouse

uses: ledger
uses: adl_index
uses: resolve_job
uses: portfolio

MAX_STEPS: constant(uint256) = 1_000
REFREEZE_SECONDS: constant(uint256) = 600

SUM: constant(uint256) = 0
CHARGE: constant(uint256) = 1
REMATCH: constant(uint256) = 2


# --- one bucket --------------------------------------------------------------------------


@internal
@view
def _opened(key: uint256, funding_index: int256) -> ledger.Bucket:
    """
    @dev A bucket about to be changed by ADL: from now on it carries its worst entry itself.
    """
    bucket: ledger.Bucket = ledger._bucket(key, funding_index)
    bucket.w = adl_index._worst_entry(key, bucket)
    bucket.k = adl_index._k_now(bucket, key >> 16 & 1 == 1, funding_index)
    bucket.f = funding_index
    bucket.touched = True
    return bucket


@internal
def _close(
    account: uint256, key: uint256, size: uint256, price: uint256, funding_index: int256
) -> uint256:
    """
    @dev Closes up to `size` (wad) of a bucket at `price`; returns what it closed.
    """
    long: bool = key >> 16 & 1 == 1
    bucket: ledger.Bucket = self._opened(key, funding_index)
    available: uint256 = adl_index._size(bucket)
    closed: uint256 = min(size, available)
    paid: int256 = fixed_point._signed(price * 10**9 * closed, not long)
    bucket.k += fixed_point._floor_div(paid, convert(bucket.t, int256))
    if closed == available:
        bucket.p = 0
    else:
        bucket.p -= fixed_point._mul_div_up(closed, fixed_point.RAY, bucket.t)
    epoch: uint256 = bucket.epoch
    if bucket.p < market_terms.P_MIN:
        bucket = adl_index._rolled(key, bucket, long, funding_index)
        if bucket.t == 0:
            adl_index._mark_tick(key, False)
    ledger._store_bucket(key, bucket)
    market: uint256 = key >> 17
    ledger._shift_interest(market, long, available, adl_index._size(bucket))
    log IClearinghouse.BucketRematched(
        account=account, market=market, key=key, size=closed, price=price, epoch=epoch
    )
    return closed


@internal
@view
def _profit_down(key: uint256, mark: uint256, funding_index: int256) -> uint256:
    """
    @dev U of one bucket: what its members would win if closed at `mark`; 0 unless all of them win.
    """
    long: bool = key >> 16 & 1 == 1
    bucket: ledger.Bucket = ledger._bucket(key, funding_index)
    if not self._wins(key, bucket, mark):
        return 0
    value: uint256 = mark * bucket.t // fixed_point.WAD
    basis: uint256 = adl_index._basis_down(bucket, bucket.t, bucket.n)
    low: uint256 = min(value, basis)
    gain: uint256 = (value if long else basis) - low
    return gain * bucket.p // fixed_point.RAY


@internal
@view
def _wins(key: uint256, bucket: ledger.Bucket, mark: uint256) -> bool:
    """
    @dev sigma * (M - w) > 0: even the worst entry of the bucket is in profit.
    """
    worst: uint256 = adl_index._worst_entry(key, bucket)
    return mark > worst if key >> 16 & 1 == 1 else mark < worst


@internal
def _charge(key: uint256, mark: uint256, eta: uint256, funding_index: int256):
    """
    @dev Haircut of one bucket by eta (ray) of its members' profit at `mark`.
    """
    long: bool = key >> 16 & 1 == 1
    bucket: ledger.Bucket = self._opened(key, funding_index)
    if not self._wins(key, bucket, mark):
        return
    ray: uint256 = fixed_point.RAY
    mark_ray: uint256 = mark * 10**9
    eta_p: uint256 = eta * bucket.p // ray
    distance: int256 = convert(mark_ray, int256) - convert(bucket.b, int256)
    flow: int256 = convert(eta_p, int256) * distance
    bucket.k += fixed_point._floor_div(-flow if long else flow, convert(ray, int256))
    # the basis only ever rounds to the worse side: up for longs, down for shorts
    if long:
        bucket.h += eta_p * bucket.a // ray
        bucket.b = (bucket.b * (ray - eta) + eta * mark_ray + ray - 1) // ray
        bucket.a = fixed_point._mul_div_up(bucket.a, ray - eta, ray)
        bucket.w = (bucket.w * (ray - eta) + eta * mark + ray - 1) // ray
    else:
        bucket.h += fixed_point._mul_div_up(eta_p, bucket.a, ray)
        bucket.b = (bucket.b * (ray - eta) + eta * mark_ray) // ray
        bucket.a = bucket.a * (ray - eta) // ray
        bucket.w = (bucket.w * (ray - eta) + eta * mark) // ray
    ledger._store_bucket(key, bucket)
    log IClearinghouse.BucketHaircut(market=key >> 17, key=key, epoch=bucket.epoch)


# --- re-matching ---------------------------------------------------------------------------


@internal
def _rematch_leg(
    account: uint256,
    market: uint256,
    limit: uint256,
    mark: uint256,
    price: uint256,
    max_buckets: uint256,
) -> (uint256, uint256):
    """
    @dev Re-matches up to `limit` of a leg with the heads of the queue, at `price`. An empty queue leaves only
         dust, which the protocol takes. Returns the size re-matched and the buckets used.
    """
    state: ledger.Market = ledger._market(market)
    before: portfolio.Before = portfolio._before(account, market, state)
    winners_long: bool = before.size < 0
    ledger._assert_unlocked(state.status, winners_long)
    wanted: uint256 = min(limit, before.member.size)
    matched: uint256 = 0
    used: uint256 = 0
    for _: uint256 in range(MAX_STEPS):
        if matched == wanted or used == max_buckets:
            break
        key: uint256 = adl_index._head(market, winners_long, mark)
        if key == adl_index.NO_TICK:
            log IClearinghouse.DustBooked(
                account=account,
                market=market,
                size=fixed_point._signed(wanted - matched, winners_long),
            )
            matched = wanted
            break
        matched += self._close(account, key, wanted - matched, price, state.funding_index)
        used += 1
    delta: int256 = fixed_point._signed(matched, not winners_long)
    portfolio._shrink(
        account,
        ledger._account(account),
        market,
        state,
        before,
        before.size + delta,
        fixed_point._value_down(-delta, price),
        0,
    )
    return matched, used


# --- the frozen resolve --------------------------------------------------------------------


@internal
def _begin(account: uint256, reserved: uint256, weights: uint256):
    """
    @dev Freezes marks, funding and the deficit; an unfinished job may be frozen anew after ten minutes. The
         Clearinghouse has poked every market concerned.
    """
    if resolve_job.job.account != 0:
        assert resolve_job.job.account == account, "adl: another job runs"
        assert block.timestamp >= resolve_job.job.started + REFREEZE_SECONDS, "adl: job is young"
        assert resolve_job.job.phase != CHARGE, "adl: haircut under way"
        self._unlock_markets()
    owner: ledger.Account = ledger._account(account)
    assert owner.flags & ledger.STARTED != 0, "adl: not under liquidation"
    owner.flags |= ledger.LOCKED
    ledger._store_account(account, owner)
    value: int256 = 0
    for i: uint256 in range(owner.count, bound=ledger.MAX_MARKETS):
        market: uint256 = ledger._market_at(owner.markets, i)
        state: ledger.Market = ledger._fresh_market(market)
        portfolio._sync(account, market, state)
        position: portfolio.Before = portfolio._before(account, market, state)
        value += fixed_point._value_down(position.size, state.mark)
    owner = ledger._account(account)
    assert owner.cash + value < 0, "adl: not bankrupt"
    deficit: uint256 = fixed_point._positive(-(owner.cash + value))
    uncovered: uint256 = deficit - min(deficit, reserved)
    if uncovered <= dust.COVER_MAX:
        uncovered = 0  # no haircut for what the dust reserve pays in the end
    credited: uint256 = resolve_job.job.credited
    resolve_job.job = IClearinghouse.AdlJob(
        account=account,
        started=block.timestamp,
        deficit=deficit,
        reserved=reserved,
        uncovered=uncovered,
        credited=credited,
        legs=0,
        leg=0,
        phase=SUM,
    )
    log IClearinghouse.AdlFrozen(
        account=account,
        deficit=deficit,
        reserved=reserved,
        uncovered=uncovered,
        weights=weights,
    )
    listed: uint256 = self._freeze_weighted(account, weights)
    self._freeze_others(account, owner, listed)


@internal
def _freeze_weighted(account: uint256, weights: uint256) -> uint256:
    """
    @dev Freezes the markets that bear the loss; returns them as a bitmap.
    """
    listed: uint256 = 0
    for i: uint256 in range(loss_weights.FIELDS):
        market: uint256 = 0
        share: uint256 = 0
        market, share = loss_weights._field(weights, i)
        if market == 0:
            break
        uncovered: uint256 = fixed_point._mul_div_up(
            resolve_job.job.uncovered, share, loss_weights.SHARES
        )
        self._freeze_leg(account, market, loss_weights._is_short(weights, i), uncovered)
        listed |= 1 << market
    return listed


@internal
def _freeze_others(account: uint256, owner: ledger.Account, listed: uint256):
    """
    @dev Freezes the legs that bear no loss but must be re-matched.
    """
    for i: uint256 in range(owner.count, bound=ledger.MAX_MARKETS):
        market: uint256 = ledger._market_at(owner.markets, i)
        if listed >> market & 1 == 0:
            self._freeze_leg(account, market, not ledger._position(account, market).long, 0)


@internal
def _freeze_leg(account: uint256, market: uint256, winners_long: bool, uncovered: uint256):
    """
    @dev Adds one leg to the job. Without a price, or in a grace, nobody is charged or re-matched in a market: its leg
         stays, and what its winners would have paid is not shifted to others.
    """
    state: ledger.Market = ledger._fresh_market(market)
    if not outages._is_open(state.status, ledger.outage_words[market]):
        return
    state.status |= ledger.FUNDING_FROZEN
    ledger._store_clock(market, state)
    resolve_job.legs[resolve_job.job.legs] = resolve_job.JobLeg(
        market=market,
        mark=state.mark,
        winners_long=winners_long,
        uncovered=uncovered,
        profit=0,
        eta=0,
    )
    resolve_job.job.legs += 1
    log IClearinghouse.LegFrozen(
        account=account,
        market=market,
        size=portfolio._before(account, market, state).size,
        mark=state.mark,
        funding_index=state.funding_index,
        uncovered=uncovered,
    )


@internal
def _step(max_buckets: uint256) -> bool:
    """
    @dev Works on at most `max_buckets` buckets of the job; True when it is over.
    """
    account: uint256 = resolve_job.job.account
    assert account != 0, "adl: no job"
    budget: uint256 = min(max_buckets, MAX_STEPS)
    for _: uint256 in range(3 * ledger.MAX_MARKETS + 1):
        index: uint256 = resolve_job.job.leg
        if index == resolve_job.job.legs:
            self._end(account)
            return True
        if budget == 0:
            return False
        leg: resolve_job.JobLeg = resolve_job.legs[index]
        phase: uint256 = resolve_job.job.phase
        finished: bool = True
        if phase == REMATCH:
            state: ledger.Market = ledger._market(leg.market)
            if state.status & ledger.SETTLED != 0:
                # needs nobody to take it over, and those who won stay to be charged for the next
                portfolio._convert(account, leg.market, state)
            elif ledger._position(account, leg.market).shares != 0:
                budget -= self._rematch_leg(
                    account, leg.market, max_value(uint256), leg.mark, leg.mark, budget
                )[1]
                finished = ledger._position(account, leg.market).shares == 0
        elif leg.uncovered != 0:
            finished, budget = self._walk(leg, index, phase, budget)
            if finished:
                self._close_phase(account, index, phase)
        if not finished:
            return False
        if phase == REMATCH:
            resolve_job.job.leg = index + 1
            resolve_job.job.phase = SUM
        else:
            resolve_job.job.phase = phase + 1
    return False


@internal
def _walk(
    leg: resolve_job.JobLeg, index: uint256, phase: uint256, max_buckets: uint256
) -> (bool, uint256):
    """
    @dev Visits the winners' buckets of a leg in a fixed order: sums their profit, or charges them. Returns
         whether all were visited and what is left of the budget.
    """
    state: ledger.Market = ledger._market(leg.market)
    budget: uint256 = max_buckets
    first: uint256 = 0 if leg.winners_long else 2**13 - 1
    class_now: uint256 = resolve_job.cursor_class
    start: uint256 = resolve_job.cursor_tick
    if phase == SUM and class_now == 0 and start == 0:
        start = first
        state.status |= ledger.LONGS_LOCKED if leg.winners_long else ledger.SHORTS_LOCKED
        ledger._store_clock(leg.market, state)
    profit: uint256 = 0
    for _: uint256 in range(MAX_STEPS + market_terms.CLASSES):
        if class_now == market_terms.CLASSES or budget == 0:
            break
        tick: uint256 = adl_index._best_tick(leg.market, leg.winners_long, class_now, start)
        wins: bool = False
        if tick != adl_index.NO_TICK:
            edge: uint256 = entry_tick._worse_edge(tick, leg.winners_long)
            wins = leg.mark > edge if leg.winners_long else leg.mark < edge
        if not wins:
            class_now += 1
            start = first
            continue
        key: uint256 = ledger._bucket_key(leg.market, leg.winners_long, class_now, tick)
        if phase == SUM:
            profit += self._profit_down(key, leg.mark, state.funding_index)
        else:
            self._charge(key, leg.mark, leg.eta, state.funding_index)
        budget -= 1
        if tick == (2**13 - 1 if leg.winners_long else 0):
            class_now += 1
            start = first
        else:
            start = tick + 1 if leg.winners_long else tick - 1
    if phase == SUM:
        resolve_job.legs[index].profit += profit
    done: bool = class_now == market_terms.CLASSES
    resolve_job.cursor_class = 0 if done else class_now
    resolve_job.cursor_tick = first if done else start
    return done, budget


@internal
def _close_phase(account: uint256, index: uint256, phase: uint256):
    """
    @dev After the sum: fixes eta. After the haircut: credits what was taken and unlocks the side.
    """
    leg: resolve_job.JobLeg = resolve_job.legs[index]
    taken: uint256 = min(leg.uncovered, leg.profit)
    if phase == SUM:
        eta: uint256 = 0
        if leg.profit != 0:
            eta = min(fixed_point.RAY, fixed_point._mul_div_up(taken, fixed_point.RAY, leg.profit))
        resolve_job.legs[index].eta = eta
        log IClearinghouse.HaircutSet(
            account=account, market=leg.market, profit=leg.profit, eta_ray=eta, credited=taken
        )
        return
    resolve_job.cursor_tick = 0
    owner: ledger.Account = ledger._account(account)
    owner.cash += convert(taken, int256)
    ledger._store_account(account, owner)
    resolve_job.job.credited += taken
    state: ledger.Market = ledger._market(leg.market)
    state.status &= ~(ledger.LONGS_LOCKED if leg.winners_long else ledger.SHORTS_LOCKED)
    ledger._store_clock(leg.market, state)


@internal
def _unlock_markets():
    """
    @dev Takes locks and the funding freeze off the job's markets.
    """
    for i: uint256 in range(resolve_job.job.legs, bound=10):
        market: uint256 = resolve_job.legs[i].market
        state: ledger.Market = ledger._market(market)
        state.status &= ~(ledger.LOCKS | ledger.FUNDING_FROZEN)
        ledger._store_clock(market, state)
    resolve_job.cursor_class = 0
    resolve_job.cursor_tick = 0


@internal
def _end(account: uint256):
    """
    @dev Closes the job; the account stays under liquidation until its loss is drawn.
    """
    self._unlock_markets()
    owner: ledger.Account = ledger._account(account)
    owner.flags &= ~ledger.LOCKED
    ledger._store_account(account, owner)
    resolve_job.job = empty(IClearinghouse.AdlJob)
