# pragma version 0.4.3
"""
@title The part of the clearinghouse that brokers and custody talk to, with health and clocks set by hand
"""

from interfaces import IClearinghouse


struct Guarantee:
    amount: uint256
    opening_until: uint256
    shield_until: uint256
    buffer_ppm: uint256


struct Stop:
    start: uint256
    end: uint256
    is_open: bool


is_started: public(HashMap[uint256, bool])
guarantees: public(HashMap[uint256, Guarantee])
_healths: HashMap[uint256, IClearinghouse.Health]
_unpriced: HashMap[uint256, bool]
_legs: HashMap[uint256, HashMap[uint256, IClearinghouse.Leg]]
_markets: HashMap[uint256, DynArray[uint256, 10]]
_stops: HashMap[uint256, Stop]


@external
def set_health(account: uint256, equity: int256, mm: uint256, im: uint256):
    self._healths[account] = IClearinghouse.Health(
        equity=equity, equity_im=equity, mm=mm, im=im, cash=equity, priced=True, shield=0
    )


@external
def set_priced(account: uint256, priced: bool):
    self._unpriced[account] = not priced


# Signed size, notional and maintenance margin of one position; margin 0: all that the account needs.
@external
def set_leg(account: uint256, market: uint256, size: int256, notional: uint256, mm: uint256):
    self._legs[account][market].size = size
    self._legs[account][market].notional = notional
    self._legs[account][market].mm = mm


@external
def set_started(account: uint256, started: bool):
    self.is_started[account] = started


@external
def set_markets(account: uint256, markets: DynArray[uint256, 10]):
    self._markets[account] = markets


@external
def set_stop(market: uint256, start: uint256, end: uint256, is_open: bool):
    self._stops[market] = Stop(start=start, end=end, is_open=is_open)


@external
def set_guarantee(
    account: uint256,
    amount: uint256,
    opening_until: uint256,
    shield_until: uint256,
    buffer_ppm: uint256,
):
    self.guarantees[account] = Guarantee(
        amount=amount,
        opening_until=opening_until,
        shield_until=shield_until,
        buffer_ppm=buffer_ppm,
    )


@external
@view
def health(account: uint256) -> IClearinghouse.Health:
    known: IClearinghouse.Health = self._healths[account]
    known.priced = not self._unpriced[account]
    return known


@external
@view
def leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    position: IClearinghouse.Leg = self._legs[account][market]
    if position.mm == 0:
        position.mm = self._healths[account].mm
    position.priced = not self._unpriced[account]
    return position


@external
@view
def markets_of(account: uint256) -> DynArray[uint256, 10]:
    return self._markets[account]


# A stop that is still running ends now, whenever somebody looks.
@external
@view
def clock_stop(market: uint256) -> (uint256, uint256, bool):
    stop: Stop = self._stops[market]
    return (
        stop.start
    ), block.timestamp if stop.end == 0 and stop.start != 0 else stop.end, stop.is_open
