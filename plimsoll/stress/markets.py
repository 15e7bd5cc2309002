"""Markets of a scenario: terms from the file, or from a preset with changes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

from plimsoll import artifacts
from plimsoll.scenario import LEVERAGE_CLASSES, Bracket, MarketTerms
from plimsoll.stress.reading import Section, read_toml
from plimsoll.stress.terms import KEYS, NO_TERMS, Switches, Terms, read_terms
from plimsoll.units import PPM, WAD, div_down

PRESETS: Final = artifacts.PROJECT_ROOT / "scenarios" / "stress" / "presets" / "markets.toml"

_CAP_QUOTE: Final = 10**9  # open interest that a listing allows: never what binds here
_KEYS: Final = (
    "price", "open_interest", "feeds", "heartbeat", "staleness", "max_leverage", "brackets",
    "taker_fee", "maker_fee", "band", "min_notional", "funding_base_ppb", "funding_cap_ppb",
    "premium_volume",
)  # fmt: skip


@dataclass(frozen=True)
class MarketPlan:
    """A market before the run: price (wad), open interest (wad quote a side), how feeds behave."""

    terms: MarketTerms
    price: int
    open_interest: int
    heartbeat: int
    staleness: int
    guard: Terms = NO_TERMS

    @property
    def name(self) -> str:
        """Its name."""
        return self.terms.name

    @property
    def max_leverage(self) -> int:
        """The highest leverage class."""
        return LEVERAGE_CLASSES[self.terms.max_class]


def read_markets(file: Section, switches: Switches) -> tuple[MarketPlan, ...]:
    """All `[[markets]]` of a file, with the terms that are switched on."""
    sections = file.sections("markets")
    if not 1 <= len(sections) <= 10:
        file.wrong("markets", "must be 1 to 10 tables [[markets]]")
    plans = tuple(
        _plan(number, section, len(sections), switches)
        for number, section in enumerate(sections, start=1)
    )
    shares = sum(plan.guard.buffer.share_ppm for plan in plans if plan.guard.buffer is not None)
    if shares > PPM:
        file.wrong("markets", "have shares of the buffer that sum to more than 1")
    names = [plan.name for plan in plans]
    for section, name in zip(sections, names, strict=True):
        if names.count(name) > 1:
            section.wrong("name", f"is not unique: {name}")
    return plans


@functools.cache
def _presets() -> dict[str, dict[str, Any]]:
    file = read_toml(PRESETS)
    return {key: file.section(key).values for key in file.keys}


def _plan(number: int, entry: Section, markets: int, switches: Switches) -> MarketPlan:
    entry.only("name", "preset", *_KEYS, *KEYS)
    values: dict[str, Any] = {}
    if "preset" in entry:
        preset = entry.choice("preset", tuple(_presets()))
        values = {"name": preset} | _presets()[preset]
    section = entry.over(values)
    price = section.wad("price", positive=True)
    staleness = section.seconds("staleness")
    heartbeat = section.seconds("heartbeat")
    if not 0 < heartbeat <= 2 * 86_400 or not 3 * heartbeat <= 2 * staleness <= 6 * 86_400:
        section.wrong("staleness", "must be at least 1.5 heartbeats and at most 3 days")
    leverage = section.whole("max_leverage", 1, 20)
    if leverage not in LEVERAGE_CLASSES:
        section.wrong("max_leverage", f"must be one of {', '.join(map(str, LEVERAGE_CLASSES))}")
    return MarketPlan(
        terms=MarketTerms(
            id=number,
            name=section.text("name"),
            oi_cap=div_down(_CAP_QUOTE * WAD * WAD, price),
            min_notional=section.whole("min_notional", 100, 10**6),
            taker_fee_ppm=section.part("taker_fee", high="0.01"),
            maker_fee_ppm=section.part("maker_fee", high="0.01"),
            band_ppm=section.part("band", high="0.2"),
            max_class=LEVERAGE_CLASSES.index(leverage),
            brackets=_brackets(section),
            funding_base_ppb=section.whole("funding_base_ppb", 0, 10**7),
            funding_cap_ppb=section.whole("funding_cap_ppb", 0, 10**7),
            premium_volume=section.whole("premium_volume", 0, 10**12),
            size_decimals=6,
            feeds=section.whole("feeds", 1, 5),
            feed_decimals=8,
            feed_spread_ppm=0,
        ),
        price=price,
        open_interest=section.wad("open_interest", positive=True),
        heartbeat=heartbeat,
        staleness=staleness,
        guard=read_terms(section, markets, switches),
    )


def _brackets(section: Section) -> tuple[Bracket, Bracket, Bracket]:
    entries = section.sections("brackets")
    if len(entries) != 3:
        section.wrong("brackets", "must be three tables { from, im, mm }")
    first, second, third = (
        Bracket(entry.whole("from", 0, 10**12), entry.part("im"), entry.part("mm"))
        for entry in entries
    )
    if first.threshold != 0 or not first.threshold <= second.threshold <= third.threshold:
        section.wrong("brackets", "must begin at from = 0 and rise")
    return first, second, third
