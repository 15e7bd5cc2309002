# pragma version 0.4.3
"""
@title Everything that can be observed of the protocol, in one call
@notice For tests that compare the whole state after each step. `plimsoll/fuzz/probe.py` decodes what it returns:
        structs here contain whole words only, in the order written there.
"""

from ethereum.ercs import IERC20
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import ILiquidator
from interfaces import IVaultShares
from interfaces import IWaterfall


# The getters that the interfaces to the other contracts leave out.
interface Wiring:
    def token() -> address: view
    def junior() -> address: view
    def senior() -> address: view


interface Vault:
    def generation() -> uint256: view


struct AccountState:
    account: uint256
    started: bool
    markets: uint256  # how many it is registered in
    health: IClearinghouse.Health
    auction: ILiquidator.Auction
    reservation: uint256[4]  # units per layer (2, 3, 4, 5)


struct LegState:
    account: uint256
    market: uint256
    leg: IClearinghouse.Leg


struct MarketState:
    market: uint256
    mark: uint256
    priced: bool
    funding_index: int256
    funding_rate_ppb: int256
    long_interest: uint256
    short_interest: uint256
    risk: IClearinghouse.Risk
    stopped_from: uint256
    stopped_until: uint256
    open: bool
    buffer_cap: uint256
    buffer_terms: IClearinghouse.BufferTerms
    concentration: IClearinghouse.Concentration


struct HolderState:
    holder: address
    tokens: uint256
    junior_shares: uint256
    senior_shares: uint256
    junior_request: uint256  # shares that may be redeemed
    junior_opens: uint256
    senior_request: uint256
    senior_opens: uint256


struct VaultState:
    assets: uint256
    balance: uint256  # token units
    supply: uint256
    requested: uint256
    generation: uint256
    reserved: uint256  # units of the layer
    offered: uint256  # token units under notice of withdrawal


struct Books:
    custody: ICustody.Reconciliation
    redemption_rate: uint256
    trading_fees: uint256
    insurance_fees: uint256
    junior: VaultState
    senior: VaultState
    exits_blocked: bool
    resolving: uint256
    job: IClearinghouse.AdlJob
    main_head: uint256
    main_end: uint256
    urgent_head: uint256
    urgent_end: uint256
    capital: uint256  # units that back open interest


struct State:
    books: Books
    accounts: DynArray[AccountState, MAX_ACCOUNTS]
    legs: DynArray[LegState, MAX_LEGS]
    markets: DynArray[MarketState, MAX_MARKETS]
    holders: DynArray[HolderState, MAX_HOLDERS]


BROKER_LAYER: constant(uint256) = 2
JUNIOR_LAYER: constant(uint256) = 3
SENIOR_LAYER: constant(uint256) = 4
MAX_ACCOUNTS: constant(uint256) = 40
MAX_LEGS: constant(uint256) = 120
MAX_MARKETS: constant(uint256) = 10
MAX_HOLDERS: constant(uint256) = 40

CLEARINGHOUSE: immutable(IClearinghouse)
CUSTODY: immutable(ICustody)
LIQUIDATOR: immutable(ILiquidator)
WATERFALL: immutable(IWaterfall)
TOKEN: immutable(IERC20)
JUNIOR: immutable(IInsuranceVault)
SENIOR: immutable(IInsuranceVault)


@deploy
def __init__(
    clearinghouse: IClearinghouse, custody: ICustody, liquidator: ILiquidator, waterfall: IWaterfall
):
    CLEARINGHOUSE = clearinghouse
    CUSTODY = custody
    LIQUIDATOR = liquidator
    WATERFALL = waterfall
    TOKEN = IERC20(staticcall Wiring(custody.address).token())
    JUNIOR = IInsuranceVault(staticcall Wiring(custody.address).junior())
    SENIOR = IInsuranceVault(staticcall Wiring(custody.address).senior())


@external
@view
def state(
    accounts: DynArray[uint256, MAX_ACCOUNTS],
    legs_of: DynArray[uint256, MAX_ACCOUNTS],
    markets: DynArray[uint256, MAX_MARKETS],
    holders: DynArray[address, MAX_HOLDERS],
) -> State:
    """
    @notice What the views say now: margin states of `accounts`, legs of `legs_of` in the order they were opened.
    """
    return self._state(accounts, legs_of, markets, holders)


@external
def poked_state(
    accounts: DynArray[uint256, MAX_ACCOUNTS],
    legs_of: DynArray[uint256, MAX_ACCOUNTS],
    markets: DynArray[uint256, MAX_MARKETS],
    holders: DynArray[address, MAX_HOLDERS],
) -> State:
    """
    @notice As `state`, after a poke of every market: marks are then read once and not for every leg. To be
            undone by the caller.
    """
    for market: uint256 in markets:
        extcall CLEARINGHOUSE.poke(market)
    return self._state(accounts, legs_of, markets, holders)


@internal
@view
def _state(
    accounts: DynArray[uint256, MAX_ACCOUNTS],
    legs_of: DynArray[uint256, MAX_ACCOUNTS],
    markets: DynArray[uint256, MAX_MARKETS],
    holders: DynArray[address, MAX_HOLDERS],
) -> State:
    result: State = empty(State)
    result.books = self._books()
    reserving: bool = (
        result.books.exits_blocked or staticcall WATERFALL.reserved_total(BROKER_LAYER) != 0
    )
    for account: uint256 in accounts:
        result.accounts.append(self._account(account, reserving))
    for account: uint256 in legs_of:
        registered: DynArray[uint256, 10] = staticcall CLEARINGHOUSE.markets_of(account)
        for market: uint256 in registered:
            result.legs.append(
                LegState(
                    account=account,
                    market=market,
                    leg=staticcall CLEARINGHOUSE.leg(account, market),
                )
            )
    for market: uint256 in markets:
        result.markets.append(self._market(market))
    for holder: address in holders:
        result.holders.append(self._holder(holder))
    return result


@internal
@view
def _account(account: uint256, reserving: bool) -> AccountState:
    """
    @dev No account has a reservation while exits are not blocked and nothing of brokers' locks is reserved.
    """
    reservation: uint256[4] = empty(uint256[4])
    if reserving:
        reservation = staticcall WATERFALL.reservation(account)
    return AccountState(
        account=account,
        started=staticcall CLEARINGHOUSE.is_started(account),
        markets=len(staticcall CLEARINGHOUSE.markets_of(account)),
        health=staticcall CLEARINGHOUSE.health(account),
        auction=staticcall LIQUIDATOR.auction(account),
        reservation=reservation,
    )


@internal
@view
def _market(market: uint256) -> MarketState:
    result: MarketState = empty(MarketState)
    result.market = market
    result.mark, result.priced = staticcall CLEARINGHOUSE.mark(market)
    result.funding_index, result.funding_rate_ppb = staticcall CLEARINGHOUSE.funding(market)
    result.long_interest, result.short_interest = staticcall CLEARINGHOUSE.open_interest(market)
    result.risk = staticcall CLEARINGHOUSE.risk(market)
    result.stopped_from, result.stopped_until, result.open = (
        staticcall CLEARINGHOUSE.clock_stop(market)
    )
    result.buffer_cap = staticcall CLEARINGHOUSE.buffer_cap(market)
    result.buffer_terms = staticcall CLEARINGHOUSE.buffer_terms(market)
    result.concentration = staticcall CLEARINGHOUSE.concentration(market)
    return result


@internal
@view
def _holder(holder: address) -> HolderState:
    result: HolderState = empty(HolderState)
    lapses: uint256 = 0
    result.holder = holder
    result.tokens = staticcall TOKEN.balanceOf(holder)
    result.junior_shares = staticcall IERC20(JUNIOR.address).balanceOf(holder)
    result.senior_shares = staticcall IERC20(SENIOR.address).balanceOf(holder)
    if result.junior_shares != 0:
        result.junior_request, result.junior_opens, lapses = (
            staticcall IVaultShares(JUNIOR.address).withdrawal_request(holder)
        )
    if result.senior_shares != 0:
        result.senior_request, result.senior_opens, lapses = (
            staticcall IVaultShares(SENIOR.address).withdrawal_request(holder)
        )
    return result


@internal
@view
def _vault(vault: IInsuranceVault, layer: uint256) -> VaultState:
    return VaultState(
        assets=staticcall vault.totalAssets(),
        balance=staticcall TOKEN.balanceOf(vault.address),
        supply=staticcall IERC20(vault.address).totalSupply(),
        requested=staticcall vault.requested_assets(),
        generation=staticcall Vault(vault.address).generation(),
        reserved=staticcall WATERFALL.reserved_total(layer),
        offered=staticcall vault.offered_assets(),
    )


@internal
@view
def _books() -> Books:
    books: Books = empty(Books)
    books.custody = staticcall CUSTODY.reconciliation()
    books.redemption_rate = staticcall CUSTODY.redemption_rate()
    books.trading_fees, books.insurance_fees = staticcall CLEARINGHOUSE.fee_balances()
    books.junior = self._vault(JUNIOR, JUNIOR_LAYER)
    books.senior = self._vault(SENIOR, SENIOR_LAYER)
    books.exits_blocked = staticcall WATERFALL.exits_blocked()
    books.resolving = staticcall LIQUIDATOR.resolving()
    books.job = staticcall CLEARINGHOUSE.adl_job()
    books.main_head, books.main_end, books.urgent_head, books.urgent_end = (
        staticcall LIQUIDATOR.queue_bounds()
    )
    books.capital = staticcall WATERFALL.capital()
    return books
