# pragma version 0.4.3
"""
@title Stands where the waterfall and the liquidator stand, and does what it is told
"""

from interfaces import ICustody
from interfaces import IInsuranceVault

exits_blocked: public(bool)
resolve_due: public(bool)
touched: public(uint256)  # account touched last
touch_draws_from: public(address)  # vault drawn on by `touch`, as finishing an account does
touch_draws: public(uint256)  # token units


@external
def set_exits_blocked(blocked: bool):
    self.exits_blocked = blocked


@external
def set_resolve_due(due: bool):
    self.resolve_due = due


@external
def set_touch_draw(vault: address, tokens: uint256):
    self.touch_draws_from = vault
    self.touch_draws = tokens


@external
def touch(account: uint256):
    self.touched = account
    if self.touch_draws != 0:
        extcall IInsuranceVault(self.touch_draws_from).pay_loss(self.touch_draws)
        extcall ICustody(msg.sender).receive_draw(self.touch_draws)


@external
def draw(vault: address, custody: address, tokens: uint256):
    extcall IInsuranceVault(vault).pay_loss(tokens)
    extcall ICustody(custody).receive_draw(tokens)


@external
def pay_loss(vault: address, tokens: uint256):
    extcall IInsuranceVault(vault).pay_loss(tokens)


@external
def receive_draw(custody: address, tokens: uint256):
    extcall ICustody(custody).receive_draw(tokens)


@external
def book_shortfall(custody: address, amount: uint256):
    extcall ICustody(custody).book_shortfall(amount)
