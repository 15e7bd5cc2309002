"""Vaults of brokers: stake and pool, locks, the stream of prepaid fees, and who may leave when.

The stake is the operator's and pays first; the pool is the depositors'. What is locked for clients
or committed to the guaranty fund cannot leave. Amounts are token units. Whatever changes stake,
pool or fees, or is measured by them, comes after `accrue`, which hands out what has been earned
since the last time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plimsoll.model import broker_exits, tokens, vault_shares, waterfall
from plimsoll.model.broker_state import BrokerVault, State
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import PPM, WAD, World, require
from plimsoll.model.tokens import ZERO_ADDRESS
from plimsoll.model.vault_shares import PAR, WORTHLESS
from plimsoll.model.vault_state import Vault

_TAKES_DEPOSITS: Final = (State.OPENED, State.ACTIVE, State.SUSPENDED)


def of(world: World, broker: str) -> BrokerVault:
    """The vault of a broker, with its fees accrued."""
    vault = world.brokers.vaults[broker]
    accrue(world, vault)
    return vault


# --- fees -------------------------------------------------------------------------------------


def earned(world: World, vault: BrokerVault) -> tuple[int, int]:
    """What has been earned since the last change, for stake and pool."""
    begun, left = vault.since * WAD, vault.end_wad_s - vault.since * WAD
    elapsed = world.now * WAD - begun
    fees = vault.unearned
    if elapsed < left:
        fees = div_down(vault.unearned * elapsed, left)
    commission = div_down(fees * vault.terms.commission_ppm, PPM)
    to_pool = 0
    if vault.pool.supply and vault.assets:
        to_pool = div_up((fees - commission) * vault.pool.assets_tokens, vault.assets)
    return fees - to_pool, to_pool


def accrue(world: World, vault: BrokerVault) -> None:
    """Hand out what has been earned."""
    to_stake, to_pool = earned(world, vault)
    vault.stake += to_stake
    vault.pool.assets_tokens += to_pool
    vault.unearned -= to_stake + to_pool
    vault.since = world.now


def as_of_now(world: World, vault: BrokerVault) -> BrokerVault:
    """What a view shows: a copy that shares locks and shares, with its fees accrued."""
    shown = replace(vault, pool=replace(vault.pool))
    accrue(world, shown)
    return shown


def receive_fee(world: World, broker: str, payer: str, amount: int, seconds: int) -> None:
    """Pull a fee, to be earned over so many seconds; joined to what is still to be earned."""
    vault = of(world, broker)
    pull(world, payer, amount)
    left_wad_s = max(vault.end_wad_s - world.now * WAD, 0)
    weighted = vault.unearned * left_wad_s + amount * seconds * WAD
    vault.unearned += amount
    if vault.unearned:
        vault.end_wad_s = world.now * WAD + div_down(weighted, vault.unearned)


# --- depositors -------------------------------------------------------------------------------


def deposit(world: World, sender: str, broker: str, assets: int, receiver: str) -> int:
    """Pay token units in; returns the shares."""
    vault = of(world, broker)
    shares = vault_shares.preview_deposit(vault.pool, assets)
    _enter(world, vault, sender, receiver, assets, shares)
    return shares


def mint(world: World, sender: str, broker: str, shares: int, receiver: str) -> int:
    """Buy a number of shares; returns the token units."""
    vault = of(world, broker)
    assets = vault_shares.preview_mint(vault.pool, shares)
    _enter(world, vault, sender, receiver, assets, shares)
    return assets


def withdraw(world: World, sender: str, broker: str, assets: int, receiver: str, owner: str) -> int:
    """Take token units out; returns the shares."""
    vault = of(world, broker)
    shares = vault_shares.preview_withdraw(left(world, vault), assets)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return shares


def redeem(world: World, sender: str, broker: str, shares: int, receiver: str, owner: str) -> int:
    """Give shares back; returns the token units."""
    vault = of(world, broker)
    assets = vault_shares.preview_redeem(left(world, vault), shares)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return assets


def max_deposit(world: World, vault: BrokerVault) -> int:
    """Token units that the stake still carries as first loss; fees accrued."""
    if world.brokers.state_of(vault.address) not in _TAKES_DEPOSITS:
        return 0
    if broker_exits.provision(world, vault):
        return 0
    staying = _staying(world, vault)
    first = div_down(staying * PPM, vault.terms.first_loss_ppm)
    return max(first - staying - vault.pool.assets_tokens, 0)


def request_withdrawal(world: World, sender: str, broker: str, shares: int) -> None:
    """Announce that shares will be redeemed; 0 takes an announcement back."""
    vault_shares.request_withdrawal(world, world.brokers.vaults[broker].pool, sender, shares)


def clear_lapsed(world: World, sender: str, broker: str, owner: str) -> None:
    """Delete a request that was not used in time."""
    vault_shares.clear_lapsed(world, world.brokers.vaults[broker].pool, sender, owner)


def transfer(world: World, sender: str, broker: str, to: str, shares: int) -> bool:
    """Hand shares to somebody."""
    return vault_shares.transfer(world, world.brokers.vaults[broker].pool, sender, to, shares)


def _enter(
    world: World, vault: BrokerVault, sender: str, receiver: str, assets: int, shares: int
) -> None:
    """Deposit and mint after their rounding."""
    require(world.brokers.state_of(vault.address) in _TAKES_DEPOSITS, "vault: closed")
    # or a newcomer would get what those who leave have left behind
    require(broker_exits.provision(world, vault) == 0, "vault: loss measured")
    staying = _staying(world, vault)
    after = staying + vault.pool.assets_tokens + assets
    enough = staying * PPM >= vault.terms.first_loss_ppm * after
    require(enough, "vault: stake too small")
    require(assets != 0 and shares != 0, "vault: zero amount")
    pull(world, sender, assets)
    require(receiver != ZERO_ADDRESS, "erc20: mint to the zero address")
    vault_shares.issue(vault.pool, receiver, shares)
    vault.pool.assets_tokens += assets


def _leave(
    world: World,
    vault: BrokerVault,
    sender: str,
    receiver: str,
    owner: str,
    assets: int,
    shares: int,
) -> None:
    """The ways out after their rounding."""
    pool = vault.pool
    require(not waterfall.exits_blocked(world), "vault: loss pending")
    require(assets <= vault.free, "vault: capital locked")
    require(shares != 0, "vault: zero amount")
    request = vault_shares.live_request(world, pool, owner)
    in_time = world.now >= request.opens and shares <= request.shares
    require(in_time, "vault: not requested in time")
    vault_shares.set_request(pool, owner, request.shares - shares, request.opens)
    pool.assets_tokens -= assets
    if sender != owner:
        vault_shares.spend_allowance(pool, owner, sender, shares)
    pool.shares[owner] -= shares
    pool.supply -= shares
    pay(world, receiver, assets)


def left(world: World, vault: BrokerVault) -> Vault:
    """The pool as who leaves is paid: without what clients may lose beyond the stake."""
    assets = vault.pool.assets_tokens - broker_exits.provision(world, vault)
    return replace(vault.pool, assets_tokens=assets)


# --- clients and fund -------------------------------------------------------------------------


def offered_stake(world: World, vault: BrokerVault) -> int:
    """Stake under notice: it carries no new lock until the notice lapses."""
    if world.now >= vault.offered_opens + vault_shares.WINDOW_S:
        return 0
    return vault.offered


def carried(world: World, vault: BrokerVault) -> int:
    """What all clients' locks may add up to, by the stake."""
    return div_down(vault.terms.omega_ppm * _staying(world, vault), PPM)


def client_limit(world: World, vault: BrokerVault) -> int:
    """The largest lock of one client."""
    return div_down(vault.terms.client_ppm * carried(world, vault), PPM)


def unasked(vault: BrokerVault) -> int:
    """Free capital that no depositor has asked for; may be negative."""
    pool = vault.pool
    return vault.free - div_up(pool.requested * (pool.assets_tokens + 1), pool.supply + PAR)


def lock_room(world: World, vault: BrokerVault) -> int:
    """What new locks may add."""
    return max(min(carried(world, vault) - vault.client_locks, unasked(vault)), 0)


def lock(world: World, broker: str, account: int, amount: int) -> None:
    """Raise a client's lock to an amount."""
    vault = of(world, broker)
    old = vault.locks.get(account, 0)
    require(amount >= old, "vault: lowers lock")
    require(amount <= client_limit(world, vault), "vault: above client limit")
    fits = vault.client_locks - old + amount <= carried(world, vault)
    require(fits, "vault: locks above stake")
    require(amount <= max(unasked(vault) + old, 0), "vault: capital locked")
    vault.locks[account] = amount


def unlock(world: World, broker: str, account: int) -> int:
    """Free a client's lock; what it was."""
    return world.brokers.vaults[broker].locks.pop(account, 0)


def pay_loss(world: World, broker: str, account: int, amount: int) -> None:
    """Send a part of a client's lock to custody."""
    vault = of(world, broker)
    held = vault.locks.get(account, 0)
    require(amount <= held, "vault: loss above lock")
    vault.locks[account] = held - amount
    _lose(world, vault, amount)


def commit(world: World, broker: str, amount: int) -> None:
    """Lock free capital for the guaranty fund."""
    vault = of(world, broker)
    require(amount <= max(unasked(vault), 0), "vault: capital locked")
    vault.commitment += amount


def uncommit(world: World, broker: str, amount: int) -> None:
    """Free what was locked for the guaranty fund."""
    world.brokers.vaults[broker].commitment -= amount


def pay_commitment(world: World, broker: str, amount: int) -> None:
    """Send committed capital to custody."""
    vault = of(world, broker)
    vault.commitment -= amount
    _lose(world, vault, amount)


def _lose(world: World, vault: BrokerVault, amount: int) -> None:
    """The stake pays first, then the pool."""
    from_stake = min(amount, vault.stake)
    vault.stake -= from_stake
    vault.pool.assets_tokens -= amount - from_stake
    if vault.pool.supply > vault.pool.assets_tokens * PAR * WORTHLESS:
        vault_shares.close_generation(vault.pool)
    pay(world, world.addresses["custody"], amount)


def pull(world: World, payer: str, amount: int) -> None:
    """Token units into the escrow, where those of all brokers are."""
    tokens.transfer(world, payer, world.addresses["escrow"], amount)


def pay(world: World, receiver: str, amount: int) -> None:
    """Token units out of the escrow."""
    tokens.transfer(world, world.addresses["escrow"], receiver, amount)


def _staying(world: World, vault: BrokerVault) -> int:
    """Stake that is not under notice."""
    return max(vault.stake - offered_stake(world, vault), 0)
