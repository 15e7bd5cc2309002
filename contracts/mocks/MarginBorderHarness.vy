# pragma version 0.4.3
"""
@title The border of maintenance margin by itself
"""

from contracts._lib import margin_border


@external
@pure
def price(case: margin_border.Case, mark: uint256) -> uint256:
    return margin_border._price(case, mark)


@external
@pure
def surplus(case: margin_border.Case, price: uint256) -> int256:
    return margin_border._surplus(case, price)
