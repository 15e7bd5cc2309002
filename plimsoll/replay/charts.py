"""Pictures of a replay. The only place of this package where figures become floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from plimsoll.replay.outcome import PolicyOutcome
from plimsoll.replay.report import Replay
from plimsoll.report.palette import BLUE, GREEN, GREY, INK, ORANGE, PALE, PURPLE, RED, SKY, STYLE
from plimsoll.units import WAD

MILLION: Final = 10**6 * WAD
POLICY_STYLES: Final = {
    "published": (GREY, "//"),
    "queue": (RED, ""),
    "size": (ORANGE, ""),
    "profit": (PURPLE, ""),
    "plimsoll": (BLUE, ""),
}
INSURED: Final = (GREEN, SKY, INK)  # colours of Plimsoll with insurance, in turn
SPONSORED: Final = ("#5B3A00", "#A06A00", "#D9A441", GREY)  # and with brokers
LEAST_SHOWN: Final = 1e-9  # shares below are drawn here on a scale of powers


def draw_all(replay: Replay, folder: Path) -> dict[str, Path]:
    """All pictures as PNG files in `folder`: what each shows, and where it is."""
    mpl.use("Agg")
    found = {}
    for name, (says, draw) in PICTURES.items():
        with mpl.rc_context(STYLE):
            figure = draw(replay)
            path = folder / name
            # without a software version the same replay gives the same bytes
            figure.savefig(path, metadata={"Software": None})
            plt.close(figure)
            found[says] = path
    return found


# --- pictures ------------------------------------------------------------------------------


def money(replay: Replay) -> Figure:
    """Bars per policy: too much and too little, and where the money came from."""
    outcomes = replay.rows
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10.5, 0.46 * len(outcomes) + 1.6), layout="constrained", sharey=True
    )
    places = range(len(outcomes))
    left.barh(places, [_millions(o.over) for o in outcomes], color=RED, height=0.6)
    left.barh(places, [-_millions(o.under) for o in outcomes], color=GREY, height=0.6)
    for place, outcome in zip(places, outcomes, strict=True):
        _label(left, _millions(outcome.over), place, f"{_millions(outcome.over):,.1f}")
    left.axvline(0, color=INK, lw=0.8)
    left.set_yticks(list(places), [outcome.title for outcome in outcomes])
    left.invert_yaxis()
    left.set_xlim(right=max(1.0, *(_millions(outcome.over) for outcome in outcomes)) * 1.12)
    left.set_title("Taken too much, and too little (left), M$")

    begins = [0.0] * len(outcomes)
    parts: tuple[tuple[str, str, Callable[[PolicyOutcome], int]], ...] = (
        ("brokers' guarantees", GREEN, lambda outcome: outcome.brokers),
        ("insurance", SKY, lambda outcome: outcome.insurance),
        ("guaranty fund", PURPLE, lambda outcome: outcome.fund),
        ("winners", ORANGE, lambda outcome: outcome.taken),
        ("nobody", RED, lambda outcome: outcome.shortfall),
    )
    for label, colour, part in parts:
        widths = [_millions(part(outcome)) for outcome in outcomes]
        right.barh(places, widths, left=begins, color=colour, height=0.6, label=label)
        begins = [begin + width for begin, width in zip(begins, widths, strict=True)]
    needed = _millions(replay.plain.needed)
    right.axvline(needed, color=INK, lw=1.1, ls="--")
    right.annotate(
        f"needed {needed:,.1f}", (needed, -0.55), xytext=(4, 0), textcoords="offset points",
        fontsize=8.5, va="center",
    )  # fmt: skip
    right.set_title("Who paid, M$")
    right.legend(loc="lower right")
    return figure


def waves(replay: Replay) -> Figure:
    """Taken against needed in every wave: venue, simulated queue, Plimsoll."""
    shown = [replay.venue, *(o for o in replay.outcomes if o.key in _compared(replay))]
    figure, axes = plt.subplots(figsize=(10.5, 4.2), layout="constrained")
    numbers = [str(one.wave) for one in replay.plain.rounds]
    width = 0.8 / (len(shown) + 1)
    needed = [_dollars(one.needed) for one in replay.plain.rounds]
    axes.bar(_shifted(numbers, 0, width), needed, width, color=PALE, edgecolor=INK, label="needed")
    for number, outcome in enumerate(shown, start=1):
        colour, hatch = _style(replay, outcome)
        axes.bar(
            _shifted(numbers, number, width),
            [max(1e-2, _dollars(one.taken)) for one in outcome.rounds],
            width,
            color=colour,
            hatch=hatch,
            edgecolor="white" if hatch else colour,
            label=f"taken: {outcome.title}",
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.set_xticks(range(len(numbers)), numbers)
    axes.set_xlabel("wave")
    axes.set_title("Needed and taken per wave, dollars (each line is ten times the one below)")
    axes.set_ylim(top=axes.get_ylim()[1] * 12)
    axes.legend(ncols=4, loc="upper center", fontsize=8.5)
    return figure


def people(replay: Replay) -> Figure:
    """Curves: how large a part of their profit the hardest hit winners lost over the day."""
    figure, axes = plt.subplots(figsize=(10.5, 4.2), layout="constrained")
    for outcome in replay.outcomes:
        colour, _ = _style(replay, outcome)
        if not outcome.accounts:
            axes.plot([], [], color=colour, lw=1.9, ls="--", label=f"{outcome.title}: nobody")
            continue
        count = len(outcome.paid_shares)
        axes.step(
            [(place + 1) / count * 100 for place in range(count)],
            [max(LEAST_SHOWN, part / WAD) * 100 for part in reversed(outcome.paid_shares)],
            where="post",
            color=colour,
            lw=1.9,
            ls=":" if outcome.sponsored else "--" if outcome.insured else "-",
            label=outcome.title,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=1e-3, top=160)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set_xlabel("so many of the winners, the hardest hit first …")
    axes.set_ylabel("… lost at least this part of their profit")
    axes.set_title("Who is hit, and how hard, over the whole day")
    axes.legend(loc="lower left", fontsize=8.5, ncols=2)
    return figure


def gas(replay: Replay) -> Figure:
    """Dots: gas of every wave by the buckets it charged, and gas of a bucket by its members."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.6), layout="constrained")
    rounds = [one for one in replay.plain.rounds if one.buckets]
    gas_used = [one.resolve_gas or 0 for one in rounds]
    buckets = [one.buckets or 1 for one in rounds]
    members = [(one.accounts or 0) / count for one, count in zip(rounds, buckets, strict=True)]
    each = [amount / count / 1e3 for amount, count in zip(gas_used, buckets, strict=True)]
    _dots(left, buckets, [amount / 1e6 for amount in gas_used], [one.wave for one in rounds])
    left.set_xlabel("buckets of the ADL index that the wave charged")
    left.set_title("Gas of a wave's calls of resolve, million")
    _dots(right, members, each, [one.wave for one in rounds])
    right.set_xlabel("accounts in each bucket, on average")
    right.set_title("Gas of a bucket, thousand")
    return figure


PICTURES: Final[dict[str, tuple[str, Callable[[Replay], Figure]]]] = {
    "money.png": ("What every policy took, and from whom", money),
    "waves.png": ("Taken against needed, wave by wave", waves),
    "people.png": ("Who is hit, and how hard", people),
    "gas.png": ("What it costs to run: numbers are waves; a first charge costs a bucket more", gas),
}


# --- pieces --------------------------------------------------------------------------------


def _style(replay: Replay, outcome: PolicyOutcome) -> tuple[str, str]:
    """Colour and hatch of a policy."""
    if outcome.kind == "published":
        return POLICY_STYLES["published"]
    policies = replay.settings.policies
    policy = next(one for one in policies if one.key == outcome.key)
    if policy.kind != "plimsoll" or policy.bare:
        return POLICY_STYLES[policy.kind]
    if policy.sponsored_ppm:
        sponsored = [one.key for one in policies if one.sponsored_ppm]
        return SPONSORED[sponsored.index(policy.key) % len(SPONSORED)], ""
    insured = [one.key for one in policies if one.insurance]
    return INSURED[insured.index(policy.key) % len(INSURED)], ""


def _compared(replay: Replay) -> set[str]:
    """Keys of the policies that stand beside the venue, wave by wave."""
    return {
        policy.key for policy in replay.settings.policies if policy.kind == "queue" or policy.bare
    }


def _shifted(numbers: Sequence[str], place: int, width: float) -> list[float]:
    return [number - 0.4 + width * (place + 0.5) for number in range(len(numbers))]


def _dots(axes: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[int]) -> None:
    axes.scatter(x, y, color=BLUE, s=36, zorder=3)
    for across, up, name in zip(x, y, names, strict=True):
        axes.annotate(
            str(name), (across, up), xytext=(4, 3), textcoords="offset points", fontsize=7.5
        )
    axes.set_xlim(left=0, right=max(1.0, *x) * 1.08)
    axes.set_ylim(bottom=0, top=max(0.1, *y) * 1.12)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _label(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(
        text, (x, y), xytext=(4, 0), textcoords="offset points", fontsize=8.5, va="center"
    )


def _millions(amount: int) -> float:
    return amount / MILLION


def _dollars(amount: int) -> float:
    return amount / WAD


def _short(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g} {letter}"
    return f"{value:g}"
