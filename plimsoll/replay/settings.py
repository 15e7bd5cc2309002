"""What a replay's scenario file says: waves, quantiles of the winners, assumptions, policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from plimsoll.errors import ConfigError
from plimsoll.replay.quantiles import Band, band_from_json
from plimsoll.scenario import read_json
from plimsoll.units import PPM, to_ppm, to_wad

Kind = Literal["queue", "size", "profit", "plimsoll"]
LAYERS: Final = ("insurance", "brokers")  # layers of the waterfall that a policy can fill
MOST_BROKERS: Final = 32  # seats that the contracts have


@dataclass(frozen=True)
class Wave:
    """One of the sixteen rounds of ADL."""

    number: int
    at_ms: int  # unix milliseconds
    needed: int  # wad, loss to be covered
    taken_by_venue: int  # wad, published
    available: int  # wad, profit of the wave's winners, published


@dataclass(frozen=True)
class Published:
    """Largest single haircuts of a wave as published: wad, parts of the winner's equity."""

    wave: int
    venue: int
    pro_rata: int  # continuous, on min(profit, equity)


@dataclass(frozen=True)
class BrokerPlan:
    """How brokers are made, the same for every policy that has them: all of it is assumed.

    `guarantee_ppm` is a part of what the client itself puts up as initial margin; stake and pool
    are parts of the guarantees that a broker has given, beside what the guaranty fund asks at
    least. Rates and parts are ppm, times seconds, `least_contribution` wad.
    """

    number: int
    guarantee_ppm: int
    stake_ppm: int
    pool_ppm: int
    omega_ppm: int
    first_loss_ppm: int
    commission_ppm: int
    fee_ppm: int  # of the guarantee, per year
    term_s: int
    buffer_ppm: int
    cure_s: int
    early_ppm: int
    least_contribution: int
    contribution_ppm: int
    cause_ppm: int


@dataclass(frozen=True)
class Policy:
    """One way to spread the losses. `insurance` (wad) is both vaults together, 0 without.

    `sponsored_ppm` of the bankrupt accounts have a broker.
    """

    key: str
    title: str
    kind: Kind
    insurance: int
    sponsored_ppm: int = 0

    @property
    def bare(self) -> bool:
        """Whether it is Plimsoll without any capital before the winners."""
        return self.kind == "plimsoll" and not self.insurance and not self.sponsored_ppm


@dataclass(frozen=True)
class Settings:
    """A scenario file. Sources and facts are texts for the report."""

    name: str
    about: str
    seed: int
    accounts_source: str
    waves_source: str
    bands: tuple[Band, ...]
    waves: tuple[Wave, ...]
    published: tuple[Published, ...]  # one per wave
    facts: tuple[Mapping[str, str], ...]
    hedged_ppm: int  # share of accounts assumed to be delta-neutral books
    broken_ppm: int  # a hedge is broken when more than this part of the position is gone
    policies: tuple[Policy, ...]
    brokers: BrokerPlan
    brokers_about: str


def load_settings(path: Path) -> Settings:
    """Read and check a scenario file; ConfigError says what is wrong with it."""
    data = read_json(path, example="scenarios/replay_october_2025.json")
    try:
        settings = _settings(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is not a replay scenario: {type(error).__name__} {error}",
            next_step="compare it with scenarios/replay_october_2025.json",
        ) from error
    _check(settings, path)
    return settings


def _settings(data: Mapping[str, Any]) -> Settings:
    assumptions = data["assumptions"]
    return Settings(
        name=data["name"],
        about=" ".join(data["about"]),
        seed=int(data["seed"]),
        accounts_source=data["accounts"]["source"],
        waves_source=data["waves"]["source"],
        bands=tuple(band_from_json(entry) for entry in data["accounts"]["bands"]),
        waves=tuple(_wave(entry) for entry in data["waves"]["rows"]),
        published=tuple(
            Published(
                wave=int(entry["wave"]),
                venue=to_wad(entry["largest_share_venue"]),
                pro_rata=to_wad(entry["largest_share_pro_rata"]),
            )
            for entry in data["waves"]["rows"]
        ),
        facts=tuple(data["facts"]),
        hedged_ppm=to_ppm(assumptions["hedged_share"]),
        broken_ppm=to_ppm(assumptions["hedge_broken_from"]),
        policies=tuple(_policy(entry) for entry in data["policies"]),
        brokers=_brokers(data["brokers"]),
        brokers_about=" ".join(data["brokers"]["about"]),
    )


def _brokers(entry: Mapping[str, Any]) -> BrokerPlan:
    return BrokerPlan(
        number=int(entry["number"]),
        guarantee_ppm=to_ppm(entry["guarantee_of_margin"]),
        stake_ppm=to_ppm(entry["stake_of_guarantees"]),
        pool_ppm=to_ppm(entry["pool_of_guarantees"]),
        omega_ppm=to_ppm(entry["omega"]),
        first_loss_ppm=to_ppm(entry["first_loss"]),
        commission_ppm=to_ppm(entry["commission"]),
        fee_ppm=to_ppm(entry["fee_a_year"]),
        term_s=int(entry["term_s"]),
        buffer_ppm=to_ppm(entry["buffer"]),
        cure_s=int(entry["cure_s"]),
        early_ppm=to_ppm(entry["early_start"]),
        least_contribution=to_wad(entry["fund"]["least_contribution"]),
        contribution_ppm=to_ppm(entry["fund"]["contribution"]),
        cause_ppm=to_ppm(entry["fund"]["cause_limit"]),
    )


def _wave(entry: Mapping[str, Any]) -> Wave:
    start = datetime.fromisoformat(entry["start"]).astimezone(UTC)
    return Wave(
        number=int(entry["wave"]),
        at_ms=int(start.timestamp()) * 1_000 + start.microsecond // 1_000,
        needed=to_wad(entry["needed"]),
        taken_by_venue=to_wad(entry["taken_by_venue"]),
        available=to_wad(entry["available"]),
    )


def _policy(entry: Mapping[str, Any]) -> Policy:
    layers: Mapping[str, str] = entry.get("layers", {})
    if entry["kind"] not in get_args(Kind):
        raise ValueError(f"kind {entry['kind']!r} is none of {', '.join(get_args(Kind))}")
    if unknown := sorted(set(layers) - set(LAYERS)):
        raise ValueError(f"layer {unknown[0]!r} is not known; known: {', '.join(LAYERS)}")
    if layers and entry["kind"] != "plimsoll":
        raise ValueError(f"policy {entry['key']!r} is a simulation and has no layers")
    return Policy(
        key=entry["key"],
        title=entry["title"],
        kind=entry["kind"],
        insurance=to_wad(layers.get("insurance", "0")),
        sponsored_ppm=to_ppm(layers.get("brokers", "0")),
    )


def _check(settings: Settings, path: Path) -> None:
    """Refuse what would only fail later, in the middle of a replay."""
    numbers: Sequence[int] = [wave.number for wave in settings.waves]
    times = [wave.at_ms for wave in settings.waves]
    keys = [policy.key for policy in settings.policies]
    plain = [p for p in settings.policies if p.bare]
    brokers = settings.brokers
    problems = {
        "there must be a wave, in ascending order": not numbers
        or numbers != sorted(set(numbers))
        or times != sorted(times),
        "a wave needs a loss, and neither amount can be negative": any(
            wave.needed <= 0 or wave.taken_by_venue < 0 or wave.available < 0
            for wave in settings.waves
        ),
        "there must be bands of accounts": not settings.bands,
        "each policy needs a key of its own": len(keys) != len(set(keys)),
        "one policy must be plimsoll without layers": len(plain) != 1,
        "insurance cannot be negative": any(p.insurance < 0 for p in settings.policies),
        "the sponsored part of the accounts lies between 0 and 1": any(
            not 0 <= p.sponsored_ppm <= PPM for p in settings.policies
        ),
        f"there can be 1 to {MOST_BROKERS} brokers": not 1 <= brokers.number <= MOST_BROKERS,
        "a guarantee and a stake are needed": min(brokers.guarantee_ppm, brokers.stake_ppm) <= 0,
        "omega times the stake must cover the guarantees": brokers.stake_ppm * brokers.omega_ppm
        < PPM * PPM,
        "stake and pool must cover the guarantees and what the fund asks twice": brokers.stake_ppm
        + brokers.pool_ppm
        < PPM + 2 * brokers.contribution_ppm,
        "assumed shares lie between 0 and 1": not (
            0 <= settings.hedged_ppm <= PPM and 0 <= settings.broken_ppm <= PPM
        ),
    }
    for problem, found in problems.items():
        if found:
            raise ConfigError(f"{path}: {problem}", next_step="correct the file")
