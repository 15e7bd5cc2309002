"""Many views of one block, in few round trips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from plimsoll.client import Client
from plimsoll.contract import Contract

BATCH: Final = 100
"""Calls in a round trip: what public endpoints accept."""

Progress: TypeAlias = Callable[[int, int, str], None]
"""Hears how many calls are done, of how many, and what they are for."""


def silent(_done: int, _total: int, _text: str) -> None:
    """No progress."""


@dataclass(frozen=True)
class DryRun:
    """Who would pay if an account were closed at given prices; as `ILens.DryRun`, wad.

    The brokers' guaranty fund is left out: it pays after the senior vault, and what it would give
    for several losses the view does not follow.
    """

    equity: int  # the account's own, without a guarantee
    loss: int
    broker: int  # out of what the account's own broker has locked for it
    junior: int
    senior: int
    weights: int

    @property
    def uncovered(self) -> int:
        """What broker, junior and senior leave to the guaranty fund and to winners."""
        return self.loss - self.broker - self.junior - self.senior


class Reader:
    """Calls to the contracts of a client, all at the block that was the newest at the start."""

    def __init__(self, client: Client, progress: Progress = silent) -> None:
        self.client = client
        self._progress = progress
        self.block = client.rpc.block_number()
        header = client.rpc.call("eth_getBlockByNumber", [hex(self.block), False])
        self.time = int(header["timestamp"], 16)
        """Of the block, unix seconds."""

    def one(self, contract: Contract, function: str, *args: Any) -> Any:
        """A single view."""
        return contract.read(function, *args, block=self.block)

    def many(
        self, contract: Contract, function: str, calls: Sequence[Sequence[Any]], text: str
    ) -> list[Any]:
        """A view for each list of arguments; `text` tells the progress what is read."""
        found: list[Any] = []
        for start in range(0, len(calls), BATCH):
            self._progress(start, len(calls), text)
            found += self._batch(contract, function, calls[start : start + BATCH])
        self._progress(len(calls), len(calls), text)
        return found

    def dry_runs(
        self, cases: Sequence[tuple[int, Mapping[int, int]]], text: str = "dry runs"
    ) -> list[DryRun]:
        """`Lens.dry_run` for each (account, price by market). Equal cases are asked once."""
        keys = [(account, tuple(sorted(prices.items()))) for account, prices in cases]
        asked = list(dict.fromkeys(keys))
        answers = self.many(self.client.lens, "dry_run", asked, text)
        known = {key: _dry_run(answer) for key, answer in zip(asked, answers, strict=True)}
        return [known[key] for key in keys]

    def _batch(
        self, contract: Contract, function: str, calls: Sequence[Sequence[Any]]
    ) -> list[Any]:
        requests = [
            (
                "eth_call",
                [
                    {
                        "to": contract.address,
                        "data": "0x" + contract.encode(function, *args).hex(),
                    },
                    hex(self.block),
                ],
            )
            for args in calls
        ]
        return [
            contract.decode_result(function, bytes.fromhex(raw[2:]))
            for raw in self.client.rpc.batch(requests)
        ]


def _dry_run(answer: Mapping[str, Any]) -> DryRun:
    broker, junior, senior, _ = answer["layers"]
    return DryRun(
        equity=answer["equity"],
        loss=answer["loss"],
        broker=broker,
        junior=junior,
        senior=senior,
        weights=answer["weights"],
    )
