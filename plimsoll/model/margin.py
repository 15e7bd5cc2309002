"""Equity and margin of accounts.

As `contracts/_modules/margin.vy` and `_lib/brackets.vy`. Funding is already in cash, except for
markets that nobody has poked in this block: their legs count at the mark and funding of now.

For opening and withdrawing a leg counts at the worse of mark and average; where its side is held,
or without a price, its gain against entry counts as zero. Stress raises both margins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.model import concentration, positions, prices, risk
from plimsoll.model.risk import Factors
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    FINE,
    LEVERAGES,
    PPM,
    RAY,
    WAD,
    Account,
    Market,
    Position,
    Terms,
    World,
    require,
)

_EMPTY: Final = Account()  # stand for what is not there; never changed
_FLAT: Final = Position()

STALE_PPM: Final = 50_000  # of notional: initial margin of a leg without a price, besides


@dataclass(slots=True)
class Health:
    """Margin state of an account; as `IClearinghouse.Health`."""

    equity_fine: int  # valued for maintenance
    equity_im_fine: int  # valued for opening and withdrawing, never above the other
    mm_wad: int
    im_wad: int
    cash_fine: int  # with funding up to now
    priced: bool  # every open market has a price
    entry_bound_wad: int = 0  # how far `equity_im` may be off where it counts legs at their entries
    im_bound_wad: int = 0  # how far `im` may be off where it depends on open interest
    shield_wad: int = 0  # what a broker's guarantee adds for maintenance; in none of the others

    @property
    def covered_fine(self) -> int:
        """Equity with the guarantee: what liquidation looks at."""
        return self.equity_fine + self.shield_wad * FINE


@dataclass(slots=True)
class Leg:
    """One position as of now; as `IClearinghouse.Leg`, less what has accrued."""

    size_fine: int
    entry_fine: int  # whole wad: what a touch would write
    mark_wad: int  # last good one
    priced: bool
    notional_wad: int
    mm_wad: int
    im_wad: int
    mm_rate_ppm: int
    leverage_class: int


def health(world: World, account: int) -> Health:
    """Health at the marks of this block, whether or not somebody has poked them yet."""
    return health_without(world, account, 0)


def health_without(world: World, account: int, market: int) -> Health:
    """Health of an account's cash and all its legs but the one in `market` (0: all legs).

    What funding did to the left-out leg up to the market's last poke is in the cash.
    """
    owner = world.accounts.get(account, _EMPTY)
    total = Health(owner.cash_fine, owner.cash_fine, 0, 0, owner.cash_fine, True)
    if owner.guarantee is not None:
        total.shield_wad = owner.guarantee.shield_wad(world.now)
    for where in owner.markets:
        if where != market:
            _add_leg(world, account, where, total)
    return total


def leg(world: World, account: int, market: int) -> Leg:
    """One position as of now; flat if there is none. Refuses a market that is not listed."""
    now = _as_of_now(world, market)
    held = world.positions.get((account, market), _FLAT)
    require(positions.is_current(world, account, market), "adl: sync first")
    notional_wad = notional_up_wad(held.size_fine, now.mark_wad)
    factors = factors_now(world, market, now)
    extra_wad, _ = concentrated_wad(world, market, notional_wad, now.mark_wad)
    im_wad, mm_wad, rate_ppm = _leg_margins(
        world, market, notional_wad, held.choice, factors, extra_wad
    )
    if _is_stale(world, market, now):
        im_wad += stale_wad(notional_wad)
    return Leg(
        size_fine=held.size_fine,
        entry_fine=positions.entry_wad(held) * FINE,
        mark_wad=now.mark_wad,
        priced=now.priced,
        notional_wad=notional_wad,
        mm_wad=mm_wad,
        im_wad=im_wad,
        mm_rate_ppm=rate_ppm,
        leverage_class=held.leverage_class,
    )


def _add_leg(world: World, account: int, market: int, total: Health) -> None:
    """Adds one leg of an account to a health."""
    now = _as_of_now(world, market)
    state = world.markets[market]
    held = world.positions[account, market]
    if state.epochs:
        require(positions.is_current(world, account, market), "adl: sync first")
    size_fine = held.size_fine
    due_ray = now.funding_index_ray - state.funding_index_ray
    if due_ray:
        funding_fine = div_down(-size_fine * due_ray, RAY)
        total.cash_fine += funding_fine
        total.equity_fine += funding_fine
        total.equity_im_fine += funding_fine
    worth_fine = value_down_wad(size_fine, now.mark_wad) * FINE
    total.equity_fine += worth_fine
    factors = factors_now(world, market, now)
    if now.priced and factors is risk.CALM:
        total.equity_im_fine += worth_fine
    else:
        total.priced = total.priced and now.priced
        entry_wad = positions.entry_wad(held)
        worth_wad, bound_wad = opening_value(
            size_fine, entry_wad, now.mark_wad, now.priced, factors
        )
        total.equity_im_fine += worth_wad * FINE
        total.entry_bound_wad += bound_wad
    notional_wad = notional_up_wad(size_fine, now.mark_wad)
    extra_wad, bound_wad = concentrated_wad(world, market, notional_wad, now.mark_wad)
    im_wad, mm_wad, _ = _leg_margins(world, market, notional_wad, held.choice, factors, extra_wad)
    total.mm_wad += mm_wad
    total.im_wad += im_wad + (stale_wad(notional_wad) if _is_stale(world, market, now) else 0)
    total.im_bound_wad += bound_wad


def _is_stale(world: World, market: int, now: Market | prices.Peek) -> bool:
    """Whether a leg hangs on its last good mark, and may yet have another."""
    return not now.priced and world.markets[market].outage.settled_at == 0


def _leg_margins(
    world: World, market: int, notional_wad: int, choice: int, factors: Factors, extra_wad: int
) -> tuple[int, int, int]:
    """Initial and maintenance margin (wad) of a leg, and its marginal maintenance rate (ppm).

    Nothing of a settled market, whose mark is final.
    """
    state = world.markets[market]
    if state.outage.settled_at:
        return 0, 0, 0
    im_wad, mm_wad, _ = stressed_margins(state.terms, notional_wad, choice, factors, extra_wad)
    rate_ppm = risk.stressed_rate_ppm(marginal_mm_rate_ppm(state.terms, notional_wad), factors)
    return im_wad, mm_wad, rate_ppm


def factors_now(world: World, market: int, seen: Market | prices.Peek) -> Factors:
    """What the risk of a market, as of this block, does to margins now."""
    return risk.factors(world.markets[market].risk_terms, seen.risk, world.now)


def _as_of_now(world: World, market: int) -> Market | prices.Peek:
    """The market itself if it was poked in this block, or what a poke would make of it."""
    state = prices.market_of(world, market)
    return state if state.block == world.block else prices.peek(world, market)


# --- one position ---------------------------------------------------------------------------


def value_down_wad(size_fine: int, price_wad: int) -> int:
    """Size times price (wad), rounded down: what a position is worth, or the cash that pays it."""
    return div_down(size_fine * price_wad, WAD * FINE)


def opening_value(
    size_fine: int, entry_wad: int, mark_wad: int, priced: bool, factors: Factors
) -> tuple[int, int]:
    """What a leg counts for opening and withdrawing, and how far the chain's may be from it; wad.

    That is the worse of mark and average, and no more than the entry on a held side or unpriced.
    """
    long = size_fine > 0
    worth_wad = value_down_wad(size_fine, risk.opening_price_wad(mark_wad, long, factors))
    if priced and not factors.holds(long):
        return worth_wad, 0
    basis_wad = value_down_wad(size_fine, entry_wad)
    return min(worth_wad, basis_wad), abs(basis_wad) // positions.ENTRY_PARTS


def notional_up_wad(size_fine: int, price_wad: int) -> int:
    """Magnitude of size times price (wad), rounded up."""
    return div_up(abs(size_fine) * price_wad, WAD * FINE)


def margins(terms: Terms, notional_wad: int, choice: int) -> tuple[int, int, int]:
    """Initial and maintenance margin (wad, rounded up) of a notional, and the class in force.

    Without stress.

    IM = max(N / L, bracket IM), where L is the chosen class's leverage (`choice` is class + 1, 0:
    the market's largest). In force is the largest class up to it with L * bracket IM <= N.
    """
    im_wad = _requirement_wad(terms.thresholds_wad, terms.im_ppm, notional_wad)
    mm_wad = _requirement_wad(terms.thresholds_wad, terms.mm_ppm, notional_wad)
    chosen = min(choice - 1, terms.max_class) if choice else terms.max_class
    in_force = chosen
    # the bracket margin without its rounding: less than a wei must not decide about a class
    while in_force and LEVERAGES[in_force] * (im_wad - 1) >= notional_wad:
        in_force -= 1
    return max(im_wad, div_up(notional_wad, LEVERAGES[chosen])), mm_wad, in_force


def stressed_margins(
    terms: Terms, notional_wad: int, choice: int, factors: Factors, extra_wad: int = 0
) -> tuple[int, int, int]:
    """`margins` times the stress factors, rounded up; the class in force knows no stress.

    `extra_wad` is what concentration adds to initial margin; neither of the others knows it.
    """
    im_wad, mm_wad, in_force = margins(terms, notional_wad, choice)
    im_wad += extra_wad
    if factors is risk.CALM:
        return im_wad, mm_wad, in_force
    return risk.stressed_im_wad(im_wad, factors), risk.stressed_mm_wad(mm_wad, factors), in_force


def concentrated_wad(
    world: World, market: int, notional_wad: int, mark_wad: int
) -> tuple[int, int]:
    """What concentration asks of a leg by the open interest of now, and its bound; wad."""
    state = world.markets[market]
    if state.concentration is None:
        return 0, 0
    interest_wad = div_down(max(world.open_interest_fine(market)), FINE)
    return concentrated_by_wad(state, notional_wad, interest_wad, mark_wad)


def concentrated_by_wad(
    state: Market, notional_wad: int, interest_wad: int, mark_wad: int
) -> tuple[int, int]:
    """The same by the open interest of the larger side that a fill has found."""
    extra_wad = concentration.extra_wad(state.concentration, notional_wad, interest_wad, mark_wad)
    if extra_wad == 0:
        return 0, 0
    return extra_wad, div_up(prices.interest_bound_wad(state) * mark_wad, WAD)


def stale_wad(notional_wad: int) -> int:
    """Initial margin that a leg without a price needs besides, rounded up."""
    return div_up(notional_wad * STALE_PPM, PPM)


def marginal_mm_rate_ppm(terms: Terms, notional_wad: int) -> int:
    """Maintenance rate of the last unit of a notional: that of the bracket below it."""
    _, second, third = terms.thresholds_wad
    if notional_wad <= second:
        return terms.mm_ppm[0]
    return terms.mm_ppm[1] if notional_wad <= third else terms.mm_ppm[2]


def _requirement_wad(
    thresholds_wad: tuple[int, int, int], rates_ppm: tuple[int, int, int], notional_wad: int
) -> int:
    """Each bracket's rate times the part of the notional in it, the sum rounded up."""
    _, second, third = thresholds_wad
    scaled = min(notional_wad, second) * rates_ppm[0]
    if notional_wad > second:
        scaled += (min(notional_wad, third) - second) * rates_ppm[1]
    if notional_wad > third:
        scaled += (notional_wad - third) * rates_ppm[2]
    return div_up(scaled, PPM)
