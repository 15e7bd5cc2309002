# pragma version 0.4.3
"""
@title What is too small to ask anybody for
"""

# wad: a loss that rounding may leave of one that was paid; the dust reserve pays it instead of winners or layers
COVER_MAX: constant(uint256) = 10**14
