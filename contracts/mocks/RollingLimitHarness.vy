# pragma version 0.4.3
"""
@title A rolling amount by itself
"""

from contracts._lib import rolling_limit

_words: uint256[3]


@external
def add(amount: uint256):
    self._words = rolling_limit._with(self._words, amount)


@external
def add_down(amount: uint256):
    self._words = rolling_limit._with_down(self._words, amount)


@external
def take_back(amount: uint256, kept: uint256, since: uint256):
    self._words = rolling_limit._without(self._words, amount, kept, since)


@external
@view
def used() -> uint256:
    return rolling_limit._used(self._words)


@external
@view
def left_of(amount: uint256, since: uint256) -> uint256:
    return rolling_limit._left_of(amount, since)
