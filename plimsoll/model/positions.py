"""Positions: their entries as the chain writes them, their places in the ADL queue, touches.

A leg stands in the place (side, leverage class, entry tick) it was given when it was last
touched, whatever haircuts have done to its entry since. A touch writes the entry down anew,
rounded to the worse side, and moves the leg to the place of that entry.

A leg that ADL closed whole has size 0 and stays in its account's list of markets until it is
touched: being in that list, not having a size, is what makes a position "open".
"""

from __future__ import annotations

from typing import Final

from plimsoll.model import outages, prices
from plimsoll.model.rounding import div_down
from plimsoll.model.state import (
    FINE,
    MAX_MARKETS,
    RAY,
    SIZE_BOUND_WAD,
    WAD,
    Account,
    Epoch,
    Market,
    Place,
    Position,
    World,
    require,
)

MAX_ENDS: Final = 8  # a touch follows at most so many ends of epochs
ENTRY_PARTS: Final = 2**31  # one step of an entry's code is less than such a part of it

_MANTISSA_BITS: Final = 33
_MANTISSA: Final = 2**33
_TICK_SHIFT: Final = 27
_CODE_MAX: Final = 2**40 - 1
_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE
_FRESH: Final = Epoch()


# --- entries --------------------------------------------------------------------------------


def encode_entry(price_wad: int, up: bool) -> int:
    """Code of an entry price: exponent and 33 mantissa bits, up for longs, down for shorts."""
    require(price_wad != 0, "entry: zero price")
    exponent = price_wad.bit_length() - 1
    base = (exponent - 1) << _MANTISSA_BITS
    if exponent <= _MANTISSA_BITS:
        return base + (price_wad << (_MANTISSA_BITS - exponent))
    shift = exponent - _MANTISSA_BITS
    significand = price_wad >> shift
    code = base + significand
    if up and significand << shift != price_wad:
        code += 1
    require(code <= _CODE_MAX, "entry: price too large")
    return code


def decode_entry(code: int) -> int:
    """Price (wad) of an entry code."""
    return ((_MANTISSA | code & (_MANTISSA - 1)) << (code >> _MANTISSA_BITS)) >> _MANTISSA_BITS


def tick_of(code: int) -> int:
    """Entry tick of a code: its exponent and the first 6 mantissa bits."""
    return code >> _TICK_SHIFT


def worse_edge(tick: int, long: bool) -> int:
    """Upper edge (wad) of a tick for longs, lower edge for shorts."""
    return decode_entry((tick + long) << _TICK_SHIFT)


def entry_code(entry_fine: int, long: bool) -> int:
    """Code of an exact entry: what a touch would write."""
    return encode_entry(-(-entry_fine // FINE) if long else entry_fine // FINE, long)


def entry_wad(leg: Position) -> int:
    """Entry of a leg as the chain shows it and as a fill counts with it; 0 without size."""
    return decode_entry(entry_code(leg.entry_fine, leg.long)) if leg.size_fine else 0


# --- what may be done with a leg now ----------------------------------------------------------


def is_open(world: World, account: int, market: int) -> bool:
    """Whether the account has a position there, even one that ADL has closed meanwhile."""
    owner = world.accounts.get(account)
    return owner is not None and market in owner.markets


def place_of(leg: Position) -> Place:
    """Where a leg stands in the queue of its market."""
    return leg.long, leg.leverage_class, leg.tick


def is_current(world: World, account: int, market: int) -> bool:
    """Whether a touch could follow the leg's place to the epoch of now."""
    epochs = world.markets[market].epochs
    if not epochs or not is_open(world, account, market):
        return True
    leg = world.position(account, market)
    return epochs.get(place_of(leg), _FRESH).number - leg.epoch <= MAX_ENDS


def require_unlocked(market: Market, long: bool) -> None:
    """Refuse while a haircut sums or charges this side."""
    require(not (market.locked_longs if long else market.locked_shorts), "adl: side locked")


def inspect(world: World, account: int, market: int) -> Position:
    """The leg, flat or not; refused while it lags behind or its side is locked."""
    leg = world.position(account, market)
    require(is_current(world, account, market), "adl: sync first")
    if is_open(world, account, market):
        require_unlocked(world.markets[market], leg.long)
    return leg


def snapped(world: World, size_fine: int) -> int:
    """The size, 0 if it is less than a wei; near that the chain's rounding may decide otherwise."""
    size = abs(size_fine)
    if size > _SIZE_BOUND_FINE:
        return size_fine
    return 0 if world.decide("position: gone", FINE - 1 - size, _SIZE_BOUND_FINE) else size_fine


# --- changes ----------------------------------------------------------------------------------


def change(
    world: World,
    account: int,
    market: int,
    new_size_fine: int,
    entry_fine: int,
    leverage_class: int,
) -> None:
    """Give an account's leg another size, entry and class; its place follows.

    The entry is rounded to the worse side as the chain stores it. No cash moves. Refused if the
    account has too many markets, while a haircut works on the old or the new side, and if the
    leg lags behind its place's epochs.
    """
    owner = world.account(account)
    inspect(world, account, market)
    if new_size_fine == 0:
        _remove(owner, world.position(account, market), market)
        return
    if market not in owner.markets:
        limit = 1 if owner.isolated else MAX_MARKETS
        require(len(owner.markets) < limit, "account: too many markets")
        owner.markets = (*owner.markets, market)
    require_unlocked(world.markets[market], new_size_fine > 0)
    leg = world.position(account, market)
    leg.long = new_size_fine > 0
    _put(world, account, market, leg, new_size_fine, entry_fine, leverage_class)


def shrink(world: World, account: int, market: int, size_fine: int, gone: bool) -> None:
    """Leave `size_fine` of a leg, which may be 0 and yet not `gone`: wei the chain has left."""
    leg = world.position(account, market)
    if gone:
        _remove(world.account(account), leg, market)
    else:
        _put(world, account, market, leg, size_fine, leg.entry_fine, leg.leverage_class)


def touch(world: World, account: int, market: int) -> bool:
    """Write back what ADL did to a leg: its entry is rounded, its place follows.

    Nothing happens without a position; a leg far behind follows eight ends of epochs only. Returns
    whether that was all. Refused while a haircut works on its side.
    """
    if not is_open(world, account, market):
        return True
    state = world.markets[market]
    leg = world.position(account, market)
    require_unlocked(state, leg.long)
    if leg.size_fine and not is_current(world, account, market):
        leg.epoch += MAX_ENDS
        return False
    size = leg.size_fine
    gone = abs(size) <= _SIZE_BOUND_FINE and world.decide(
        "position: gone", FINE - 1 - abs(size), _SIZE_BOUND_FINE
    )
    shrink(world, account, market, size, gone)
    return True


def sync(world: World, account: int, market: int) -> bool:
    """The public call: poke the market and touch one leg; False if it was far behind.

    The leg of a settled market is turned into cash at the final mark once its window is over.
    Refused for an unknown market, for the account of the frozen resolve and while a haircut
    works on the leg's side.
    """
    prices.poke(world, market)
    owner = world.accounts.get(account)
    require(owner is None or not owner.locked, "account: locked")
    if not touch(world, account, market):
        return False
    state = world.markets[market]
    # a frozen resolve may still charge the winners of a settled market, and ends first
    if outages.converts(state.outage, world.now) and not state.funding_frozen:
        cash_out(world, account, market)
    return True


def cash_out(world: World, account: int, market: int) -> None:
    """Turn a leg of a settled market into cash at the final mark; nothing without a position."""
    if not is_open(world, account, market):
        return
    owner, leg = world.account(account), world.position(account, market)
    owner.cash_fine += div_down(leg.size_fine * world.markets[market].mark_wad, WAD)
    _remove(owner, leg, market)


# --- places -----------------------------------------------------------------------------------


def close_part(market: Market, place: Place, left_ray: int) -> None:
    """Note that `left_ray` of a place's size is left; next to nothing starts a new epoch."""
    epoch = market.epochs.get(place, _FRESH)
    left = epoch.left_ray * left_ray // RAY
    if left < RAY // 10**6:
        epoch = Epoch(epoch.number + 1)
    else:
        epoch = Epoch(epoch.number, left, epoch.charged)
    market.epochs = {**market.epochs, place: epoch}


def note_charge(market: Market, place: Place) -> None:
    """Note that a haircut moved the entries of a place: who joins starts a new epoch."""
    epoch = market.epochs.get(place, _FRESH)
    market.epochs = {**market.epochs, place: Epoch(epoch.number, epoch.left_ray, True)}


def worst_entry_fine(market: Market, place: Place) -> int:
    """No member's entry is worse than this."""
    worst = market.worst_fine.get(place)
    return worse_edge(place[2], place[0]) * FINE if worst is None else worst


def _remove(owner: Account, leg: Position, market: int) -> None:
    """Make a leg flat: its choice of class stays."""
    owner.markets = tuple(other for other in owner.markets if other != market)
    leg.size_fine = leg.entry_fine = leg.leverage_class = leg.tick = leg.epoch = 0
    leg.long = False


def _put(
    world: World,
    account: int,
    market: int,
    leg: Position,
    size_fine: int,
    entry_fine: int,
    leverage_class: int,
) -> None:
    """Write a leg down and let it join the place of its entry; its side is set already."""
    code = entry_code(entry_fine, leg.long)
    leg.size_fine = size_fine
    leg.entry_fine = decode_entry(code) * FINE
    leg.leverage_class = leverage_class
    leg.tick = code >> _TICK_SHIFT
    state = world.markets[market]
    place = (leg.long, leverage_class, leg.tick)
    leg.epoch = _join(world, market, state, place, account) if place in state.epochs else 0


def _join(world: World, market: int, state: Market, place: Place, account: int) -> int:
    """Epoch in which an account joins a place that saw ADL.

    An empty place forgets what haircuts did to it; one that is not starts a new epoch if there
    was a haircut in this one. What is left without members after an epoch's end may be wei of
    rounding or nothing: only the chain knows, until it has told.
    """
    epoch = state.epochs[place]
    others = sum(
        abs(world.positions[member, market].size_fine)
        for member in world.members(market, place)
        if member != account
    )
    alone = others <= _SIZE_BOUND_FINE
    dust = state.dust_wad.get(place) if alone else None
    surely = others == 0 and epoch.number == 0
    empty = alone and dust is None
    if empty and (surely or world.decide("place: empty", -others, _SIZE_BOUND_FINE)):
        state.worst_fine.pop(place, None)
        epoch = Epoch(epoch.number)
    elif epoch.charged:
        if dust == 0:
            state.worst_fine.pop(place, None)
        epoch = Epoch(epoch.number + 1)
    state.epochs = {**state.epochs, place: epoch}
    return epoch.number
