"""A market day to replay: prices, markets, and invented accounts that follow real quantiles.

A scenario file states the quantiles of published data with their source, the market terms,
a price path and who takes part. All numbers are integers: wad (1e18) for quote amounts,
prices and sizes, ppm for fractions, unix seconds for time.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from plimsoll.broker_plans import BrokerLayer, read_brokers
from plimsoll.broker_plans import problems as broker_problems
from plimsoll.errors import ConfigError
from plimsoll.outages import Outage, WindDown, problems, read_outages, read_wind_down, unix
from plimsoll.risk_terms import (
    BufferTerms,
    Concentration,
    RiskTerms,
    check_shares,
    read_buffer,
    read_concentration,
    read_risk,
)
from plimsoll.units import PPM, WAD, div_down, div_up, to_ppm, to_wad

LEVERAGE_CLASSES: Final = (1, 2, 5, 10, 20)

Phase = Literal["open", "fall", "rise", "after"]
"""`after`: days later, when the story of the fall has ended."""

_PARTS: Final[dict[Phase, int]] = {"open": 0, "fall": 1, "rise": 1, "after": 2}

# --- what the file says ------------------------------------------------------------------


@dataclass(frozen=True)
class Quantiles:
    """A distribution known by its quantiles; values are wad, whatever their unit."""

    source: str
    unit: str
    probabilities_ppm: tuple[int, ...]
    values: tuple[int, ...]

    def at(self, probability_ppm: int) -> int:
        """The value below which this share of the data lies, linear between the stated ones.

        Outside the stated range it is the nearest stated value.
        """
        known = self.probabilities_ppm
        if probability_ppm <= known[0]:
            return self.values[0]
        if probability_ppm >= known[-1]:
            return self.values[-1]
        upper = bisect_left(known, probability_ppm)
        lower = upper - 1
        span = known[upper] - known[lower]
        rise = self.values[upper] - self.values[lower]
        return self.values[lower] + div_down(rise * (probability_ppm - known[lower]), span)


@dataclass(frozen=True)
class Bracket:
    """From `threshold` whole quote units of notional on, these rates apply."""

    threshold: int
    im_ppm: int
    mm_ppm: int


@dataclass(frozen=True)
class MarketTerms:
    """One market's parameters, as it is listed."""

    id: int
    name: str
    oi_cap: int  # wad base units per side
    min_notional: int  # whole quote units
    taker_fee_ppm: int
    maker_fee_ppm: int
    band_ppm: int
    max_class: int  # index into LEVERAGE_CLASSES
    brackets: tuple[Bracket, Bracket, Bracket]
    funding_base_ppb: int  # per hour
    funding_cap_ppb: int  # per hour
    premium_volume: int  # whole quote units
    size_decimals: int
    feeds: int
    feed_decimals: int
    feed_spread_ppm: int
    risk: RiskTerms | None = None
    """Without them a market has no averages, no stress and no holds."""
    buffer: BufferTerms | None = None
    """Without them insurance capital does not bound open interest."""
    concentration: Concentration | None = None
    """Without it no position needs extra margin for its size beside the market."""

    def config(self) -> tuple[Any, ...]:
        """The clearinghouse's `MarketConfig`, field by field."""
        return (
            self.oi_cap,
            self.min_notional,
            self.taker_fee_ppm,
            self.maker_fee_ppm,
            self.band_ppm,
            self.max_class,
            [(bracket.threshold, bracket.im_ppm, bracket.mm_ppm) for bracket in self.brackets],
            self.funding_base_ppb,
            self.funding_cap_ppb,
            self.premium_volume,
        )

    def initial_margin(self, notional: int) -> int:
        """Bracket requirement (wad, rounded up) without class and stress."""
        return self._requirement(notional, lambda bracket: bracket.im_ppm)

    def maintenance_margin(self, notional: int) -> int:
        """Bracket requirement (wad, rounded up) without stress."""
        return self._requirement(notional, lambda bracket: bracket.mm_ppm)

    def round_size(self, size: int) -> int:
        """The nearest size (wad) with the market's decimals, at least its smallest."""
        step: int = 10 ** (18 - self.size_decimals)
        return max(step, div_down(size + step // 2, step) * step)

    def _requirement(self, notional: int, rate: Callable[[Bracket], int]) -> int:
        total: int = 0
        for index, bracket in enumerate(self.brackets):
            low = bracket.threshold * WAD
            high = notional
            if index + 1 < len(self.brackets):
                high = min(notional, self.brackets[index + 1].threshold * WAD)
            total += max(0, high - low) * rate(bracket)
        return div_up(total, PPM)


@dataclass(frozen=True)
class Step:
    """Prices from one moment on, one per market in the markets' order."""

    time: int
    phase: Phase
    prices: tuple[int, ...]


@dataclass(frozen=True)
class LateLong:
    """A leveraged long bought from the holders at the last step before the fall."""

    name: str
    leverage: int  # wad, notional over deposit
    leverage_class: int
    shares_ppm: Mapping[str, int]  # market name -> share of the winners' size


@dataclass(frozen=True)
class LiquidatorPlan:
    """A volunteer: what it has, how much it takes, and what it asks for it."""

    name: str
    deposit: int  # wad
    appetite: int  # wad notional it takes over in all
    least_concession_ppm: int
    signs_orders: bool  # takes through a signed liquidation-only order


@dataclass(frozen=True)
class InsurancePlan:
    """Capital of the two vaults, wad."""

    junior: int
    senior: int


@dataclass(frozen=True)
class AuctionTerms:
    """How accounts are auctioned; see `ILiquidator.Params`."""

    concession_min_ppm: int
    concession_max_ppm: int
    duration: int  # seconds
    kappa_ppm: int
    fee_ppm: int
    insurance_concession_ppm: int

    def params(self) -> tuple[int, ...]:
        """The liquidator's `Params`, field by field."""
        return astuple(self)


@dataclass(frozen=True)
class Scenario:
    """Everything a scenario file says."""

    name: str
    about: str
    seed: int
    leverage: Quantiles
    notional: Quantiles
    entry: Mapping[str, Quantiles]
    profit: Mapping[str, Quantiles]
    facts: tuple[Mapping[str, str], ...]
    adl_price: Mapping[str, int]  # wad, the data's volume-weighted ADL price
    markets: tuple[MarketTerms, ...]
    path: tuple[Step, ...]
    winners: int
    holders: int
    notional_range_ppm: tuple[int, int]
    leverage_range_ppm: tuple[int, int]
    entry_range_ppm: tuple[int, int]
    late_longs: tuple[LateLong, ...]
    liquidators: tuple[LiquidatorPlan, ...]
    insurance: InsurancePlan
    auction: AuctionTerms
    outages: tuple[Outage, ...] = ()
    wind_down: WindDown | None = None
    brokers: BrokerLayer | None = None

    def market(self, name: str) -> MarketTerms:
        """The market of this name."""
        for market in self.markets:
            if market.name == name:
                return market
        raise KeyError(name)


# --- reading -----------------------------------------------------------------------------


def read_json(path: Path, example: str) -> Any:
    """What a scenario file holds; ConfigError names an `example` if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the scenario {path}: {error.strerror}",
            next_step=f"name an existing file, such as {example}",
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON ({error})", next_step="correct the file") from error


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file."""
    data = read_json(path, example="scenarios/october_2025.json")
    try:
        scenario = _scenario(data)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(
            f"{path} is not a scenario: {type(error).__name__} {error}",
            next_step="compare it with scenarios/october_2025.json",
        ) from error
    _check(scenario, path)
    return scenario


def load_markets(entries: Sequence[Mapping[str, Any]]) -> tuple[MarketTerms, ...]:
    """Market terms from their JSON form; ids follow the order, from 1."""
    markets = tuple(_market(number, entry) for number, entry in enumerate(entries, start=1))
    check_shares(market.buffer for market in markets)
    return markets


def _scenario(data: Mapping[str, Any]) -> Scenario:
    published, population = data["data"], data["population"]
    markets = load_markets(data["markets"])
    return Scenario(
        name=data["name"],
        about=" ".join(data["about"]),
        seed=int(data["seed"]),
        leverage=_quantiles(published["leverage"]),
        notional=_quantiles(published["notional"]),
        entry={name: _quantiles(entry) for name, entry in published["entry"].items()},
        profit={name: _quantiles(entry) for name, entry in published["profit"].items()},
        facts=tuple(published["facts"]),
        adl_price={market.name: to_wad(published["adl_price"][market.name]) for market in markets},
        markets=markets,
        path=tuple(
            Step(unix(entry["time"]), _phase(entry["phase"]), tuple(map(to_wad, entry["prices"])))
            for entry in data["path"]
        ),
        winners=int(population["winners"]),
        holders=int(population["holders"]),
        notional_range_ppm=_range(population["notional_range"]),
        leverage_range_ppm=_range(population["leverage_range"]),
        entry_range_ppm=_range(population["entry_range"]),
        late_longs=tuple(
            LateLong(
                name=entry["name"],
                leverage=to_wad(entry["leverage"]),
                leverage_class=LEVERAGE_CLASSES.index(entry["class"]),
                shares_ppm={name: to_ppm(share) for name, share in entry["shares"].items()},
            )
            for entry in population["late_longs"]
        ),
        liquidators=tuple(
            LiquidatorPlan(
                name=entry["name"],
                deposit=to_wad(entry["deposit"]),
                appetite=to_wad(entry["appetite"]),
                least_concession_ppm=to_ppm(entry["least_concession"]),
                signs_orders=bool(entry["signs_orders"]),
            )
            for entry in data["liquidators"]
        ),
        insurance=InsurancePlan(
            junior=to_wad(data["insurance"]["junior"]), senior=to_wad(data["insurance"]["senior"])
        ),
        auction=AuctionTerms(
            concession_min_ppm=to_ppm(data["auction"]["concession_min"]),
            concession_max_ppm=to_ppm(data["auction"]["concession_max"]),
            duration=int(data["auction"]["duration_s"]),
            kappa_ppm=to_ppm(data["auction"]["kappa"]),
            fee_ppm=to_ppm(data["auction"]["fee"]),
            insurance_concession_ppm=to_ppm(data["auction"]["insurance_concession"]),
        ),
        outages=read_outages(data.get("outages", ())),
        wind_down=read_wind_down(data.get("wind_down")),
        brokers=read_brokers(data.get("brokers"), LEVERAGE_CLASSES),
    )


def _quantiles(entry: Mapping[str, Any]) -> Quantiles:
    return Quantiles(
        source=entry["source"],
        unit=entry["unit"],
        probabilities_ppm=tuple(to_ppm(p) for p in entry["probabilities"]),
        values=tuple(to_wad(value) for value in entry["values"]),
    )


def _market(number: int, entry: Mapping[str, Any]) -> MarketTerms:
    first, second, third = (
        Bracket(int(bracket["from"]), to_ppm(bracket["im"]), to_ppm(bracket["mm"]))
        for bracket in entry["brackets"]
    )
    return MarketTerms(
        id=number,
        name=entry["name"],
        oi_cap=to_wad(entry["oi_cap"]),
        min_notional=int(entry["min_notional"]),
        taker_fee_ppm=to_ppm(entry["taker_fee"]),
        maker_fee_ppm=to_ppm(entry["maker_fee"]),
        band_ppm=to_ppm(entry["band"]),
        max_class=LEVERAGE_CLASSES.index(entry["max_leverage"]),
        brackets=(first, second, third),
        funding_base_ppb=int(entry["funding_base_ppb"]),
        funding_cap_ppb=int(entry["funding_cap_ppb"]),
        premium_volume=int(entry["premium_volume"]),
        size_decimals=int(entry["size_decimals"]),
        feeds=int(entry.get("feeds", 0)),
        feed_decimals=int(entry.get("feed_decimals", 8)),
        feed_spread_ppm=to_ppm(entry.get("feed_spread", "0")),
        risk=read_risk(entry["risk"]),
        buffer=read_buffer(entry.get("buffer")),
        concentration=read_concentration(entry.get("concentration")),
    )


def _range(entry: Sequence[str]) -> tuple[int, int]:
    low, high = entry
    return to_ppm(low), to_ppm(high)


def _phase(text: str) -> Phase:
    if text not in _PARTS:
        raise ValueError(f"phase {text!r}: open, fall, rise or after")
    return text


def _check(scenario: Scenario, path: Path) -> None:
    """Refuse what would only fail later, in the middle of a replay."""
    distributions = [scenario.leverage, scenario.notional, *scenario.entry.values()]
    times = [step.time for step in scenario.path]
    phases = [step.phase for step in scenario.path]
    inconsistent = {
        "the path needs an opening step and a falling one": not {"open", "fall"}
        <= {step.phase for step in scenario.path},
        "times on the path must ascend": times != sorted(set(times)),
        "phases on the path must follow each other: open, fall or rise, after": phases
        != sorted(phases, key=_PARTS.__getitem__),
        "each step needs one price per market": any(
            len(step.prices) != len(scenario.markets) for step in scenario.path
        ),
        "quantiles and their probabilities must ascend, one each": any(
            len(d.values) != len(d.probabilities_ppm)
            or list(d.probabilities_ppm) != sorted(set(d.probabilities_ppm))
            or list(d.values) != sorted(d.values)
            for d in distributions
        ),
        "each market needs entry quantiles": {m.name for m in scenario.markets}
        - set(scenario.entry),
        "there must be at least one winner and one holder": min(scenario.winners, scenario.holders)
        < 1,
    }
    found = [problem for problem, there in inconsistent.items() if there]
    if not found:
        found += problems(
            scenario.outages,
            scenario.wind_down,
            {market.name: market.feeds for market in scenario.markets},
            next(step.time for step in scenario.path if step.phase == "fall"),
            scenario.path[-1].time,
        )
        found += broker_problems(
            scenario.brokers,
            [market.name for market in scenario.markets],
            (max(_last_second(scenario)) - scenario.path[0].time) // 86_400,
        )
    if found:
        raise ConfigError(f"{path}: {found[0]}", next_step="correct the file")


def _last_second(scenario: Scenario) -> Iterator[int]:
    yield scenario.path[-1].time
    if scenario.wind_down is not None:
        yield scenario.wind_down.time
