"""Cover-2: do the buffers pay for the two accounts that would cost them most, up to which jump?

Definition. All prices jump at once, before anybody acts. Of all accounts below zero two default
together: those whose losses exceed most what their own brokers guarantee for them; without brokers,
those with the lowest equity. Survived: after these guarantees junior and senior vault, within their
reservations and limits of the day, reserve both losses in full, whichever is reserved first.
Winners, takers and the guaranty fund do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from plimsoll.shocks.buffers import Capital, Loss, reserve_all
from plimsoll.shocks.grid import LEAST_MOVE, MOST_MOVE, Shock
from plimsoll.shocks.holders import Holder
from plimsoll.shocks.reading import DryRun, Reader

DEFAULTERS: Final = 2
STEP: Final = 10_000
"""ppm between the joint shocks that are tried before the last step is halved."""


@dataclass(frozen=True)
class Cover:
    """The largest losers of a shock after guarantees, the largest first; amounts wad.

    What the vaults pay is for the order of reservations in which that is less; what brokers pay is
    the same in every order.
    """

    accounts: tuple[int, ...]
    losses: tuple[int, ...]  # whole, before guarantees
    brokers: int
    junior: int
    senior: int

    @property
    def loss(self) -> int:
        """Of both together."""
        return sum(self.losses)

    @property
    def uncovered(self) -> int:
        """What brokers and buffers would leave; an upper bound of what winners are asked for."""
        return self.loss - self.brokers - self.junior - self.senior

    @property
    def survived(self) -> bool:
        """Whether brokers and buffers pay both losses in full."""
        return self.uncovered == 0


@dataclass(frozen=True)
class Frontier:
    """How far all markets may jump together, in one direction, before cover-2 fails.

    `survived` is the last move (ppm, signed) in a row of survived ones from 0 on, None if cover-2
    fails without any shock. `failed` is the next one, None if the bound of a shock is survived.
    """

    survived: int | None
    failed: int | None


def loss_of(holder: Holder, run: DryRun) -> Loss:
    """An account's loss by its dry run."""
    return Loss(holder.account, run.loss, run.weights, holder.reserved, run.broker)


def cover_of(holders: Sequence[Holder], runs: Mapping[int, DryRun], capital: Capital) -> Cover:
    """Cover-2 at prices for which the dry runs (by account) of the largest losers are known."""
    losses = [loss_of(one, runs[one.account]) for one in holders]
    orders = (reserve_all(capital, order) for order in permutations(losses))
    parts = min(orders, key=lambda pairs: sum(map(sum, pairs)))
    return Cover(
        accounts=tuple(loss.account for loss in losses),
        losses=tuple(loss.amount for loss in losses),
        brokers=sum(loss.broker for loss in losses),
        junior=sum(junior for junior, _ in parts),
        senior=sum(senior for _, senior in parts),
    )


def largest_losers(holders: Sequence[Holder], prices: Mapping[int, int]) -> list[Holder]:
    """Of the accounts below zero at these prices those that leave most after their guarantees.

    The largest first; among those that leave as much, or nothing, the lower equity.
    """
    losses = {one.account: -one.equity_at(prices) for one in holders}
    below = (one for one in holders if losses[one.account] > 0)
    return sorted(
        below,
        key=lambda one: (max(losses[one.account] - one.lock, 0), losses[one.account]),
        reverse=True,
    )[:DEFAULTERS]


class Search:
    """Tries joint shocks."""

    def __init__(
        self,
        reader: Reader,
        holders: Sequence[Holder],
        marks: Mapping[int, int],
        capital: Capital,
    ) -> None:
        self._reader = reader
        self._holders = holders
        self._marks = marks
        self._capital = capital

    def survived(self, moves: Sequence[int]) -> list[bool]:
        """Whether cover-2 survives each of these joint moves (ppm)."""
        prices = [Shock(None, ppm).prices(self._marks) for ppm in moves]
        pairs = [largest_losers(self._holders, at) for at in prices]
        cases = [
            (one.account, one.assumed(at))
            for pair, at in zip(pairs, prices, strict=True)
            for one in pair
        ]
        runs = iter(self._reader.dry_runs(cases, "largest joint shock"))
        return [
            cover_of(pair, {one.account: next(runs) for one in pair}, self._capital).survived
            for pair in pairs
        ]

    def frontier(self, direction: int) -> Frontier:
        """How far all markets may rise (`direction` 1) or fall (-1) together."""
        bound = MOST_MOVE if direction > 0 else -LEAST_MOVE
        sizes = range(0, bound + 1, STEP)
        results = self.survived([direction * size for size in sizes])
        if all(results):
            return Frontier(direction * bound, None)
        first = results.index(False)
        if first == 0:
            return Frontier(None, 0)
        good, bad = sizes[first - 1], sizes[first]
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.survived([direction * middle])[0]:
                good = middle
            else:
                bad = middle
        return Frontier(direction * good, direction * bad)
