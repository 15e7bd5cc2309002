# pragma version 0.4.3
# pragma optimize codesize
"""
@title Lens: everything about an account, a loss, a fill or the buffers in one call
@notice Reads, and decides nothing by itself: numbers come from the contracts that would act on them.
"""

# interfaces
from ethereum.ercs import IERC20
from interfaces import IBrokerRegistry
from interfaces import IBrokerVault
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IExchange
from interfaces import IGuarantyFund
from interfaces import IInsuranceVault
from interfaces import ILens
from interfaces import ILiquidator
from interfaces import ISponsorship
from interfaces import IWaterfall

# modules
from contracts._lib import fixed_point
from contracts._lib import loss_weights
from contracts._lib import margin_border
from contracts._lib import order_match
from contracts._lib import revert_reason
from contracts._lib import utilisation
from contracts._modules import ledger

implements: ILens


# The getters of custody that its interface to the other contracts leaves out.
interface Wiring:
    def token() -> address: view
    def junior() -> address: view
    def senior() -> address: view


# The ones of the clearinghouse.
interface Wired:
    def exchange() -> address: view
    def sponsorship() -> address: view


# The one of sponsorship.
interface Known:
    def REGISTRY() -> address: view


# constants
BROKER_LAYER: constant(uint256) = 2
JUNIOR_LAYER: constant(uint256) = 3
SENIOR_LAYER: constant(uint256) = 4
FUND_LAYER: constant(uint256) = 5
MAX_LEGS: constant(uint256) = 10
MAX_ANSWER: constant(uint256) = revert_reason.MAX_ANSWER
MAX_REHEARSAL: constant(uint256) = 100 + MAX_ANSWER  # selector and three words in front
REHEARSED: constant(bytes4) = method_id("Rehearsed(bool,bytes)", output_type=bytes4)

# immutables
CLEARINGHOUSE: public(immutable(IClearinghouse))
CUSTODY: public(immutable(ICustody))
LIQUIDATOR: public(immutable(ILiquidator))
WATERFALL: public(immutable(IWaterfall))


@deploy
def __init__(
    clearinghouse: IClearinghouse, custody: ICustody, liquidator: ILiquidator, waterfall: IWaterfall
):
    CLEARINGHOUSE = clearinghouse
    CUSTODY = custody
    LIQUIDATOR = liquidator
    WATERFALL = waterfall


@external
@view
def overview(account: uint256) -> ILens.Overview:
    legs: DynArray[ILens.MarketLeg, MAX_LEGS] = []
    markets: DynArray[uint256, MAX_LEGS] = staticcall CLEARINGHOUSE.markets_of(account)
    for market: uint256 in markets:
        legs.append(
            ILens.MarketLeg(market=market, leg=staticcall CLEARINGHOUSE.leg(account, market))
        )
    return ILens.Overview(
        owner=convert(account >> 96, address),
        subaccount=account & (2**96 - 1),
        started=staticcall CLEARINGHOUSE.is_started(account),
        health=staticcall CLEARINGHOUSE.health(account),
        auction=staticcall LIQUIDATOR.auction(account),
        legs=legs,
    )


@external
@view
def dry_run(account: uint256, assumptions: DynArray[ILens.Assumption, MAX_LEGS]) -> ILens.DryRun:
    result: ILens.DryRun = empty(ILens.DryRun)
    result.equity = (staticcall CLEARINGHOUSE.health(account)).equity
    losses: DynArray[loss_weights.LegLoss, MAX_LEGS] = []
    margins: DynArray[uint256, MAX_LEGS] = []
    markets: DynArray[uint256, MAX_LEGS] = staticcall CLEARINGHOUSE.markets_of(account)
    for market: uint256 in markets:
        leg: IClearinghouse.Leg = staticcall CLEARINGHOUSE.leg(account, market)
        price: uint256 = leg.mark
        if not self._is_final(leg):
            price = self._assumed(market, leg.mark, assumptions)
        elif not (staticcall CLEARINGHOUSE.clock_stop(market))[2]:
            continue  # `start` turns it into cash first
        moved: int256 = convert(price, int256) - convert(leg.mark, int256)
        result.equity += fixed_point._floor_div(leg.size * moved, convert(fixed_point.WAD, int256))
        loss: uint256 = self._loss(leg, price)
        short: bool = leg.size < 0
        losses.append(loss_weights.LegLoss(market=market, short=short, loss=loss))
        notional: uint256 = fixed_point._mul_div_up(
            fixed_point._magnitude(leg.size), price, fixed_point.WAD
        )
        mm: uint256 = margin_border._margin_up(self._curve(market, leg), notional)
        margins.append(loss_weights._margin(mm, leg.notional))

    result.weights = (staticcall LIQUIDATOR.auction(account)).weights
    if not staticcall CLEARINGHOUSE.is_started(account):
        result.weights = loss_weights._pack(loss_weights._with_margins(losses, margins))
    result.loss = fixed_point._positive(-result.equity)
    result.layers = staticcall WATERFALL.preview(account, result.loss, result.weights)
    result.uncovered = result.loss
    for units: uint256 in result.layers:
        result.uncovered -= units
    return result


@external
@view
def buffers(market: uint256) -> ILens.Buffers:
    units: uint256[3] = [
        self._units_in(self._junior()),
        self._units_in(self._senior()),
        self._units_in(IInsuranceVault(self._fund().address)),
    ]
    weights: uint256 = loss_weights._pack(
        [loss_weights.LegLoss(market=market, short=False, loss=1)]
    )
    cap: uint256 = staticcall CLEARINGHOUSE.buffer_cap(market)
    utilisation_ppm: uint256 = utilisation._utilisation_ppm_down(
        self._larger_side_down(market), cap
    )
    return ILens.Buffers(
        capital=[0, units[0], units[1], units[2]],
        reserved=[
            staticcall WATERFALL.reserved_total(BROKER_LAYER),
            staticcall WATERFALL.reserved_total(JUNIOR_LAYER),
            staticcall WATERFALL.reserved_total(SENIOR_LAYER),
            staticcall WATERFALL.reserved_total(FUND_LAYER),
        ],
        free=staticcall WATERFALL.capacity(weights),
        concession=staticcall WATERFALL.concession_available(market),
        exits_blocked=staticcall WATERFALL.exits_blocked(),
        cap=cap,
        utilisation_ppm=utilisation_ppm,
        surcharge_ppm=utilisation._surcharge_ppm_down(utilisation_ppm),
    )


@external
@view
def books() -> ILens.Books:
    token: IERC20 = IERC20(staticcall Wiring(CUSTODY.address).token())
    trading: uint256 = 0
    insurance: uint256 = 0
    trading, insurance = staticcall CLEARINGHOUSE.fee_balances()
    reserve: uint256 = convert(CLEARINGHOUSE.address, uint256) << 96
    junior: IInsuranceVault = self._junior()
    senior: IInsuranceVault = self._senior()
    return ILens.Books(
        custody=staticcall CUSTODY.reconciliation(),
        redemption_rate=staticcall CUSTODY.redemption_rate(),
        trading_fees=trading,
        insurance_fees=insurance,
        dust_reserve=(staticcall CLEARINGHOUSE.health(reserve)).equity,
        junior_assets=staticcall junior.totalAssets(),
        junior_balance=staticcall token.balanceOf(junior.address),
        senior_assets=staticcall senior.totalAssets(),
        senior_balance=staticcall token.balanceOf(senior.address),
    )


@external
@view
def broker(vault: address) -> ILens.Broker:
    found: ILens.Broker = empty(ILens.Broker)
    registry: IBrokerRegistry = self._registry()
    found.state, found.since = staticcall registry.state_of(vault)
    if found.state == empty(IBrokerRegistry.State):
        return found
    books: IBrokerVault = IBrokerVault(vault)
    sponsorship: ISponsorship = self._sponsorship()
    fund: IGuarantyFund = self._fund()
    found.operator = staticcall registry.operator_of(vault)
    found.stake = staticcall books.stake()
    found.pool = staticcall IInsuranceVault(vault).totalAssets()
    found.client_locks = staticcall books.client_locks()
    found.at_risk = staticcall sponsorship.at_risk(vault)
    found.contribution = staticcall fund.contribution(vault)
    found.assessment = staticcall fund.assessment(vault)
    found.free = staticcall books.free_assets()
    found.unearned_fees = staticcall books.unearned_fees()
    found.lock_room = staticcall books.lock_room()
    found.clients = staticcall sponsorship.client_count(vault)
    found.required = staticcall fund.required(vault)
    found.due = staticcall fund.due(vault)
    return found


@external
@view
def guarantee(account: uint256) -> ILens.Guarantee:
    sponsorship: ISponsorship = self._sponsorship()
    opening: uint256 = 0
    shield: uint256 = 0
    opening, shield = staticcall CLEARINGHOUSE.guarantee(account)
    return ILens.Guarantee(
        opening=opening,
        shield=shield,
        sponsored=staticcall sponsorship.sponsorship(account),
        call=staticcall sponsorship.margin_call(account),
    )


@external
@view
def standings(first: uint256, second: uint256, market: uint256) -> DynArray[ILens.Standing, 2]:
    return [self._standing(first, market), self._standing(second, market)]


@external
@view
def liquidation_price(account: uint256, market: uint256) -> uint256:
    return self._liquidation_price(
        staticcall CLEARINGHOUSE.health(account),
        staticcall CLEARINGHOUSE.leg(account, market),
        market,
    )


@external
@pure
def fill_of(maker: IExchange.Order, taker: IExchange.Order, size: uint256) -> IClearinghouse.Fill:
    flags: uint256 = maker.flags | taker.flags
    assert flags <= order_match.ALL_FLAGS, "order: unknown flag"
    assert flags & order_match.LIQUIDATION_ONLY == 0, "order: liquidation-only"
    return order_match._match(maker, taker, size, 0, 0, revert_reason.NOWHERE)


@external
def preview(fill: IClearinghouse.Fill) -> ILens.Preview:
    question: Bytes[100] = abi_encode(
        fill.maker,
        fill.taker,
        fill.market,
        method_id=method_id("standings(uint256,uint256,uint256)"),
    )
    gas_before: uint256 = msg.gas
    success: bool = False
    data: Bytes[MAX_REHEARSAL] = b""
    success, data = raw_call(
        staticcall Wired(CLEARINGHOUSE.address).exchange(),
        abi_encode(
            fill,
            question,
            method_id=method_id(
                "rehearse((uint256,uint256,uint256,int256,uint256,uint256,uint256,uint256),bytes)"
            ),
        ),
        max_outsize=MAX_REHEARSAL,
        revert_on_failure=False,
    )
    assert not success, "preview: not a rehearsal"
    # Running out of gas at any depth leaves 1/64 per call on the way, far less than an eighth.
    assert msg.gas >= gas_before // 8, "preview: out of gas"

    before: DynArray[ILens.Standing, 2] = [empty(ILens.Standing), empty(ILens.Standing)]
    known: bool = False
    answer: Bytes[MAX_ANSWER] = b""
    gas_before = msg.gas
    known, answer = raw_call(
        self, question, max_outsize=MAX_ANSWER, is_static_call=True, revert_on_failure=False
    )
    if known:
        before = abi_decode(answer, DynArray[ILens.Standing, 2])
    else:
        assert msg.gas >= gas_before // 8, "preview: out of gas"
    result: ILens.Preview = empty(ILens.Preview)
    result.maker.account = fill.maker
    result.maker.before = before[0]
    result.taker.account = fill.taker
    result.taker.before = before[1]
    if len(data) < 4 or convert(slice(data, 0, 4), bytes4) != REHEARSED:
        result.reason = self._refusal(data)
        return result

    answered: bool = False
    answered, answer = abi_decode(slice(data, 4, len(data) - 4), (bool, Bytes[MAX_ANSWER]))
    assert known and answered, "preview: account unreadable"
    after: DynArray[ILens.Standing, 2] = abi_decode(answer, DynArray[ILens.Standing, 2])
    cash: int256 = fixed_point._value_down(fill.size, fill.price)
    notional: uint256 = fixed_point._mul_div_up(
        fixed_point._magnitude(fill.size), fill.price, fixed_point.WAD
    )
    result.success = True
    result.maker = self._preview_side(fill.maker, before[0], after[0], cash, notional)
    result.taker = self._preview_side(fill.taker, before[1], after[1], -cash, notional)
    return result


@internal
@pure
def _assumed(
    market: uint256, mark: uint256, assumptions: DynArray[ILens.Assumption, MAX_LEGS]
) -> uint256:
    """
    @dev The price assumed for a market, or its mark.
    """
    for assumption: ILens.Assumption in assumptions:
        if assumption.market == market:
            return assumption.price
    return mark


@internal
@pure
def _loss(leg: IClearinghouse.Leg, price: uint256) -> uint256:
    """
    @dev Loss of a leg against its entry, rounded down as the liquidator does for its weights.
    """
    high: uint256 = leg.entry if leg.size > 0 else price
    low: uint256 = price if leg.size > 0 else leg.entry
    if high <= low:
        return 0
    return (high - low) * fixed_point._magnitude(leg.size) // fixed_point.WAD


@internal
@view
def _larger_side_down(market: uint256) -> uint256:
    """
    @dev What the larger side of open interest is worth at mark.
    """
    long: uint256 = 0
    short: uint256 = 0
    long, short = staticcall CLEARINGHOUSE.open_interest(market)
    mark: uint256 = (staticcall CLEARINGHOUSE.mark(market))[0]
    return max(long, short) * mark // fixed_point.WAD


@internal
@view
def _units_in(vault: IInsuranceVault) -> uint256:
    """
    @dev A vault's assets as claims, as the waterfall counts them.
    """
    return staticcall CUSTODY.to_units_down(staticcall vault.totalAssets())


@internal
@view
def _junior() -> IInsuranceVault:
    """
    @dev The junior vault that custody was wired to.
    """
    return IInsuranceVault(staticcall Wiring(CUSTODY.address).junior())


@internal
@view
def _senior() -> IInsuranceVault:
    """
    @dev The senior vault that custody was wired to.
    """
    return IInsuranceVault(staticcall Wiring(CUSTODY.address).senior())


@internal
@view
def _sponsorship() -> ISponsorship:
    """
    @dev The contract that the clearinghouse takes guarantees from.
    """
    return ISponsorship(staticcall Wired(CLEARINGHOUSE.address).sponsorship())


@internal
@view
def _registry() -> IBrokerRegistry:
    """
    @dev Where brokers are known.
    """
    return IBrokerRegistry(staticcall Known(self._sponsorship().address).REGISTRY())


@internal
@view
def _fund() -> IGuarantyFund:
    """
    @dev The mutual guaranty fund.
    """
    return IGuarantyFund(staticcall self._registry().fund())


@internal
@pure
def _is_final(leg: IClearinghouse.Leg) -> bool:
    """
    @dev Whether a leg's market is settled: then, and only then, a position needs no maintenance margin.
    """
    return leg.size != 0 and leg.mm == 0


@internal
@view
def _curve(market: uint256, leg: IClearinghouse.Leg) -> margin_border.Curve:
    """
    @dev Maintenance margin of a leg's market at any notional, by its brackets and its stress now; none if it is settled.
    """
    if self._is_final(leg):
        return empty(margin_border.Curve)
    config: IClearinghouse.MarketConfig = staticcall CLEARINGHOUSE.market_config(market)
    curve: margin_border.Curve = empty(margin_border.Curve)
    for k: uint256 in range(3):
        curve.thresholds[k] = config.brackets[k].threshold * fixed_point.WAD
        curve.rates_ppm[k] = config.brackets[k].mm_ppm
    curve.stress_ppb = (staticcall CLEARINGHOUSE.risk(market)).s_mm_ppb
    return curve


@internal
@view
def _liquidation_price(
    health: IClearinghouse.Health, leg: IClearinghouse.Leg, market: uint256
) -> uint256:
    """
    @dev The mark of `market` at which an account of this health falls below maintenance margin; 0 if its mark is final.
    """
    if self._is_final(leg):
        return 0
    covered: int256 = health.equity + convert(health.shield, int256)
    equity: int256 = covered - fixed_point._value_down(leg.size, leg.mark)
    return margin_border._price(
        margin_border.Case(
            size=leg.size,
            rest=equity - convert(health.mm - leg.mm, int256),
            curve=self._curve(market, leg),
        ),
        leg.mark,
    )


@internal
@view
def _standing(account: uint256, market: uint256) -> ILens.Standing:
    """
    @dev An account as of now, with its position in `market`.
    """
    standing: ILens.Standing = empty(ILens.Standing)
    standing.started = staticcall CLEARINGHOUSE.is_started(account)
    standing.health = staticcall CLEARINGHOUSE.health(account)
    standing.leg = staticcall CLEARINGHOUSE.leg(account, market)
    if standing.leg.size != 0:
        standing.rank = staticcall CLEARINGHOUSE.adl_rank(account, market)
    markets: DynArray[uint256, MAX_LEGS] = staticcall CLEARINGHOUSE.markets_of(account)
    for open_market: uint256 in markets:
        leg: IClearinghouse.Leg = staticcall CLEARINGHOUSE.leg(account, open_market)
        standing.liquidation_prices.append(
            ILens.LiquidationPrice(
                market=open_market,
                price=self._liquidation_price(standing.health, leg, open_market),
            )
        )
    return standing


@internal
@pure
def _preview_side(
    account: uint256,
    before: ILens.Standing,
    after: ILens.Standing,
    cash: int256,
    notional: uint256,
) -> ILens.SidePreview:
    """
    @dev One side; `cash` (wad) is what the fill moves without fees. What is missing of it afterwards is the fee, up to
         some wei: accrued cash is written back in parts, each rounded down. If a loss was drawn, more cash is there than
         that, and no fee was taken: it is for accounts below zero only.
    """
    missing: uint256 = fixed_point._positive(before.health.cash + cash - after.health.cash)
    fee: uint256 = (missing + ledger.MICRO // 2) // ledger.MICRO * ledger.MICRO
    return ILens.SidePreview(
        account=account,
        fee=fee,
        fee_ppb=fee * 10**9 // max(notional, 1),
        before=before,
        after=after,
    )


@internal
@pure
def _refusal(data: Bytes[MAX_REHEARSAL]) -> String[revert_reason.MAX_TEXT]:
    """
    @dev Why a fill is refused: what the exchange raised, without the place in front ("#0 ").
    """
    padding: uint256[6] = empty(uint256[6])
    padded: Bytes[MAX_REHEARSAL + 192] = concat(data, abi_encode(padding))
    text: Bytes[revert_reason.MAX_TEXT] = revert_reason._read(
        slice(padded, 0, revert_reason.MAX_DATA)
    )
    if len(text) > 3 and slice(text, 0, 3) == b"#0 ":
        text = slice(text, 3, len(text) - 3)
    return convert(text, String[revert_reason.MAX_TEXT])
