# pragma version 0.4.3
"""
@title A broker's clients, and what those of them whose buffer is gone may cost it
@dev   The list is for readers; it is dense, a client that leaves it is replaced by the last one.

       What is at risk was measured by whoever cared to: vaults price exits with the sum. What is in it for an account is kept
       beside it, and only `_set_risk` writes both.
"""

from interfaces import ISponsorship


# What of an account's lock is in the sum of its broker.
struct Counted:
    broker: address
    tokens: uint256


client_count: public(HashMap[address, uint256])
at_risk: public(HashMap[address, uint256])  # broker -> token units
_counted: HashMap[uint256, Counted]  # account -> its part of them
_clients: HashMap[address, HashMap[uint256, uint256]]  # broker -> number -> account
_numbers: HashMap[uint256, uint256]  # account -> its number


@external
@view
def clients(broker: address, start: uint256, count: uint256) -> DynArray[uint256, 64]:
    accounts: DynArray[uint256, 64] = []
    end: uint256 = self.client_count[broker]
    for i: uint256 in range(min(count, 64), bound=64):
        if start >= end or i >= end - start:
            break
        accounts.append(self._clients[broker][start + i])
    return accounts


@external
@view
def risk_of(account: uint256) -> uint256:
    return self._counted[account].tokens


@internal
def _add(broker: address, account: uint256):
    """
    @dev As the last one.
    """
    number: uint256 = self.client_count[broker]
    self._clients[broker][number] = account
    self._numbers[account] = number
    self.client_count[broker] = number + 1


@internal
def _remove(broker: address, account: uint256):
    """
    @dev The last client takes the number.
    """
    number: uint256 = self._numbers[account]
    last: uint256 = self.client_count[broker] - 1
    moved: uint256 = self._clients[broker][last]
    self._clients[broker][number] = moved
    self._numbers[moved] = number
    self._clients[broker][last] = 0
    self._numbers[account] = 0
    self.client_count[broker] = last


@internal
def _set_risk(account: uint256, broker: address, tokens: uint256):
    """
    @dev Replaces what is counted for an account.
    """
    before: Counted = self._counted[account]
    if before.tokens == 0 and tokens == 0:
        return
    self.at_risk[before.broker] -= before.tokens
    self.at_risk[broker] += tokens
    self._counted[account] = Counted(broker=broker, tokens=tokens)
    log ISponsorship.RiskMeasured(account=account, broker=broker, risk=tokens)
