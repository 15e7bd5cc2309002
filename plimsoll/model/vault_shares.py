"""Shares of a vault that bears losses: conversions, transfers, notices, generations.

Assets are token units, shares have six decimals more. When a loss closes a generation, its shares
and requests are deleted at once; on chain they read as zero from then on.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import World, require
from plimsoll.model.tokens import WORD_MAX, ZERO_ADDRESS, word
from plimsoll.model.vault_state import Request, Vault

PAR: Final = 10**6  # shares per token unit at par, and the number of virtual shares
WORTHLESS: Final = 10**9  # a share under par / WORTHLESS closes the generation
WINDOW_S: Final = 2 * 86_400
DEAD: Final = "0x000000000000000000000000000000000000dead"

_NO_REQUEST: Final = Request(shares=0, opens=0)


def balance(vault: Vault, owner: str) -> int:
    """Shares of an owner."""
    return vault.shares.get(owner, 0)


def transfer(world: World, vault: Vault, sender: str, to: str, amount: int) -> bool:
    """Move shares; those under notice stay where they are, and a lapsed notice is cleared."""
    locked = live_request(world, vault, sender).shares
    if locked == 0 and sender in vault.requests:
        set_request(vault, sender, 0, 0)
    require(word(amount + locked) <= balance(vault, sender), "vault: shares locked")
    require(to != ZERO_ADDRESS, "erc20: transfer to the zero address")
    vault.shares[sender] = balance(vault, sender) - amount
    vault.shares[to] = balance(vault, to) + amount
    return True


def approve(_world: World, vault: Vault, sender: str, spender: str, amount: int) -> bool:
    """Let the spender move or redeem the sender's shares."""
    require(spender != ZERO_ADDRESS, "erc20: approve to the zero address")
    vault.allowances[sender, spender] = amount
    return True


def transfer_from(
    world: World, vault: Vault, sender: str, owner: str, to: str, amount: int
) -> bool:
    """Move the owner's shares with its allowance."""
    spend_allowance(vault, owner, sender, amount)
    return transfer(world, vault, owner, to, amount)


def preview_deposit(vault: Vault, assets: int) -> int:
    """Shares for token units, rounded down."""
    return _mul_div(assets, vault.supply + PAR, vault.assets_tokens + 1)


def preview_mint(vault: Vault, shares: int) -> int:
    """Token units for shares, rounded up."""
    return _mul_div_up(shares, vault.assets_tokens + 1, vault.supply + PAR)


def preview_withdraw(vault: Vault, assets: int) -> int:
    """Shares for token units, rounded up."""
    return _mul_div_up(assets, vault.supply + PAR, vault.assets_tokens + 1)


def preview_redeem(vault: Vault, shares: int) -> int:
    """Token units for shares, rounded down."""
    return _mul_div(shares, vault.assets_tokens + 1, vault.supply + PAR)


def request_withdrawal(world: World, vault: Vault, sender: str, shares: int) -> None:
    """Announce that shares will be redeemed; 0 takes an announcement back."""
    require(shares <= balance(vault, sender), "vault: shares above balance")
    set_request(vault, sender, shares, world.now + vault.notice_s)


def clear_lapsed(world: World, vault: Vault, _sender: str, owner: str) -> None:
    """Delete a request that was not used in time."""
    request = vault.requests.get(owner, _NO_REQUEST)
    lapsed = request.shares != 0 and world.now >= request.opens + WINDOW_S
    require(lapsed, "vault: request not lapsed")
    set_request(vault, owner, 0, 0)


def requested_assets(vault: Vault) -> int:
    """Token units that requested shares are worth, lapsed ones included."""
    return preview_redeem(vault, vault.requested)


def withdrawal_request(world: World, vault: Vault, owner: str) -> tuple[int, int, int]:
    """Shares, opening and lapse (unix seconds) of the owner's live request."""
    request = live_request(world, vault, owner)
    if request.shares == 0:
        return 0, 0, 0
    return request.shares, request.opens, request.opens + WINDOW_S


def live_request(world: World, vault: Vault, owner: str) -> Request:
    """The owner's request unless it has lapsed."""
    request = vault.requests.get(owner, _NO_REQUEST)
    return request if world.now < request.opens + WINDOW_S else _NO_REQUEST


def set_request(vault: Vault, owner: str, shares: int, opens: int) -> None:
    """Replace the owner's request and keep the total."""
    vault.requested += shares - vault.requests.pop(owner, _NO_REQUEST).shares
    if shares != 0:
        vault.requests[owner] = Request(shares=shares, opens=opens)


def spend_allowance(vault: Vault, owner: str, spender: str, amount: int) -> None:
    """Use an allowance up, unless it is unlimited."""
    allowed = vault.allowances.get((owner, spender), 0)
    if allowed < WORD_MAX:
        require(allowed >= amount, "erc20: insufficient allowance")
        require(owner != ZERO_ADDRESS, "erc20: approve from the zero address")
        vault.allowances[owner, spender] = allowed - amount


def issue(vault: Vault, owner: str, shares: int) -> None:
    """New shares."""
    vault.supply += shares
    vault.shares[owner] = balance(vault, owner) + shares


def bury(vault: Vault, assets: int) -> None:
    """Count assets that nobody owns as a dead deposit at par."""
    vault.assets_tokens += assets
    issue(vault, DEAD, assets * PAR)


def close_generation(vault: Vault) -> None:
    """Cancel all shares and requests, and bury what little is left."""
    left = vault.assets_tokens
    vault.generation += 1
    vault.supply = vault.requested = vault.assets_tokens = 0
    vault.shares.clear()
    vault.requests.clear()
    if left != 0:
        bury(vault, left)


def _mul_div(a: int, b: int, divisor: int) -> int:
    """The floor of a * b / divisor, of any width on the way."""
    quotient = div_down(a * b, divisor)
    require(quotient <= WORD_MAX, "math: mul_div overflow")
    return quotient


def _mul_div_up(a: int, b: int, divisor: int) -> int:
    """The same, rounded up."""
    _mul_div(a, b, divisor)
    return word(div_up(a * b, divisor))
