# pragma version 0.4.3
# pragma optimize codesize
"""
@title Lens: everything about an account, a loss or the buffers in one call
@notice Reads, and decides nothing by itself: numbers come from the contracts that would act on them.
"""

# interfaces
from ethereum.ercs import IERC20
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import ILens
from interfaces import ILiquidator
from interfaces import IWaterfall

# modules
from contracts._lib import fixed_point
from contracts._lib import loss_weights
from contracts._lib import stress

implements: ILens


# The getters of custody that its interface to the other contracts leaves out.
interface Wiring:
    def token() -> address: view
    def junior() -> address: view
    def senior() -> address: view


# constants
JUNIOR_LAYER: constant(uint256) = 3
SENIOR_LAYER: constant(uint256) = 4
MAX_LEGS: constant(uint256) = 10

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
        price: uint256 = self._assumed(market, leg.mark, assumptions)
        moved: int256 = convert(price, int256) - convert(leg.mark, int256)
        result.equity += fixed_point._floor_div(leg.size * moved, convert(fixed_point.WAD, int256))
        loss: uint256 = self._loss(leg, price)
        short: bool = leg.size < 0
        losses.append(loss_weights.LegLoss(market=market, short=short, loss=loss))
        margins.append(self._maintenance_up(market, leg.size, price))

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
    units: uint256[2] = [self._units_in(self._junior()), self._units_in(self._senior())]
    weights: uint256 = loss_weights._pack(
        [loss_weights.LegLoss(market=market, short=False, loss=1)]
    )
    return ILens.Buffers(
        capital=[0, units[0], units[1], 0],
        reserved=[
            0,
            staticcall WATERFALL.reserved_total(JUNIOR_LAYER),
            staticcall WATERFALL.reserved_total(SENIOR_LAYER),
            0,
        ],
        free=staticcall WATERFALL.capacity(weights),
        concession=staticcall WATERFALL.concession_available(market),
        exits_blocked=staticcall WATERFALL.exits_blocked(),
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
def _maintenance_up(market: uint256, size: int256, price: uint256) -> uint256:
    """
    @dev Maintenance margin of a leg if the mark were `price`, by the market's brackets and its stress now.
    """
    config: IClearinghouse.MarketConfig = staticcall CLEARINGHOUSE.market_config(market)
    notional: uint256 = fixed_point._mul_div_up(
        fixed_point._magnitude(size), price, fixed_point.WAD
    )
    total: uint256 = 0
    for k: uint256 in range(3):
        low: uint256 = config.brackets[k].threshold * fixed_point.WAD
        upper: uint256 = max_value(uint256)
        if k != 2:
            upper = config.brackets[k + 1].threshold * fixed_point.WAD
        if notional > low:
            total += (min(notional, upper) - low) * config.brackets[k].mm_ppm
    return stress._raised_up(
        fixed_point._div_up(total, fixed_point.PPM),
        (staticcall CLEARINGHOUSE.risk(market)).s_mm_ppb,
        stress.PPB,
    )
