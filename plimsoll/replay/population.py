"""From the winners of the day to positions in markets.

The public per-account file says what each account held together, not in which coins; the
per-wave table says how much profit of winners each wave could reach. Both are kept: holdings
are dealt to markets so that each wave reaches as much profit as was published. With the waves'
published profits in ascending order a₁ ≤ a₂ ≤ …, market k gets a_k - a_(k-1) of profit, and the
wave of a_k hits the markets 1 to k. What no wave reaches is in one market more.

In every market the mark of the day's auto-deleveraging (ADL) is `MARK`. A holding of notional N
and profit p is a short of size N / MARK entered at MARK + p / size. A loss of a whole notional
and more cannot be a short's: such an account is a long, entered above the mark.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from plimsoll.replay.book import Day, Holding
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.units import WAD, div_down, div_up

MARK: Final = 100 * WAD
MIN_NOTIONAL: Final = 100 * WAD
"""Least that may be opened: a smaller position is opened by so much too large, and reduced."""

_LOWEST_ENTRY: Final = MARK // 1_000
_HIGHEST_ENTRY: Final = 10**9 * WAD
_SPARE: Final = WAD // 10**5
_SEED: Final = 20_251_010


@dataclass(frozen=True)
class Deal:
    """Which market every holding is in, and which markets every wave hits.

    Both are in the order of the day; a wave hits the markets 1 to its `reach`.
    """

    market_of: tuple[int, ...]
    reach: tuple[int, ...]
    markets: int


@dataclass(frozen=True)
class Seat:
    """How a holding is opened; `size`, prices and amounts in wad."""

    place: int
    """Of the holding in the day."""
    market: int
    long: bool
    size: int
    opened: int
    """What is opened first: `size`, or the least that may be opened beyond it."""
    entry: int
    leverage_class: int
    deposit: int
    """Margin that the opening needs, at least the account's cash."""
    excess: int
    """What of the deposit is not the account's and is taken out again afterwards."""
    equity: int
    """With this, at the mark of the ADL."""


def deal(day: Day, *, one_market: bool = False, seed: int = _SEED) -> Deal:
    """Assign every holding to a market; see the head of this file.

    Holdings are dealt by falling profit, each to a market drawn in proportion to the profit that
    it still lacks; so every market is a sample of the whole. Those without a profit are dealt
    in proportion to what the markets hold. If all holdings together have less profit than a wave
    could reach, all waves' shares shrink alike. `one_market` puts everybody into the first.
    """
    if one_market:
        return Deal((1,) * len(day.holdings), (1,) * len(day.waves), 1)
    total = sum(max(0, holding.profit) for holding in day.holdings)
    levels = sorted({wave.available for wave in day.waves})
    ends = [div_down(level * min(total, levels[-1]), levels[-1]) for level in levels]
    rooms = [end - start for start, end in zip([0, *ends], [*ends, total], strict=True)]
    lacking = list(rooms)
    lot = random.Random(seed)  # noqa: S311 - a draw that comes out the same again
    market_of = [0] * len(day.holdings)
    order = sorted(range(len(day.holdings)), key=lambda p: (-day.holdings[p].profit, p))
    for place in order:
        profit = day.holdings[place].profit
        market = _drawn(lot, lacking, profit) if profit > 0 else _drawn(lot, rooms, 0)
        market_of[place] = market + 1
        lacking[market] -= max(0, profit)
    reach = tuple(1 + levels.index(wave.available) for wave in day.waves)
    return Deal(tuple(market_of), reach, len(rooms))


def refusal(holding: Holding) -> str:
    """Why a holding cannot be opened; empty if it can."""
    if div_down(holding.notional * WAD, MARK) <= 0:
        return "no position"
    if _entry(holding)[0] > _HIGHEST_ENTRY:
        return "profit out of all proportion to the notional"
    return ""


def seat(holding: Holding, place: int, market: int) -> Seat:
    """How a holding is opened, unless there is a `refusal`.

    Its cash is its equity less its profit. It opens in the lowest leverage class that this cash
    allows; one that no class allows gets the margin of the highest for the opening.
    """
    size = div_down(holding.notional * WAD, MARK)
    entry, long = _entry(holding)
    least = div_up(MIN_NOTIONAL * WAD, entry)
    opened = size if size >= least else size + least
    cash = holding.equity - holding.profit
    leverage_class = _class_for(size * entry // WAD, cash)
    deposit = max(cash, _margin(opened * entry // WAD, leverage_class))
    return Seat(
        place=place,
        market=market,
        long=long,
        size=size,
        opened=opened,
        entry=entry,
        leverage_class=leverage_class,
        deposit=deposit,
        excess=deposit - cash,
        equity=holding.equity,
    )


def openable(day: Day) -> tuple[Day, tuple[tuple[int, str], ...]]:
    """The day with the holdings that can be opened; the numbers of the others with the reason."""
    reasons = [(one.number, why) for one in day.holdings if (why := refusal(one))]
    kept = tuple(one for one in day.holdings if not refusal(one))
    return replace(day, holdings=kept), tuple(reasons)


def seats(day: Day, table: Deal) -> list[Seat]:
    """The seats of a day whose holdings can all be opened."""
    return [seat(one, place, table.market_of[place]) for place, one in enumerate(day.holdings)]


def _entry(holding: Holding) -> tuple[int, bool]:
    """Where a holding was entered (wad), and whether it is a long."""
    size = div_down(holding.notional * WAD, MARK)
    entry = MARK + div_down(holding.profit * WAD, size)
    if entry >= _LOWEST_ENTRY:
        return entry, False
    return MARK + div_up(-holding.profit * WAD, size), True


def _class_for(notional: int, cash: int) -> int:
    """The lowest class in which the cash opens a position of `notional`, else the highest."""
    classes = range(len(LEVERAGE_CLASSES))
    return next((one for one in classes if _margin(notional, one) <= cash), classes[-1])


def _margin(notional: int, leverage_class: int) -> int:
    """What opens a position, with a little for rounding."""
    return div_up(notional, LEVERAGE_CLASSES[leverage_class]) + _SPARE


def _drawn(lot: random.Random, rooms: Sequence[int], profit: int) -> int:
    """A place drawn in proportion to its room, if it has room for `profit`; else the roomiest."""
    open_rooms = [room if room >= profit else 0 for room in rooms]
    total = sum(open_rooms)
    if total <= 0:
        return max(range(len(rooms)), key=lambda place: rooms[place])
    ticket = lot.randrange(total)
    for place, room in enumerate(open_rooms):
        ticket -= room
        if ticket < 0:
            return place
    raise AssertionError("a ticket is less than the sum")
