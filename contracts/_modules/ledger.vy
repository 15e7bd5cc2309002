# pragma version 0.4.3
"""
@title Storage of the clearinghouse, and how its words are packed
@notice Everything a settlement touches is declared here, and nowhere else, so that the five contracts that run on
        this storage see the same layout: the Clearinghouse, and TradeEngine, TakeEngine, AdlEngine and RegistryEngine
        to which it delegates. Vyper does not pack structs: each word below is unpacked into a memory struct,
        changed there, and packed again; packing refuses what does not fit.

        account    cash int128 | markets 10 x uint8 | count 4 | isolated, started, locked, sponsored
        guarantee  amount 112 | opening until 40 | shield until 40 | buffer 24 (ppm); of sponsored accounts only
        position   [0] shares 120 | entry code 40 | tick 13 | class 3 | choice 3 | long 1
                   [1] k int128 | h 96 | epoch 32
        bucket     [0] T 120 | N 120 | touched 1
                   [1] P 96 | a 96 | epoch 32
                   [2] K int128 | F_b int128
                   [3] b 128 | H 96
                   [4] w
        market     pulse: funding index int128 | mark 96 | funding rate int32 (ppb per hour)
                   interest: long 100 | short 100 | trading fees 56 (micro quote units)
                   clock: block 40 | time 40 | premium volume 72 | premium sum int72 | status 32
                   brackets: see contracts/_lib/brackets.vy | code of the buffer cap 16, see buffer_cap.vy
"""

from contracts._lib import bits
from contracts._lib import fixed_point
from interfaces import IClearinghouse


# --- account ---------------------------------------------------------------------------

ISOLATED: constant(uint256) = 1
STARTED: constant(uint256) = 2
LOCKED: constant(uint256) = 4
SPONSORED: constant(uint256) = 8  # a broker guarantees for it: see `guarantees`
MAX_MARKETS: constant(uint256) = 10
MARKETS: constant(uint256) = 2**80 - 1  # the list, from bit 128


struct Account:
    cash: int256  # wad
    markets: uint256  # ten market ids of 8 bits, the first in the lowest bits
    count: uint256
    flags: uint256


# --- position and bucket -----------------------------------------------------------------


struct Position:
    shares: uint256  # s
    entry_code: uint256
    tick: uint256  # of the bucket it is in, which may lag behind the entry after a haircut
    leverage_class: uint256  # of the bucket it is in
    choice: uint256  # chosen class + 1, 0: the market's largest
    long: bool
    k: int256  # ray
    h: uint256  # ray
    epoch: uint256


struct Bucket:
    t: uint256  # T, shares
    n: uint256  # N, wad quote: sum of the members' n
    touched: bool  # False: never saw ADL; then P = a = 1, K = -sigma * F, the rest 0
    p: uint256  # P, ray
    a: uint256  # ray
    epoch: uint256
    k: int256  # K, ray
    f: int256  # F_b, ray
    b: uint256  # ray
    h: uint256  # H, ray
    w: uint256  # wad


# --- market ------------------------------------------------------------------------------

PRICED: constant(uint256) = 1  # the last poke found a price
LONGS_LOCKED: constant(uint256) = 2  # a haircut is under way on this side
SHORTS_LOCKED: constant(uint256) = 4
LOCKS: constant(uint256) = LONGS_LOCKED | SHORTS_LOCKED
FUNDING_FROZEN: constant(uint256) = 8  # a frozen resolve is under way in this market
STIRRED: constant(uint256) = 16  # the risk word matters for margins, see market_risk.vy
WAITING: constant(uint256) = 32  # grace after an outage, see outages.vy
CAPPED: constant(uint256) = 64  # insurance capital backs the open interest, see buffer_cap.vy
SETTLED: constant(uint256) = 128  # wound down: the mark is final


struct Market:
    funding_index: int256  # F, ray
    mark: uint256  # wad
    rate_ppb: int256  # per hour
    block: uint256
    time: uint256
    premium_volume: uint256  # micro quote units in the running five-minute bucket
    premium_sum: int256  # micro quote units: sum of volume * premium
    status: uint256


account_words: HashMap[uint256, uint256]
position_words: HashMap[uint256, HashMap[uint256, uint256[2]]]  # account -> market
bucket_words: HashMap[uint256, uint256[5]]  # bucket key
bucket_ends: HashMap[
    uint256, HashMap[uint256, uint256[3]]
]  # bucket key -> epoch: words 1 to 3 at its end
tick_words: HashMap[uint256, uint256]  # bucket key >> 8: which of 256 ticks are not empty
tick_summaries: HashMap[uint256, uint256]  # market << 1 | long: 5 classes x 32 bits over tick_words

MICRO: constant(uint256) = 10**12  # wad per micro quote unit
INTEREST: constant(uint256) = 2**100 - 1  # one side's field

market_pulse: HashMap[uint256, uint256]
market_interest: HashMap[uint256, uint256]
market_clock: HashMap[uint256, uint256]
market_terms: HashMap[uint256, uint256]
market_brackets: HashMap[uint256, uint256]
premium_windows: HashMap[uint256, uint256]
premium_volumes: HashMap[uint256, uint256]
risk_words: HashMap[uint256, uint256]  # packed by market_risk.vy
risk_terms: HashMap[uint256, uint256]
outage_words: HashMap[uint256, uint256]  # packed by outages.vy
buffer_terms: HashMap[uint256, uint256]  # packed by buffer_cap.vy
buffer_shares: uint256  # ppm, of all markets together

guarantees: HashMap[uint256, uint256]  # account -> word, read only where the flag is set

listed: uint256  # bit m: market m is listed
insurance_fees: uint256  # wad


# --- accounts ----------------------------------------------------------------------------


@internal
@view
def _account(account: uint256) -> Account:
    """
    @dev Unpacks an account.
    """
    word: uint256 = self.account_words[account]
    return Account(
        cash=convert(convert(word << 128, bytes32), int256) >> 128,
        markets=word >> 128 & MARKETS,
        count=word >> 208 & 15,
        flags=word >> 212 & 15,
    )


@internal
def _store_account(account: uint256, state: Account):
    """
    @dev Packs an account.
    """
    self.account_words[account] = (
        bits._low_bits(state.cash, 128)
        | state.markets << 128
        | state.count << 208
        | state.flags << 212
    )


@internal
@pure
def _market_at(markets: uint256, index: uint256) -> uint256:
    """
    @dev Market id number `index` of an account's list.
    """
    return markets >> (8 * index) & 255


@internal
@pure
def _with_market(state: Account, market: uint256) -> Account:
    """
    @dev Adds a market to the account's list if it is not there.
    """
    for i: uint256 in range(state.count, bound=MAX_MARKETS):
        if self._market_at(state.markets, i) == market:
            return state
    limit: uint256 = 1 if state.flags & ISOLATED != 0 else MAX_MARKETS
    assert state.count < limit, "account: too many markets"
    changed: Account = state
    changed.markets = state.markets | market << (8 * state.count)
    changed.count = state.count + 1
    return changed


@internal
@pure
def _without_market(state: Account, market: uint256) -> Account:
    """
    @dev Removes a market from the account's list and closes the gap.
    """
    changed: Account = state
    for i: uint256 in range(state.count, bound=MAX_MARKETS):
        if self._market_at(state.markets, i) == market:
            below: uint256 = state.markets & ((1 << (8 * i)) - 1)
            above: uint256 = state.markets >> (8 * (i + 1)) << (8 * i)
            changed.markets = below | above
            changed.count = state.count - 1
            break
    return changed


@internal
@pure
def _assert_free(account: Account):
    """
    @dev A frozen resolve holds the account.
    """
    assert account.flags & LOCKED == 0, "account: locked"


@internal
def _add_cash(account: uint256, state: Account, delta: int256):
    """
    @dev Changes an account's cash and nothing else.
    """
    changed: Account = state
    changed.cash += delta
    self._store_account(account, changed)
    log IClearinghouse.CashChanged(account=account, delta=delta, cash=changed.cash)


# --- guarantees --------------------------------------------------------------------------


@internal
@view
def _opening(word: uint256) -> uint256:
    """
    @dev What a guarantee adds to initial margin now. It runs out by itself, first here, then as a shield.
    """
    return word & (2**112 - 1) if block.timestamp < word >> 112 & (2**40 - 1) else 0


@internal
@view
def _shield(account: uint256, flags: uint256) -> uint256:
    """
    @dev What the guarantee of an account adds to its equity for maintenance now; 0 without one.
    """
    return self._shielding(self.guarantees[account]) if flags & SPONSORED != 0 else 0


@internal
@view
def _shielding(word: uint256) -> uint256:
    """
    @dev The same from the word of a guarantee.
    """
    return word & (2**112 - 1) if block.timestamp < word >> 152 & (2**40 - 1) else 0


# --- positions ---------------------------------------------------------------------------


@internal
@view
def _position(account: uint256, market: uint256) -> Position:
    """
    @dev Unpacks a position.
    """
    head: uint256 = self.position_words[account][market][0]
    tail: uint256 = 0
    if head & (2**120 - 1) != 0:
        tail = self.position_words[account][market][1]
    return Position(
        shares=head & (2**120 - 1),
        entry_code=head >> 120 & (2**40 - 1),
        tick=head >> 160 & (2**13 - 1),
        leverage_class=head >> 173 & 7,
        choice=head >> 176 & 7,
        long=head >> 179 & 1 == 1,
        k=bits._sign_extend(tail, 128),
        h=tail >> 128 & (2**96 - 1),
        epoch=tail >> 224,
    )


@internal
def _store_position(account: uint256, market: uint256, position: Position):
    """
    @dev Packs a position. A flat one keeps its leverage choice only.
    """
    if position.shares == 0:
        self.position_words[account][market][0] = position.choice << 176
        self.position_words[account][market][1] = 0
        return
    assert position.shares < 2**120, "position: too large"
    self.position_words[account][market][0] = (
        position.shares
        | position.entry_code << 120
        | position.tick << 160
        | position.leverage_class << 173
        | position.choice << 176
        | convert(position.long, uint256) << 179
    )
    self.position_words[account][market][1] = (
        bits._low_bits(position.k, 128) | position.h << 128 | position.epoch << 224
    )


# --- buckets -----------------------------------------------------------------------------


@internal
@pure
def _bucket_key(market: uint256, long: bool, leverage_class: uint256, tick: uint256) -> uint256:
    """
    @dev market 8 | long 1 | class 3 | tick 13.
    """
    return market << 17 | convert(long, uint256) << 16 | leverage_class << 13 | tick


@internal
@view
def _bucket(key: uint256, funding_index: int256) -> Bucket:
    """
    @dev Unpacks a bucket; one that never saw ADL is described as if it had been opened at this index.
         Its `w` is then left 0 and stands for the edge of its tick.
    """
    head: uint256 = self.bucket_words[key][0]
    bucket: Bucket = empty(Bucket)
    bucket.t = head & (2**120 - 1)
    bucket.n = head >> 120 & (2**120 - 1)
    if head >> 240 == 0:
        bucket.p = fixed_point.RAY
        bucket.a = fixed_point.RAY
        bucket.f = funding_index
        bucket.k = -funding_index if key >> 16 & 1 == 1 else funding_index
        return bucket
    bucket.touched = True
    word: uint256 = self.bucket_words[key][1]
    bucket.p = word & (2**96 - 1)
    bucket.a = word >> 96 & (2**96 - 1)
    bucket.epoch = word >> 192
    word = self.bucket_words[key][2]
    bucket.k = bits._sign_extend(word, 128)
    bucket.f = convert(convert(word, bytes32), int256) >> 128
    word = self.bucket_words[key][3]
    bucket.b = word & (2**128 - 1)
    bucket.h = word >> 128
    bucket.w = self.bucket_words[key][4]
    return bucket


@internal
@view
def _is_touched(key: uint256) -> bool:
    """
    @dev Whether a bucket has seen ADL, or holds an epoch number that must not be lost.
    """
    return self.bucket_words[key][0] >> 240 != 0


@internal
def _move_in_flat_bucket(
    key: uint256, shares: uint256, n: uint256, new_shares: uint256, new_n: uint256
) -> uint256:
    """
    @dev Replaces one member's shares and n in a bucket that never saw ADL, where T and N are exact sums, so that
         they hold what is taken out. Returns the word.
    """
    word: uint256 = unsafe_sub(self.bucket_words[key][0], shares | n << 120)
    assert unsafe_add(word & (2**120 - 1), new_shares) < 2**120, "bucket: too large"
    assert unsafe_add(word >> 120, new_n) < 2**120, "bucket: basis too large"
    word = unsafe_add(word, new_shares | new_n << 120)
    self.bucket_words[key][0] = word
    return word


@internal
def _store_bucket(key: uint256, bucket: Bucket):
    """
    @dev Packs a bucket; one that never saw ADL is one word.
    """
    assert bucket.t < 2**120, "bucket: too large"
    assert bucket.n < 2**120, "bucket: basis too large"
    self.bucket_words[key][0] = bucket.t | bucket.n << 120 | convert(bucket.touched, uint256) << 240
    if not bucket.touched:
        return
    assert bucket.epoch < 2**32, "bucket: too many epochs"
    assert bucket.b < 2**128, "bucket: offset too large"
    self.bucket_words[key][1] = bucket.p | bucket.a << 96 | bucket.epoch << 192
    self.bucket_words[key][2] = bits._low_bits(bucket.k, 128) | bits._low_bits(bucket.f, 128) << 128
    self.bucket_words[key][3] = bucket.b | bucket.h << 128
    self.bucket_words[key][4] = bucket.w


@internal
def _store_bucket_end(key: uint256, bucket: Bucket):
    """
    @dev Keeps the state of a bucket at the end of its epoch for members that come by later.
    """
    self.bucket_ends[key][bucket.epoch] = [
        bucket.p | bucket.a << 96,
        bits._low_bits(bucket.k, 128),
        bucket.b | bucket.h << 128,
    ]


@internal
@view
def _bucket_end(key: uint256, epoch: uint256) -> Bucket:
    """
    @dev What `_store_bucket_end` kept: P, a, K, b and H.
    """
    words: uint256[3] = self.bucket_ends[key][epoch]
    end: Bucket = empty(Bucket)
    end.p = words[0] & (2**96 - 1)
    end.a = words[0] >> 96
    end.k = bits._sign_extend(words[1], 128)
    end.b = words[2] & (2**128 - 1)
    end.h = words[2] >> 128
    return end


# --- markets -----------------------------------------------------------------------------


@internal
@view
def _market(market: uint256) -> Market:
    """
    @dev Unpacks the running state of a market.
    """
    return self._market_at_clock(market, self.market_clock[market])


@internal
@view
def _market_at_clock(market: uint256, clock: uint256) -> Market:
    """
    @dev The same for those who have read the clock word already.
    """
    pulse: uint256 = self.market_pulse[market]
    return Market(
        funding_index=bits._sign_extend(pulse, 128),
        mark=pulse >> 128 & (2**96 - 1),
        rate_ppb=convert(convert(pulse, bytes32), int256) >> 224,
        block=clock & (2**40 - 1),
        time=clock >> 40 & (2**40 - 1),
        premium_volume=clock >> 80 & (2**72 - 1),
        premium_sum=bits._sign_extend(clock >> 152, 184),
        status=clock >> 224,
    )


@internal
@pure
def _assert_unlocked(status: uint256, long: bool):
    """
    @dev Between the sum of profits and the end of a haircut nobody enters or leaves the winning side.
    """
    assert status & (LONGS_LOCKED if long else SHORTS_LOCKED) == 0, "adl: side locked"


@internal
@view
def _fresh_market(market: uint256) -> Market:
    """
    @dev A market poked in this block: nobody acts on a mark of an earlier one.
    """
    state: Market = self._market(market)
    assert state.block == block.number, "oracle: poke first"
    return state


@internal
def _store_pulse(market: uint256, state: Market):
    """
    @dev Packs funding index, mark and rate.
    """
    assert state.mark < 2**96, "market: mark too large"
    self.market_pulse[market] = (
        bits._low_bits(state.funding_index, 128)
        | state.mark << 128
        | bits._low_bits(state.rate_ppb, 224) << 224
    )


@internal
def _store_clock(market: uint256, state: Market):
    """
    @dev Packs times, premium sums and status.
    """
    self.market_clock[market] = (
        state.block
        | state.time << 40
        | state.premium_volume << 80
        | bits._low_bits(state.premium_sum, 184) << 152
        | state.status << 224
    )


@internal
@view
def _interest(market: uint256) -> (uint256, uint256):
    """
    @dev Long and short open interest (wad).
    """
    word: uint256 = self.market_interest[market]
    return word & (2**100 - 1), word >> 100 & (2**100 - 1)


@internal
@pure
def _larger_side_down(interest: uint256, mark: uint256) -> uint256:
    """
    @dev What the larger side of an open interest word is worth at a mark (wad, rounded down): 100 and 96 bits.
    """
    larger: uint256 = max(interest & INTEREST, interest >> 100 & INTEREST)
    return unsafe_div(unsafe_mul(larger, mark), fixed_point.WAD)


@internal
def _shift_interest(market: uint256, long: bool, before: uint256, after: uint256):
    """
    @dev Moves one side's open interest by the change of one bucket's size; the sides' difference is the dust.
         Listing bounds what a side may hold far below its field.
    """
    if before == after:
        return
    bit_shift: uint256 = 0 if long else 100
    word: uint256 = self.market_interest[market]
    self.market_interest[market] = word + (after << bit_shift) - (before << bit_shift)


@internal
def _add_to_interest(market: uint256, change: uint256, fees: uint256) -> uint256:
    """
    @dev Adds what the sides of a trade left to add to open interest (modulo 2**256) and its fees (wad, whole micro
         units), and returns the word.
    """
    word: uint256 = unsafe_add(self.market_interest[market], change)
    total: uint256 = (word >> 200) + fees // MICRO
    assert total < 2**56, "fees: sweep first"
    word = word & (2**200 - 1) | total << 200
    self.market_interest[market] = word
    return word


@internal
def _take_trading_fees() -> uint256:
    """
    @dev Empties the trading fees of all markets (wad).
    """
    total: uint256 = 0
    rest: uint256 = self.listed
    for _: uint256 in range(256):
        if rest == 0:
            break
        market: uint256 = bits._highest(rest)
        rest ^= 1 << market
        word: uint256 = self.market_interest[market]
        total += word >> 200
        self.market_interest[market] = word & (2**200 - 1)
    return total * MICRO


@internal
@view
def _trading_fees() -> uint256:
    """
    @dev Trading fees of all markets (wad).
    """
    total: uint256 = 0
    rest: uint256 = self.listed
    for _: uint256 in range(256):
        if rest == 0:
            break
        market: uint256 = bits._highest(rest)
        rest ^= 1 << market
        total += self.market_interest[market] >> 200
    return total * MICRO
