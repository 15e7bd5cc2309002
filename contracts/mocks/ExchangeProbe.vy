# pragma version 0.4.3
"""
@title Stands where the clearinghouse and the liquidator would, and writes down how it was called
@notice For tests of the exchange alone. Trades between accounts move nothing; a mark, a started account or a
        refusal is whatever the test sets.
"""

from interfaces import IClearinghouse


struct TakeCall:
    taker: uint256
    account: uint256
    market: uint256
    size: uint256
    limit_price: uint256


event Traded:
    fill: IClearinghouse.Fill


event Touched:
    account: indexed(uint256)


is_started: public(HashMap[uint256, bool])
mark_of: public(HashMap[uint256, uint256])
leg_size: public(HashMap[uint256, HashMap[uint256, int256]])
last_take: public(TakeCall)

# account -> what a trade or touch of it reverts with, empty: nothing
_trade_refusal: HashMap[uint256, String[64]]
_touch_refusal: HashMap[uint256, String[64]]
# account -> a trade of it burns all gas
_burns: HashMap[uint256, bool]
# account -> a trade of it reverts with these bytes
_raw_refusal: HashMap[uint256, Bytes[512]]
_take_share_ppm: uint256


@deploy
def __init__():
    self._take_share_ppm = 1_000_000


@external
def set_started(account: uint256, started: bool):
    self.is_started[account] = started


@external
def set_mark(market: uint256, mark: uint256):
    """
    @notice Sets the mark that `poke` gives; 0: no price.
    """
    self.mark_of[market] = mark


@external
def set_leg(account: uint256, market: uint256, size: int256):
    self.leg_size[account][market] = size


@external
def set_take_share(share_ppm: uint256):
    """
    @notice Sets which part of what is asked a take gives.
    """
    self._take_share_ppm = share_ppm


@external
def refuse_trade(account: uint256, reason: String[64]):
    self._trade_refusal[account] = reason


@external
def refuse_trade_raw(account: uint256, data: Bytes[512]):
    self._raw_refusal[account] = data


@external
def refuse_touch(account: uint256, reason: String[64]):
    self._touch_refusal[account] = reason


@external
def burn_gas(account: uint256):
    self._burns[account] = True


@external
def trade(fill: IClearinghouse.Fill) -> uint256:
    if self._burns[fill.taker]:
        waste: bytes32 = empty(bytes32)
        for _: uint256 in range(2**64):
            waste = keccak256(waste)
    if len(self._raw_refusal[fill.taker]) != 0:
        raw_revert(self._raw_refusal[fill.taker])
    reason: String[64] = self._trade_refusal[fill.taker]
    assert len(reason) == 0, reason
    log Traded(fill=fill)
    started: uint256 = 0
    if self.is_started[fill.maker]:
        started = 1
    if self.is_started[fill.taker]:
        started |= 2
    return started


@external
@view
def poke(market: uint256) -> (uint256, bool):
    return self.mark_of[market], self.mark_of[market] != 0


@external
@view
def leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    leg: IClearinghouse.Leg = empty(IClearinghouse.Leg)
    leg.size = self.leg_size[account][market]
    return leg


@external
def touch(account: uint256):
    reason: String[64] = self._touch_refusal[account]
    assert len(reason) == 0, reason
    log Touched(account=account)


@external
def take_for(
    taker: uint256,
    account: uint256,
    market: uint256,
    size: uint256,
    limit_price: uint256,
) -> uint256:
    self.last_take = TakeCall(
        taker=taker,
        account=account,
        market=market,
        size=size,
        limit_price=limit_price,
    )
    return size * self._take_share_ppm // 1_000_000
