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
from contracts._modules import outages
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
        ledger._assert_unlocked(state.status, position.long)
    return Before(
        size=fixed_point._signed(member.size, not position.long), position=position, member=member
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
        state.funding_index,
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
    funding_index: int256,
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
            funding_index,
        ),
    )
    entry: uint256 = entry_tick._decode(entry_code) if size != 0 else 0
    return self._book(account, owner, market, size, entry, before.member.accrued + cash, fee)


@internal
def _change(
    account: uint256,
    owner: ledger.Account,
    market: uint256,
    size: int256,
    entry_code: uint256,
    leverage_class: uint256,
    cash: int256,
    fee: uint256,
) -> ledger.Account:
    """
    @dev Gives a position another size, entry and class.
    """
    state: ledger.Market = ledger._market(market)
    if size != 0:
        ledger._assert_unlocked(state.status, size > 0)
    return self._store(
        account,
        owner,
        market,
        state.funding_index,
        self._before(account, market, state),
        size,
        entry_code,
        leverage_class,
        cash,
        fee,
    )


@internal
def _book(
    account: uint256,
    owner: ledger.Account,
    market: uint256,
    size: int256,
    entry: uint256,
    cash: int256,
    fee: uint256,
) -> ledger.Account:
    """
    @dev Changes the cash of an account by `cash` - `fee` and logs what its position has become.
    """
    changed: ledger.Account = owner
    changed.cash += cash - convert(fee, int256)
    ledger._store_account(account, changed)
    log IClearinghouse.PositionChanged(
        account=account,
        market=market,
        size=size,
        entry=entry,
        cash=changed.cash,
        fee=fee,
    )
    return changed


@internal
@pure
def _new_entry(
    before: uint256, entry: uint256, code: uint256, after: uint256, long: bool, price: uint256
) -> uint256:
    """
    @dev Code of the entry of a position that opened (before = 0), flipped (the same) or increased to `after`: the
         mean of its entry so far (wad, and its code) and the price of what was added.
    """
    if before == 0:
        return entry_tick._encode_near(price, long, code)
    # increased: after > before; the products are below 2**248 where sizes fit a position
    basis: uint256 = before * entry + unsafe_sub(after, before) * price
    average: uint256 = fixed_point._div_up(basis, after) if long else basis // after
    return entry_tick._encode_near(average, long, code)


@internal
def _sync(account: uint256, market: uint256, state: ledger.Market) -> bool:
    """
    @dev Writes back what funding and ADL did to a position; of one that is far behind, the first epochs only.
         Returns whether that was all.
    """
    owner: ledger.Account = ledger._account(account)
    position: ledger.Position = ledger._position(account, market)
    if position.shares == 0:
        return True
    ledger._assert_unlocked(state.status, position.long)
    member: adl_index.Member = adl_index._member(market, position, state.funding_index)
    if member.current or member.shares == 0:
        before: Before = Before(
            size=fixed_point._signed(member.size, not position.long),
            position=position,
            member=member,
        )
        self._shrink(account, owner, market, state, before, before.size, 0, 0)
        return True
    owner.cash += member.accrued
    position.shares = member.shares
    position.entry_code = member.entry_code
    position.epoch = member.epoch
    position.k = 0
    position.h = 0
    ledger._store_position(account, market, position)
    ledger._store_account(account, owner)
    return False


@internal
def _sync_or_convert(account: uint256, market: uint256) -> bool:
    """
    @dev Writes a position back or, where the market has been settled for an hour, turns it into cash. Returns whether that
         was all; of a position that is far behind, the first epochs are written back.
    """
    state: ledger.Market = ledger._market(market)
    settled: bool = state.status & ledger.SETTLED != 0
    if settled and outages._converts(state.status, ledger.outage_words[market]):
        position: ledger.Position = ledger._position(account, market)
        if adl_index._member(market, position, state.funding_index).current:
            self._convert(account, market, state)
            return True
    return self._sync(account, market, state)


@internal
def _convert(account: uint256, market: uint256, state: ledger.Market):
    """
    @dev Turns a position into cash at the final mark. All of a market's positions do so at one price, so what one
         gains beyond its cash others lose, but for a wei each and the market's dust.
    """
    before: Before = self._before(account, market, state)
    if before.position.shares == 0:
        return
    owner: ledger.Account = ledger._account(account)
    worth: int256 = fixed_point._value_down(before.size, state.mark)
    self._shrink(account, owner, market, state, before, 0, worth, 0)
    if before.size != 0:
        log IClearinghouse.PositionSettled(
            account=account, market=market, size=before.size, price=state.mark
        )
