"""What the contracts say about a resolve, from their events."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

from plimsoll.chain.evm import Outcome
from plimsoll.replay.chain import words_of
from plimsoll.replay.insurance import JUNIOR, SENIOR


def _topic(signature: str) -> bytes:
    return bytes(keccak(text=signature))


_HAIRCUT_SET: Final = _topic("HaircutSet(uint256,uint256,uint256,uint256,uint256)")
_BUCKET_HAIRCUT: Final = _topic("BucketHaircut(uint256,uint256,uint256)")
_BUCKET_REMATCHED: Final = _topic(
    "BucketRematched(uint256,uint256,uint256,uint256,uint256,uint256)"
)
_RESERVED: Final = _topic("Reserved(uint256,uint256,uint256)")
_DRAWN: Final = _topic("Drawn(uint256,uint256,uint256,uint256,uint256,uint256)")
_FINISHED: Final = _topic("Finished(uint256,uint256,uint256,uint256)")


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
        self.drawn = {JUNIOR: 0, SENIOR: 0}
        self.shortfall = 0
        self.buckets: set[int] = set()
        """Keys of the buckets charged or re-matched."""
        self.finished: set[int] = set()
        """Accounts whose loss is dealt with."""

    def add(self, outcome: Outcome) -> None:
        """Count a transaction."""
        self.calls += 1
        self.gas += outcome.gas
        for _, topics, data in outcome.logs:
            kind, values = topics[0], words_of(data)
            if kind == _HAIRCUT_SET:
                market = _number(topics[2])
                profit, eta, credited = values
                self.profit[market], self.shares_ray[market] = profit, eta
                self.haircut += credited
            elif kind == _BUCKET_HAIRCUT:
                self.buckets.add(_number(topics[2]))
            elif kind == _BUCKET_REMATCHED:
                self.buckets.add(_number(topics[3]))
            elif kind == _DRAWN:
                self.drawn[_number(topics[1])] += values[0]
            elif kind == _FINISHED:
                self.finished.add(_number(topics[1]))
                self.shortfall += values[2]


def unreserved(outcome: Outcome) -> int:
    """What of the losses looked at in a transaction the vaults could not promise, wad."""
    return sum(
        words_of(data)[0] - words_of(data)[1]
        for _, topics, data in outcome.logs
        if topics[0] == _RESERVED
    )


def _number(topic: bytes) -> int:
    return int.from_bytes(topic)
