# pragma version 0.4.3
"""
@title The ADL index: buckets of positions, sorted by leverage class and entry tick
@notice A bucket keeps T (shares), N (sum of the members' n), P (size per share), K (quote per share), H (haircut
        weight), a, b (basis map), w (worst entry), F_b (funding index at K) and an epoch. With sigma = +1 for
        longs, -1 for shorts, and F the market's funding index now:

            K_now   = K - sigma * P * (F - F_b)
            member  : s shares, n, snapshots k, h;  basis n* = a * n + b * s;  size = floor(s * P)
            accrued = floor(s * (K_now - k)) + floor(sigma * n * (H - h))

        Reducing or charging a bucket changes these few words only; its members find out when they are
        touched. The bitmap over ticks is two words deep: per class a 32-bit summary, then 256 ticks a word.
        For a long, profit per unit rises as entry falls, whatever the mark: the best long is the lowest tick of its
        class, the best short the highest.
"""

from contracts._lib import bits
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._modules import ledger
from contracts._modules import market_terms

uses: ledger

MAX_EPOCHS: constant(uint256) = 8  # a touch follows at most so many ends of epochs
NO_TICK: constant(uint256) = max_value(uint256)


# What a position is worth to its bucket now.
struct Member:
    size: uint256  # wad
    entry_code: uint256
    accrued: int256  # wad quote not yet in cash
    shares: uint256  # in the epoch reached
    n: uint256  # wad quote
    epoch: uint256
    current: bool  # False: more than MAX_EPOCHS behind, sync again


# --- members -----------------------------------------------------------------------------


@internal
@pure
def _k_now(bucket: ledger.Bucket, long: bool, funding_index: int256) -> int256:
    """
    @dev K with funding up to now, rounded down.
    """
    if bucket.f == funding_index:
        return bucket.k
    flow: int256 = convert(bucket.p, int256) * (funding_index - bucket.f)
    return bucket.k + fixed_point._floor_div(
        -flow if long else flow, convert(fixed_point.RAY, int256)
    )


@internal
@pure
def _accrued(
    shares: uint256, n: uint256, long: bool, k_change: int256, h_change: uint256
) -> int256:
    """
    @dev floor(s * dK) + floor(sigma * n * dH), in wad.
    """
    ray: int256 = convert(fixed_point.RAY, int256)
    total: int256 = fixed_point._floor_div(convert(shares, int256) * k_change, ray)
    if h_change != 0:
        total += fixed_point._floor_div(fixed_point._signed(n * h_change, not long), ray)
    return total


@internal
@pure
def _basis_down(bucket: ledger.Bucket, shares: uint256, n: uint256) -> uint256:
    """
    @dev n* = a * n + b * s (wad quote).
    """
    return bucket.a * n // fixed_point.RAY + bucket.b * shares // fixed_point.RAY


@internal
@view
def _member(market: uint256, position: ledger.Position, funding_index: int256) -> Member:
    """
    @dev Follows a position through the ends of epochs it has passed, up to now.
    """
    member: Member = empty(Member)
    if position.shares == 0:
        member.current = True
        return member
    key: uint256 = ledger._bucket_key(market, position.long, position.leverage_class, position.tick)
    member.shares = position.shares
    member.n = position.shares * entry_tick._decode(position.entry_code) // fixed_point.WAD
    member.entry_code = position.entry_code
    if not ledger._is_touched(key):
        # no ADL yet: a share is a unit and K is minus sigma times F
        k_flat: int256 = -funding_index if position.long else funding_index
        member.current = True
        member.size = position.shares
        member.accrued = self._accrued(position.shares, 0, position.long, k_flat - position.k, 0)
        return member
    bucket: ledger.Bucket = ledger._bucket(key, funding_index)
    member.epoch = position.epoch
    k: int256 = position.k
    h: uint256 = position.h
    for _: uint256 in range(MAX_EPOCHS):
        if member.epoch == bucket.epoch:
            break
        end: ledger.Bucket = ledger._bucket_end(key, member.epoch)
        member.accrued += self._accrued(
            member.shares, member.n, position.long, end.k - k, end.h - h
        )
        basis: uint256 = self._basis_down(end, member.shares, member.n)
        if end.a != fixed_point.RAY:
            member.entry_code = self._moved_entry(
                member.entry_code, position.long, basis, member.shares
            )
        member.n = basis * end.p // fixed_point.RAY
        member.shares = member.shares * end.p // fixed_point.RAY
        member.epoch += 1
        k = 0
        h = 0
    if member.epoch != bucket.epoch:
        return member
    member.current = True
    k_change: int256 = self._k_now(bucket, position.long, funding_index) - k
    member.accrued += self._accrued(member.shares, member.n, position.long, k_change, bucket.h - h)
    member.size = member.shares * bucket.p // fixed_point.RAY
    if bucket.a != fixed_point.RAY:
        basis: uint256 = self._basis_down(bucket, member.shares, member.n)
        member.entry_code = self._moved_entry(
            member.entry_code, position.long, basis, member.shares
        )
    return member


@internal
@pure
def _moved_entry(code: uint256, long: bool, basis: uint256, shares: uint256) -> uint256:
    """
    @dev Entry n* / s, never better than before: what a haircut took is no profit any more. Asked only of
         members that paid a haircut, lest rounding n walk the entry of the others down.
    """
    if shares == 0 or basis == 0:
        return code
    if long:
        return max(
            code, entry_tick._encode(fixed_point._mul_div_up(basis, fixed_point.WAD, shares), True)
        )
    price: uint256 = basis * fixed_point.WAD // shares
    return code if price == 0 else min(code, entry_tick._encode(price, False))


@internal
def _replace(
    market: uint256,
    position: ledger.Position,
    member: Member,
    size: uint256,
    long: bool,
    entry_code: uint256,
    leverage_class: uint256,
    funding_index: int256,
) -> ledger.Position:
    """
    @dev Takes a touched position out of its bucket and puts its new self into the bucket of its entry.
    """
    old_key: uint256 = ledger._bucket_key(
        market, position.long, position.leverage_class, position.tick
    )
    changed: ledger.Position = position
    changed.entry_code = entry_code
    changed.tick = entry_tick._tick(entry_code)
    changed.leverage_class = leverage_class
    changed.long = long
    key: uint256 = ledger._bucket_key(market, long, leverage_class, changed.tick)
    if member.shares != 0:
        self._leave(market, old_key, member, funding_index)
    changed.shares = 0
    if size != 0:
        changed = self._join(market, key, changed, size, funding_index)
    return changed


@internal
def _leave(market: uint256, key: uint256, member: Member, funding_index: int256):
    """
    @dev Takes a member out of its bucket. An empty bucket resets without an end record, because nobody is left
         who would need it.
    """
    bucket: ledger.Bucket = ledger._bucket(key, funding_index)
    before: uint256 = self._size(bucket)
    bucket.t -= member.shares
    bucket.n -= min(bucket.n, member.n)
    if bucket.t == 0:
        epoch: uint256 = bucket.epoch
        bucket = empty(ledger.Bucket)
        bucket.epoch = epoch
        bucket.touched = epoch != 0
        bucket.p = fixed_point.RAY
        bucket.a = fixed_point.RAY
        bucket.f = funding_index
        self._mark_tick(key, False)
    ledger._store_bucket(key, bucket)
    ledger._shift_interest(market, key >> 16 & 1 == 1, before, self._size(bucket))


@internal
def _join(
    market: uint256, key: uint256, position: ledger.Position, size: uint256, funding_index: int256
) -> ledger.Position:
    """
    @dev Puts a position of `size` into a bucket; one whose basis has moved starts a new epoch first.
    """
    joined: ledger.Position = position
    long: bool = position.long
    bucket: ledger.Bucket = ledger._bucket(key, funding_index)
    before: uint256 = self._size(bucket)
    if bucket.a != fixed_point.RAY:
        bucket = self._rolled(key, bucket, long, funding_index)
    if bucket.t == 0:
        self._mark_tick(key, True)
    joined.shares = size * fixed_point.RAY // bucket.p
    joined.k = self._k_now(bucket, long, funding_index) + 1
    joined.h = bucket.h
    joined.epoch = bucket.epoch
    bucket.t += joined.shares
    bucket.n += joined.shares * entry_tick._decode(position.entry_code) // fixed_point.WAD
    if bucket.touched:
        edge: uint256 = entry_tick._worse_edge(position.tick, long)
        bucket.w = edge if bucket.w == 0 else (max(bucket.w, edge) if long else min(bucket.w, edge))
    ledger._store_bucket(key, bucket)
    ledger._shift_interest(market, long, before, self._size(bucket))
    return joined


# --- buckets -----------------------------------------------------------------------------


@internal
@pure
def _size(bucket: ledger.Bucket) -> uint256:
    """
    @dev floor(T * P), wad base units.
    """
    return bucket.t * bucket.p // fixed_point.RAY


@internal
def _rolled(key: uint256, old: ledger.Bucket, long: bool, funding_index: int256) -> ledger.Bucket:
    """
    @dev Ends the epoch: keeps its last state for its members and starts the next with P = a = 1, K = H = b = 0.
    """
    bucket: ledger.Bucket = old
    bucket.k = self._k_now(bucket, long, funding_index)
    ledger._store_bucket_end(key, bucket)
    bucket.n = self._basis_down(bucket, bucket.t, bucket.n) * bucket.p // fixed_point.RAY
    bucket.t = self._size(bucket)
    if bucket.t == 0:
        bucket.n = 0
        bucket.w = 0
    bucket.touched = True
    bucket.p = fixed_point.RAY
    bucket.a = fixed_point.RAY
    bucket.k = 0
    bucket.h = 0
    bucket.b = 0
    bucket.f = funding_index
    bucket.epoch += 1
    return bucket


@internal
@pure
def _worst_entry(key: uint256, bucket: ledger.Bucket) -> uint256:
    """
    @dev w: no member's entry is worse (wad).
    """
    if bucket.w != 0:
        return bucket.w
    return entry_tick._worse_edge(key & (2**13 - 1), key >> 16 & 1 == 1)


# --- bitmap and queue --------------------------------------------------------------------


@internal
def _mark_tick(key: uint256, occupied: bool):
    """
    @dev Sets or clears a tick in the bitmap and its summary.
    """
    word_key: uint256 = key >> 8
    word: uint256 = ledger.tick_words[word_key]
    changed: uint256 = word | 1 << (key & 255) if occupied else word & ~(1 << (key & 255))
    ledger.tick_words[word_key] = changed
    if (word == 0) != (changed == 0):
        bit: uint256 = 1 << ((key >> 8 & 31) + 32 * (key >> 13 & 7))
        summary: uint256 = ledger.tick_summaries[key >> 16]
        ledger.tick_summaries[key >> 16] = summary | bit if changed != 0 else summary & ~bit


@internal
@view
def _best_tick(market: uint256, long: bool, leverage_class: uint256, start: uint256) -> uint256:
    """
    @dev First occupied tick of a class in queue order, from `start` on (0 for longs, 8191 for shorts: all
         of them); NO_TICK if there is none.
    """
    side: uint256 = market << 1 | convert(long, uint256)
    summary: uint256 = ledger.tick_summaries[side] >> (32 * leverage_class) & (2**32 - 1)
    row: uint256 = start >> 8
    base: uint256 = side << 8 | leverage_class << 5
    column: uint256 = start & 255
    word: uint256 = 0
    if long:
        if summary >> row & 1 == 1:
            word = ledger.tick_words[base | row] >> column << column
        if word == 0:
            summary = summary >> (row + 1) << (row + 1)
    else:
        if summary >> row & 1 == 1:
            word = ledger.tick_words[base | row] & (max_value(uint256) >> (255 - column))
        if word == 0:
            summary &= (1 << row) - 1
    if word == 0:
        if summary == 0:
            return NO_TICK
        row = bits._lowest(summary) if long else bits._highest(summary)
        word = ledger.tick_words[base | row]
    return row << 8 | (bits._lowest(word) if long else bits._highest(word))


@internal
@pure
def _score_ray(leverage_class: uint256, tick: uint256, long: bool, mark: uint256) -> int256:
    """
    @dev Queue score: roe = sigma * (mark - edge) / edge; roe * L if it is a profit, roe / L if a loss.
    """
    edge: int256 = convert(entry_tick._worse_edge(tick, long), int256)
    roe: int256 = convert(mark, int256) - edge
    if not long:
        roe = -roe
    leverage: int256 = convert(market_terms._leverage(leverage_class), int256)
    ray: int256 = convert(fixed_point.RAY, int256)
    if roe >= 0:
        return roe * ray * leverage // edge
    return fixed_point._floor_div(roe * ray, edge * leverage)


@internal
@view
def _head(market: uint256, long: bool, mark: uint256) -> uint256:
    """
    @dev Key of the bucket that is re-matched next; NO_TICK when the side is empty. Ties go to the higher
         class; inside a class the order of ticks does not depend on the mark.
    """
    best: uint256 = NO_TICK
    best_score: int256 = min_value(int256)
    start: uint256 = 0 if long else 2**13 - 1
    for i: uint256 in range(market_terms.CLASSES):
        leverage_class: uint256 = market_terms.CLASSES - 1 - i
        tick: uint256 = self._best_tick(market, long, leverage_class, start)
        if tick == NO_TICK:
            continue
        score: int256 = self._score_ray(leverage_class, tick, long, mark)
        if score > best_score:
            best_score = score
            best = ledger._bucket_key(market, long, leverage_class, tick)
    return best
