# pragma version 0.4.3
"""
@title Members of flat buckets: the short way through the ADL index
@notice A bucket that never saw ADL is flat: P = a = 1, b = H = 0, epoch 0. Of the rules in adl_index.vy there remain

            K_now = -sigma * F,   size = s,   n* = n,   T = sum of s,   N = sum of n

        with T and N exact, so a change of one member adds to one word of its bucket. All flat buckets of a side
        have the same K, so a member keeps its snapshot k as long as it stays on its side and in flat buckets, and
        cash carries what a change of s moves; with dK = K_now - k:

            before   cash                           and   floor(s0 * dK) to come
            after    cash + floor((s0 - s1) * dK)   and   floor(s1 * dK) to come

        Two floors of parts never exceed the floor of their sum: a change costs the account up to 1 wei and never
        gives any. Whatever is not flat goes through adl_index.vy, which gives the same sizes, entries and buckets.
"""

from contracts._lib import bits
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import ledger

uses: ledger
uses: adl_index


# A member's words as they are in storage, and the key of its bucket; without a position both of that are 0.
struct Member:
    head: uint256
    tail: uint256
    key: uint256
    bucket: uint256


SHARES: constant(uint256) = 2**120 - 1
RAY: constant(int256) = 10**27


@internal
@view
def _member(account: uint256, market: uint256) -> Member:
    """
    @dev Reads a position and its bucket, each word once.
    """
    words: uint256[2] = ledger.position_words[account][market]
    head: uint256 = words[0]
    key: uint256 = 0
    bucket: uint256 = 0
    if head & SHARES != 0:
        # class and tick stand together in both words
        key = market << 17 | (head >> 179 & 1) << 16 | head >> 160 & (2**16 - 1)
        bucket = ledger.bucket_words[key][0]
    return Member(head=head, tail=words[1], key=key, bucket=bucket)


@internal
@pure
def _accrued(
    tail: uint256, long: bool, size: int256, left: int256, funding_index: int256
) -> (int256, int256):
    """
    @dev floor(s * dK) in wad for a signed size and for the part of it that leaves: what has accrued, and what of it
         goes to cash. Where sizes fit a position |s| <= 2**121, and |dK| < 2**128: no product leaves 256 bits.
    """
    # sigma * dK = -(F + sigma * k)
    k: int256 = convert(convert(tail << 128, bytes32), int256) >> 128
    change: int256 = unsafe_sub(unsafe_sub(0, funding_index), k if long else unsafe_sub(0, k))
    # x >> 255 is -1 for x < 0, and truncation of x - (ray - 1) is then the floor
    whole: int256 = unsafe_mul(size, change)
    part: int256 = unsafe_mul(left, change)
    return (
        unsafe_div(unsafe_sub(whole, whole >> 255 & (RAY - 1)), RAY),
        unsafe_div(unsafe_sub(part, part >> 255 & (RAY - 1)), RAY),
    )


@internal
def _replace(
    account: uint256,
    market: uint256,
    member: Member,
    entry: uint256,
    magnitude: uint256,
    long: bool,
    new_code: uint256,
    new_entry: uint256,
    leverage_class: uint256,
    funding_index: int256,
) -> (bool, uint256):
    """
    @dev Gives a member of a flat bucket, or nobody, another size (wad) and puts it into the bucket of its entry;
         `entry` and `new_entry` are prices (wad), `new_code` the code of the latter. False, with nothing written,
         if that bucket is not flat. Also returns what to add to the word of the market's open interest, modulo
         2**256: the caller writes it once for both sides of a trade.
    """
    head: uint256 = member.head
    shares: uint256 = head & SHARES
    choice: uint256 = head >> 176 & 7
    was_long: bool = head >> 179 & 1 == 1
    old_n: uint256 = 0
    interest: uint256 = 0
    key: uint256 = member.key
    if shares != 0:
        # shares < 2**120, entry < 2**128
        old_n = unsafe_div(unsafe_mul(shares, entry), fixed_point.WAD)
        interest = unsafe_sub(0, shares if was_long else shares << 100)
    if magnitude == 0:
        self._leave(key, shares, old_n)
        ledger.position_words[account][market] = [choice << 176, 0]
        return True, interest

    assert magnitude <= SHARES, "position: too large"
    place: uint256 = (
        convert(long, uint256) << 19
        | choice << 16
        | leverage_class << 13
        | new_code >> entry_tick.TICK_SHIFT
    )
    new_key: uint256 = market << 17 | convert(long, uint256) << 16 | place & (2**16 - 1)
    # magnitude < 2**120, new_entry < 2**128
    n: uint256 = unsafe_div(unsafe_mul(magnitude, new_entry), fixed_point.WAD)
    if new_key == key:
        ledger._move_in_flat_bucket(key, shares, old_n, magnitude, n)
    else:
        bucket: uint256 = ledger.bucket_words[new_key][0]
        if bucket >> 240 != 0:
            return False, 0
        if shares != 0:
            self._leave(key, shares, old_n)
        if bucket == 0:
            adl_index._mark_tick(new_key, True)
        ledger._move_in_flat_bucket(new_key, 0, 0, magnitude, n)
    ledger.position_words[account][market][0] = magnitude | new_code << 120 | place << 160
    if shares == 0 or was_long != long:
        k: int256 = -funding_index if long else funding_index
        ledger.position_words[account][market][1] = bits._low_bits(k + 1, 128)
    return True, unsafe_add(interest, magnitude if long else magnitude << 100)


@internal
def _leave(key: uint256, shares: uint256, n: uint256):
    """
    @dev Takes a member out of a flat bucket. N is exact, so nothing is left of an empty one.
    """
    if ledger._move_in_flat_bucket(key, shares, n, 0, 0) == 0:
        adl_index._mark_tick(key, False)
