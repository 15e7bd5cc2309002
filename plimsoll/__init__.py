"""Plimsoll: the Python side of an on-chain perpetual-futures protocol.

Nothing in this package imports Brownie, so it can be used on its own.
"""

__version__ = "0.1.0"
