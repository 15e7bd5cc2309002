# pragma version 0.4.3
"""
@title Opens contracts/_lib/redemption.vy for tests
"""

from contracts._lib import redemption


@external
@pure
def rate_down(backing: uint256, claims: uint256) -> uint256:
    return redemption._rate_down(backing, claims)


@external
@pure
def accepts_deposits(backing: uint256, claims: uint256) -> bool:
    return redemption._accepts_deposits(backing, claims)


@external
@pure
def value_down(units: uint256, backing: uint256, claims: uint256) -> uint256:
    return redemption._value_down(units, backing, claims)


@external
@pure
def value_up(units: uint256, backing: uint256, claims: uint256) -> uint256:
    return redemption._value_up(units, backing, claims)


@external
@pure
def units_down(tokens: uint256, backing: uint256, claims: uint256) -> uint256:
    return redemption._units_down(tokens, backing, claims)


@external
@pure
def deposit_units_down(
    tokens: uint256, backing: uint256, unvested: uint256, claims: uint256
) -> uint256:
    return redemption._deposit_units_down(tokens, backing, unvested, claims)
