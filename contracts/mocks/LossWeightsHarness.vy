# pragma version 0.4.3
"""
@title The packing of loss weights by itself
"""

from contracts._lib import loss_weights


@external
@pure
def pack(legs: DynArray[loss_weights.LegLoss, 10]) -> uint256:
    return loss_weights._pack(legs)


@external
@pure
def field(weights: uint256, index: uint256) -> (uint256, bool, uint256):
    market: uint256 = 0
    share: uint256 = 0
    market, share = loss_weights._field(weights, index)
    return market, loss_weights._is_short(weights, index), share
