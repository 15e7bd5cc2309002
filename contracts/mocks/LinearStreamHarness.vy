# pragma version 0.4.3
"""
@title Opens contracts/_lib/linear_stream.vy for tests
"""

from contracts._lib import linear_stream


@external
@pure
def released_down(amount: uint256, elapsed_s: uint256, remaining_wad_s: uint256) -> uint256:
    return linear_stream._released_down(amount, elapsed_s, remaining_wad_s)


@external
@pure
def joined_remaining_down(
    amount: uint256, remaining_wad_s: uint256, added: uint256, seconds: uint256
) -> uint256:
    return linear_stream._joined_remaining_down(amount, remaining_wad_s, added, seconds)
