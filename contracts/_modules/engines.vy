# pragma version 0.4.3
"""
@title The contracts that may use the ledger's primitives, named once
"""

deployer: address
custody: public(address)
exchange: public(address)
liquidator: public(address)
sponsorship: public(address)


@deploy
def __init__():
    self.deployer = msg.sender


@internal
def _wire(custody: address, exchange: address, liquidator: address, sponsorship: address):
    """
    @dev Names the engines, once, by the deployer.
    """
    assert self.custody == empty(address), "wire: already done"
    assert msg.sender == self.deployer, "wire: only deployer"
    assert empty(address) not in [custody, exchange, liquidator, sponsorship], "wire: zero address"
    self.deployer = empty(address)
    self.custody = custody
    self.exchange = exchange
    self.liquidator = liquidator
    self.sponsorship = sponsorship


@internal
@view
def _assert_custody():
    """
    @dev Only custody: deposits, withdrawals, fee sweeps.
    """
    assert msg.sender == self.custody, "access: not custody"


@internal
@view
def _assert_exchange():
    """
    @dev Only the exchange: trades.
    """
    assert msg.sender == self.exchange, "access: not exchange"


@internal
@view
def _assert_liquidator():
    """
    @dev Only the liquidator: takes and resolution.
    """
    assert msg.sender == self.liquidator, "access: not liquidator"


@internal
@view
def _assert_sponsorship():
    """
    @dev Only sponsorship: guarantees of brokers.
    """
    assert msg.sender == self.sponsorship, "access: not sponsorship"
