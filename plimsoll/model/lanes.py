"""The two lanes of started accounts: by start time, and those whose loss was seen not to fit.

A place is a number from 1 on. Leaving a lane writes a hole (account 0); the head passes holes for
good, but only so many in one call, so the model keeps the holes. `main_lane` and `urgent_lane` of
the world hold place p at index p - 1.
"""

from __future__ import annotations

from plimsoll.model.state import World

QUEUE_MAX = 64  # places `queue` shows at most


def append(world: World, urgent: bool, account: int) -> int:
    """Put the account last; its place."""
    entries = world.urgent_lane if urgent else world.main_lane
    entries.append(account)
    if head(world, urgent) == 0:
        _set_head(world, urgent, 1)
    return len(entries)


def remove(world: World, urgent: bool, place: int) -> None:
    """Leave a hole; the head passes a hole it stands on at once."""
    entries = world.urgent_lane if urgent else world.main_lane
    entries[place - 1] = 0
    if head(world, urgent) == place:
        _set_head(world, urgent, place + 1)


def pass_holes(world: World, urgent: bool, most: int) -> int:
    """Move the head to the first entry, over at most `most` holes; the place it has reached."""
    entries = world.urgent_lane if urgent else world.main_lane
    place = head(world, urgent)
    stop = min(place + most, end(world, urgent))
    while place < stop and entries[place - 1] == 0:
        place += 1
    _set_head(world, urgent, place)
    return place


def at(world: World, urgent: bool, place: int) -> int:
    """Account at a place; 0 for a hole and outside the lane."""
    entries = world.urgent_lane if urgent else world.main_lane
    return entries[place - 1] if 1 <= place <= len(entries) else 0


def is_occupied(world: World, urgent: bool) -> bool:
    """Whether an account stands in a lane; holes are none."""
    return any(
        (world.urgent_lane if urgent else world.main_lane)[max(head(world, urgent) - 1, 0) :]
    )


def head(world: World, urgent: bool) -> int:
    """First place not passed yet; 0 while nobody was ever in the lane."""
    return world.urgent_head if urgent else world.main_head


def end(world: World, urgent: bool) -> int:
    """First free place; 0 while nobody was ever in the lane."""
    entries = world.urgent_lane if urgent else world.main_lane
    return len(entries) + 1 if entries else 0


def queue(world: World, place: int, count: int) -> list[int]:
    """Accounts at up to `count` (at most 64) places of the main lane from `place` on."""
    return [at(world, False, place + i) for i in range(min(count, QUEUE_MAX))]


def bounds(world: World) -> tuple[int, int, int, int]:
    """Head and end of the main lane, then of the urgent one."""
    return head(world, False), end(world, False), head(world, True), end(world, True)


def _set_head(world: World, urgent: bool, place: int) -> None:
    """Store a lane's head."""
    if urgent:
        world.urgent_head = place
    else:
        world.main_head = place
