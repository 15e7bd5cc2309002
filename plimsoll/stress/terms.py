"""Risk terms, buffer terms and concentration of a market in a file, and when they take force.

All are set by the protocol's owner. Buffer terms stand before anybody opens: a cap that is too low
refuses the positions of the file. Stress, holds and concentration stand from the first moment after
the opening, which is too quick to be a market's past; accounts pay in what the surcharge asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from plimsoll.risk_terms import (
    BufferTerms,
    Concentration,
    RiskTerms,
    read_buffer,
    read_concentration,
)
from plimsoll.stress.reading import Section
from plimsoll.units import PPM, WAD, div_up

KEYS: Final = ("risk", "buffer", "concentration")
_SECONDS: Final = ("ema", "volatility", "hold")
_FLOOR: Final = 10_000 * WAD


@dataclass(frozen=True)
class Terms:
    """A market's terms; None: it has none of that kind."""

    risk: RiskTerms | None = None
    buffer: BufferTerms | None = None
    concentration: Concentration | None = None

    def surcharge(self, notional: int, interest: int) -> int:
        """Extra initial margin (wad) of a position beside so much open interest on its side."""
        terms = self.concentration
        if terms is None:
            return 0
        free = max(interest * terms.share_percent // 100, _FLOOR << terms.floor_code)
        return div_up(max(0, notional - free) * terms.rate_percent, 100)


NO_TERMS: Final = Terms()


@dataclass(frozen=True)
class Switches:
    """Which kinds of terms a scenario plays with."""

    risk: bool = True
    buffer: bool = True
    concentration: bool = True

    @property
    def off(self) -> list[str]:
        """Names of those it does without."""
        return [key for key in KEYS if not getattr(self, key)]


def read_switches(section: Section) -> Switches:
    """The `[terms]` of a file: everything is on unless it says otherwise."""
    section.only(*KEYS)
    return Switches(**{key: section.flag(key, default=True) for key in KEYS})


def read_terms(section: Section, markets: int, switches: Switches) -> Terms:
    """The terms of a market among so many, without those that are switched off."""
    return Terms(
        risk=_risk(section.section("risk")) if _wanted(section, "risk", switches) else None,
        buffer=_buffer(section, markets) if _wanted(section, "buffer", switches) else None,
        concentration=_concentration(section)
        if _wanted(section, "concentration", switches)
        else None,
    )


def _wanted(section: Section, key: str, switches: Switches) -> bool:
    return key in section and bool(getattr(switches, key))


def _risk(section: Section) -> RiskTerms:
    section.only("ema", "volatility", "calm", "most", "jump", "hold")
    ema, volatility, hold = (section.seconds(key) for key in _SECONDS)
    for key, value, low, high in (
        ("ema", ema, 60, 86_400),
        ("volatility", volatility, 300, 604_800),
        ("hold", hold, 60, 600),
    ):
        if not low <= value <= high:
            section.wrong(key, f"must be from {low}s to {high}s")
    return RiskTerms(
        ema_seconds=ema,
        volatility_seconds=volatility,
        calm_ppm=section.part("calm", low="0.05", high="5"),
        stress_max_ppm=section.part("most", low="1", high="4"),
        jump_ppm=section.part("jump", low="0.01", high="0.1"),
        hold_seconds=hold,
    )


def _buffer(market: Section, markets: int) -> BufferTerms:
    section = market.section("buffer")
    section.only("kappa", "share", "gap")
    values: dict[str, Any] = {"share": f"{PPM // markets / PPM:.6f}"} | section.values
    try:
        terms = read_buffer(values)
    except (KeyError, ValueError) as error:
        market.wrong("buffer", f"is not good: {error}")
    assert terms is not None  # values were given
    return terms


def _concentration(market: Section) -> Concentration:
    section = market.section("concentration")
    section.only("share_percent", "rate_percent", "floor_code")
    try:
        terms = read_concentration(section.values)
    except (KeyError, ValueError) as error:
        market.wrong("concentration", f"is not good: {error}")
    assert terms is not None  # values were given
    return terms
