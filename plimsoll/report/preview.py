"""A preview for the terminal: both sides, before and after. Amounts are rounded for reading."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from plimsoll.preview import HIGHEST_MARK, Preview, SidePreview, Standing
from plimsoll.report.layout import figure, new_table, small
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.units import PPB, decimal, exact

_SIZE_DIGITS = 6
_PRICE_DIGITS = 6


def headline(preview: Preview, markets: Mapping[int, str]) -> str:
    """What is asked, and the verdict."""
    fill = preview.fill
    verb = "buys" if fill.size > 0 else "sells"
    words = (
        f"The taker {verb} {_size(abs(fill.size))} {markets.get(fill.market, fill.market)}"
        f" at {_price(fill.price)}"
    )
    return f"{words}: it would be settled." if preview.success else f"{words}: {preview.reason}"


def preview_table(preview: Preview, markets: Mapping[int, str]) -> Table:
    """One column a side and time; what is not known is left empty."""
    columns = [(side.before, side.after, side.account) for side in (preview.maker, preview.taker)]
    standings = [one for before, after, _ in columns for one in (before, after)]
    table = new_table("", "maker, before", "after", "taker, before", "after")
    for name, cell in (
        ("equity", lambda at: small(exact(at.health["equity"]))),
        ("initial margin", lambda at: small(exact(at.health["im"]))),
        ("free for it", lambda at: small(exact(at.health["equity_im"] - at.health["im"]))),
        ("maintenance margin", lambda at: small(exact(at.health["mm"]))),
        ("under liquidation", lambda at: "yes" if at.started else "no"),
        ("size", lambda at: _size(at.leg["size"])),
        ("entry", lambda at: _price(at.leg["entry"]) if at.leg["size"] else ""),
        ("leverage class", _class),
        ("ADL: size ahead", lambda at: "" if at.rank is None else _size(at.rank["size_ahead"])),
        ("ADL: buckets ahead", lambda at: "" if at.rank is None else str(at.rank["buckets_ahead"])),
    ):
        table.add_row(name, *("" if at is None else cell(at) for at in standings))
    seen = {number for at in standings if at is not None for number in at.liquidation_prices}
    for number in sorted(seen):
        name = f"liquidation at {markets.get(number, number)}"
        table.add_row(name, *(_liquidation(at, number) for at in standings))
    table.add_row("fee", "", _fee(preview.maker), "", _fee(preview.taker))
    return table


def _class(at: Standing) -> str:
    return f"{LEVERAGE_CLASSES[at.leg['leverage_class']]}x" if at.leg["size"] else ""


def _liquidation(at: Standing | None, market: int) -> str:
    if at is None or market not in at.liquidation_prices:
        return ""
    price = at.liquidation_prices[market]
    if price is None:
        return "never"
    return "any price" if price in (1, HIGHEST_MARK) else _price(price)


def _fee(side: SidePreview) -> str:
    if side.after is None:
        return ""
    percent = figure(decimal(side.fee_ppb, PPB) * 100, 4)
    return f"{small(exact(side.fee))} ({percent} %)"


def _size(amount: int) -> str:
    return figure(decimal(amount), _SIZE_DIGITS)


def _price(amount: int) -> str:
    return figure(decimal(amount), _PRICE_DIGITS)
