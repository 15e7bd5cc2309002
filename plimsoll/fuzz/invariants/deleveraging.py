"""Re-matches and haircuts: the order of the queue, the prices, the rate of a haircut.

A frozen resolve runs over many calls: `Resolve` remembers what its events have fixed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    BucketHaircut,
    BucketRematched,
    Finished,
    HaircutSet,
    LegFrozen,
    Rematched,
)
from plimsoll.fuzz.invariants.step import (
    CLASS,
    LONG,
    OPEN_IN,
    SIZE,
    SIZE_FINE,
    TICK,
    Step,
    health_before,
    leg_margin,
    value_bound,
)
from plimsoll.model.state import CASH_BOUND_WAD, FINE, PPM, RAY, SIZE_BOUND_WAD, WAD

_LEVERAGES: Final = (1, 2, 5, 10, 20)
_SHARES: Final = 50_000
_DUST_WAD: Final = 10**12  # so little is not asked of winners
_CLOSE_WAD: Final = 64  # of a worst entry to the mark: rounding decides
_DISCOUNT_MAX_PPM: Final = 100_000

Key = int  # market, side, class and tick of a bucket, as on chain


class Rank(NamedTuple):
    """What the queue sorts by; larger goes first."""

    score_ray: int
    leverage_class: int
    tick: int


def worse_edge(key: Key) -> int:
    """Price at the worse edge of a bucket's tick: 33 bits of significand, 6 of them in the tick."""
    long, tick = key >> 16 & 1, key & 8191
    exponent, fraction = divmod(tick + long, 64)
    return (64 + fraction << exponent + 27) >> 33


def rank(key: Key, mark: int) -> Rank:
    """Return on the entry at the worse edge, times leverage in profit, by leverage in loss."""
    long, leverage_class, tick = key >> 16 & 1, key >> 13 & 7, key & 8191
    edge = worse_edge(key)
    gain = mark - edge if long else edge - mark
    leverage = _LEVERAGES[leverage_class]
    score = gain * RAY * leverage // edge if gain >= 0 else gain * RAY // (edge * leverage)
    return Rank(score, leverage_class, -tick if long else tick)


class Resolve:
    """The frozen resolve in progress, as its events tell; account 0: none."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """None is in progress."""
        self.account = 0
        self.over = False  # ended with the last call
        self.deficit = 0
        self.weights = 0
        self.uncovered = 0
        self.marks: dict[int, int] = {}
        self.shares: dict[int, int] = {}  # of R, by market
        self.etas: dict[int, int] = {}
        self.credited = 0
        self.must: dict[int, set[Key]] = {}  # buckets that win, by market
        self.charged: dict[int, set[Key]] = {}

    def judge(self, step: Step) -> str | None:
        """I-22 (the loss), I-26 and I-28 to I-31."""
        if self.over:
            self.forget()
        closed: dict[tuple[int, int], list[BucketRematched]] = {}
        ended = None
        for event in step.events:
            problem = None
            if isinstance(event, BucketRematched):
                closed.setdefault((event.account, event.market), []).append(event)
                problem = self._taken_over(event)
            elif isinstance(event, BucketHaircut):
                problem = self._charge(event)
            elif isinstance(event, AdlFrozen):
                problem = self._freeze(event)
            elif isinstance(event, LegFrozen):
                problem = self._freeze_leg(step, event)
            elif isinstance(event, HaircutSet):
                problem = self._set_haircut(step, event)
            elif isinstance(event, Rematched):
                problem = _discount(step, event, closed)
            elif isinstance(event, Finished) and event.account == self.account:
                ended = event
            if problem is not None:
                return problem
        if not closed and self.account == 0:
            return None
        for (account, market), buckets in closed.items():
            marks = self.marks if account == self.account else {}
            mark = marks.get(market, step.world.markets[market].mark_wad)
            problem = _order(step, market, mark, buckets)
            if problem is not None:
                return problem
        if self.account and not step.seen.books.job_account:
            return self._end(step, ended)
        return None

    # --- what one event of the frozen resolve says ---------------------------------------------

    def _freeze(self, event: AdlFrozen) -> str | None:
        self.forget()
        self.account, self.deficit = event.account, event.deficit
        self.weights, self.uncovered = event.weights, event.uncovered
        left = max(0, event.deficit - event.reserved)
        if event.uncovered != (left if left > _DUST_WAD else 0):
            return f"I-26 freeze: R = {event.uncovered} of {event.deficit} - {event.reserved}"
        return None

    def _freeze_leg(self, step: Step, event: LegFrozen) -> str | None:
        self.marks[event.market] = event.mark
        self.shares[event.market] = event.uncovered
        share = shares_of(self.weights).get(event.market, 0)
        if event.uncovered != -(-self.uncovered * share // _SHARES):
            return f"I-26 freeze: market {event.market} bears {event.uncovered}"
        if event.mark != step.world.markets[event.market].mark_wad:
            return f"I-26 freeze: mark {event.mark} is not the block's"
        return None

    def _set_haircut(self, step: Step, event: HaircutSet) -> str | None:
        market = event.market
        if event.account != self.account or market not in self.shares:
            return f"I-29 haircut: market {market} was not frozen"
        taken = min(self.shares[market], event.profit)
        if event.credited != taken:
            return f"I-29 haircut: {event.credited} taken, min(R, U) is {taken}"
        eta = min(RAY, -(-taken * RAY // event.profit)) if event.profit else 0
        if event.eta_ray != eta:
            return f"I-29 haircut: eta {event.eta_ray}, min(1, R / U) is {eta}"
        if market in self.etas:
            return f"I-30 haircut: market {market} has two"
        self.etas[market] = eta
        self.credited += taken
        self.must[market] = _winners(step, market, self._winning_side(market), self.marks[market])
        return None

    def _winning_side(self, market: int) -> int:
        """1 if the account was short there when it came under liquidation."""
        fields = [self.weights >> 25 * i for i in range(10)]
        return next(field >> 8 & 1 for field in fields if field & 255 == market)

    def _charge(self, event: BucketHaircut) -> str | None:
        if event.market not in self.etas:
            return f"I-30 charge: market {event.market} has no eta"
        charged = self.charged.setdefault(event.market, set())
        if event.key in charged:
            return f"I-30 charge: bucket {event.key} twice"
        charged.add(event.key)
        mark, edge = self.marks[event.market], worse_edge(event.key)
        if not (mark > edge if event.key >> 16 & 1 else mark < edge):
            return f"I-30 charge: bucket {event.key} does not win"
        return None

    def _taken_over(self, event: BucketRematched) -> str | None:
        if event.account != self.account:
            return None
        if event.price != self.marks.get(event.market):
            return f"I-31 price: a bankrupt leg goes at {event.price}, not at the frozen mark"
        return self._complete(event.market)

    def _complete(self, market: int) -> str | None:
        """Before a leg is re-matched every winner of its market has paid."""
        if self.shares[market] and market not in self.etas:
            return f"I-29 haircut: nobody was asked in market {market}"
        left = self.must.get(market, set()) - self.charged.get(market, set())
        if left:
            return f"I-30 charge: buckets {sorted(left)} win and were spared"
        return None

    def _end(self, step: Step, ended: Finished | None) -> str | None:
        for market in self.shares:
            problem = self._complete(market)
            if problem is not None:
                return problem
        self.over = True
        deficit = self.deficit - self.credited
        if ended is not None and abs(ended.loss - deficit) > value_bound(step):
            return f"I-22 loss: {ended}, frozen less taken is {deficit}"
        return None


# --- queue and prices ---------------------------------------------------------------------------


def shares_of(weights: int) -> dict[int, int]:
    """Market -> share of a loss in 1/50,000, out of the packed word."""
    found = {}
    while weights & (2**25 - 1):
        found[weights & 255] = weights >> 9 & 0xFFFF
        weights >>= 25
    return found


def _buckets(step: Step, market: int, long: int) -> dict[Key, int]:
    """Size (fine) of each bucket of a side when the call came, by where its members stand now.

    A member that the call has touched before ADL came to it stands where the touch has put it.
    """
    found: dict[Key, int] = {}
    for (account, where), old in step.before.positions.items():
        if where != market or not old[SIZE] or old[LONG] != long:
            continue
        place = old[CLASS] << 13 | old[TICK]
        if market in step.world.accounts[account].markets:
            leg = step.world.positions[account, market]
            place = leg.leverage_class << 13 | leg.tick
        key = market << 17 | long << 16 | place
        found[key] = found.get(key, 0) + abs(old[SIZE])
    return found


def _order(step: Step, market: int, mark: int, closed: list[BucketRematched]) -> str | None:
    """I-28: the heads of the queue, each closed whole but the last; dust in between is free."""
    sizes = _buckets(step, market, closed[0].key >> 16 & 1)
    queue = [key for key, size in sizes.items() if size > SIZE_FINE]
    queue.sort(key=lambda key: rank(key, mark), reverse=True)
    taken = [event for event in closed if sizes.get(event.key, 0) > SIZE_FINE]
    for event in closed:
        if event not in taken and event.size > SIZE_BOUND_WAD:
            return f"I-28 order: bucket {event.key} holds nothing and gave {event.size}"
    keys = [event.key for event in taken]
    if keys != queue[: len(keys)]:
        return f"I-28 order: market {market} re-matched {keys}, the queue is {queue}"
    ranks = [rank(event.key, mark) for event in closed]
    if ranks != sorted(set(ranks), reverse=True):
        return f"I-28 order: market {market} re-matched {ranks}"
    for event in taken[:-1]:
        if abs(sizes[event.key] - event.size * FINE) > SIZE_FINE:
            return f"I-28 order: {event.size} of bucket {event.key}, it held {sizes[event.key]}"
    return None


def _winners(step: Step, market: int, long: int, mark: int) -> set[Key]:
    """Buckets of a side whose worst entry wins at the mark, by more than rounding."""
    worst = step.before.markets[market][2]
    found = set()
    for key, size in _buckets(step, market, long).items():
        edge = worst.get((bool(long), key >> 13 & 7, key & 8191), worse_edge(key) * FINE)
        lead = mark * FINE - edge if long else edge - mark * FINE
        if size > SIZE_FINE and lead > _CLOSE_WAD * FINE:
            found.add(key)
    return found


def _discount(
    step: Step, event: Rematched, closed: dict[tuple[int, int], list[BucketRematched]]
) -> str | None:
    """I-31: a solvent account pays at most half of what a take may cost it."""
    account, market = event.account, event.market
    mark = step.world.markets[market].mark_wad
    sign = 1 if step.before.positions[account, market][LONG] else -1
    price = mark * (PPM - sign * event.discount_ppm) // PPM
    for bucket in closed.get((account, market), ()):
        if bucket.price != price:
            return f"I-31 price: {bucket.price}, mark less the discount is {price}"
    if event.discount_ppm > _DISCOUNT_MAX_PPM:
        return f"I-31 discount: {event.discount_ppm} ppm"
    if market != step.before.accounts[account][OPEN_IN][0]:
        return None  # the legs before it have changed the account's health
    health = health_before(step, account)
    size = step.before.positions[account, market][SIZE]
    notional = abs(size) * mark // (WAD * FINE)
    cap = (max(health.equity, 0) + CASH_BOUND_WAD) * leg_margin(step, market, size) * PPM
    if 2 * event.discount_ppm * health.mm * notional > cap:
        return f"I-31 discount: {event.discount_ppm} ppm is above half the cap"
    return None
