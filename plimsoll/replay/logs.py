"""What the contracts say about a resolve, from their events."""

from __future__ import annotations

import functools
from typing import Final

from plimsoll import abi, artifacts
from plimsoll.chain.evm import Outcome
from plimsoll.replay.forms import words_of
from plimsoll.replay.insurance import BROKER, FUND, JUNIOR, SENIOR
from plimsoll.replay.venue import TOKEN

_SOURCES: Final = {
    "HaircutSet": "AdlEngine",
    "BucketHaircut": "AdlEngine",
    "BucketRematched": "AdlEngine",
    "Reserved": "Liquidator",
    "Finished": "Liquidator",
    "Drawn": "Waterfall",
    "LossPaid": "BrokerVault",
}


@functools.cache
def _names() -> dict[bytes, str]:
    """Events that are read, by their first topic."""
    return {
        abi.topic(artifacts.load(source).events[name]): name for name, source in _SOURCES.items()
    }


class Tally:
    """Sums over the transactions of a wave; amounts in wad."""

    def __init__(self) -> None:
        self.calls = 0
        self.gas = 0
        self.haircut = 0
        """Taken from winners and credited to the bankrupt accounts."""
        self.profit: dict[int, int] = {}
        """Of the winners charged, by market, as the contracts summed it."""
        self.shares_ray: dict[int, int] = {}
        """Every winner's share, by market."""
        self.drawn = {BROKER: 0, JUNIOR: 0, SENIOR: 0, FUND: 0}
        self.stakes = 0
        """What operators of broker vaults lost."""
        self.pools = 0
        """What their depositors lost."""
        self.starts = 0
        self.start_gas = 0
        self.shortfall = 0
        self.buckets: set[int] = set()
        """Keys of the buckets charged or re-matched."""
        self.finished: set[int] = set()
        """Accounts whose loss is dealt with."""

    def started(self, outcome: Outcome) -> None:
        """Count a liquidation's start."""
        self.starts += 1
        self.start_gas += outcome.gas

    def add(self, outcome: Outcome) -> None:
        """Count a call of `resolve`."""
        self.calls += 1
        self.gas += outcome.gas
        for _, topics, data in outcome.logs:
            kind, values = _names().get(topics[0]), words_of(data)
            if kind == "HaircutSet":
                market = _number(topics[2])
                profit, eta, credited = values
                self.profit[market], self.shares_ray[market] = profit, eta
                self.haircut += credited
            elif kind == "BucketHaircut":
                self.buckets.add(_number(topics[2]))
            elif kind == "BucketRematched":
                self.buckets.add(_number(topics[3]))
            elif kind == "Drawn":
                self.drawn[_number(topics[1])] += values[0]
            elif kind == "LossPaid":
                self.stakes += values[1] * TOKEN
                self.pools += values[2] * TOKEN
            elif kind == "Finished":
                self.finished.add(_number(topics[1]))
                self.shortfall += values[2]


def unreserved(outcome: Outcome) -> int:
    """What of the losses looked at in a transaction the vaults could not promise, wad."""
    return sum(
        words_of(data)[0] - words_of(data)[1]
        for _, topics, data in outcome.logs
        if _names().get(topics[0]) == "Reserved"
    )


def _number(topic: bytes) -> int:
    return int.from_bytes(topic)
