"""The waterfall: what junior (3) and senior (4) vault reserve and pay for a loss, and its limits.

All amounts are units (wad of claims). `weights` is the packed word of `plimsoll.loss_weights`. Used
amounts decay to nothing in straight lines of a day to 28 hours; rounding goes up, against whoever
wants to use a limit. Only the liquidator calls what moves anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from plimsoll.loss_weights import SHARES, unpack
from plimsoll.model import custody, vaults
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    PPM,
    Reservation,
    Rolling,
    Vault,
    World,
    require,
)

JUNIOR: Final = 3
SENIOR: Final = 4
LAYERS: Final = (JUNIOR, SENIOR)
ALL_MARKETS: Final = 0
WINDOW_S: Final = 86_400
MARK_S: Final = 14_400  # an amount is forgotten at a multiple of four hours
MIN_GLOBAL_PPM: Final = 100_000
MIN_MARKET_PPM: Final = 10_000
MAX_CONCESSION_BUDGET_PPM: Final = 50_000

_AMOUNT_MAX: Final = 2**104 - 1
_RATE_MAX: Final = 2**80 - 1
_NONE: Final = Reservation(junior=0, senior=0, since=0)
_UNUSED: Final = Rolling()


# --- liquidator -------------------------------------------------------------------------------


def reserve(world: World, account: int, amount: int, weights: int) -> int:
    """Replace the account's reservation by as much of `amount` as fits; returns that."""
    state = world.waterfall
    old = state.reservations.get(account, _NONE)
    held = (old.junior, old.senior)
    planned = _plan(world, old, amount, weights)
    for i, layer in enumerate(LAYERS):
        _recount(world, layer, (held[i], 0), old.since, planned[i], weights)
        state.reserved[layer] += planned[i] - held[i]
    if planned == (0, 0):
        state.reservations.pop(account, None)
    else:
        state.reservations[account] = Reservation(*planned, since=world.now)
    return planned[0] + planned[1]


def draw(world: World, account: int, amount: int, weights: int) -> int:
    """Pay `amount` out of the account's reservation and release the rest; returns units paid."""
    state = world.waterfall
    old = state.reservations.pop(account, _NONE)
    paid = 0
    for layer, held in ((JUNIOR, old.junior), (SENIOR, old.senior)):
        state.reserved[layer] -= held
        units = _pay(world, layer, min(amount - paid, held))
        _recount(world, layer, (held, units), old.since, 0, weights)
        paid += units
    return paid


def pay_concession(world: World, market: int, amount: int) -> int:
    """Pay a taker's insurance concession from junior, within the budget; returns units paid."""
    amount_tokens = custody.to_tokens_down(world, min(amount, _concession_room(world, market)))
    if amount_tokens == 0:
        return 0
    units = custody.to_units_down(world, amount_tokens)
    concessions = world.waterfall.concessions
    concessions[market] = _with(world, concessions.get(market, _UNUSED), units)
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
    held = world.waterfall.reservations.get(account, _NONE)
    return 0, held.junior, held.senior, 0


def preview(world: World, account: int, amount: int, weights: int) -> tuple[int, int, int, int]:
    """What layers 2 to 5 would hold after `reserve`."""
    old = world.waterfall.reservations.get(account, _NONE)
    junior, senior = _plan(world, old, amount, weights)
    return 0, junior, senior, 0


def capacity(world: World, weights: int) -> tuple[int, int, int, int]:
    """What layers 2 to 5 could give a new loss."""
    junior, senior = (room(world, layer, 0, 0, weights) for layer in LAYERS)
    return 0, junior, senior, 0


def exits_blocked(world: World) -> bool:
    """Whether anything is reserved. A reservation of some wei may be none on chain, or the reverse.

    Nothing can stand there on chain if no running auction has asked for a reservation.
    """
    reserved = world.waterfall.reserved[JUNIOR] + world.waterfall.reserved[SENIOR]
    if reserved > CASH_BOUND_WAD:
        return True
    if any(auction.reserving for auction in world.auctions.values()):
        return world.decide("waterfall: exits blocked", reserved - 1, CASH_BOUND_WAD)
    return reserved != 0


def used(world: World, layer: int, market: int) -> int:
    """What still counts against a limit; market 0 is all of them together."""
    return _left(world, world.waterfall.used.get((layer, market), _UNUSED))


def market_limit(world: World, layer: int, market: int) -> int:
    """Part of a layer's assets one market may use in a day, ppm."""
    own = world.waterfall.own_market_ppm.get((layer, market), 0)
    return own if own != 0 else world.waterfall.market_ppm[layer]


def room(world: World, layer: int, held: int, since: int, weights: int) -> int:
    """Units a layer can give once `held`, reserved at `since`, is released."""
    state = world.waterfall
    assets = custody.to_units_down(world, _vault(world, layer).assets_tokens)
    free = max(assets - (state.reserved[layer] - held), 0)
    if free == 0:
        return 0
    base = assets + _left(world, state.drawn.get(layer, _UNUSED))
    used_by_all = used(world, layer, ALL_MARKETS) - left_of(world, held, since)
    limit = div_down(base * state.global_ppm[layer], PPM)
    free = min(free, max(limit - used_by_all, 0))
    if weights == 0:
        free = min(free, div_down(base * state.market_ppm[layer], PPM))
    for market, share in _shares(weights):
        used_by_one = used(world, layer, market) - left_of(world, _share_up(held, share), since)
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


def left_of(world: World, amount: int, since: int) -> int:
    """What has not been forgotten of an amount counted at `since`."""
    end, rate = _line(amount, since)
    return rate * max(0, end - world.now)


def _line(amount: int, since: int) -> tuple[int, int]:
    """When an amount is forgotten, and how fast, wei per second."""
    end = div_up(since + WINDOW_S, MARK_S) * MARK_S
    return end, div_up(amount, end - since)


def _left(world: World, amounts: Rolling) -> int:
    """What has not been forgotten of all of them."""
    return sum(rate * (end - world.now) for end, rate in amounts.rates if end > world.now)


def _with(world: World, amounts: Rolling, amount: int) -> Rolling:
    """An amount more, counted from now on."""
    return _shifted(world, amounts, *_line(amount, world.now))


def _with_down(world: World, amounts: Rolling, amount: int) -> Rolling:
    """An amount more that widens a limit: forgotten at the last mark within a day."""
    end = div_down(world.now + WINDOW_S, MARK_S) * MARK_S
    rate = dict(amounts.rates).get(end, 0)
    more = min(div_down(amount, end - world.now), _RATE_MAX - rate)
    return _shifted(world, amounts, end, more)


def _shifted(world: World, amounts: Rolling, end: int, change: int) -> Rolling:
    """Another rate for one end; what has been forgotten is dropped."""
    rates = {other: rate for other, rate in amounts.rates if other > world.now}
    rate = rates.pop(end, 0) + change
    require(rate <= _RATE_MAX, "limit: amount too large")
    if rate != 0:
        rates[end] = rate
    return Rolling(tuple(rates.items()))


def _plan(world: World, old: Reservation, amount: int, weights: int) -> tuple[int, int]:
    """What junior and senior would hold instead of the old reservation."""
    junior = min(amount, room(world, JUNIOR, old.junior, old.since, weights))
    senior = min(amount - junior, room(world, SENIOR, old.senior, old.since, weights))
    return junior, senior


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
    end, before = _line(held[0], since)
    if end > world.now:
        amounts = _shifted(world, amounts, end, _line(held[1], since)[1] - before)
    world.waterfall.used[key] = _with(world, amounts, added)


def _pay(world: World, layer: int, units: int) -> int:
    """Move tokens from a layer to custody, at most what it has; returns units paid."""
    if units == 0:
        return 0
    vault = _vault(world, layer)
    amount_tokens = custody.to_tokens_up(world, units)
    if amount_tokens == 0:
        return 0
    paid = units
    if amount_tokens > vault.assets_tokens:
        amount_tokens = vault.assets_tokens
        paid = min(units, custody.to_units_down(world, amount_tokens))
    drawn = world.waterfall.drawn
    drawn[layer] = _with_down(world, drawn.get(layer, _UNUSED), paid)
    if amount_tokens != 0:
        _send(world, vault, amount_tokens)
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
    spent = _left(world, state.concessions.get(market, _UNUSED))
    return max(min(budget - spent, assets - state.reserved[JUNIOR]), 0)


def _vault(world: World, layer: int) -> Vault:
    """The vault behind a layer."""
    return world.junior if layer == JUNIOR else world.senior


def _check_layer(layer: int) -> None:
    """Only junior and senior have capital of their own."""
    require(layer in LAYERS, "waterfall: unknown layer")
