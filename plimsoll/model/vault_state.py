"""Capital that bears losses and belongs to shares: insurance vaults, and the pools of brokers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """Shares offered for redemption."""

    shares: int
    opens: int  # unix seconds


@dataclass(slots=True)
class Vault:
    """Capital that shares own, token units; an insurance vault, or the pool of a broker."""

    address: str
    owner: str  # who may receive shares of an owner-only vault
    owner_only: bool
    notice_s: int
    assets_tokens: int = 0
    supply: int = 0
    requested: int = 0
    generation: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    allowances: dict[tuple[str, str], int] = field(default_factory=dict)  # owner, spender
