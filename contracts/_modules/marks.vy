# pragma version 0.4.3
"""
@title The mark of a block, and funding
@notice Left-continuous: the stored rate and mark are accrued over the elapsed time first, then replaced.
            F += rate * mark * dt          (ray quote per base unit; rate in ppb per hour)
        Nothing accrues while the market had no price, nor while a frozen resolve works on it, so that the
        F it froze is the F at which the bankrupt account leaves.
        The rate is base + median of the last twelve five-minute premiums, clamped to the cap.
"""

from contracts._lib import fixed_point
from contracts._lib import premium_window
from contracts._modules import ledger
from contracts._modules import market_risk
from contracts._modules import market_terms
from interfaces import IClearinghouse
from interfaces import IPriceOracle

uses: ledger
uses: market_terms
uses: market_risk


# The views of RegistryEngine that compute risk words.
interface RiskMaths:
    def risk_after(word: uint256, terms_word: uint256, old_mark: uint256, new_mark: uint256) -> (
        uint256, uint256, bool
    ): view

    def risk_now(word: uint256, terms_word: uint256, mark: uint256) -> IClearinghouse.Risk: view


BUCKET_SECONDS: constant(uint256) = 300
WINDOW_BUCKETS: constant(uint256) = 12

ORACLE: immutable(IPriceOracle)
RISK: immutable(RiskMaths)


@deploy
def __init__(oracle: IPriceOracle, risk_maths: address):
    ORACLE = oracle
    RISK = RiskMaths(risk_maths)


@internal
@view
def _peek(market: uint256, clock: uint256) -> (ledger.Market, uint256, uint256):
    """
    @dev The market as `_poke` would store it in this block but for STIRRED, its premium window, and the mark it had;
         given its clock word.
    """
    state: ledger.Market = ledger._market_at_clock(market, clock)
    old_mark: uint256 = state.mark
    if state.block == block.number:
        return state, 0, old_mark
    assert state.time != 0, "market: unknown"
    window: uint256 = 0
    steps: uint256 = block.timestamp // BUCKET_SECONDS - state.time // BUCKET_SECONDS
    since: uint256 = state.time
    if steps != 0:
        # the old rate holds to the end of its five minutes, however late the poke
        since = (state.time // BUCKET_SECONDS + 1) * BUCKET_SECONDS
        state.funding_index += self._flow(state, since - state.time)
        state, window = self._next_rate(market, state, steps)
    state.funding_index += self._flow(state, block.timestamp - since)
    price: uint256 = 0
    priced: bool = False
    # an address without code returns no data, which does not decode
    price, priced = staticcall ORACLE.read(market, skip_contract_check=True)
    if priced:
        state.mark = price
        state.status |= ledger.PRICED
    else:
        state.status &= ~ledger.PRICED
    state.block = block.number
    state.time = block.timestamp
    return state, window, old_mark


@internal
@view
def _peek_market(market: uint256) -> ledger.Market:
    """
    @dev The market as `_poke` would store it in this block, for those who do not look at STIRRED.
    """
    return self._peek(market, ledger.market_clock[market])[0]


@internal
@view
def _peek_risk(market: uint256) -> (ledger.Market, market_risk.Reading):
    """
    @dev The market, and what margins must heed, as `_poke` would leave them in this block.
    """
    state: ledger.Market = empty(ledger.Market)
    window: uint256 = 0
    old_mark: uint256 = 0
    state, window, old_mark = self._peek(market, ledger.market_clock[market])
    if state.mark == old_mark:
        return state, market_risk._reading(market, state.status)
    terms_word: uint256 = ledger.risk_terms[market]
    word: uint256 = 0
    side: uint256 = 0
    stirred: bool = False
    word, side, stirred = self._risk_after(market, terms_word, old_mark, state.mark)
    if not stirred:
        return state, empty(market_risk.Reading)
    return state, market_risk._read(word, terms_word)


@internal
@view
def _risk_after(
    market: uint256, terms_word: uint256, old_mark: uint256, new_mark: uint256
) -> (uint256, uint256, bool):
    """
    @dev What the market's risk word becomes by a change of the mark, see RegistryEngine. All zero without risk terms.
    """
    if terms_word == 0:
        return 0, 0, False
    return staticcall RISK.risk_after(ledger.risk_words[market], terms_word, old_mark, new_mark)


@internal
def _store_risk(market: uint256, old_mark: uint256, new_mark: uint256, status: uint256) -> uint256:
    """
    @dev Stores what a change of the mark does to the market's risk word; returns its status with STIRRED as it shall be.
    """
    word: uint256 = 0
    side: uint256 = 0
    stirred: bool = False
    word, side, stirred = self._risk_after(market, ledger.risk_terms[market], old_mark, new_mark)
    if word == 0:
        return status
    ledger.risk_words[market] = word
    if side != 0:
        market_risk._log_hold(market, side == market_risk.LONGS, market_risk._hold_end(word))
    return status & ~ledger.STIRRED | convert(stirred, uint256) * ledger.STIRRED


@internal
@view
def _risk(market: uint256) -> IClearinghouse.Risk:
    """
    @dev The market's averages, stress and holds as `_poke` would leave them in this block.
    """
    state: ledger.Market = empty(ledger.Market)
    window: uint256 = 0
    old_mark: uint256 = 0
    state, window, old_mark = self._peek(market, ledger.market_clock[market])
    terms_word: uint256 = ledger.risk_terms[market]
    word: uint256 = ledger.risk_words[market]
    if state.mark != old_mark:
        word = self._risk_after(market, terms_word, old_mark, state.mark)[0]
    return staticcall RISK.risk_now(word, terms_word, state.mark)


@internal
@pure
def _flow(state: ledger.Market, elapsed: uint256) -> int256:
    """
    @dev What F gains in `elapsed` seconds at the stored rate and mark.
    """
    if (
        state.status & (ledger.PRICED | ledger.FUNDING_FROZEN) != ledger.PRICED
        or state.rate_ppb == 0
    ):
        return 0
    # mark (1e18) * rate (1e9 per hour) = 1e27 per hour; 96, 40 and 32 bits
    whole: int256 = unsafe_mul(convert(unsafe_mul(state.mark, elapsed), int256), state.rate_ppb)
    return fixed_point._floor_div(whole, 3_600)


@internal
def _poke(market: uint256):
    """
    @dev Stores the mark of this block once.
    """
    clock: uint256 = ledger.market_clock[market]
    if clock & (2**40 - 1) == block.number:
        return
    state: ledger.Market = empty(ledger.Market)
    window: uint256 = 0
    old_mark: uint256 = 0
    state, window, old_mark = self._peek(market, clock)
    if state.mark != old_mark:
        state.status = self._store_risk(market, old_mark, state.mark, state.status)
    if (clock >> 40 & (2**40 - 1)) // BUCKET_SECONDS != block.timestamp // BUCKET_SECONDS:
        ledger.premium_windows[market] = window
        log IClearinghouse.FundingRateSet(market=market, rate_ppb=state.rate_ppb)
    ledger._store_pulse(market, state)
    ledger._store_clock(market, state)


@internal
@view
def _next_rate(market: uint256, old: ledger.Market, steps: uint256) -> (ledger.Market, uint256):
    """
    @dev Closes the running premium bucket, lets skipped ones count as zero and sets the rate.
    """
    state: ledger.Market = old
    terms: market_terms.Terms = market_terms._terms(market)
    long: uint256 = 0
    short: uint256 = 0
    long, short = ledger._interest(market)
    premium: int256 = premium_window._bucket_premium(
        state.premium_sum * 10**9,
        state.premium_volume,
        premium_window._v_min(
            ledger.premium_volumes[market] * 10**6,
            terms.funding_cap_ppb,
            max(long, short) * state.mark // (fixed_point.WAD * ledger.MICRO),
            terms.maker_fee_ppm + terms.taker_fee_ppm,
        ),
    )
    window: uint256 = premium_window._push(ledger.premium_windows[market], premium)
    if steps > 1:
        window = premium_window._push_zeros(window, min(steps - 1, WINDOW_BUCKETS))
    state.rate_ppb = premium_window._rate(
        terms.funding_base_ppb, premium_window._median(window), terms.funding_cap_ppb
    )
    state.premium_sum = 0
    state.premium_volume = 0
    return state, window
