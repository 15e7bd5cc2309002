# pragma version 0.4.3
"""
@title Who signed a digest: a key, or a contract wallet (ERC-1271)
"""

from snekmate.utils import ecdsa

# What an ERC-1271 wallet may spend on checking one signature, and how it says yes.
WALLET_GAS: constant(uint256) = 100_000
WALLET_MAGIC: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000


@internal
@view
def _is_signed(digest: bytes32, signer: address, signature: Bytes[512]) -> bool:
    """
    @dev A key first: an account with delegated code (EIP-7702) still has one.
    """
    if signer == empty(address):
        return False
    return self._key_signed(digest, signer, signature) or (
        signer.is_contract and self._wallet_accepts(signer, digest, signature)
    )


@internal
@view
def _key_signed(digest: bytes32, signer: address, signature: Bytes[512]) -> bool:
    """
    @dev r, s, v of the signer's key, s in the lower half. snekmate's recovery reverts by itself; only its bound is used.
    """
    if len(signature) != 65:
        return False
    s: uint256 = extract32(signature, 32, output_type=uint256)
    if s > ecdsa._MALLEABILITY_THRESHOLD:
        return False
    return signer == ecrecover(
        digest,
        convert(slice(signature, 64, 1), uint256),
        extract32(signature, 0, output_type=uint256),
        s,
    )


@internal
@view
def _wallet_accepts(wallet: address, digest: bytes32, signature: Bytes[512]) -> bool:
    """
    @dev ERC-1271 with capped gas; the answer must be exactly one word, of which at most two are copied.
    """
    success: bool = False
    answer: Bytes[64] = b""
    success, answer = raw_call(
        wallet,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=64,
        gas=WALLET_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and extract32(answer, 0) == WALLET_MAGIC
