"""The invented accounts of a scenario and the trades that open them.

`build_population` is a pure function of the scenario: same seed, same accounts. Winners
are shorts that follow the published quantiles; holders are patient longs on the other side
of them; late longs buy from the holders, with leverage, just before the fall.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from plimsoll.errors import ConfigError
from plimsoll.scenario import LEVERAGE_CLASSES, MarketTerms, Scenario
from plimsoll.units import PPM, WAD, div_down, div_up, wad_mul_up

Role = Literal["winner", "holder", "late long", "client", "twin"]
"""Twin: what a client would be without its broker."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class AccountPlan:
    """An invented account before its first trade."""

    name: str
    role: Role
    deposit: int  # wad
    classes: Mapping[int, int]  # market id -> leverage class index
    leverage_target: int = 0  # wad, at the ADL; winners only
    notional_target: int = 0  # wad, at the ADL; winners only


@dataclass(frozen=True)
class TradePlan:
    """A fill to bring about: the maker posts, the taker crosses."""

    step: int
    market: int
    maker: str
    taker: str
    size: int  # wad, signed as the taker's
    price: int  # wad


@dataclass(frozen=True)
class Population:
    """Who takes part, and what they trade before the fall."""

    accounts: tuple[AccountPlan, ...]
    trades: tuple[TradePlan, ...]


@dataclass(frozen=True)
class _Short:
    """A winner's position while the population is built."""

    name: str
    market: int  # index into the scenario's markets
    size: int
    step: int
    price: int


def stratified(count: int, low_ppm: int, high_ppm: int) -> list[int]:
    """`count` probabilities (ppm) spread evenly over a range, each in the middle of its part."""
    return [low_ppm + div_down((high_ppm - low_ppm) * (2 * i + 1), 2 * count) for i in range(count)]


def build_population(scenario: Scenario) -> Population:
    """Accounts and trades of a scenario; a pure function of the file."""
    shuffler = random.Random(scenario.seed)  # noqa: S311 - repeatable, not secret
    shorts, winners = _winners(scenario, shuffler)
    holder_names = [f"holder-{number:02}" for number in range(1, scenario.holders + 1)]
    openings = [
        TradePlan(
            step=short.step,
            market=scenario.markets[short.market].id,
            maker=holder_names[index % scenario.holders],
            taker=short.name,
            size=-short.size,
            price=short.price,
        )
        for index, short in enumerate(shorts)
    ]
    held = _held(openings)
    handovers, late = _late_longs(scenario, held)
    purchases, clients = _clients(scenario, held)
    holders = _holders(scenario, holder_names, openings)
    trades = sorted([*openings, *handovers, *purchases], key=lambda trade: trade.step)
    return Population(accounts=(*winners, *holders, *late, *clients), trades=tuple(trades))


def _winners(scenario: Scenario, shuffler: random.Random) -> tuple[list[_Short], list[AccountPlan]]:
    """Short accounts: size and leverage from all accounts of the data, entries per coin."""
    count, kinds = scenario.winners, len(scenario.markets)
    sizes = stratified(count, *scenario.notional_range_ppm)[::-1]
    leverages = shuffled(shuffler, stratified(count, *scenario.leverage_range_ppm))
    entries = [
        shuffled(shuffler, stratified(len(range(kind, count, kinds)), *scenario.entry_range_ppm))
        for kind in range(kinds)
    ]
    shorts: list[_Short] = []
    plans: list[AccountPlan] = []
    for index in range(count):
        # large and small accounts are dealt to the markets like cards
        kind = index % kinds
        terms = scenario.markets[kind]
        adl_price = scenario.adl_price[terms.name]
        notional = max(scenario.notional.at(sizes[index]), div_up(terms.min_notional * WAD * 3, 2))
        size = terms.round_size(div_down(notional * WAD, adl_price))
        entry = scenario.entry[terms.name].at(entries[kind].pop())
        step, price = _opening(scenario, kind, entry)
        leverage = scenario.leverage.at(leverages[index])
        short = _Short(f"winner-{index + 1:02}", kind, size, step, price)
        deposit = _winner_deposit(scenario, short, leverage)
        opening_leverage = div_up(wad_mul_up(size, price) * WAD, deposit)
        shorts.append(short)
        plans.append(
            AccountPlan(
                name=short.name,
                role="winner",
                deposit=deposit,
                classes={terms.id: _chosen_class(shuffler, terms, opening_leverage)},
                leverage_target=leverage,
                notional_target=notional,
            )
        )
    return shorts, plans


def _opening(scenario: Scenario, kind: int, entry: int) -> tuple[int, int]:
    """The opening step nearest to a wanted entry price, and the fill price there.

    The fill is the wanted price as far as it lies within 1 % of the market's price.
    """
    opening = [i for i, step in enumerate(scenario.path) if step.phase == "open"]
    step = min(opening, key=lambda i: abs(scenario.path[i].prices[kind] - entry))
    price = scenario.path[step].prices[kind]
    return step, min(max(entry, price - price // 100), price + price // 100)


def _winner_deposit(scenario: Scenario, short: _Short, leverage: int) -> int:
    """Deposit (wad, whole units) that gives the wanted leverage at the ADL price.

    At least what opening takes, and what carries the position over the highest price
    that follows with a tenth to spare.
    """
    terms = scenario.markets[short.market]
    at_adl = wad_mul_up(short.size, scenario.adl_price[terms.name])
    opened = wad_mul_up(short.size, short.price)
    wanted = div_up(at_adl * WAD, leverage) - (opened - at_adl)
    opening = div_up(terms.initial_margin(opened) * 11, 10)
    later = scenario.path[short.step :]
    peak = wad_mul_up(short.size, max(step.prices[short.market] for step in later))
    carried = div_up((peak - opened + terms.maintenance_margin(peak) * 2) * 11, 10)
    return div_up(max(wanted, opening, carried), WAD) * WAD


def _chosen_class(shuffler: random.Random, terms: MarketTerms, leverage: int) -> int:
    """A class that allows `leverage` (wad) with a twentieth to spare, or one or two steps above."""
    least = next(
        index for index, factor in enumerate(LEVERAGE_CLASSES) if factor * WAD * 20 >= leverage * 21
    )
    return min(terms.max_class, least + shuffler.randrange(3))


def _held(openings: Sequence[TradePlan]) -> dict[tuple[str, int], int]:
    """What each holder has bought, by market."""
    held: dict[tuple[str, int], int] = {}
    for trade in openings:
        key = (trade.maker, trade.market)
        held[key] = held.get(key, 0) - trade.size
    return held


def _last_opening(scenario: Scenario) -> int:
    return max(i for i, step in enumerate(scenario.path) if step.phase == "open")


def _clients(
    scenario: Scenario, held: dict[tuple[str, int], int]
) -> tuple[list[TradePlan], list[AccountPlan]]:
    """Clients of brokers and their twins: alike in all but the guarantee."""
    step = _last_opening(scenario)
    trades: list[TradePlan] = []
    plans: list[AccountPlan] = []
    for client in scenario.brokers.clients if scenario.brokers is not None else ():
        terms = scenario.market(client.market)
        price = scenario.path[step].prices[terms.id - 1]
        wanted = terms.round_size(div_down(client.notional * WAD, price))
        roles: tuple[tuple[str, Role], ...] = ((client.name, "client"), (client.alone, "twin"))
        for name, role in roles:
            for holder, size in _from_largest(held, terms.id, wanted):
                trades.append(TradePlan(step, terms.id, holder, name, size, price))
            plans.append(
                AccountPlan(
                    name=name,
                    role=role,
                    deposit=client.deposit,
                    classes={terms.id: client.leverage_class},
                )
            )
    return trades, plans


def _late_longs(
    scenario: Scenario, held: dict[tuple[str, int], int]
) -> tuple[list[TradePlan], list[AccountPlan]]:
    """The leveraged longs, and their purchases from the holders just before the fall."""
    last_open = _last_opening(scenario)
    totals = {
        terms.id: sum(size for (_, market), size in held.items() if market == terms.id)
        for terms in scenario.markets
    }
    trades: list[TradePlan] = []
    plans: list[AccountPlan] = []
    for late in scenario.late_longs:
        notional = 0
        for kind, terms in enumerate(scenario.markets):
            share_ppm = late.shares_ppm.get(terms.name, 0)
            if share_ppm == 0:
                continue
            price = scenario.path[last_open].prices[kind]
            wanted = terms.round_size(div_down(totals[terms.id] * share_ppm, PPM))
            for holder, size in _from_largest(held, terms.id, wanted):
                notional += wad_mul_up(size, price)
                trades.append(TradePlan(last_open, terms.id, holder, late.name, size, price))
        plans.append(
            AccountPlan(
                name=late.name,
                role="late long",
                deposit=div_up(div_up(notional * WAD, late.leverage), WAD) * WAD,
                classes={scenario.market(name).id: late.leverage_class for name in late.shares_ppm},
            )
        )
    return trades, plans


def _from_largest(
    held: dict[tuple[str, int], int], market: int, wanted: int
) -> list[tuple[str, int]]:
    """Take `wanted` out of the holders' sizes, the largest first."""
    parts: list[tuple[str, int]] = []
    while wanted > 0:
        key = max((k for k in held if k[1] == market), key=lambda k: (held[k], k[0]))
        part = min(wanted, held[key])
        if part == 0:
            raise ConfigError(
                f"late longs and clients want more of market {market} than the holders have",
                next_step="lower their shares and notionals in the scenario file",
            )
        held[key] -= part
        wanted -= part
        parts.append((key[0], part))
    return parts


def _holders(
    scenario: Scenario, names: Sequence[str], openings: Sequence[TradePlan]
) -> list[AccountPlan]:
    """Patient longs in the lowest class, with all their purchases paid in full."""
    plans: list[AccountPlan] = []
    for name in names:
        bought = sum(
            wad_mul_up(-trade.size, trade.price) for trade in openings if trade.maker == name
        )
        plans.append(
            AccountPlan(
                name=name,
                role="holder",
                deposit=div_up(bought * 11, 10 * WAD) * WAD,
                classes={terms.id: 0 for terms in scenario.markets},
            )
        )
    return plans


def shuffled(shuffler: random.Random, items: Sequence[_T]) -> list[_T]:
    """A shuffled copy, by whole-number draws only so that it is the same everywhere."""
    rest = list(items)
    mixed: list[_T] = []
    while rest:
        mixed.append(rest.pop(shuffler.randrange(len(rest))))
    return mixed
