# pragma version 0.4.3
"""
@title A token whose issuer can block addresses, as USDC's: they neither send nor receive
"""

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)
blocked: public(HashMap[address, bool])


@external
@pure
def decimals() -> uint8:
    return 6


@external
def mint(to: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[to] += amount


@external
def set_blocked(who: address, is_blocked: bool):
    self.blocked[who] = is_blocked


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
    assert not self.blocked[owner] and not self.blocked[to], "token: blocked"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
