# pragma version 0.4.3
"""
@title Mutual guaranty fund: layer 5 of the waterfall
@notice Every broker with a seat owes a contribution and, once more as much, one prefunded assessment. Both are locked in its own
        vault; this contract says how much of them is left and who pays how much of a loss:

            1. the broker whose client lost: its contribution, then its assessment;
            2. the contributions of all others, pro rata;
            3. their assessments, pro rata.

        Worked example. A, B and C have contributed 50, 100 and 150, with assessments of the same. A client of A loses 320 beyond
        all layers before: A pays 100, B and C pay 88 and 132 of their contributions. A has failed; B and C have five
        days to be complete again. Clients of A can cost them 30 more: half of the 500 they had committed, less 220.
@dev    Contributions fall by draws and by retirement only: a commitment that could be lowered would be lowered just before a
        draw. What the clients of one broker may ever cost the others is a part of what these have committed; that is asked when
        a loss is reserved, and what was reserved is paid.
"""

from contracts._lib import fixed_point
from contracts._lib import pro_rata
from interfaces import IBrokerRegistry
from interfaces import IBrokerVault
from interfaces import IGuarantyFund
from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable

implements: IGuarantyFund
initializes: ownable

# exports (renounce_ownership is left out: parameters must stay maintainable)
exports: (
    ownable.owner,
    ownable.transfer_ownership,
)

PPM: constant(uint256) = fixed_point.PPM
MAX_BROKERS: constant(uint256) = 32
REPLENISH_S: constant(uint256) = 5 * 86400
MIN_RATE_PPM: constant(uint256) = 10_000
MAX_RATE_PPM: constant(uint256) = 500_000
MAX_MINIMUM: constant(uint256) = 1_000_000  # whole tokens

REGISTRY: public(immutable(IBrokerRegistry))
WATERFALL: public(immutable(address))
WHOLE_TOKEN: immutable(uint256)  # token units

min_contribution: public(uint256)  # token units
contribution_ppm: public(uint256)  # of client locks
cause_ppm: public(uint256)  # of what others have committed
contribution: public(HashMap[address, uint256])
assessment: public(HashMap[address, uint256])
cost: public(HashMap[address, uint256])
_drawn_due: HashMap[address, uint256]  # deadline of the draw that left a member incomplete
_taken: HashMap[address, uint256]  # by losses of others since it was last complete
_changed_at: uint256  # time of the last change of parameters


@deploy
def __init__(registry: IBrokerRegistry, asset: address, waterfall: address):
    """
    @dev Starts at 10,000 whole tokens, 10 % of client locks, half of what others have committed for one cause.
    """
    ownable.__init__()
    REGISTRY = registry
    WATERFALL = waterfall
    WHOLE_TOKEN = 10**convert(staticcall IERC20Detailed(asset).decimals(), uint256)
    self._set_parameters(10_000 * WHOLE_TOKEN, 100_000, 500_000)


@external
def set_parameters(min_contribution: uint256, contribution_ppm: uint256, cause_ppm: uint256):
    ownable._check_owner()
    self._set_parameters(min_contribution, contribution_ppm, cause_ppm)


# --- members -----------------------------------------------------------------------------


@external
@nonreentrant
def fill(broker: address):
    # the operator has agreed to it by joining, or by sponsoring
    if msg.sender not in [REGISTRY.address, staticcall REGISTRY.sponsorship()]:
        assert msg.sender == staticcall REGISTRY.operator_of(broker), "access: not operator"
    state: IBrokerRegistry.State = (staticcall REGISTRY.state_of(broker))[0]
    assert (
        state in (IBrokerRegistry.State.ACTIVE | IBrokerRegistry.State.SUSPENDED)
    ), "fund: closed"
    needed: uint256 = self._required(broker)
    contribution: uint256 = max(self.contribution[broker], needed)
    assessment: uint256 = max(self.assessment[broker], needed)
    added: uint256 = (
        contribution + assessment - self.contribution[broker] - self.assessment[broker]
    )
    self._forget_draws(broker)
    if added == 0:
        return
    self.contribution[broker] = contribution
    self.assessment[broker] = assessment
    log IGuarantyFund.Filled(broker=broker, contribution=contribution, assessment=assessment)
    extcall IBrokerVault(broker).commit(added)


@external
@nonreentrant
def release(broker: address):
    assert msg.sender == REGISTRY.address, "access: not registry"
    tokens: uint256 = self._committed(broker)
    self.contribution[broker] = 0
    self.assessment[broker] = 0
    self._forget_draws(broker)
    log IGuarantyFund.Released(broker=broker, tokens=tokens)
    extcall IBrokerVault(broker).uncommit(tokens)


# --- losses ------------------------------------------------------------------------------


@external
@nonreentrant
def pay_loss(cause: address, tokens: uint256) -> uint256:
    assert msg.sender == WATERFALL, "access: not waterfall"
    committed: uint256 = self._committed(cause)  # nothing for no broker
    own: uint256 = min(tokens, committed)
    from_contribution: uint256 = min(own, self.contribution[cause])
    self._draw(cause, cause, from_contribution, own - from_contribution)

    members: DynArray[address, MAX_BROKERS] = staticcall REGISTRY.members()
    contributions: uint256 = 0  # of all but the cause
    assessments: uint256 = 0
    for member: address in members:
        if member != cause:
            contributions += self.contribution[member]
            assessments += self.assessment[member]
    rest: uint256 = min(tokens - own, contributions + assessments)
    if rest == 0:
        return own

    from_contributions: uint256 = min(rest, contributions)
    from_assessments: uint256 = rest - from_contributions
    for member: address in members:
        if member == cause:
            continue
        first: uint256 = self.contribution[member]
        second: uint256 = self.assessment[member]
        drawn_first: uint256 = pro_rata._next_up(from_contributions, first, contributions)
        drawn_second: uint256 = pro_rata._next_up(from_assessments, second, assessments)
        from_contributions -= drawn_first
        contributions -= first
        from_assessments -= drawn_second
        assessments -= second
        self._draw(member, cause, drawn_first, drawn_second)
    if cause != empty(address):
        self.cost[cause] += rest
        # what others' losses took of its commitment, and it may still replenish, is not its failure
        excused: uint256 = min(rest, self._taken[cause])
        self._taken[cause] -= excused
        if rest != excused:
            extcall REGISTRY.fail(cause)
    return own + rest


# --- views -------------------------------------------------------------------------------


@external
@view
def is_filled(broker: address) -> bool:
    return self._is_filled(broker)


@external
@view
def required(broker: address) -> uint256:
    return self._required(broker)


@external
@view
def due(broker: address) -> uint256:
    return self._due(broker)


@external
@view
def is_overdue(broker: address) -> bool:
    due: uint256 = self._due(broker)
    return due != 0 and block.timestamp > due


@external
@view
def totalAssets() -> uint256:
    return self._total()


@external
@view
def room(cause: address) -> uint256:
    own: uint256 = self._committed(cause)  # nothing for no broker; who has clients has a seat
    return own + self._others_room(cause, self._total() - own)


# --- internals ---------------------------------------------------------------------------


@internal
def _draw(broker: address, cause: address, contribution: uint256, assessment: uint256):
    """
    @dev Takes both parts from one member and tells it when they must be back.
    """
    if contribution + assessment == 0:
        return
    was_filled: bool = self._is_filled(broker)
    if was_filled:
        self._taken[broker] = 0
    if cause != broker:
        self._taken[broker] += contribution + assessment
    self.contribution[broker] -= contribution
    self.assessment[broker] -= assessment
    # the deadline of an earlier draw is over when it has been complete in between
    if was_filled or self._drawn_due[broker] == 0:
        self._drawn_due[broker] = block.timestamp + REPLENISH_S
    log IGuarantyFund.MemberDrawn(
        broker=broker,
        cause=cause,
        contribution=contribution,
        assessment=assessment,
        due=self._due(broker),
    )
    extcall IBrokerVault(broker).pay_commitment(contribution + assessment)


@internal
def _forget_draws(broker: address):
    """
    @dev It is complete, or no member any more.
    """
    self._drawn_due[broker] = 0
    self._taken[broker] = 0


@internal
def _set_parameters(min_contribution: uint256, contribution_ppm: uint256, cause_ppm: uint256):
    """
    @dev Hard bounds: every member has something at stake, and no broker's clients take more than there is.
    """
    assert (
        min_contribution != 0 and min_contribution <= MAX_MINIMUM * WHOLE_TOKEN
    ), "fund: bad minimum"
    assert (contribution_ppm >= MIN_RATE_PPM and contribution_ppm <= MAX_RATE_PPM), "fund: bad rate"
    assert cause_ppm <= PPM, "fund: bad cause limit"
    self.min_contribution = min_contribution
    self.contribution_ppm = contribution_ppm
    self.cause_ppm = cause_ppm
    self._changed_at = block.timestamp
    log IGuarantyFund.ParametersSet(
        min_contribution=min_contribution, contribution_ppm=contribution_ppm, cause_ppm=cause_ppm
    )


@internal
@view
def _required(broker: address) -> uint256:
    """
    @dev The larger of the minimum and its part of client locks, rounded up.
    """
    locks: uint256 = staticcall IBrokerVault(broker).client_locks()
    return max(self.min_contribution, fixed_point._div_up(locks * self.contribution_ppm, PPM))


@internal
@view
def _is_filled(broker: address) -> bool:
    """
    @dev Both parts are what is required.
    """
    needed: uint256 = self._required(broker)
    return self.contribution[broker] >= needed and self.assessment[broker] >= needed


@internal
@view
def _due(broker: address) -> uint256:
    """
    @dev When an incomplete member must be complete again: five days after the draw, or after more was required of all.
    """
    if self._is_filled(broker):
        return 0
    return max(self._drawn_due[broker], self._changed_at + REPLENISH_S)


@internal
@view
def _committed(broker: address) -> uint256:
    """
    @dev What is left of both parts.
    """
    return self.contribution[broker] + self.assessment[broker]


@internal
@view
def _others_room(cause: address, others: uint256) -> uint256:
    """
    @dev What all but the cause, who have committed `others`, still pay for it; what it has cost them was a part of that.
    """
    if cause == empty(address):
        return others
    cost: uint256 = self.cost[cause]
    return max((others + cost) * self.cause_ppm // PPM, cost) - cost


@internal
@view
def _total() -> uint256:
    """
    @dev What all members have committed. Those without a seat, not yet or no more, are not liable.
    """
    total: uint256 = 0
    members: DynArray[address, MAX_BROKERS] = staticcall REGISTRY.members()
    for member: address in members:
        total += self._committed(member)
    return total
