# pragma version 0.4.3
"""
@title Margin calls: who may call, cure and declare a default, and what each does to the guarantee
@dev   The state machine and its clock are those of margin_calls; here they meet the account's health and its record.
"""

from contracts._modules import guarantees
from contracts._modules import margin_calls
from contracts._modules import neighbours
from interfaces import IClearinghouse
from interfaces import ISponsorship

uses: guarantees
uses: margin_calls
uses: neighbours


@external
@nonreentrant
def call(account: uint256):
    record: ISponsorship.Sponsored = guarantees._record(account)
    margin_calls._assert_none(account)
    assert block.timestamp < record.expiry, "call: expired"
    guarantees._assert_not_started(account)
    health: IClearinghouse.Health = neighbours._health(account)
    deadline: uint256 = margin_calls._open(account, health, record.buffer_ppm, record.cure_s)
    guarantees._write(account, record)
    log ISponsorship.MarginCalled(
        account=account,
        broker=record.broker,
        amount=margin_calls._amount_up(health, record.buffer_ppm),
        deadline=deadline,
    )


@external
@nonreentrant
def cure(account: uint256):
    record: ISponsorship.Sponsored = self._called(account)
    guarantees._assert_not_started(account)
    health: IClearinghouse.Health = neighbours._health(account)
    self._count_stops(account, health)
    assert block.timestamp <= margin_calls._calls[account].deadline, "call: deadline passed"
    # nobody is cured at a mark that is gone
    assert not guarantees._has_blind_leg(account, health), "call: clock stopped"
    assert margin_calls._is_met(health, record.buffer_ppm), "call: not cured"
    self._cure(account, record, health)


@external
@nonreentrant
def count_stops(account: uint256):
    self._count_stops(account, neighbours._health(account))


@external
@nonreentrant
def declare_default(account: uint256):
    record: ISponsorship.Sponsored = self._called(account)
    health: IClearinghouse.Health = neighbours._health(account)
    is_open: bool = self._count_stops(account, health)
    assert block.timestamp > margin_calls._calls[account].deadline, "call: not due"
    assert is_open, "call: clock stopped"
    if margin_calls._is_met(health, record.buffer_ppm):
        # nobody said so in time
        self._cure(account, record, health)
    else:
        self._default(account, record, False)


@external
@nonreentrant
def start_early(account: uint256):
    record: ISponsorship.Sponsored = guarantees._record(account)
    assert (
        msg.sender == staticcall guarantees.REGISTRY.operator_of(record.broker)
    ), "access: not operator"
    margin_calls._assert_open(account)
    health: IClearinghouse.Health = neighbours._health(account)
    assert self._count_stops(account, health), "call: clock stopped"
    assert not margin_calls._is_above(health, record.early_ppm), "call: above early start"
    self._default(account, record, True)


@external
@view
def margin_call(account: uint256) -> ISponsorship.MarginCall:
    call: margin_calls.Call = margin_calls._calls[account]
    if call.state == empty(ISponsorship.CallState):
        return empty(ISponsorship.MarginCall)
    return ISponsorship.MarginCall(
        state=call.state,
        called_at=call.called_at,
        deadline=call.deadline,
        amount=margin_calls._amount_up(
            neighbours._health(account), guarantees._sponsored[account].buffer_ppm
        ),
    )


@internal
def _default(account: uint256, record: ISponsorship.Sponsored, early: bool):
    """
    @dev The guarantee expires now, and is first loss until it is released or drawn.
    """
    changed: ISponsorship.Sponsored = record
    changed.expiry = min(record.expiry, block.timestamp)
    guarantees._sponsored[account] = changed
    margin_calls._default(account)
    guarantees._write(account, changed)
    log ISponsorship.MarginDefaulted(account=account, broker=record.broker, early=early)


@internal
def _cure(account: uint256, record: ISponsorship.Sponsored, health: IClearinghouse.Health):
    """
    @dev The guarantee counts for openings again.
    """
    margin_calls._cure(account)
    guarantees._write(account, record)
    log ISponsorship.MarginCured(account=account, broker=record.broker, equity=health.equity)


@internal
def _count_stops(account: uint256, health: IClearinghouse.Health) -> bool:
    """
    @dev See the module; the ledger knows when its markets stood still.
    """
    return margin_calls._count_stops(
        account, neighbours.CLEARINGHOUSE, neighbours._markets(account), health.mm
    )


@internal
@view
def _called(account: uint256) -> ISponsorship.Sponsored:
    """
    @dev The guarantee of an account whose call is open.
    """
    margin_calls._assert_open(account)
    return guarantees._sponsored[account]
