# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Plimsoll clearinghouse: the ledger and the hot path
@notice Parties: a *trader* holds accounts; the *exchange* brings matched orders; *custody* holds the tokens; the
        *liquidator* moves positions of accounts below maintenance margin. Nobody else changes a balance.

        Symbols: E equity, IM and MM initial and maintenance margin, M mark, F funding index, sigma = +1 long
        and -1 short. Quote amounts and prices are wad, indices ray.

        One trade: Ann buys 2 units from Bob at 100. Ann's cash falls by 200 and her size rises by 2, Bob's cash
        rises by 200 and his size falls by 2. At mark 110 Ann's equity has risen by 2 * 110 - 200 = 20 and Bob's
        fallen by 20. Nothing else is ever booked for a trade but the fees.

        This contract holds the storage, the views, and deposits and withdrawals. Four engines run on its storage by
        delegatecall to addresses fixed at deployment: TradeEngine (trades), TakeEngine (slices of auctions), AdlEngine
        (re-matching and the frozen resolve), RegistryEngine (listing). They exist because one contract may have 24,576 bytes.
"""

from contracts._lib import loss_weights
from contracts._modules import adl_index
from contracts._modules import adl_queue as queue
from contracts._modules import resolve_job
from contracts._modules import buffer_cap as caps
from contracts._modules import concentration_terms
from contracts._modules import engines
from contracts._modules import ledger
from contracts._modules import margin
from contracts._modules import market_risk
from contracts._modules import market_terms
from contracts._modules import marks
from interfaces import IClearinghouse
from interfaces import IPriceOracle
from snekmate.auth import ownable

implements: IClearinghouse

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: market_risk[ledger := ledger]
initializes: caps[ledger := ledger]
initializes: marks[
    ledger := ledger, market_risk := market_risk, buffer_cap := caps, engines := engines
]
initializes: adl_index[ledger := ledger]
initializes: queue[ledger := ledger, adl_index := adl_index]
initializes: margin[
    ledger := ledger, market_terms := market_terms, risks := market_risk, adl_index := adl_index
]

exports: (
    ownable.owner,
    ownable.transfer_ownership,
    # renounce_ownership is left out: somebody must be able to list markets
    engines.custody,
    engines.exchange,
    engines.liquidator,
    engines.sponsorship,
)

TRADE_ENGINE: public(immutable(address))
TAKE_ENGINE: public(immutable(address))
ADL_ENGINE: public(immutable(address))
REGISTRY_ENGINE: public(immutable(address))


@deploy
def __init__(
    oracle: IPriceOracle,
    trade_engine: address,
    take_engine: address,
    adl_engine: address,
    registry_engine: address,
):
    assert trade_engine.is_contract, "wire: not a contract"
    assert take_engine.is_contract, "wire: not a contract"
    assert adl_engine.is_contract, "wire: not a contract"
    assert registry_engine.is_contract, "wire: not a contract"
    ownable.__init__()
    engines.__init__()
    marks.__init__(oracle, registry_engine)
    TRADE_ENGINE = trade_engine
    TAKE_ENGINE = take_engine
    ADL_ENGINE = adl_engine
    REGISTRY_ENGINE = registry_engine


@external
def wire(custody: address, exchange: address, liquidator: address, sponsorship: address):
    """
    @notice Names the contracts that may use the primitives. Once, by the deployer.
    """
    raw_call(REGISTRY_ENGINE, msg.data, is_delegate_call=True)


# --- registration --------------------------------------------------------------------------


@external
def list_market(market: uint256, config: IClearinghouse.MarketConfig):
    """
    @notice Lists a market whose feeds the oracle knows. Owner only.
    """
    self._delegate(REGISTRY_ENGINE)


@external
def set_risk_terms(market: uint256, terms: IClearinghouse.RiskTerms):
    """
    @notice Sets how a market's averages, stress and holds work, within hard bounds. Owner only.
    """
    self._delegate(REGISTRY_ENGINE)


@external
def settle_market(market: uint256):
    marks._poke(market)
    self._delegate(REGISTRY_ENGINE)


@external
def set_buffer_terms(market: uint256, terms: IClearinghouse.BufferTerms):
    """
    @notice Sets how far insurance capital backs a market's open interest, within hard bounds, and the cap at once. All
            zero: only the listed cap counts. The shares of all markets are at most one together. Owner only.
    """
    self._delegate(REGISTRY_ENGINE)


@external
def set_concentration(market: uint256, terms: IClearinghouse.Concentration):
    """
    @notice Sets the extra initial margin of positions that are large beside their market, within hard bounds. All
            zero: none. Owner only.
    """
    self._delegate(REGISTRY_ENGINE)


@external
def open_isolated(subaccount: uint256) -> uint256:
    return self._delegate(REGISTRY_ENGINE)


@external
def set_leverage_class(account: uint256, market: uint256, leverage_class: uint256):
    self._delegate(REGISTRY_ENGINE)


# --- open to everybody -------------------------------------------------------------------


@external
def poke(market: uint256) -> (uint256, bool):
    marks._poke(market)
    state: ledger.Market = ledger._market(market)
    return state.mark, state.status & ledger.PRICED != 0


@external
def sync(account: uint256, market: uint256) -> bool:
    marks._poke(market)
    return self._delegate(ADL_ENGINE) != 0


# --- custody -------------------------------------------------------------------------------


@external
def credit(account: uint256, amount: uint256):
    engines._assert_custody()
    state: ledger.Account = ledger._account(account)
    assert state.flags & ledger.LOCKED == 0, "account: locked"
    ledger._add_cash(account, state, convert(amount, int256))


@external
def debit(account: uint256, amount: uint256):
    engines._assert_custody()
    state: ledger.Account = ledger._account(account)
    ledger._assert_free(state)
    assert state.flags & ledger.STARTED == 0, "account: under liquidation"
    self._assert_not_charged(account, state)
    health: IClearinghouse.Health = self._health(account)
    left: int256 = health.equity_im - convert(amount, int256)
    assert left >= convert(health.im, int256), "margin: below initial"
    ledger._add_cash(account, state, -convert(amount, int256))


@external
def collect_fees() -> (uint256, uint256):
    engines._assert_custody()
    trading: uint256 = ledger._take_trading_fees()
    insurance: uint256 = ledger.insurance_fees
    ledger.insurance_fees = 0
    return trading, insurance


# --- exchange ------------------------------------------------------------------------------


@external
def trade(fill: IClearinghouse.Fill) -> uint256:
    marks._poke(fill.market)
    self._poke_all(fill.maker, fill.market)
    self._poke_all(fill.taker, fill.market)
    result: Bytes[32] = raw_call(TRADE_ENGINE, msg.data, max_outsize=32, is_delegate_call=True)
    return convert(result, uint256)


# --- sponsorship ---------------------------------------------------------------------------


@external
def set_guarantee(
    account: uint256,
    amount: uint256,
    opening_until: uint256,
    shield_until: uint256,
    buffer_ppm: uint256,
):
    raw_call(REGISTRY_ENGINE, msg.data, is_delegate_call=True)


# --- liquidator ----------------------------------------------------------------------------


@external
def set_started(account: uint256, started: bool):
    engines._assert_liquidator()
    state: ledger.Account = ledger._account(account)
    assert state.flags & ledger.LOCKED == 0, "account: locked"
    if started:
        state.flags |= ledger.STARTED
    else:
        state.flags &= ~ledger.STARTED
    ledger._store_account(account, state)


@external
def hold(market: uint256, long: bool):
    marks._poke(market)
    self._delegate(REGISTRY_ENGINE)


@external
def take(order: IClearinghouse.Take) -> IClearinghouse.Health:
    marks._poke(order.market)
    self._poke_all(order.account, order.market)
    self._poke_all(order.taker, order.market)
    result: Bytes[224] = raw_call(TAKE_ENGINE, msg.data, max_outsize=224, is_delegate_call=True)
    return abi_decode(result, IClearinghouse.Health)


@external
def rematch(
    account: uint256, market: uint256, size: uint256, discount_ppm: uint256, max_buckets: uint256
) -> uint256:
    marks._poke(market)
    return self._delegate(ADL_ENGINE)


@external
def adl_begin(account: uint256, reserved: uint256, weights: uint256):
    self._poke_all(account, 0)
    self._poke_job()
    for i: uint256 in range(loss_weights.FIELDS):
        market: uint256 = loss_weights._field(weights, i)[0]
        if market == 0:
            break
        marks._poke(market)
    self._delegate(ADL_ENGINE)


@external
def adl_step(max_buckets: uint256) -> bool:
    self._poke_job()
    return self._delegate(ADL_ENGINE) != 0


@external
def cover(account: uint256, amount: uint256) -> uint256:
    return self._delegate(ADL_ENGINE)


# --- views -----------------------------------------------------------------------------------


@external
@view
def health(account: uint256) -> IClearinghouse.Health:
    return self._health(account)


@external
@view
def leg(account: uint256, market: uint256) -> IClearinghouse.Leg:
    state: ledger.Market = empty(ledger.Market)
    risk: market_risk.Reading = empty(market_risk.Reading)
    state, risk = marks._peek_risk(market)
    return margin._leg(account, market, state, risk)


@external
@view
def markets_of(account: uint256) -> DynArray[uint256, 10]:
    state: ledger.Account = ledger._account(account)
    markets: DynArray[uint256, 10] = []
    for i: uint256 in range(state.count, bound=ledger.MAX_MARKETS):
        markets.append(ledger._market_at(state.markets, i))
    return markets


@external
@view
def guarantee(account: uint256) -> (uint256, uint256):
    return ledger._opening(ledger.guarantees[account]), ledger._shield(account, ledger.SPONSORED)


@external
@view
def is_started(account: uint256) -> bool:
    return ledger._account(account).flags & ledger.STARTED != 0


@external
@view
def mark(market: uint256) -> (uint256, bool):
    state: ledger.Market = marks._peek_market(market)
    return state.mark, state.status & ledger.PRICED != 0


@external
@view
def clock_stop(market: uint256) -> (uint256, uint256, bool):
    return marks._clock_stop(market, marks._peek_market(market).status)


@external
@view
def market_config(market: uint256) -> IClearinghouse.MarketConfig:
    return market_terms._config(market)


@external
@view
def risk_terms(market: uint256) -> IClearinghouse.RiskTerms:
    assert ledger.market_terms[market] != 0, "market: unknown"
    return market_risk._unpacked_terms(ledger.risk_terms[market])


@external
@view
def risk(market: uint256) -> IClearinghouse.Risk:
    return marks._risk(market)


@external
@view
def buffer_terms(market: uint256) -> IClearinghouse.BufferTerms:
    assert ledger.market_terms[market] != 0, "market: unknown"
    return caps._unpacked(ledger.buffer_terms[market])


@external
@view
def buffer_cap(market: uint256) -> uint256:
    assert ledger.market_terms[market] != 0, "market: unknown"
    return marks._cap(market)


@external
@view
def concentration(market: uint256) -> IClearinghouse.Concentration:
    assert ledger.market_terms[market] != 0, "market: unknown"
    return concentration_terms._unpacked(ledger.market_clock[market] >> 224)


@external
@view
def open_interest(market: uint256) -> (uint256, uint256):
    return ledger._interest(market)


@external
@view
def adl_job() -> IClearinghouse.AdlJob:
    return resolve_job.job


@external
@view
def fee_balances() -> (uint256, uint256):
    return ledger._trading_fees(), ledger.insurance_fees


@external
@view
def funding(market: uint256) -> (int256, int256):
    state: ledger.Market = marks._peek_market(market)
    return state.funding_index, state.rate_ppb


@external
@view
def adl_queue(
    market: uint256, long: bool, count: uint256
) -> DynArray[IClearinghouse.QueueEntry, 64]:
    return queue._queue(market, long, count, marks._peek_market(market))


@external
@view
def adl_rank(account: uint256, market: uint256) -> IClearinghouse.QueueRank:
    return queue._rank(account, market, marks._peek_market(market))


# --- internal ------------------------------------------------------------------------------


@internal
def _delegate(engine: address) -> uint256:
    """
    @dev Lets an engine do what was called; returns the word it returns, or 0.
    """
    result: Bytes[32] = raw_call(engine, msg.data, max_outsize=32, is_delegate_call=True)
    return convert(result, uint256)


@internal
def _poke_all(account: uint256, poked: uint256):
    """
    @dev Refreshes the marks of all markets an account is in; nothing to do if it is only in one that has been
         `poked`.
    """
    markets: uint256 = ledger.account_words[account] >> 128 & ledger.MARKETS
    if markets == poked:
        return
    for _: uint256 in range(ledger.MAX_MARKETS):
        if markets == 0:
            break
        marks._poke(markets & 255)
        markets >>= 8


@internal
def _poke_job():
    """
    @dev Brings the frozen markets' clocks up to now, or the end of the freeze would accrue its funding after all.
    """
    for i: uint256 in range(resolve_job.job.legs, bound=10):
        marks._poke(resolve_job.legs[i].market)


@internal
@view
def _assert_not_charged(account: uint256, state: ledger.Account):
    """
    @dev Between the sum of profits and the end of a haircut no winner takes its profit out.
    """
    for i: uint256 in range(state.count, bound=ledger.MAX_MARKETS):
        market: uint256 = ledger._market_at(state.markets, i)
        long: bool = ledger._position(account, market).long
        ledger._assert_unlocked(ledger.market_clock[market] >> 224, long)


@internal
@view
def _health(account: uint256) -> IClearinghouse.Health:
    """
    @dev Health at the marks of this block, whether or not somebody has poked them yet.
    """
    state: ledger.Account = ledger._account(account)
    total: IClearinghouse.Health = margin._cash_only(state.cash)
    for i: uint256 in range(state.count, bound=ledger.MAX_MARKETS):
        market: uint256 = ledger._market_at(state.markets, i)
        fresh: ledger.Market = empty(ledger.Market)
        risk: market_risk.Reading = empty(market_risk.Reading)
        fresh, risk = marks._peek_risk(market)
        total = margin._with_leg(total, margin._leg(account, market, fresh, risk), risk)
    total.shield = ledger._shield(account, state.flags)
    return total
