"""What a market remembers of its mark's moves: average, volatility, stress factors, hold.

As `contracts/_modules/market_risk.vy`, docs/protocol.md sections 4 and 6. `Risk` is replaced when
a poke finds another mark, or by a hold; everything else is a function of it and of the time since.
The old mark counts for that time, the new one from now on. Nothing here knows the world.

Units: `_ppm` 1e-6, `_ppb` 1e-9, times unix seconds or seconds, variance 1e-18 per second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import lru_cache
from math import isqrt
from typing import Final

from plimsoll.model.rounding import div_down, div_up, div_zero

_WAD: Final = 10**18
_PPM: Final = 10**6
_PPB: Final = 10**9

NEWS_SECONDS: Final = 900  # in which the reference of jumps follows the mark
YEAR_SECONDS: Final = 31_536_000
STIRRED_PPB: Final = 100_000  # distance of the EMA from which on margins look at it
MM_RISE_PPB: Final = 100_000_000  # of the factor on maintenance margin in
MM_RISE_SECONDS: Final = 3_600  # so long, and at most for so long

_DISTANCE_MAX_PPB: Final = 2**31 - 1
_VARIANCE_MAX: Final = 2**48 - 1
_LOG: Final = Context(prec=40)
_LOG_WAD: Final = _LOG.ln(Decimal(_WAD))


@dataclass(frozen=True, slots=True)
class RiskTerms:
    """How a market weighs its mark's moves; as `IClearinghouse.RiskTerms`."""

    ema_seconds: int  # time constant of the average
    volatility_seconds: int  # time constant of the variance
    calm_ppm: int  # annual volatility up to which there is no stress
    stress_max_ppm: int  # largest factor, 1e6 is none
    jump_ppm: int  # a larger move is news
    hold_seconds: int  # and holds the side it favours so long


@dataclass(frozen=True, slots=True)
class Risk:
    """A market's risk as of the last change of its mark."""

    changed_at: int = 0
    distance_ppb: int = 0  # EMA / mark - 1
    news_ppb: int = 0  # mark / reference - 1
    variance: int = 0
    s_im_ppm: int = 0  # factor on initial margin, above 1
    s_mm_ppb: int = 0  # factor on maintenance margin, above 1
    hold_until: int = 0  # of both sides; 0: none
    longs_held: bool = False
    shorts_held: bool = False
    stirred: bool = False  # margins must look at all this


NO_RISK: Final = Risk()
"""Of a market that never had risk terms."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What a market's risk does to margins at one moment."""

    distance_ppb: int
    s_im_ppm: int
    s_mm_ppb: int
    longs_held: bool
    shorts_held: bool

    def holds(self, long: bool) -> bool:
        """Whether gains of that side may not be used."""
        return self.longs_held if long else self.shorts_held


CALM: Final = Factors(0, 0, 0, False, False)


def factors(terms: RiskTerms | None, risk: Risk, now: int) -> Factors:
    """What margins count with now; nothing unless the market is stirred."""
    if terms is None or not risk.stirred:
        return CALM
    held = now < risk.hold_until
    return Factors(
        distance_ppb(terms, risk, now),
        risk.s_im_ppm,
        s_mm_ppb(risk, now),
        risk.longs_held and held,
        risk.shorts_held and held,
    )


def shown(
    terms: RiskTerms | None, risk: Risk, mark_wad: int, now: int
) -> tuple[int, int, int, int, bool, bool, int]:
    """As the view: EMA (wad), both factors above 1 (ppm, ppb), annual volatility (ppm), the sides
    held and until when (0: none is).
    """
    if terms is None:
        return mark_wad, 0, 0, 0, False, False, 0
    held = now < risk.hold_until
    return (
        div_down(mark_wad * (_PPB + distance_ppb(terms, risk, now)), _PPB),
        risk.s_im_ppm,
        s_mm_ppb(risk, now),
        div_down(volatility_ppb(risk.variance), 1_000),
        risk.longs_held and held,
        risk.shorts_held and held,
        risk.hold_until if held else 0,
    )


# --- reading ----------------------------------------------------------------------------------


def distance_ppb(terms: RiskTerms, risk: Risk, now: int) -> int:
    """EMA / mark - 1 now: the average nears a mark that stands still."""
    return _faded(risk.distance_ppb, terms.ema_seconds, now - risk.changed_at)


def s_mm_ppb(risk: Risk, now: int) -> int:
    """Factor on maintenance margin above 1 now: it rises slowly to the one on initial margin."""
    rise = min(now - risk.changed_at, MM_RISE_SECONDS) * MM_RISE_PPB // MM_RISE_SECONDS
    return min(risk.s_mm_ppb + rise, risk.s_im_ppm * 1_000)


def volatility_ppb(variance: int) -> int:
    """Annual volatility."""
    return isqrt(variance * YEAR_SECONDS)


def opening_price_wad(mark_wad: int, long: bool, factors_now: Factors) -> int:
    """The worse of mark and EMA for a side, rounded to the worse side."""
    if long:
        return div_down(mark_wad * (_PPB + min(factors_now.distance_ppb, 0)), _PPB)
    return div_up(mark_wad * (_PPB + max(factors_now.distance_ppb, 0)), _PPB)


def stressed_im_wad(im_wad: int, factors_now: Factors) -> int:
    """Initial margin under stress, rounded up."""
    return div_up(im_wad * (_PPM + factors_now.s_im_ppm), _PPM)


def stressed_mm_wad(mm_wad: int, factors_now: Factors) -> int:
    """Maintenance margin under stress, rounded up."""
    return div_up(mm_wad * (_PPB + factors_now.s_mm_ppb), _PPB)


def stressed_rate_ppm(rate_ppm: int, factors_now: Factors) -> int:
    """A marginal rate of maintenance margin under stress, rounded down.

    A rate above the true one would end every slice short of what it is to restore.
    """
    return div_down(rate_ppm * (_PPB + factors_now.s_mm_ppb), _PPB)


# --- changes ----------------------------------------------------------------------------------


def moved(
    terms: RiskTerms, risk: Risk, old_wad: int, mark_wad: int, now: int, grace_until: int = 0
) -> Risk:
    """What a poke stores that finds another mark than the stored one.

    The time of a hold begins at the end of a running grace: nobody may resolve before it.
    """
    elapsed = now - risk.changed_at
    average = _PPB + distance_ppb(terms, risk, now)
    distance = _clamped(div_down(average * old_wad, mark_wad) - _PPB)
    variance = _next_variance(terms, risk.variance, log_move_ppb(old_wad, mark_wad), elapsed)
    s_im = stress_ppm(terms, variance)
    s_mm = min(s_mm_ppb(risk, now), s_im * 1_000)
    reference = _PPB + _faded(risk.news_ppb, NEWS_SECONDS, elapsed)
    news = _clamped(div_down(reference * mark_wad, old_wad) - _PPB)
    longs_held, shorts_held, until = _still_held(risk, now)
    if abs(news) > terms.jump_ppm * 1_000:
        longs_held = longs_held or news > 0
        shorts_held = shorts_held or news < 0
        until = max(until, max(now, grace_until) + terms.hold_seconds)
        news = 0
    return Risk(
        changed_at=now,
        distance_ppb=distance,
        news_ppb=news,
        variance=variance,
        s_im_ppm=s_im,
        s_mm_ppb=s_mm,
        hold_until=until,
        longs_held=longs_held,
        shorts_held=shorts_held,
        stirred=abs(distance) >= STIRRED_PPB or s_im > 0 or longs_held or shorts_held,
    )


def held(terms: RiskTerms, risk: Risk, long: bool, now: int, grace_until: int = 0) -> Risk:
    """The risk with one side more held from now on, as by a jump; the later end counts for both."""
    longs_held, shorts_held, until = _still_held(risk, now)
    return replace(
        risk,
        longs_held=longs_held or long,
        shorts_held=shorts_held or not long,
        hold_until=max(until, max(now, grace_until) + terms.hold_seconds),
        stirred=True,
    )


def stress_ppm(terms: RiskTerms, variance: int) -> int:
    """Volatility over what is calm, above 1, within the limit."""
    factor = div_down(volatility_ppb(variance) * 1_000, terms.calm_ppm)
    return min(max(factor, _PPM), terms.stress_max_ppm) - _PPM


@lru_cache(maxsize=1_024)
def log_move_ppb(old_wad: int, mark_wad: int) -> int:
    """|ln(mark / old)|, rounded down; 0 for a quotient below a wei, which has no logarithm."""
    quotient = mark_wad * _WAD // old_wad
    if quotient == 0:
        return 0
    log = _LOG.subtract(_LOG.ln(Decimal(quotient)), _LOG_WAD)
    return int(abs(log) * _PPB)


def _next_variance(terms: RiskTerms, variance: int, log_ppb: int, elapsed: int) -> int:
    """The move as part of the time that passed since the one before."""
    seconds = terms.volatility_seconds
    total = div_down(variance * seconds + log_ppb * log_ppb, seconds + elapsed)
    return min(total, _VARIANCE_MAX)


def _still_held(risk: Risk, now: int) -> tuple[bool, bool, int]:
    """Which sides are held, and until when; a hold that is over is forgotten."""
    if now < risk.hold_until:
        return risk.longs_held, risk.shorts_held, risk.hold_until
    return False, False, 0


def _faded(ppb: int, seconds: int, elapsed: int) -> int:
    """What is left of a distance after a time, given its time constant; toward zero."""
    return div_zero(ppb * seconds, seconds + elapsed)


def _clamped(ppb: int) -> int:
    """Within 32 signed bits."""
    return max(-_DISTANCE_MAX_PPB - 1, min(_DISTANCE_MAX_PPB, ppb))
