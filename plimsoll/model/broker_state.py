"""What the reference model knows of brokers: vaults, seats, guarantees, margin calls, the fund.

Amounts are token units unless a name says otherwise, times unix seconds, addresses lower case. A
broker is named by the address of its vault. Nothing here knows the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model.vault_state import Vault

WAD: Final = 10**18
NOBODY: Final = "0x" + "00" * 20


class State(IntEnum):
    """Where a broker stands, as the registry numbers it; on chain a flag of that bit."""

    NONE = 0
    OPENED = 1
    ACTIVE = 2
    SUSPENDED = 3
    FAILED = 4
    LEAVING = 5
    LEFT = 6


SEATED: Final = (State.ACTIVE, State.SUSPENDED, State.FAILED, State.LEAVING)


class CallState(IntEnum):
    """Of a margin call."""

    NONE = 0
    CALLED = 1
    DEFAULTED = 2


@dataclass(frozen=True, slots=True)
class VaultTerms:
    """What a vault was opened with; as `IBrokerVault.Terms`."""

    omega_ppm: int  # client locks at most omega times the stake
    first_loss_ppm: int  # least part of all assets that is stake, for deposits
    client_ppm: int  # part of omega times the stake that one client may lock
    commission_ppm: int  # part of fees that goes to the stake before the rest is shared
    notice_s: int


@dataclass(slots=True)
class BrokerVault:
    """One broker's capital; what depositors own, and their shares, are its `pool`."""

    pool: Vault
    operator: str
    terms: VaultTerms
    stake: int = 0
    commitment: int = 0
    unearned: int = 0
    end_wad_s: int = 0  # when everything unearned is earned
    since: int = 0  # up to which fees were earned
    offered: int = 0  # stake that may leave
    offered_opens: int = 0
    locks: dict[int, int] = field(default_factory=dict)  # by account

    @property
    def address(self) -> str:
        """Which names the broker."""
        return self.pool.address

    @property
    def assets(self) -> int:
        """Stake and pool."""
        return self.stake + self.pool.assets_tokens

    @property
    def client_locks(self) -> int:
        """What stands behind clients."""
        return sum(self.locks.values())

    @property
    def free(self) -> int:
        """What is neither locked for a client nor committed."""
        return self.assets - self.client_locks - self.commitment


@dataclass(frozen=True, slots=True)
class Seat:
    """A broker in the registry."""

    state: State = State.NONE
    since: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A member's part of the guaranty fund."""

    contribution: int = 0
    assessment: int = 0
    deadline: int = 0  # by when it must be complete after a draw; 0: none was since
    taken: int = 0  # by losses of others since it was last complete
    cost: int = 0  # what others have paid for its clients

    @property
    def total(self) -> int:
        """What one loss can cost it."""
        return self.contribution + self.assessment


@dataclass(frozen=True, slots=True)
class FundTerms:
    """Parameters of the guaranty fund."""

    min_contribution: int
    contribution_ppm: int  # of client locks
    cause_ppm: int  # of the others' commitments, that the clients of one broker may ever cost
    changed_at: int = 0


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What the ledger knows of a guarantee."""

    amount_wad: int
    opening_until: int
    shield_until: int
    buffer_ppm: int

    def shield_wad(self, now: int) -> int:
        """What counts for maintenance."""
        return self.amount_wad if now < self.shield_until else 0

    def opening_wad(self, now: int) -> int:
        """What counts for opening."""
        return self.amount_wad if now < self.opening_until else 0


@dataclass(frozen=True, slots=True)
class Sponsored:
    """Who guarantees for an account, and on which terms."""

    broker: str
    lock: int
    fee_ppm: int
    expiry: int
    buffer_ppm: int
    cure_s: int
    early_ppm: int


@dataclass(frozen=True, slots=True)
class Call:
    """A margin call, or what the last one left."""

    state: CallState = CallState.NONE
    called_at: int = 0
    deadline: int = 0
    counted_until: int = 0
    left_s: int = 0  # when the last one was cured
    ended: int = 0


NO_CALL: Final = Call()


@dataclass(slots=True)
class Brokers:
    """Everything about brokers."""

    fund: FundTerms = field(default_factory=lambda: FundTerms(10_000 * 10**6, 100_000, 500_000))
    vaults: dict[str, BrokerVault] = field(default_factory=dict)  # in the order they were opened
    seats: dict[str, Seat] = field(default_factory=dict)
    members: tuple[str, ...] = ()  # in the order of their seats
    shares: dict[str, Share] = field(default_factory=dict)  # of the guaranty fund
    sponsored: dict[int, Sponsored] = field(default_factory=dict)  # by account
    calls: dict[int, Call] = field(default_factory=dict)  # by account
    clients: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of a broker, in order
    risks: dict[int, int] = field(default_factory=dict)  # by account, as measured last
    used: set[GuaranteeTerms] = field(default_factory=set)  # agreed or revoked

    def state_of(self, broker: str) -> State:
        """Where a broker stands."""
        return self.seats.get(broker, _NO_SEAT).state

    def share(self, broker: str) -> Share:
        """A broker's part of the guaranty fund."""
        return self.shares.get(broker, _NO_SHARE)

    def at_risk(self, broker: str) -> int:
        """What its clients may lose of their locks, as measured."""
        return sum(self.risks.get(account, 0) for account in self.clients.get(broker, ()))

    def call(self, account: int) -> Call:
        """The margin call of an account."""
        return self.calls.get(account, NO_CALL)

    def broker_of(self, account: int) -> str:
        """The account's broker; the zero address without one."""
        record = self.sponsored.get(account)
        return NOBODY if record is None else record.broker


_NO_SEAT: Final = Seat()
_NO_SHARE: Final = Share()
