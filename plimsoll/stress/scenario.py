"""A stress scenario: what its file says, read and checked.

Amounts, prices and sizes are wad, fractions ppm, times seconds. `docs/stress.md` tells a person how
to write one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

from plimsoll import artifacts
from plimsoll.errors import ConfigError
from plimsoll.scenario import AuctionTerms, InsurancePlan, LiquidatorPlan
from plimsoll.stress.brokers import BrokerPlan, FundPlan, read_brokers, read_fund
from plimsoll.stress.crowd import Crowd, Named, member_names
from plimsoll.stress.events import AnyEvent, Feeds, Leave, Trade, read_events
from plimsoll.stress.markets import MarketPlan, read_markets
from plimsoll.stress.measures import MEASURES, Expectation, none, some
from plimsoll.stress.reading import Section, read_toml
from plimsoll.stress.terms import Switches, read_switches
from plimsoll.units import PPM

FOLDER: Final = artifacts.PROJECT_ROOT / "scenarios" / "stress"
MOST_ACCOUNTS: Final = 5_000
TICK_S: Final = 30
WATCH_S: Final = "2h"


@dataclass(frozen=True)
class Scenario:
    """Everything a file says."""

    key: str  # the file's name
    title: str
    about: str
    seed: int
    markets: tuple[MarketPlan, ...]
    crowd: Crowd
    named: tuple[Named, ...]
    insurance: InsurancePlan
    takers: tuple[LiquidatorPlan, ...]
    brokers: tuple[BrokerPlan, ...]
    fund: FundPlan
    switches: Switches
    auction: AuctionTerms
    tick: int  # seconds between two looks of the keepers
    watch: int  # seconds that the run goes on after the last event
    events: tuple[AnyEvent, ...]
    expect: tuple[Expectation, ...]

    def market(self, name: str) -> MarketPlan:
        """The market of this name."""
        return next(market for market in self.markets if market.name == name)

    def reduced(self, accounts: int) -> Scenario:
        """The same with at most so many accounts in the crowd."""
        fewer = min(accounts, self.crowd.accounts)
        return replace(self, crowd=replace(self.crowd, accounts=fewer))


def load_all(folder: Path = FOLDER) -> list[Scenario]:
    """Every scenario of a folder, by file name."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ConfigError(
            f"no scenario in {folder}", next_step="name a folder with *.toml files: --scenarios"
        )
    return [load_scenario(path) for path in paths]


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file."""
    file = read_toml(path)
    file.only(
        "title", "about", "seed", "tick", "watch", "markets", "population", "accounts", "insurance",
        "liquidators", "brokers", "fund", "terms", "auction", "events", "expect",
    )  # fmt: skip
    switches = read_switches(file.section("terms", optional=True))
    markets = read_markets(file, switches)
    names = [market.name for market in markets]
    crowd = read_crowd(file.section("population"))
    named = tuple(_named(entry, names) for entry in file.sections("accounts", optional=True))
    clients = [*(one.name for one in named if one.market), *member_names(crowd, names)]
    scenario = Scenario(
        key=path.stem,
        title=file.text("title"),
        about=" ".join(file.text("about").split()),
        seed=file.whole("seed", 0, 2**63, 1),
        markets=markets,
        crowd=crowd,
        named=named,
        insurance=_insurance(file.section("insurance")),
        takers=tuple(_taker(entry) for entry in file.sections("liquidators", optional=True)),
        brokers=read_brokers(file, clients),
        fund=read_fund(file.section("fund", optional=True)),
        switches=switches,
        auction=read_auction(file.section("auction", optional=True)),
        tick=file.whole("tick", 1, 600, TICK_S),
        watch=file.seconds("watch", WATCH_S),
        events=read_events(file.sections("events"), names),
        expect=_expectations(file.section("expect", optional=True)),
    )
    _check(scenario, file)
    return scenario


def read_crowd(section: Section) -> Crowd:
    """The invented accounts: how many, how leveraged, how unequal."""
    section.only("accounts", "leverage", "largest_share", "long_accounts", "entries", "legs")
    return Crowd(
        accounts=section.whole("accounts", 2, MOST_ACCOUNTS),
        leverage=read_mix(section, "leverage"),
        largest_share_ppm=section.part("largest_share", "0.1", low="0", high="0.9"),
        long_accounts_ppm=section.part("long_accounts", "0.5", low="0.05", high="0.95"),
        entries_ppm=section.parts("entries", ("1",), low="0.7", high="1.4"),
        legs=section.whole("legs", 1, 10, 1),
    )


def read_mix(section: Section, key: str) -> tuple[tuple[int, int], ...]:
    """Leverages with the part (ppm) of the accounts that have each."""
    mix = section.section(key)
    found = []
    for entry in mix.keys:
        if not entry.isdigit() or not 1 <= int(entry) <= 20:
            mix.wrong(entry, "is no leverage: write whole numbers from 1 to 20, such as 5 = 0.3")
        found.append((int(entry), mix.part(entry)))
    if sum(share for _, share in found) != PPM:
        section.wrong(key, "must share out exactly 1 among the leverages")
    return tuple(found)


def _named(section: Section, markets: Sequence[str]) -> Named:
    section.only("name", "market", "side", "share", "leverage", "deposit")
    if "market" not in section:
        return Named(section.text("name"), "", "long", 0, 1, section.wad("deposit"))
    side: Literal["long", "short"] = (
        "long" if section.choice("side", ("long", "short")) == "long" else "short"
    )
    return Named(
        section.text("name"),
        section.choice("market", tuple(markets)),
        side,
        section.part("share"),
        section.whole("leverage", 1, 20),
        section.wad("deposit", "0"),
    )


def _insurance(section: Section) -> InsurancePlan:
    section.only("junior", "senior")
    return InsurancePlan(junior=section.wad("junior"), senior=section.wad("senior"))


def _taker(section: Section) -> LiquidatorPlan:
    section.only("name", "deposit", "appetite", "least_concession")
    return LiquidatorPlan(
        name=section.text("name"),
        deposit=section.wad("deposit", positive=True),
        appetite=section.wad("appetite"),
        least_concession_ppm=section.part("least_concession", high="0.1"),
        signs_orders=False,
    )


def read_auction(section: Section) -> AuctionTerms:
    """Terms of the auctions; what the file leaves out is as the contracts are deployed."""
    section.only(
        "concession_min", "concession_max", "duration", "kappa", "fee", "insurance_concession"
    )
    return AuctionTerms(
        concession_min_ppm=section.part("concession_min", "0.005", high="0.1"),
        concession_max_ppm=section.part("concession_max", "0.03", high="0.1"),
        duration=section.seconds("duration", "30m"),
        kappa_ppm=section.part("kappa", "1.2", low="1.01", high="2"),
        fee_ppm=section.part("fee", "0.005", high="0.02"),
        insurance_concession_ppm=section.part("insurance_concession", "0.01", high="0.01"),
    )


def _expectations(section: Section) -> tuple[Expectation, ...]:
    section.only(*MEASURES)
    found = []
    for key in section.keys:
        kind = MEASURES[key]
        if section.is_table(key):
            bounds = section.section(key)
            bounds.only("least", "most")
            least = bounds.number("least", kind.scale) if "least" in bounds else None
            most = bounds.number("most", kind.scale) if "most" in bounds else None
            if least is None and most is None:
                section.wrong(key, "must name least, most, or both")
            found.append(Expectation(key, least, most))
        elif section.flag(key):
            found.append(some(key))
        else:
            found.append(none(key))
    return tuple(found)


def _check(scenario: Scenario, file: Section) -> None:
    """Refuse what would only fail later, in the middle of a run."""
    if scenario.crowd.legs > len(scenario.markets):
        file.section("population").wrong("legs", "is more than there are markets")
    if scenario.crowd.accounts < 2 * len(scenario.markets):
        file.section("population").wrong("accounts", "must be at least two for each market")
    names = [named.name for named in scenario.named] + [taker.name for taker in scenario.takers]
    crowd = member_names(scenario.crowd, [market.name for market in scenario.markets])
    if len(set(names) | set(crowd)) != len(names) + len(crowd):
        file.wrong("accounts", "and liquidators must have different names, also from the crowd's")
    known = [*names, *crowd]
    by_side: Mapping[tuple[str, str], int] = {
        (named.market, named.side): sum(
            other.share_ppm
            for other in scenario.named
            if (other.market, other.side) == (named.market, named.side)
        )
        for named in scenario.named
    }
    if any(share > 900_000 for share in by_side.values()):
        file.wrong("accounts", "may hold at most 0.9 of one side of a market together")
    for event, entry in zip(scenario.events, _in_time(file), strict=True):
        people = {
            key: entry.text(key) for key in ("who", "into", "buyer", "seller") if key in entry
        }
        for key, name in people.items():
            matches = [other for other in known if fnmatchcase(other, name)]
            exact = isinstance(event, Trade) or (isinstance(event, Leave) and key == "into")
            if not matches or (exact and name not in known):
                entry.wrong(key, f"names nobody: {name!r}; known are {', '.join(known[:12])}, …")
        if isinstance(event, Feeds):
            count = scenario.market(event.market).terms.feeds
            if any(number > count for number in event.feeds):
                entry.wrong("feeds", f"must name feeds from 1 to {count}")


def _in_time(file: Section) -> list[Section]:
    """The entries of the timetable in the order of the scenario's events."""
    return sorted(file.sections("events"), key=lambda entry: entry.seconds("at"))
