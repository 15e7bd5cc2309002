"""All measurements of one run: as JSON with plain keys, and as the tables of the documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plimsoll.bench.auctions import BucketCost
from plimsoll.bench.crowd import CrowdCost
from plimsoll.bench.figures import DYDX_V3_DELEVERAGE, Figure, ViewCost
from plimsoll.bench.speed import EPISODE_STEPS, SEED, Speed
from plimsoll.units import PPM, div_up, percent

SCALE_LIMIT_PPM: Final = 20_000
"""How much the gas of ADL may differ between the smallest and the largest crowd."""
WANTED_RATIO: Final = 50
"""Steps in process for one on Anvil that were asked for; reported, not enforced."""


@dataclass(frozen=True)
class Report:
    """All measurements of one run."""

    gas: tuple[Figure, ...]
    sizes: tuple[Figure, ...]
    views: tuple[ViewCost, ...]
    crowds: tuple[CrowdCost, ...]
    """In process; the size that they hold together is the same."""
    receipts: tuple[CrowdCost, ...]
    """Some of them again, on Anvil."""
    buckets: tuple[BucketCost, ...]
    speed: Speed
    conditions: Mapping[str, str]

    @property
    def measured_gas(self) -> tuple[Figure, ...]:
        """Everything that the committed snapshot holds."""
        return (*self.gas, *(view.figure for view in self.views))

    @property
    def scale_spread_ppm(self) -> int:
        """Largest over smallest gas of the crowds, less one, the worse of both; rounded up."""
        pairs = [
            [crowd.haircut for crowd in self.crowds],
            [crowd.rematch for crowd in self.crowds],
        ]
        return max(div_up((max(gas) - min(gas)) * PPM, min(gas)) for gas in pairs)

    @property
    def missed(self) -> list[str]:
        """Keys whose limit is not kept."""
        keys = [figure.key for figure in (*self.gas, *self.sizes) if not figure.good]
        if self.scale_spread_ppm > SCALE_LIMIT_PPM:
            keys.append("scale.adl")
        if any(receipt not in self.crowds for receipt in self.receipts):
            keys.append("scale.adl_receipts")
        return keys

    def as_json(self) -> dict[str, Any]:
        """Plain numbers by group and name, and under `details` what they mean."""
        report: dict[str, Any] = {"gas": {}, "view": {}, "size": {}, "scale": {}, "details": {}}
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
        for view in self.views:
            name = view.figure.key.removeprefix("view.")
            report["view"][name] = {"gas": view.figure.value, "ms": view.milliseconds}
            report["details"][view.figure.key] = {"what": view.figure.description}
        report["scale"] = {
            "adl": [_crowd_json(crowd) for crowd in self.crowds],
            "adl_receipts": [_crowd_json(crowd) for crowd in self.receipts],
            "buckets": [
                {"buckets": cost.buckets, "gas": cost.haircut, "rematch_all_gas": cost.rematch}
                for cost in self.buckets
            ],
        }
        report["fuzz"] = {
            "steps_per_second": {"revm": self.speed.revm, "anvil": self.speed.anvil},
            "ratio": self.speed.ratio,
        }
        report["details"] |= self._scale_details()
        return report | {"conditions": dict(self.conditions), "missed": self.missed}

    def _scale_details(self) -> dict[str, Any]:
        return {
            "scale.adl": {
                "spread_ppm": self.scale_spread_ppm,
                "limit_ppm": SCALE_LIMIT_PPM,
                "dydx_v3_per_account": DYDX_V3_DELEVERAGE,
                "good": self.scale_spread_ppm <= SCALE_LIMIT_PPM,
                "what": "gas: resolve of a bankrupt account (two draws, haircut, re-match) against "
                "one bucket of so many accounts that hold the same size together; rematch_gas: "
                "re-match of a solvent one; in process, on cold storage",
            },
            "scale.adl_receipts": {
                "good": all(receipt in self.crowds for receipt in self.receipts),
                "what": "the same transactions on Anvil: equal to the gas",
            },
            "scale.buckets": {
                "what": "gas: all buckets are charged, the position is re-matched with the first; "
                "rematch_all_gas: it is as large as all of them, and closes them whole"
            },
            "fuzz.steps_per_second": {
                "revm_steps": self.speed.revm_steps,
                "anvil_steps": self.speed.anvil_steps,
                "seed": SEED,
                "what": f"episodes of {EPISODE_STEPS} steps, one process, model and comparison of "
                "all accounts included",
            },
            "fuzz.ratio": {"wanted": WANTED_RATIO, "good": self.speed.ratio >= WANTED_RATIO},
        }

    def write(self, path: Path) -> None:
        """Write the report file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def as_markdown(self) -> str:
        """The tables of the documentation."""
        spread = percent(self.scale_spread_ppm, PPM, 4)
        receipts = "differ" if "scale.adl_receipts" in self.missed else "the same to the gas"
        checked = ", ".join(f"{crowd.accounts:,}" for crowd in self.receipts)
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
                "| view | gas | ms on Anvil | key |",
                "|---|---:|---:|---|",
                *(
                    f"| {view.figure.description} | {view.figure.value:,} "
                    f"| {view.milliseconds:.2f} | `{view.figure.key}` |"
                    for view in self.views
                ),
                "",
                "| accounts in the bucket | bankrupt: resolve | solvent: re-match | dYdX v3 |",
                "|---:|---:|---:|---:|",
                *(
                    f"| {crowd.accounts:,} | {crowd.haircut:,} | {crowd.rematch:,} "
                    f"| {crowd.accounts * DYDX_V3_DELEVERAGE:,} |"
                    for crowd in self.crowds
                ),
                "",
                f"Spread: {spread}, limit {percent(SCALE_LIMIT_PPM, PPM)}. In process, on cold",
                f"storage; receipts of Anvil at {checked} accounts: {receipts}.",
                "",
                "| winning buckets | all charged, one re-matched | all charged and closed |",
                "|---:|---:|---:|",
                *(
                    f"| {cost.buckets} | {cost.haircut:,} | {cost.rematch:,} |"
                    for cost in self.buckets
                ),
                "",
                "| fuzz machine, one process | steps per second |",
                "|---|---:|",
                f"| in process (revm), {self.speed.revm_steps:,} steps | {self.speed.revm:,.0f} |",
                f"| on Anvil, {self.speed.anvil_steps:,} steps | {self.speed.anvil:,.0f} |",
                f"| ratio | {self.speed.ratio:.1f} |",
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


def _crowd_json(crowd: CrowdCost) -> dict[str, int]:
    return {"accounts": crowd.accounts, "gas": crowd.haircut, "rematch_gas": crowd.rematch}


def _or_dash(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
