# pragma version 0.4.3
"""
@title An amount that counts against a limit and is forgotten evenly over 24 hours
@dev   used(t) = used(t0) * max(0, 1 - (t - t0) / 24 h), written back at every change. Two
       changes forget a little less than one straight line would: (1-a)(1-b) >= 1-a-b, so a
       limit is never wider than published. One slot: amount (216 bits), time (40 bits).
"""

# constants
WINDOW: constant(uint256) = 86_400  # seconds
_TIME_BITS: constant(uint256) = 40
_TIME_MASK: constant(uint256) = 2**40 - 1
_AMOUNT_MAX: constant(uint256) = 2**216 - 1


@internal
@view
def _used(slot: uint256) -> uint256:
    """
    @dev What still counts now, rounded up: against whoever wants to use the limit.
    """
    elapsed: uint256 = block.timestamp - (slot & _TIME_MASK)
    if elapsed >= WINDOW:
        return 0
    return ((slot >> _TIME_BITS) * (WINDOW - elapsed) + WINDOW - 1) // WINDOW


@internal
@view
def _left_of(amount: uint256, since: uint256) -> uint256:
    """
    @dev What is left of `amount` counted at `since`, rounded up as in `_used`: a reservation at the limit can be
         released and made again without losing a wei.
    """
    elapsed: uint256 = block.timestamp - since
    if elapsed >= WINDOW:
        return 0
    return (amount * (WINDOW - elapsed) + WINDOW - 1) // WINDOW


@internal
@view
def _store(amount: uint256) -> uint256:
    """
    @dev The slot for an amount that counts from now on.
    """
    assert amount <= _AMOUNT_MAX, "limit: amount too large"
    return (amount << _TIME_BITS) | block.timestamp
