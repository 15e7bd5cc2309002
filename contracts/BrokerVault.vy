# pragma version 0.4.3
"""
@title Broker vault: capital that stands behind a broker's clients
@notice Parties: the *operator* runs the broker and puts up the *stake*, which pays losses first; *depositors* own the *pool*
        through ERC-4626 shares; *clients* have part of both locked for their accounts by Sponsorship.

            assets = stake + pool = locked + free        locked = client locks + commitment to the guaranty fund

        One number per account says what is locked for it, and only its own loss can take it. Deployed by
        BrokerRegistry, from a blueprint, with terms that never change.

        Worked example. Stake 1,000, pool 1,000, omega 2: clients may lock up to 2,000, but 100 are committed, so 1,900.
        A client with 500 locked loses 200 beyond its own money: stake 800, pool 1,000, its lock 300. If accounts
        below their buffers may cost 1,200 of their locks, and then the commitment, 500 of the pool are provided for: who
        leaves gets half of what its shares are worth.
@dev    By responsibility: capital counts stake, pool and what is locked of them, account_locks who it is
        locked for, stake_exits lets the operator leave, prepaid_fees keeps what clients have paid for time to come,
        vault_shares is what this has in common with insurance vaults. Here are the depositors: ERC-4626, and when they may
        leave.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC4626
from contracts._lib import broker_terms
from contracts._modules import account_locks
from contracts._modules import capital
from contracts._modules import peers
from contracts._modules import prepaid_fees
from contracts._modules import stake_exits
from contracts._modules import vault_shares
from interfaces import IBrokerEscrow
from interfaces import IBrokerVault
from interfaces import ISponsorship
from interfaces import IVaultShares
from interfaces import IWaterfall
from snekmate.extensions import erc4626
from snekmate.tokens import erc20

initializes: erc4626
initializes: vault_shares[erc20 := erc20, erc4626 := erc4626]
initializes: peers
initializes: prepaid_fees
initializes: capital[
    erc20 := erc20, peers := peers, prepaid_fees := prepaid_fees, vault_shares := vault_shares
]
initializes: stake_exits[capital := capital, peers := peers, vault_shares := vault_shares]
initializes: account_locks[capital := capital, peers := peers, stake_exits := stake_exits]
uses: erc20

implements: IERC20
implements: IERC4626
implements: IVaultShares
implements: IBrokerVault


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
    peers.REGISTRY,
    peers.SPONSORSHIP,
    peers.FUND,
    peers.WATERFALL,
    peers.CUSTODY,
    peers.ESCROW,
    peers.operator,
    capital.commit,
    capital.uncommit,
    capital.pay_commitment,
    capital.receive_fee,
    capital.terms,
    capital.stake,
    capital.client_locks,
    capital.commitment,
    capital.free_assets,
    capital.unearned_fees,
    stake_exits.add_stake,
    stake_exits.request_stake,
    stake_exits.withdraw_stake,
    stake_exits.stake_request,
    account_locks.lock,
    account_locks.unlock,
    account_locks.pay_loss,
    account_locks.locks,
    account_locks.lock_room,
    account_locks.client_limit,
)


@deploy
def __init__(
    name_: String[25],
    symbol_: String[5],
    asset_: address,
    custody: address,
    escrow: IBrokerEscrow,
    operator_: address,
    terms_: IBrokerVault.Terms,
    sponsorship: ISponsorship,
    fund: address,
    waterfall: IWaterfall,
):
    """
    @dev The registry, which deploys this, knows the neighbours.
    """
    broker_terms._check_bounds(terms_)
    erc4626.__init__(name_, symbol_, IERC20(asset_), vault_shares.DECIMALS_OFFSET, name_, "1")
    vault_shares.__init__(IERC20(asset_), terms_.notice_s)
    peers.__init__(operator_, custody, escrow, sponsorship, fund, waterfall)
    capital.__init__(terms_)


# --- ERC-4626 ----------------------------------------------------------------------------


@external
@nonreentrant
def deposit(assets: uint256, receiver: address) -> uint256:
    capital._earn()
    shares: uint256 = vault_shares._to_shares_down(assets, vault_shares._assets)
    self._enter(receiver, assets, shares)
    return shares


@external
@nonreentrant
def mint(shares: uint256, receiver: address) -> uint256:
    capital._earn()
    assets: uint256 = vault_shares._to_assets_up(shares, vault_shares._assets)
    self._enter(receiver, assets, shares)
    return assets


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    capital._earn()
    shares: uint256 = vault_shares._to_shares_up(assets, self._exit_pool())
    self._leave(receiver, owner, assets, shares)
    return shares


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    capital._earn()
    assets: uint256 = vault_shares._to_assets_down(shares, self._exit_pool())
    self._leave(receiver, owner, assets, shares)
    return assets


@external
@view
def totalAssets() -> uint256:
    """
    @notice What the shares own: the pool, without the operator's stake and fees not earned yet.
    """
    return capital._pool_now()


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return vault_shares._to_shares_down(assets, capital._pool_now())


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    return vault_shares._to_assets_down(shares, capital._pool_now())


@external
@view
def maxDeposit(receiver: address) -> uint256:
    return self._deposit_room()


@external
@view
def maxMint(receiver: address) -> uint256:
    return vault_shares._to_shares_down(self._deposit_room(), capital._pool_now())


@external
@view
def maxWithdraw(owner: address) -> uint256:
    open_assets: uint256 = vault_shares._to_assets_down(self._open_shares(owner), self._exit_pool())
    return min(open_assets, capital._free_now())


@external
@view
def maxRedeem(owner: address) -> uint256:
    return min(
        self._open_shares(owner),
        vault_shares._to_shares_down(capital._free_now(), self._exit_pool()),
    )


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    return vault_shares._to_shares_down(assets, capital._pool_now())


@external
@view
def previewMint(shares: uint256) -> uint256:
    return vault_shares._to_assets_up(shares, capital._pool_now())


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    return vault_shares._to_shares_up(assets, self._exit_pool())


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    return vault_shares._to_assets_down(shares, self._exit_pool())


# --- internals ---------------------------------------------------------------------------


@internal
def _enter(receiver: address, assets: uint256, shares: uint256):
    """
    @dev Deposit and mint after their rounding.
    """
    assert staticcall peers.REGISTRY.takes_deposits(self), "vault: closed"
    # or a newcomer would get back what those who leave have paid for
    assert capital._provision() == 0, "vault: loss measured"
    # stake that is about to leave makes no room, or deposits could keep it from leaving
    capital._assert_first_loss(stake_exits._staying(capital._stake), vault_shares._assets + assets)
    vault_shares._enter(receiver, assets, shares)
    capital._stow(assets)


@internal
def _leave(receiver: address, owner: address, assets: uint256, shares: uint256):
    """
    @dev Withdraw and redeem after their rounding. As snekmate's `_withdraw`, but for the payment: the tokens are in escrow.
    """
    peers._assert_no_loss_pending()
    assert assets <= capital._free(), "vault: capital locked"
    vault_shares._use_request(owner, assets, shares)
    if msg.sender != owner:
        erc20._spend_allowance(owner, msg.sender, shares)
    erc20._burn(owner, shares)
    log IERC4626.Withdraw(
        sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares
    )
    extcall peers.ESCROW.pay(receiver, assets)


@internal
@view
def _deposit_room() -> uint256:
    """
    @dev What the stake still allows to be deposited.
    """
    if not staticcall peers.REGISTRY.takes_deposits(self) or capital._provision() != 0:
        return 0
    return capital._first_loss_room(stake_exits._staying(capital._stake_now()))


@internal
@view
def _open_shares(owner: address) -> uint256:
    """
    @dev Shares the owner could redeem in this block if enough capital is free.
    """
    if staticcall peers.WATERFALL.exits_blocked():
        return 0
    return vault_shares._open_shares(owner)


@internal
@view
def _exit_pool() -> uint256:
    """
    @dev What shares own for who leaves.
    """
    return capital._pool_now() - capital._provision()
