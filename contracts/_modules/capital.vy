# pragma version 0.4.3
"""
@title One broker's capital: stake and pool, what of them is locked, who bears a loss, who earns a fee
@notice assets = stake + pool = locked + free, always; locked = client locks + commitment to the guaranty fund.
        A loss is taken from the stake first, then from all shares of the pool alike.
@dev    Fees are earned evenly: a deposit made just before a payment would otherwise share a year's fee. All that
        reads or changes the capital counts first what has been earned: `_earn`, or in views the functions `_now`.
"""

from contracts._lib import fixed_point
from contracts._modules import peers
from contracts._modules import prepaid_fees
from contracts._modules import vault_shares
from interfaces import IBrokerVault
from snekmate.tokens import erc20

uses: peers
uses: erc20
uses: prepaid_fees
uses: vault_shares


# What of the prepaid fees has been earned since the books were last written.
struct Earned:
    total: uint256
    to_stake: uint256
    to_pool: uint256


PPM: constant(uint256) = fixed_point.PPM

TERMS: immutable(IBrokerVault.Terms)

client_locks: public(uint256)
commitment: public(uint256)
_stake: uint256


@deploy
def __init__(terms_: IBrokerVault.Terms):
    TERMS = terms_


# --- guaranty fund -----------------------------------------------------------------------


@external
@nonreentrant
def commit(tokens: uint256):
    peers._only_fund()
    self._earn()
    assert tokens <= self._lockable(self._free()), "vault: capital locked"
    self._set_commitment(self.commitment + tokens)


@external
@nonreentrant
def uncommit(tokens: uint256):
    peers._only_fund()
    self._set_commitment(self.commitment - tokens)


@external
@nonreentrant
def pay_commitment(tokens: uint256):
    peers._only_fund()
    self._set_commitment(self.commitment - tokens)
    self._bear(0, tokens)


# --- fees --------------------------------------------------------------------------------


@external
@nonreentrant
def receive_fee(payer: address, tokens: uint256, seconds: uint256):
    peers._only_sponsorship()
    if tokens == 0:
        return
    self._earn()
    vault_shares._pull(payer, tokens)
    self._stow(tokens)
    prepaid_fees._join(tokens, seconds)
    log IBrokerVault.FeePaid(
        payer=payer,
        tokens=tokens,
        unearned=prepaid_fees._unearned,
        earned_until=prepaid_fees._earned_until_wad_s // fixed_point.WAD,
    )


# --- views -------------------------------------------------------------------------------


@external
@view
def terms() -> IBrokerVault.Terms:
    return TERMS


@external
@view
def stake() -> uint256:
    return self._stake_now()


@external
@view
def free_assets() -> uint256:
    return self._free_now()


@external
@view
def unearned_fees() -> uint256:
    return prepaid_fees._unearned - prepaid_fees._earned_down()


# --- internals ---------------------------------------------------------------------------


@internal
def _bear(account: uint256, tokens: uint256):
    """
    @dev Pays a loss to custody: the stake first, then all shares alike. The lock it comes from is gone already.
    """
    self._earn()
    from_stake: uint256 = min(tokens, self._stake)
    from_pool: uint256 = tokens - from_stake
    self._stake -= from_stake
    log IBrokerVault.LossPaid(
        account=account, tokens=tokens, from_stake=from_stake, from_pool=from_pool
    )
    if from_pool != 0:
        vault_shares._lose(from_pool)
    extcall peers.ESCROW.pay(peers.CUSTODY, tokens)


@internal
def _stow(tokens: uint256):
    """
    @dev Passes on to the escrow what has just come in.
    """
    assert extcall vault_shares.ASSET.approve(
        peers.ESCROW.address, tokens, default_return_value=True
    ), "vault: approve failed"
    extcall peers.ESCROW.hold(tokens)


@internal
def _set_commitment(tokens: uint256):
    """
    @dev What is locked for the guaranty fund.
    """
    self.commitment = tokens
    log IBrokerVault.CommitmentChanged(commitment=tokens)


@internal
def _earn():
    """
    @dev Writes what has been earned until now.
    """
    earned: Earned = self._earned()
    prepaid_fees._write(earned.total)
    if earned.total == 0:
        return
    self._stake += earned.to_stake
    vault_shares._assets += earned.to_pool
    log IBrokerVault.FeesEarned(to_stake=earned.to_stake, to_pool=earned.to_pool)


@internal
@view
def _earned() -> Earned:
    """
    @dev The commission to the stake, the rest by capital; without shares all of it to the stake.
    """
    total: uint256 = prepaid_fees._earned_down()
    if total == 0:
        return empty(Earned)
    commission: uint256 = total * TERMS.commission_ppm // PPM
    to_pool: uint256 = 0
    pool: uint256 = vault_shares._assets
    if erc20.totalSupply != 0 and pool != 0:
        # up: the operator decides how often the books are written
        to_pool = fixed_point._mul_div_up(total - commission, pool, self._stake + pool)
    return Earned(total=total, to_stake=total - to_pool, to_pool=to_pool)


@internal
@view
def _stake_now() -> uint256:
    """
    @dev The stake with what has been earned until now.
    """
    return self._stake + self._earned().to_stake


@internal
@view
def _pool_now() -> uint256:
    """
    @dev The pool with what has been earned until now.
    """
    return vault_shares._assets + self._earned().to_pool


@internal
@view
def _free() -> uint256:
    """
    @dev Assets that nothing stands on; fees must have been earned.
    """
    return self._stake + vault_shares._assets - self.client_locks - self.commitment


@internal
@view
def _free_now() -> uint256:
    """
    @dev The same with what has been earned until now.
    """
    return self._free() + self._earned().total


@internal
@view
def _lockable(free: uint256) -> uint256:
    """
    @dev Free capital without what depositors have asked for: nobody locks up who is about to leave, or leaves before them.
    """
    requested: uint256 = vault_shares._to_assets_up(
        vault_shares._requested_shares, self._pool_now()
    )
    return max(free, requested) - requested


@internal
@view
def _feared_loss() -> uint256:
    """
    @dev What clients may cost: of their locks what is at risk and, since losses beyond a lock take it too, as much of the
         commitment.
    """
    at_risk: uint256 = staticcall peers.SPONSORSHIP.at_risk(self)
    return at_risk + min(self.commitment, at_risk)


@internal
@view
def _provision() -> uint256:
    """
    @dev What of that the stake does not cover: who leaves bears it, who stays gets it back if it does not come to that.
    """
    loss: uint256 = self._feared_loss()
    stake: uint256 = self._stake_now()
    return min(self._pool_now(), max(loss, stake) - stake)


@internal
@view
def _times_omega_down(stake: uint256) -> uint256:
    """
    @dev What client locks may add up to on a stake.
    """
    return stake * TERMS.omega_ppm // PPM


@internal
@view
def _assert_first_loss(stake: uint256, pool: uint256):
    """
    @dev The stake must be its part of all assets while there are any but its own.
    """
    assert (
        pool == 0 or stake * PPM >= TERMS.first_loss_ppm * (stake + pool)
    ), "vault: stake too small"


@internal
@view
def _first_loss_room(stake: uint256) -> uint256:
    """
    @dev What a stake still allows to be deposited.
    """
    most: uint256 = stake * PPM // TERMS.first_loss_ppm
    taken: uint256 = stake + self._pool_now()
    return max(most, taken) - taken
