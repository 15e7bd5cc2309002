"""Price feeds: their rounds, which anybody writes on a test chain, the owner's rules, the price.

A feed is named by its market and its place in the market's list; answers have its own decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plimsoll.model.rounding import div_down
from plimsoll.model.state import PPM, Feed, FeedRules, Sequencer, World, require

MAX_MARKET: Final = 255
MAX_FEEDS: Final = 5
MAX_DECIMALS: Final = 18
MAX_HEARTBEAT_S: Final = 2 * 86_400
MAX_STALENESS_S: Final = 3 * 86_400
MIN_DEVIATION_PPM: Final = 1_000
MAX_DEVIATION_PPM: Final = 100_000
MAX_PRICE_WAD: Final = 2**96 - 1
NEVER: Final = 2**256 - 1  # a time that never comes


def set_round(world: World, market: int, place: int, answer: int, updated_at: int) -> None:
    """A new round of a test feed; a time of 0 is a round in progress."""
    require(-(2**191) <= answer < 2**191, "")
    require(0 <= updated_at < 2**64, "")
    feed = world.markets[market].feeds[place]
    feed.answer = answer
    feed.updated_at = updated_at


def set_sequencer(world: World, answer: int, started_at: int) -> None:
    """A new round of the sequencer's feed: 0 is up, since a time (unix seconds; 0: not valid)."""
    require(-(2**191) <= answer < 2**191, "")
    require(0 <= started_at < 2**64, "")
    world.sequencer = Sequencer(answer, started_at)


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


# --- reading ----------------------------------------------------------------------------------


def read(world: World, market: int) -> tuple[int, bool]:
    """Mark (wad) the feeds agree on now, and whether they do; (0, False) if not.

    None while the sequencer is down: the feeds tell of the time before.
    """
    if sequencer_up_since(world) == NEVER:
        return 0, False
    state = world.markets[market]
    fresh = []
    for feed, max_age_s in zip(state.feeds, state.rules.max_age_s, strict=True):
        updated_at = feed.updated_at
        if feed.broken or not 0 < feed.answer <= MAX_PRICE_WAD or updated_at == 0:
            continue
        price_wad = feed.answer * 10 ** (18 - feed.decimals)
        if price_wad <= MAX_PRICE_WAD and 0 <= world.now - updated_at <= max_age_s:
            fresh.append(price_wad)
    if len(state.feeds) == 1:
        return (fresh[0], True) if fresh else (0, False)
    return _agreed(fresh, state.rules)


def sequencer_up_since(world: World) -> int:
    """When the sequencer came up (unix seconds): 0 if there is none, `NEVER` while it is down."""
    sequencer = world.sequencer
    if sequencer is None:
        return 0
    up = sequencer.answer == 0 and 0 < sequencer.started_at <= world.now
    return sequencer.started_at if up else NEVER


def _agreed(prices_wad: list[int], rules: FeedRules) -> tuple[int, bool]:
    """Median of the prices near the median of all; no price unless a quorum is left."""
    if len(prices_wad) < rules.quorum:
        return 0, False
    middle = _median_wad(sorted(prices_wad))
    reach = div_down(middle * rules.max_deviation_ppm, PPM)
    kept = sorted(price for price in prices_wad if abs(price - middle) <= reach)
    if len(kept) < rules.quorum:
        return 0, False
    return _median_wad(kept), True


def _median_wad(ordered: list[int]) -> int:
    """Median of an ordered list; of an even number the mean of the middle two, rounded down."""
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else div_down(ordered[half - 1] + ordered[half], 2)
