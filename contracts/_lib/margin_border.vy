# pragma version 0.4.3
"""
@title The mark of one market at which an account falls below maintenance margin
@dev   With everything else as it is, an account's surplus E - MM is a function of one mark P:

           f(P) = rest + floor(s * P) - margin(ceil(|s| * P))

       rest is what the other legs and the cash leave, s the signed size, margin the market's brackets with stress. For a
       short f never rises with P: halving finds the lowest P with f(P) < 0.

       For a long the exact f is concave, and rises as long as the maintenance rate with stress is below one. Integers
       make it jag: a margin that is rounded up may rise a wei before the value does. They take less than SLACK wei off
       it: one for the value, and s_max * (r + 1) + 1 <= 4 * 1.55 + 1 for the margin. So where f first stays at SLACK or
       more all higher prices are safe, and the highest P with f(P) < 0 lies a few wei of value below. It is found by going
       down level by level: while floor(s * P) is the same, margin is greatest and f least at the highest P.
"""

from contracts._lib import fixed_point
from contracts._lib import stress

MAX_PRICE: constant(uint256) = 2**96 - 1  # what a mark can be
SLACK: constant(int256) = 9
_LEVELS: constant(uint256) = 256  # the way down: SLACK * 2 / (1 - rate) levels of a wei


# Maintenance margin of a market over notional: rate k counts from threshold k on.
struct Curve:
    thresholds: uint256[3]  # wad
    rates_ppm: uint256[3]
    stress_ppb: uint256  # what the factor on it is above one


# An account as a function of one mark.
struct Case:
    size: int256  # wad
    rest: int256  # wad: equity less maintenance margin without the leg
    curve: Curve


@internal
@pure
def _margin_up(curve: Curve, notional: uint256) -> uint256:
    """
    @dev Maintenance margin of a notional (wad).
    """
    total: uint256 = 0
    for k: uint256 in range(3):
        low: uint256 = curve.thresholds[k]
        if notional > low:
            upper: uint256 = notional
            if k != 2:
                upper = min(notional, curve.thresholds[k + 1])
            total += (upper - low) * curve.rates_ppm[k]
    return stress._raised_up(
        fixed_point._div_up(total, fixed_point.PPM), curve.stress_ppb, stress.PPB
    )


@internal
@pure
def _surplus(case: Case, price: uint256) -> int256:
    """
    @dev f(P): below zero the account may be liquidated.
    """
    value: int256 = 0
    notional: uint256 = 0
    value, notional = fixed_point._value_and_notional(
        fixed_point._magnitude(case.size), case.size > 0, price
    )
    return case.rest + value - convert(self._margin_up(case.curve, notional), int256)


@internal
@pure
def _price(case: Case, mark: uint256) -> uint256:
    """
    @dev Of a long the highest, of a short the lowest mark at which it may be liquidated; 0: no mark does it.
    """
    if case.size == 0:
        return 0
    if case.size > 0:
        return self._highest_below(case, mark)
    return self._lowest_below(case)


@internal
@pure
def _lowest_below(case: Case) -> uint256:
    """
    @dev For a short.
    """
    if self._surplus(case, MAX_PRICE) >= 0:
        return 0
    low: uint256 = 0
    high: uint256 = MAX_PRICE
    for _: uint256 in range(96):
        if high - low <= 1:
            break
        middle: uint256 = (low + high) // 2
        if self._surplus(case, middle) < 0:
            high = middle
        else:
            low = middle
    return high


@internal
@pure
def _highest_below(case: Case, mark: uint256) -> uint256:
    """
    @dev For a long.
    """
    # where the maintenance rate with stress is above one, f falls again far above: the border below the mark counts
    high: uint256 = MAX_PRICE
    if self._surplus(case, high) < SLACK:
        if self._surplus(case, mark) < SLACK:
            return MAX_PRICE
        high = mark
    low: uint256 = 0
    for _: uint256 in range(96):
        if high - low <= 1:
            break
        middle: uint256 = (low + high) // 2
        if self._surplus(case, middle) < SLACK:
            low = middle
        else:
            high = middle
    size: uint256 = fixed_point._magnitude(case.size)
    for _: uint256 in range(_LEVELS):
        if low == 0 or self._surplus(case, low) < 0:
            break
        level: uint256 = low * size // fixed_point.WAD
        low = 0 if level == 0 else (level * fixed_point.WAD - 1) // size
    return low
