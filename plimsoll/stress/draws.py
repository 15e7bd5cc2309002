"""Random days: the file that says what is drawn, and one day of it as a scenario.

Days are drawn by importance: the rarity p of a day's gap evenly on a logarithmic scale, from every
day to the rarest, so that every decade gets as many runs. A day counts with weight p.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from plimsoll import artifacts
from plimsoll.scenario import AuctionTerms, InsurancePlan, LiquidatorPlan
from plimsoll.stress.brokers import MOST_BROKERS, USUAL, BrokerPlan, FundPlan, read_fund
from plimsoll.stress.crowd import Crowd, Member, Named, build_crowd
from plimsoll.stress.events import AnyEvent, Leave, Price
from plimsoll.stress.markets import MarketPlan, read_markets
from plimsoll.stress.reading import Section, read_toml
from plimsoll.stress.scenario import Scenario, read_auction, read_mix
from plimsoll.stress.terms import Switches, read_switches
from plimsoll.units import PPM, WAD, div_down, div_up

DEFAULT: Final = artifacts.PROJECT_ROOT / "scenarios" / "stress" / "presets" / "sweep.toml"
_LARGEST_GAP_PPM: Final = 900_000
_EVENT_AT: Final = 600
_DESK: Final = "exit-desk"


@dataclass(frozen=True)
class Gaps:
    """How large the gap of a rare day is (ppm): a power law through two points."""

    in_100_ppm: int
    in_1000_ppm: int

    @property
    def tail(self) -> float:
        """Tail index: the gap grows with rarity to the power of one over this."""
        return 1 / math.log10(self.in_1000_ppm / self.in_100_ppm)

    def at(self, probability: float) -> int:
        """The gap (ppm) that a day exceeds with this probability."""
        gap: float = self.in_100_ppm * (0.01 / probability) ** (1 / self.tail)
        return min(_LARGEST_GAP_PPM, round(gap))


@dataclass(frozen=True)
class Ranges:
    """Bounds of what is drawn evenly, ppm of open interest or of one; minutes."""

    capital: tuple[int, int]
    largest_share: tuple[int, int]
    appetite: tuple[int, int]
    over_minutes: tuple[int, int]


@dataclass(frozen=True)
class BrokerDraw:
    """Brokers of the days that have some, ppm: each gives every client a guarantee that is so much
    of what it has paid in, and has a stake and a pool that are so much of its guarantees.
    """

    number: int
    sponsored: tuple[int, ...]  # part of the accounts with a broker: one of these
    guarantee: int
    stake: int
    pool: int
    fund: FundPlan


@dataclass(frozen=True)
class SweepPlan:
    """Everything the file says."""

    title: str
    about: str
    tick: int
    deepest: float
    markets: tuple[MarketPlan, ...]
    gaps: Mapping[str, Gaps]
    accounts: int
    entries_ppm: tuple[int, ...]
    mixes: Mapping[str, tuple[tuple[int, int], ...]]
    ranges: Ranges
    falls_ppm: int
    junior_ppm: int
    leave_ppm: tuple[int, ...]
    brokers: BrokerDraw
    switches: Switches
    auction: AuctionTerms

    @property
    def open_interest(self) -> int:
        """Of all markets, wad quote a side."""
        return sum(market.open_interest for market in self.markets)


@dataclass(frozen=True)
class Draw:
    """One day."""

    number: int
    rarity: float  # probability that a day is worse
    falls: bool
    gaps_ppm: Mapping[str, int]
    mix: str
    largest_share_ppm: int
    capital: int  # wad
    appetite: int  # wad
    over: int  # seconds
    leave_ppm: int
    sponsored_ppm: int
    seed: int


def load_sweep(path: Path = DEFAULT) -> SweepPlan:
    """Read and check the file of a sweep."""
    file = read_toml(path)
    file.only(
        "title", "about", "tick", "deepest", "markets", "gaps", "population", "mixes", "ranges",
        "chances", "brokers", "fund", "terms", "auction",
    )  # fmt: skip
    switches = read_switches(file.section("terms", optional=True))
    markets = read_markets(file, switches)
    names = [market.name for market in markets]
    gaps, mixes = file.section("gaps"), file.section("mixes")
    gaps.only(*names)
    population, chances = file.section("population"), file.section("chances")
    population.only("accounts", "entries")
    chances.only("falls", "junior", "winners_leave")
    return SweepPlan(
        title=file.text("title"),
        about=" ".join(file.text("about").split()),
        tick=file.whole("tick", 1, 600, 120),
        deepest=file.part("deepest", low="0.000001", high="0.01") / PPM,
        markets=markets,
        gaps={name: _gaps(gaps.section(name)) for name in names},
        accounts=population.whole("accounts", 2 * len(markets), 5_000),
        entries_ppm=population.parts("entries", ("1",), low="0.7", high="1.4"),
        mixes={key: read_mix(mixes, key) for key in mixes.keys},
        ranges=_ranges(file.section("ranges")),
        falls_ppm=chances.part("falls", "0.5"),
        junior_ppm=chances.part("junior", "0.2"),
        leave_ppm=chances.parts("winners_leave", ("0",), low="0", high="1"),
        brokers=_brokers(
            file.section("brokers", optional=True), file.section("fund", optional=True)
        ),
        switches=switches,
        auction=read_auction(file.section("auction", optional=True)),
    )


def _brokers(section: Section, fund: Section) -> BrokerDraw:
    section.only("number", "sponsored", "guarantee", "stake", "pool")
    found = BrokerDraw(
        number=section.whole("number", 1, MOST_BROKERS, 1),
        sponsored=section.parts("sponsored", ("0",), low="0", high="1"),
        guarantee=section.part("guarantee", "1", low="0.01", high="20"),
        stake=section.part("stake", "0.625", low="0.5", high="20"),
        pool=section.part("pool", "0.625", high="20"),
        fund=read_fund(fund),
    )
    if found.stake + found.pool < PPM + 2 * found.fund.contribution_ppm:
        section.wrong("stake", "and pool must cover the guarantees and twice the contribution")
    return found


def _gaps(section: Section) -> Gaps:
    section.only("in_100", "in_1000")
    gaps = Gaps(section.part("in_100"), section.part("in_1000"))
    if not 0 < gaps.in_100_ppm < gaps.in_1000_ppm:
        section.wrong("in_1000", "must be a larger gap than in_100, which must be above 0")
    return gaps


def _ranges(section: Section) -> Ranges:
    section.only("capital", "largest_share", "appetite", "over_minutes")
    return Ranges(
        capital=section.pair("capital", low="0.0001", high="10"),
        largest_share=section.pair("largest_share", low="0.01", high="0.9"),
        appetite=section.pair("appetite", low="0", high="10"),
        over_minutes=section.pair("over_minutes", low="0", high="600"),
    )


def draw(plan: SweepPlan, seed: int, runs: int, number: int) -> Draw:
    """Day `number` (from 0) of a sweep of so many; a pure function of its arguments."""
    strata = list(range(runs))
    random.Random(f"strata {seed}").shuffle(strata)  # noqa: S311 - repeatable, not secret
    chance = random.Random(f"day {seed} {number}")  # noqa: S311 - as above
    rarity: float = plan.deepest ** ((strata[number] + chance.random()) / runs)
    low, high = plan.ranges.capital
    capital_ppm = round(low * (high / low) ** chance.random())
    over = _between(chance, plan.ranges.over_minutes) * 60 // PPM
    return Draw(
        number=number,
        rarity=rarity,
        falls=chance.randrange(PPM) < plan.falls_ppm,
        gaps_ppm={name: gaps.at(rarity) for name, gaps in plan.gaps.items()},
        mix=list(plan.mixes)[number % len(plan.mixes)],
        largest_share_ppm=_between(chance, plan.ranges.largest_share),
        capital=div_down(plan.open_interest * capital_ppm, PPM),
        appetite=div_down(plan.open_interest * _between(chance, plan.ranges.appetite), PPM),
        over=over,
        leave_ppm=plan.leave_ppm[chance.randrange(len(plan.leave_ppm))],
        sponsored_ppm=plan.brokers.sponsored[chance.randrange(len(plan.brokers.sponsored))],
        seed=chance.randrange(2**32),
    )


def _between(chance: random.Random, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return low + chance.randrange(high - low + 1)


def alone(day: Draw, market: str) -> Draw:
    """The same day with a gap in one market only."""
    gaps = {name: gap if name == market else 0 for name, gap in day.gaps_ppm.items()}
    return replace(day, gaps_ppm=gaps)


def scenario_of(plan: SweepPlan, day: Draw) -> Scenario:
    """A day as a scenario."""
    sign = -1 if day.falls else 1
    target = {name: PPM + sign * gap for name, gap in day.gaps_ppm.items()}
    events: list[AnyEvent] = [Price(_EVENT_AT, target, day.over)]
    named: tuple[Named, ...] = ()
    if day.leave_ppm:
        winners = "*-short-*" if day.falls else "*-long-*"
        # when the move has ended, at the same moment, before any keeper looks
        events.append(Leave(_EVENT_AT + day.over, winners, day.leave_ppm, _DESK, True))
        named = (Named(_DESK, "", "long", 0, 1, 3 * plan.open_interest),)
    crowd = Crowd(
        plan.accounts, plan.mixes[day.mix], day.largest_share_ppm, PPM // 2, plan.entries_ppm, 1
    )
    junior = div_down(day.capital * plan.junior_ppm, PPM)
    takers = (
        (LiquidatorPlan("taker", 2 * day.appetite, day.appetite, 5_000, signs_orders=False),)
        if day.appetite > WAD
        else ()
    )
    return Scenario(
        key=f"day {day.number}",
        title=plan.title,
        about=plan.about,
        seed=day.seed,
        markets=plan.markets,
        crowd=crowd,
        named=named,
        insurance=InsurancePlan(junior, day.capital - junior),
        takers=takers,
        brokers=_brokers_of(plan, day, crowd, named),
        fund=plan.brokers.fund,
        switches=plan.switches,
        auction=plan.auction,
        tick=plan.tick,
        watch=4 * 3_600,
        events=tuple(events),
        expect=(),
    )


def _brokers_of(
    plan: SweepPlan, day: Draw, crowd: Crowd, named: Sequence[Named]
) -> tuple[BrokerPlan, ...]:
    """The brokers of a day: accounts drawn by its seed, dealt in turn."""
    members = build_crowd(crowd, named, plan.markets, day.seed)
    random.Random(f"brokers {day.seed}").shuffle(members)  # noqa: S311 - repeatable, not secret
    chosen = members[: div_down(len(members) * day.sponsored_ppm, PPM)]
    drawn = plan.brokers
    return tuple(
        _broker(drawn, number, chosen[number :: drawn.number])
        for number in range(min(drawn.number, len(chosen)))
    )


def _broker(drawn: BrokerDraw, number: int, clients: Sequence[Member]) -> BrokerPlan:
    guarantees = div_up(sum(one.deposit for one in clients) * drawn.guarantee, PPM)
    return replace(
        USUAL,
        name=f"broker-{number + 1}",
        clients=tuple(one.name for one in clients),
        guarantee_ppm=drawn.guarantee,
        # a unit for what rounding adds, and what the fund asks at least
        stake=div_up(guarantees * drawn.stake, PPM) + 2 * drawn.fund.least + WAD,
        pool=div_up(guarantees * drawn.pool, PPM),
    )
