# pragma version 0.4.3
"""
@title The contracts a liquidator works with
@dev   Structs are decoded here and nowhere else: each call site would cost half a kilobyte.
"""

# interfaces
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IWaterfall

# The last time the clocks of auctions stood still in a market.
struct Stop:
    since: uint256  # timestamp; both 0: never
    until: uint256  # timestamp, may be later than now
    open: bool  # positions in the market can be resolved now


# immutables
CLEARINGHOUSE: public(immutable(IClearinghouse))
WATERFALL: public(immutable(IWaterfall))
CUSTODY: public(immutable(ICustody))


@deploy
def __init__(clearinghouse: IClearinghouse, waterfall: IWaterfall, custody: ICustody):
    CLEARINGHOUSE = clearinghouse
    WATERFALL = waterfall
    CUSTODY = custody


@internal
@view
def _health(account: uint256) -> IClearinghouse.Health:
    """
    @dev Margin state as of now.
    """
    return staticcall CLEARINGHOUSE.health(account)


@internal
@view
def _leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    """
    @dev One position as of now.
    """
    return staticcall CLEARINGHOUSE.leg(account, market)


@internal
@view
def _markets(account: uint256) -> DynArray[uint256, 10]:
    """
    @dev Markets the account is registered in.
    """
    return staticcall CLEARINGHOUSE.markets_of(account)


@internal
@view
def _stop(market: uint256) -> Stop:
    """
    @dev Where a market's clocks stand as of now.
    """
    stop: Stop = empty(Stop)
    stop.since, stop.until, stop.open = staticcall CLEARINGHOUSE.clock_stop(market)
    return stop


@internal
@view
def _converts(market: uint256) -> bool:
    """
    @dev Whether positions of a market without a price become cash: it was settled, for its clocks run, and is not open.
    """
    stop: Stop = self._stop(market)
    return not stop.open and stop.until < block.timestamp
