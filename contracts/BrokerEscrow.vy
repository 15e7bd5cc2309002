# pragma version 0.4.3
"""
@title Escrow: the tokens of all brokers, in one place
@notice A broker's vault keeps books; what it counts lies here, under its address. Anybody can open a vault, and the
        issuer of a token can block one: if each held its own tokens, one that is blocked would hold up every loss
        that it has a part in. No roles, no privileges: whoever put tokens in takes them out.
@dev    `total` is the sum of what is held; tokens that were sent here by mistake are nobody's.
"""

from ethereum.ercs import IERC20
from interfaces import IBrokerEscrow

implements: IBrokerEscrow

TOKEN: public(immutable(IERC20))

held: public(HashMap[address, uint256])
total: public(uint256)


@deploy
def __init__(token: address):
    assert token != empty(address), "escrow: zero token"
    TOKEN = IERC20(token)


@external
@nonreentrant
def hold(tokens: uint256):
    before: uint256 = staticcall TOKEN.balanceOf(self)
    assert extcall TOKEN.transferFrom(
        msg.sender, self, tokens, default_return_value=True
    ), "escrow: transfer failed"
    assert staticcall TOKEN.balanceOf(self) == before + tokens, "escrow: fee on transfer"
    self.held[msg.sender] += tokens
    self.total += tokens


@external
@nonreentrant
def pay(receiver: address, tokens: uint256):
    assert tokens <= self.held[msg.sender], "escrow: above balance"
    self.held[msg.sender] -= tokens
    self.total -= tokens
    assert extcall TOKEN.transfer(
        receiver, tokens, default_return_value=True
    ), "escrow: transfer failed"
