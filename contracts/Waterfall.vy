# pragma version 0.4.3
"""
@title Who pays a loss, in which order
@notice The order is fixed in code: 1 the account's own equity, 2 its broker, 3 the junior vault, 4 the senior
        vault, 5 the mutual guaranty fund, 6 a gains haircut on winners, 7 a booked shortfall. Layers 1, 6 and 7 live in
        the ledger and custody; this contract reserves and pays from the prefunded layers between them. There
        are no brokers and no guaranty fund in this version: layers 2 and 5 have a capacity of 0.
@dev    Words. Reserve: set units of a layer aside for an account whose equity is negative, while takers still try to
        find its positions a home. Draw: pay, once, when the account is flat. Used: what counts against a rolling
        limit; it counts from the reservation on, so a draw adds nothing and a release takes off.

        Worked example. Junior holds 100, limit 50 % a day and 25 % a market; senior holds 900 at the same limits. A
        loss of 40 in one market reserves 25 in junior (its market limit) and 15 in senior. It is drawn: 25 and 15
        move to custody. Junior's limit stays 50 % of 100 (assets 75 plus 25 drawn), so it offers another market 25 more.

        Limits are parts of assets, not amounts: a published share keeps its meaning while a vault grows. Draws of
        the last 24 hours are added back, or each draw would count twice, in `used` and in a smaller base.
"""

# interfaces
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import IWaterfall

# modules
from contracts._lib import loss_weights
from contracts._lib import rolling_limit
from snekmate.auth import ownable

implements: IWaterfall
initializes: ownable

# exports (renounce_ownership is left out: limits must stay maintainable)
exports: (
    ownable.owner,
    ownable.transfer_ownership,
)

# constants
JUNIOR_LAYER: constant(uint256) = 3
SENIOR_LAYER: constant(uint256) = 4
PPM: constant(uint256) = 10**6
MIN_GLOBAL_PPM: constant(uint256) = 100_000
MIN_MARKET_PPM: constant(uint256) = 10_000
MAX_CONCESSION_BUDGET_PPM: constant(uint256) = 50_000
_AMOUNT_BITS: constant(uint256) = 104
_AMOUNT_MASK: constant(uint256) = 2**104 - 1

# immutables
CUSTODY: public(immutable(ICustody))
JUNIOR: public(immutable(IInsuranceVault))
SENIOR: public(immutable(IInsuranceVault))
DEPLOYER: immutable(address)

# state
liquidator: public(address)
concession_budget_ppm: public(uint256)
_limits: HashMap[uint256, IWaterfall.Limits]
_market_limits: HashMap[
    uint256, HashMap[uint256, uint256]
]  # layer -> market -> ppm, 0: the layer's own
_reservations: HashMap[uint256, uint256]  # junior 104 bits, senior 104 bits, timestamp 40 bits
_reserved: HashMap[uint256, uint256]  # layer -> units
_used: HashMap[uint256, HashMap[uint256, uint256[3]]]  # layer -> market (0: all) -> rolling amount
_drawn: HashMap[uint256, uint256[3]]  # layer -> rolling amount
_concessions: HashMap[uint256, uint256[3]]  # market -> rolling amount


@deploy
def __init__(custody: ICustody, junior: IInsuranceVault, senior: IInsuranceVault):
    """
    @dev Starts at 50 % of a layer a day, 25 % for one market, 1 % of junior for concessions a day and market.
    """
    ownable.__init__()
    CUSTODY = custody
    JUNIOR = junior
    SENIOR = senior
    DEPLOYER = msg.sender
    self._set_limits(JUNIOR_LAYER, IWaterfall.Limits(global_ppm=500_000, market_ppm=250_000))
    self._set_limits(SENIOR_LAYER, IWaterfall.Limits(global_ppm=500_000, market_ppm=250_000))
    self._set_concession_budget(10_000)


# --- owner and deployer ----------------------------------------------------------------


@external
def wire(liquidator: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.liquidator == empty(address), "wire: already done"
    assert liquidator != empty(address), "wire: zero address"
    self.liquidator = liquidator


@external
def set_limits(layer: uint256, limits: IWaterfall.Limits):
    ownable._check_owner()
    self._set_limits(layer, limits)


@external
def set_market_limit(layer: uint256, market: uint256, market_ppm: uint256):
    ownable._check_owner()
    self._check_layer(layer)
    assert market_ppm == 0 or market_ppm >= MIN_MARKET_PPM, "waterfall: limit too low"
    assert market_ppm <= PPM, "waterfall: limit too high"
    self._market_limits[layer][market] = market_ppm
    log IWaterfall.MarketLimitSet(layer=layer, market=market, market_ppm=market_ppm)


@external
def set_concession_budget(budget_ppm: uint256):
    ownable._check_owner()
    self._set_concession_budget(budget_ppm)


# --- liquidator ------------------------------------------------------------------------


@external
@nonreentrant
def reserve(account: uint256, amount: uint256, weights: uint256) -> uint256:
    self._only_liquidator()
    held: uint256[2] = [0, 0]
    since: uint256 = 0
    held[0], held[1], since = self._reservation(account)
    planned: uint256[2] = self._plan(held, since, amount, weights)

    for i: uint256 in range(2):
        layer: uint256 = JUNIOR_LAYER + i
        self._recount(layer, held[i], 0, since, planned[i], weights)
        self._reserved[layer] = self._reserved[layer] - held[i] + planned[i]
    self._store_reservation(account, planned)
    return planned[0] + planned[1]


@external
@nonreentrant
def draw(account: uint256, amount: uint256, weights: uint256) -> uint256:
    self._only_liquidator()
    held: uint256[2] = [0, 0]
    since: uint256 = 0
    held[0], held[1], since = self._reservation(account)
    self._store_reservation(account, [0, 0])

    paid: uint256 = 0
    for i: uint256 in range(2):
        layer: uint256 = JUNIOR_LAYER + i
        self._reserved[layer] -= held[i]
        units: uint256 = self._pay(layer, account, min(amount - paid, held[i]))
        self._recount(layer, held[i], units, since, 0, weights)
        paid += units
    return paid


@external
@nonreentrant
def pay_concession(market: uint256, amount: uint256) -> uint256:
    self._only_liquidator()
    tokens: uint256 = staticcall CUSTODY.to_tokens_down(min(amount, self._concession_room(market)))
    if tokens == 0:
        return 0
    units: uint256 = staticcall CUSTODY.to_units_down(tokens)
    self._concessions[market] = rolling_limit._with(self._concessions[market], units)
    extcall JUNIOR.pay_loss(tokens)
    extcall CUSTODY.receive_draw(tokens)
    log IWaterfall.ConcessionPaid(market=market, units=units, tokens=tokens)
    return units


# --- views -----------------------------------------------------------------------------


@external
@view
def concession_available(market: uint256) -> uint256:
    return staticcall CUSTODY.to_units_down(
        staticcall CUSTODY.to_tokens_down(self._concession_room(market))
    )


@external
@view
def reservation(account: uint256) -> uint256[4]:
    junior: uint256 = 0
    senior: uint256 = 0
    since: uint256 = 0
    junior, senior, since = self._reservation(account)
    return [0, junior, senior, 0]


@external
@view
def preview(account: uint256, amount: uint256, weights: uint256) -> uint256[4]:
    held: uint256[2] = [0, 0]
    since: uint256 = 0
    held[0], held[1], since = self._reservation(account)
    planned: uint256[2] = self._plan(held, since, amount, weights)
    return [0, planned[0], planned[1], 0]


@external
@view
def capacity(weights: uint256) -> uint256[4]:
    return [
        0,
        self._room(JUNIOR_LAYER, 0, 0, weights),
        self._room(SENIOR_LAYER, 0, 0, weights),
        0,
    ]


@external
@view
def capital() -> uint256:
    return self._free_capital(JUNIOR_LAYER) + self._free_capital(SENIOR_LAYER)


@external
@view
def exits_blocked() -> bool:
    return self._reserved[JUNIOR_LAYER] + self._reserved[SENIOR_LAYER] != 0


@external
@view
def limits(layer: uint256) -> IWaterfall.Limits:
    return self._limits[layer]


@external
@view
def market_limit(layer: uint256, market: uint256) -> uint256:
    return self._market_ppm(layer, market)


@external
@view
def used(layer: uint256, market: uint256) -> uint256:
    return rolling_limit._used(self._used[layer][market])


@external
@view
def reserved_total(layer: uint256) -> uint256:
    return self._reserved[layer]


# --- internals: decide -----------------------------------------------------------------


@internal
@view
def _plan(held: uint256[2], since: uint256, amount: uint256, weights: uint256) -> uint256[2]:
    """
    @dev What each layer would hold after the old reservation is released and `amount` is asked for.
    """
    junior: uint256 = min(amount, self._room(JUNIOR_LAYER, held[0], since, weights))
    senior: uint256 = min(amount - junior, self._room(SENIOR_LAYER, held[1], since, weights))
    return [junior, senior]


@internal
@view
def _room(layer: uint256, held: uint256, since: uint256, weights: uint256) -> uint256:
    """
    @dev Units the layer can give once `held` is released: assets, global limit, and the market that binds first,
         because a reservation is always split exactly by the weights.
    """
    assets: uint256 = self._units_in(layer)
    room: uint256 = self._less(assets, self._reserved[layer] - held)
    if room == 0:
        return 0

    base: uint256 = assets + rolling_limit._used(self._drawn[layer])
    limit: uint256 = base * self._limits[layer].global_ppm // PPM
    used: uint256 = rolling_limit._used(self._used[layer][0])
    room = min(room, self._less(limit, used - rolling_limit._left_of(held, since)))

    if weights == 0:
        # a loss that no market can be named for may not have more than one market could
        room = min(room, base * self._limits[layer].market_ppm // PPM)
    for i: uint256 in range(10):
        market: uint256 = 0
        share: uint256 = 0
        market, share = loss_weights._field(weights, i)
        if share == 0:
            break
        used = rolling_limit._used(self._used[layer][market])
        used -= rolling_limit._left_of(self._share_up(held, share), since)
        limit = base * self._market_ppm(layer, market) // PPM
        room = min(room, self._less(limit, used) * loss_weights.SHARES // share)
    return min(room, _AMOUNT_MASK)


@internal
@view
def _concession_room(market: uint256) -> uint256:
    """
    @dev The market's budget left, never into what is reserved.
    """
    assets: uint256 = self._units_in(JUNIOR_LAYER)
    budget: uint256 = assets * self.concession_budget_ppm // PPM
    return min(
        self._less(budget, rolling_limit._used(self._concessions[market])),
        self._less(assets, self._reserved[JUNIOR_LAYER]),
    )


@internal
@view
def _market_ppm(layer: uint256, market: uint256) -> uint256:
    """
    @dev The market's own limit or the layer's.
    """
    own: uint256 = self._market_limits[layer][market]
    return own if own != 0 else self._limits[layer].market_ppm


@internal
@view
def _units_in(layer: uint256) -> uint256:
    """
    @dev The layer's assets in claims at the redemption rate, rounded down.
    """
    return staticcall CUSTODY.to_units_down(staticcall self._vault(layer).totalAssets())


@internal
@view
def _free_capital(layer: uint256) -> uint256:
    """
    @dev What of a layer nobody has reserved or asked back, in claims, rounded down.
    """
    vault: IInsuranceVault = self._vault(layer)
    kept: uint256 = staticcall vault.totalAssets() - staticcall vault.offered_assets()
    return self._less(staticcall CUSTODY.to_units_down(kept), self._reserved[layer])


@internal
@view
def _vault(layer: uint256) -> IInsuranceVault:
    """
    @dev The vault behind a layer.
    """
    return JUNIOR if layer == JUNIOR_LAYER else SENIOR


@internal
@view
def _reservation(account: uint256) -> (uint256, uint256, uint256):
    """
    @dev Junior units, senior units, time of the reservation.
    """
    word: uint256 = self._reservations[account]
    return word & _AMOUNT_MASK, (word >> _AMOUNT_BITS) & _AMOUNT_MASK, word >> (2 * _AMOUNT_BITS)


@internal
@pure
def _share_up(amount: uint256, share: uint256) -> uint256:
    """
    @dev One market's part of an amount; rounded the same way when it is added and when it is taken off.
    """
    return (amount * share + loss_weights.SHARES - 1) // loss_weights.SHARES


@internal
@pure
def _less(a: uint256, b: uint256) -> uint256:
    """
    @dev max(0, a - b).
    """
    return a - b if a > b else 0


# --- internals: execute ----------------------------------------------------------------


@internal
def _recount(
    layer: uint256, held: uint256, kept: uint256, since: uint256, added: uint256, weights: uint256
):
    """
    @dev Takes a reservation back from the rolling amounts, but for the part `kept`, and counts another from now on.
    """
    if held == kept and added == 0:
        return
    self._used[layer][0] = rolling_limit._with(
        rolling_limit._without(self._used[layer][0], held, kept, since), added
    )
    for i: uint256 in range(10):
        market: uint256 = 0
        share: uint256 = 0
        market, share = loss_weights._field(weights, i)
        if share == 0:
            break
        self._used[layer][market] = rolling_limit._with(
            rolling_limit._without(
                self._used[layer][market],
                self._share_up(held, share),
                self._share_up(kept, share),
                since,
            ),
            self._share_up(added, share),
        )


@internal
def _pay(layer: uint256, account: uint256, units: uint256) -> uint256:
    """
    @dev Moves tokens from the layer to custody and returns the units paid. Several draws each round up to a token
         unit, and the redemption rate may have risen since the reservation: a layer pays what it has.
    """
    if units == 0:
        return 0
    vault: IInsuranceVault = self._vault(layer)
    assets: uint256 = staticcall vault.totalAssets()
    tokens: uint256 = staticcall CUSTODY.to_tokens_up(units)
    if tokens == 0:
        return 0  # claims are worthless: nothing can be paid for them
    paid: uint256 = units
    if tokens > assets:
        tokens = assets
        paid = min(units, staticcall CUSTODY.to_units_down(assets))
    before: uint256 = staticcall CUSTODY.to_units_down(assets)
    self._drawn[layer] = rolling_limit._with_down(self._drawn[layer], paid)
    if tokens != 0:
        extcall vault.pay_loss(tokens)
        extcall CUSTODY.receive_draw(tokens)
    log IWaterfall.Drawn(
        layer=layer,
        account=account,
        units=paid,
        tokens=tokens,
        capacity_before=before,
        capacity_after=staticcall CUSTODY.to_units_down(assets - tokens),
    )
    return paid


@internal
def _store_reservation(account: uint256, planned: uint256[2]):
    """
    @dev One slot per account; cleared when nothing is reserved.
    """
    word: uint256 = 0
    if planned[0] + planned[1] != 0:
        word = planned[0] | (planned[1] << _AMOUNT_BITS) | (block.timestamp << (2 * _AMOUNT_BITS))
    if word == self._reservations[account]:
        return
    self._reservations[account] = word
    log IWaterfall.ReservationChanged(account=account, junior=planned[0], senior=planned[1])


@internal
def _set_limits(layer: uint256, limits: IWaterfall.Limits):
    """
    @dev Hard bounds: a layer can be limited, not switched off.
    """
    self._check_layer(layer)
    assert limits.global_ppm >= MIN_GLOBAL_PPM, "waterfall: limit too low"
    assert limits.market_ppm >= MIN_MARKET_PPM, "waterfall: limit too low"
    assert limits.global_ppm <= PPM and limits.market_ppm <= PPM, "waterfall: limit too high"
    self._limits[layer] = limits
    log IWaterfall.LimitsSet(layer=layer, limits=limits)


@internal
def _set_concession_budget(budget_ppm: uint256):
    """
    @dev Zero is allowed: takers then get what the account can pay.
    """
    assert budget_ppm <= MAX_CONCESSION_BUDGET_PPM, "waterfall: budget too high"
    self.concession_budget_ppm = budget_ppm
    log IWaterfall.ConcessionBudgetSet(budget_ppm=budget_ppm)


@internal
@view
def _only_liquidator():
    """
    @dev The one caller that may move insurance capital.
    """
    assert msg.sender == self.liquidator, "access: not liquidator"


@internal
@pure
def _check_layer(layer: uint256):
    """
    @dev Layers with capital of their own in this version.
    """
    assert layer == JUNIOR_LAYER or layer == SENIOR_LAYER, "waterfall: unknown layer"
