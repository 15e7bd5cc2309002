# pragma version 0.4.3
"""
@title Guarantees in force: the records, what the ledger is told of them, and what they may cost
@dev   A record ends by release or by a draw, and only `_end` ends one: it clears all that hangs on it.
"""

from ethereum.ercs import IERC20Detailed
from contracts._lib import fixed_point
from contracts._modules import client_book
from contracts._modules import margin_calls
from contracts._modules import neighbours
from contracts._modules import sponsor_consent
from interfaces import IBrokerRegistry
from interfaces import IBrokerVault
from interfaces import IClearinghouse
from interfaces import ISponsorship

uses: client_book
uses: margin_calls
uses: neighbours

PPM: constant(uint256) = fixed_point.PPM
# Maintenance margins that a market may move before anybody can act.
RISK_MARGINS: constant(uint256) = 4

REGISTRY: public(immutable(IBrokerRegistry))
SCALE: immutable(uint256)  # wad per token unit

_sponsored: HashMap[uint256, ISponsorship.Sponsored]


@deploy
def __init__(registry: IBrokerRegistry, token: address):
    REGISTRY = registry
    SCALE = 10**(18 - convert(staticcall IERC20Detailed(token).decimals(), uint256))


@external
@nonreentrant
def measure(account: uint256):
    self._measure(account, self._record(account), neighbours._health(account))


@external
@view
def sponsorship(account: uint256) -> ISponsorship.Sponsored:
    return self._sponsored[account]


@external
@view
def broker_of(account: uint256) -> address:
    return self._sponsored[account].broker


@external
@view
def guaranteed(account: uint256) -> uint256:
    return self._sponsored[account].lock * SCALE


@internal
def _write(account: uint256, record: ISponsorship.Sponsored):
    """
    @dev What the ledger counts, and until when. During a call, and after a default, nothing is opened on it.
    """
    call: ISponsorship.CallState = margin_calls._calls[account].state
    opening_until: uint256 = 0
    if call == empty(ISponsorship.CallState):
        opening_until = record.expiry - sponsor_consent._notice_s(record.cure_s)
    extcall neighbours.CLEARINGHOUSE.set_guarantee(
        account,
        record.lock * SCALE,
        opening_until,
        record.expiry,
        record.buffer_ppm,
    )


@internal
def _end(account: uint256, record: ISponsorship.Sponsored):
    """
    @dev Clears everything and frees what is left of the lock.
    """
    self._sponsored[account] = empty(ISponsorship.Sponsored)
    margin_calls._forget(account)
    client_book._set_risk(account, record.broker, 0)
    client_book._remove(record.broker, account)
    extcall neighbours.CLEARINGHOUSE.set_guarantee(account, 0, 0, 0, 0)
    extcall IBrokerVault(record.broker).unlock(account)


@internal
def _measure(account: uint256, record: ISponsorship.Sponsored, health: IClearinghouse.Health):
    """
    @dev What the account may cost its broker: nothing while all is known and its buffer is whole. Else what it would lack
         if the market moved by four maintenance margins, for longs and shorts alike, and its lock at most. Token units,
         rounded up.
    """
    tokens: uint256 = 0
    if (
        not margin_calls._is_above(health, PPM + record.buffer_ppm)
        or staticcall neighbours.CLEARINGHOUSE.is_started(account)
        or self._has_blind_leg(account, health)
    ):
        cost: int256 = convert(RISK_MARGINS * health.mm, int256) - health.equity
        tokens = min(record.lock, fixed_point._div_up(fixed_point._positive(cost), SCALE))
    client_book._set_risk(account, record.broker, tokens)


@internal
@view
def _has_blind_leg(account: uint256, health: IClearinghouse.Health) -> bool:
    """
    @dev Whether nobody knows what the account is worth: a market that matters has no price.
    """
    return not health.priced and margin_calls._has_blind_leg(
        account, neighbours.CLEARINGHOUSE, neighbours._markets(account), health.mm
    )


@internal
@view
def _record(account: uint256) -> ISponsorship.Sponsored:
    """
    @dev The guarantee of an account that has one.
    """
    record: ISponsorship.Sponsored = self._sponsored[account]
    assert record.broker != empty(address), "sponsor: no broker"
    return record


@internal
@view
def _assert_no_call(account: uint256):
    """
    @dev Nobody leaves a call but by curing it.
    """
    assert (
        margin_calls._calls[account].state != ISponsorship.CallState.CALLED
    ), "sponsor: margin call open"


@internal
@view
def _assert_not_started(account: uint256):
    """
    @dev The liquidator owns an account under auction.
    """
    assert not staticcall neighbours.CLEARINGHOUSE.is_started(account), "account: under liquidation"
