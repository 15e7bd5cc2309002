"""Price feeds: their rounds, which anybody writes on a test chain, and the owner's rules for them.

A feed is named by its market and its place in the market's list; answers have its own decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plimsoll.model.state import Feed, FeedRules, World, require

MAX_MARKET: Final = 255
MAX_FEEDS: Final = 5
MAX_DECIMALS: Final = 18
MAX_HEARTBEAT_S: Final = 2 * 86_400
MAX_STALENESS_S: Final = 3 * 86_400
MIN_DEVIATION_PPM: Final = 1_000
MAX_DEVIATION_PPM: Final = 100_000
MAX_PRICE_WAD: Final = 2**96 - 1


def set_round(world: World, market: int, place: int, answer: int, updated_at: int) -> None:
    """A new round of a test feed; a time of 0 is a round in progress."""
    require(-(2**191) <= answer < 2**191, "")
    require(0 <= updated_at < 2**64, "")
    feed = world.markets[market].feeds[place]
    feed.answer = answer
    feed.updated_at = updated_at


def set_market(
    world: World,
    market: int,
    choices: Sequence[tuple[int, int, int]],
    quorum: int,
    max_deviation_ppm: int,
) -> None:
    """Replace the feed list of a market.

    `choices` are (place in the list so far, heartbeat, staleness in seconds): feeds may be
    reordered and dropped, and their times changed.
    """
    require(len(choices) <= MAX_FEEDS, "")
    require(0 < market <= MAX_MARKET, "market: id out of range")
    require(len(choices) != 0, "feeds: none given")
    require(quorum <= len(choices), "quorum: above feed count")
    require(2 * quorum > len(choices), "quorum: not a majority")
    require(MIN_DEVIATION_PPM <= max_deviation_ppm <= MAX_DEVIATION_PPM, "deviation: out of bounds")
    known = world.markets[market].feeds
    chosen: list[Feed] = []
    for i, (place, heartbeat_s, staleness_s) in enumerate(choices):
        require(place not in [before for before, _, _ in choices[:i]], "feed: duplicate")
        require(0 < heartbeat_s <= MAX_HEARTBEAT_S, "feed: heartbeat out of bounds")
        require(staleness_s <= MAX_STALENESS_S, "feed: staleness too long")
        require(2 * staleness_s >= 3 * heartbeat_s, "feed: staleness too short")
        feed = known[place]
        require(feed.decimals <= MAX_DECIMALS, "feed: more than 18 decimals")
        require(not feed.broken and _is_price(feed), "feed: no valid answer")
        chosen.append(feed)
    world.markets[market].feeds = chosen
    world.markets[market].rules = FeedRules(
        max_age_s=tuple(staleness_s for _, _, staleness_s in choices),
        quorum=quorum,
        max_deviation_ppm=max_deviation_ppm,
    )


def _is_price(feed: Feed) -> bool:
    """Whether the answer is a price, however old."""
    scale: int = 10 ** (MAX_DECIMALS - feed.decimals)
    return 0 < feed.answer * scale <= MAX_PRICE_WAD
