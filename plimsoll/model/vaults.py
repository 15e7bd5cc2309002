"""Insurance vaults: ERC-4626 capital that pays losses before winners do.

Assets are token units; `plimsoll.model.vault_shares` says what a share is.
"""

from __future__ import annotations

from plimsoll.model import custody, tokens, vault_shares, waterfall
from plimsoll.model.state import World, require
from plimsoll.model.tokens import WORD_MAX, ZERO_ADDRESS
from plimsoll.model.vault_shares import PAR, WORTHLESS
from plimsoll.model.vault_state import Vault

# --- ERC-4626 ---------------------------------------------------------------------------------


def deposit(world: World, vault: Vault, sender: str, assets: int, receiver: str) -> int:
    """Pay token units in; returns the shares."""
    shares = vault_shares.preview_deposit(vault, assets)
    _enter(world, vault, sender, receiver, assets, shares)
    return shares


def mint(world: World, vault: Vault, sender: str, shares: int, receiver: str) -> int:
    """Buy a number of shares; returns the token units."""
    assets = vault_shares.preview_mint(vault, shares)
    _enter(world, vault, sender, receiver, assets, shares)
    return assets


def withdraw(
    world: World, vault: Vault, sender: str, assets: int, receiver: str, owner: str
) -> int:
    """Take token units out; returns the shares."""
    shares = vault_shares.preview_withdraw(vault, assets)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return shares


def redeem(world: World, vault: Vault, sender: str, shares: int, receiver: str, owner: str) -> int:
    """Give shares back; returns the token units."""
    assets = vault_shares.preview_redeem(vault, shares)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return assets


def max_deposit(vault: Vault, receiver: str) -> int:
    """All or nothing; for `mint` too."""
    return WORD_MAX if _may_receive(vault, receiver) else 0


def max_withdraw(world: World, vault: Vault, owner: str) -> int:
    """Token units the owner could take out in this block."""
    return vault_shares.preview_redeem(vault, max_redeem(world, vault, owner))


def max_redeem(world: World, vault: Vault, owner: str) -> int:
    """Shares the owner could redeem in this block."""
    request = vault_shares.live_request(world, vault, owner)
    if world.now < request.opens or waterfall.exits_blocked(world):
        return 0
    return request.shares


# --- losses and income ------------------------------------------------------------------------


def pay_loss(world: World, vault: Vault, sender: str, amount: int) -> None:
    """Send token units to custody; closes the generation if next to nothing is left per share."""
    require(sender == world.addresses["waterfall"], "access: not waterfall")
    require(amount <= vault.assets_tokens, "vault: loss above assets")
    vault.assets_tokens -= amount
    if vault.supply > vault.assets_tokens * PAR * WORTHLESS:
        vault_shares.close_generation(vault)
    tokens.transfer(world, vault.address, world.addresses["custody"], amount)


def receive_fees(world: World, vault: Vault, sender: str, amount: int) -> None:
    """Take token units from custody for all shares; a dead deposit if there are none."""
    require(sender == world.addresses["custody"], "access: not custody")
    tokens.transfer(world, sender, vault.address, amount)
    if vault.supply == 0:
        vault_shares.bury(vault, amount)
    else:
        vault.assets_tokens += amount


def forward_donation(world: World, vault: Vault, _sender: str) -> None:
    """Contribute what somebody sent here outside of any function."""
    donation = tokens.balance(world, vault.address) - vault.assets_tokens
    custody.contribute(world, vault.address, donation)


# --- internals --------------------------------------------------------------------------------


def _enter(
    world: World, vault: Vault, sender: str, receiver: str, assets: int, shares: int
) -> None:
    """Deposit and mint after their rounding."""
    require(_may_receive(vault, receiver), "vault: receiver not allowed")
    require(assets != 0 and shares != 0, "vault: zero amount")
    tokens.transfer(world, sender, vault.address, assets)
    require(receiver != ZERO_ADDRESS, "erc20: mint to the zero address")
    vault_shares.issue(vault, receiver, shares)
    vault.assets_tokens += assets


def _leave(
    world: World,
    vault: Vault,
    sender: str,
    receiver: str,
    owner: str,
    assets: int,
    shares: int,
) -> None:
    """Withdraw and redeem after their rounding."""
    require(not waterfall.exits_blocked(world), "vault: loss pending")
    require(shares != 0, "vault: zero amount")
    request = vault_shares.live_request(world, vault, owner)
    in_time = world.now >= request.opens and shares <= request.shares
    require(in_time, "vault: not requested in time")
    vault_shares.set_request(vault, owner, request.shares - shares, request.opens)
    vault.assets_tokens -= assets
    if sender != owner:
        vault_shares.spend_allowance(vault, owner, sender, shares)
    vault.shares[owner] -= shares
    vault.supply -= shares
    tokens.transfer(world, vault.address, receiver, assets)


def _may_receive(vault: Vault, receiver: str) -> bool:
    """Whether new shares may be minted to this address."""
    return not vault.owner_only or receiver == vault.owner
