# pragma version 0.4.3
"""
@title A token that burns one percent of every transfer
"""

from ethereum.ercs import IERC20

implements: IERC20

FEE_DIVISOR: constant(uint256) = 100
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)
free: public(HashMap[address, bool])  # recipients that receive everything


@external
@pure
def decimals() -> uint8:
    return 6


@external
def mint(to: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[to] += amount


@external
def set_free(to: address, is_free: bool):
    self.free[to] = is_free


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    self._transfer(owner, to, amount)
    return True


@internal
def _transfer(owner: address, to: address, amount: uint256):
    """
    @dev Moves the amount less the fee.
    """
    fee: uint256 = 0 if self.free[to] else amount // FEE_DIVISOR
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - fee
    self.totalSupply -= fee
