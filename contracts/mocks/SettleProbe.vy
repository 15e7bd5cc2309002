# pragma version 0.4.3
# pragma optimize gas
"""
@title Answers a trade at no cost
@notice Stands where the clearinghouse would, so that a receipt shows the exchange's own share of the gas.
"""

from interfaces import IClearinghouse


@external
def trade(fill: IClearinghouse.Fill) -> uint256:
    return 0
