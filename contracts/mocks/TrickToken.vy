# pragma version 0.4.3
"""
@title A token that refuses by returning False, or calls somebody back before it moves anything
"""

from ethereum.ercs import IERC20

implements: IERC20

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)
refuses_transfer: public(bool)
refuses_approve: public(bool)
hook_target: public(address)
hook_data: public(Bytes[1024])


@external
@pure
def decimals() -> uint8:
    return 6


@external
def mint(to: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[to] += amount


# As an issuer that seizes funds.
@external
def seize(owner: address, amount: uint256):
    self.balanceOf[owner] -= amount
    self.totalSupply -= amount


@external
def set_refusals(of_transfer: bool, of_approve: bool):
    self.refuses_transfer = of_transfer
    self.refuses_approve = of_approve


@external
def set_hook(target: address, data: Bytes[1024]):
    self.hook_target = target
    self.hook_data = data


@external
def approve(spender: address, amount: uint256) -> bool:
    if self.refuses_approve:
        return False
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._transfer(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    return self._transfer(owner, to, amount)


@internal
def _transfer(owner: address, to: address, amount: uint256) -> bool:
    """
    @dev Refuses, or calls the hook and then moves.
    """
    if self.refuses_transfer:
        return False
    if self.hook_target != empty(address):
        raw_call(self.hook_target, self.hook_data)
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    return True
