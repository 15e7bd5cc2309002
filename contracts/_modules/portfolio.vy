# pragma version 0.4.3
"""
@title Changes of an account's position and cash
@notice Opening one unit at X moves cash by -X and size by +1; there is no stored profit. Each change first
        writes back what funding and ADL have done to the position since it was last touched.
"""

from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._modules import adl_index
from contracts._modules import ledger
from interfaces import IClearinghouse

uses: ledger
uses: adl_index


# A position before a change, as of now.
struct Before:
    size: int256  # wad
    position: ledger.Position
    member: adl_index.Member


@internal
@view
def _before(account: uint256, market: uint256, state: ledger.Market) -> Before:
    """
    @dev Reads a position and checks that its side is not being summed or charged right now.
    """
    position: ledger.Position = ledger._position(account, market)
    member: adl_index.Member = adl_index._member(market, position, state.funding_index)
    assert member.current, "adl: sync first"
    if position.shares != 0:
        self._assert_unlocked(state, position.long)
    return Before(
        size=fixed_point._signed(member.size, not position.long), position=position, member=member
    )


@internal
@pure
def _assert_unlocked(state: ledger.Market, long: bool):
    """
    @dev Between the sum of profits and the end of a haircut nobody enters or leaves the winning side.
    """
    lock: uint256 = ledger.LONGS_LOCKED if long else ledger.SHORTS_LOCKED
    assert state.status & lock == 0, "adl: side locked"


@internal
def _move(
    account: uint256,
    owner: ledger.Account,
    market: uint256,
    state: ledger.Market,
    class_in_force: uint256,
    before: Before,
    delta: int256,
    price: uint256,
    cash: int256,
    fee: uint256,
) -> ledger.Account:
    """
    @dev Changes size by `delta` at `price` (for the entry) and cash by `cash` - `fee`. Opening and increasing set the
         entry and the class; reducing keeps both.
    """
    size: int256 = before.size + delta
    magnitude: uint256 = fixed_point._magnitude(size)
    opens: bool = before.size == 0 or (before.size > 0) != (size > 0)
    if size == 0 or not opens and magnitude <= before.member.size:
        return self._shrink(account, owner, market, state, before, size, cash, fee)
    return self._store(
        account,
        ledger._with_market(owner, market),
        market,
        state,
        before,
        size,
        self._average_entry(before, delta, price, magnitude, size > 0, opens),
        class_in_force,
        cash,
        fee,
    )


@internal
def _shrink(
    account: uint256,
    owner: ledger.Account,
    market: uint256,
    state: ledger.Market,
    before: Before,
    size: int256,
    cash: int256,
    fee: uint256,
) -> ledger.Account:
    """
    @dev Reduces a position to `size`, or only writes back what happened to it; entry and class stay.
    """
    changed: ledger.Account = owner
    if size == 0:
        changed = ledger._without_market(owner, market)
    return self._store(
        account,
        changed,
        market,
        state,
        before,
        size,
        before.member.entry_code,
        before.position.leverage_class,
        cash,
        fee,
    )


@internal
def _store(
    account: uint256,
    owner: ledger.Account,
    market: uint256,
    state: ledger.Market,
    before: Before,
    size: int256,
    entry_code: uint256,
    leverage_class: uint256,
    cash: int256,
    fee: uint256,
) -> ledger.Account:
    """
    @dev Writes account, position and buckets, and logs the result; accrued cash is written back here.
    """
    changed: ledger.Account = owner
    changed.cash += before.member.accrued + cash - convert(fee, int256)
    if size != 0:
        self._assert_unlocked(state, size > 0)
    ledger._store_position(
        account,
        market,
        adl_index._replace(
            market,
            before.position,
            before.member,
            fixed_point._magnitude(size),
            size > 0,
            entry_code,
            leverage_class,
            state.funding_index,
        ),
    )
    ledger._store_account(account, changed)
    log IClearinghouse.PositionChanged(
        account=account,
        market=market,
        size=size,
        entry=entry_tick._decode(entry_code) if size != 0 else 0,
        cash=changed.cash,
        fee=fee,
    )
    return changed


@internal
@pure
def _average_entry(
    before: Before, delta: int256, price: uint256, magnitude: uint256, long: bool, opens: bool
) -> uint256:
    """
    @dev Code of the new average entry: the fill price on opening or flipping, the weighted mean on increasing.
    """
    if opens:
        return entry_tick._encode(price, long)
    basis: uint256 = (
        before.member.size * entry_tick._decode(before.member.entry_code)
        + fixed_point._magnitude(delta) * price
    )
    average: uint256 = fixed_point._div_up(basis, magnitude) if long else basis // magnitude
    return entry_tick._encode(average, long)


@internal
def _sync(account: uint256, market: uint256, state: ledger.Market):
    """
    @dev Writes back what funding and ADL did to a position; of one that is far behind, the first epochs only.
    """
    owner: ledger.Account = ledger._account(account)
    position: ledger.Position = ledger._position(account, market)
    if position.shares == 0:
        return
    self._assert_unlocked(state, position.long)
    member: adl_index.Member = adl_index._member(market, position, state.funding_index)
    if member.current or member.shares == 0:
        before: Before = Before(
            size=fixed_point._signed(member.size, not position.long), position=position, member=member
        )
        self._shrink(account, owner, market, state, before, before.size, 0, 0)
        return
    owner.cash += member.accrued
    position.shares = member.shares
    position.entry_code = member.entry_code
    position.epoch = member.epoch
    position.k = 0
    position.h = 0
    ledger._store_position(account, market, position)
    ledger._store_account(account, owner)
