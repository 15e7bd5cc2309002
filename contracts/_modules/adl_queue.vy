# pragma version 0.4.3
"""
@title Reading the ADL queue: who would be re-matched, in which order
@notice Views only. The order is the one `adl_index._head` follows step by step: highest score first, ties to the
        higher class, then to the better tick.
"""

from contracts._modules import adl_index
from contracts._modules import ledger
from contracts._modules import market_terms
from interfaces import IClearinghouse

uses: ledger
uses: adl_index

MAX_ENTRIES: constant(uint256) = 64
MAX_WALK: constant(uint256) = 4_096


# Where a walk through the queue stands: the next tick of each class, NO_TICK when it is exhausted.
struct Walk:
    ticks: uint256[market_terms.CLASSES]


@internal
@view
def _start(market: uint256, long: bool) -> Walk:
    """
    @dev The heads of all classes.
    """
    walk: Walk = empty(Walk)
    first: uint256 = 0 if long else 2**13 - 1
    for i: uint256 in range(market_terms.CLASSES):
        walk.ticks[i] = adl_index._best_tick(market, long, i, first)
    return walk


@internal
@view
def _next(market: uint256, long: bool, mark: uint256, old: Walk) -> (uint256, int256, Walk):
    """
    @dev Key and score of the best bucket not yet walked (NO_TICK at the end), and the walk behind it.
    """
    walk: Walk = old
    best: uint256 = adl_index.NO_TICK
    best_class: uint256 = 0
    best_score: int256 = min_value(int256)
    for i: uint256 in range(market_terms.CLASSES):
        leverage_class: uint256 = market_terms.CLASSES - 1 - i
        tick: uint256 = walk.ticks[leverage_class]
        if tick == adl_index.NO_TICK:
            continue
        score: int256 = adl_index._score_ray(leverage_class, tick, long, mark)
        if score > best_score:
            best_score = score
            best_class = leverage_class
            best = ledger._bucket_key(market, long, leverage_class, tick)
    if best != adl_index.NO_TICK:
        tick: uint256 = walk.ticks[best_class]
        last: uint256 = 2**13 - 1 if long else 0
        following: uint256 = adl_index.NO_TICK
        if tick != last:
            start: uint256 = tick + 1 if long else tick - 1
            following = adl_index._best_tick(market, long, best_class, start)
        walk.ticks[best_class] = following
    return best, best_score, walk


@internal
@view
def _queue(
    market: uint256, long: bool, count: uint256, state: ledger.Market
) -> DynArray[IClearinghouse.QueueEntry, 64]:
    """
    @dev The first `count` buckets of a side.
    """
    entries: DynArray[IClearinghouse.QueueEntry, 64] = []
    walk: Walk = self._start(market, long)
    for _: uint256 in range(min(count, MAX_ENTRIES), bound=MAX_ENTRIES):
        key: uint256 = 0
        score: int256 = 0
        key, score, walk = self._next(market, long, state.mark, walk)
        if key == adl_index.NO_TICK:
            break
        bucket: ledger.Bucket = ledger._bucket(key, state.funding_index)
        entries.append(
            IClearinghouse.QueueEntry(
                key=key,
                leverage_class=key >> 13 & 7,
                size=adl_index._size(bucket),
                worst_entry=adl_index._worst_entry(key, bucket),
                score_ray=score,
                epoch=bucket.epoch,
            )
        )
    return entries


@internal
@view
def _rank(account: uint256, market: uint256, state: ledger.Market) -> IClearinghouse.QueueRank:
    """
    @dev What stands before an account's position in the queue of its side.
    """
    position: ledger.Position = ledger._position(account, market)
    assert position.shares != 0, "adl: no position"
    wanted: uint256 = ledger._bucket_key(
        market, position.long, position.leverage_class, position.tick
    )
    walk: Walk = self._start(market, position.long)
    ahead: uint256 = 0
    for i: uint256 in range(MAX_WALK):
        key: uint256 = 0
        score: int256 = 0
        key, score, walk = self._next(market, position.long, state.mark, walk)
        if key == adl_index.NO_TICK:
            break
        size: uint256 = adl_index._size(ledger._bucket(key, state.funding_index))
        if key == wanted:
            return IClearinghouse.QueueRank(
                size_ahead=ahead, bucket_size=size, buckets_ahead=i, score_ray=score
            )
        ahead += size
    raise "adl: not in the queue"
