"""What a measurement is compared with: the project's limits and a predecessor's own figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from plimsoll.errors import PlimsollError
from plimsoll.units import PPM, div_up, percent

CODE_LIMIT: Final = 24_576
"""Runtime bytes that one contract may have (EIP-170)."""
SCALE_LIMIT_PPM: Final = 20_000
"""How much the gas of a re-match may differ between 10 and 1,000 accounts in a bucket."""

GAS_LIMITS: Final = {
    "gas.settle_existing": 200_000,
    "gas.settle_one_signature": 171_000,
    "gas.settle_batch10_one_taker_per_fill": 95_000,
}

# measured on the contracts of dYdX v3 (perpetual v1), same work
DYDX_V3: Final = {
    "gas.settle_existing": 250_036,
    "gas.settle_one_signature": 171_347,
    "gas.settle_batch10_one_taker_per_fill": 92_651,
}
DYDX_V3_DELEVERAGE: Final = 141_000
"""Gas to deleverage against one counterparty there; each further one costs as much again."""

DESCRIPTIONS: Final = {
    "gas.settle_existing": "one fill, both sides signed, both have positions",
    "gas.settle_existing_three_feeds": "one fill, both signed, both have positions, three feeds",
    "gas.settle_existing_new_rate": "one fill, both signed, and the funding rate is set anew",
    "gas.settle_one_signature": "one fill sent by the taker, maker signed, both have positions",
    "gas.settle_one_signature_three_feeds": "one fill sent by the taker, three feeds",
    "gas.settle_new": "one fill, both signed, both open, buckets exist",
    "gas.settle_new_buckets": "one fill, both signed, both open, each the first in its bucket",
    "gas.settle_batch10_one_taker_per_fill": "a fill of 10, one taker sends, 10 makers signed",
    "gas.settle_batch10_one_taker_per_fill_three_feeds": "a fill of 10, one taker, three feeds",
    "gas.settle_batch_pairs_per_fill": "a fill of 8 signed pairs, as many as fit into one call",
    "gas.deposit_first": "first deposit of an account",
    "gas.deposit": "a further deposit",
    "gas.withdraw": "withdrawal by an account with one position",
    "gas.start": "start of an auction, one position",
    "gas.take": "partial take into an account with a position, the junior vault adds a concession",
    "gas.rematch_1_bucket": "solvent account, auction run out: re-matched with one bucket",
    "gas.settle_after_adl": "one fill, both signed, the maker's bucket was re-matched and charged",
    "gas.resolve_1_bucket": "whole resolve of a bankrupt account: two draws, haircut, one bucket",
    "gas.haircut_per_bucket": "each further winning bucket: profit summed, then charged",
}


class LimitMissed(PlimsollError):
    """A measurement is above the project's limit."""

    exit_code: ClassVar[int] = 7

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"above the limit: {', '.join(keys)}", next_step="see the table above")


@dataclass(frozen=True)
class Figure:
    """One measured number: gas, or bytes of a contract's runtime code."""

    key: str
    value: int
    description: str
    limit: int | None = None
    dydx_v3: int | None = None

    @property
    def good(self) -> bool:
        """Whether the limit, if there is one, is kept."""
        return self.limit is None or self.value <= self.limit

    @property
    def room(self) -> int | None:
        """What is left to the limit; negative if it is missed."""
        return None if self.limit is None else self.limit - self.value


def gas_figure(key: str, gas: int) -> Figure:
    """A gas measurement beside its limit and the predecessor's figure."""
    return Figure(key, gas, DESCRIPTIONS[key], GAS_LIMITS.get(key), DYDX_V3.get(key))


def size_figure(contract: str, size: int) -> Figure:
    """A contract's runtime code, immutables included."""
    return Figure(f"size.{contract}", size, f"runtime bytes of {contract}", CODE_LIMIT)


@dataclass(frozen=True)
class Report:
    """All measurements of one run."""

    gas: tuple[Figure, ...]
    sizes: tuple[Figure, ...]
    adl_scale: tuple[tuple[int, int], ...]
    """(accounts in the bucket, gas of the resolve) with the same bankrupt size."""
    conditions: Mapping[str, str]

    @property
    def scale_spread_ppm(self) -> int:
        """Largest over smallest gas of the scale runs, less one; rounded up."""
        gas = [entry for _, entry in self.adl_scale]
        return div_up((max(gas) - min(gas)) * PPM, min(gas))

    @property
    def missed(self) -> list[str]:
        """Keys whose limit is not kept."""
        keys = [figure.key for figure in (*self.gas, *self.sizes) if not figure.good]
        if self.scale_spread_ppm > SCALE_LIMIT_PPM:
            keys.append("scale.adl")
        return keys

    def as_json(self) -> dict[str, Any]:
        """Plain numbers as `gas.<name>`, `size.<contract>` and `scale.adl`, and what they mean."""
        report: dict[str, Any] = {"gas": {}, "size": {}, "scale": {}, "details": {}}
        for figure in (*self.gas, *self.sizes):
            group, name = figure.key.split(".", 1)
            report[group][name] = figure.value
            report["details"][figure.key] = {
                "limit": figure.limit,
                "room": figure.room,
                "dydx_v3": figure.dydx_v3,
                "good": figure.good,
                "what": figure.description,
            }
        report["scale"]["adl"] = [list(entry) for entry in self.adl_scale]
        report["details"]["scale.adl"] = {
            "spread_ppm": self.scale_spread_ppm,
            "limit_ppm": SCALE_LIMIT_PPM,
            "dydx_v3_per_account": DYDX_V3_DELEVERAGE,
            "good": self.scale_spread_ppm <= SCALE_LIMIT_PPM,
            "what": "resolve of the same size against one bucket of so many accounts",
        }
        return report | {"conditions": dict(self.conditions), "missed": self.missed}

    def write(self, path: Path) -> None:
        """Write the report file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def as_markdown(self) -> str:
        """The tables of the documentation."""
        scale = [
            f"| {accounts:,} | {gas:,} | {accounts * DYDX_V3_DELEVERAGE:,} |"
            for accounts, gas in self.adl_scale
        ]
        spread = percent(self.scale_spread_ppm, PPM, 4)
        return "\n".join(
            [
                "| measured | gas | limit | dYdX v3 | key |",
                "|---|---:|---:|---:|---|",
                *(
                    f"| {figure.description} | {figure.value:,} | {_or_dash(figure.limit)} "
                    f"| {_or_dash(figure.dydx_v3)} | `{figure.key}` |"
                    for figure in self.gas
                ),
                "",
                "| accounts in the bucket | gas of the resolve | dYdX v3, one by one |",
                "|---:|---:|---:|",
                *scale,
                "",
                f"Spread: {spread}, limit {percent(SCALE_LIMIT_PPM, PPM)}.",
                "",
                "| contract | runtime bytes | room |",
                "|---|---:|---:|",
                *(
                    f"| {figure.key.removeprefix('size.')} | {figure.value:,} | {figure.room:,} |"
                    for figure in self.sizes
                ),
                "",
                *(f"- {name}: {text}" for name, text in self.conditions.items()),
            ]
        )


def rises(measured: Sequence[Figure], snapshot: Mapping[str, int], tolerance_ppm: int) -> list[str]:
    """One line for each measurement above its committed value by more than the tolerance."""
    return [
        f"{figure.key}: {figure.value:,} gas, was {snapshot[figure.key]:,}"
        for figure in measured
        if figure.value * PPM > snapshot[figure.key] * (PPM + tolerance_ppm)
    ]


def _or_dash(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
