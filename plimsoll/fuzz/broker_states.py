"""What the chain shows of brokers: vaults, clients, holders of shares, the guaranty fund.

Amounts are token units unless said otherwise, addresses numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class VaultState(NamedTuple):
    """One broker: its vault, its seat, its part of the fund, its book."""

    broker: int
    stake: int
    pool: int
    supply: int
    generation: int
    client_locks: int
    commitment: int
    unearned: int
    free: int
    lock_room: int
    client_limit: int
    max_deposit: int
    offered: int
    offered_opens: int
    held: int
    """In the escrow."""
    state: int
    """A flag: 1 is opened, 2 active, 4 suspended and so on."""
    since: int
    contribution: int
    assessment: int
    due: int
    cost: int
    required: int
    room: int
    clients: tuple[int, ...]
    at_risk: int
    redeems: int
    """What a trillion shares get."""


class ClientState(NamedTuple):
    """One account's guarantee, its margin call, and what stands behind it."""

    account: int
    broker: int
    lock: int
    fee_ppm: int
    expiry: int
    buffer_ppm: int
    cure_s: int
    early_ppm: int
    call_state: int
    called_at: int
    deadline: int
    amount: int
    """Wad."""
    opening: int
    """Wad."""
    shield: int
    """Wad."""
    risk: int
    """Of its lock, as measured last."""
    vault_lock: int
    """In the vault of its broker."""
    set_aside: int
    """In layer 2, wad."""


class ShareState(NamedTuple):
    """What somebody has of a broker's pool."""

    broker: int
    holder: int
    shares: int
    request: int
    opens: int


@dataclass(slots=True)
class BrokersState:
    """Everything that was asked for."""

    vaults: dict[int, VaultState] = field(default_factory=dict)
    clients: dict[int, ClientState] = field(default_factory=dict)
    shares: dict[tuple[int, int], ShareState] = field(default_factory=dict)
    members: tuple[int, ...] = ()
    fund: int = 0
    escrow: tuple[int, int] = (0, 0)
    """What it holds for vaults, and its balance."""
    reserved: tuple[int, int] = (0, 0)
    """Of layers 2 and 5, wad."""
