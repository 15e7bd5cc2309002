# pragma version 0.4.3
"""
@title A lender that calls back with what it prefers, or not at all
"""

from interfaces import IFlashBorrower
from interfaces import IFlashLender

implements: IFlashLender

_token: address
_amount: uint256
_fee: uint256
_data: Bytes[32768]
_silent: bool


@external
def set_answer(token: address, amount: uint256, fee: uint256, data: Bytes[32768]):
    self._token = token
    self._amount = amount
    self._fee = fee
    self._data = data


@external
def set_silent(silent: bool):
    self._silent = silent


@external
def flashLoan(receiver: address, token: address, amount: uint256, data: Bytes[32768]) -> bool:
    if not self._silent:
        extcall IFlashBorrower(receiver).onFlashLoan(
            msg.sender, self._token, self._amount, self._fee, self._data
        )
    return True
