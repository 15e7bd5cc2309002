"""Who is a broker, and in which state: opening, joining, suspension, failure, leaving."""

from __future__ import annotations

from typing import Final

from plimsoll.deployment import created_address
from plimsoll.model import guaranty_fund, waterfall
from plimsoll.model.broker_state import (
    SEATED,
    BrokerVault,
    Seat,
    State,
    VaultTerms,
)
from plimsoll.model.state import PPM, World, require
from plimsoll.model.vault_state import Vault

MAX_BROKERS: Final = 32
LEAVE_S: Final = 7 * 86_400
SUSPENDED_S: Final = 30 * 86_400  # after which anybody may end a suspended membership
DAY_S: Final = 86_400


def open_vault(
    world: World, sender: str, _name: str, _symbol: str, terms: tuple[int, int, int, int, int]
) -> str:
    """A vault without capital or seat, whoever calls is its operator; its address."""
    chosen = VaultTerms(*terms)
    require(PPM <= chosen.omega_ppm <= 10 * PPM, "broker: bad omega")
    require(50_000 <= chosen.first_loss_ppm <= PPM, "broker: bad first loss")
    require(10_000 <= chosen.client_ppm <= PPM, "broker: bad client limit")
    require(chosen.commission_ppm <= 500_000, "broker: commission too high")
    require(7 * DAY_S <= chosen.notice_s <= 60 * DAY_S, "broker: bad notice")
    # a contract's first creation has number 1
    number = 1 + len(world.brokers.vaults)
    broker = created_address(world.addresses["registry"], number).lower()
    pool = Vault(address=broker, owner=sender, owner_only=False, notice_s=chosen.notice_s)
    world.brokers.vaults[broker] = BrokerVault(pool, sender, chosen, since=world.now)
    _enter(world, broker, State.OPENED)
    return broker


def join(world: World, sender: str, broker: str) -> None:
    """Take a seat, and lock what the guaranty fund asks for."""
    require(world.brokers.state_of(broker) == State.OPENED, "registry: not open")
    _only_operator(world, sender, broker)
    require(len(world.brokers.members) < MAX_BROKERS, "registry: no seat")
    world.brokers.members = (*world.brokers.members, broker)
    _enter(world, broker, State.ACTIVE)
    guaranty_fund.raise_to_required(world, broker)


def suspend(world: World, _sender: str, broker: str) -> None:
    """For not replenishing in time."""
    require(world.brokers.state_of(broker) == State.ACTIVE, "registry: not active")
    require(guaranty_fund.is_overdue(world, broker), "fund: not overdue")
    _enter(world, broker, State.SUSPENDED)


def reinstate(world: World, _sender: str, broker: str) -> None:
    """Once its part of the fund is complete again."""
    require(world.brokers.state_of(broker) == State.SUSPENDED, "registry: not suspended")
    require(guaranty_fund.is_filled(world, broker), "fund: contribution too low")
    _enter(world, broker, State.ACTIVE)


def fail(world: World, broker: str) -> None:
    """Others have paid for its clients."""
    if world.brokers.state_of(broker) in SEATED:
        _enter(world, broker, State.FAILED)


def leave(world: World, sender: str, broker: str) -> None:
    """Sponsor nobody new; the liability stays."""
    _only_operator(world, sender, broker)
    member = world.brokers.state_of(broker) in (State.ACTIVE, State.SUSPENDED)
    require(member, "registry: no member")
    _enter(world, broker, State.LEAVING)


def retire(world: World, _sender: str, broker: str) -> None:
    """Give the seat back, a week after leaving or failing, thirty days after a suspension."""
    brokers = world.brokers
    state = brokers.state_of(broker)
    leaving = (State.LEAVING, State.FAILED, State.SUSPENDED)
    require(state in leaving, "registry: not leaving")
    if state is State.SUSPENDED:
        require(not guaranty_fund.is_filled(world, broker), "registry: not leaving")
    vault = brokers.vaults[broker]
    require(vault.client_locks == 0, "registry: sponsors clients")
    stay_s = SUSPENDED_S if state is State.SUSPENDED else LEAVE_S
    require(world.now >= brokers.seats[broker].since + stay_s, "registry: too early")
    require(not waterfall.exits_blocked(world), "registry: loss pending")
    members = list(brokers.members)
    members[members.index(broker)] = members[-1]
    brokers.members = tuple(members[:-1])
    _enter(world, broker, State.LEFT)
    guaranty_fund.release(world, broker)


def operator_of(world: World, broker: str) -> str | None:
    """Who runs a broker; None for an address that is none."""
    vault = world.brokers.vaults.get(broker)
    return None if vault is None else vault.operator


def _enter(world: World, broker: str, state: State) -> None:
    """Another state from now on; failing again is no change."""
    if world.brokers.state_of(broker) != state:
        world.brokers.seats[broker] = Seat(state, world.now)


def _only_operator(world: World, sender: str, broker: str) -> None:
    require(sender == operator_of(world, broker), "access: not operator")
