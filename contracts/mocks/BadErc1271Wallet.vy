# pragma version 0.4.3
"""
@title A contract wallet that misbehaves when asked for a signature
"""


# How it answers `isValidSignature`.
flag Manner:
    BURNS_GAS  # never stops
    RETURNS_TOO_MUCH  # the right word, then 3,000 bytes more
    WRONG_MAGIC  # a word that is not the magic value
    DIRTY_MAGIC  # the magic value with other bytes behind it
    REVERTS
    SILENT  # returns nothing

MAGIC: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000

manner: public(Manner)


@deploy
def __init__(manner: Manner):
    self.manner = manner


@external
@view
@raw_return
def isValidSignature(digest: bytes32, signature: Bytes[512]) -> Bytes[3040]:
    """
    @notice Answers according to its manner.
    """
    if self.manner == Manner.BURNS_GAS:
        waste: bytes32 = digest
        for _: uint256 in range(2**64):
            waste = keccak256(waste)
    if self.manner == Manner.RETURNS_TOO_MUCH:
        return concat(MAGIC, empty(bytes32), slice(msg.data, 0, 100))
    if self.manner == Manner.WRONG_MAGIC:
        return concat(method_id("isOwner(address)"), empty(bytes28))
    if self.manner == Manner.DIRTY_MAGIC:
        return concat(slice(MAGIC, 0, 4), slice(digest, 0, 28))
    assert self.manner != Manner.REVERTS, "wallet: refuses"
    return b""
