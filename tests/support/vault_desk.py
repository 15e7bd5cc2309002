"""What tests do with an insurance vault of `custody_world`."""

from __future__ import annotations

from typing import Any

from brownie import accounts, chain

from tests.support.custody_world import NOTICE_S, CustodyWorld

DEAD = "0x000000000000000000000000000000000000dEaD"


def deploy_vault(world: CustodyWorld, container: Any, deployer: Any, **changes: Any) -> Any:
    """A vault of its own, not wired yet."""
    terms = {"custody": world.custody, "notice_s": NOTICE_S, "owner_only": False} | changes
    return container.deploy("Vault", "V", world.token, *terms.values(), {"from": deployer})


def request_and_wait(vault: Any, who: Any, shares: int, wait_s: int = NOTICE_S) -> None:
    """Ask to leave with so many shares, and let time pass."""
    receipt = vault.request_withdrawal(shares, {"from": who})
    chain.mine(timestamp=receipt.timestamp + wait_s)


def assert_counted(world: CustodyWorld, vault: Any) -> None:
    """INV vault: assets equal the token balance; shares add up."""
    assert vault.totalAssets() == world.token.balanceOf(vault)
    holders = [*accounts[:6], DEAD]
    assert sum(vault.balanceOf(holder) for holder in holders) == vault.totalSupply()


def earn(world: CustodyWorld, trader: Any, vault_tokens: int) -> None:
    """Let trading fees of so many token units reach the junior vault."""
    account = world.deposit(trader, vault_tokens)
    world.ledger.charge(account, vault_tokens * world.scale, 0, {"from": trader})
    world.custody.sweep_fees({"from": trader})


def earn_senior(world: CustodyWorld, trader: Any, tokens: int) -> None:
    """Let insurance fees reach both vaults in equal parts (their assets must be equal)."""
    account = world.deposit(trader, 2 * tokens)
    world.ledger.charge(account, 0, 2 * tokens * world.scale, {"from": trader})
    world.custody.sweep_fees({"from": trader})
