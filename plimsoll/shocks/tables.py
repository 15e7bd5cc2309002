"""The stress view for the terminal. Amounts are rounded to cents for reading; JSON is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from rich.table import Table
from rich.text import Text

from plimsoll.accounts import split
from plimsoll.report.layout import new_table, small
from plimsoll.shocks.account import AccountView
from plimsoll.shocks.buffers import LAYERS, Capital
from plimsoll.shocks.cover import Frontier
from plimsoll.shocks.grid import Shock
from plimsoll.shocks.holders import Market
from plimsoll.shocks.venue import VenueRow, VenueView
from plimsoll.units import PPB, PPM, RAY, WAD, decimal, div_down, exact, percent

NameOf: TypeAlias = Callable[[int], str]


def short_name(account: int) -> str:
    """An account id as `0x1234…abcd`, with `/n` for sub-account n."""
    owner, number = split(account)
    name = f"{owner[:6]}…{owner[-4:]}"
    return f"{name}/{number}" if number else name


def shock_name(shock: Shock, markets: Mapping[int, Market]) -> str:
    """A shock in words: `BTC -30 %`."""
    if shock.ppm == 0:
        return "none"
    where = "all markets" if shock.market is None else markets[shock.market].name
    return f"{where} {move(shock.ppm)}"


def move(ppm: int) -> str:
    """A move in percent, with its sign and no more digits than it has."""
    percent = Decimal(ppm) * 100 / PPM
    return f"{percent.normalize():+f} %"


def money(amount: int) -> str:
    """Wad to the cent; what is less, but not nothing, says so."""
    return small(exact(amount))


# --- one account ------------------------------------------------------------------------------


def account_table(view: AccountView) -> Table:
    """Own equity, shield, margins and payers at each shock."""
    table = new_table(
        "shock", "own equity", "shield", "IM", "MM", "above MM", "broker pays", "junior pays",
        "senior pays", "uncovered",
    )  # fmt: skip
    for row in view.rows:
        run = row.run
        table.add_row(
            shock_name(row.shock, view.markets),
            money(run.equity),
            money(row.shield),
            money(row.im),
            money(row.mm),
            _signed(row.distance),
            *(money(part) for part in (run.broker, run.junior, run.senior, run.uncovered)),
        )
    return table


def distances_table(view: AccountView) -> Table:
    """How far prices are from the liquidation."""
    table = new_table("where", "falls to MM at", "rises to MM at")
    for place in view.distances:
        where = "all markets" if place.market is None else view.markets[place.market].name
        if place.fall == 0:
            table.add_row(where, "below already", "below already")
            continue
        table.add_row(
            where, *("never" if ppm is None else move(ppm) for ppm in (place.fall, place.rise))
        )
    return table


# --- the venue --------------------------------------------------------------------------------


def buffers_table(capital: Capital, markets: Mapping[int, Market]) -> Table:
    """Both vaults, what a loss may still use of them, and the size of the guaranty fund."""
    table = new_table(
        "layer", "assets", "reserved", "free, all markets",
        *(f"free, {market.name}" for market in markets.values()),
    )  # fmt: skip
    for place, name in enumerate(LAYERS):
        table.add_row(
            name,
            money(capital.assets[place]),
            money(capital.reserved[place]),
            money(capital.free[place]),
            *(money(capital.free_in[number][place]) for number in markets),
        )
    table.add_row("guaranty fund *", money(capital.fund))
    table.caption = "* pays after the senior vault, and is in no sum here"
    table.caption_justify = "left"
    return table


def markets_table(markets: Mapping[int, Market]) -> Table:
    """Stress, backing and state of each market."""
    table = new_table(
        "market", "mark", "IM factor", "MM factor", "open interest", "cap", "utilisation",
        "surcharge", "state",
    )  # fmt: skip
    for market in markets.values():
        backing = market.backing
        bound = backing.cap is not None
        table.add_row(
            market.name,
            money(market.mark),
            f"{decimal(PPM + market.im_stress_ppm, PPM):.3f}",
            f"{decimal(PPB + market.mm_stress_ppb, PPB):.3f}",
            money(div_down(market.larger_side * market.mark, WAD)),
            money(backing.cap) if backing.cap is not None else "none",
            percent(backing.utilisation_ppm, PPM, 1) if bound else "",
            percent(backing.surcharge_ppm, PPM, 4) if backing.surcharge_ppm else "",
            _state(market),
        )
    return table


def _state(market: Market) -> str:
    if market.clock.settled:
        return "settled"
    if not market.priced:
        return "no price"
    return "" if market.clock.open else "grace"


def venue_table(view: VenueView) -> Table:
    """Who fails and who pays at each shock."""
    table = new_table(
        "shock", "below MM", "below 0", "losses", "brokers pay", "free buffers", "junior pays *",
        "senior pays *", "winners, at most *", "rate ends at *",
    )  # fmt: skip
    table.caption = "* if the largest loss is reserved first; another order can change it"
    table.caption_justify = "left"
    for row in view.rows:
        table.add_row(
            shock_name(row.shock, view.markets),
            str(len(row.below_margin)),
            str(len(row.below_zero)),
            money(row.loss),
            money(row.brokers),
            money(row.free),
            money(row.junior),
            money(row.senior),
            money(row.winners_most),
            _rates(row),
        )
    return table


def cover_table(view: VenueView, name_of: NameOf = short_name) -> Table:
    """The two largest losers of each shock; shocks without a loss are left out."""
    table = new_table(
        "shock", "two largest losers", "their loss", "brokers pay", "free buffers",
        "buffers pay", "uncovered", "cover-2",
    )  # fmt: skip
    for row in view.rows:
        cover = row.cover
        if not cover.loss:
            continue
        table.add_row(
            shock_name(row.shock, view.markets),
            ", ".join(map(name_of, cover.accounts)),
            money(cover.loss),
            money(cover.brokers),
            money(row.free),
            money(cover.junior + cover.senior),
            money(cover.uncovered),
            Text("survives", "green") if cover.survived else Text("fails", "red"),
        )
    return table


def frontier_words(view: VenueView) -> str:
    """How far all markets may jump together."""
    down, up = _reach(view.largest_down, "fall"), _reach(view.largest_up, "rise")
    return f"All markets together: {down}; {up}."


def _reach(frontier: Frontier, verb: str) -> str:
    if frontier.survived is None:
        return f"cover-2 fails already before any {verb}"
    if frontier.failed is None:
        return f"cover-2 survives every {verb} that is tried, to {move(frontier.survived)}"
    return (
        f"cover-2 survives a {verb} by {move(abs(frontier.survived)).lstrip('+')}"
        f" and fails at {move(abs(frontier.failed)).lstrip('+')}"
    )


def _rates(row: VenueRow) -> str:
    """The redemption rate as an interval; a fraction of one with six digits."""
    least, most = (f"{decimal(rate, RAY):.6f}" for rate in (row.rate_least, row.rate_most))
    return least if least == most else f"{least} to {most}"


def _signed(amount: int) -> Text:
    return Text(money(amount), "red" if amount < 0 else "")
