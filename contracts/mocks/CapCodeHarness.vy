# pragma version 0.4.3
"""
@title Caps as small floats by themselves
"""

from contracts._lib import cap_code


@external
@pure
def encode_down(amounts: DynArray[uint256, 1024]) -> DynArray[uint256, 1024]:
    codes: DynArray[uint256, 1024] = []
    for amount: uint256 in amounts:
        codes.append(cap_code._encode_down(amount))
    return codes


@external
@pure
def decode(codes: DynArray[uint256, 1024]) -> DynArray[uint256, 1024]:
    amounts: DynArray[uint256, 1024] = []
    for code: uint256 in codes:
        amounts.append(cap_code._decode(code))
    return amounts
