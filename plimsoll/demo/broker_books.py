"""What brokers hold at one moment, read from their vaults in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.client import Client
from plimsoll.contract import Contract
from plimsoll.units import tokens_to_wad

_VIEWS: Final = (
    "stake",
    "totalAssets",
    "client_locks",
    "commitment",
    "free_assets",
    "unearned_fees",
)


@dataclass(frozen=True)
class BrokerBooks:
    """A broker's capital, wad."""

    stake: int
    pool: int
    client_locks: int
    commitment: int
    free: int
    unearned: int
    held: int  # tokens that lie in escrow for it

    @property
    def assets(self) -> int:
        """Stake and pool."""
        return self.stake + self.pool

    @property
    def good(self) -> bool:
        """Locked and free capital make up the assets, and the tokens are there."""
        locked = self.client_locks + self.commitment
        return (
            self.free >= 0
            and locked + self.free == self.assets
            and self.held == self.assets + self.unearned
        )


def read_books(client: Client, vaults: Sequence[Contract]) -> tuple[BrokerBooks, ...]:
    """Every vault, all of one block."""
    calls: list[tuple[Contract, str, tuple[Any, ...]]] = []
    for vault in vaults:
        calls += [(vault, view, ()) for view in _VIEWS]
        calls.append((client.escrow, "held", (vault.address,)))
    block = hex(client.rpc.block_number())
    answers = client.rpc.batch(
        [
            (
                "eth_call",
                [{"to": one.address, "data": "0x" + one.encode(view, *args).hex()}, block],
            )
            for one, view, args in calls
        ]
    )
    decimals = client.deployment.token_decimals
    values = [
        tokens_to_wad(one.decode_result(view, bytes.fromhex(raw[2:])), decimals)
        for (one, view, _), raw in zip(calls, answers, strict=True)
    ]
    width = len(_VIEWS) + 1
    return tuple(BrokerBooks(*values[i : i + width]) for i in range(0, len(values), width))
