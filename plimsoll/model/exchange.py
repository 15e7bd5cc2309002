"""The exchange: settles orders against each other, keeps fills, cancellations and agents.

A batch refuses with its place in front: "#3 " for match 3, "@2 " for order 2. With one match the
reasons are plain. Sizes are wad; senders are lower-case addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plimsoll.model import margin, prices, resolution, snapshot, takes, trading
from plimsoll.model.orders import Offer, Seal, is_live, match, order_hash, refuse, verify
from plimsoll.model.state import (
    FINE,
    SIZE_BOUND_WAD,
    Agent,
    Refused,
    World,
    owner_of,
    require,
)
from plimsoll.orders import CANCELLED, NOBODY, Flags, Match, Order

MAX_ORDERS: Final = 16
MAX_EXPIRY: Final = 2**64 - 1  # stored of an agent's expiry that is larger,
MAX_SIZE_WAD: Final = 2**128 - 1  # and of its largest order
NO_REASON: Final = "call: no reason"  # what a batch says of a call that reverts without one


# --- settlement -----------------------------------------------------------------------------


def settle_one(world: World, sender: str, maker: Offer, taker: Offer, size_wad: int) -> None:
    """Settle one pair of orders, in either order; reasons are plain."""
    _settle_pair(world, sender, maker, taker, size_wad, 0, 0)


def settle(world: World, sender: str, orders: Sequence[Offer], matches: Sequence[Match]) -> None:
    """Settle matches of up to 16 orders, all or none."""
    _check_lengths(orders, matches)
    several = len(matches) > 1
    before = []
    for i, offer in enumerate(orders):
        place = f"@{i} " if several else ""
        before.append(verify(world, offer, sender, Flags.NONE, place))
        _check_trigger(world, offer.order, place)
    used = list(before)
    for i, pair in enumerate(matches):
        place = f"#{i} " if several else ""
        _check_match(pair, orders, place)
        fill = match(
            orders[pair.maker].order,
            orders[pair.taker].order,
            pair.size,
            used[pair.maker],
            used[pair.taker],
            place,
        )
        used[pair.maker] += pair.size
        used[pair.taker] += pair.size
        _trade(world, fill, place)
    for i, offer in enumerate(orders):
        if used[i] != before[i] and _has_record(offer):
            digest = order_hash(world, offer.order)
            if world.filled_wad.get(digest, 0) != before[i]:
                raise refuse(f"@{i} ", "order: given twice")
            world.filled_wad[digest] = used[i]


def try_settle(world: World, sender: str, orders: Sequence[Offer], matches: Sequence[Match]) -> int:
    """Settle the matches that can be settled, one after the other; returns their number.

    A match that fails leaves no trace. Running out of gas is not modelled.
    """
    _check_lengths(orders, matches)
    used = [0] * len(orders)
    settled = 0
    for i, pair in enumerate(matches):
        _check_match(pair, orders, f"#{i} ")
        before = snapshot.save(world)
        try:
            _settle_pair(
                world,
                sender,
                orders[pair.maker],
                orders[pair.taker],
                pair.size,
                used[pair.maker],
                used[pair.taker],
            )
        except Refused:
            snapshot.restore(world, before)
            continue
        used[pair.maker] += pair.size
        used[pair.taker] += pair.size
        settled += 1
    return settled


def take_with_order(world: World, sender: str, offer: Offer, account: int, size_wad: int) -> int:
    """Take over a slice of a position under liquidation for a signed liquidation-only order.

    Returns the size taken (wad), which may be less than asked for.
    """
    order = offer.order
    already = verify(world, offer, sender, Flags.LIQUIDATION_ONLY, "")
    _check_trigger(world, order, "")
    require(order.counterparty in (0, account), "order: wrong counterparty")
    require(order.account >> 96 != account >> 96, "order: self trade")
    require(size_wad != 0, "match: zero size")
    require(size_wad <= abs(order.size) - already, "order: over filled")
    require(_is_held(world, order, account), "order: wrong side")
    taken = takes.take_for(world, order.account, account, order.market, size_wad, order.limit_price)
    if _has_record(offer):
        world.filled_wad[order_hash(world, order)] = already + taken
    return taken


def _settle_pair(
    world: World,
    sender: str,
    maker: Offer,
    taker: Offer,
    size_wad: int,
    maker_used: int,
    taker_used: int,
) -> None:
    """Settle one match; what was used before in this call counts for unsigned orders only."""
    maker_filled = verify(world, maker, sender, Flags.NONE, "")
    taker_filled = verify(world, taker, sender, Flags.NONE, "")
    _check_trigger(world, maker.order, "")
    _check_trigger(world, taker.order, "")
    maker_filled = max(maker_filled, maker_used)
    taker_filled = max(taker_filled, taker_used)
    fill = match(maker.order, taker.order, size_wad, maker_filled, taker_filled, "")
    if _has_record(maker):
        world.filled_wad[order_hash(world, maker.order)] = maker_filled + size_wad
    if _has_record(taker):
        world.filled_wad[order_hash(world, taker.order)] = taker_filled + size_wad
    _trade(world, fill, "")


def _trade(world: World, fill: trading.Fill, place: str) -> None:
    """Trade, then re-test those who traded under liquidation, the maker first."""
    try:
        maker_started, taker_started = trading.trade(world, fill)
        if maker_started:
            resolution.touch(world, fill.maker, from_exchange=True)
        if taker_started:
            resolution.touch(world, fill.taker, from_exchange=True)
    except Refused as refusal:
        if place:
            raise refuse(place, refusal.reason or NO_REASON) from refusal
        raise


def _check_lengths(orders: Sequence[Offer], matches: Sequence[Match]) -> None:
    """Longer lists are no valid arguments: the call reverts without a reason."""
    require(max(len(orders), len(matches)) <= MAX_ORDERS, "")


def _check_match(pair: Match, orders: Sequence[Offer], place: str) -> None:
    """Raise unless the two numbers name orders of the call."""
    if max(pair.maker, pair.taker) >= len(orders):
        raise refuse(place, "match: no such order")


def _check_trigger(world: World, order: Order, place: str) -> None:
    """Raise unless the mark, read anew, has reached the trigger price; 0 is none."""
    if order.trigger_price == 0:
        return
    try:
        mark_wad, priced = prices.poke(world, order.market)
    except Refused as refusal:
        if place:
            raise refuse(place, refusal.reason or NO_REASON) from refusal
        raise
    if not priced:
        raise refuse(place, "order: no price for trigger")
    if order.flags & Flags.TRIGGER_ABOVE:
        met = mark_wad >= order.trigger_price
    else:
        met = mark_wad <= order.trigger_price
    if not met:
        raise refuse(place, "order: trigger not met")


def _is_held(world: World, order: Order, account: int) -> bool:
    """Whether the account holds the side that the order's sign says it takes over."""
    size_fine = margin.leg(world, account, order.market).size_fine
    if size_fine == 0 or (size_fine > 0) != (order.size > 0):
        return False
    return world.decide("order: wrong side", abs(size_fine) - FINE, SIZE_BOUND_WAD * FINE)


def _has_record(offer: Offer) -> bool:
    """Whether fills of the order are recorded: not of an unsigned one."""
    return offer.signed_by.seal is not Seal.NONE


# --- cancellation ---------------------------------------------------------------------------


def cancel(world: World, sender: str, order: Order) -> None:
    """Void one order; by the owner or any live agent."""
    if sender != owner_of(order.account):
        agent = world.agents.get((order.account, sender))
        require(is_live(world, agent), "cancel: not owner or agent")
    world.filled_wad[order_hash(world, order)] = CANCELLED


def cancel_below(world: World, sender: str, account: int, salt: int) -> None:
    """Void all signed orders with a lower salt."""
    require(sender == owner_of(account), "cancel: only owner")
    require(salt > world.cancelled_below.get(account, 0), "cancel: salt not higher")
    world.cancelled_below[account] = salt


# --- agents ---------------------------------------------------------------------------------


def set_agent(
    world: World,
    sender: str,
    account: int,
    agent: str,
    expiry: int,
    markets: int,
    max_size_wad: int,
) -> None:
    """Let a key trade until `expiry` (unix seconds), in `markets` (bitmap, 0: all)."""
    require(sender == owner_of(account), "agent: only owner")
    require(agent != NOBODY, "agent: zero address")
    require(expiry >= world.now, "agent: already expired")
    world.agents[(account, agent.lower())] = Agent(
        min(expiry, MAX_EXPIRY), markets, min(max_size_wad, MAX_SIZE_WAD)
    )


def revoke_agent(world: World, sender: str, account: int, agent: str) -> None:
    """Take a key's permit away; fine if it has none."""
    require(sender == owner_of(account), "agent: only owner")
    world.agents.pop((account, agent.lower()), None)
