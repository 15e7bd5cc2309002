# pragma version 0.4.3
# pragma optimize gas
"""
@title A feed that can misbehave in every way a feed can
"""


# RETURNS_TOO_LITTLE: 159 bytes, one short of a round. RETURNS_TOO_MUCH: a healthy round and 2 kB
# behind it. TOO_LARGE: 2**255 - 1. IN_PROGRESS: update time 0. IN_FUTURE: update time one second
# from now. HUNGRY: healthy, but only with some 70,000 gas.
flag Mode:
    HEALTHY
    REVERTS
    BURNS_ALL_GAS
    RETURNS_NOTHING
    RETURNS_TOO_LITTLE
    RETURNS_TOO_MUCH
    NEGATIVE
    ZERO
    TOO_LARGE
    IN_PROGRESS
    IN_FUTURE
    HUNGRY

HUNGRY_STEPS: constant(uint256) = 700

answer: public(int256)
mode: public(Mode)
decimals_size: public(uint256)
decimals_answer: public(uint256)


@deploy
def __init__(decimals_answer: uint256, answer: int256):
    self.answer = answer
    self.mode = Mode.HEALTHY
    self.decimals_size = 32
    self.decimals_answer = decimals_answer


@external
def set_mode(mode: Mode):
    self.mode = mode


@external
def set_decimals(size: uint256, answer: uint256):
    """
    @notice How many bytes `decimals` returns (32 at most), and of which number.
    """
    self.decimals_size = size
    self.decimals_answer = answer


@external
@view
@raw_return
def decimals() -> Bytes[32]:
    return slice(abi_encode(self.decimals_answer), 0, self.decimals_size)


@external
@view
@raw_return
def latestRoundData() -> Bytes[2_208]:
    mode: Mode = self.mode
    answer: int256 = self.answer
    updated_at: uint256 = block.timestamp
    size: uint256 = 160
    if mode == Mode.REVERTS:
        raise "feed: out of order"
    elif mode == Mode.BURNS_ALL_GAS:
        assert self.answer == 0, UNREACHABLE
    elif mode == Mode.RETURNS_NOTHING:
        size = 0
    elif mode == Mode.RETURNS_TOO_LITTLE:
        size = 159
    elif mode == Mode.RETURNS_TOO_MUCH:
        size = 2_208
    elif mode == Mode.NEGATIVE:
        answer = -answer
    elif mode == Mode.ZERO:
        answer = 0
    elif mode == Mode.TOO_LARGE:
        answer = max_value(int256)
    elif mode == Mode.IN_PROGRESS:
        updated_at = 0
    elif mode == Mode.IN_FUTURE:
        updated_at = block.timestamp + 1
    elif mode == Mode.HUNGRY:
        self._eat()

    round_id: uint256 = 1
    round: Bytes[160] = abi_encode(round_id, answer, updated_at, updated_at, round_id)
    if size <= 160:
        return slice(round, 0, size)
    return concat(round, self._padding())


@internal
@pure
def _eat():
    """
    @dev Spends gas.
    """
    digest: bytes32 = empty(bytes32)
    for _: uint256 in range(HUNGRY_STEPS):
        digest = keccak256(digest)


@internal
@pure
def _padding() -> Bytes[2_048]:
    """
    @dev 2 kB of zeros.
    """
    words: uint256[64] = empty(uint256[64])
    return abi_encode(words)
