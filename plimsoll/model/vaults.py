"""Insurance vaults: ERC-4626 capital that pays losses before winners do.

Assets are token units, shares have six decimals more. When a loss closes a generation, its shares
and requests are deleted at once; on chain they read as zero from then on.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model import custody, tokens, waterfall
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import Request, Vault, World, require
from plimsoll.model.tokens import WORD_MAX, ZERO_ADDRESS, word

PAR: Final = 10**6  # shares per token unit at par, and the number of virtual shares
WORTHLESS: Final = 10**9  # a share under par / WORTHLESS closes the generation
WINDOW_S: Final = 2 * 86_400
DEAD: Final = "0x000000000000000000000000000000000000dead"

_NO_REQUEST: Final = Request(shares=0, opens=0)


# --- shares -----------------------------------------------------------------------------------


def balance(vault: Vault, owner: str) -> int:
    """Shares of an owner."""
    return vault.shares.get(owner, 0)


def transfer(world: World, vault: Vault, sender: str, to: str, amount: int) -> bool:
    """Move shares; those under notice stay where they are, and a lapsed notice is cleared."""
    locked = _live_request(world, vault, sender).shares
    if locked == 0 and sender in vault.requests:
        _set_request(vault, sender, 0, 0)
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
    _spend_allowance(vault, owner, sender, amount)
    return transfer(world, vault, owner, to, amount)


# --- ERC-4626 ---------------------------------------------------------------------------------


def deposit(world: World, vault: Vault, sender: str, assets: int, receiver: str) -> int:
    """Pay token units in; returns the shares."""
    shares = preview_deposit(vault, assets)
    _enter(world, vault, sender, receiver, assets, shares)
    return shares


def mint(world: World, vault: Vault, sender: str, shares: int, receiver: str) -> int:
    """Buy a number of shares; returns the token units."""
    assets = preview_mint(vault, shares)
    _enter(world, vault, sender, receiver, assets, shares)
    return assets


def withdraw(
    world: World, vault: Vault, sender: str, assets: int, receiver: str, owner: str
) -> int:
    """Take token units out; returns the shares."""
    shares = preview_withdraw(vault, assets)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return shares


def redeem(world: World, vault: Vault, sender: str, shares: int, receiver: str, owner: str) -> int:
    """Give shares back; returns the token units."""
    assets = preview_redeem(vault, shares)
    _leave(world, vault, sender, receiver, owner, assets, shares)
    return assets


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


def max_deposit(vault: Vault, receiver: str) -> int:
    """All or nothing; for `mint` too."""
    return WORD_MAX if _may_receive(vault, receiver) else 0


def max_withdraw(world: World, vault: Vault, owner: str) -> int:
    """Token units the owner could take out in this block."""
    return preview_redeem(vault, max_redeem(world, vault, owner))


def max_redeem(world: World, vault: Vault, owner: str) -> int:
    """Shares the owner could redeem in this block."""
    request = _live_request(world, vault, owner)
    if world.now < request.opens or waterfall.exits_blocked(world):
        return 0
    return request.shares


# --- leaving ----------------------------------------------------------------------------------


def request_withdrawal(world: World, vault: Vault, sender: str, shares: int) -> None:
    """Announce that shares will be redeemed; 0 takes an announcement back."""
    require(shares <= balance(vault, sender), "vault: shares above balance")
    _set_request(vault, sender, shares, world.now + vault.notice_s)


def clear_lapsed(world: World, vault: Vault, _sender: str, owner: str) -> None:
    """Delete a request that was not used in time."""
    request = vault.requests.get(owner, _NO_REQUEST)
    lapsed = request.shares != 0 and world.now >= request.opens + WINDOW_S
    require(lapsed, "vault: request not lapsed")
    _set_request(vault, owner, 0, 0)


def requested_assets(vault: Vault) -> int:
    """Token units that requested shares are worth, lapsed ones included."""
    return preview_redeem(vault, vault.requested)


def withdrawal_request(world: World, vault: Vault, owner: str) -> tuple[int, int, int]:
    """Shares, opening and lapse (unix seconds) of the owner's live request."""
    request = _live_request(world, vault, owner)
    if request.shares == 0:
        return 0, 0, 0
    return request.shares, request.opens, request.opens + WINDOW_S


# --- losses and income ------------------------------------------------------------------------


def pay_loss(world: World, vault: Vault, sender: str, amount: int) -> None:
    """Send token units to custody; closes the generation if next to nothing is left per share."""
    require(sender == world.addresses["waterfall"], "access: not waterfall")
    require(amount <= vault.assets_tokens, "vault: loss above assets")
    vault.assets_tokens -= amount
    if vault.supply > vault.assets_tokens * PAR * WORTHLESS:
        _close_generation(vault)
    tokens.transfer(world, vault.address, world.addresses["custody"], amount)


def receive_fees(world: World, vault: Vault, sender: str, amount: int) -> None:
    """Take token units from custody for all shares; a dead deposit if there are none."""
    require(sender == world.addresses["custody"], "access: not custody")
    tokens.transfer(world, sender, vault.address, amount)
    if vault.supply == 0:
        _bury(vault, amount)
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
    _mint(vault, receiver, shares)
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
    request = _live_request(world, vault, owner)
    in_time = world.now >= request.opens and shares <= request.shares
    require(in_time, "vault: not requested in time")
    _set_request(vault, owner, request.shares - shares, request.opens)
    vault.assets_tokens -= assets
    if sender != owner:
        _spend_allowance(vault, owner, sender, shares)
    vault.shares[owner] -= shares
    vault.supply -= shares
    tokens.transfer(world, vault.address, receiver, assets)


def _may_receive(vault: Vault, receiver: str) -> bool:
    """Whether new shares may be minted to this address."""
    return not vault.owner_only or receiver == vault.owner


def _live_request(world: World, vault: Vault, owner: str) -> Request:
    """The owner's request unless it has lapsed."""
    request = vault.requests.get(owner, _NO_REQUEST)
    return request if world.now < request.opens + WINDOW_S else _NO_REQUEST


def _set_request(vault: Vault, owner: str, shares: int, opens: int) -> None:
    """Replace the owner's request and keep the total."""
    vault.requested += shares - vault.requests.pop(owner, _NO_REQUEST).shares
    if shares != 0:
        vault.requests[owner] = Request(shares=shares, opens=opens)


def _spend_allowance(vault: Vault, owner: str, spender: str, amount: int) -> None:
    """Use an allowance up, unless it is unlimited."""
    allowed = vault.allowances.get((owner, spender), 0)
    if allowed < WORD_MAX:
        require(allowed >= amount, "erc20: insufficient allowance")
        require(owner != ZERO_ADDRESS, "erc20: approve from the zero address")
        vault.allowances[owner, spender] = allowed - amount


def _mint(vault: Vault, owner: str, shares: int) -> None:
    """New shares."""
    vault.supply += shares
    vault.shares[owner] = balance(vault, owner) + shares


def _bury(vault: Vault, assets: int) -> None:
    """Count assets that nobody owns as a dead deposit at par."""
    vault.assets_tokens += assets
    _mint(vault, DEAD, assets * PAR)


def _close_generation(vault: Vault) -> None:
    """Cancel all shares and requests, and bury what little is left."""
    left = vault.assets_tokens
    vault.generation += 1
    vault.supply = vault.requested = vault.assets_tokens = 0
    vault.shares.clear()
    vault.requests.clear()
    if left != 0:
        _bury(vault, left)


def _mul_div(a: int, b: int, divisor: int) -> int:
    """The floor of a * b / divisor, of any width on the way."""
    quotient = div_down(a * b, divisor)
    require(quotient <= WORD_MAX, "math: mul_div overflow")
    return quotient


def _mul_div_up(a: int, b: int, divisor: int) -> int:
    """The same, rounded up."""
    _mul_div(a, b, divisor)
    return word(div_up(a * b, divisor))
