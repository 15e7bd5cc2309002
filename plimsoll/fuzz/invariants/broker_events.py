"""Events of the broker layer, as `plimsoll.fuzz.invariants.events`; amounts are token units."""

from __future__ import annotations

from typing import NamedTuple


class LossPaid(NamedTuple):
    """A broker's vault paid for a client, or for the guaranty fund (account 0)."""

    vault: int  # which has logged it
    account: int
    tokens: int
    from_stake: int
    from_pool: int


class FeePaid(NamedTuple):
    """A client's owner paid for a guarantee."""

    vault: int
    payer: int
    tokens: int
    unearned: int
    earned_until: int


class StakeWithdrawn(NamedTuple):
    """Stake left."""

    vault: int
    receiver: int
    tokens: int
    stake: int


class GuaranteeAgreed(NamedTuple):
    """A guarantee is in force."""

    account: int
    broker: int
    digest: int
    guarantee: int
    fee: int
    expiry: int
    buffer_ppm: int
    cure_s: int
    early_ppm: int


class Ported(NamedTuple):
    """A client moved."""

    account: int
    before: int
    after: int


class Released(NamedTuple):
    """A guarantee ended, not needed."""

    account: int
    broker: int
    tokens: int


class GuaranteePaid(NamedTuple):
    """A guarantee ended, drawn."""

    account: int
    broker: int
    tokens: int
    freed: int


class MarginCalled(NamedTuple):
    """A client is below its buffer."""

    account: int
    broker: int
    amount: int  # wad
    deadline: int


class MarginCured(NamedTuple):
    """And above it again."""

    account: int
    broker: int
    equity: int  # wad


class ClockStopped(NamedTuple):
    """A deadline moved."""

    account: int
    seconds: int
    deadline: int


class MarginDefaulted(NamedTuple):
    """A guarantee shields no more."""

    account: int
    broker: int
    early: int


class RiskMeasured(NamedTuple):
    """What a client may lose of its lock."""

    account: int
    broker: int
    risk: int


class MemberDrawn(NamedTuple):
    """A member of the guaranty fund paid."""

    broker: int
    cause: int
    contribution: int
    assessment: int
    due: int


class StateChanged(NamedTuple):
    """A broker's state, as a flag."""

    broker: int
    state: int


BrokerEvent = (
    LossPaid
    | FeePaid
    | StakeWithdrawn
    | GuaranteeAgreed
    | Ported
    | Released
    | GuaranteePaid
    | MarginCalled
    | MarginCured
    | ClockStopped
    | MarginDefaulted
    | RiskMeasured
    | MemberDrawn
    | StateChanged
)
SOURCES = {
    "BrokerVault": (LossPaid, FeePaid, StakeWithdrawn),
    "Sponsorship": (
        *(GuaranteeAgreed, Ported, Released, GuaranteePaid, MarginCalled, MarginCured),
        *(ClockStopped, MarginDefaulted, RiskMeasured),
    ),
    "GuarantyFund": (MemberDrawn,),
    "BrokerRegistry": (StateChanged,),
}
OF_A_VAULT = (LossPaid, FeePaid, StakeWithdrawn)
"""Those that begin with the address that has logged them."""
