"""The invented accounts of a scenario: sizes, leverage, deposits. A pure function of the file.

In every market the crowd holds what the named accounts leave of the open interest, on both sides.
Sizes follow Zipf's law, steep enough for the largest account to have the share that is asked for.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, Literal

from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.stress.markets import MarketPlan
from plimsoll.units import PPM, WAD, div_down, div_up, wad_mul_up

Side = Literal["long", "short"]
_SIGN: Final[Mapping[Side, int]] = {"long": 1, "short": -1}
_SIDES: Final[tuple[Side, Side]] = ("long", "short")
_STEEPEST: Final = Decimal(4)
_SPARE_PPM: Final = 1_020_000  # initial margin and a little, at every step of the opening


@dataclass(frozen=True)
class Crowd:
    """How the invented accounts are made."""

    accounts: int
    leverage: tuple[tuple[int, int], ...]  # notional over equity, part of the accounts (ppm)
    largest_share_ppm: int  # of its side of a market
    long_accounts_ppm: int
    entries_ppm: tuple[int, ...]  # prices of the opening, parts of the first price
    legs: int  # markets per account


@dataclass(frozen=True)
class Named:
    """An account that the file names; without a market it only has its deposit (wad)."""

    name: str
    market: str
    side: Side
    share_ppm: int  # of that side
    leverage: int
    deposit: int  # wad, on top of what the position needs


@dataclass(frozen=True)
class Leg:
    """A position to open: signed size (wad), at a step of the opening."""

    market: str
    size: int
    step: int


@dataclass(frozen=True)
class Member:
    """An account to open."""

    name: str
    legs: tuple[Leg, ...]
    classes: Mapping[str, int]  # market -> index of the leverage class
    deposit: int  # wad, whole units


def member_names(crowd: Crowd, markets: Sequence[str]) -> list[str]:
    """Everybody's name: first market, side, number by size."""
    return [name for group in _groups(crowd, markets).values() for name in group]


def build_crowd(
    crowd: Crowd, named: Sequence[Named], markets: Sequence[MarketPlan], seed: int
) -> list[Member]:
    """All accounts with positions, the named ones first; longs and shorts match to the wei."""
    shuffler = random.Random(f"crowd {seed}")  # noqa: S311 - repeatable, not secret
    names = [market.name for market in markets]
    groups = _groups(crowd, names)
    everybody = [name for group in groups.values() for name in group]
    leverage = dict(zip(everybody, _dealt(shuffler, crowd, len(everybody)), strict=True))
    sizes = {market.name: _sizes(crowd, named, market, names, groups) for market in markets}
    leverage |= {account.name: account.leverage for account in named}
    extra = {account.name: account.deposit for account in named}
    members = []
    for number, name in enumerate([*(account.name for account in named), *everybody]):
        legs = tuple(
            Leg(market.name, sizes[market.name][name], (number + place) % len(crowd.entries_ppm))
            for place, market in enumerate(markets)
            if name in sizes[market.name]
        )
        if not legs:
            continue  # only a deposit, which the opening makes
        members.append(_member(name, legs, leverage[name], extra.get(name, 0), crowd, markets))
    return members


def _groups(crowd: Crowd, markets: Sequence[str]) -> dict[tuple[str, Side], list[str]]:
    """Names by first market and side; every group has somebody."""
    longs = max(len(markets), div_down(crowd.accounts * crowd.long_accounts_ppm, PPM))
    longs = min(longs, crowd.accounts - len(markets))
    found: dict[tuple[str, Side], list[str]] = {}
    for side, count in zip(_SIDES, (longs, crowd.accounts - longs), strict=True):
        for place, market in enumerate(markets):
            number = len(range(place, count, len(markets)))
            found[market, side] = [f"{market}-{side}-{i + 1:02}" for i in range(number)]
    return found


def _dealt(shuffler: random.Random, crowd: Crowd, count: int) -> list[int]:
    """A leverage for everybody: the shares of the mix, as near as whole accounts allow."""
    dealt: list[int] = []
    total = 0
    for leverage, share in crowd.leverage:
        total += share
        dealt += [leverage] * (div_down(count * total + PPM // 2, PPM) - len(dealt))
    shuffler.shuffle(dealt)
    return dealt


def _sizes(
    crowd: Crowd,
    named: Sequence[Named],
    market: MarketPlan,
    names: Sequence[str],
    groups: Mapping[tuple[str, Side], Sequence[str]],
) -> dict[str, int]:
    """Signed sizes (wad) in one market."""
    place = names.index(market.name)
    firsts = [names[(place - back) % len(names)] for back in range(crowd.legs)]
    sizes: dict[str, int] = {}
    for side in _SIDES:
        own = {a.name: a for a in named if (a.market, a.side) == (market.name, side)}
        for name, account in own.items():
            sizes[name] = _SIGN[side] * _size(market, div_down(
                market.open_interest * account.share_ppm, PPM))  # fmt: skip
        rest = PPM - sum(account.share_ppm for account in own.values())
        weights: dict[str, int] = {}
        for first in firsts:
            group = groups[first, side]
            weights |= dict(zip(group, _zipf(len(group), crowd.largest_share_ppm), strict=True))
        total = sum(weights.values())
        for name, weight in weights.items():
            notional = div_down(market.open_interest * rest * weight, PPM * total)
            sizes[name] = _SIGN[side] * _size(market, notional)
    # rounding left a little on one side: its largest account of the crowd takes it
    gap = sum(sizes.values())
    if gap:
        invented = sizes.keys() - {account.name for account in named}
        smaller_side = [name for name in sorted(invented) if sizes[name] * gap < 0]
        sizes[max(smaller_side, key=lambda name: abs(sizes[name]))] -= gap
    return sizes


def _size(market: MarketPlan, notional: int) -> int:
    """A size (wad) worth `notional`, at least half more than the least that may be opened."""
    least = div_up(market.terms.min_notional * WAD * 3, 2)
    return market.terms.round_size(div_down(max(notional, least) * WAD, market.price))


@functools.cache
def _zipf(count: int, largest_ppm: int) -> tuple[int, ...]:
    """Weights that fall as rank to some power, the first with this share or a larger equal one."""
    low, high = Decimal(0), _STEEPEST
    with localcontext() as context:
        context.prec = 20
        for _ in range(24):
            power = (low + high) / 2
            weights = [Decimal(rank) ** -power for rank in range(1, count + 1)]
            if weights[0] * PPM < largest_ppm * sum(weights):
                low = power
            else:
                high = power
        return tuple(int(weight * 10**12) for weight in weights)


def _member(
    name: str,
    legs: tuple[Leg, ...],
    leverage: int,
    extra: int,
    crowd: Crowd,
    markets: Sequence[MarketPlan],
) -> Member:
    """Deposit for the leverage at the end of the opening, and for the margin on the way there."""
    by_name = {market.name: market for market in markets}
    deposit, on_the_way = 0, 0
    classes: dict[str, int] = {}
    last = len(crowd.entries_ppm)
    for leg in legs:
        market = by_name[leg.market]
        wanted = min(leverage, market.max_leverage)
        classes[leg.market] = next(i for i, c in enumerate(LEVERAGE_CLASSES) if c >= wanted)
        entry = div_down(market.price * crowd.entries_ppm[leg.step], PPM)
        notional = wad_mul_up(abs(leg.size), market.price)
        fees = div_up(wad_mul_up(abs(leg.size), entry) * market.terms.taker_fee_ppm, PPM)
        gained = div_down(leg.size * (market.price - entry), WAD)
        deposit += div_up(notional, wanted) - gained + fees
        needed = 0
        for step in range(leg.step, last + 1):
            part = crowd.entries_ppm[step] if step < last else PPM
            price = div_up(market.price * part, PPM)
            value = wad_mul_up(abs(leg.size), price)
            margin = max(
                market.terms.initial_margin(value),
                div_up(value, LEVERAGE_CLASSES[classes[leg.market]]),
            ) + market.guard.surcharge(value, market.open_interest)
            lost = div_up(leg.size * (entry - price), WAD)
            needed = max(needed, div_up(margin * _SPARE_PPM, PPM) + lost + fees)
        on_the_way += needed
    return Member(name, legs, classes, div_up(max(deposit, on_the_way) + extra, WAD) * WAD)
