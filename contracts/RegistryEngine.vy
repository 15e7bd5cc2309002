# pragma version 0.4.3
# pragma optimize codesize
"""
@title Registration and risk: markets, averages and stress, outages, wind-down, isolated accounts, leverage classes
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage. The Clearinghouse holds the re-entrancy lock. Views touch no storage: the
        Clearinghouse, which has no room for their maths, asks them by static call.
"""

from contracts._modules import buffer_cap
from contracts._modules import concentration_terms
from contracts._modules import resolve_job
from contracts._modules import engines
from contracts._modules import funding
from contracts._modules import ledger
from contracts._modules import market_risk
from contracts._modules import market_terms
from contracts._modules import outages
from contracts._modules import wind_down
from interfaces import IClearinghouse
from interfaces import IPriceOracle
from snekmate.auth import ownable

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: market_risk[ledger := ledger]
initializes: outages[ledger := ledger]
initializes: wind_down[ledger := ledger]
initializes: buffer_cap[ledger := ledger]
initializes: concentration_terms[ledger := ledger]

ORACLE: immutable(IPriceOracle)


@deploy
def __init__(oracle: IPriceOracle):
    ownable.__init__()
    engines.__init__()
    ORACLE = oracle


@external
def wire(custody: address, exchange: address, liquidator: address, sponsorship: address):
    """
    @notice Names the contracts that may use the primitives. Once, by the deployer.
    """
    engines._wire(custody, exchange, liquidator, sponsorship)


@external
def list_market(market: uint256, config: IClearinghouse.MarketConfig):
    """
    @notice Lists a market whose feeds the oracle knows. Owner only.
    """
    ownable._check_owner()
    assert market != 0 and market < 256, "market: bad id"
    assert ledger.market_terms[market] == 0, "market: already listed"
    mark: uint256 = 0
    priced: bool = False
    mark, priced = staticcall ORACLE.read(market)
    assert priced, "oracle: no price"
    market_terms._store(market, config, mark)
    ledger.listed |= 1 << market
    state: ledger.Market = empty(ledger.Market)
    state.mark = mark
    state.block = block.number
    state.time = block.timestamp
    state.status = ledger.PRICED
    ledger._store_pulse(market, state)
    ledger._store_clock(market, state)
    log IClearinghouse.MarketListed(market=market, config=config)


@external
def set_risk_terms(market: uint256, terms: IClearinghouse.RiskTerms):
    """
    @notice Sets how a market's averages, stress and holds work. Owner only.
    """
    ownable._check_owner()
    market_risk._store_terms(market, terms)


@external
def settle_market(market: uint256):
    """
    @notice See IClearinghouse. The Clearinghouse has poked the market.
    """
    wind_down._settle(market, msg.sender == ownable.owner)
    buffer_cap._release(market)


@external
def set_buffer_terms(market: uint256, terms: IClearinghouse.BufferTerms):
    """
    @notice Sets how far insurance capital backs a market's open interest. Owner only.
    """
    ownable._check_owner()
    buffer_cap._store_terms(market, terms, engines.liquidator)


@external
def set_concentration(market: uint256, terms: IClearinghouse.Concentration):
    """
    @notice Sets the extra initial margin of large positions in a market. Owner only.
    """
    ownable._check_owner()
    concentration_terms._store(market, terms)


@external
def hold(market: uint256, long: bool):
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    market_risk._hold(market, long)


@external
def set_guarantee(
    account: uint256,
    amount: uint256,
    opening_until: uint256,
    shield_until: uint256,
    buffer_ppm: uint256,
):
    """
    @notice See IClearinghouse.
    """
    engines._assert_sponsorship()
    assert amount < 2**112, "guarantee: too large"
    state: ledger.Account = ledger._account(account)
    state.flags &= ~ledger.SPONSORED
    word: uint256 = 0
    if amount != 0:
        state.flags |= ledger.SPONSORED
        word = amount | opening_until << 112 | shield_until << 152 | buffer_ppm << 192
    ledger.guarantees[account] = word
    ledger._store_account(account, state)
    log IClearinghouse.GuaranteeSet(
        account=account,
        amount=amount,
        opening_until=opening_until,
        shield_until=shield_until,
        buffer_ppm=buffer_ppm,
    )


@external
@view
def risk_after(
    word: uint256, terms_word: uint256, old_mark: uint256, new_mark: uint256, least_hold: uint256
) -> (uint256, uint256, bool):
    """
    @notice What a risk word becomes by a change of the mark (wad) now; the time of a hold begins at `least_hold` (a
            timestamp) if that is later.
    @return The word, the side that the change holds (0 none, 1 longs, 2 shorts), and whether margins must heed it.
    """
    state: market_risk.State = empty(market_risk.State)
    side: uint256 = 0
    state, side = market_risk._after_change(
        word, market_risk._unpacked_terms(terms_word), old_mark, new_mark, least_hold
    )
    return market_risk._packed(state), side, market_risk._is_stirred(state)


@external
@view
def risk_now(word: uint256, terms_word: uint256, mark: uint256) -> IClearinghouse.Risk:
    """
    @notice What a risk word says now, at a mark (wad).
    """
    return market_risk._described(word, terms_word, mark)


@external
def note_outage(
    market: uint256, clock: uint256, status: uint256, resumed_at: uint256
) -> (uint256, uint256):
    """
    @notice Stores and logs what a poke now does to a market's outage word. The market's clock word is `clock` still, and
            its status becomes `status` as far as the price goes; since `resumed_at` the sequencer is up again, which had
            stopped after the last poke (0: it had not, 2**256 - 1: it is not up).
    @return The status with WAITING as it shall be, and when the last grace ends.
    """
    return outages._note(market, clock, status, resumed_at)


@external
@view
def stop_after(
    word: uint256, clock: uint256, status: uint256, resumed_at: uint256
) -> (uint256, uint256, bool):
    """
    @notice What IClearinghouse.clock_stop says after a poke now, given the outage word before it; the rest as for
            `note_outage`.
    """
    return outages._stop_after(word, clock, status, resumed_at)


@external
@view
def next_rate(
    terms_word: uint256,
    volume_set: uint256,
    notional: uint256,
    window: uint256,
    premium_sum: int256,
    premium_volume: uint256,
    steps: uint256,
) -> (int256, uint256):
    """
    @notice Funding rate (ppb per hour) and premium window after the end of a five-minute bucket, see
            contracts/_modules/funding.vy.
    """
    return funding._next_rate(
        terms_word, volume_set, notional, window, premium_sum, premium_volume, steps
    )


@external
@view
def cap_code(terms_word: uint256, liquidator: address) -> uint256:
    """
    @notice Code of the cap on open interest that buffer terms give with the insurance capital there is now, see
            contracts/_lib/cap_code.vy. Never reverts.
    """
    return buffer_cap._code_now(terms_word, liquidator)


@external
def open_isolated(subaccount: uint256) -> uint256:
    """
    @notice See IClearinghouse.
    """
    assert subaccount < 2**96, "account: bad sub-account"
    account: uint256 = convert(msg.sender, uint256) << 96 | subaccount
    assert ledger.account_words[account] == 0, "account: already in use"
    state: ledger.Account = empty(ledger.Account)
    state.flags = ledger.ISOLATED
    ledger._store_account(account, state)
    return account


@external
def set_leverage_class(account: uint256, market: uint256, leverage_class: uint256):
    """
    @notice See IClearinghouse.
    """
    assert account >> 96 == convert(msg.sender, uint256), "access: not account owner"
    assert leverage_class <= market_terms._terms(market).max_class, "class: above the market's"
    position: ledger.Position = ledger._position(account, market)
    assert position.shares == 0, "class: position open"
    position.choice = leverage_class + 1
    ledger._store_position(account, market, position)
