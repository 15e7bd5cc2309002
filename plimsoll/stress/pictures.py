"""Pictures of a report, as PNG bytes. Amounts become floats here and in estimates only."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from plimsoll.report.palette import BLUE, GREEN, GREY, INK, LAYER_COLOURS, ORANGE, PURPLE, RED, SKY
from plimsoll.stress.draws import SweepPlan
from plimsoll.stress.findings import THOUSANDTH, Findings, part_of
from plimsoll.stress.measures import CENT, LAYERS
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.sweep import Day

_LAYER_COLOURS: Final = {
    "own margin": LAYER_COLOURS["own margin"],
    "brokers": GREEN,
    "junior vault": LAYER_COLOURS["junior vault"],
    "senior vault": LAYER_COLOURS["senior vault"],
    "guaranty fund": PURPLE,
    "gains haircut": LAYER_COLOURS["gains haircut"],
    "shortfall": LAYER_COLOURS["shortfall"],
}
_MIX_COLOURS: Final = (GREEN, BLUE, RED, PURPLE, ORANGE, SKY, GREY)
_STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 10,
    "axes.edgecolor": GREY,
    "legend.frameon": False,
    "figure.dpi": 110,
}


def who_paid(outcomes: Sequence[Outcome]) -> bytes:
    """Stacked bars: parts of each scenario's loss."""
    with _drawing():
        figure, axes = plt.subplots(figsize=(9, 0.6 + 0.38 * len(outcomes)), layout="constrained")
        names = [outcome.key for outcome in outcomes]
        left = [0.0] * len(outcomes)
        for layer, (label, colour) in zip(LAYERS, _LAYER_COLOURS.items(), strict=True):
            parts = [
                outcome.figures[layer] / max(CENT, sum(outcome.figures[other] for other in LAYERS))
                for outcome in outcomes
            ]
            axes.barh(names, parts, left=left, color=colour, label=label, height=0.7)
            left = [sum(pair) for pair in zip(left, parts, strict=True)]
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_title("Who bore the losses of bankrupt accounts")
        figure.legend(loc="outside lower center", ncols=len(LAYERS))
        return _png(figure)


def course(outcome: Outcome) -> bytes:
    """One scenario over time: marks, capital, accounts in trouble."""
    with _drawing():
        figure, (top, middle, bottom) = plt.subplots(
            3, 1, sharex=True, figsize=(8, 4.6), height_ratios=[3, 2, 2], layout="constrained"
        )
        unit, scale = ("days", 86_400) if outcome.seconds > 172_800 else ("minutes", 60)
        times = [sample.time / scale for sample in outcome.samples]
        for number, name in enumerate(outcome.markets):
            first = outcome.samples[0].marks[number]
            marks = [
                sample.marks[number] / first if sample.priced[number] else float("nan")
                for sample in outcome.samples
            ]
            colour = (INK, BLUE, GREEN, PURPLE)[number % 4]
            top.step(times, marks, where="post", color=colour, label=name)
        top.yaxis.set_major_formatter(PercentFormatter(1))
        top.set_title("Marks, of the first price; a gap in the line: no price")
        top.legend(loc="best")
        capital = [
            ("junior", BLUE, [sample.junior / 10**24 for sample in outcome.samples]),
            ("senior", SKY, [sample.senior / 10**24 for sample in outcome.samples]),
        ]
        if outcome.brokers_before:
            owned = [sample.brokers / 10**24 for sample in outcome.samples]
            capital.append(("brokers", GREEN, owned))
        for label, colour, values in capital:
            middle.step(times, values, where="post", color=colour, label=label)
        middle.set_ylim(bottom=0)
        middle.set_title("Capital that pays before winners, million quote units")
        middle.legend(loc="best", ncols=3)
        for label, colour, style, counts in (
            ("under liquidation", INK, "-", [s.under_liquidation for s in outcome.samples]),
            ("bankrupt", RED, ":", [s.bankrupt for s in outcome.samples]),
        ):
            bottom.step(times, counts, where="post", color=colour, ls=style, label=label)
        bottom.set_ylim(bottom=0)
        bottom.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        bottom.set_title("Accounts in trouble, before and after each look of the keepers")
        bottom.legend(loc="best")
        bottom.set_xlabel(f"{unit} after the opening")
        return _png(figure)


def gaps_and_deficits(plan: SweepPlan, days: Sequence[Day]) -> bytes:
    """Every run: how rare its gap is, and what accounts could not pay."""
    with _drawing():
        figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
        for number, mix in enumerate(plan.mixes):
            mine = [day for day in days if day.draw.mix == mix]
            for haircut, marker in ((False, "o"), (True, "X")):
                some = [day for day in mine if (day.haircut >= CENT) == haircut]
                axes.scatter(
                    [1 / day.draw.rarity for day in some],
                    [part_of(plan, day.deficit) for day in some],
                    color=_MIX_COLOURS[number % len(_MIX_COLOURS)],
                    marker=marker,
                    s=22,
                    alpha=0.75,
                    linewidths=0,
                    label=f"{mix}, winners pay too" if haircut else mix,
                )
        axes.set_xscale("log")
        axes.axvline(1 / THOUSANDTH, color=GREY, lw=0.8, ls="--")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("one day in …")
        axes.set_title("Debts beyond the accounts' own margin, part of open interest")
        axes.legend(loc="upper left")
        return _png(figure)


def capital_curve(plan: SweepPlan, days: Sequence[Day], found: Findings) -> bytes:
    """How probable a haircut is with how much capital, by mix."""
    with _drawing():
        figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
        groups = [(mix, [d for d in days if d.draw.mix == mix]) for mix in plan.mixes]
        for number, (name, some) in enumerate([*groups, ("all runs", list(days))]):
            total = sum(day.draw.rarity for day in some)
            ordered = sorted(some, key=lambda day: -day.needed(found.limits))
            capitals, chances, above = [], [], 0.0
            for day in ordered:
                above += day.draw.rarity / total
                capitals.append(part_of(plan, day.needed(found.limits)))
                chances.append(above)
            colour = INK if name == "all runs" else _MIX_COLOURS[number % len(_MIX_COLOURS)]
            axes.step(capitals, chances, where="post", color=colour, label=name)
        axes.set_yscale("log")
        axes.set_ylim(plan.deepest, 0.1)
        axes.axhline(THOUSANDTH, color=GREY, lw=0.8, ls="--")
        axes.axvspan(
            part_of(plan, found.capital.needed.low),
            part_of(plan, found.capital.needed.high),
            color=GREY,
            alpha=0.2,
            lw=0,
        )
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("capital, part of open interest")
        axes.set_title("Probability of a day on which this capital is not enough")
        axes.legend(loc="upper right")
        return _png(figure)


def _drawing() -> Any:
    mpl.use("Agg")
    return mpl.rc_context(_STYLE)


def _png(figure: Figure) -> bytes:
    """The picture; without a software version the same run gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
