"""One account under a table of shocks, and how far it is from liquidation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.client import Client
from plimsoll.errors import InputError
from plimsoll.shocks.buffers import Capital, read_capital
from plimsoll.shocks.grid import MOST_MOVE, Shock
from plimsoll.shocks.holders import Holder, Market, read_venue
from plimsoll.shocks.reading import DryRun, Progress, Reader, silent
from plimsoll.units import PPM

FARTHEST_FALL: Final = PPM - 1
FARTHEST_RISE: Final = 10 * MOST_MOVE
"""Bounds (ppm) of the search for the liquidation: to a millionth of the price, to eleven times."""


@dataclass(frozen=True)
class AccountRow:
    """An account after a shock; wad. `run` is what the contracts say."""

    shock: Shock
    run: DryRun
    shield: int  # of now: what a guarantee adds to own equity for maintenance margin
    im: int  # never too low, see `plimsoll.shocks.holders`
    mm: int

    @property
    def distance(self) -> int:
        """Own equity and shield above maintenance margin; below zero it may be liquidated."""
        return self.run.equity + self.shield - self.mm


@dataclass(frozen=True)
class Distance:
    """The least moves (ppm) that put an account below maintenance margin; None: none does.

    Its shield is counted, as for `AccountRow.distance`.
    `market` is None for all its markets together. 0: it is below already.
    """

    market: int | None
    fall: int | None
    rise: int | None


@dataclass(frozen=True)
class AccountView:
    """What shocks do to one account."""

    block: int
    time: int  # unix seconds
    markets: Mapping[int, Market]
    holder: Holder
    rows: tuple[AccountRow, ...]
    distances: tuple[Distance, ...]
    capital: Capital


def account_view(
    client: Client, account: int, shocks: Sequence[Shock], progress: Progress = silent
) -> AccountView:
    """Own equity, margins, distance to liquidation and payers at each shock.

    Shocks that are nothing to it, or the same as another, are left out: markets it holds nothing
    in, and joint ones if it holds one market. Layers pay as if this account were the only one in
    trouble; the guaranty fund is not counted, so `uncovered` is an upper bound of what is left to
    winners. InputError if the ledger knows nothing of the account.
    """
    reader = Reader(client, progress)
    markets, (holder,) = read_venue(reader, [account])
    if not holder.legs and holder.cash == 0:
        raise InputError(
            f"account {account:#066x} has neither cash nor positions here",
            next_step="check the id and the chain; `owner/number` is a sub-account of an address",
        )
    own = [leg.market.id for leg in holder.legs]
    shocks = [
        shock
        for shock in shocks
        if shock.market in own or (shock.market is None and (shock.ppm == 0 or len(own) > 1))
    ]
    marks = {number: market.mark for number, market in markets.items()}
    prices = [shock.prices(marks) for shock in shocks]
    runs = reader.dry_runs([(account, holder.assumed(at)) for at in prices])
    rows = []
    for shock, at, run in zip(shocks, prices, runs, strict=True):
        im, mm = holder.margins_at(at)
        rows.append(AccountRow(shock, run, holder.shield, im, mm))
    places = [*own, None] if len(own) > 1 else own
    return AccountView(
        block=reader.block,
        time=reader.time,
        markets=markets,
        holder=holder,
        rows=tuple(rows),
        distances=tuple(_distance(holder, marks, place) for place in places),
        capital=read_capital(reader, markets),
    )


def _distance(holder: Holder, marks: Mapping[int, int], market: int | None) -> Distance:
    """Equity less maintenance margin is concave in a price, so each side has at most one border."""

    def below(ppm: int) -> bool:
        at = Shock(market, ppm).prices(marks)
        return holder.equity_at(at) + holder.shield < holder.margins_at(at)[1]

    fall = _first(lambda size: below(-size), FARTHEST_FALL)
    return Distance(market, None if fall is None else -fall, _first(below, FARTHEST_RISE))


def _first(below: Callable[[int], bool], bound: int) -> int | None:
    """The least size of a move from 0 to the bound that fulfils `below`, by halving."""
    if below(0):
        return 0
    if not below(bound):
        return None
    good, bad = 0, bound
    while bad - good > 1:
        middle = (good + bad) // 2
        if below(middle):
            bad = middle
        else:
            good = middle
    return bad
