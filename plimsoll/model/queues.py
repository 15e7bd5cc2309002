"""The ADL queue of a market: who is re-matched before whom.

A place's score is `roe = side * (mark - edge) / edge` at the worse edge of its tick, times the
leverage of its class for a profit, divided by it for a loss; highest first, ties to the higher
class, then to the better tick. Places that hold wei of rounding only (`Market.dust_wad`) stand
in the queue like others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import positions, prices
from plimsoll.model.state import (
    FINE,
    LEVERAGES,
    RAY,
    SIZE_BOUND_WAD,
    Market,
    Place,
    Position,
    Refused,
    World,
    require,
)

_SIZE_BOUND_FINE: Final = SIZE_BOUND_WAD * FINE

Members = list[tuple[int, Position]]  # account, leg


@dataclass(frozen=True, slots=True)
class Rank:
    """What stands before an account's position; sizes fine."""

    size_ahead_fine: int
    bucket_size_fine: int
    buckets_ahead: int
    score_ray: int


def places(world: World, market: int, long: bool) -> dict[Place, Members]:
    """Occupied places of one side with their members; none for a place that holds dust only."""
    found: dict[Place, Members] = {}
    for (account, where), leg in world.positions.items():
        if where == market and leg.size_fine and leg.long == long:
            found.setdefault(positions.place_of(leg), []).append((account, leg))
    for place, members in tuple(found.items()):
        # a few wei here may be none on the chain
        size = size_fine(members)
        if size <= _SIZE_BOUND_FINE and not world.decide(
            "queue: place holds size", size - FINE, _SIZE_BOUND_FINE
        ):
            del found[place]
    for place in world.markets[market].dust_wad:
        if place[0] == long:
            found.setdefault(place, [])
    return found


def size_fine(members: Members) -> int:
    """What the members hold together, not negative."""
    return sum(abs(leg.size_fine) for _, leg in members)


def score_ray(place: Place, mark_wad: int) -> int:
    """Queue score of a place; profits rounded down, losses too."""
    long, leverage_class, tick = place
    edge = positions.worse_edge(tick, long)
    roe = mark_wad - edge if long else edge - mark_wad
    leverage = LEVERAGES[leverage_class]
    if roe >= 0:
        return roe * RAY * leverage // edge
    return roe * RAY // (edge * leverage)


def ordered(found: dict[Place, Members], mark_wad: int) -> list[Place]:
    """Places in the order in which they are re-matched."""
    return sorted(
        found,
        key=lambda place: (
            -score_ray(place, mark_wad),
            -place[1],
            place[2] if place[0] else -place[2],
        ),
    )


def winning(found: dict[Place, Members], mark_wad: int) -> list[Place]:
    """Places whose tick lies in profit, in the order in which a haircut visits them."""
    chosen = []
    for place in found:
        edge = positions.worse_edge(place[2], place[0])
        if mark_wad > edge if place[0] else mark_wad < edge:
            chosen.append(place)
    return sorted(chosen, key=lambda place: (place[1], place[2] if place[0] else -place[2]))


def queue(world: World, market: int, long: bool) -> list[Place]:
    """The queue of a side at the mark of this block. Refused for an unknown market."""
    mark = prices.peek(world, market).mark_wad
    return ordered(places(world, market, long), mark)


def bucket_fine(market: Market, place: Place, members: Members) -> int:
    """Size of a place, dust included."""
    return size_fine(members) + (0 if members else market.dust_wad.get(place, 0) * FINE)


def rank(world: World, account: int, market: int) -> Rank:
    """What stands before an account's position in the queue of its side.

    Refused for an unknown market, without a position, and for one that ADL closed whole and
    whose place holds nobody any more.
    """
    mark = prices.peek(world, market).mark_wad
    require(positions.is_open(world, account, market), "adl: no position")
    state = world.markets[market]
    wanted = positions.place_of(world.position(account, market))
    found = places(world, market, wanted[0])
    ahead = 0
    for before, place in enumerate(ordered(found, mark)):
        size = bucket_fine(state, place, found[place])
        if place == wanted:
            return Rank(ahead, size, before, score_ray(place, mark))
        ahead += size
    raise Refused("adl: not in the queue")
