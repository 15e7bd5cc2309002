"""Three ways to spread a loss, simulated in whole numbers on the winners of the day.

A policy takes profit from the winners that a wave reaches, wave after wave; prices stand still,
so what it has not taken is there in the next wave. Which winners a wave reaches is the same as
on chain (`population.deal`). Giving up a part of one's profit is the same as being closed
at one's entry price for that part of the position, and so the part is both: the haircut, and
what the position shrinks by.

- *queue*: accounts in the order of profit / equity, which is PnL % of notional times notional /
  equity, are closed whole until the loss is covered;
- *size*: everybody pays in proportion to position size, nobody more than the profit; what
  that leaves open is spread over the others;
- *profit*: everybody pays in proportion to profit.

Hyperliquid documents another rank, (mark / entry) x (notional / account value) of each position,
and the leverage of the public file's own column gives a third. The venue closed contracts at the
bankruptcy prices of those who had lost, which takes less than the whole profit of an account; its
published figures stand beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from plimsoll.replay.book import Day, Holding, Wave
from plimsoll.replay.population import Deal
from plimsoll.replay.settings import Kind
from plimsoll.units import WAD, div_down

Charges = dict[int, int]  # place of a holding -> wad it pays


@dataclass(frozen=True)
class PolicyWave:
    """What a policy did in one wave; amounts and shares in wad, shares of own profit."""

    wave: int
    needed: int
    taken: int
    available: int  # profit of the winners it reaches, right before
    largest: int
    median: int  # of those who paid
    accounts: int  # who paid
    recirculation: int  # paid by accounts that thereby have less than nothing

    @property
    def overshoot(self) -> int:
        """Taken beyond what was needed; negative if too little was taken."""
        return self.taken - self.needed


@dataclass(frozen=True)
class Simulation:
    """A whole day under one policy; `paid` (wad) and `closed` (part, wad) per holding."""

    waves: tuple[PolicyWave, ...]
    paid: tuple[int, ...]
    closed: tuple[int, ...]


class _Winners:
    """What is left of everybody's profit. Holdings without one are never charged."""

    def __init__(self, holdings: Sequence[Holding]) -> None:
        self.holdings = holdings
        self.profit = [max(0, holding.profit) for holding in holdings]

    def sorted_by(self, rank: Callable[[Holding], Any]) -> list[int]:
        """Places of all who have a profit, in ascending order of `rank`."""
        places = (place for place, left in enumerate(self.profit) if left > 0)
        return sorted(places, key=lambda place: rank(self.holdings[place]))

    def size(self, place: int) -> int:
        """Notional that is left: it went in step with the profit."""
        one = self.holdings[place]
        return div_down(one.notional * self.profit[place], one.profit)


def simulate(day: Day, table: Deal, kind: Kind) -> Simulation:
    """The day under a simulated policy: `queue`, `size` or `profit`."""
    winners = _Winners(day.holdings)
    rule = _RULES[kind]
    order = winners.sorted_by(rule.rank)
    paid = [0] * len(day.holdings)
    waves = []
    for wave, reach in zip(day.waves, table.reach, strict=True):
        places = [p for p in order if table.market_of[p] <= reach and winners.profit[p] > 0]
        waves.append(_play(wave, winners, places, rule.spread(winners, places, wave.needed), paid))
    return Simulation(
        waves=tuple(waves),
        paid=tuple(paid),
        closed=tuple(
            div_down(amount * WAD, one.profit) if amount else 0
            for amount, one in zip(paid, day.holdings, strict=True)
        ),
    )


def _play(
    wave: Wave, winners: _Winners, places: Sequence[int], charges: Charges, paid: list[int]
) -> PolicyWave:
    """Charge the winners and note what it meant."""
    available = sum(winners.profit[place] for place in places)
    shares = sorted(div_down(a * WAD, winners.profit[place]) for place, a in charges.items())
    broke = 0
    for place, amount in charges.items():
        before = winners.holdings[place].equity - paid[place]
        paid[place] += amount
        winners.profit[place] -= amount
        if before >= 0 > before - amount:
            broke += amount
    return PolicyWave(
        wave=wave.number,
        needed=wave.needed,
        taken=sum(charges.values()),
        available=available,
        largest=shares[-1] if shares else 0,
        median=middle(shares),
        accounts=len(charges),
        recirculation=broke,
    )


def middle(ranked: Sequence[int]) -> int:
    """The median of ascending numbers, the lower one of two; 0 of none."""
    return ranked[(len(ranked) - 1) // 2] if ranked else 0


# --- the three rules ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """In which order a rule looks at winners, and how it spreads a loss over those of a wave."""

    rank: Callable[[Holding], Any]
    spread: Callable[[_Winners, Sequence[int], int], Charges]


def _by_profit_on_equity(one: Holding) -> tuple[bool, Fraction]:
    """Profit / equity, the most first.

    An account with nothing but its profit, or less, has no bound on its leverage and leads.
    """
    if one.equity <= 0:
        return False, Fraction(-one.profit)
    return True, Fraction(-one.profit, one.equity)


def _queue(winners: _Winners, places: Sequence[int], needed: int) -> Charges:
    charges: Charges = {}
    taken = 0
    for place in places:
        if taken >= needed:
            break
        charges[place] = winners.profit[place]
        taken += winners.profit[place]
    return charges


def _by_margin(one: Holding) -> Fraction:
    """Profit per size, the least first: who runs out first. No charge changes it."""
    return Fraction(one.profit, one.notional)


def _on_size(winners: _Winners, places: Sequence[int], needed: int) -> Charges:
    sizes = [winners.size(place) for place in places]
    total = sum(sizes)
    charges: Charges = {}
    rest = needed
    for index, place in enumerate(places):
        # at an even rate the rest is more than this account has: it pays all it has
        if rest * sizes[index] < winners.profit[place] * total:
            return charges | _proportional(rest, places[index:], sizes[index:])
        charges[place] = min(rest, winners.profit[place])
        rest -= charges[place]
        total -= sizes[index]
    return charges


def _on_profit(winners: _Winners, places: Sequence[int], needed: int) -> Charges:
    weights = [winners.profit[place] for place in places]
    return _proportional(min(needed, sum(weights)), places, weights)


def _proportional(amount: int, places: Sequence[int], weights: Sequence[int]) -> Charges:
    """`amount` to the last wad in proportion to the weights: differences of rounded-down sums."""
    total = sum(weights)
    charges: Charges = {}
    running = before = 0
    for place, weight in zip(places, weights, strict=True):
        running += weight
        so_far = div_down(amount * running, total)
        if so_far > before:
            charges[place] = so_far - before
        before = so_far
    return charges


_RULES: Final[dict[str, _Rule]] = {
    "queue": _Rule(_by_profit_on_equity, _queue),
    "size": _Rule(_by_margin, _on_size),
    "profit": _Rule(lambda one: one.notional, _on_profit),
}
