"""The funding premium rule with lists and fractions instead of packed words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

WINDOW = 12
UNIT_PPB = 100
PREMIUM_MAX_PPB = (2**19 - 1) * UNIT_PPB
NO_VOLUME_IS_ENOUGH = 2**255 - 1


def toward_zero(value: Fraction) -> int:
    """Vyper's signed division: the fraction is cut off."""
    return int(value)


def stored(premium_ppb: int) -> int:
    """What is left of a premium after packing, ppb."""
    units = toward_zero(Fraction(premium_ppb, UNIT_PPB))
    return max(-PREMIUM_MAX_PPB, min(PREMIUM_MAX_PPB, units * UNIT_PPB))


def window(premiums_ppb: Sequence[int]) -> list[int]:
    """The last twelve buckets as stored, oldest first, zeros before the first."""
    return ([0] * WINDOW + [stored(premium) for premium in premiums_ppb])[-WINDOW:]


def median(buckets_ppb: Sequence[int]) -> Fraction:
    """Mean of the 6th and 7th of twelve, ppb."""
    ordered = sorted(buckets_ppb)
    return Fraction(ordered[5] + ordered[6], 2)


def bucket_premium(sum_vp: int, sum_v: int, v_min: int) -> int:
    """Volume-weighted premium of a bucket, diluted below `v_min`, ppb."""
    volume = max(sum_v, v_min)
    return toward_zero(Fraction(sum_vp, volume)) if volume else 0


def v_min(v_set: int, cap_ppb_per_hour: int, oi_notional: int, fee_sum_ppm: int) -> int:
    """Volume at which a full premium in seven buckets costs what an hour at the cap brings."""
    if fee_sum_ppm == 0:
        return NO_VOLUME_IS_ENOUGH
    gain = Fraction(cap_ppb_per_hour, 10**9) * oi_notional
    return max(v_set, ceil(gain / (7 * Fraction(fee_sum_ppm, 10**6))))


def rate(base_ppb: int, median_ppb: int, cap_ppb: int) -> int:
    """Funding rate, ppb an hour."""
    return max(-cap_ppb, min(cap_ppb, base_ppb + median_ppb))


def clamped_premium(price: int, mark: int, base_ppb: int, cap_ppb: int) -> int:
    """A fill's premium over mark, ppb, cut where the rate's cap binds."""
    premium = toward_zero(Fraction((price - mark) * 10**9, mark))
    return max(-cap_ppb - base_ppb, min(cap_ppb - base_ppb, premium))
