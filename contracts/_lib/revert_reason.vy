# pragma version 0.4.3
"""
@title Revert reasons: raised with the index of what was wrong, read from returned data
"""


# Where something went wrong: one of these plus an index, or `NOWHERE` for a plain reason.
NOWHERE: constant(uint256) = 0
IN_MATCH: constant(uint256) = 256
IN_ORDER: constant(uint256) = 512

# Longest text kept, and the returned data that holds it: selector, offset, length, text.
MAX_TEXT: constant(uint256) = 96
MAX_DATA: constant(uint256) = 164
ERROR_SELECTOR: constant(bytes4) = method_id("Error(string)", output_type=bytes4)

# The longest answer to a question of `IExchange.rehearse`, which is raised too.
MAX_ANSWER: constant(uint256) = 4_096


@internal
@pure
def _raise(where: uint256, reason: String[MAX_TEXT]):
    """
    @dev Reverts with `reason`, or with "#3 reason" for match 3 and "@2 reason" for order 2.
    """
    if where == NOWHERE:
        raise reason
    index: String[78] = uint2str(where & 255)
    if where & IN_ORDER != 0:
        raise concat("@", index, " ", reason)
    raise concat("#", index, " ", reason)


@internal
@pure
def _read(data: Bytes[MAX_DATA]) -> Bytes[MAX_TEXT]:
    """
    @dev The text of an `Error(string)`, or a stand-in; never reverts, whatever `data` holds: decoding is
         tried only on what is well formed.
    """
    if len(data) >= 68 and convert(slice(data, 0, 4), bytes4) == ERROR_SELECTOR:
        offset: uint256 = extract32(data, 4, output_type=uint256)
        length: uint256 = extract32(data, 36, output_type=uint256)
        if offset == 32 and length <= min(MAX_TEXT, unsafe_sub(len(data), 68)):
            return abi_decode(slice(data, 4, unsafe_sub(len(data), 4)), Bytes[MAX_TEXT])
    return b"call: no reason"
