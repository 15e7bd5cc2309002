"""Re-matching and the frozen resolve: what ADL does to each member of each place, at once.

A place is visited as a whole. Re-matching closes the same part of every member at one price; a
haircut takes the same share of every member's profit and moves its entry by that share towards
the mark. As `contracts/AdlEngine.vy`; a call visits the same places in the same order as the
chain, so that an unfinished job stands at the same one.
"""

from __future__ import annotations

from typing import Final

from plimsoll import loss_weights
from plimsoll.model import margin, positions, prices, queues
from plimsoll.model.queues import Members, Rank, queue, rank
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    DUST_COVER_WAD,
    FINE,
    PPM,
    RAY,
    SIZE_BOUND_WAD,
    WAD,
    Job,
    JobLeg,
    Market,
    Place,
    World,
    require,
)

__all__ = ["Rank", "adl_begin", "adl_step", "queue", "rank", "rematch"]

DISCOUNT_MAX_PPM: Final = 100_000
REFREEZE_SECONDS: Final = 600
MAX_STEPS: Final = 1_000
SUM, CHARGE, REMATCH = 0, 1, 2

_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE
_CASH_BOUND_FINE: Final = CASH_BOUND_WAD * FINE
_PRICE_BOUND_FINE: Final = 64 * FINE  # of a worst entry, whose rounding is its own


# --- re-matching ----------------------------------------------------------------------------


def rematch(
    world: World, account: int, market: int, size_fine: int, discount_ppm: int, max_buckets: int
) -> int:
    """Give up to `size_fine` of a leg to the heads of the other side's queue.

    The price is the mark, worsened for the account by the discount. Returns the size re-matched
    (fine). Refused for an account that is not under liquidation or held by a frozen resolve, for
    a discount above the limit, without a price, in the grace after an outage, while a haircut works
    on either side, and for a leg that lags behind.
    """
    prices.poke(world, market)
    owner = world.account(account)
    require(owner.started, "account: not under liquidation")
    require(not owner.locked, "account: locked")
    require(discount_ppm <= DISCOUNT_MAX_PPM, "rematch: discount too high")
    state = world.markets[market]
    require(state.priced, "oracle: no price")
    require(not state.waiting, "oracle: grace")
    sign = 1 if world.position(account, market).long else -1
    price_wad = div_down(state.mark_wad * (PPM - sign * discount_ppm), PPM)
    matched, _ = _rematch_leg(
        world, account, market, size_fine, state.mark_wad, price_wad, max_buckets
    )
    return matched


def _rematch_leg(
    world: World,
    account: int,
    market: int,
    limit_fine: int | None,
    mark_wad: int,
    price_wad: int,
    max_buckets: int,
) -> tuple[int, int]:
    """Re-match up to a limit (None: all) of a leg; returns the size (fine) and the places used.

    When the queue is empty the rest is dust, which the protocol takes.
    """
    state = world.markets[market]
    leg = positions.inspect(world, account, market)
    long = leg.size_fine > 0
    winners_long = leg.size_fine < 0
    positions.require_unlocked(state, winners_long)
    size = abs(leg.size_fine)
    wanted = size if limit_fine is None else min(limit_fine, size)
    left, used, done = wanted, 0, wanted == 0
    found = {} if done else queues.places(world, market, winners_long)
    for place in queues.ordered(found, mark_wad):
        if done or used == max_buckets:
            break
        left, done = _close(world, state, place, found[place], left, price_wad)
        used += 1
    else:
        done = done or used < max_buckets
    matched = wanted if done else wanted - left
    world.account(account).cash_fine += div_down((matched if long else -matched) * price_wad, WAD)
    rest = size - matched
    gone = done and (rest == 0 or positions.snapped(world, rest) == 0)
    positions.shrink(world, account, market, rest if long else -rest, gone)
    return matched, used


def _close(
    world: World, state: Market, place: Place, members: Members, left: int, price_wad: int
) -> tuple[int, bool]:
    """Close up to `left` (fine) of a place; returns what is left and whether that was enough.

    Where the place and what is left differ by the chain's rounding only, it is closed whole, and
    the chain may or may not ask one place more for some wei.
    """
    world.closed_places += 1
    total = queues.size_fine(members) if members else state.dust_wad.pop(place) * FINE
    lead = left - total
    if lead < -_SIZE_BOUND_FINE:
        _close_part(world, members, left, total, price_wad)
        positions.close_part(state, place, (total - left) * RAY // total)
        return 0, True
    _close_part(world, members, total, total, price_wad)
    positions.close_part(state, place, 0)
    if lead > _SIZE_BOUND_FINE:
        return lead, False
    if world.decide("re-match: enough", -lead, _SIZE_BOUND_FINE):
        return max(lead, 0), True
    return max(lead, FINE), False


def _close_part(world: World, members: Members, closed: int, total: int, price_wad: int) -> None:
    """Close `closed` of the members' `total` (fine) at a price, each by the same part."""
    for account, leg in members:
        size = leg.size_fine
        part = div_down(abs(size) * closed, total)
        if size < 0:
            part = -part
        leg.size_fine = size - part
        world.accounts[account].cash_fine += div_down(part * price_wad, WAD)


# --- the frozen resolve: the beginning --------------------------------------------------------


def adl_begin(world: World, account: int, reserved_wad: int, weights: int) -> None:
    """Freeze marks, funding and deficit of a bankrupt account, or freeze an old job anew.

    `weights` is packed as `plimsoll.loss_weights` does it. Refused while another account's job
    runs, for a job of less than ten minutes, between the first and the last charge of a haircut,
    for an account that is not under liquidation or not bankrupt, and for a leg that lags behind.
    """
    prices.poke_all(world, account)
    _poke_job(world)
    shares = loss_weights.unpack(weights)
    for share in shares:
        prices.poke(world, share.market)
    credited = 0
    if (old := world.job) is not None:
        require(old.account == account, "adl: another job runs")
        require(world.now >= old.started + REFREEZE_SECONDS, "adl: job is young")
        require(old.phase != CHARGE, "adl: haircut under way")
        credited = old.credited_wad
        _thaw(world, old)
    owner = world.account(account)
    require(owner.started, "adl: not under liquidation")
    owner.locked = True
    for market in owner.markets:
        positions.touch(world, account, market)
        positions.inspect(world, account, market)
    equity = margin.health(world, account).equity_fine
    require(world.decide("adl: bankrupt", -equity - 1, _CASH_BOUND_FINE), "adl: not bankrupt")
    deficit = max(div_up(-equity, FINE), 1)
    uncovered = deficit - min(deficit, reserved_wad)
    # no haircut for what the dust reserve pays in the end
    if world.decide("adl: covered", DUST_COVER_WAD - uncovered, CASH_BOUND_WAD):
        uncovered = 0
    legs = []
    for share in shares:
        part = div_up(uncovered * share.share, loss_weights.SHARES)
        legs += _frozen_leg(world, share.market, share.short, part)
    listed = {share.market for share in shares}
    for market in owner.markets:
        if market not in listed:
            winners_long = not world.position(account, market).long
            legs += _frozen_leg(world, market, winners_long, 0)
    world.job = Job(
        account, world.now, deficit, reserved_wad, uncovered, credited, legs=tuple(legs)
    )


def _frozen_leg(world: World, market: int, winners_long: bool, uncovered_wad: int) -> list[JobLeg]:
    """One market of the job, or none: where it is not open nobody is charged or re-matched."""
    state = world.markets[market]
    if not prices.is_open(world, market):
        return []
    state.funding_frozen = True
    return [JobLeg(market, state.mark_wad, winners_long, uncovered_wad)]


def _poke_job(world: World) -> None:
    """Bring the frozen markets' clocks up to now: no funding for the time of the freeze."""
    if world.job is not None:
        for leg in world.job.legs:
            prices.poke(world, leg.market)


def _thaw(world: World, job: Job) -> None:
    """Take the locks and the funding freeze off the job's markets."""
    for leg in job.legs:
        state = world.markets[leg.market]
        state.locked_longs = state.locked_shorts = state.funding_frozen = False


# --- the frozen resolve: the steps ------------------------------------------------------------


def adl_step(world: World, max_buckets: int) -> bool:
    """Work on at most `max_buckets` places of the job; True when it is over.

    Refused without a job, and while the leg to be re-matched lags behind.
    """
    _poke_job(world)
    job = world.job
    require(job is not None, "adl: no job")
    assert job is not None
    budget = min(max_buckets, MAX_STEPS)
    while job.leg < len(job.legs):
        if budget == 0:
            return False
        leg = job.legs[job.leg]
        finished = True
        if job.phase == REMATCH:
            if world.markets[leg.market].outage.settled_at:
                # nobody takes over what is settled: at its final mark it is cash
                positions.cash_out(world, job.account, leg.market)
            elif positions.is_open(world, job.account, leg.market):
                mark = leg.mark_wad
                budget -= _rematch_leg(world, job.account, leg.market, None, mark, mark, budget)[1]
                finished = not positions.is_open(world, job.account, leg.market)
        elif leg.uncovered_wad:
            finished, budget = _walk(world, job, leg, budget)
            if finished:
                _end_of_walk(world, job, leg)
        if not finished:
            return False
        if job.phase == REMATCH:
            job.leg += 1
            job.phase = SUM
        else:
            job.phase += 1
    _thaw(world, job)
    world.account(job.account).locked = False
    world.job = None
    return True


def _walk(world: World, job: Job, leg: JobLeg, budget: int) -> tuple[bool, int]:
    """Visit the winners' places of a leg: sum their profit, or charge them.

    Returns whether the walk is over, which takes a budget left to find out, and that budget.
    """
    state = world.markets[leg.market]
    if job.phase == SUM:
        _lock(state, leg.winners_long, True)
    found = queues.places(world, leg.market, leg.winners_long)
    for place in queues.winning(found, leg.mark_wad):
        if place in leg.visited:
            continue
        if budget == 0:
            break
        if _wins(world, state, place, leg.mark_wad):
            if job.phase == SUM:
                leg.profit_fine += _profit_fine(found[place], leg.mark_wad)
            else:
                world.charged_places += 1
                if leg.eta_ray:
                    _charge(world, state, place, found[place], leg.mark_wad, leg.eta_ray)
        budget -= 1
        leg.visited = (*leg.visited, place)
    return budget > 0, budget


def _end_of_walk(world: World, job: Job, leg: JobLeg) -> None:
    """After the sum: fix eta. After the haircut: credit what was taken and unlock the side."""
    leg.visited = ()
    profit_wad = div_down(leg.profit_fine, FINE)
    taken = min(leg.uncovered_wad, profit_wad)
    if job.phase == SUM:
        leg.eta_ray = min(RAY, div_up(taken * RAY, profit_wad)) if profit_wad else 0
        return
    world.account(job.account).cash_fine += taken * FINE
    job.credited_wad += taken
    _lock(world.markets[leg.market], leg.winners_long, False)


def _lock(state: Market, long: bool, locked: bool) -> None:
    """Lock or unlock one side of a market."""
    if long:
        state.locked_longs = locked
    else:
        state.locked_shorts = locked


def _wins(world: World, state: Market, place: Place, mark_wad: int) -> bool:
    """Whether even the worst entry of a place, whose tick does, lies in profit."""
    worst = state.worst_fine.get(place)
    if worst is None:
        return True
    lead = mark_wad * FINE - worst if place[0] else worst - mark_wad * FINE
    return world.decide("haircut: place wins", lead - 1, _PRICE_BOUND_FINE)


def _gain_fine(mark_wad: int, entry_fine: int, size_fine: int) -> int:
    """Profit of a leg at a mark (fine), rounded down."""
    return div_down((mark_wad * FINE - entry_fine) * size_fine, WAD * FINE)


def _profit_fine(members: Members, mark_wad: int) -> int:
    """What the members would win if closed at the mark."""
    return sum(_gain_fine(mark_wad, leg.entry_fine, leg.size_fine) for _, leg in members)


def _charge(
    world: World, state: Market, place: Place, members: Members, mark_wad: int, eta_ray: int
) -> None:
    """Take the share eta of each member's profit; its entry moves that far towards the mark."""
    for account, leg in members:
        gain = _gain_fine(mark_wad, leg.entry_fine, leg.size_fine)
        world.accounts[account].cash_fine -= div_up(gain * eta_ray, RAY)
        leg.entry_fine = _moved_fine(leg.entry_fine, mark_wad, eta_ray, place[0])
    worst = positions.worst_entry_fine(state, place)
    state.worst_fine[place] = _moved_fine(worst, mark_wad, eta_ray, place[0])
    positions.note_charge(state, place)


def _moved_fine(entry_fine: int, mark_wad: int, eta_ray: int, long: bool) -> int:
    """An entry moved by the share eta towards the mark, rounded to the worse side."""
    total = entry_fine * (RAY - eta_ray) + mark_wad * FINE * eta_ray
    return div_up(total, RAY) if long else div_down(total, RAY)
