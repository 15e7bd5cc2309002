"""The measurements: each is one transaction in a block of its own, read from its receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.bench import auctions, backing, brokers, crowd, money, risk, trading
from plimsoll.bench.figures import DESCRIPTIONS, Figure, ViewCost, size_figure
from plimsoll.bench.report import Report
from plimsoll.bench.speed import measure_speed
from plimsoll.bench.venue import ONE_FEED, OPTIONS, THREE_FEEDS, Venue
from plimsoll.bench.views import views
from plimsoll.chain import AnvilProcess
from plimsoll.errors import ChainError

_TESTS_ONLY: Final = ("Token", "Feed")
_PARTS: Final = (
    trading.fills,
    trading.openings,
    trading.batches,
    trading.tries,
    trading.orders,
    trading.agents,
    money.custody,
    money.accounts,
    money.fees,
    money.vaults,
    money.keepers,
    auctions.auction,
    auctions.bankruptcy,
    auctions.haircut,
    risk.stirred,
    backing.backed,
    brokers.guarantees,
    brokers.margin_calls,
    brokers.draws,
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Extent:
    """How far to go where more takes longer."""

    crowds: Sequence[int] = (10, 100, 1_000, 10_000, 100_000)
    receipts: Sequence[int] = (10, 1_000)
    """Crowds that are measured on Anvil too."""
    buckets: Sequence[int] = (1, 2, 5, 10, 20, auctions.MOST_BUCKETS)
    revm_steps: int = 5_000
    anvil_steps: int = 1_000


FULL: Final = Extent()
QUICK: Final = Extent((10, 1_000), (10,), (1, 2), 200, 100)


def measure(progress: Progress, extent: Extent = FULL) -> Report:
    """Everything, on chains of its own."""
    progress("fuzz.steps_per_second")
    speed = measure_speed(extent.revm_steps, extent.anvil_steps)
    with AnvilProcess(None, OPTIONS) as anvil:
        progress("deploying")
        venue = Venue(anvil.rpc)
        conditions = _conditions(venue)
        sizes = [
            size_figure(name, len(anvil.rpc.code(entry.address)))
            for name, entry in venue.client.deployment.contracts.items()
            if not any(part in name for part in _TESTS_ONLY)
        ]
        gas: dict[str, Figure] = {}
        for part in _PARTS:
            with anvil.rpc.undone():
                for figure in part(venue):
                    progress(figure.key)
                    gas[figure.key] = figure
        costs: list[ViewCost] = []
        with anvil.rpc.undone():
            for cost in views(venue):
                progress(cost.figure.key)
                costs.append(cost)
        buckets = []
        for count in extent.buckets:
            progress(f"scale.buckets, {count}")
            buckets.append(auctions.bucket_cost(venue, count))
    return Report(
        gas=tuple(gas[key] for key in DESCRIPTIONS if key in gas),
        sizes=tuple(sizes),
        views=tuple(costs),
        crowds=tuple(crowd.in_process(extent.crowds, progress)),
        receipts=tuple(crowd.on_anvil(extent.receipts, progress)),
        buckets=tuple(buckets),
        speed=speed,
        conditions=conditions,
    )


def _conditions(venue: Venue) -> dict[str, str]:
    """What is the same in every measurement, read from the chain where it can be."""
    rates = [venue.client.clearinghouse.read("funding", m)[1] for m in (ONE_FEED, THREE_FEEDS)]
    if 0 in rates:
        raise ChainError("a funding rate is zero", next_step="see Venue.next_bucket")
    return {
        "chain": f"{venue.rpc.client_version()}, hard fork cancun, gas from receipts",
        "mark": "not cached: each transaction is the first of its block and reads the feeds",
        "feeds": "one, unless three are named; a read costs two cold slots, as at an aggregator",
        "funding": f"accrues in each block, rates {rates[0]} and {rates[1]} ppb an hour",
        "orders": "first fill of every signed order, unless said otherwise: its word goes from "
        "zero to a number",
        "accounts": "one market each, fees not zero, no ADL in the bucket unless named",
    }
