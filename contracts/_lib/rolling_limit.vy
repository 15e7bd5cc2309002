# pragma version 0.4.3
"""
@title Amounts that count against a limit, each forgotten evenly within a day
@dev   An amount counted at t0 falls in a straight line to 0 at its *mark*: the first multiple of four hours that is
       24 hours or more after t0. Amounts with the same mark are kept as one number, the sum of their rates:

           used(t) = sum over marks m > t of rate_m * (m - t)

       Nothing is written back as time passes, so no later change, however small or frequent, keeps an earlier
       amount from expiring; and taking one back undoes what counting it did, to the wei. `used` is never less than
       lines of 24 hours would be, and 0 from 28 hours after the last amount on. Amounts that widen a limit instead
       (`_with_down`) end at the last mark within 24 hours, so that they never widen it for longer.

       Mark number n is time / four hours. Seven are to come at any time, so three words of three marks hold them:
       word n / 3 % 3 has the rates (wei per second) of its marks in 80 bits each, and n / 3 in the 16 bits above.
       Older marks in a word have passed, and give way to the next that need it.
"""

# constants
WINDOW: constant(uint256) = 86_400  # seconds
STEP: constant(uint256) = 14_400  # seconds between marks
_WORDS: constant(uint256) = 3
_LANES: constant(uint256) = 3  # in a word
_LANE_BITS: constant(uint256) = 80
_LANE: constant(uint256) = 2**80 - 1
_STAMP: constant(uint256) = 2**16 - 1


@internal
@view
def _used(words: uint256[3]) -> uint256:
    """
    @dev What still counts now.
    """
    next: uint256 = block.timestamp // STEP + 1
    used: uint256 = 0
    for i: uint256 in range(_WORDS):
        group: uint256 = next // _LANES + i
        word: uint256 = words[group % _WORDS]
        if word >> (_LANES * _LANE_BITS) != group & _STAMP:
            continue
        for lane: uint256 in range(_LANES):
            mark: uint256 = group * _LANES + lane
            if mark >= next:
                rate: uint256 = word >> (_LANE_BITS * lane) & _LANE
                used += rate * (mark * STEP - block.timestamp)
    return used


@internal
@view
def _left_of(amount: uint256, since: uint256) -> uint256:
    """
    @dev What `amount`, counted at `since`, adds to `_used` now.
    """
    end: uint256 = self._mark(since) * STEP
    if end <= block.timestamp:
        return 0
    return self._rate_up(amount, since) * (end - block.timestamp)


@internal
@view
def _with(words: uint256[3], amount: uint256) -> uint256[3]:
    """
    @dev Counts an amount from now on.
    """
    mark: uint256 = self._mark(block.timestamp)
    word: uint256 = self._word(words, mark)
    rate: uint256 = self._rate(word, mark) + self._rate_up(amount, block.timestamp)
    assert rate <= _LANE, "limit: amount too large"
    return self._replaced(words, mark, self._with_rate(word, mark, rate))


@internal
@view
def _with_down(words: uint256[3], amount: uint256) -> uint256[3]:
    """
    @dev Counts an amount that widens a limit: forgotten after 20 to 24 hours, never later than its line of 24.
    """
    mark: uint256 = (block.timestamp + WINDOW) // STEP
    word: uint256 = self._word(words, mark)
    rate: uint256 = self._rate(word, mark) + amount // (mark * STEP - block.timestamp)
    return self._replaced(words, mark, self._with_rate(word, mark, min(rate, _LANE)))


@internal
@view
def _without(words: uint256[3], amount: uint256, kept: uint256, since: uint256) -> uint256[3]:
    """
    @dev Takes back an amount counted at `since`, but for the part `kept`, which goes on as if it had come alone.
    """
    mark: uint256 = self._mark(since)
    if mark * STEP <= block.timestamp:
        return words
    off: uint256 = self._rate_up(amount, since) - self._rate_up(kept, since)
    word: uint256 = self._word(words, mark)
    return self._replaced(words, mark, self._with_rate(word, mark, self._rate(word, mark) - off))


@internal
@pure
def _mark(since: uint256) -> uint256:
    """
    @dev Number of the mark at which an amount counted at `since` is forgotten.
    """
    return (since + WINDOW + STEP - 1) // STEP


@internal
@pure
def _rate_up(amount: uint256, since: uint256) -> uint256:
    """
    @dev Wei per second at which it is forgotten, rounded up: against whoever wants to use the limit.
    """
    seconds: uint256 = self._mark(since) * STEP - since
    return (amount + seconds - 1) // seconds


@internal
@pure
def _word(words: uint256[3], mark: uint256) -> uint256:
    """
    @dev The word of a mark to come; without rates if what is stored are marks that have passed.
    """
    stamp: uint256 = mark // _LANES & _STAMP
    word: uint256 = words[mark // _LANES % _WORDS]
    return word if word >> (_LANES * _LANE_BITS) == stamp else stamp << (_LANES * _LANE_BITS)


@internal
@pure
def _rate(word: uint256, mark: uint256) -> uint256:
    """
    @dev The rate that ends at a mark, from its word.
    """
    return word >> (_LANE_BITS * (mark % _LANES)) & _LANE


@internal
@pure
def _with_rate(word: uint256, mark: uint256, rate: uint256) -> uint256:
    """
    @dev The word of a mark with another rate.
    """
    place: uint256 = _LANE_BITS * (mark % _LANES)
    return word & ~(_LANE << place) | rate << place


@internal
@pure
def _replaced(words: uint256[3], mark: uint256, word: uint256) -> uint256[3]:
    """
    @dev The words with another one for a mark.
    """
    changed: uint256[3] = words
    changed[mark // _LANES % _WORDS] = word
    return changed
