"""Amounts that are forgotten in straight lines of a day to 28 hours.

They end at multiples of four hours. Amounts are wad, rates wei per second, times unix seconds.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import Rolling, World, require

WINDOW_S: Final = 86_400
MARK_S: Final = 14_400  # an amount is forgotten at a multiple of four hours
_RATE_MAX: Final = 2**80 - 1


def left_of(world: World, amount: int, since: int) -> int:
    """What has not been forgotten of an amount counted at `since`."""
    end, rate = line(amount, since)
    return rate * max(0, end - world.now)


def line(amount: int, since: int) -> tuple[int, int]:
    """When an amount is forgotten, and how fast, wei per second."""
    end = div_up(since + WINDOW_S, MARK_S) * MARK_S
    return end, div_up(amount, end - since)


def left(world: World, amounts: Rolling) -> int:
    """What has not been forgotten of all of them."""
    return sum(rate * (end - world.now) for end, rate in amounts.rates if end > world.now)


def with_more(world: World, amounts: Rolling, amount: int) -> Rolling:
    """An amount more, counted from now on."""
    return shifted(world, amounts, *line(amount, world.now))


def with_down(world: World, amounts: Rolling, amount: int) -> Rolling:
    """An amount more that widens a limit: forgotten at the last mark within a day."""
    end = div_down(world.now + WINDOW_S, MARK_S) * MARK_S
    rate = dict(amounts.rates).get(end, 0)
    more = min(div_down(amount, end - world.now), _RATE_MAX - rate)
    return shifted(world, amounts, end, more)


def shifted(world: World, amounts: Rolling, end: int, change: int) -> Rolling:
    """Another rate for one end; what has been forgotten is dropped."""
    rates = {other: rate for other, rate in amounts.rates if other > world.now}
    rate = rates.pop(end, 0) + change
    require(rate <= _RATE_MAX, "limit: amount too large")
    if rate != 0:
        rates[end] = rate
    return Rolling(tuple(rates.items()))
