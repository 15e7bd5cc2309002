# pragma version 0.4.3
"""
@title Insurance vault: ERC-4626 capital that pays losses before winners do
@notice Deployed twice. Junior is the protocol's own capital (`owner_only`: deposits only to the owner), senior
        is open to everybody.

        Shares, their generations and requests to leave are those of contracts/_modules/vault_shares.vy.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ethereum.ercs import IERC4626
from contracts._modules import vault_shares
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import IVaultShares
from interfaces import IWaterfall
from snekmate.auth import ownable
from snekmate.extensions import erc4626
from snekmate.tokens import erc20

initializes: erc4626
initializes: vault_shares[erc20 := erc20, erc4626 := erc4626]
uses: erc20
uses: ownable

implements: IERC20
implements: IERC4626
implements: IVaultShares
implements: IInsuranceVault


# Left out of erc20: balanceOf, transfer, transferFrom (vault_shares: generations and locked shares), mint, burn and
# the minter roles. Left out of erc4626: all that converts.
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
    vault_shares.balanceOf,
    vault_shares.transfer,
    vault_shares.transferFrom,
    vault_shares.request_withdrawal,
    vault_shares.clear_lapsed,
    vault_shares.withdrawal_request,
    vault_shares.generation,
    vault_shares.notice_s,
    ownable.owner,
    ownable.transfer_ownership,
)

DEPLOYER: immutable(address)
DEAD_ASSETS: immutable(uint256)
custody: public(immutable(address))
owner_only: public(immutable(bool))

waterfall: public(address)


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
    erc4626.__init__(name_, symbol_, IERC20(asset_), vault_shares.DECIMALS_OFFSET, name_, "1")
    vault_shares.__init__(IERC20(asset_), notice_s_)
    DEPLOYER = msg.sender
    DEAD_ASSETS = 10**convert(staticcall IERC20Detailed(asset_).decimals(), uint256)
    custody = custody_
    owner_only = owner_only_


@external
@nonreentrant
def wire(waterfall: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.waterfall == empty(address), "wire: already done"
    assert waterfall != empty(address), "wire: zero address"
    self.waterfall = waterfall
    vault_shares._pull(msg.sender, DEAD_ASSETS)
    vault_shares._bury(DEAD_ASSETS)


# --- ERC-4626 ----------------------------------------------------------------------------


@external
@nonreentrant
def deposit(assets: uint256, receiver: address) -> uint256:
    shares: uint256 = vault_shares._to_shares_down(assets, vault_shares._assets)
    self._enter(receiver, assets, shares)
    return shares


@external
@nonreentrant
def mint(shares: uint256, receiver: address) -> uint256:
    assets: uint256 = vault_shares._to_assets_up(shares, vault_shares._assets)
    self._enter(receiver, assets, shares)
    return assets


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    shares: uint256 = vault_shares._to_shares_up(assets, vault_shares._assets)
    self._leave(receiver, owner, assets, shares)
    return shares


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    assets: uint256 = vault_shares._to_assets_down(shares, vault_shares._assets)
    self._leave(receiver, owner, assets, shares)
    return assets


@external
@view
def totalAssets() -> uint256:
    return vault_shares._assets


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return vault_shares._to_shares_down(assets, vault_shares._assets)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    return vault_shares._to_assets_down(shares, vault_shares._assets)


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
    return vault_shares._to_assets_down(self._redeemable(owner), vault_shares._assets)


@external
@view
def maxRedeem(owner: address) -> uint256:
    return self._redeemable(owner)


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    return vault_shares._to_shares_down(assets, vault_shares._assets)


@external
@view
def previewMint(shares: uint256) -> uint256:
    return vault_shares._to_assets_up(shares, vault_shares._assets)


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    return vault_shares._to_shares_up(assets, vault_shares._assets)


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    return vault_shares._to_assets_down(shares, vault_shares._assets)


# --- leaving -----------------------------------------------------------------------------


@external
@view
def requested_assets() -> uint256:
    return vault_shares._to_assets_down(vault_shares._requested_shares, vault_shares._assets)


@external
@view
def offered_assets() -> uint256:
    return min(
        vault_shares._to_assets_up(vault_shares._requested_shares, vault_shares._assets),
        vault_shares._assets,
    )


# --- losses and income -------------------------------------------------------------------


@external
@nonreentrant
def pay_loss(tokens: uint256):
    assert msg.sender == self.waterfall, "access: not waterfall"
    assert tokens <= vault_shares._assets, "vault: loss above assets"
    log IInsuranceVault.LossPaid(assets=tokens, assets_after=vault_shares._assets - tokens)
    vault_shares._lose(tokens)
    vault_shares._push(custody, tokens)


@external
@nonreentrant
def receive_fees(tokens: uint256):
    assert msg.sender == custody, "access: not custody"
    vault_shares._pull(msg.sender, tokens)
    log IInsuranceVault.FeesReceived(assets=tokens, assets_after=vault_shares._assets + tokens)
    if erc20.totalSupply == 0:
        vault_shares._bury(tokens)
    else:
        vault_shares._assets += tokens


@external
@nonreentrant
def forward_donation():
    donation: uint256 = staticcall vault_shares.ASSET.balanceOf(self) - vault_shares._assets
    assert extcall vault_shares.ASSET.approve(
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
    @dev Deposit and mint after their rounding.
    """
    assert self.waterfall != empty(address), "vault: not wired"
    assert self._may_receive(receiver), "vault: receiver not allowed"
    vault_shares._enter(receiver, assets, shares)


@internal
def _leave(receiver: address, owner: address, assets: uint256, shares: uint256):
    """
    @dev Withdraw and redeem after their rounding.
    """
    assert not self._exits_blocked(), "vault: loss pending"
    vault_shares._use_request(owner, assets, shares)
    # snekmate spends the allowance, burns, pays and logs
    erc4626._withdraw(msg.sender, receiver, owner, assets, shares)


@internal
@view
def _redeemable(owner: address) -> uint256:
    """
    @dev Shares the owner could redeem in this block.
    """
    return 0 if self._exits_blocked() else vault_shares._open_shares(owner)


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
