"""Margins of single positions, computed anew: what concentration and a missing price add, and where
they add nothing. Positions in a settled market need none.
"""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.invariants.step import Step
from plimsoll.fuzz.probe import LegState, MarketState
from plimsoll.model.state import PPB, PPM, WAD, Market

_LEVERAGES: Final = (1, 2, 5, 10, 20)
_STALE_PARTS: Final = 20  # one of them is asked for besides where there is no price
_FLOOR_WAD: Final = 10_000 * WAD
_CLOSE_WAD: Final = 2


def judge(step: Step) -> str | None:
    """I-56 to I-58."""
    for leg in step.seen.legs.values():
        market, seen = step.world.markets[leg.market], step.seen.markets[leg.market]
        if market.outage.settled_at:
            if leg.mm or leg.im:
                return f"I-56 maintenance: {leg.account:#x} needs margin in settled {leg.market}"
            continue
        name = f"{leg.account:#x} in market {leg.market}"
        mm = _up(_tiers(market, market.terms.mm_ppm, leg.notional) * (PPB + seen.s_mm_ppb), PPB)
        if abs(leg.mm - mm) > _CLOSE_WAD:
            return f"I-56 maintenance: {name} needs {leg.mm}, its brackets and stress ask {mm}"
        im = _opening(step, leg) + large_im(step, leg)
        im = _up(im * (PPM + seen.s_im_ppm), PPM)
        if not leg.priced:
            im += _up(leg.notional, _STALE_PARTS)
        if abs(leg.im - im) > _CLOSE_WAD:
            rule = "I-57 concentration" if leg.priced else "I-58 stale"
            return f"{rule}: {name} needs {leg.im}, it should be {im}"
    return None


def large_im(step: Step, leg: LegState) -> int:
    """Initial margin (wad) that a position needs for being large, before stress."""
    seen = step.seen.markets[leg.market]
    if not seen.share_percent:
        return 0
    beyond = max(0, leg.notional - _free(seen, leg.mark))
    return _up(beyond * seen.rate_percent, 100)


def _free(seen: MarketState, mark: int) -> int:
    """Notional (wad) that is not large."""
    everything = max(seen.long_interest, seen.short_interest) * mark // WAD
    return max(everything * seen.share_percent // 100, _FLOOR_WAD << seen.floor_code)


def _opening(step: Step, leg: LegState) -> int:
    """Brackets or leverage, whichever asks for more."""
    market = step.world.markets[leg.market]
    choice = step.world.positions[leg.account, leg.market].choice
    highest = market.terms.max_class
    chosen = min(choice - 1, highest) if choice else highest
    brackets = _tiers(market, market.terms.im_ppm, leg.notional)
    return max(brackets, _up(leg.notional, _LEVERAGES[chosen]))


def _tiers(market: Market, rates_ppm: tuple[int, int, int], notional: int) -> int:
    """Each bracket's rate on the part of a notional inside it, rounded up."""
    edges = (*market.terms.thresholds_wad, max(notional, market.terms.thresholds_wad[-1]))
    total = 0
    for place, rate in enumerate(rates_ppm):
        total += max(min(notional, edges[place + 1]) - edges[place], 0) * rate
    return _up(total, PPM)


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
