# pragma version 0.4.3
"""
@title A token that lets somebody act in the middle of a transfer, as the hooks of ERC-777 do: once, and without insisting
"""

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)
hook_sender: public(address)
hook_target: public(address)
hook_data: public(Bytes[1024])
succeeded: public(bool)
answer: public(Bytes[32])


@external
@pure
def decimals() -> uint8:
    return 6


@external
def mint(to: address, amount: uint256):
    self.totalSupply += amount
    self.balanceOf[to] += amount


@external
def set_hook(on_sender: address, target: address, data: Bytes[1024]):
    self.hook_sender = on_sender
    self.hook_target = target
    self.hook_data = data
    self.succeeded = False
    self.answer = b""


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
    if owner == self.hook_sender:
        self.hook_sender = empty(address)
        self.succeeded, self.answer = raw_call(
            self.hook_target, self.hook_data, max_outsize=32, revert_on_failure=False
        )
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
