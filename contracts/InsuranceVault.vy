# pragma version 0.4.3
"""
@title Insurance vault: ERC-4626 capital that pays losses before winners do
@notice Deployed twice. Junior is the protocol's own capital (`owner_only`: deposits only to the owner), senior
        is open to everybody.

        Assets are counted, never weighed: only deposits, fees from custody, withdrawals and losses move the
        share price. The ERC-20 part and the deposit and withdrawal workflows are snekmate's; its conversions read
        `balanceOf` and are therefore replaced by the ones below, with the same virtual shares.

        A *generation* ends when a loss leaves a share worth less than a billionth of par. Its shares are cancelled,
        as they own nothing, and the next deposit starts at par: shares cannot multiply until they overflow, and no
        newcomer pays for old losses. Balances of a closed generation read as zero at once and are written off when
        their owner is next touched.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ethereum.ercs import IERC4626
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import IWaterfall
from snekmate.auth import ownable
from snekmate.extensions import erc4626
from snekmate.tokens import erc20
from snekmate.utils import math as snekmate_math

initializes: erc4626
uses: erc20
uses: ownable

implements: IERC20
implements: IERC4626
implements: IInsuranceVault


# Left out of erc20: balanceOf, transfer, transferFrom (below: generations and locked shares), mint, burn and the
# minter roles. Left out of erc4626: all that converts.
exports: (
    erc20.totalSupply,
    erc20.approve,
    erc20.allowance,
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.permit,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
    erc4626.asset,
    ownable.owner,
    ownable.transfer_ownership,
)


# Shares offered for redemption.
struct Request:
    shares: uint256
    opens: uint256  # unix seconds


DECIMALS_OFFSET: constant(uint8) = 6
PAR: constant(uint256) = 10**6  # shares per token unit at par, and the number of virtual shares
WORTHLESS: constant(uint256) = 10**9  # a share under par / WORTHLESS closes the generation
WINDOW_S: constant(uint256) = 2 * 86400
MAX_NOTICE_S: constant(uint256) = 60 * 86400
DEAD: constant(address) = 0x000000000000000000000000000000000000dEaD

DEPLOYER: immutable(address)
ASSET: immutable(IERC20)
DEAD_ASSETS: immutable(uint256)
custody: public(immutable(address))
notice_s: public(immutable(uint256))
owner_only: public(immutable(bool))

waterfall: public(address)
generation: public(uint256)

_assets: uint256
_requested_shares: uint256
_requests: HashMap[address, Request]
_generation_of: HashMap[address, uint256]


@deploy
def __init__(
    name_: String[25],
    symbol_: String[5],
    asset_: address,
    custody_: address,
    notice_s_: uint256,
    owner_only_: bool,
):
    assert custody_ != empty(address), "vault: zero custody"
    assert notice_s_ != 0 and notice_s_ <= MAX_NOTICE_S, "vault: bad notice period"
    erc4626.__init__(name_, symbol_, IERC20(asset_), DECIMALS_OFFSET, name_, "1")
    DEPLOYER = msg.sender
    ASSET = IERC20(asset_)
    DEAD_ASSETS = 10**convert(staticcall IERC20Detailed(asset_).decimals(), uint256)
    custody = custody_
    notice_s = notice_s_
    owner_only = owner_only_


@external
@nonreentrant
def wire(waterfall: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.waterfall == empty(address), "wire: already done"
    assert waterfall != empty(address), "wire: zero address"
    self.waterfall = waterfall
    self._pull(DEAD_ASSETS)
    self._bury(DEAD_ASSETS)


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


# --- ERC-4626 ----------------------------------------------------------------------------


@external
@nonreentrant
def deposit(assets: uint256, receiver: address) -> uint256:
    shares: uint256 = self._to_shares_down(assets)
    self._enter(receiver, assets, shares)
    return shares


@external
@nonreentrant
def mint(shares: uint256, receiver: address) -> uint256:
    assets: uint256 = self._to_assets_up(shares)
    self._enter(receiver, assets, shares)
    return assets


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    shares: uint256 = self._to_shares_up(assets)
    self._leave(receiver, owner, assets, shares)
    return shares


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    assets: uint256 = self._to_assets_down(shares)
    self._leave(receiver, owner, assets, shares)
    return assets


@external
@view
def totalAssets() -> uint256:
    return self._assets


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return self._to_shares_down(assets)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    return self._to_assets_down(shares)


@external
@view
def maxDeposit(receiver: address) -> uint256:
    return max_value(uint256) if self._may_receive(receiver) else 0


@external
@view
def maxMint(receiver: address) -> uint256:
    return max_value(uint256) if self._may_receive(receiver) else 0


@external
@view
def maxWithdraw(owner: address) -> uint256:
    return self._to_assets_down(self._redeemable(owner))


@external
@view
def maxRedeem(owner: address) -> uint256:
    return self._redeemable(owner)


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    return self._to_shares_down(assets)


@external
@view
def previewMint(shares: uint256) -> uint256:
    return self._to_assets_up(shares)


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    return self._to_shares_up(assets)


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    return self._to_assets_down(shares)


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
def requested_assets() -> uint256:
    return self._to_assets_down(self._requested_shares)


@external
@view
def offered_assets() -> uint256:
    return min(self._to_assets_up(self._requested_shares), self._assets)


@external
@view
def withdrawal_request(owner: address) -> (uint256, uint256, uint256):
    request: Request = self._live_request(owner)
    if request.shares == 0:
        return 0, 0, 0
    return request.shares, request.opens, request.opens + WINDOW_S


# --- losses and income -------------------------------------------------------------------


@external
@nonreentrant
def pay_loss(tokens: uint256):
    assert msg.sender == self.waterfall, "access: not waterfall"
    assert tokens <= self._assets, "vault: loss above assets"
    self._assets -= tokens
    log IInsuranceVault.LossPaid(assets=tokens, assets_after=self._assets)
    if erc20.totalSupply > self._assets * PAR * WORTHLESS:
        self._close_generation()
    assert extcall ASSET.transfer(
        custody, tokens, default_return_value=True
    ), "vault: transfer failed"


@external
@nonreentrant
def receive_fees(tokens: uint256):
    assert msg.sender == custody, "access: not custody"
    self._pull(tokens)
    log IInsuranceVault.FeesReceived(assets=tokens, assets_after=self._assets + tokens)
    if erc20.totalSupply == 0:
        self._bury(tokens)
    else:
        self._assets += tokens


@external
@nonreentrant
def forward_donation():
    donation: uint256 = staticcall ASSET.balanceOf(self) - self._assets
    assert extcall ASSET.approve(
        custody, donation, default_return_value=True
    ), "vault: approve failed"
    log IInsuranceVault.DonationForwarded(assets=donation)
    extcall ICustody(custody).contribute(donation)


@external
@view
def dead_deposit() -> uint256:
    return DEAD_ASSETS


# --- internals ---------------------------------------------------------------------------


@internal
def _enter(receiver: address, assets: uint256, shares: uint256):
    """
    @dev Deposit and mint after their rounding; snekmate moves the tokens, mints and logs.
    """
    assert self.waterfall != empty(address), "vault: not wired"
    assert self._may_receive(receiver), "vault: receiver not allowed"
    assert assets != 0 and shares != 0, "vault: zero amount"
    self._write_off(receiver)
    before: uint256 = staticcall ASSET.balanceOf(self)
    erc4626._deposit(msg.sender, receiver, assets, shares)
    assert staticcall ASSET.balanceOf(self) == before + assets, "vault: fee on transfer"
    self._assets += assets


@internal
def _leave(receiver: address, owner: address, assets: uint256, shares: uint256):
    """
    @dev Withdraw and redeem after their rounding; snekmate spends the allowance, burns, pays and logs.
    """
    assert not self._exits_blocked(), "vault: loss pending"
    assert shares != 0, "vault: zero amount"
    self._write_off(owner)
    request: Request = self._live_request(owner)
    assert (
        block.timestamp >= request.opens and shares <= request.shares
    ), "vault: not requested in time"
    self._set_request(owner, request.shares - shares, request.opens)
    self._assets -= assets
    erc4626._withdraw(msg.sender, receiver, owner, assets, shares)


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
    log IInsuranceVault.WithdrawalRequested(
        owner=owner, shares=shares, opens=opens, lapses=opens + WINDOW_S if shares != 0 else 0
    )


@internal
def _pull(assets: uint256):
    """
    @dev Takes token units from the caller and insists on receiving all of them.
    """
    before: uint256 = staticcall ASSET.balanceOf(self)
    assert extcall ASSET.transferFrom(
        msg.sender, self, assets, default_return_value=True
    ), "vault: transfer failed"
    assert staticcall ASSET.balanceOf(self) == before + assets, "vault: fee on transfer"


@internal
def _bury(assets: uint256):
    """
    @dev Counts assets that nobody owns as a dead deposit at par.
    """
    shares: uint256 = assets * PAR
    self._assets += assets
    self._write_off(DEAD)
    erc20._mint(DEAD, shares)
    log IInsuranceVault.DeadDeposit(assets=assets, shares=shares)


@internal
def _close_generation():
    """
    @dev Cancels all shares and requests at once and buries what little is left.
    """
    left: uint256 = self._assets
    log IInsuranceVault.GenerationClosed(
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
def _redeemable(owner: address) -> uint256:
    """
    @dev Shares the owner could redeem in this block.
    """
    request: Request = self._live_request(owner)
    if block.timestamp < request.opens or self._exits_blocked():
        return 0
    return request.shares


@internal
@view
def _exits_blocked() -> bool:
    """
    @dev Whether the waterfall holds any reservation; before wiring nobody has shares.
    """
    if self.waterfall == empty(address):
        return True
    return staticcall IWaterfall(self.waterfall).exits_blocked()


@internal
@view
def _may_receive(receiver: address) -> bool:
    """
    @dev Whether new shares may be minted to this address.
    """
    return self.waterfall != empty(address) and (not owner_only or receiver == ownable.owner)


@internal
@view
def _to_shares_down(assets: uint256) -> uint256:
    """
    @dev For deposit and conversion.
    """
    return snekmate_math._mul_div(assets, erc20.totalSupply + PAR, self._assets + 1, False)


@internal
@view
def _to_shares_up(assets: uint256) -> uint256:
    """
    @dev For withdraw: who leaves gives the fraction.
    """
    return snekmate_math._mul_div(assets, erc20.totalSupply + PAR, self._assets + 1, True)


@internal
@view
def _to_assets_down(shares: uint256) -> uint256:
    """
    @dev For redeem and conversion.
    """
    return snekmate_math._mul_div(shares, self._assets + 1, erc20.totalSupply + PAR, False)


@internal
@view
def _to_assets_up(shares: uint256) -> uint256:
    """
    @dev For mint: who enters gives the fraction.
    """
    return snekmate_math._mul_div(shares, self._assets + 1, erc20.totalSupply + PAR, True)
