"""What the risk engine is told about a market besides its configuration; none of it is a must.

Risk terms average the mark, raise margins and hold gains; buffer terms bound open interest by
insurance capital; a concentration raises the margin of positions that are large in the market.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from plimsoll.units import PPM, to_ppm


@dataclass(frozen=True)
class _Terms:
    """Field by field the struct of `IClearinghouse` with the same name."""

    def values(self) -> tuple[int, ...]:
        """The fields in the struct's order."""
        return astuple(self)


@dataclass(frozen=True)
class RiskTerms(_Terms):
    """How a market averages its mark, raises margins and holds gains."""

    ema_seconds: int
    volatility_seconds: int
    calm_ppm: int
    stress_max_ppm: int
    jump_ppm: int
    hold_seconds: int


@dataclass(frozen=True)
class BufferTerms(_Terms):
    """How far insurance capital backs a market's open interest."""

    kappa_ppm: int
    share_ppm: int
    gap_ppm: int


@dataclass(frozen=True)
class Concentration(_Terms):
    """Extra initial margin of positions that are large beside their market."""

    share_percent: int
    rate_percent: int
    floor_code: int
    """A notional of 10,000 * 2**floor_code quote units never needs extra margin."""


NO_BUFFER = BufferTerms(0, 0, 0)
NO_CONCENTRATION = Concentration(0, 0, 0)


def read_risk(entry: Mapping[str, Any]) -> RiskTerms:
    """The `risk` of a market in a scenario file: seconds, and fractions for the rest."""
    return RiskTerms(
        ema_seconds=int(entry["ema_s"]),
        volatility_seconds=int(entry["volatility_s"]),
        calm_ppm=to_ppm(entry["calm_volatility"]),
        stress_max_ppm=to_ppm(entry["stress_max"]),
        jump_ppm=to_ppm(entry["jump"]),
        hold_seconds=int(entry["hold_s"]),
    )


def read_buffer(entry: Mapping[str, Any] | None) -> BufferTerms | None:
    """The `buffer` of a market in a scenario file: `kappa`, `share` and `gap` as fractions."""
    if entry is None:
        return None
    terms = BufferTerms(to_ppm(entry["kappa"]), to_ppm(entry["share"]), to_ppm(entry["gap"]))
    _check("buffer: kappa", entry["kappa"], 100_000 <= terms.kappa_ppm <= 100 * PPM, "0.1 to 100")
    _check("buffer: share", entry["share"], 1 <= terms.share_ppm <= PPM, "above 0, at most 1")
    _check("buffer: gap", entry["gap"], 10_000 <= terms.gap_ppm <= PPM, "0.01 to 1")
    return terms


def read_concentration(entry: Mapping[str, Any] | None) -> Concentration | None:
    """The `concentration` of a market in a scenario file: two percentages and the floor's code."""
    if entry is None:
        return None
    terms = Concentration(
        int(entry["share_percent"]), int(entry["rate_percent"]), int(entry["floor_code"])
    )
    for name, value, least, most in (
        ("share_percent", terms.share_percent, 1, 31),
        ("rate_percent", terms.rate_percent, 1, 50),
        ("floor_code", terms.floor_code, 0, 15),
    ):
        _check(f"concentration: {name}", value, least <= value <= most, f"{least} to {most}")
    return terms


def check_shares(terms: Iterable[BufferTerms | None]) -> None:
    """Refuse markets that would together be backed by more than all capital."""
    total = sum(one.share_ppm for one in terms if one is not None)
    _check("the buffer shares of all markets sum to", total / PPM, total <= PPM, "at most 1")


def _check(what: str, value: object, good: bool, allowed: str) -> None:
    """ValueError with what is allowed."""
    if not good:
        raise ValueError(f"{what} {value}: {allowed}")
