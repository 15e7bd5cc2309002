# pragma version 0.4.3
"""
@title Entry prices as small floats, by themselves
"""

from contracts._lib import entry_tick


@external
@pure
def encode(price: uint256, up: bool) -> uint256:
    return entry_tick._encode(price, up)


@external
@pure
def encode_near(price: uint256, up: bool, near: uint256) -> uint256:
    return entry_tick._encode_near(price, up, near)


@external
@pure
def decode(code: uint256) -> uint256:
    return entry_tick._decode(code)


@external
@pure
def tick(code: uint256) -> uint256:
    return entry_tick._tick(code)


@external
@pure
def worse_edge(tick: uint256, long: bool) -> uint256:
    return entry_tick._worse_edge(tick, long)
