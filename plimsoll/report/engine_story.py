"""The risk engine of a run, told: what each market's terms did, and when."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Console

from plimsoll.report.layout import (
    clock,
    day_and_clock,
    figure,
    new_table,
    say,
    show,
    small,
    total,
)
from plimsoll.units import PPB, PPM

Json = dict[str, Any]


def tell_engine(document: Json, console: Console) -> None:
    """Stress, outages, backing, concentration and the wind-down."""
    for part in (_stress, _outages, _backing, _concentration, _wind_down):
        part(document, document["risk_engine"], console)


# --- stress -------------------------------------------------------------------------------


def _stress(document: Json, engine: Json, console: Console) -> None:
    table = new_table(
        "UTC", "market", "mark", "average", "volatility", "IM factor", "MM factor", "held",
        "state", "clocks stood still",
    )  # fmt: skip
    for moment in _told(engine):
        for place, state in enumerate(moment["markets"]):
            table.add_row(
                clock(moment["time"]) if place == 0 else "",
                _name(document, state),
                figure(state["mark"]),
                figure(state["ema"]),
                f"{state['volatility_ppm'] / 10_000:,.0f} %",
                f"{1 + state['s_im_ppm'] / PPM:.3f}",
                f"{1 + state['s_mm_ppb'] / PPB:.3f}",
                _held(state),
                _state(state),
                _stop(state),
            )
    show(console, table)
    say(
        console,
        "Right before the fall, then each moment after the feeds moved. Openings and withdrawals"
        " count the worse of mark and average (EMA); volatility is realised, a year; the factors"
        " multiply initial and maintenance margin. The gains of a held side can be neither"
        " realised nor withdrawn.",
    )


def _told(engine: Json) -> list[Json]:
    fall = [step for step in engine["steps"] if step["phase"] in ("fall", "rise")]
    return [engine["before_fall"], *fall]


def _held(state: Json) -> str:
    return ", ".join(side for side in ("longs", "shorts") if state[f"{side}_held"])


def _state(state: Json) -> str:
    if state["settled"]:
        return "settled"
    if not state["priced"]:
        return "no price"
    return "grace" if state["waits"] else ""


def _stop(state: Json) -> str:
    """Since when and until when; what has long passed is left out."""
    if state["stop"] is None:
        return ""
    return f"{clock(state['stop']['since'])} to {clock(state['stop']['until'])}"


# --- outages ------------------------------------------------------------------------------


def _outages(document: Json, engine: Json, console: Console) -> None:
    if not engine["outages"]:
        return
    table = new_table(
        "market", "dead feeds", "no price from", "to", "seconds", "grace until", "auctions",
        "takes refused", "closed", "next closed",
    )  # fmt: skip
    for outage in engine["outages"]:
        ended = outage["ended"] is not None
        after = outage["first_closed_after"]
        table.add_row(
            _name(document, outage),
            ", ".join(map(str, outage.get("feeds", ()))),
            day_and_clock(outage["began"]),
            clock(outage["ended"]) if ended else "never",
            f"{outage['seconds']:,}" if ended else "",
            clock(outage["grace_until"]) if ended else "",
            str(len(outage.get("auctions_stopped", ()))),
            str(sum(outage["takes_refused"].values())),
            str(outage["closed_meanwhile"]),
            clock(after) if after is not None else "",
        )
    show(console, table)
    for outage in engine["outages"]:
        if outage["ended"] is None or "notional" not in outage:
            continue
        stopped = ", ".join(outage["auctions_stopped"]) or "nobody's"
        before, without = (
            figure(outage[f"initial_margin_{when}"]) for when in ("before", "without_price")
        )
        say(
            console,
            f"{_name(document, outage)}: the auction clocks of {stopped} stood still there, and"
            " went on when the grace was over. Meanwhile nobody was taken from or re-matched in"
            f" it. Without a price its positions, worth {figure(outage['notional'], 0)}, needed"
            f" {without} of initial margin instead of {before}, 5 % of their worth more.",
        )


# --- backing ------------------------------------------------------------------------------


def _backing(document: Json, engine: Json, console: Console) -> None:
    backed = [terms for terms in engine["terms"] if terms["buffer"] is not None]
    if not backed:
        return
    table = new_table("market", "multiple", "share of capital", "gap", "cap before the fall")
    for terms in backed:
        buffer = terms["buffer"]
        before = engine["before_fall"]["markets"][terms["market"] - 1]
        table.add_row(
            terms["name"],
            figure(buffer["kappa"]),
            f"{buffer['share_ppm'] / 10_000:g} %",
            f"{buffer['gap_ppm'] / 10_000:g} %",
            figure(before["cap"], 0),
        )
    show(console, table)
    table = new_table(
        "UTC", "capital", "market", "open interest", "cap", "utilised", "surcharge", "paid since",
        "extra IM", "accounts",
    )  # fmt: skip
    for step in _full_or_falling(engine):
        for place, state in enumerate(step["markets"]):
            if state["cap"] is None:
                continue
            paid = step["surcharges_paid"][place]
            table.add_row(
                day_and_clock(step["time"]) if place == 0 else "",
                figure(step["capital"], 0) if place == 0 else "",
                _name(document, state),
                figure(state["open_interest"], 0),
                figure(state["cap"], 0),
                f"{state['utilisation_ppm'] / 10_000:,.1f} %",
                f"{state['surcharge_ppm'] / 10_000:.4f} %" if state["surcharge_ppm"] else "",
                small(paid) if paid != "0" else "",
                figure(state["extra_margin"], 0) if state["accounts_with_extra_margin"] else "",
                str(state["accounts_with_extra_margin"] or ""),
            )
    show(console, table)
    sums = "; ".join(
        f"{_name(document, entry)} {figure(entry['paid'])} by {entry['sides']} sides of fills, at"
        f" most {entry['highest_rate_ppm'] / 10_000:.3f} %"
        for entry in engine["surcharges"]
        if entry["sides"]
    )
    say(
        console,
        "The steps after which somebody paid a surcharge, and all of the fall and after it; extra"
        " IM is what large positions need. Open interest of either side, at mark, may grow to"
        " multiple * share * capital / gap. Capital is what the vaults hold and nobody has"
        " reserved or asked back. Where losses lower a cap below open interest nothing can be"
        " opened, and nobody is closed for it. Above 80 % of the cap whoever opens pays a"
        " surcharge.",
        f"Surcharges: {sums}." if sums else "No surcharge was paid.",
    )


def _full_or_falling(engine: Json) -> list[Json]:
    return [
        step
        for step in engine["steps"]
        if step["phase"] != "open" or any(paid != "0" for paid in step["surcharges_paid"])
    ]


# --- concentration ------------------------------------------------------------------------


def _concentration(document: Json, engine: Json, console: Console) -> None:
    if not engine["concentrated"]:
        return
    table = new_table(
        "account", "market", "position", "of open interest", "free", "extra IM", "IM in all"
    )
    for entry in engine["concentrated"]:
        table.add_row(
            entry["account"],
            _name(document, entry),
            figure(entry["notional"]),
            f"{entry['part_of_open_interest_ppm'] / 10_000:.1f} %",
            figure(entry["free"]),
            figure(entry["extra_margin"]),
            figure(entry["initial_margin"]),
        )
    show(console, table)
    rules = "; ".join(
        f"{terms['name']} {terms['concentration']['rate_percent']} % of what is above"
        f" {terms['concentration']['share_percent']} % of open interest and above"
        f" {terms['concentration']['floor']:,}"
        for terms in engine["terms"]
        if terms["concentration"] is not None
    )
    say(console, f"Before the fall. Extra initial margin of large positions: {rules}.")


# --- the wind-down ------------------------------------------------------------------------


def _wind_down(document: Json, engine: Json, console: Console) -> None:
    ended = engine["wind_down"]
    if ended is None:
        return
    name = _name(document, ended)
    table = new_table(
        "account", "size", "entry", "final price", "cash paid", "profit", "cash after",
        "equity, wei",
    )  # fmt: skip
    for one in ended["positions"]:
        table.add_row(
            one["account"],
            figure(one["size"], 6),
            figure(one["entry"]),
            figure(one["price"]),
            figure(one["paid"]),
            figure(one["profit"]),
            figure(one["cash_after"]),
            f"{Decimal(one['equity_change']) * 10**18:,.0f}",
        )
    table.add_section()
    profits = figure(total(one["profit"] for one in ended["positions"]))
    table.add_row("sum", figure(ended["size_in_all"], 6), "", "", small(ended["paid_in_all"]),
                  profits, "", "")  # fmt: skip
    show(console, table)
    say(
        console,
        f"{name} wound down: its feeds had died for good. Settling it on"
        f" {day_and_clock(ended['refused_at'])} was refused with '{ended['refused_before']}'."
        f" Somebody without any right settled it on {day_and_clock(ended['settled'])}, three days"
        f" after the feeds, at its last good mark {figure(ended['price'])}. An hour later anybody"
        " could turn each position into cash: a long is paid its size at the final price, a short"
        " pays it, rounded down to the wei. The last column is the change of equity: beside that"
        " wei only a second of funding in other markets.",
    )


def _name(document: Json, entry: Json) -> str:
    return str(document["markets"][entry["market"] - 1]["name"])
