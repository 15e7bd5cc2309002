"""The picture of brokers: each client with and without its guarantee, and what brokers held."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from plimsoll.report.palette import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    headline,
    on_axis,
)

Json = dict[str, Any]

_COLUMNS = 2


def brokers(document: Json) -> Figure:
    """A panel per client over the fall, all results, and each broker's capital."""
    layer = document["brokers"]
    clients, vaults = layer["clients"], layer["vaults"]
    rows = -(-(len(clients) + 1) // _COLUMNS)
    # vaults share a row of their own
    figure = plt.figure(figsize=(12, 2.55 * rows + 4.2), layout="constrained")
    grid = figure.add_gridspec(rows + 1, _COLUMNS, height_ratios=[1.0] * rows + [1.35])
    headline(
        figure,
        "The same crash with a broker and without",
        "Own equity of each client, of its twin without a guarantee, and of both together with the"
        " guarantee; thousand quote units, UTC",
    )
    for place, client in enumerate(clients):
        _client(figure.add_subplot(grid[place // _COLUMNS, place % _COLUMNS]), document, client)
    _key(figure.add_subplot(grid[len(clients) // _COLUMNS, len(clients) % _COLUMNS]))
    _results(figure.add_subplot(grid[rows, 0]), clients)
    _capital(figure.add_subplot(grid[rows, 1]), vaults)
    return figure


def _client(axes: Axes, document: Json, client: Json) -> None:
    series = document["brokers"]["series"]
    times = [on_axis(moment["time"]) for moment in series[1:]]
    own, alone, shield = (
        [float(moment[part][name]) / 1e3 for moment in series[1:]]
        for part, name in (
            ("equity", client["name"]),
            ("equity", client["alone"]["account"]),
            ("shields", client["name"]),
        )
    )
    covered = [equity + more for equity, more in zip(own, shield, strict=True)]
    axes.fill_between(times, own, covered, step="post", color=GREEN, alpha=0.18, lw=0)
    axes.step(times, own, where="post", color=BLUE, lw=1.9)
    axes.step(times, alone, where="post", color=RED, lw=1.6, ls="--")
    axes.axhline(0, color=GREY, lw=0.8)
    market = document["markets"][client["market"] - 1]["name"]
    leverage = float(client["notional"]) / float(client["deposit"])
    axes.set_title(f"{client['name']} of {client['broker']}: {market}, {leverage:.1f}x")
    for call in client["with_broker"]["calls"]:
        _mark(axes, call["time"], "called", 0.98, ORANGE)
        if call["ended"] is not None:
            _mark(axes, call["ended"], call["end"], 0.86, INK)
    for variant, colour in (("with_broker", BLUE), ("alone", RED)):
        for one in client[variant]["liquidations"]:
            axes.plot(
                [on_axis(one["started"])], [float(one["equity"]) / 1e3],
                marker="v", ms=6, color=colour, mec="white", mew=0.5, zorder=4,
            )  # fmt: skip
    if client["alone"]["refused"]:
        axes.annotate(
            f"alone it could not open: {client['alone']['refused']}",
            (0.98, 0.62), xycoords="axes fraction", ha="right", fontsize=8.5, color=RED,
        )  # fmt: skip
    axes.xaxis.set_major_locator(mdates.MinuteLocator(byminute=(0, 15, 30, 45), tz=UTC))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(
        mdates.DateFormatter("%H:%M", tz=UTC)  # type: ignore[no-untyped-call]
    )
    axes.set_xlim(times[0], times[-1])


def _mark(axes: Axes, seconds: int, text: str, height: float, colour: str) -> None:
    """A line at a time with a word beside it, at a part of the panel's height."""
    axes.axvline(on_axis(seconds), color=colour, lw=0.9, ls=":")
    axes.annotate(
        text, (on_axis(seconds), height), xycoords=("data", "axes fraction"), xytext=(3, 0),
        textcoords="offset points", va="top", fontsize=8, color=colour,
    )  # fmt: skip


def _key(axes: Axes) -> None:
    """What the lines of the panels above mean."""
    axes.axis("off")
    axes.legend(
        handles=[
            Line2D([], [], color=BLUE, lw=1.9, label="own equity, with a broker"),
            Patch(color=GREEN, alpha=0.18, label="and the guarantee while it shields"),
            Line2D([], [], color=RED, lw=1.6, ls="--", label="own equity of the twin without"),
            Line2D([], [], color=BLUE, marker="v", lw=0, label="auction opened, with a broker"),
            Line2D([], [], color=RED, marker="v", lw=0, label="auction opened, without"),
        ],
        loc="center left",
        fontsize=9.5,
    )


def _results(axes: Axes, clients: list[Json]) -> None:
    """What each lost, and the part of the loss that was left to others."""
    axes.set_title("Lost by the client, and left to others; quote units")
    places = range(len(clients))
    for shift, variant, colour in ((-0.19, "with_broker", BLUE), (0.19, "alone", RED)):
        own = [-float(client[variant]["result"]) for client in clients]
        others = [float(client[variant]["deficit"]) for client in clients]
        by_broker = [float(client[variant]["paid_by"]["broker"]) for client in clients]
        where = [place + shift for place in places]
        axes.barh(where, own, height=0.34, color=colour)
        axes.barh(where, by_broker, left=own, height=0.34, color=GREEN)
        rest = [whole - part for whole, part in zip(others, by_broker, strict=True)]
        left = [a + b for a, b in zip(own, by_broker, strict=True)]
        axes.barh(where, rest, left=left, height=0.34, color=PURPLE)
    axes.set_yticks(places, [client["name"] for client in clients])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(
        handles=[
            Patch(color=BLUE, label="lost with a broker"),
            Patch(color=RED, label="lost without"),
            Patch(color=GREEN, label="borne by its broker"),
            Patch(color=PURPLE, label="borne by other layers"),
        ],
        loc="best",
        fontsize=8.5,
    )


def _capital(axes: Axes, vaults: list[Json]) -> None:
    """Each broker: brought in and earned, then what it lost and what is left."""
    axes.set_title("Brokers: brought in, earned, lost; quote units")
    parts = (
        ("stake", BLUE, ("stake", "stake_at_end")),
        ("depositors' pool", GREY, ("pool", "pool_at_end")),
    )
    for place, vault in enumerate(vaults):
        for shift, column in ((-0.2, 0), (0.2, 1)):
            base = 0.0
            for _, colour, keys in parts:
                amount = float(vault[keys[column]])
                axes.bar(place + shift, amount, bottom=base, width=0.36, color=colour)
                base += amount
            if column == 1:
                for key, colour in (
                    ("lost_for_clients", GREEN),
                    ("lost_to_fund_for_clients", PURPLE),
                    ("lost_to_fund_for_others", ORANGE),
                ):
                    amount = float(vault[key])
                    axes.bar(
                        place + shift, amount, bottom=base, width=0.36, color=colour, hatch="//",
                        edgecolor="white", lw=0,
                    )  # fmt: skip
                    base += amount
                axes.annotate(
                    f"fees {float(vault['fees_earned']):,.0f}\n"
                    f"stake {vault['return_on_stake_ppm'] / 10_000:+.0f} %\n"
                    f"pool {vault['return_on_pool_ppm'] / 10_000:+.1f} %",
                    (place + shift, base), xytext=(0, 3), textcoords="offset points",
                    ha="center", fontsize=8.5,
                )  # fmt: skip
    axes.set_xticks(
        [place + shift for place in range(len(vaults)) for shift in (-0.2, 0.2)],
        [
            text
            for vault in vaults
            for text in (f"{vault['name']}\nbefore", f"{vault['state']}\nat the end")
        ],
    )
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(
        handles=[
            Patch(color=BLUE, label="stake"),
            Patch(color=GREY, label="depositors' pool"),
            Patch(facecolor=GREEN, hatch="//", edgecolor="white", label="lost: first loss"),
            Patch(facecolor=PURPLE, hatch="//", edgecolor="white", label="lost: fund, own client"),
            Patch(facecolor=ORANGE, hatch="//", edgecolor="white", label="lost: fund, others"),
        ],
        loc="upper right",
        fontsize=8.5,
    )
