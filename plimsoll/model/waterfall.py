"""The waterfall: what each layer reserves and pays for a loss, and its limits.

Layers are the account's broker (2), the junior (3) and the senior vault (4), and the guaranty fund
of all brokers (5). A broker's lock is its client's alone and knows no limits.

All amounts are units (wad of claims). `weights` is the packed word of `plimsoll.loss_weights`. Used
amounts decay to nothing in straight lines of a day to 28 hours; rounding goes up, against whoever
wants to use a limit. Only the liquidator calls what moves anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from plimsoll.loss_weights import SHARES, unpack
from plimsoll.model import custody, guaranty_fund, rolling_limits, sponsorship, vaults
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    PPM,
    Reservation,
    Rolling,
    World,
    require,
)
from plimsoll.model.vault_state import Vault

BROKER: Final = 2
JUNIOR: Final = 3
SENIOR: Final = 4
FUND: Final = 5
LAYERS: Final = (JUNIOR, SENIOR, FUND)  # with limits
ALL_MARKETS: Final = 0
MIN_GLOBAL_PPM: Final = 100_000
MIN_MARKET_PPM: Final = 10_000
MAX_CONCESSION_BUDGET_PPM: Final = 50_000

_AMOUNT_MAX: Final = 2**104 - 1
_NONE: Final = Reservation(junior=0, senior=0, since=0)
_UNUSED: Final = Rolling()


# --- liquidator -------------------------------------------------------------------------------


def reserve(world: World, account: int, amount: int, weights: int, *, closely: bool = False) -> int:
    """Replace the account's reservation by as much of `amount` as fits; returns that.

    With `closely` a wei that may or may not fit into a layer is decided: the draw that follows
    takes a whole token unit for it.
    """
    state = world.waterfall
    old = state.reservations.get(account, _NONE)
    held = _layers(old)
    planned = _plan(world, account, old, amount, weights, closely)
    for layer, before, after in zip((BROKER, *LAYERS), held, planned, strict=True):
        if layer != BROKER:
            _recount(world, layer, (before, 0), old.since, after, weights)
        state.reserved[layer] += after - before
    if planned == (0, 0, 0, 0):
        state.reservations.pop(account, None)
    else:
        broker, junior, senior, fund = planned
        state.reservations[account] = Reservation(junior, senior, world.now, broker, fund)
    return sum(planned)


def draw(world: World, account: int, amount: int, weights: int) -> int:
    """Pay `amount` out of the account's reservation and release the rest; returns units paid."""
    state = world.waterfall
    old = state.reservations.pop(account, _NONE)
    cause = world.brokers.broker_of(account)  # the first draw ends the guarantee
    paid = 0
    for layer, held in zip((BROKER, *LAYERS), _layers(old), strict=True):
        state.reserved[layer] -= held
        asked = min(amount - paid, held)
        if layer == BROKER:
            paid += _pay_broker(world, account, asked)
            continue
        units = _pay(world, layer, asked, cause)
        _recount(world, layer, (held, units), old.since, 0, weights)
        paid += units
    return paid


def pay_concession(world: World, account: int, market: int, amount: int) -> int:
    """Pay a taker's insurance concession from junior, within the budget; returns units paid.

    None for an account with a guarantee: what its broker has locked comes before insurance.
    """
    if sponsorship.guaranteed_wad(world, account):
        return 0
    amount_tokens = custody.to_tokens_down(world, min(amount, _concession_room(world, market)))
    if amount_tokens == 0:
        return 0
    units = custody.to_units_down(world, amount_tokens)
    concessions = world.waterfall.concessions
    concessions[market] = rolling_limits.with_more(world, concessions.get(market, _UNUSED), units)
    _send(world, world.junior, amount_tokens)
    return units


# --- owner ------------------------------------------------------------------------------------


def set_limits(world: World, layer: int, global_ppm: int, market_ppm: int) -> None:
    """Parts of a layer's assets that may be used in a day, in all and for one market."""
    _check_layer(layer)
    require(global_ppm >= MIN_GLOBAL_PPM, "waterfall: limit too low")
    require(market_ppm >= MIN_MARKET_PPM, "waterfall: limit too low")
    require(max(global_ppm, market_ppm) <= PPM, "waterfall: limit too high")
    world.waterfall.global_ppm[layer] = global_ppm
    world.waterfall.market_ppm[layer] = market_ppm


def set_market_limit(world: World, layer: int, market: int, market_ppm: int) -> None:
    """A limit of one market's own; 0 returns to the layer's."""
    _check_layer(layer)
    require(market_ppm == 0 or market_ppm >= MIN_MARKET_PPM, "waterfall: limit too low")
    require(market_ppm <= PPM, "waterfall: limit too high")
    world.waterfall.own_market_ppm[layer, market] = market_ppm


def set_concession_budget(world: World, budget_ppm: int) -> None:
    """Part of junior's assets that a market's concessions may take in a day."""
    require(budget_ppm <= MAX_CONCESSION_BUDGET_PPM, "waterfall: budget too high")
    world.waterfall.concession_budget_ppm = budget_ppm


# --- views ------------------------------------------------------------------------------------


def concession_available(world: World, market: int) -> int:
    """Units a concession in this market could get now."""
    room_tokens = custody.to_tokens_down(world, _concession_room(world, market))
    return custody.to_units_down(world, room_tokens)


def reservation(world: World, account: int) -> tuple[int, int, int, int]:
    """What layers 2 to 5 hold for the account."""
    return _layers(world.waterfall.reservations.get(account, _NONE))


def preview(world: World, account: int, amount: int, weights: int) -> tuple[int, int, int, int]:
    """What layers 2 to 5 would hold after `reserve`."""
    old = world.waterfall.reservations.get(account, _NONE)
    return _plan(world, account, old, amount, weights)


def capacity(world: World, weights: int) -> tuple[int, int, int, int]:
    """What layers 2 to 5 could give a new loss of nobody's client."""
    junior, senior, fund = (room(world, layer, 0, 0, weights) for layer in LAYERS)
    return 0, junior, senior, fund


def exits_blocked(world: World) -> bool:
    """Whether anything is reserved in layers that accounts share.

    A reservation of some wei may be none on chain, or the reverse.

    Nothing can stand there on chain if no running auction has asked for a reservation.
    """
    reserved = sum(world.waterfall.reserved[layer] for layer in LAYERS)
    if reserved > CASH_BOUND_WAD:
        return True
    if any(auction.reserving for auction in world.auctions.values()):
        return world.decide("waterfall: exits blocked", reserved - 1, CASH_BOUND_WAD)
    return reserved != 0


def used(world: World, layer: int, market: int) -> int:
    """What still counts against a limit; market 0 is all of them together."""
    return rolling_limits.left(world, world.waterfall.used.get((layer, market), _UNUSED))


def market_limit(world: World, layer: int, market: int) -> int:
    """Part of a layer's assets one market may use in a day, ppm."""
    own = world.waterfall.own_market_ppm.get((layer, market), 0)
    return own if own != 0 else world.waterfall.market_ppm[layer]


def room(world: World, layer: int, held: int, since: int, weights: int) -> int:
    """Units a layer can give once `held`, reserved at `since`, is released."""
    state = world.waterfall
    assets = custody.to_units_down(world, _assets_tokens(world, layer))
    free = max(assets - (state.reserved[layer] - held), 0)
    if free == 0:
        return 0
    base = assets + rolling_limits.left(world, state.drawn.get(layer, _UNUSED))
    used_by_all = used(world, layer, ALL_MARKETS) - rolling_limits.left_of(world, held, since)
    limit = div_down(base * state.global_ppm[layer], PPM)
    free = min(free, max(limit - used_by_all, 0))
    if weights == 0:
        free = min(free, div_down(base * state.market_ppm[layer], PPM))
    for market, share in _shares(weights):
        used_by_one = used(world, layer, market) - rolling_limits.left_of(
            world, _share_up(held, share), since
        )
        limit = div_down(base * market_limit(world, layer, market), PPM)
        free = min(free, div_down(max(limit - used_by_one, 0) * SHARES, share))
    return min(free, _AMOUNT_MAX)


# --- internals --------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _shares(weights: int) -> tuple[tuple[int, int], ...]:
    """Markets with their shares of a loss, in the order of the word."""
    return tuple((weight.market, weight.share) for weight in unpack(weights))


def _share_up(amount: int, share: int) -> int:
    """One market's part of an amount."""
    return div_up(amount * share, SHARES)


def _layers(held: Reservation) -> tuple[int, int, int, int]:
    return held.broker, held.junior, held.senior, held.fund


def _plan(
    world: World,
    account: int,
    old: Reservation,
    amount: int,
    weights: int,
    closely: bool = False,
) -> tuple[int, int, int, int]:
    """What the layers would hold instead of the old reservation.

    What is set aside stays set aside while the layer has it, though limits shrink as old draws are
    forgotten.
    """
    lock_wad = sponsorship.guaranteed_wad(world, account)
    parts = [_part(world, amount, lock_wad, closely)]
    rest = amount - parts[0]
    for layer, held in zip(LAYERS, _layers(old)[1:], strict=True):
        free = room(world, layer, held, old.since, weights)
        if layer == FUND:
            free = min(free, _room_for_cause(world, account, held))
        if free < held:
            state = world.waterfall
            assets = custody.to_units_down(world, _assets_tokens(world, layer))
            free = max(free, min(held, max(assets - (state.reserved[layer] - held), 0)))
        parts.append(_part(world, rest, free, closely and layer != FUND))
        rest -= parts[-1]
    broker, junior, senior, fund = parts
    return broker, junior, senior, fund


def _part(world: World, rest: int, cap: int, closely: bool) -> int:
    """What a layer takes of a rest that may be some wei off: all of it, or what it has."""
    if closely and rest and cap and abs(cap - rest) <= CASH_BOUND_WAD:
        fits = world.decide("draw: fits a layer", cap - rest, CASH_BOUND_WAD)
        return rest if fits else min(rest - 1, cap)
    return min(rest, cap)


def _room_for_cause(world: World, account: int, held: int) -> int:
    """What the fund may still cost others for clients of the account's broker."""
    state = world.waterfall
    cause = world.brokers.broker_of(account)
    reserved = sum(
        other.fund
        for client, other in state.reservations.items()
        if world.brokers.broker_of(client) == cause
    )
    units = custody.to_units_down(world, guaranty_fund.room(world, cause))
    return max(units - reserved + held, 0)


def _recount(
    world: World, layer: int, held: tuple[int, int], since: int, added: int, weights: int
) -> None:
    """Count a reservation made at `since` as the smaller one that is kept, and add another."""
    if held[0] == held[1] and added == 0:
        return
    _recount_one(world, (layer, ALL_MARKETS), held, since, added)
    for market, share in _shares(weights):
        parts = _share_up(held[0], share), _share_up(held[1], share)
        _recount_one(world, (layer, market), parts, since, _share_up(added, share))


def _recount_one(
    world: World, key: tuple[int, int], held: tuple[int, int], since: int, added: int
) -> None:
    """The same for the used amount of one market, or of all."""
    amounts = world.waterfall.used.get(key, _UNUSED)
    end, before = rolling_limits.line(held[0], since)
    if end > world.now:
        amounts = rolling_limits.shifted(
            world, amounts, end, rolling_limits.line(held[1], since)[1] - before
        )
    world.waterfall.used[key] = rolling_limits.with_more(world, amounts, added)


def _pay_broker(world: World, account: int, units: int) -> int:
    """Move tokens of the account's lock to custody; returns units paid."""
    if units == 0:
        return 0
    amount_tokens = custody.to_tokens_up(world, units)
    if amount_tokens == 0:
        return 0
    sponsorship.pay_loss(world, account, amount_tokens)
    custody.receive_draw(world, amount_tokens)
    return units


def _pay(world: World, layer: int, units: int, cause: str) -> int:
    """Move tokens from a layer to custody, at most what it has; returns units paid."""
    if units == 0:
        return 0
    amount_tokens = custody.to_tokens_up(world, units)
    if amount_tokens == 0:
        return 0
    there = min(amount_tokens, _assets_tokens(world, layer))
    if layer == FUND:
        there = guaranty_fund.pay_loss(world, cause, there)
    paid = units
    if amount_tokens > there:
        amount_tokens = there
        paid = min(units, custody.to_units_down(world, amount_tokens))
    drawn = world.waterfall.drawn
    drawn[layer] = rolling_limits.with_down(world, drawn.get(layer, _UNUSED), paid)
    if amount_tokens == 0:
        return paid
    if layer == FUND:
        custody.receive_draw(world, amount_tokens)
    else:
        _send(world, world.junior if layer == JUNIOR else world.senior, amount_tokens)
    return paid


def _send(world: World, vault: Vault, amount_tokens: int) -> None:
    """Token units from a vault into custody's books."""
    vaults.pay_loss(world, vault, world.addresses["waterfall"], amount_tokens)
    custody.receive_draw(world, amount_tokens)


def _concession_room(world: World, market: int) -> int:
    """The market's budget left, never into what is reserved."""
    state = world.waterfall
    assets = custody.to_units_down(world, world.junior.assets_tokens)
    budget = div_down(assets * state.concession_budget_ppm, PPM)
    spent = rolling_limits.left(world, state.concessions.get(market, _UNUSED))
    return max(min(budget - spent, assets - state.reserved[JUNIOR]), 0)


def _assets_tokens(world: World, layer: int) -> int:
    """What a layer has."""
    if layer == FUND:
        return guaranty_fund.total(world)
    return (world.junior if layer == JUNIOR else world.senior).assets_tokens


def _check_layer(layer: int) -> None:
    """Layers that many accounts share have limits."""
    require(layer in LAYERS, "waterfall: unknown layer")
