# pragma version 0.4.3
"""
@title What of a broker's capital is locked for which client
@notice One number per account. It changes by `lock`, `unlock` and `pay_loss` for that account alone, and all of them add up to
        the broker's client locks: nothing guarantees two clients.
@dev    Three limits: omega times the stake for all clients together, a part of that for each, and the free capital that
        depositors have not asked back.
"""

from contracts._lib import fixed_point
from contracts._modules import capital
from contracts._modules import peers
from contracts._modules import stake_exits
from interfaces import IBrokerVault

uses: capital
uses: peers
uses: stake_exits

locks: public(HashMap[uint256, uint256])  # account -> token units


@external
@nonreentrant
def lock(account: uint256, tokens: uint256):
    peers._only_sponsorship()
    capital._earn()
    held: uint256 = self.locks[account]
    assert tokens >= held, "vault: lowers lock"
    # all of it is locked anew, or who has asked for his capital would wait for every renewal
    limit: uint256 = self._limit(capital._stake)
    client_locks: uint256 = capital.client_locks - held + tokens
    assert tokens <= self._client_limit(limit), "vault: above client limit"
    assert client_locks <= limit, "vault: locks above stake"
    assert tokens <= capital._lockable(capital._free() + held), "vault: capital locked"
    self.locks[account] = tokens
    capital.client_locks = client_locks
    log IBrokerVault.Locked(account=account, tokens=tokens, client_locks=capital.client_locks)


@external
@nonreentrant
def unlock(account: uint256) -> uint256:
    peers._only_sponsorship()
    tokens: uint256 = self.locks[account]
    self.locks[account] = 0
    capital.client_locks -= tokens
    log IBrokerVault.Unlocked(account=account, tokens=tokens, client_locks=capital.client_locks)
    return tokens


@external
@nonreentrant
def pay_loss(account: uint256, tokens: uint256):
    peers._only_sponsorship()
    assert tokens <= self.locks[account], "vault: loss above lock"
    self.locks[account] -= tokens
    capital.client_locks -= tokens
    capital._bear(account, tokens)


@external
@view
def lock_room() -> uint256:
    limit: uint256 = self._limit(capital._stake_now())
    free: uint256 = capital._lockable(capital._free_now())
    return min(max(limit, capital.client_locks) - capital.client_locks, free)


@external
@view
def client_limit() -> uint256:
    return self._client_limit(self._limit(capital._stake_now()))


@internal
@view
def _limit(stake: uint256) -> uint256:
    """
    @dev Omega times the stake that is not about to leave.
    """
    return capital._times_omega_down(stake_exits._staying(stake))


@internal
@view
def _client_limit(limit: uint256) -> uint256:
    """
    @dev The part of it that one client may have.
    """
    return limit * capital.TERMS.client_ppm // fixed_point.PPM
