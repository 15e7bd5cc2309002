# pragma version 0.4.3
"""
@title Opens contracts/_lib/pro_rata.vy for tests
"""

from contracts._lib import pro_rata


@external
@pure
def next_up(rest: uint256, part: uint256, total: uint256) -> uint256:
    return pro_rata._next_up(rest, part, total)


@external
@pure
def split(amount: uint256, parts: DynArray[uint256, 32]) -> DynArray[uint256, 32]:
    """
    @notice What each of the parts bears, as the guaranty fund walks over its members.
    """
    rest: uint256 = amount
    total: uint256 = 0
    for part: uint256 in parts:
        total += part
    shares: DynArray[uint256, 32] = []
    for part: uint256 in parts:
        share: uint256 = pro_rata._next_up(rest, part, total)
        rest -= share
        total -= part
        shares.append(share)
    return shares
