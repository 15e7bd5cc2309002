"""The operator's stake, and what who leaves a broker's vault must leave behind."""

from __future__ import annotations

from plimsoll.model import broker_vaults, waterfall
from plimsoll.model.broker_state import BrokerVault
from plimsoll.model.state import PPM, World, require
from plimsoll.model.vault_shares import WINDOW_S


def threatened(world: World, vault: BrokerVault) -> int:
    """What is at risk, and as much of what is committed to the fund."""
    at_risk = world.brokers.at_risk(vault.address)
    return at_risk + min(vault.commitment, at_risk)


def provision(world: World, vault: BrokerVault) -> int:
    """What who leaves the pool now leaves behind: what is threatened beyond the stake."""
    beyond = max(threatened(world, vault) - vault.stake, 0)
    return min(vault.pool.assets_tokens, beyond)


def add_stake(world: World, sender: str, broker: str, amount: int) -> None:
    """More of the operator's own capital."""
    vault = broker_vaults.of(world, broker)
    _only_operator(vault, sender)
    require(amount != 0, "vault: zero amount")
    broker_vaults.pull(world, sender, amount)
    vault.stake += amount


def request_stake(world: World, sender: str, broker: str, amount: int) -> None:
    """Announce that so much of the stake will leave; replaces the announcement before."""
    vault = broker_vaults.of(world, broker)
    _only_operator(vault, sender)
    require(amount <= vault.stake, "vault: above stake")
    vault.offered = amount
    vault.offered_opens = world.now + vault.terms.notice_s if amount else 0


def withdraw_stake(world: World, sender: str, broker: str, amount: int, receiver: str) -> None:
    """Pay announced stake out; the clients' book must be checked, for the stake pays first."""
    vault = broker_vaults.of(world, broker)
    _only_operator(vault, sender)
    require(not waterfall.exits_blocked(world), "vault: loss pending")
    require(amount != 0, "vault: zero amount")
    live = vault.offered_opens <= world.now < vault.offered_opens + WINDOW_S
    require(live and amount <= vault.offered, "vault: not requested in time")
    require(amount <= vault.stake, "vault: above stake")
    require(amount <= max(broker_vaults.unasked(vault), 0), "vault: capital locked")
    vault.offered -= amount
    vault.stake -= amount
    terms = vault.terms
    enough = vault.client_locks * PPM <= terms.omega_ppm * vault.stake
    require(enough, "vault: locks above stake")
    first = vault.stake * PPM >= terms.first_loss_ppm * vault.assets
    require(first or vault.pool.assets_tokens == 0, "vault: stake too small")
    require(vault.stake >= threatened(world, vault), "vault: loss measured")
    broker_vaults.pay(world, receiver, amount)


def stake_request(world: World, vault: BrokerVault) -> tuple[int, int, int]:
    """As the view: tokens, opening and lapse of the operator's live announcement."""
    amount = broker_vaults.offered_stake(world, vault)
    if amount == 0:
        return 0, 0, 0
    return amount, vault.offered_opens, vault.offered_opens + WINDOW_S


def _only_operator(vault: BrokerVault, sender: str) -> None:
    require(sender == vault.operator, "access: not operator")
