# pragma version 0.4.3
# pragma optimize codesize
"""
@title Registration and risk: markets, averages and stress, isolated accounts, leverage classes
@notice Runs by delegatecall on the Clearinghouse's storage (see contracts/_modules/ledger.vy); called directly it
        works on its own empty storage. The Clearinghouse holds the re-entrancy lock. `risk_after` and `risk_now` touch
        no storage: the Clearinghouse, which has no room for a logarithm, asks them by static call.
"""

from contracts._modules import resolve_job
from contracts._modules import engines
from contracts._modules import ledger
from contracts._modules import market_risk
from contracts._modules import market_terms
from interfaces import IClearinghouse
from interfaces import IPriceOracle
from snekmate.auth import ownable

initializes: ledger
initializes: engines
initializes: resolve_job
initializes: ownable
initializes: market_terms[ledger := ledger]
initializes: market_risk[ledger := ledger]

ORACLE: immutable(IPriceOracle)


@deploy
def __init__(oracle: IPriceOracle):
    ownable.__init__()
    engines.__init__()
    ORACLE = oracle


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
def hold(market: uint256, long: bool):
    """
    @notice See IClearinghouse.
    """
    engines._assert_liquidator()
    market_risk._hold(market, long)


@external
@view
def risk_after(
    word: uint256, terms_word: uint256, old_mark: uint256, new_mark: uint256
) -> (uint256, uint256, bool):
    """
    @notice What a risk word becomes by a change of the mark (wad) now.
    @return The word, the side that the change holds (0 none, 1 longs, 2 shorts), and whether margins must heed it.
    """
    state: market_risk.State = empty(market_risk.State)
    side: uint256 = 0
    state, side = market_risk._after_change(
        word, market_risk._unpacked_terms(terms_word), old_mark, new_mark
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
