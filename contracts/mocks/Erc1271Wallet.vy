# pragma version 0.4.3
"""
@title A contract wallet whose owner is one key (ERC-1271)
@notice For tests: it signs through `isValidSignature` and calls whatever its owner asks for.
"""

from snekmate.utils import ecdsa

MAGIC: constant(bytes4) = 0x1626ba7e
INVALID: constant(bytes4) = 0xffffffff

owner: public(address)


@deploy
def __init__(owner: address):
    self.owner = owner


@external
def execute(target: address, data: Bytes[4096]):
    """
    @notice Calls `target` as the wallet. Owner only.
    """
    assert msg.sender == self.owner, "wallet: only owner"
    raw_call(target, data)


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[512]) -> bytes4:
    """
    @notice Whether the owner's key signed `digest`.
    """
    if len(signature) != 65:
        return INVALID
    if ecdsa._recover_sig(digest, slice(signature, 0, 65)) != self.owner:
        return INVALID
    return MAGIC
