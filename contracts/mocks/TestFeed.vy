# pragma version 0.4.3
# pragma optimize gas
"""
@title Chainlink-compatible feed whose rounds anybody may write; for local chains
@notice A read costs two cold slots, as an OCR aggregator's does: the newest round's number, and the
        round in one word (answer in the upper 192 bits, update time in the lower 64).
"""


event AnswerUpdated:
    current: indexed(int256)
    roundId: indexed(uint256)
    updatedAt: uint256


TIME_MASK: constant(int256) = 2**64 - 1

decimals: public(immutable(uint8))
latestRound: public(uint256)
rounds: HashMap[uint256, int256]


@deploy
def __init__(decimals_: uint8, answer: int256):
    decimals = decimals_
    self._set_round(answer, block.timestamp)


@external
def set_answer(answer: int256):
    """
    @notice A new round of this moment; the answer has the feed's own decimals.
    """
    self._set_round(answer, block.timestamp)


@external
def set_round(answer: int256, updated_at: uint256):
    """
    @notice A new round with any time: 0 is a round in progress.
    """
    self._set_round(answer, updated_at)


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    number: uint256 = self.latestRound
    packed: int256 = self.rounds[number]
    updated_at: uint256 = convert(packed & TIME_MASK, uint256)
    round_id: uint80 = convert(number, uint80)
    return round_id, packed >> 64, updated_at, updated_at, round_id


@internal
def _set_round(answer: int256, updated_at: uint256):
    """
    @dev Numbers rounds from 1.
    """
    checked_answer: int192 = convert(answer, int192)
    checked_time: uint64 = convert(updated_at, uint64)
    number: uint256 = self.latestRound + 1
    self.latestRound = number
    self.rounds[number] = (convert(checked_answer, int256) << 64) | convert(checked_time, int256)
    log AnswerUpdated(current=answer, roundId=number, updatedAt=updated_at)
