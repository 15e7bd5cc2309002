"""What brokers, guarantees and the guaranty fund look like at one block.

Amounts are token units unless a name says wad; parts are ppm (millionths); times are unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import IntFlag
from typing import Any, Final

from plimsoll.errors import InputError
from plimsoll.units import PPM, div_down

DAY_S: Final = 86_400


class BrokerState(IntFlag):
    """What a broker may do, see `IBrokerRegistry.State`; NONE is no broker."""

    NONE = 0
    OPENED = 1
    """It has a vault and no seat."""
    ACTIVE = 2
    """It may sponsor."""
    SUSPENDED = 4
    """It has not replenished the guaranty fund in time."""
    FAILED = 8
    """Other brokers paid for its clients; final."""
    LEAVING = 16
    """It sponsors nobody new, and is still liable."""
    LEFT = 32


class CallState(IntFlag):
    """Where a margin call is, see `ISponsorship.CallState`; a cured one is NONE again."""

    NONE = 0
    CALLED = 1
    DEFAULTED = 2


@dataclass(frozen=True, slots=True)
class VaultTerms:
    """What a broker's vault is opened with, for ever: depositors agree by depositing."""

    omega_ppm: int
    """Client locks are at most this part of the stake; 1 to 10 times."""
    first_loss_ppm: int
    """Part of all assets that the stake must be when somebody deposits; 5 % to 100 %."""
    client_ppm: int
    """Part of omega times the stake that one client may lock; 1 % to 100 %."""
    commission_ppm: int
    """Part of all fees that goes to the stake before the rest is shared; at most 50 %."""
    notice_s: int
    """Between a request to leave and its window; 7 to 60 days."""

    def as_tuple(self) -> tuple[int, ...]:
        """The terms as a contract argument."""
        return astuple(self)

    def require(self) -> VaultTerms:
        """The terms themselves; InputError if the registry would refuse them."""
        bounds = {
            "omega_ppm": (PPM, 10 * PPM),
            "first_loss_ppm": (50_000, PPM),
            "client_ppm": (10_000, PPM),
            "commission_ppm": (0, 500_000),
            "notice_s": (7 * DAY_S, 60 * DAY_S),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(
                    f"vault terms: {name} {getattr(self, name)}",
                    next_step=f"give {name} from {low} to {high}",
                )
        return self


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker's vault and seat; token units."""

    address: str
    operator: str
    state: BrokerState
    since: int
    """When the state last changed."""
    terms: VaultTerms
    stake: int
    """The operator's own capital: pays first."""
    pool: int
    """What depositors own."""
    shares: int
    """Of the pool; the vault's own decimals."""
    client_locks: int
    """Behind clients' guarantees, one to one."""
    at_risk: int
    """What clients below their buffers, as far as measured, could lose of their locks."""
    contribution: int
    """To the guaranty fund; locked, as is the assessment."""
    assessment: int
    required: int
    """What contribution and assessment must each be."""
    due: int
    """By when the fund must be complete again; 0: it is."""
    cost: int
    """What other brokers have paid for its clients."""
    free: int
    unearned_fees: int
    """Prepaid, and nobody's until earned."""
    lock_room: int
    """What new client locks may still add up to; the fund asks for its part besides."""
    client_limit: int
    """The largest lock of one account."""
    clients: int

    @property
    def assets(self) -> int:
        """Stake and pool: equal to what is locked and what is free."""
        return self.stake + self.pool

    @property
    def commitment(self) -> int:
        """Locked for the guaranty fund."""
        return self.contribution + self.assessment

    @property
    def locked(self) -> int:
        """Client locks and commitment."""
        return self.client_locks + self.commitment

    @property
    def provision(self) -> int:
        """What depositors who leave now bear, of all of the pool, of losses that may come."""
        loss = self.at_risk + min(self.commitment, self.at_risk)
        return min(self.pool, max(loss, self.stake) - self.stake)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A guarantee in force, or one that defaulted or expired and is still first loss."""

    account: int
    broker: str
    lock: int
    """Token units that stand behind this account alone."""
    fee_ppm: int
    """Of the lock, per year, paid in advance."""
    expiry: int
    """It shields before; a default brings it forward."""
    buffer_ppm: int
    cure_s: int
    early_ppm: int
    opening_wad: int
    """What counts for opening positions now."""
    shield_wad: int
    """What counts for maintenance margin now."""

    @classmethod
    def of(
        cls, account: int, record: Mapping[str, Any], opening: int, shield: int
    ) -> Guarantee | None:
        """From the contracts; None if the account has none."""
        if record["lock"] == 0:
            return None
        return cls(account=account, opening_wad=opening, shield_wad=shield, **record)


@dataclass(frozen=True, slots=True)
class MarginCall:
    """An open call, or one that ended in default."""

    account: int
    state: CallState
    called_at: int
    deadline: int
    """Last second in which it may be cured, stops counted so far."""
    amount_wad: int
    """What a deposit would have to bring now."""

    def tokens_up(self, decimals: int) -> int:
        """The deposit in token units, rounded up."""
        return -div_down(-self.amount_wad, 10 ** (18 - decimals))


@dataclass(frozen=True, slots=True)
class GuarantyFundState:
    """The mutual fund of all brokers with a seat; token units."""

    total: int
    """Contributions and assessments that are left."""
    members: tuple[str, ...]
    min_contribution: int
    contribution_ppm: int
    """Of a broker's client locks."""
    cause_ppm: int
    """Of the others' commitments that one broker's clients may ever cost them."""
