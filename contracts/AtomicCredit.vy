# pragma version 0.4.3
"""
@title Atomic credit: borrow, act and repay in one transaction
@notice A wallet of one owner that holds accounts of its own. It takes a flash loan (ERC-3156), makes the calls that its owner
        asks for (deposit, trade, take a slice, withdraw ...) and repays; if anything fails, nothing has happened. It
        needs no broker, and nobody knows it: credit from outside composes with the protocol as it is.

        Worked example. The owner's account is under auction and short of 300. One transaction borrows 300, deposits them,
        which ends the auction, sells half of the position, withdraws 300 of the margin that this frees and repays.
@dev    The account to use is `address of this contract << 96 | number`. Orders of it need no signature: this contract sends.
"""

from ethereum.ercs import IERC20
from interfaces import IFlashBorrower
from interfaces import IFlashLender

implements: IFlashBorrower


struct Call:
    target: address
    data: Bytes[3072]


MAX_CALLS: constant(uint256) = 8
ACCEPTED: constant(bytes32) = keccak256("ERC3156FlashBorrower.onFlashLoan")

OWNER: public(immutable(address))

# Who may call back, once, while a loan runs, and with what: a lender is anybody's contract.
_lender: transient(address)
_loan: transient(bytes32)
_max_fee: transient(uint256)
_least_balance: transient(uint256)


@deploy
def __init__(owner: address):
    assert owner != empty(address), "credit: zero owner"
    OWNER = owner


@external
def run(
    lender: IFlashLender,
    token: address,
    amount: uint256,
    max_fee: uint256,
    calls: DynArray[Call, MAX_CALLS],
):
    """
    @notice Borrows token units, for a fee of `max_fee` units at most, and makes the calls with them. Owner only. What is left
            stays here: see `sweep`.
    @dev Errors: "credit: only owner", "credit: refused", those of `onFlashLoan` and of the calls.
    """
    assert msg.sender == OWNER, "credit: only owner"
    data: Bytes[32768] = abi_encode(calls)
    self._lender = lender.address
    self._loan = self._digest(token, amount, data)
    self._max_fee = max_fee
    self._least_balance = staticcall IERC20(token).balanceOf(self) + amount
    assert extcall lender.flashLoan(self, token, amount, data), "credit: refused"
    assert self._lender == empty(address), "credit: refused"
    self._approve(token, lender.address, 0)


@external
def onFlashLoan(
    initiator: address, token: address, amount: uint256, fee: uint256, data: Bytes[32768]
) -> bytes32:
    """
    @notice Makes the calls that the owner has asked for and lets the lender take loan and fee. For the lender of the running
            loan only, once.
    @dev Errors: "credit: unknown lender", "credit: not asked for", "credit: not lent".
    """
    assert msg.sender == self._lender, "credit: unknown lender"
    assert (
        initiator == self
        and self._digest(token, amount, data) == self._loan
        and fee <= self._max_fee
    ), "credit: not asked for"
    assert (staticcall IERC20(token).balanceOf(self) >= self._least_balance), "credit: not lent"
    self._lender = empty(address)
    calls: DynArray[Call, MAX_CALLS] = abi_decode(data, DynArray[Call, MAX_CALLS])
    for call: Call in calls:
        raw_call(call.target, call.data)
    self._approve(token, msg.sender, amount + fee)
    return ACCEPTED


@external
def sweep(token: address):
    """
    @notice Sends all token units that are here to the owner. Owner only.
    @dev Errors: "credit: only owner".
    """
    assert msg.sender == OWNER, "credit: only owner"
    tokens: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transfer(
        OWNER, tokens, default_return_value=True
    ), "credit: transfer failed"


@internal
def _approve(token: address, spender: address, amount: uint256):
    """
    @dev Lets the lender take so much, and afterwards nothing.
    """
    assert extcall IERC20(token).approve(
        spender, amount, default_return_value=True
    ), "credit: approve failed"


@internal
@pure
def _digest(token: address, amount: uint256, data: Bytes[32768]) -> bytes32:
    """
    @dev What a loan is for.
    """
    return keccak256(abi_encode(token, amount, keccak256(data)))
