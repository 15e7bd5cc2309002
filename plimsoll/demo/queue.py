"""The ADL queue of a market side as the ledger shows it, with the names behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.demo.stage import Stage
from plimsoll.scenario import LEVERAGE_CLASSES

MOST_BUCKETS: Final = 64  # the ledger shows at most so many


@dataclass(frozen=True)
class Bucket:
    """Positions of one leverage class and entry tick; re-matched together, in rank order."""

    rank: int  # 1 is re-matched first
    key: int
    leverage: int  # of the class
    worst_entry: int  # wad, no member's is worse
    score: int  # ray: return on entry times leverage
    size: int  # wad
    members: tuple[str, ...]


def read_queue(stage: Stage, market: int, *, long: bool) -> tuple[Bucket, ...]:
    """Everybody on a side, bucket by bucket, in the order of re-matching at the mark now."""
    client, clearinghouse = stage.client, stage.client.clearinghouse
    entries = clearinghouse.read("adl_queue", market, long, MOST_BUCKETS)
    people = [person for person in stage.people if market in stage.markets_of(person)]
    legs = client.legs([(person.account, market) for person in people])
    there = [
        person
        for person, leg in zip(people, legs, strict=True)
        if leg["size"] != 0 and (leg["size"] > 0) == long
    ]
    places = [(person.account, market) for person in there]
    ranks = client.read_many(clearinghouse, "adl_rank", places)
    members: dict[int, list[str]] = {}
    for person, rank in zip(there, ranks, strict=True):
        members.setdefault(rank["buckets_ahead"], []).append(person.name)
    return tuple(
        Bucket(
            rank=place + 1,
            key=entry["key"],
            leverage=LEVERAGE_CLASSES[entry["leverage_class"]],
            worst_entry=entry["worst_entry"],
            score=entry["score_ray"],
            size=entry["size"],
            members=tuple(members.get(place, ())),
        )
        for place, entry in enumerate(entries)
    )
