# pragma version 0.4.3
"""
@title The operator's stake: how it comes, and how it leaves
@notice The stake pays first for every client, so it leaves only after the same notice as deposits, and what clients
        may cost stays. What is about to leave supports no new lock and no new deposit.
"""

from contracts._modules import capital
from contracts._modules import peers
from contracts._modules import vault_shares
from interfaces import IBrokerVault

uses: capital
uses: peers
uses: vault_shares


# Stake that is to leave.
struct StakeRequest:
    tokens: uint256
    opens: uint256  # unix seconds


_request: StakeRequest


@external
@nonreentrant
def add_stake(tokens: uint256):
    peers._only_operator()
    assert tokens != 0, "vault: zero amount"
    capital._earn()
    vault_shares._pull(msg.sender, tokens)
    capital._stow(tokens)
    capital._stake += tokens
    log IBrokerVault.StakeAdded(tokens=tokens, stake=capital._stake)


@external
@nonreentrant
def request_stake(tokens: uint256):
    peers._only_operator()
    capital._earn()
    assert tokens <= capital._stake, "vault: above stake"
    opens: uint256 = block.timestamp + vault_shares.notice_s if tokens != 0 else 0
    self._request = StakeRequest(tokens=tokens, opens=opens)
    log IBrokerVault.StakeOffered(
        tokens=tokens, opens=opens, lapses=opens + vault_shares.WINDOW_S if tokens != 0 else 0
    )


@external
@nonreentrant
def withdraw_stake(tokens: uint256, receiver: address):
    peers._only_operator()
    peers._assert_no_loss_pending()
    assert tokens != 0, "vault: zero amount"
    capital._earn()
    request: StakeRequest = self._live_request()
    assert (
        block.timestamp >= request.opens and tokens <= request.tokens
    ), "vault: not requested in time"
    assert tokens <= capital._stake, "vault: above stake"
    assert tokens <= capital._lockable(capital._free()), "vault: capital locked"
    self._request.tokens = request.tokens - tokens
    stake: uint256 = capital._stake - tokens
    capital._stake = stake
    assert (capital.client_locks <= capital._times_omega_down(stake)), "vault: locks above stake"
    capital._assert_first_loss(stake, vault_shares._assets)
    assert stake >= capital._feared_loss(), "vault: loss measured"
    log IBrokerVault.StakeWithdrawn(receiver=receiver, tokens=tokens, stake=stake)
    extcall peers.ESCROW.pay(receiver, tokens)


@external
@view
def stake_request() -> (uint256, uint256, uint256):
    request: StakeRequest = self._live_request()
    if request.tokens == 0:
        return 0, 0, 0
    return request.tokens, request.opens, request.opens + vault_shares.WINDOW_S


@internal
@view
def _staying(stake: uint256) -> uint256:
    """
    @dev What of a stake is not about to leave.
    """
    offered: uint256 = self._live_request().tokens
    return max(stake, offered) - offered


@internal
@view
def _live_request() -> StakeRequest:
    """
    @dev The operator's request unless it has lapsed.
    """
    request: StakeRequest = self._request
    if block.timestamp >= request.opens + vault_shares.WINDOW_S:
        return empty(StakeRequest)
    return request
