# pragma version 0.4.3
"""
@title Agents: keys that may trade for an account, but never withdraw
"""

from interfaces import IExchange
from contracts._lib import revert_reason

EXPIRY_MASK: constant(uint256) = 2**64 - 1
SIZE_SHIFT: constant(uint256) = 64
SIZE_MASK: constant(uint256) = 2**128 - 1
LISTED: constant(uint256) = 1 << 192


# account -> agent -> expiry (64 bits), largest order (128 bits), whether a market list applies (1 bit).
_permits: HashMap[uint256, HashMap[address, uint256]]
# account -> agent -> bit m: may trade market m; read only when a list applies.
_markets: HashMap[uint256, HashMap[address, uint256]]


@external
def set_agent(
    account: uint256, agent: address, expiry: uint256, markets: uint256, max_size: uint256
):
    assert msg.sender == self._owner_of(account), "agent: only owner"
    assert agent != empty(address), "agent: zero address"
    assert expiry >= block.timestamp, "agent: already expired"
    permit: uint256 = min(expiry, EXPIRY_MASK) | (min(max_size, SIZE_MASK) << SIZE_SHIFT)
    if markets != 0:
        permit |= LISTED
    self._permits[account][agent] = permit
    self._markets[account][agent] = markets
    log IExchange.AgentSet(
        account=account, agent=agent, expiry=expiry, markets=markets, max_size=max_size
    )


@external
def revoke_agent(account: uint256, agent: address):
    assert msg.sender == self._owner_of(account), "agent: only owner"
    self._permits[account][agent] = 0
    self._markets[account][agent] = 0
    log IExchange.AgentRevoked(account=account, agent=agent)


@external
@view
def agent(account: uint256, key: address) -> IExchange.Agent:
    permit: uint256 = self._permits[account][key]
    return IExchange.Agent(
        expiry=permit & EXPIRY_MASK,
        markets=self._markets[account][key],
        max_size=(permit >> SIZE_SHIFT) & SIZE_MASK,
    )


@internal
@pure
def _owner_of(account: uint256) -> address:
    """
    @dev The 20 bytes in front of the sub-account number.
    """
    return convert(account >> 96, address)


@internal
@view
def _is_live(account: uint256, key: address) -> bool:
    """
    @dev Whether `key` is an agent of the account now.
    """
    permit: uint256 = self._permits[account][key]
    return permit != 0 and block.timestamp <= permit & EXPIRY_MASK


@internal
@view
def _check(account: uint256, key: address, market: uint256, size: uint256, where: uint256):
    """
    @dev Reverts unless `key` may place an order of this size in this market for the account.
    """
    permit: uint256 = self._permits[account][key]
    if permit == 0:
        revert_reason._raise(where, "agent: unknown")
    if block.timestamp > permit & EXPIRY_MASK:
        revert_reason._raise(where, "agent: expired")
    if size > (permit >> SIZE_SHIFT) & SIZE_MASK:
        revert_reason._raise(where, "agent: order too large")
    if permit & LISTED != 0:
        if market > 255 or (self._markets[account][key] >> market) & 1 == 0:
            revert_reason._raise(where, "agent: wrong market")
