# pragma version 0.4.3
"""
@title The part of the clearinghouse that custody talks to: cash without markets
"""

cash: public(HashMap[uint256, uint256])  # wad
is_started: public(HashMap[uint256, bool])
trading_fees: public(uint256)  # wad
insurance_fees: public(uint256)  # wad


@external
def credit(account: uint256, amount: uint256):
    self.cash[account] += amount


@external
def debit(account: uint256, amount: uint256):
    assert self.cash[account] >= amount, "margin: below initial"
    self.cash[account] -= amount


@external
def collect_fees() -> (uint256, uint256):
    trading: uint256 = self.trading_fees
    insurance: uint256 = self.insurance_fees
    self.trading_fees = 0
    self.insurance_fees = 0
    return trading, insurance


# A profit (as against a loss that is not booked yet).
@external
def gain(account: uint256, amount: uint256):
    self.cash[account] += amount


# Fees paid by an account.
@external
def charge(account: uint256, trading: uint256, insurance: uint256):
    self.cash[account] -= trading + insurance
    self.trading_fees += trading
    self.insurance_fees += insurance


@external
def set_started(account: uint256, started: bool):
    self.is_started[account] = started
