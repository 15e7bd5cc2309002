# pragma version 0.4.3
"""
@title Amounts that become somebody's evenly over a time to come
@dev   One stream holds all of them: how much of it is left, and until when. What joins moves the end to the mean of both times
       left, weighted by amount: rem' = (u * rem + x * s) / (u + x). At that moment what both would have released is
       still all in the stream, so nothing is released before its time by more than rounding, and an amount of one wei
       can neither stretch nor shorten what others have paid. Times left are in seconds * 1e18: a mean is no whole second.
"""

from contracts._lib import fixed_point


@internal
@pure
def _released_down(amount: uint256, elapsed_s: uint256, remaining_wad_s: uint256) -> uint256:
    """
    @dev What has been released of `amount`; `remaining_wad_s` was left when `elapsed_s` began.
    """
    elapsed_wad_s: uint256 = elapsed_s * fixed_point.WAD
    if elapsed_wad_s >= remaining_wad_s:
        return amount
    return fixed_point._mul_div_down(amount, elapsed_wad_s, remaining_wad_s)


@internal
@pure
def _joined_remaining_down(
    amount: uint256, remaining_wad_s: uint256, added: uint256, seconds: uint256
) -> uint256:
    """
    @dev Time left when `added`, to be released over `seconds`, joins; `added` is not 0.
    """
    weighted: uint256 = amount * remaining_wad_s + added * seconds * fixed_point.WAD
    return weighted // (amount + added)
