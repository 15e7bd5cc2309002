# pragma version 0.4.3
"""
@title A token whose transfer, transferFrom and approve return nothing, as USDT's on Ethereum
"""

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


@external
@pure
def decimals() -> uint8:
    return 6


@external
def mint(to: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256):
    # as USDT: an allowance must be used up or cleared before it is set again
    assert amount == 0 or self.allowance[msg.sender][spender] == 0, "odd: allowance not zero"
    self.allowance[msg.sender][spender] = amount


@external
def transfer(to: address, amount: uint256):
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount


@external
def transferFrom(owner: address, to: address, amount: uint256):
    self.allowance[owner][msg.sender] -= amount
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
