# pragma version 0.4.3
"""
@title Positions of bits, and two's complement in packed words
"""


@internal
@pure
def _highest(word: uint256) -> uint256:
    """
    @dev Index of the highest set bit; 0 for 0.
    """
    x: uint256 = word
    index: uint256 = 0
    if x >= 1 << 128:
        x >>= 128
        index = 128
    if x >= 1 << 64:
        x >>= 64
        index = unsafe_add(index, 64)
    if x >= 1 << 32:
        x >>= 32
        index = unsafe_add(index, 32)
    if x >= 1 << 16:
        x >>= 16
        index = unsafe_add(index, 16)
    if x >= 1 << 8:
        x >>= 8
        index = unsafe_add(index, 8)
    if x >= 1 << 4:
        x >>= 4
        index = unsafe_add(index, 4)
    if x >= 1 << 2:
        x >>= 2
        index = unsafe_add(index, 2)
    if x >= 2:
        index = unsafe_add(index, 1)
    return index


@internal
@pure
def _lowest(word: uint256) -> uint256:
    """
    @dev Index of the lowest set bit; 0 for 0.
    """
    return self._highest(word & unsafe_sub(0, word))


@internal
@pure
def _sign_extend(word: uint256, unused: uint256) -> int256:
    """
    @dev Reads the signed number in the low (256 - unused) bits of `word`.
    """
    return convert(convert(word << unused, bytes32), int256) >> unused


@internal
@pure
def _low_bits(number: int256, unused: uint256) -> uint256:
    """
    @dev Two's complement of `number` in (256 - unused) bits; reverts if it does not fit.
    """
    word: uint256 = convert(convert(number, bytes32), uint256) << unused
    assert convert(convert(word, bytes32), int256) >> unused == number, "number: does not fit"
    return word >> unused
