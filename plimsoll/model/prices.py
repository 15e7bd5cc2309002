"""The mark of a block, funding, and what fills tell about the price people pay above mark.

As `contracts/PriceOracle.vy`, `_modules/marks.vy` and `_modules/premiums.vy`. The chain adds what
a position owes in funding when the position is touched; here `poke` books it at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.model import backing, capital, feeds, outages, risk
from plimsoll.model.outages import Outage
from plimsoll.model.risk import Risk
from plimsoll.model.rounding import div_down, div_up, div_zero
from plimsoll.model.state import (
    FINE,
    MICRO,
    PPB,
    RAY,
    SIZE_BOUND_WAD,
    WAD,
    Market,
    Refused,
    World,
    require,
)
from plimsoll.model.tokens import WORD_MAX

BUCKET_SECONDS = 300
WINDOW_BUCKETS = 12
PREMIUM_UNIT_PPB = 100  # of the window
PREMIUM_UNITS_MAX = 2**19 - 1
BUCKETS_TO_WASH = 7  # that move the median of the window
UNREACHABLE_VOLUME = 2**255 - 1  # V_min where trading is free
VOLUME_LIMIT = 2**72  # micro quote units in one five-minute bucket
HOUR = 3_600


@dataclass(slots=True)
class Peek:
    """A market as `poke` would leave it in this block."""

    mark_wad: int
    priced: bool
    funding_index_ray: int
    rate_ppb: int
    premium_volume: int
    premium_sum: int
    premiums_ppb: tuple[int, ...]
    risk: Risk
    outage: Outage
    waiting: bool  # in the grace after an outage
    cap_quote: int


def market_of(world: World, market: int) -> Market:
    """The market; refuses one that is not listed."""
    state = world.markets.get(market)
    if state is None:
        raise Refused("market: unknown")
    return state


# --- the mark of a block --------------------------------------------------------------------


def peek(world: World, market: int) -> Peek:
    """The market as `poke` would store it in this block; nothing is changed."""
    state = market_of(world, market)
    seen = Peek(
        mark_wad=state.mark_wad,
        priced=state.priced,
        funding_index_ray=state.funding_index_ray,
        rate_ppb=state.rate_ppb,
        premium_volume=state.premium_volume,
        premium_sum=state.premium_sum,
        premiums_ppb=state.premiums_ppb,
        risk=state.risk,
        outage=state.outage,
        waiting=state.waiting,
        cap_quote=state.cap_quote,
    )
    if state.block == world.block or state.outage.settled_at != 0:
        return seen
    since = state.time
    steps = div_down(world.now, BUCKET_SECONDS) - div_down(since, BUCKET_SECONDS)
    if steps:
        # the old rate holds to the end of its five minutes, however late the poke
        since = (div_down(since, BUCKET_SECONDS) + 1) * BUCKET_SECONDS
        seen.funding_index_ray += _flow_ray(state, seen.rate_ppb, since - state.time)
        _close_bucket(world, market, state, seen, steps)
        if state.buffer_terms is not None:
            seen.cap_quote = capital.cap_quote(world, state.buffer_terms)
    seen.funding_index_ray += _flow_ray(state, seen.rate_ppb, world.now - since)
    price_wad, seen.priced = feeds.read(world, market)
    seen.outage = _outage_at(world, state, seen.priced)
    seen.waiting = seen.priced and world.now < seen.outage.grace_until
    if seen.priced:
        grace_until = seen.outage.grace_until if seen.waiting else 0
        seen.risk = _risk_at(state, price_wad, world.now, grace_until)
        seen.mark_wad = price_wad
    return seen


def poke(world: World, market: int) -> tuple[int, bool]:
    """Stores the mark of this block, once, and pays the funding due; mark (wad) and if priced.

    Longs pay `size * dF` and shorts receive it.
    """
    state = market_of(world, market)
    if state.block == world.block:
        return state.mark_wad, state.priced
    seen = peek(world, market)
    change_ray = seen.funding_index_ray - state.funding_index_ray
    if change_ray:
        for (account, where), leg in world.positions.items():
            if where == market and leg.size_fine:
                world.accounts[account].cash_fine += div_down(-leg.size_fine * change_ray, RAY)
    state.mark_wad = seen.mark_wad
    state.priced = seen.priced
    state.funding_index_ray = seen.funding_index_ray
    state.rate_ppb = seen.rate_ppb
    state.premium_volume = seen.premium_volume
    state.premium_sum = seen.premium_sum
    state.premiums_ppb = seen.premiums_ppb
    state.risk = seen.risk
    state.outage = seen.outage
    state.waiting = seen.waiting
    state.cap_quote = seen.cap_quote
    state.block = world.block
    state.time = world.now
    return state.mark_wad, state.priced


def poke_all(world: World, account: int) -> None:
    """Pokes every market an account is in."""
    for market in world.account(account).markets:
        poke(world, market)


def hold(world: World, market: int, long: bool) -> None:
    """Holds a side of a market from now on, to the end of a running grace at least.

    Nothing happens where there are no risk terms, nor in a settled market.
    """
    poke(world, market)
    state = world.markets[market]
    if state.risk_terms is not None and state.outage.settled_at == 0:
        grace_until = state.outage.grace_until if state.waiting else 0
        state.risk = risk.held(state.risk_terms, state.risk, long, world.now, grace_until)


def is_open(world: World, market: int) -> bool:
    """Whether accounts may be resolved in a market: it has a price and no grace runs.

    A settled one is open until positions become cash.
    """
    return _is_open(peek(world, market), world.now)


def clock_stop(world: World, market: int) -> tuple[int, int, bool]:
    """As the view: the last time in which auction clocks stood still, and if the market is open."""
    now = peek(world, market)
    return *outages.stop(now.outage, now.priced, world.now), _is_open(now, world.now)


def _is_open(seen: Peek, now: int) -> bool:
    """Whether a market, as of now, is open."""
    if seen.outage.settled_at:
        return outages.is_settling(seen.outage, now)
    return seen.priced and not seen.waiting


def risk_view(world: World, market: int) -> tuple[int, int, int, int, bool, bool, int]:
    """As the view `risk`: what a poke would leave, see `plimsoll.model.risk.shown`."""
    now = peek(world, market)
    return risk.shown(world.markets[market].risk_terms, now.risk, now.mark_wad, world.now)


def cap_view(world: World, market: int) -> int:
    """As the view `buffer_cap`: notional (wad) a side may have, all there is without terms."""
    cap_quote = peek(world, market).cap_quote
    return cap_quote * WAD if cap_quote else WORD_MAX


def buffer_view(world: World, market: int) -> tuple[int, int, int]:
    """Cap (wad of notional), utilisation and surcharge of now (ppm); no utilisation without cap."""
    now = peek(world, market)
    if not now.cap_quote:
        return WORD_MAX, 0, 0
    interest_wad = div_down(max(world.open_interest_fine(market)), FINE)
    used_ppm = backing.utilisation_ppm(now.cap_quote, interest_wad, now.mark_wad)
    return now.cap_quote * WAD, used_ppm, backing.surcharge_ppm(used_ppm)


def interest_bound_wad(state: Market) -> int:
    """How far the chain's open interest may be from ours."""
    return SIZE_BOUND_WAD + sum(state.dust_wad.values())


def _outage_at(world: World, state: Market, priced: bool) -> Outage:
    """What a poke of now that finds a price, or none, makes of the market's outages."""
    before, last, now = state.outage, state.time, world.now
    if not state.priced:
        return outages.ended(before, now) if priced else before
    # nobody could poke while the sequencer was down: the last poke was the last sign of life
    up_since = feeds.sequencer_up_since(world)
    silent = now - last >= outages.GAP_SECONDS and up_since > last
    if not priced:
        return outages.lost(before, last if silent else now, now)
    return outages.ended(outages.lost(before, last, now), up_since) if silent else before


def _risk_at(state: Market, mark_wad: int, now: int, grace_until: int) -> Risk:
    """The market's risk once this mark is stored; the same if it is the stored one."""
    if state.risk_terms is None or mark_wad == state.mark_wad:
        return state.risk
    return risk.moved(state.risk_terms, state.risk, state.mark_wad, mark_wad, now, grace_until)


def _flow_ray(state: Market, rate_ppb: int, elapsed_s: int) -> int:
    """What F gains in a time at a rate an hour and the stored mark, rounded down."""
    if not state.priced or state.funding_frozen:
        return 0
    # mark (1e18) times rate (1e9 an hour) is ray an hour
    return div_down(state.mark_wad * elapsed_s * rate_ppb, HOUR)


# --- the funding rate -----------------------------------------------------------------------


def record_premium(world: World, market: int, price_wad: int, notional_wad: int) -> None:
    """Counts a fill, of a notional at mark, towards the premium of the running five minutes."""
    state = world.markets[market]
    base, cap = state.terms.funding_base_ppb, state.terms.funding_cap_ppb
    premium_ppb = div_zero((price_wad - state.mark_wad) * PPB, state.mark_wad)
    # beyond the cap the rate would not move, and one far fill must not outweigh many near ones
    premium_ppb = min(max(premium_ppb, -cap - base), cap - base)
    volume = div_down(notional_wad, MICRO)
    require(state.premium_volume + volume < VOLUME_LIMIT, "funding: volume too large")
    state.premium_volume += volume
    state.premium_sum += div_zero(volume * premium_ppb, PPB)


def next_rate_ppb(state: Market, premiums_ppb: tuple[int, ...]) -> int:
    """Base plus the median of the window, within the cap; ppb an hour."""
    ordered = sorted(premiums_ppb)
    # stored premiums are even, so the mean of the middle two is exact
    median = div_down(ordered[5] + ordered[6], 2)
    cap = state.terms.funding_cap_ppb
    return min(max(state.terms.funding_base_ppb + median, -cap), cap)


def volume_min(state: Market, interest_wad: int) -> int:
    """V_min for the larger side's open interest: the volume at which washing costs what it brings.

    Micro quote units: max(V_set, cap * OI / (7 * fees)), rounded up; OI at the stored mark.
    """
    terms = state.terms
    fees_ppm = terms.maker_fee_ppm + terms.taker_fee_ppm
    if fees_ppm == 0:
        return UNREACHABLE_VOLUME
    notional = div_down(interest_wad * state.mark_wad, WAD * MICRO)
    # cap and fees in ppb
    washing = div_up(terms.funding_cap_ppb * notional, BUCKETS_TO_WASH * fees_ppm * 1_000)
    return max(div_down(terms.premium_volume_wad, MICRO), washing)


def _close_bucket(world: World, market: int, state: Market, seen: Peek, steps: int) -> None:
    """Ends the running five minutes, counts those without a poke as zero and sets the rate."""
    window = (_bucket_premium_ppb(world, market, state), *state.premiums_ppb)
    silent = min(steps - 1, WINDOW_BUCKETS)
    seen.premiums_ppb = ((0,) * silent + window)[:WINDOW_BUCKETS]
    seen.rate_ppb = next_rate_ppb(state, seen.premiums_ppb)
    seen.premium_volume = 0
    seen.premium_sum = 0


def _bucket_premium_ppb(world: World, market: int, state: Market) -> int:
    """Premium of the five minutes that end, as the window stores it: in hundreds of ppb.

    Open interest differs from the chain's by rounding where ADL has been: on an edge either
    premium will do.
    """
    if state.premium_sum == 0:
        return 0
    interest_wad = div_down(max(world.open_interest_fine(market)), WAD)
    premium = _stored_premium_ppb(state, interest_wad)
    if not state.epochs:
        return premium
    for bound in (-SIZE_BOUND_WAD, SIZE_BOUND_WAD):
        other = _stored_premium_ppb(state, max(interest_wad + bound, 0))
        if other != premium and not world.decide("funding: premium", 0, 0):
            return other
    return premium


def _stored_premium_ppb(state: Market, interest_wad: int) -> int:
    """Volume-weighted premium, diluted to V_min, toward zero in whole units of the window."""
    volume = max(state.premium_volume, volume_min(state, interest_wad))
    if volume == 0:
        return 0
    premium_ppb = div_zero(state.premium_sum * PPB, volume)
    units = div_zero(premium_ppb, PREMIUM_UNIT_PPB)
    return min(max(units, -PREMIUM_UNITS_MAX), PREMIUM_UNITS_MAX) * PREMIUM_UNIT_PPB
