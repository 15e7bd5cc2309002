# pragma version 0.4.3
"""
@title The state machine of a margin call
@notice none -> called -> cured (none again) | defaulted. E is the client's own equity at mark, b the buffer:

            call     E < MM * (1 + b)               deadline = now + cure period
            cure     E >= MM * (1 + b + 5 %)        in time; what was left of the period is kept
            default  past the deadline, not met     or, by the operator, E < MM * early

        A call within a day of the last cure goes on with what was left of its period, a quarter of it at least, so that
        being cured for a second buys no new one. The deadline moves by the time a market of the client stood still, and
        nobody can be declared in default while one does.
@dev   Decides and keeps the clock; what a state means for the guarantee is written by Sponsorship.
"""

from contracts._lib import fixed_point
from interfaces import IClearinghouse
from interfaces import ISponsorship


# One account's call.
struct Call:
    state: ISponsorship.CallState
    called_at: uint256
    deadline: uint256
    counted_until: uint256  # stops up to here have moved the deadline
    left_s: uint256  # of the period when it was cured
    ended: uint256  # time of the last cure


PPM: constant(uint256) = fixed_point.PPM
HYSTERESIS_PPM: constant(uint256) = 50_000
RESUME_S: constant(uint256) = 86_400
RESUMED_DIVISOR: constant(uint256) = 4
PART_DIVISOR: constant(uint256) = 10  # of the margin that a market must need for its stops to count

_calls: HashMap[uint256, Call]


@internal
@pure
def _is_above(health: IClearinghouse.Health, ppm: uint256) -> bool:
    """
    @dev E >= MM * ppm, and E >= 0.
    """
    if health.equity < 0:
        return False
    return convert(health.equity, uint256) * PPM >= health.mm * ppm


@internal
@view
def _assert_none(account: uint256):
    """
    @dev One call at a time, and none after a default.
    """
    state: ISponsorship.CallState = self._calls[account].state
    assert state != ISponsorship.CallState.DEFAULTED, "call: defaulted"
    assert state != ISponsorship.CallState.CALLED, "call: already open"


@internal
def _open(
    account: uint256, health: IClearinghouse.Health, buffer_ppm: uint256, cure_s: uint256
) -> uint256:
    """
    @dev none -> called. Returns the deadline.
    """
    call: Call = self._calls[account]
    assert not self._is_above(health, PPM + buffer_ppm), "call: above buffer"
    left_s: uint256 = cure_s
    if block.timestamp < call.ended + RESUME_S:
        left_s = min(cure_s, max(call.left_s, cure_s // RESUMED_DIVISOR))
    call.state = ISponsorship.CallState.CALLED
    call.called_at = block.timestamp
    call.counted_until = block.timestamp
    call.deadline = block.timestamp + left_s
    self._calls[account] = call
    return call.deadline


@internal
@pure
def _is_met(health: IClearinghouse.Health, buffer_ppm: uint256) -> bool:
    """
    @dev Whether an open call may end: E >= MM * (1 + b + 5 %).
    """
    return self._is_above(health, PPM + buffer_ppm + HYSTERESIS_PPM)


@internal
def _cure(account: uint256):
    """
    @dev called -> none.
    """
    call: Call = self._calls[account]
    call.state = empty(ISponsorship.CallState)
    call.left_s = max(call.deadline, block.timestamp) - block.timestamp
    call.ended = block.timestamp
    self._calls[account] = call


@internal
def _default(account: uint256):
    """
    @dev called -> defaulted.
    """
    self._calls[account].state = ISponsorship.CallState.DEFAULTED


@internal
def _forget(account: uint256):
    """
    @dev The guarantee is over, or a new one begins.
    """
    self._calls[account] = empty(Call)


@internal
@view
def _assert_open(account: uint256):
    """
    @dev Only an open call is cured or ends in default.
    """
    assert self._calls[account].state == ISponsorship.CallState.CALLED, "call: not open"


@internal
def _count_stops(
    account: uint256, clocks: IClearinghouse, markets: DynArray[uint256, 10], mm: uint256
) -> bool:
    """
    @dev Moves the deadline of an open call by the longest stop among the client's markets since the last count.
         Returns whether all of them are open now. Markets with less than a tenth of its maintenance margin, MM, do not
         count: a position of some dollars in a market that stands still would keep all others from a default.
    """
    call: Call = self._calls[account]
    moved_s: uint256 = 0
    all_open: bool = True
    for market: uint256 in markets:
        if not self._matters((staticcall clocks.leg(account, market)).mm, mm):
            continue
        start: uint256 = 0
        end: uint256 = 0
        is_open: bool = False
        start, end, is_open = staticcall clocks.clock_stop(market)
        all_open = all_open and is_open
        # a stop that began after the deadline comes too late
        if start <= call.deadline:
            start = max(start, call.counted_until)
            moved_s = max(moved_s, max(min(end, block.timestamp), start) - start)
    if call.state == ISponsorship.CallState.CALLED:
        self._calls[account].counted_until = block.timestamp
        if moved_s != 0:
            self._calls[account].deadline = call.deadline + moved_s
            log ISponsorship.ClockStopped(
                account=account, seconds=moved_s, deadline=call.deadline + moved_s
            )
    return all_open


@internal
@view
def _has_blind_leg(
    account: uint256, ledger: IClearinghouse, markets: DynArray[uint256, 10], mm: uint256
) -> bool:
    """
    @dev Whether a market that matters has no price.
    """
    for market: uint256 in markets:
        leg: IClearinghouse.Leg = staticcall ledger.leg(account, market)
        if not leg.priced and self._matters(leg.mm, mm):
            return True
    return False


@internal
@pure
def _matters(leg_mm: uint256, mm: uint256) -> bool:
    """
    @dev Whether a position needs a tenth of the account's maintenance margin.
    """
    return leg_mm != 0 and leg_mm * PART_DIVISOR >= mm


@internal
@pure
def _amount_up(health: IClearinghouse.Health, buffer_ppm: uint256) -> uint256:
    """
    @dev What a deposit must bring to cure.
    """
    target: uint256 = fixed_point._div_up(health.mm * (PPM + buffer_ppm + HYSTERESIS_PPM), PPM)
    missing: int256 = convert(target, int256) - health.equity
    return convert(max(missing, 0), uint256)
