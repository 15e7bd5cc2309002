"""What the price oracle must decide, in exact fractions and without its shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from fractions import Fraction

PRICE_MAX = 2**96 - 1
PPM = 10**6


class FeedStatus(IntFlag):
    """`IPriceOracle.FeedStatus`, in its order."""

    ACCEPTED = 1
    UNREACHABLE = 2
    INVALID = 4
    UNFINISHED = 8
    FUTURE = 16
    STALE = 32
    OUTLIER = 64


class Mode(IntFlag):
    """`BrokenFeed.Mode`, in its order."""

    HEALTHY = 1
    REVERTS = 2
    BURNS_ALL_GAS = 4
    RETURNS_NOTHING = 8
    RETURNS_TOO_LITTLE = 16
    RETURNS_TOO_MUCH = 32
    NEGATIVE = 64
    ZERO = 128
    TOO_LARGE = 256
    IN_PROGRESS = 512
    IN_FUTURE = 1024
    HUNGRY = 2048


@dataclass(frozen=True)
class Verdict:
    """The price (wad, 0: none) and which of the given prices count."""

    price: int
    ok: bool
    kept: tuple[bool, ...]


def to_wad(answer: int, decimals: int) -> int:
    """A feed's answer as a price in wad; 0 if it is none."""
    price = answer * 10 ** (18 - decimals)
    return price if 0 < price <= PRICE_MAX else 0


def status(price: int, updated_at: int, staleness: int, now: int) -> FeedStatus:
    """Status of one answer by itself; times in seconds."""
    if price == 0:
        return FeedStatus.INVALID
    if updated_at == 0:
        return FeedStatus.UNFINISHED
    if updated_at > now:
        return FeedStatus.FUTURE
    return FeedStatus.STALE if now - updated_at > staleness else FeedStatus.ACCEPTED


def median(prices: Sequence[int]) -> int:
    """Median of a non-empty list; an even number: mean of the middle two, rounded down."""
    ordered = sorted(prices)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def decide(prices: Sequence[int], quorum: int, max_deviation_ppm: int) -> Verdict:
    """The decision over fresh prices, in the order they are given."""
    if len(prices) < quorum:
        return Verdict(0, False, tuple(True for _ in prices))
    middle = median(prices)
    limit = Fraction(middle * max_deviation_ppm, PPM)
    kept = tuple(abs(price - middle) <= limit for price in prices)
    if sum(kept) < quorum:
        return Verdict(0, False, kept)
    return Verdict(median([p for p, keep in zip(prices, kept, strict=True) if keep]), True, kept)
