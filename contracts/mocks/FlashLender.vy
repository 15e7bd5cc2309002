# pragma version 0.4.3
"""
@title A lender of ERC-3156 with a fee of one in a thousand
"""

from ethereum.ercs import IERC20
from interfaces import IFlashBorrower
from interfaces import IFlashLender

implements: IFlashLender

ACCEPTED: constant(bytes32) = keccak256("ERC3156FlashBorrower.onFlashLoan")

refuses: public(bool)


@external
def set_refuses(refuses: bool):
    self.refuses = refuses


@external
def flashLoan(receiver: address, token: address, amount: uint256, data: Bytes[32768]) -> bool:
    if self.refuses:
        return False
    fee: uint256 = amount // 1_000
    assert extcall IERC20(token).transfer(receiver, amount), "lender: transfer failed"
    answer: bytes32 = extcall IFlashBorrower(receiver).onFlashLoan(
        msg.sender, token, amount, fee, data
    )
    assert answer == ACCEPTED, "lender: not accepted"
    assert extcall IERC20(token).transferFrom(receiver, self, amount + fee), "lender: not repaid"
    return True
