# pragma version 0.4.3
"""
@title The mark of a block, and funding
@notice Left-continuous: the stored rate and mark are accrued over the elapsed time first, then replaced.
            F += rate * mark * dt          (ray quote per base unit; rate in ppb per hour)
        Nothing accrues while the market had no price, nor while a frozen resolve works on it, so that the
        F it froze is the F at which the bankrupt account leaves.
        The rate is base + median of the last twelve five-minute premiums, clamped to the cap.
        In a settled market all of that stands still for ever.
"""

from contracts._lib import cap_code
from contracts._lib import fixed_point
from contracts._modules import buffer_cap
from contracts._modules import engines
from contracts._modules import ledger
from contracts._modules import market_risk
from contracts._modules import outages
from interfaces import IClearinghouse
from interfaces import IPriceOracle

uses: ledger
uses: market_risk
uses: buffer_cap
uses: engines


# The views of RegistryEngine that compute risk words, funding rates and caps, and what it does to outage words.
interface RiskMaths:
    def risk_after(
        word: uint256,
        terms_word: uint256,
        old_mark: uint256,
        new_mark: uint256,
        least_hold: uint256,
    ) -> (uint256, uint256, bool): view

    def risk_now(word: uint256, terms_word: uint256, mark: uint256) -> IClearinghouse.Risk: view

    def stop_after(word: uint256, clock: uint256, status: uint256, resumed_at: uint256) -> (
        uint256, uint256, bool
    ): view

    def next_rate(
        terms_word: uint256,
        volume_set: uint256,
        notional: uint256,
        window: uint256,
        premium_sum: int256,
        premium_volume: uint256,
        steps: uint256,
    ) -> (int256, uint256): view

    def cap_code(terms_word: uint256, liquidator: address) -> uint256: view


BUCKET_SECONDS: constant(uint256) = 300

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
    @dev The market as `_poke` would store it in this block but for STIRRED and WAITING, its premium window, and the
         mark it had; given its clock word.
    """
    state: ledger.Market = ledger._market_at_clock(market, clock)
    old_mark: uint256 = state.mark
    if state.block == block.number:
        return state, 0, old_mark
    assert state.time != 0, "market: unknown"
    if state.status & ledger.SETTLED != 0:
        state.block = block.number
        state.time = block.timestamp
        return state, 0, old_mark
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
    @dev The market as `_poke` would store it in this block, for those who look at neither STIRRED nor WAITING.
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
    # a hold from now on holds now, however long it lasts
    word, side, stirred = self._risk_after(market, terms_word, old_mark, state.mark, 0)
    if not stirred:
        return state, empty(market_risk.Reading)
    return state, market_risk._read(word, terms_word)


@internal
@view
def _risk_after(
    market: uint256, terms_word: uint256, old_mark: uint256, new_mark: uint256, least_hold: uint256
) -> (uint256, uint256, bool):
    """
    @dev What the market's risk word becomes by a change of the mark, see RegistryEngine. All zero without risk terms.
    """
    if terms_word == 0:
        return 0, 0, False
    return staticcall RISK.risk_after(
        ledger.risk_words[market], terms_word, old_mark, new_mark, least_hold
    )


@internal
@view
def _resumed_at(clock: uint256) -> uint256:
    """
    @dev Since when the sequencer is up again that had stopped after the last poke; 0: it had not, or the last pokes are
         so near that nobody asks. Given the clock word before a poke.
    """
    poked_at: uint256 = clock >> 40 & (2**40 - 1)
    if clock >> 224 & ledger.PRICED == 0 or block.timestamp - poked_at < outages.GAP_SECONDS:
        return 0
    resumed_at: uint256 = staticcall ORACLE.resumed_at(skip_contract_check=True)
    return resumed_at if resumed_at > poked_at else 0


@internal
@view
def _clock_stop(market: uint256, status: uint256) -> (uint256, uint256, bool):
    """
    @dev The last stop of the market's auction clocks, and whether its positions can be resolved, as `_poke` would leave
         them in this block, given the status that `_peek` finds.
    """
    clock: uint256 = ledger.market_clock[market]
    return staticcall RISK.stop_after(
        ledger.outage_words[market], clock, status, self._resumed_at(clock)
    )


@internal
def _store_risk(
    market: uint256, old_mark: uint256, new_mark: uint256, status: uint256, grace_until: uint256
) -> uint256:
    """
    @dev Stores what a change of the mark does to the market's risk word; returns its status with STIRRED as it shall be.
         The time of a hold begins when accounts can be resolved: not before the end of a grace.
    """
    word: uint256 = 0
    side: uint256 = 0
    stirred: bool = False
    word, side, stirred = self._risk_after(
        market, ledger.risk_terms[market], old_mark, new_mark, grace_until
    )
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
        grace_until: uint256 = self._clock_stop(market, state.status)[1]
        word = self._risk_after(market, terms_word, old_mark, state.mark, grace_until)[0]
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
    grace_until: uint256 = 0
    poked_at: uint256 = clock >> 40 & (2**40 - 1)
    if (
        clock >> 224 ^ state.status
    ) & ledger.PRICED | state.status & ledger.WAITING != 0 or unsafe_sub(
        block.timestamp, poked_at
    ) >= outages.GAP_SECONDS:
        state.status, grace_until = self._store_outage(market, clock, state.status)
    if state.mark != old_mark:
        state.status = self._store_risk(market, old_mark, state.mark, state.status, grace_until)
    if (
        poked_at // BUCKET_SECONDS != block.timestamp // BUCKET_SECONDS
        and state.status & ledger.SETTLED == 0
    ):
        ledger.premium_windows[market] = window
        if clock >> 224 & ledger.CAPPED != 0:
            buffer_cap._store_code(market, self._cap_code_now(market))
        log IClearinghouse.FundingRateSet(market=market, rate_ppb=state.rate_ppb)
    ledger._store_pulse(market, state)
    ledger._store_clock(market, state)


@internal
def _store_outage(market: uint256, clock: uint256, status: uint256) -> (uint256, uint256):
    """
    @dev Stores what a poke does to the market's outage word, see RegistryEngine. Returns the status with WAITING as it
         shall be, and when the last grace ends.
    """
    resumed_at: uint256 = self._resumed_at(clock)
    if (clock >> 224 ^ status) & ledger.PRICED | status & ledger.WAITING | resumed_at == 0:
        return status, 0
    result: Bytes[64] = raw_call(
        RISK.address,
        abi_encode(
            market,
            clock,
            status,
            resumed_at,
            method_id=method_id("note_outage(uint256,uint256,uint256,uint256)"),
        ),
        max_outsize=64,
        is_delegate_call=True,
    )
    return abi_decode(result, (uint256, uint256))


@internal
@view
def _cap_code_now(market: uint256) -> uint256:
    """
    @dev Code of the market's cap by the insurance capital there is now.
    """
    return staticcall RISK.cap_code(ledger.buffer_terms[market], engines.liquidator)


@internal
@view
def _cap(market: uint256) -> uint256:
    """
    @dev The market's cap (wad quote) as `_poke` would leave it in this block.
    """
    clock: uint256 = ledger.market_clock[market]
    code: uint256 = ledger.market_brackets[market] >> cap_code.PLACE
    poked_at: uint256 = clock >> 40 & (2**40 - 1)
    if (
        clock >> 224 & ledger.CAPPED != 0
        and poked_at // BUCKET_SECONDS != block.timestamp // BUCKET_SECONDS
    ):
        code = self._cap_code_now(market)
    return buffer_cap._cap(code)


@internal
@view
def _next_rate(market: uint256, old: ledger.Market, steps: uint256) -> (ledger.Market, uint256):
    """
    @dev Closes the running premium bucket, lets skipped ones count as zero and sets the rate.
    """
    state: ledger.Market = old
    window: uint256 = 0
    state.rate_ppb, window = staticcall RISK.next_rate(
        ledger.market_terms[market],
        ledger.premium_volumes[market],
        ledger._larger_side_down(ledger.market_interest[market], state.mark),
        ledger.premium_windows[market],
        state.premium_sum,
        state.premium_volume,
        steps,
    )
    state.premium_sum = 0
    state.premium_volume = 0
    return state, window
