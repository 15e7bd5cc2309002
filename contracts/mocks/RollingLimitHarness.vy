# pragma version 0.4.3
"""
@title A rolling amount by itself
"""

from contracts._lib import rolling_limit

slot: public(uint256)


@external
def store(amount: uint256):
    self.slot = rolling_limit._store(amount)


@external
@view
def used() -> uint256:
    return rolling_limit._used(self.slot)


@external
@view
def left_of(amount: uint256, since: uint256) -> uint256:
    return rolling_limit._left_of(amount, since)
