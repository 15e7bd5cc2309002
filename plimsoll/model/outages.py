"""What a market remembers of its outages: when prices stopped, came back, and when grace is over.

docs/protocol.md section 6. An outage is the time in which a market had no price, or in which the
chain's sequencer was down and nobody could act. After one, nobody takes from an account or resolves
one in this market until the *grace* is over, so that losers may bring money: as long as the outage
was, at most half an hour, and at most an hour in a day. Nothing here knows the world.

Times are unix seconds, 0 stands for never.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

GRACE_MAX_SECONDS: Final = 1_800  # of one grace
GRACE_BUDGET_SECONDS: Final = 3_600  # of all graces in
GRACE_WINDOW_SECONDS: Final = 86_400  # so long from the first of them
GAP_SECONDS: Final = 300  # without a poke, after which the sequencer is asked
DEAD_SECONDS: Final = 259_200  # of an outage, after which anybody may wind the market down
SETTLE_WINDOW_SECONDS: Final = 3_600  # in which a settled market still resolves


@dataclass(frozen=True, slots=True)
class Outage:
    """The last outage of a market, the graces of the running day, and its end."""

    began: int = 0  # before `lost_at` if it began in the grace of another one, or in silence
    resumed: int = 0
    grace_until: int = 0  # 0 while there is no price
    window_start: int = 0  # of the day in which graces count
    granted: int = 0  # seconds of grace in it
    settled_at: int = 0
    lost_at: int = 0  # when a poke found no price any more


NO_OUTAGE: Final = Outage()
"""Of a market that never had one."""


def lost(outage: Outage, at: int, lost_at: int) -> Outage:
    """A market has no price since `at`, as a poke finds at `lost_at`.

    In a grace that is the old outage going on, and what was left of the grace is given back.
    """
    left = outage.grace_until - at
    if left <= 0:
        return replace(outage, began=at, grace_until=0, lost_at=lost_at)
    granted = outage.granted - min(outage.granted, left)
    return replace(outage, grace_until=0, granted=granted, lost_at=lost_at)


def ended(outage: Outage, resumed: int) -> Outage:
    """An outage is over, and its grace begins."""
    start, granted = outage.window_start, outage.granted
    if resumed >= start + GRACE_WINDOW_SECONDS:
        start, granted = resumed, 0
    seconds = resumed - outage.began
    grace = min(seconds, GRACE_MAX_SECONDS, GRACE_BUDGET_SECONDS - granted)
    return replace(
        outage,
        resumed=resumed,
        grace_until=resumed + grace,
        window_start=start,
        granted=granted + grace,
    )


def settled(outage: Outage, priced: bool, now: int) -> Outage:
    """The market is wound down: that ends a running outage, and a running grace."""
    if not priced:
        return replace(outage, resumed=now, grace_until=0, settled_at=now)
    return replace(outage, grace_until=min(outage.grace_until, now), settled_at=now)


def is_dead(outage: Outage, priced: bool, now: int) -> bool:
    """Whether there has been no price for so long that anybody may wind the market down."""
    return not priced and outage.lost_at != 0 and now - outage.lost_at >= DEAD_SECONDS


def is_settling(outage: Outage, now: int) -> bool:
    """Whether a settled market still resolves, and turns no position into cash yet."""
    return outage.settled_at != 0 and now < outage.settled_at + SETTLE_WINDOW_SECONDS


def converts(outage: Outage, now: int) -> bool:
    """Whether positions of a settled market become cash."""
    return outage.settled_at != 0 and not is_settling(outage, now)


def stop(outage: Outage, priced: bool, now: int) -> tuple[int, int]:
    """Since when and until when auction clocks stood still, the last time; zeros if never."""
    if outage.began == 0:
        return 0, 0
    if not priced and outage.settled_at == 0:
        return outage.began, now
    return outage.began, max(outage.resumed, outage.grace_until)
