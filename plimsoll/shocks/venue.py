"""The whole venue under a table of shocks: who fails, who pays, and whether cover-2 holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.client import Client
from plimsoll.loss_weights import SHARES, unpack
from plimsoll.shocks.buffers import Capital, Loss, read_capital, reserve_all
from plimsoll.shocks.cover import Cover, Frontier, Search, cover_of, largest_losers, loss_of
from plimsoll.shocks.grid import Shock
from plimsoll.shocks.holders import Holder, Market, read_venue
from plimsoll.shocks.reading import DryRun, Progress, Reader, silent
from plimsoll.units import RAY, div_down, div_up

UP: Final = 1
DOWN: Final = -1


@dataclass(frozen=True)
class Custody:
    """Backing and claims behind the redemption rate; wad."""

    backing: int
    claims: int

    def rate(self, drawn: int, shortfall: int) -> int:
        """The redemption rate (ray, rounded down) after layers paid and a shortfall was booked."""
        brought = drawn if self.backing >= self.claims else drawn * self.backing // self.claims
        backing, claims = self.backing + brought, self.claims + drawn + shortfall
        return RAY if backing >= claims else div_down(backing * RAY, claims)


@dataclass(frozen=True)
class VenueRow:
    """The venue right after a shock, before anybody acts; amounts wad.

    `brokers` is what guarantees pay, each for its own account only, in every order; also for an
    account below zero that its shield still keeps from liquidation. The guaranty
    fund pays after the senior vault and is left out, so `uncovered` is an upper bound of what is
    left to winners and to the redemption rate.

    From `junior` on, every figure but `cover` holds if the largest loss is reserved first, and is
    no bound over other orders: where limits of markets bind, another order can make the vaults pay
    more or less in sum. In this order, and if the fund gives nothing, winners pay at most
    `winners_most` of what is left (`uncovered`); at least `shortfall_least` lowers everybody's
    redemption rate (ray), which ends between the two rates.
    """

    shock: Shock
    below_margin: tuple[int, ...]  # accounts
    below_zero: tuple[int, ...]  # accounts, the largest loss first
    loss: int
    brokers: int
    free: int  # buffers after limits: in the shocked market, or over all of them
    junior: int
    senior: int
    winners_most: int
    rate_least: int
    rate_most: int
    cover: Cover

    @property
    def uncovered(self) -> int:
        """What brokers, junior and senior leave to the fund, winners and the redemption rate."""
        return self.loss - self.brokers - self.junior - self.senior

    @property
    def shortfall_least(self) -> int:
        """What winners cannot pay, if the fund gives nothing."""
        return self.uncovered - self.winners_most


@dataclass(frozen=True)
class VenueView:
    """What shocks do to all accounts."""

    block: int
    time: int  # unix seconds
    markets: Mapping[int, Market]
    holders: tuple[Holder, ...]  # with positions
    capital: Capital
    custody: Custody
    rows: tuple[VenueRow, ...]
    largest_down: Frontier
    largest_up: Frontier


def venue_view(
    client: Client, accounts: Sequence[int], shocks: Sequence[Shock], progress: Progress = silent
) -> VenueView:
    """Try every shock on these accounts; those without a position are left out."""
    reader = Reader(client, progress)
    markets, everybody = read_venue(reader, accounts)
    holders = tuple(one for one in everybody if one.legs)
    capital = read_capital(reader, markets)
    custody = Custody(
        backing=reader.one(client.custody, "backing"), claims=reader.one(client.custody, "claims")
    )
    marks = {number: market.mark for number, market in markets.items()}
    prices = [shock.prices(marks) for shock in shocks]
    cases = [(one.account, one.assumed(at)) for at in prices for one in holders]
    runs = iter(reader.dry_runs(cases))
    rows = [
        _row(shock, at, holders, {one.account: next(runs) for one in holders}, capital, custody)
        for shock, at in zip(shocks, prices, strict=True)
    ]
    search = Search(reader, holders, marks, capital)
    return VenueView(
        block=reader.block,
        time=reader.time,
        markets=markets,
        holders=holders,
        capital=capital,
        custody=custody,
        rows=tuple(rows),
        largest_down=search.frontier(DOWN),
        largest_up=search.frontier(UP),
    )


def _row(
    shock: Shock,
    prices: Mapping[int, int],
    holders: Sequence[Holder],
    runs: Mapping[int, DryRun],
    capital: Capital,
    custody: Custody,
) -> VenueRow:
    below = [
        one for one in holders if runs[one.account].equity + one.shield < one.margins_at(prices)[1]
    ]
    failed = sorted(
        (one for one in holders if runs[one.account].loss),
        key=lambda one: -runs[one.account].loss,
    )
    losses = [loss_of(one, runs[one.account]) for one in failed]
    parts = reserve_all(capital, losses)
    total = sum(loss.amount for loss in losses)
    brokers = sum(loss.broker for loss in losses)
    junior = sum(part[0] for part in parts)
    senior = sum(part[1] for part in parts)
    uncovered = total - brokers - junior - senior
    # a guarantee that still shields its account is not drawn: nobody can start it
    open_to_all = {one.account for one in below}
    drawn = junior + senior + sum(loss.broker for loss in losses if loss.account in open_to_all)
    winners = min(uncovered, winners_most(losses, parts, _profits(holders, prices)))
    return VenueRow(
        shock=shock,
        below_margin=tuple(one.account for one in below),
        below_zero=tuple(loss.account for loss in losses),
        loss=total,
        brokers=brokers,
        free=sum(capital.free if shock.market is None else capital.free_in[shock.market]),
        junior=junior,
        senior=senior,
        winners_most=winners,
        rate_least=custody.rate(drawn, uncovered),
        rate_most=custody.rate(drawn, uncovered - winners),
        cover=cover_of(largest_losers(holders, prices), runs, capital),
    )


def _profits(holders: Sequence[Holder], prices: Mapping[int, int]) -> dict[tuple[int, bool], int]:
    """Profit of all winning positions by (market, whether they are short); wad."""
    found: dict[tuple[int, bool], int] = {}
    for one in holders:
        for leg in one.legs:
            side = leg.market.id, leg.size < 0
            found[side] = found.get(side, 0) + max(0, leg.profit(prices[leg.market.id]))
    return found


def winners_most(
    losses: Sequence[Loss],
    parts: Sequence[tuple[int, int]],
    profits: Mapping[tuple[int, bool], int],
) -> int:
    """At most this much of what is uncovered can be asked from winners (wad).

    Each market is asked for its share by the loss weights and pays no more than its profit.
    Re-matching realises profit on the way, so that later losses find less.
    """
    asked: dict[tuple[int, bool], int] = {}
    for loss, (junior, senior) in zip(losses, parts, strict=True):
        rest = loss.rest - junior - senior
        for weight in unpack(loss.weights):
            side = weight.market, not weight.short
            asked[side] = asked.get(side, 0) + div_up(rest * weight.share, SHARES)
    return sum(min(amount, profits.get(side, 0)) for side, amount in asked.items())
