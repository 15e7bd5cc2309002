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
LAYERS: Final = ("insurance",)  # layers of the waterfall that a policy can fill with capital


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
class Policy:
    """One way to spread the losses. `insurance` (wad) is both vaults together, 0 without."""

    key: str
    title: str
    kind: Kind
    insurance: int


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
        raise ValueError(f"layer {unknown[0]!r} is not built; known: {', '.join(LAYERS)}")
    if layers and entry["kind"] != "plimsoll":
        raise ValueError(f"policy {entry['key']!r} is a simulation and has no layers")
    return Policy(
        key=entry["key"],
        title=entry["title"],
        kind=entry["kind"],
        insurance=to_wad(layers.get("insurance", "0")),
    )


def _check(settings: Settings, path: Path) -> None:
    """Refuse what would only fail later, in the middle of a replay."""
    numbers: Sequence[int] = [wave.number for wave in settings.waves]
    times = [wave.at_ms for wave in settings.waves]
    keys = [policy.key for policy in settings.policies]
    plain = [p for p in settings.policies if p.kind == "plimsoll" and p.insurance == 0]
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
        "assumed shares lie between 0 and 1": not (
            0 <= settings.hedged_ppm <= PPM and 0 <= settings.broken_ppm <= PPM
        ),
    }
    for problem, found in problems.items():
        if found:
            raise ConfigError(f"{path}: {problem}", next_step="correct the file")
