"""From weighted runs to probabilities, quantiles and their uncertainty.

A day drawn with rarity p counts with weight p, because days were drawn evenly in log p. Then

- the probability of an event is the weighted part of the runs that show it;
- the 1-in-1,000 value is the weighted empirical quantile: the smallest value that runs with at most
  a thousandth of the weight exceed;
- intervals hold nine of ten of the same estimates over resampled runs (bootstrap, seeded).

They say how far chance in the draws may carry the estimate. They say nothing of the assumptions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

RESAMPLES: Final = 300
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True)
class Estimate:
    """A value and the interval that chance in the draws leaves."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Quantile:
    """A value that a run had, and the interval; wad. `run` is its place in the sample."""

    value: int
    low: int
    high: int
    run: int


def probability(weights: Sequence[float], hits: Sequence[bool], seed: int) -> Estimate:
    """How probable is what the hits show; 0 of no runs at all."""

    def part(places: Sequence[int]) -> float:
        total = sum(weights[i] for i in places)
        return sum(weights[i] for i in places if hits[i]) / total if total else 0.0

    return _with_interval(part, len(weights), seed)


def mean(weights: Sequence[float], values: Sequence[float], seed: int) -> Estimate:
    """The weighted mean."""

    def average(places: Sequence[int]) -> float:
        total = sum(weights[i] for i in places)
        return sum(weights[i] * values[i] for i in places) / total if total else 0.0

    return _with_interval(average, len(weights), seed)


def quantile(
    weights: Sequence[float], values: Sequence[int], exceeded: float, seed: int
) -> Quantile:
    """The value that is exceeded with this probability."""
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    place = _place(order, weights, exceeded)
    found = sorted(
        values[_place(_resampled(order, chance), weights, exceeded)] for chance in _chances(seed)
    )
    low, high = found[int(_LOW * RESAMPLES)], found[int(_HIGH * RESAMPLES)]
    return Quantile(values[place], min(low, values[place]), max(high, values[place]), place)


def effective_runs(weights: Sequence[float]) -> float:
    """How many runs of equal weight would say as much about the whole."""
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _place(order: Sequence[int], weights: Sequence[float], exceeded: float) -> int:
    """Of places from the largest value down: the first with more than this part at or above."""
    limit = exceeded * sum(weights[i] for i in order)
    above = 0.0
    for place in order:
        above += weights[place]
        if above > limit:
            return place
    return order[-1]


def _resampled(order: Sequence[int], chance: random.Random) -> list[int]:
    """As many places drawn with replacement, still from the largest value down."""
    drawn = [0] * len(order)
    for _ in order:
        drawn[chance.randrange(len(order))] += 1
    return [place for place, times in zip(order, drawn, strict=True) for _ in range(times)]


def _with_interval(estimate: Callable[[Sequence[int]], float], count: int, seed: int) -> Estimate:
    everything = range(count)
    value = estimate(everything)
    found = sorted(estimate(_resampled(everything, chance)) for chance in _chances(seed))
    return Estimate(
        value,
        min(value, found[int(_LOW * RESAMPLES)]),
        max(value, found[int(_HIGH * RESAMPLES)]),
    )


def _chances(seed: int) -> list[random.Random]:
    return [
        random.Random(f"resample {seed} {number}")  # noqa: S311 - repeatable, not secret
        for number in range(RESAMPLES)
    ]
