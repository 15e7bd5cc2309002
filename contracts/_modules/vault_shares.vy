# pragma version 0.4.3
"""
@title Shares of a vault that bears losses: generations, requests to leave, conversions
@notice Assets are counted, never weighed: only deposits, income, withdrawals and losses move the share price. The
        ERC-20 part and the deposit and withdrawal workflows are snekmate's; its conversions read `balanceOf` and are
        therefore replaced by the ones below, with the same virtual shares.

        A *generation* ends when a loss leaves a share worth less than a billionth of par. Its shares are cancelled,
        as they own nothing, and the next deposit starts at par: shares cannot multiply until they overflow, and no
        newcomer pays for old losses. Balances of a closed generation read as zero at once and are written off when
        their owner is next touched.
@dev    Who may enter, and when nobody may leave, is the vault's to say: it calls `_enter` and `_use_request` after its own
        checks. Conversions are given the assets, since a vault may have earned some that it has not written yet.
"""

from ethereum.ercs import IERC20
from interfaces import IVaultShares
from snekmate.extensions import erc4626
from snekmate.tokens import erc20
from snekmate.utils import math as snekmate_math

uses: erc20
uses: erc4626


# Shares offered for redemption.
struct Request:
    shares: uint256
    opens: uint256  # unix seconds


PAR: constant(uint256) = 10**6  # shares per token unit at par, and the number of virtual shares
DECIMALS_OFFSET: constant(uint8) = 6
WORTHLESS: constant(uint256) = 10**9  # a share under par / WORTHLESS closes the generation
WINDOW_S: constant(uint256) = 2 * 86400
MAX_NOTICE_S: constant(uint256) = 60 * 86400
DEAD: constant(address) = 0x000000000000000000000000000000000000dEaD

ASSET: immutable(IERC20)
notice_s: public(immutable(uint256))

generation: public(uint256)

_assets: uint256  # token units that the shares own
_requested_shares: uint256
_requests: HashMap[address, Request]
_generation_of: HashMap[address, uint256]


@deploy
def __init__(asset: IERC20, notice_s_: uint256):
    assert notice_s_ != 0 and notice_s_ <= MAX_NOTICE_S, "vault: bad notice period"
    ASSET = asset
    notice_s = notice_s_


# --- ERC-20 ------------------------------------------------------------------------------


@external
@view
def balanceOf(owner: address) -> uint256:
    return self._balance(owner)


@external
@nonreentrant
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
@nonreentrant
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    erc20._spend_allowance(owner, msg.sender, amount)
    self._transfer(owner, to, amount)
    return True


# --- leaving -----------------------------------------------------------------------------


@external
@nonreentrant
def request_withdrawal(shares: uint256):
    self._write_off(msg.sender)
    assert shares <= erc20.balanceOf[msg.sender], "vault: shares above balance"
    self._set_request(msg.sender, shares, block.timestamp + notice_s if shares != 0 else 0)


@external
@nonreentrant
def clear_lapsed(owner: address):
    self._write_off(owner)
    request: Request = self._requests[owner]
    assert (
        request.shares != 0 and block.timestamp >= request.opens + WINDOW_S
    ), "vault: request not lapsed"
    self._set_request(owner, 0, 0)


@external
@view
def withdrawal_request(owner: address) -> (uint256, uint256, uint256):
    request: Request = self._live_request(owner)
    if request.shares == 0:
        return 0, 0, 0
    return request.shares, request.opens, request.opens + WINDOW_S


# --- internals ---------------------------------------------------------------------------


@internal
def _enter(receiver: address, assets: uint256, shares: uint256):
    """
    @dev Deposit and mint after their rounding; snekmate moves the tokens, mints and logs.
    """
    assert assets != 0 and shares != 0, "vault: zero amount"
    self._write_off(receiver)
    before: uint256 = staticcall ASSET.balanceOf(self)
    erc4626._deposit(msg.sender, receiver, assets, shares)
    assert staticcall ASSET.balanceOf(self) == before + assets, "vault: fee on transfer"
    self._assets += assets


@internal
def _use_request(owner: address, assets: uint256, shares: uint256):
    """
    @dev Withdraw and redeem after their rounding: what is about to be burned was requested and is counted no more.
    """
    assert shares != 0, "vault: zero amount"
    self._write_off(owner)
    request: Request = self._live_request(owner)
    assert (
        block.timestamp >= request.opens and shares <= request.shares
    ), "vault: not requested in time"
    self._set_request(owner, request.shares - shares, request.opens)
    self._assets -= assets


@internal
def _lose(assets: uint256):
    """
    @dev Takes a loss from all shares alike; who calls moves the tokens.
    """
    self._assets -= assets
    if erc20.totalSupply > self._assets * PAR * WORTHLESS:
        self._close_generation()


@internal
def _pull(payer: address, assets: uint256):
    """
    @dev Takes token units from somebody who allowed it and insists on receiving all of them.
    """
    before: uint256 = staticcall ASSET.balanceOf(self)
    assert extcall ASSET.transferFrom(
        payer, self, assets, default_return_value=True
    ), "vault: transfer failed"
    assert staticcall ASSET.balanceOf(self) == before + assets, "vault: fee on transfer"


@internal
def _push(receiver: address, assets: uint256):
    """
    @dev Pays token units.
    """
    assert extcall ASSET.transfer(
        receiver, assets, default_return_value=True
    ), "vault: transfer failed"


@internal
def _bury(assets: uint256):
    """
    @dev Counts assets that nobody owns as a dead deposit at par.
    """
    shares: uint256 = assets * PAR
    self._assets += assets
    self._write_off(DEAD)
    erc20._mint(DEAD, shares)
    log IVaultShares.DeadDeposit(assets=assets, shares=shares)


@internal
def _transfer(owner: address, to: address, amount: uint256):
    """
    @dev Requested shares stay where they are: the notice period belongs to them.
    """
    self._write_off(owner)
    self._write_off(to)
    live: uint256 = self._live_request(owner).shares
    if live == 0 and self._requests[owner].shares != 0:
        # or the heir's own request would count the same shares a second time
        self._set_request(owner, 0, 0)
    assert (amount + live <= erc20.balanceOf[owner]), "vault: shares locked"
    erc20._transfer(owner, to, amount)


@internal
def _set_request(owner: address, shares: uint256, opens: uint256):
    """
    @dev Replaces the owner's request and keeps the total; the owner must be of this generation.
    """
    self._requested_shares = self._requested_shares + shares - self._requests[owner].shares
    self._requests[owner] = Request(shares=shares, opens=opens)
    log IVaultShares.WithdrawalRequested(
        owner=owner, shares=shares, opens=opens, lapses=opens + WINDOW_S if shares != 0 else 0
    )


@internal
def _close_generation():
    """
    @dev Cancels all shares and requests at once and buries what little is left.
    """
    left: uint256 = self._assets
    log IVaultShares.GenerationClosed(
        generation=self.generation, shares=erc20.totalSupply, assets=left
    )
    self.generation += 1
    erc20.totalSupply = 0
    self._requested_shares = 0
    if left != 0:
        self._assets = 0
        self._bury(left)


@internal
def _write_off(owner: address):
    """
    @dev Clears what an owner still has on record from a closed generation.
    """
    if self._generation_of[owner] == self.generation:
        return
    self._generation_of[owner] = self.generation
    self._requests[owner] = empty(Request)
    cancelled: uint256 = erc20.balanceOf[owner]
    if cancelled != 0:
        erc20.balanceOf[owner] = 0
        log IERC20.Transfer(sender=owner, receiver=empty(address), value=cancelled)


@internal
@view
def _balance(owner: address) -> uint256:
    """
    @dev Shares of the running generation.
    """
    return erc20.balanceOf[owner] if self._generation_of[owner] == self.generation else 0


@internal
@view
def _live_request(owner: address) -> Request:
    """
    @dev The owner's request unless it has lapsed or its generation is closed.
    """
    request: Request = self._requests[owner]
    if self._generation_of[owner] != self.generation or block.timestamp >= request.opens + WINDOW_S:
        return empty(Request)
    return request


@internal
@view
def _open_shares(owner: address) -> uint256:
    """
    @dev Shares whose notice is over and whose window is open.
    """
    request: Request = self._live_request(owner)
    return request.shares if block.timestamp >= request.opens else 0


@internal
@view
def _to_shares_down(assets: uint256, total: uint256) -> uint256:
    """
    @dev For deposit and conversion; `total` is what all shares own.
    """
    return snekmate_math._mul_div(assets, erc20.totalSupply + PAR, total + 1, False)


@internal
@view
def _to_shares_up(assets: uint256, total: uint256) -> uint256:
    """
    @dev For withdraw: who leaves gives the fraction.
    """
    return snekmate_math._mul_div(assets, erc20.totalSupply + PAR, total + 1, True)


@internal
@view
def _to_assets_down(shares: uint256, total: uint256) -> uint256:
    """
    @dev For redeem and conversion.
    """
    return snekmate_math._mul_div(shares, total + 1, erc20.totalSupply + PAR, False)


@internal
@view
def _to_assets_up(shares: uint256, total: uint256) -> uint256:
    """
    @dev For mint: who enters gives the fraction.
    """
    return snekmate_math._mul_div(shares, total + 1, erc20.totalSupply + PAR, True)
