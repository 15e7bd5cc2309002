# pragma version 0.4.3
"""
@title Whom a broker's vault obeys, and what each of them alone may do
@dev   Read from the registry once, when the vault is opened: nobody can replace them afterwards.
"""

from interfaces import IBrokerEscrow
from interfaces import IBrokerRegistry
from interfaces import ISponsorship
from interfaces import IWaterfall

REGISTRY: public(immutable(IBrokerRegistry))
SPONSORSHIP: public(immutable(ISponsorship))
FUND: public(immutable(address))
WATERFALL: public(immutable(IWaterfall))
CUSTODY: public(immutable(address))
ESCROW: public(immutable(IBrokerEscrow))
operator: public(immutable(address))


@deploy
def __init__(
    operator_: address,
    custody: address,
    escrow: IBrokerEscrow,
    sponsorship: ISponsorship,
    fund: address,
    waterfall: IWaterfall,
):
    """
    @dev The registry deploys vaults.
    """
    REGISTRY = IBrokerRegistry(msg.sender)
    SPONSORSHIP = sponsorship
    FUND = fund
    WATERFALL = waterfall
    CUSTODY = custody
    ESCROW = escrow
    operator = operator_


@internal
@view
def _only_operator():
    """
    @dev Who runs the broker.
    """
    assert msg.sender == operator, "access: not operator"


@internal
@view
def _only_sponsorship():
    """
    @dev The contract that knows what clients and operator agreed on.
    """
    assert msg.sender == SPONSORSHIP.address, "access: not sponsorship"


@internal
@view
def _only_fund():
    """
    @dev The guaranty fund.
    """
    assert msg.sender == FUND, "access: not fund"


@internal
@view
def _assert_no_loss_pending():
    """
    @dev Nobody leaves while a loss waits to be paid.
    """
    assert not staticcall WATERFALL.exits_blocked(), "vault: loss pending"
