# pragma version 0.4.3
"""
@title The part of the clearinghouse that the liquidator talks to, with positions set by hand
@dev   Marks, sizes and cash are given; margin has two brackets; a re-match and a frozen resolve close at mark. There
       are no counterparties and no queue: those are the ledger's own business.
"""

from interfaces import IClearinghouse


struct Market:
    mark: uint256  # wad
    priced: bool
    low_ppm: uint256
    threshold: uint256  # wad
    high_ppm: uint256
    min_notional: uint256  # whole quote units


struct Position:
    size: int256
    entry: uint256


WAD: constant(uint256) = 10**18
PPM: constant(uint256) = 10**6

markets: HashMap[uint256, Market]
registered: HashMap[uint256, DynArray[uint256, 10]]
positions: HashMap[uint256, HashMap[uint256, Position]]
cash: public(HashMap[uint256, int256])
is_started: public(HashMap[uint256, bool])
insurance_fees: public(uint256)
rematch_most: public(uint256)  # wad a call of `rematch` closes at most
take_loss: public(uint256)  # wad an account loses in a take beside its terms
job: IClearinghouse.AdlJob
steps_left: public(uint256)
haircut: public(uint256)  # wad credited at the end of a resolve
last_discount_ppm: public(uint256)
last_weights: public(uint256)
last_bonus: public(uint256)
interest: HashMap[uint256, uint256]  # wad, of either side
held: DynArray[uint256, 20]  # market << 1 | long
stops: HashMap[uint256, uint256[2]]  # since, until
waiting: HashMap[uint256, bool]


@deploy
def __init__():
    self.rematch_most = max_value(uint256)
    self.steps_left = 1


@external
def set_market(
    market: uint256, mark: uint256, low_ppm: uint256, threshold: uint256, high_ppm: uint256
):
    self.markets[market] = Market(
        mark=mark,
        priced=True,
        low_ppm=low_ppm,
        threshold=threshold,
        high_ppm=high_ppm,
        min_notional=100,
    )


@external
def set_mark(market: uint256, mark: uint256):
    self.markets[market].mark = mark


@external
def set_priced(market: uint256, priced: bool):
    self.markets[market].priced = priced


@external
def set_stop(market: uint256, since: uint256, until: uint256, waiting: bool):
    self.stops[market] = [since, until]
    self.waiting[market] = waiting


@external
def set_cash(account: uint256, cash: int256):
    self.cash[account] = cash


@external
def set_position(account: uint256, market: uint256, size: int256, entry: uint256):
    if market not in self.registered[account]:
        self.registered[account].append(market)
    self.positions[account][market] = Position(size=size, entry=entry)


@external
def set_rematch_most(most: uint256):
    self.rematch_most = most


@external
def set_take_loss(loss: uint256):
    self.take_loss = loss


@external
def set_resolve(steps: uint256, haircut: uint256):
    self.steps_left = steps
    self.haircut = haircut


@external
def set_interest(market: uint256, interest: uint256):
    self.interest[market] = interest


@external
def set_job_phase(phase: uint256):
    self.job.phase = phase


@external
def credit(account: uint256, amount: uint256):
    self.cash[account] += convert(amount, int256)


@external
def debit(account: uint256, amount: uint256):
    self.cash[account] -= convert(amount, int256)


@external
def poke(market: uint256) -> (uint256, bool):
    return self.markets[market].mark, self.markets[market].priced


@external
def sync(account: uint256, market: uint256) -> bool:
    self._deregister(account, market)
    return True


@external
def set_started(account: uint256, started: bool):
    self.is_started[account] = started


@external
def hold(market: uint256, long: bool):
    self.held.append(market << 1 | convert(long, uint256))


@external
def take(order: IClearinghouse.Take) -> IClearinghouse.Health:
    assert self.is_started[order.account], "account: not under liquidation"
    self.insurance_fees += order.fee
    self.cash[order.account] -= convert(order.fee + self.take_loss, int256)
    self._move(order.account, order.market, -order.size, order.account_price)
    self.cash[order.taker] += convert(order.bonus, int256)
    self._move(order.taker, order.market, order.size, order.account_price)
    self.last_bonus = order.bonus
    return self._health(order.account)


@external
def rematch(
    account: uint256, market: uint256, size: uint256, discount_ppm: uint256, max_buckets: uint256
) -> uint256:
    assert self._health(account).equity >= 0, "rematch: bankrupt"
    closed: uint256 = min(size, self.rematch_most)
    mark: uint256 = self.markets[market].mark
    self.last_discount_ppm = discount_ppm
    if self.positions[account][market].size > 0:
        self._move(account, market, -convert(closed, int256), mark * (PPM - discount_ppm) // PPM)
    else:
        self._move(account, market, convert(closed, int256), mark * (PPM + discount_ppm) // PPM)
    return closed


@external
def adl_begin(account: uint256, reserved: uint256, weights: uint256):
    health: IClearinghouse.Health = self._health(account)
    assert health.priced, "adl: no price"
    assert health.equity < 0, "adl: not bankrupt"
    assert self.job.account == 0 or block.timestamp >= self.job.started + 600, "adl: job is young"
    deficit: uint256 = convert(-health.equity, uint256)
    self.last_weights = weights
    self.job = IClearinghouse.AdlJob(
        account=account,
        started=block.timestamp,
        deficit=deficit,
        reserved=reserved,
        uncovered=deficit - min(deficit, reserved),
        credited=0,
        legs=len(self.registered[account]),
        leg=0,
        phase=0,
    )


@external
def adl_step(max_buckets: uint256) -> bool:
    assert self.job.account != 0, "adl: no job"
    self.steps_left -= 1
    if self.steps_left != 0:
        return False
    account: uint256 = self.job.account
    self.cash[account] += convert(self.haircut, int256)
    markets: DynArray[uint256, 10] = self.registered[account]
    for market: uint256 in markets:
        self._move(
            account, market, -self.positions[account][market].size, self.markets[market].mark
        )
    self.job = empty(IClearinghouse.AdlJob)
    return True


@external
def cover(account: uint256, amount: uint256) -> uint256:
    assert len(self.registered[account]) == 0, "cover: holds positions"
    assert self.cash[account] < 0, "cover: no loss"
    deficit: uint256 = convert(-self.cash[account], uint256)
    self.cash[account] = 0
    return deficit - amount


@external
@view
def adl_job() -> IClearinghouse.AdlJob:
    return self.job


@external
@view
def health(account: uint256) -> IClearinghouse.Health:
    return self._health(account)


@external
@view
def leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    return self._leg(account, market)


@external
@view
def markets_of(account: uint256) -> DynArray[uint256, 10]:
    return self.registered[account]


@external
@view
def mark(market: uint256) -> (uint256, bool):
    return self.markets[market].mark, self.markets[market].priced


@external
@view
def clock_stop(market: uint256) -> (uint256, uint256, bool):
    if not self.markets[market].priced:
        return self.stops[market][0], block.timestamp, False
    return self.stops[market][0], self.stops[market][1], not self.waiting[market]


@external
@view
def market_config(market: uint256) -> IClearinghouse.MarketConfig:
    config: IClearinghouse.MarketConfig = empty(IClearinghouse.MarketConfig)
    config.min_notional = self.markets[market].min_notional
    return config


@external
@view
def holds() -> DynArray[uint256, 20]:
    """
    @notice Every hold that was asked for: market << 1 | long.
    """
    return self.held


@external
@view
def open_interest(market: uint256) -> (uint256, uint256):
    return self.interest[market], self.interest[market]


@internal
def _move(account: uint256, market: uint256, delta: int256, price: uint256):
    position: Position = self.positions[account][market]
    value: uint256 = convert(abs(delta), uint256) * price // WAD
    self.cash[account] += -convert(value, int256) if delta > 0 else convert(value, int256)
    self.positions[account][market] = Position(
        size=position.size + delta, entry=position.entry if position.entry != 0 else price
    )
    if market not in self.registered[account]:
        self.registered[account].append(market)
    self._deregister(account, market)


@internal
def _deregister(account: uint256, market: uint256):
    if self.positions[account][market].size != 0:
        return
    kept: DynArray[uint256, 10] = []
    markets: DynArray[uint256, 10] = self.registered[account]
    for other: uint256 in markets:
        if other != market:
            kept.append(other)
    self.registered[account] = kept


@internal
@view
def _leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    terms: Market = self.markets[market]
    position: Position = self.positions[account][market]
    notional: uint256 = convert(abs(position.size), uint256) * terms.mark // WAD
    low: uint256 = min(notional, terms.threshold)
    mm: uint256 = (low * terms.low_ppm + (notional - low) * terms.high_ppm + PPM - 1) // PPM
    return IClearinghouse.Leg(
        size=position.size,
        entry=position.entry,
        accrued=0,
        mark=terms.mark,
        priced=terms.priced,
        notional=notional,
        mm=mm,
        im=2 * mm,
        mm_rate_ppm=terms.high_ppm if notional > terms.threshold else terms.low_ppm,
        leverage_class=0,
    )


@internal
@view
def _health(account: uint256) -> IClearinghouse.Health:
    equity: int256 = self.cash[account]
    mm: uint256 = 0
    priced: bool = True
    for market: uint256 in self.registered[account]:
        leg: IClearinghouse.Leg = self._leg(account, market)
        value: int256 = convert(leg.notional, int256)
        equity += value if leg.size > 0 else -value
        mm += leg.mm
        priced = priced and leg.priced
    return IClearinghouse.Health(
        equity=equity,
        equity_im=equity,
        mm=mm,
        im=2 * mm,
        cash=self.cash[account],
        priced=priced,
        shield=0,
    )
