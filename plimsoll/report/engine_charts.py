"""Two pictures of the risk engine: one market through its outage, and how far capital carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from plimsoll.report.palette import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    RED,
    headline,
    on_axis,
    utc_time,
)
from plimsoll.units import PPB, PPM

Json = dict[str, Any]


def risk_engine(document: Json) -> Figure:
    """Mark, average, stress factors, outage, grace and holds of one market over the fall."""
    engine = document["risk_engine"]
    outage = next((one for one in engine["outages"] if one["ended"] is not None), None)
    number = outage["market"] - 1 if outage is not None else 0
    name = document["markets"][number]["name"]
    moments = engine["series"]
    times = [utc_time(moment["time"]) for moment in moments]
    states = [moment["markets"][number] for moment in moments]
    figure, (top, middle, bottom) = plt.subplots(
        3, 1, sharex=True, figsize=(10, 8.4), height_ratios=[4, 3, 1], layout="constrained"
    )
    headline(
        figure,
        f"The risk engine in {name}: {document['scenario']['name']}",
        "Margins count the worse of mark and average; factors raise them; held gains cannot leave",
    )

    top.set_title("Price, quote units")
    marks, averages = ([float(state[key]) for state in states] for key in ("mark", "ema"))
    top.step(times, marks, where="post", color=INK, lw=1.9, label="mark, the last good one")
    top.plot(times, averages, color=BLUE, lw=1.7, ls="--", label="average of the mark")
    top.legend(loc="upper right", ncols=2)

    middle.set_title("Factor on margins")
    initial = [1 + state["s_im_ppm"] / PPM for state in states]
    maintenance = [1 + state["s_mm_ppb"] / PPB for state in states]
    middle.step(times, initial, where="post", color=RED, lw=1.9, label="initial margin, at once")
    middle.plot(
        times, maintenance, color=GREEN, lw=1.9, ls="--", label="maintenance margin, slowly"
    )
    middle.set_ylim(bottom=0.9)
    middle.legend(loc="center right")

    bottom.set_title("Gains held")
    for row, side, colour in ((1, "longs", BLUE), (0, "shorts", ORANGE)):
        for since, until in _intervals(moments, partial(_is_held, number, side)):
            bottom.barh(row, until - since, left=since, height=0.7, color=colour)
    bottom.set_yticks((0, 1), ("shorts", "longs"))
    bottom.set_ylim(-0.6, 1.6)
    bottom.grid(axis="y", visible=False)
    _time_axis(bottom)
    for axes in (top, middle, bottom):
        _shade_stops(axes, engine, number + 1)
    if outage is not None:
        middle.legend(
            handles=[
                *middle.get_legend_handles_labels()[0],
                Patch(color=GREY, alpha=0.45, label="no price: clocks stand still"),
                Patch(color=PALE, label="grace: nobody taken or resolved"),
            ],
            loc="center right",
        )
    top.set_xlim(times[0], times[-1])
    return figure


def caps(document: Json) -> Figure:
    """Cap against open interest in each market, and the capital behind, over the fall."""
    engine = document["risk_engine"]
    moments = engine["series"]
    times = [utc_time(moment["time"]) for moment in moments]
    backed = [terms for terms in engine["terms"] if terms["buffer"] is not None]
    figure, panels = plt.subplots(
        len(backed) + 1,
        1,
        sharex=True,
        figsize=(10, 2.5 * (len(backed) + 1) + 0.7),
        layout="constrained",
        squeeze=False,
    )
    headline(
        figure,
        "Open interest that insurance capital backs",
        "Losses lower the caps. Above a cap nothing can be opened, and nobody is closed for it.",
    )
    for axes, terms in zip(panels[:, 0], backed, strict=False):
        states = [moment["markets"][terms["market"] - 1] for moment in moments]
        cap, interest = (
            [float(state[key] or 0) / 1e3 for state in states] for key in ("cap", "open_interest")
        )
        axes.step(times, cap, where="post", color=RED, lw=1.9, label="cap")
        axes.step(
            times, interest, where="post", color=INK, lw=1.7, ls="--", label="open interest at mark"
        )
        over = [max(i, c) for i, c in zip(interest, cap, strict=True)]
        axes.fill_between(times, over, cap, step="post", color=RED, alpha=0.3)
        peak = max(state["utilisation_ppm"] for state in states)
        axes.set_title(f"{terms['name']}, thousand quote units: at most {peak / 10_000:.0f} % full")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower left", ncols=2)
    last = panels[-1, 0]
    last.set_title("Insurance capital that nobody has reserved, quote units")
    last.step(times, [float(m["capital"]) for m in moments], where="post", color=ORANGE, lw=1.9)
    last.set_ylim(bottom=0)
    last.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _time_axis(last)
    last.set_xlim(times[0], times[-1])
    return figure


def _is_held(number: int, side: str, moment: Json) -> bool:
    return bool(moment["markets"][number][f"{side}_held"])


def _time_axis(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(
        mdates.DateFormatter("%H:%M", tz=UTC)  # type: ignore[no-untyped-call]
    )
    axes.set_xlabel("UTC")


def _intervals(moments: list[Json], there: Callable[[Json], bool]) -> Iterator[tuple[float, float]]:
    """From when to when something was seen, as places on the time axis."""
    since: datetime | None = None
    for moment in moments:
        if there(moment) and since is None:
            since = utc_time(moment["time"])
        elif not there(moment) and since is not None:
            yield on_axis(since.timestamp()), on_axis(moment["time"])
            since = None
    if since is not None:
        yield on_axis(since.timestamp()), on_axis(moments[-1]["time"])


def _shade_stops(axes: Axes, engine: Json, market: int) -> None:
    """Dark while there is no price, pale in the grace."""
    last = engine["series"][-1]["time"]
    for outage in engine["outages"]:
        if outage["market"] != market or outage["began"] > last:
            continue
        ended = outage["ended"] or last
        axes.axvspan(
            on_axis(outage["began"]), on_axis(ended), color=GREY, alpha=0.45, lw=0, zorder=0
        )
        if outage["ended"] is not None:
            axes.axvspan(
                on_axis(ended),
                on_axis(outage["grace_until"]),
                color=PALE,
                alpha=0.9,
                lw=0,
                zorder=0,
            )
