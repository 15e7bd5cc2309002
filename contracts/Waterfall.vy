# pragma version 0.4.3
"""
@title Who pays a loss, in which order
@notice The order is fixed in code: 1 the account's own equity, 2 its broker, 3 the junior vault, 4 the senior
        vault, 5 the mutual guaranty fund, 6 a gains haircut on winners, 7 a booked shortfall. Layers 1, 6 and 7 live in
        the ledger and custody; this contract reserves and pays from the prefunded layers between them. Layer 2
        is what the account's own broker has locked for it, and for nobody else: it knows no limit. Layer 5 is what all
        brokers have committed, first that of the account's own.
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
from interfaces import IGuarantyFund
from interfaces import IInsuranceVault
from interfaces import ISponsorship
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
BROKER_LAYER: constant(uint256) = 2  # arrays hold layers 2 to 5, in this order
JUNIOR_LAYER: constant(uint256) = 3
SENIOR_LAYER: constant(uint256) = 4
FUND_LAYER: constant(uint256) = 5
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
sponsorship: public(ISponsorship)
fund: public(IGuarantyFund)
concession_budget_ppm: public(uint256)
_limits: HashMap[uint256, IWaterfall.Limits]
_market_limits: HashMap[
    uint256, HashMap[uint256, uint256]
]  # layer -> market -> ppm, 0: the layer's own
_reservations: HashMap[uint256, uint256]  # junior 104 bits, senior 104 bits, timestamp 40 bits
_broker_reservations: HashMap[uint256, uint256]  # broker 104 bits, fund 104 bits
_reserved: HashMap[uint256, uint256]  # layer -> units
_reserved_for: HashMap[address, uint256]  # broker -> units its clients have reserved in the fund
_used: HashMap[uint256, HashMap[uint256, uint256[3]]]  # layer -> market (0: all) -> rolling amount
_drawn: HashMap[uint256, uint256[3]]  # layer -> rolling amount
_concessions: HashMap[uint256, uint256[3]]  # market -> rolling amount


@deploy
def __init__(custody: ICustody, junior: IInsuranceVault, senior: IInsuranceVault):
    """
    @dev Starts at 50 % of a vault a day, 25 % for one market; all and half of the guaranty fund; 1 % of junior for
         concessions a day and market.
    """
    ownable.__init__()
    CUSTODY = custody
    JUNIOR = junior
    SENIOR = senior
    DEPLOYER = msg.sender
    self._set_limits(JUNIOR_LAYER, IWaterfall.Limits(global_ppm=500_000, market_ppm=250_000))
    self._set_limits(SENIOR_LAYER, IWaterfall.Limits(global_ppm=500_000, market_ppm=250_000))
    self._set_limits(FUND_LAYER, IWaterfall.Limits(global_ppm=1_000_000, market_ppm=500_000))
    self._set_concession_budget(10_000)


# --- owner and deployer ----------------------------------------------------------------


@external
def wire(liquidator: address, sponsorship: address, fund: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.liquidator == empty(address), "wire: already done"
    assert empty(address) not in [liquidator, sponsorship, fund], "wire: zero address"
    self.liquidator = liquidator
    self.sponsorship = ISponsorship(sponsorship)
    self.fund = IGuarantyFund(fund)


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
    held: uint256[4] = empty(uint256[4])
    since: uint256 = 0
    held, since = self._reservation(account)
    cause: address = staticcall self.sponsorship.broker_of(account)
    planned: uint256[4] = self._plan(account, cause, held, since, amount, weights)

    for i: uint256 in range(4):
        layer: uint256 = BROKER_LAYER + i
        if layer != BROKER_LAYER:
            self._recount(layer, held[i], 0, since, planned[i], weights)
        if planned[i] != held[i]:
            self._reserved[layer] = self._reserved[layer] - held[i] + planned[i]
    if planned[3] != held[3]:
        self._reserved_for[cause] = self._reserved_for[cause] - held[3] + planned[3]
    self._store_reservation(account, planned)
    return planned[0] + planned[1] + planned[2] + planned[3]


@external
@nonreentrant
def draw(account: uint256, amount: uint256, weights: uint256) -> uint256:
    self._only_liquidator()
    held: uint256[4] = empty(uint256[4])
    since: uint256 = 0
    held, since = self._reservation(account)
    # the draw on its broker ends the account's guarantee
    cause: address = staticcall self.sponsorship.broker_of(account)
    self._store_reservation(account, empty(uint256[4]))
    if held[3] != 0:
        self._reserved_for[cause] -= held[3]

    paid: uint256 = 0
    for i: uint256 in range(4):
        layer: uint256 = BROKER_LAYER + i
        units: uint256 = min(amount - paid, held[i])
        if layer == BROKER_LAYER:
            units = self._pay_by_broker(account, units)
        else:
            units = self._pay(layer, account, cause, units)
            self._recount(layer, held[i], units, since, 0, weights)
        # last: nobody leaves a vault that a token's own code finds half paid
        self._reserved[layer] -= held[i]
        paid += units
    return paid


@external
@nonreentrant
def pay_concession(account: uint256, market: uint256, amount: uint256) -> uint256:
    self._only_liquidator()
    if staticcall self.sponsorship.guaranteed(account) != 0:
        return 0  # a broker shields it from an auction at its own cost: layer 3 does not pay while layer 2 is whole
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
    return self._reservation(account)[0]


@external
@view
def preview(account: uint256, amount: uint256, weights: uint256) -> uint256[4]:
    held: uint256[4] = empty(uint256[4])
    since: uint256 = 0
    held, since = self._reservation(account)
    cause: address = staticcall self.sponsorship.broker_of(account)
    return self._plan(account, cause, held, since, amount, weights)


@external
@view
def capacity(weights: uint256) -> uint256[4]:
    return [
        0,
        self._room(JUNIOR_LAYER, 0, 0, weights),
        self._room(SENIOR_LAYER, 0, 0, weights),
        self._room(FUND_LAYER, 0, 0, weights),
    ]


@external
@view
def capital() -> uint256:
    return self._free_capital(JUNIOR_LAYER) + self._free_capital(SENIOR_LAYER)


@external
@view
def exits_blocked() -> bool:
    return (
        self._reserved[JUNIOR_LAYER] + self._reserved[SENIOR_LAYER] + self._reserved[FUND_LAYER]
    ) != 0


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
def _plan(
    account: uint256,
    cause: address,
    held: uint256[4],
    since: uint256,
    amount: uint256,
    weights: uint256,
) -> uint256[4]:
    """
    @dev What each layer would hold after the old reservation is released and `amount` is asked for.
    """
    planned: uint256[4] = empty(uint256[4])
    if cause != empty(address):
        planned[0] = min(amount, staticcall self.sponsorship.guaranteed(account))
    rest: uint256 = amount - planned[0]
    for i: uint256 in range(1, 4):
        if rest == 0:
            break
        layer: uint256 = BROKER_LAYER + i
        room: uint256 = self._room(layer, held[i], since, weights)
        if layer == FUND_LAYER:
            room = min(room, self._room_for(cause, held[i]))
        if room < held[i]:
            # what is set aside stays set aside while the layer has it, though limits shrink as old draws are forgotten, or
            # as others draw: a frozen resolve has charged winners for the rest
            others: uint256 = self._reserved[layer] - held[i]
            room = max(room, min(held[i], self._less(self._units_in(layer), others)))
        planned[i] = min(rest, room)
        rest -= planned[i]
    return planned


@internal
@view
def _room_for(cause: address, held: uint256) -> uint256:
    """
    @dev Units the fund gives at most for a broker's clients, all their reservations but `held` taken off.
    """
    room: uint256 = staticcall CUSTODY.to_units_down(staticcall self.fund.room(cause))
    return self._less(room, self._reserved_for[cause] - held)


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
    @dev What holds a layer's assets.
    """
    if layer == FUND_LAYER:
        return IInsuranceVault(self.fund.address)
    return JUNIOR if layer == JUNIOR_LAYER else SENIOR


@internal
@view
def _reservation(account: uint256) -> (uint256[4], uint256):
    """
    @dev Units of layers 2 to 5, time of the reservation.
    """
    vaults: uint256 = self._reservations[account]
    brokers: uint256 = self._broker_reservations[account]
    return (
        [
            brokers & _AMOUNT_MASK,
            vaults & _AMOUNT_MASK,
            (vaults >> _AMOUNT_BITS) & _AMOUNT_MASK,
            brokers >> _AMOUNT_BITS,
        ],
        vaults >> (2 * _AMOUNT_BITS),
    )


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
def _pay_by_broker(account: uint256, units: uint256) -> uint256:
    """
    @dev Moves tokens of the account's lock to custody. A lock holds a token unit for each unit at par, so it always
         has what it guarantees.
    """
    tokens: uint256 = staticcall CUSTODY.to_tokens_up(units)
    if tokens == 0:
        return 0
    before: uint256 = staticcall self.sponsorship.guaranteed(account)
    extcall self.sponsorship.pay_loss(account, tokens)
    extcall CUSTODY.receive_draw(tokens)
    log IWaterfall.Drawn(
        layer=BROKER_LAYER,
        account=account,
        units=units,
        tokens=tokens,
        capacity_before=before,
        capacity_after=0,
    )
    return units


@internal
def _pay(layer: uint256, account: uint256, cause: address, units: uint256) -> uint256:
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
    before: uint256 = staticcall CUSTODY.to_units_down(assets)
    sent: uint256 = min(tokens, assets)
    if layer == FUND_LAYER:
        sent = extcall self.fund.pay_loss(cause, sent)
    elif sent != 0:
        extcall vault.pay_loss(sent)
    paid: uint256 = units
    if sent != tokens:
        paid = min(units, staticcall CUSTODY.to_units_down(sent))
    self._drawn[layer] = rolling_limit._with_down(self._drawn[layer], paid)
    if sent != 0:
        extcall CUSTODY.receive_draw(sent)
    log IWaterfall.Drawn(
        layer=layer,
        account=account,
        units=paid,
        tokens=sent,
        capacity_before=before,
        capacity_after=staticcall CUSTODY.to_units_down(assets - sent),
    )
    return paid


@internal
def _store_reservation(account: uint256, planned: uint256[4]):
    """
    @dev Two slots per account; cleared when nothing is reserved. The time belongs to the layers with limits.
    """
    vaults: uint256 = 0
    if planned[1] + planned[2] + planned[3] != 0:
        vaults = (
            planned[1] | (planned[2] << _AMOUNT_BITS) | (block.timestamp << (2 * _AMOUNT_BITS))
        )
    if vaults != self._reservations[account]:
        self._reservations[account] = vaults
        log IWaterfall.ReservationChanged(account=account, junior=planned[1], senior=planned[2])
    brokers: uint256 = planned[0] | (planned[3] << _AMOUNT_BITS)
    if brokers != self._broker_reservations[account]:
        self._broker_reservations[account] = brokers
        log IWaterfall.BrokerReservationChanged(account=account, broker=planned[0], fund=planned[3])


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
    @dev Layers with rolling limits.
    """
    assert layer >= JUNIOR_LAYER and layer <= FUND_LAYER, "waterfall: unknown layer"
