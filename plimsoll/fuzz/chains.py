"""The two chains a machine may run on, behind the three calls it needs.

`RevmChain` has them itself; `AnvilWalk` gives them to a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from plimsoll.chain import Rpc
from plimsoll.chain.rpc import transaction
from plimsoll.errors import ContractReverted
from plimsoll.fuzz.stage import GAS

Log = tuple[str, list[bytes], bytes]  # address, topics, data


class Answer(Protocol):
    """What a transaction did."""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        ...

    @property
    def output(self) -> bytes | None:
        """What it returned; None if the chain does not tell."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it failed."""
        ...

    @property
    def logs(self) -> list[Log]:
        """Its log entries."""
        ...


class WalkChain(Protocol):
    """A chain on which every transaction is a block of its own, at a time that is asked for."""

    number: int
    time: int

    def transact(self, sender: str, to: str, data: bytes, timestamp: int | None = None) -> Answer:
        """One transaction, mined even if it fails."""
        ...

    def static(self, to: str, data: bytes, timestamp: int | None = None) -> bytes:
        """Result of a view at the newest block."""
        ...

    def snapshot(self) -> str:
        """Remember the state."""
        ...

    def revert(self, snapshot_id: str) -> None:
        """Go back, using the snapshot up."""
        ...


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What a node tells of a transaction: it does not say what was returned."""

    ok: bool
    reason: str | None
    logs: list[Log]
    output: bytes | None = None


class AnvilWalk:
    """A node, transaction by transaction."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        rpc.call("anvil_autoImpersonateAccount", [True])
        self.number = rpc.block_number()
        self.time = rpc.timestamp()

    def transact(self, sender: str, to: str, data: bytes, timestamp: int | None = None) -> Answer:
        """One transaction, mined even if it fails."""
        self.time = self.time + 1 if timestamp is None else timestamp
        self._rpc.set_next_timestamp(self.time)
        request = transaction(to=to, data=data, sender=sender, gas=GAS)
        try:
            receipt = self._rpc.send_transaction(request)
        except ContractReverted as error:
            self.number += 1
            return NodeAnswer(False, error.reason, [])
        self.number += 1
        return NodeAnswer(
            True,
            None,
            [
                (
                    log["address"],
                    [bytes.fromhex(topic[2:]) for topic in log["topics"]],
                    bytes.fromhex(log["data"][2:]),
                )
                for log in receipt["logs"]
            ],
        )

    def static(self, to: str, data: bytes, timestamp: int | None = None) -> bytes:
        """Result of a view at the newest block."""
        if timestamp not in (None, self.time):
            raise ValueError("a node answers for its newest block only")
        return self._rpc.eth_call(to, data)

    def snapshot(self) -> str:
        """Remember the state."""
        return self._rpc.snapshot()

    def revert(self, snapshot_id: str) -> None:
        """Go back, using the snapshot up."""
        self._rpc.revert(snapshot_id)
        self.number = self._rpc.block_number()
        self.time = self._rpc.timestamp()
