# pragma version 0.4.3
"""
@title Rehearses fills with bad intentions, and stands where an exchange that does not rehearse would
@notice For tests of `IExchange.rehearse` and `ILens.preview`.
"""

from interfaces import IClearinghouse

MAGIC: constant(bytes4) = 0x1626ba7e
DENIED: constant(bytes4) = 0xffffffff

# A stand-in for the clearinghouse is asked for it by a lens.
exchange: public(address)
kept: public(uint256)

_tampering: Bytes[4096]
_tampered_with: address
_wallet_fill: IClearinghouse.Fill
_last_words: Bytes[512]


@external
def set_exchange(exchange: address):
    self.exchange = exchange


@external
def set_tampering(target: address, data: Bytes[4096]):
    """
    @notice Sets what `tamper` calls.
    """
    self._tampered_with = target
    self._tampering = data


@external
def set_wallet_fill(fill: IClearinghouse.Fill):
    """
    @notice Sets what `isValidSignature` rehearses.
    """
    self._wallet_fill = fill


@external
def set_last_words(words: Bytes[512]):
    """
    @notice Sets what `rehearse` reverts with; empty: it does not revert.
    """
    self._last_words = words


# --- the caller --------------------------------------------------------------------------


@external
def catch(fill: IClearinghouse.Fill, question: Bytes[256]) -> (bool, Bytes[4224]):
    """
    @notice Rehearses a fill, goes on if that reverts, and leaves a trace of its own.
    @return Whether the call succeeded, and its data.
    """
    self.kept += 1
    success: bool = False
    data: Bytes[4224] = b""
    success, data = raw_call(
        self.exchange,
        abi_encode(
            fill,
            question,
            method_id=method_id(
                "rehearse((uint256,uint256,uint256,int256,uint256,uint256,uint256,uint256),bytes)"
            ),
        ),
        max_outsize=4224,
        revert_on_failure=False,
    )
    return success, data


@external
def keep(number: uint256):
    """
    @notice Writes something down, if asked for real.
    """
    self.kept = number


@external
def tamper():
    """
    @notice Calls what was set, and tells what it reverted with.
    """
    raw_call(self._tampered_with, self._tampering)


@external
@view
def burn():
    """
    @notice Never stops.
    """
    waste: bytes32 = empty(bytes32)
    for _: uint256 in range(2**64):
        waste = keccak256(waste)


@external
@view
@raw_return
def ramble() -> Bytes[8192]:
    """
    @notice Says more than anybody takes.
    """
    words: uint256[256] = empty(uint256[256])
    words[0] = 1
    return abi_encode(words)


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[512]) -> bytes4:
    """
    @notice A wallet that rehearses a fill while it is asked for a signature; agrees if it gets no answer.
    """
    success: bool = False
    data: Bytes[32] = b""
    success, data = raw_call(
        msg.sender,
        abi_encode(
            self._wallet_fill,
            b"",
            method_id=method_id(
                "rehearse((uint256,uint256,uint256,int256,uint256,uint256,uint256,uint256),bytes)"
            ),
        ),
        max_outsize=32,
        revert_on_failure=False,
        is_static_call=True,
    )
    return DENIED if success or len(data) != 0 else MAGIC


# --- the exchange ------------------------------------------------------------------------


@external
@view
def rehearse(fill: IClearinghouse.Fill, question: Bytes[256]):
    """
    @notice Does not do what it should.
    """
    if len(self._last_words) != 0:
        raw_revert(self._last_words)
