# pragma version 0.4.3
"""
@title An amount split over parts in proportion, exactly
@dev   One part after the other: part_i = ceil(rest * c_i / total of what is left), then both shrink. Since
       rest <= total, part_i <= c_i; the last part is the rest; so the parts sum to the amount, and each is off its exact
       share by less than the number of parts.
"""

from contracts._lib import fixed_point


@internal
@pure
def _next_up(rest: uint256, part: uint256, total: uint256) -> uint256:
    """
    @dev What the next part of size `part` bears of `rest`, when parts of `total` are left, this one included.
         Token amounts: the product fits a word.
    """
    if part == 0:
        return 0
    return fixed_point._mul_div_up(rest, part, total)
