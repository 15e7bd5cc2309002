"""Pictures of a run, drawn from its document. The only place where figures become floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from plimsoll.report import broker_charts, engine_charts
from plimsoll.report.palette import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LAYER_COLOURS,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    STYLE,
    headline,
    on_axis,
    utc_time,
)

Json = dict[str, Any]

GROUPS: Final = (
    ("winner", "winners (short)", GREEN, "-"),
    ("holder", "patient longs", PURPLE, "-"),
    ("late long", "late longs", RED, "-"),
    ("liquidator", "liquidators", BLUE, "--"),
    ("insurance", "insurance vaults", ORANGE, "--"),
)
LAYERS: Final = (
    ("own margin", "own_margin"),
    ("brokers", "broker"),
    ("junior vault", "junior"),
    ("senior vault", "senior"),
    ("guaranty fund", "fund"),
    ("gains haircut", "haircut"),
    ("shortfall", "shortfall"),
)
LINE_STYLES: Final = ("-", "--", ":")
MOST_BUCKETS: Final = 14  # bars of a queue that fit a panel


def draw_all(document: Json, folder: Path) -> list[Path]:
    """All pictures of a run, as PNG files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures: tuple[tuple[str, Callable[[Json], Figure]], ...] = (
        ("prices_and_equity.png", prices_and_equity),
        ("waterfall.png", waterfall),
        ("deleveraging.png", deleveraging),
        ("risk_engine.png", engine_charts.risk_engine),
        ("open_interest_caps.png", engine_charts.caps),
        *((("brokers.png", broker_charts.brokers),) if document["brokers"] else ()),
    )
    paths = []
    mpl.use("Agg")
    for name, draw in pictures:
        with mpl.rc_context(STYLE):
            figure = draw(document)
            path = folder / name
            # without a software version the same run gives the same bytes
            figure.savefig(path, metadata={"Software": None})
            plt.close(figure)
            paths.append(path)
    return paths


# --- prices and equity -------------------------------------------------------------------


def prices_and_equity(document: Json) -> Figure:
    """Three panels over time: prices, gains of each group, accounts in trouble."""
    series = document["series"]
    start, moments = series[0], series[1:]
    times = [utc_time(moment["time"]) for moment in moments]
    figure, (top, middle, bottom) = plt.subplots(
        3,
        1,
        sharex=True,
        figsize=(10, 9.6),
        height_ratios=[3, 4, 2],
        layout="constrained",
    )
    headline(
        figure,
        f"{document['scenario']['name']}: the fall, and who gained and lost",
        f"{document['counts']['accounts']} accounts on a local chain, stylised price path, UTC",
    )

    top.set_title("Mark price, percent of the price before the fall")
    labels = []
    for number, market in enumerate(document["markets"]):
        before = float(start["marks"][number])
        values = [float(moment["marks"][number]) / before * 100 for moment in moments]
        colour = (INK, BLUE, GREEN)[number % 3]
        top.step(times, values, where="post", color=colour, lw=1.9, ls=LINE_STYLES[number % 3])
        low = min(float(moment["marks"][number]) for moment in moments)
        labels.append((values[-1], f"{market['name']}  low {low:,.6g}", colour))
    _label_ends(top, times[-1], labels)
    top.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))

    middle.set_title("Gain or loss since before the fall, thousand quote units")
    middle.axhline(0, color=GREY, lw=0.8)
    labels = []
    for group, label, colour, style in GROUPS:
        values = [(_group(moment, group) - _group(start, group)) / 1e3 for moment in moments]
        middle.step(times, values, where="post", color=colour, lw=1.9, ls=style)
        labels.append((values[-1], f"{label}  {values[-1]:+,.1f}", colour))
    _label_ends(middle, times[-1], labels)

    bottom.set_title("Accounts in trouble")
    for key, label, colour, style in (
        ("under_liquidation", "under liquidation", INK, "-"),
        ("below_maintenance", "below maintenance margin", BLUE, "--"),
        ("bankrupt", "equity below zero", RED, ":"),
    ):
        counts = [moment[key] for moment in moments]
        bottom.step(times, counts, where="post", color=colour, lw=1.7, ls=style, label=label)
    bottom.legend(loc="upper right", ncols=3)
    bottom.yaxis.set_major_locator(MaxNLocator(integer=True))
    bottom.set_ylim(0, max(moment["under_liquidation"] for moment in moments) * 1.45 + 1)
    bottom.xaxis.set_major_formatter(
        mdates.DateFormatter("%H:%M", tz=UTC)  # type: ignore[no-untyped-call]
    )
    bottom.set_xlabel("10 October 2025, UTC" if _is_october(times) else "UTC")
    for axes in (top, middle, bottom):
        _mark_resolves(axes, document)
    top.annotate(
        "shaded: forced resolve",
        (0.995, 0.97),
        xycoords="axes fraction",
        ha="right",
        va="top",
        color=GREY,
        fontsize=8.5,
    )
    return figure


def _is_october(times: Sequence[datetime]) -> bool:
    return (times[0].year, times[0].month, times[0].day) == (2025, 10, 10)


def _group(moment: Json, group: str) -> float:
    if group == "insurance":
        return float(moment["junior"]) + float(moment["senior"])
    return float(moment["equity"][group])


def _mark_resolves(axes: Axes, document: Json) -> None:
    """Shade the minutes in which accounts were resolved by force."""
    times = sorted(resolve["time"] for resolve in document["resolves"])
    while times:
        first = times.pop(0)
        last = first
        while times and times[0] - last < 60:
            last = times.pop(0)
        axes.axvspan(on_axis(first - 15), on_axis(last + 15), color=PALE, alpha=0.8, lw=0, zorder=0)


def _label_ends(axes: Axes, end: datetime, labels: list[tuple[float, str, str]]) -> None:
    """Name lines at their right end, moved apart where they would touch."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.075
    placed: list[float] = []
    for value, text, colour in sorted(labels):
        y = value if not placed else max(value, placed[-1] + gap)
        placed.append(y)
        axes.annotate(
            text,
            xy=(on_axis(end.timestamp()), y),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
            fontsize=9,
        )


# --- the waterfall -----------------------------------------------------------------------


def waterfall(document: Json) -> Figure:
    """Who bore the losses: all together, and account by account."""
    totals = document["waterfall"]
    layers = [(name, float(totals[key])) for name, key in LAYERS]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 5.9), width_ratios=[5, 6], layout="constrained"
    )
    whole = sum(amount for _, amount in layers)
    headline(
        figure,
        "The waterfall: who bore the losses of bankrupt accounts",
        f"{len(totals['bankrupt_accounts'])} bankrupt accounts lost {whole:,.0f} quote units;"
        f" {whole - layers[0][1]:,.0f} of it was not theirs",
    )

    left.set_title("Loss left after each layer, quote units")
    rest = whole
    for place, (name, amount) in enumerate(layers):
        left.bar(place, amount, bottom=rest - amount, color=LAYER_COLOURS[name], width=0.68)
        left.annotate(
            f"{amount:,.0f}",
            (place, rest),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontweight="bold",
        )
        if place:
            left.plot([place - 1.34, place + 0.34], [rest, rest], color=GREY, lw=0.8, ls=":")
        rest -= amount
    left.set_xticks(
        range(len(layers)),
        [
            f"{place}\n{name.replace(' ', chr(10))}"
            for place, (name, _) in enumerate(layers, start=1)
        ],
    )
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    left.set_ylim(0, whole * 1.09)
    left.grid(axis="x", visible=False)
    left.set_xlabel("layer, in the order fixed in code")

    right.set_title("Beyond their own margin: who paid for whom, quote units")
    bankrupt = [auction for auction in document["auctions"] if auction.get("end") == "bankrupt"]
    bankrupt.sort(key=lambda auction: (auction["ended"], auction["account"]))
    largest = max((float(auction["deficit"]) for auction in bankrupt), default=1.0)
    for row, auction in enumerate(bankrupt):
        offset = 0.0
        for name, key in LAYERS[1:]:
            amount = float(auction["drawn"].get(key) or auction[key])
            right.barh(row, amount, left=offset, color=LAYER_COLOURS[name], height=0.7)
            offset += amount
        text = f"{offset:,.0f}" if offset >= 1 else "under 1"
        right.text(offset + largest * 0.012, row, text, va="center", fontsize=8.5)
    right.set_yticks(
        range(len(bankrupt)),
        [f"{auction['account']}  {utc_time(auction['ended']):%H:%M}" for auction in bankrupt],
    )
    right.invert_yaxis()
    right.set_xlim(0, largest * 1.12)
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    right.grid(axis="y", visible=False)
    right.set_ylabel("account and time of its end, UTC")
    right.legend(
        handles=[
            Patch(color=LAYER_COLOURS[name], label=name)
            for name, key in LAYERS[1:]
            if float(totals[key])
        ],
        loc="best",
    )
    return figure


# --- re-matching and haircut -------------------------------------------------------------


def deleveraging(document: Json) -> Figure:
    """For the largest haircut of each market: the queue, and what every winner paid."""
    chosen: dict[int, tuple[Json, Json]] = {}
    for resolve in document["resolves"]:
        for leg in resolve["legs"]:
            best = chosen.get(leg["market"])
            if float(leg["credited"]) > (0.0 if best is None else float(best[1]["credited"])):
                chosen[leg["market"]] = (resolve, leg)
    rows = [chosen[market] for market in sorted(chosen)]
    figure, grid = plt.subplots(
        max(1, len(rows)),
        2,
        figsize=(12, 4.6 * max(1, len(rows)) + 0.6),
        width_ratios=[6, 5],
        squeeze=False,
        layout="constrained",
    )
    headline(
        figure,
        "Auto-deleveraging: who was re-matched, and who paid",
        "Re-matching costs a position and no money; the haircut costs money and no position."
        " Largest haircut of each market.",
    )
    for (resolve, leg), (left, right) in zip(rows, grid, strict=False):
        name = document["markets"][leg["market"] - 1]["name"]
        _draw_queue(left, resolve, leg, name)
        _draw_payments(right, leg, name)
    return figure


def _draw_queue(axes: Axes, resolve: Json, leg: Json, name: str) -> None:
    """Head of the queue: size of each bucket, and the part that was re-matched."""
    mark = float(leg["mark"])
    closed = {entry["key"]: 0.0 for entry in leg["buckets_rematched"]}
    for entry in leg["buckets_rematched"]:
        closed[entry["key"]] += float(entry["size"]) * mark / 1e3
    shown = leg["queue_before"][:MOST_BUCKETS]
    sizes = [float(bucket["size"]) * mark / 1e3 for bucket in shown]
    parts = [closed.get(bucket["key"], 0.0) for bucket in shown]
    places = range(len(shown))
    axes.barh(places, sizes, color=PALE, edgecolor=GREY, lw=0.6, height=0.72)
    axes.barh(places, parts, color=BLUE, height=0.72)
    for place, (size, part) in enumerate(zip(sizes, parts, strict=True)):
        share = f", {part / size:.0%} re-matched" if part else ""
        axes.annotate(
            f"{size:,.1f}{share}",
            (size, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(
        places,
        [
            f"{bucket['rank']}.  {bucket['leverage_class']}x  {_members(bucket['members'])}"
            for bucket in shown
        ],
        fontsize=8.5,
    )
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, max(sizes) * 14)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", visible=False)
    size = abs(float(leg["size"]))
    axes.set_title(
        f"{name}: {size:,.4g} of {resolve['account']} re-matched at {mark:,.6g}"
        f" ({_counted(len(closed), 'bucket')}, {_counted(resolve['calls'], 'call')})"
    )
    hidden = len(leg["queue_before"]) - len(shown)
    more = f"; {_counted(hidden, 'bucket')} more behind" if hidden > 0 else ""
    axes.set_xlabel(f"size of the bucket, thousand quote units at mark (log scale){more}")
    axes.set_ylabel("place in the queue, class, members")
    axes.legend(
        handles=[
            Patch(color=BLUE, label="re-matched"),
            Patch(facecolor=PALE, edgecolor=GREY, label="kept"),
        ],
        loc="lower right",
    )


def _draw_payments(axes: Axes, leg: Json, name: str) -> None:
    """Profit against haircut: every winner on one line, whatever its size or place."""
    eta = float(leg["eta"])
    rematched = {entry["name"] for entry in leg["rematched"]}
    paid = [entry for entry in leg["paid"] if float(entry["amount"]) > eta * 0.2]
    for label, colour, marker, chosen in (
        ("also re-matched", BLUE, "s", [e for e in paid if e["name"] in rematched]),
        ("kept its position", ORANGE, "o", [e for e in paid if e["name"] not in rematched]),
    ):
        axes.scatter(
            [float(entry["profit"]) for entry in chosen],
            [float(entry["amount"]) for entry in chosen],
            color=colour,
            marker=marker,
            s=34,
            edgecolor="white",
            lw=0.6,
            label=f"{label} ({len(chosen)})",
            zorder=3,
        )
    low = min((float(entry["profit"]) for entry in paid), default=1.0)
    high = max((float(entry["profit"]) for entry in paid), default=1e3)
    axes.plot(
        [low, high],
        [low * eta, high * eta],
        color=INK,
        lw=1,
        ls="--",
        label=f"{eta:.2%} of profit",
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_title(f"{name}: {float(leg['credited']):,.0f} uncovered = {eta:.2%} of each profit")
    axes.set_xlabel("profit before, quote units (log scale)")
    axes.set_ylabel("haircut paid, quote units (log scale)")
    axes.legend(loc="upper left")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _members(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} more"
