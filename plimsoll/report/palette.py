"""What the pictures of a run share: colours, titles, places on the time axis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import matplotlib.dates as mdates
from matplotlib.figure import Figure

# Okabe and Ito: told apart with any common colour blindness, and in grey
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
RED: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
INK: Final = "#222222"
GREY: Final = "#8A8A8A"
PALE: Final = "#E4E4E4"

LAYER_COLOURS: Final = {
    "own margin": GREY,
    "brokers": GREEN,
    "junior vault": BLUE,
    "senior vault": SKY,
    "guaranty fund": PURPLE,
    "gains haircut": ORANGE,
    "shortfall": RED,
}

STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#EBEBEB",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "plimsoll",
}


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """A title and a line under it, at the same distance from the panels in every picture."""
    inch = 1 / figure.get_figheight()
    figure.text(0.012, 1 - 0.12 * inch, title, va="top", fontsize=14, fontweight="bold")
    figure.text(0.012, 1 - 0.43 * inch, subtitle, va="top", color="#555555")
    engine = figure.get_layout_engine()
    assert engine is not None  # all pictures ask for one
    engine.set(rect=(0, 0, 1, 1 - 0.7 * inch))  # type: ignore[call-arg]


def on_axis(seconds: float) -> float:
    """Where a time lies on an axis of dates."""
    return float(mdates.date2num(datetime.fromtimestamp(seconds, UTC)))  # type: ignore[no-untyped-call]


def utc_time(seconds: int) -> datetime:
    """A time of the scenario as a date."""
    return datetime.fromtimestamp(seconds, UTC)
