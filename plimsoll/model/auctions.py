"""One auction per started account: its clock, its parameters, its loss weights.

The clock shows offset + (now - start). An auction that starts within an hour of the last one's end
takes over what the clock showed then. Each leg has a clock of its own, which stood still while its
market had no price, and in the grace after that. Times are seconds, concessions and fees ppm of
notional.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plimsoll.loss_weights import SHARES, LegLoss, Weight, pack, split, unpack
from plimsoll.model import margin, prices
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    WAD,
    Auction,
    AuctionParams,
    World,
    require,
)

RESUME_WINDOW: Final = 3_600
RESUMED_DIVISOR: Final = 4
SETTLED_PART: Final = 20  # of notional, for a leg that needs no margin any more
OFFSET_MAX: Final = 2**24 - 1
NO_AUCTION: Final = Auction()

# the hard bounds of the parameters
MAX_CONCESSION_PPM: Final = 100_000
MAX_FEE_PPM: Final = 20_000
MAX_INSURANCE_CONCESSION_PPM: Final = 10_000
MIN_DURATION: Final = 60
MAX_DURATION: Final = 3_600
MIN_KAPPA_PPM: Final = 1_010_000
MAX_KAPPA_PPM: Final = 2_000_000


def load(world: World, account: int) -> Auction:
    """The account's auction, running or remembered; an empty one if it never had any."""
    return world.auctions.get(account, NO_AUCTION)


def load_started(world: World, account: int) -> Auction:
    """The account's running auction."""
    auction = world.auctions.get(account, NO_AUCTION)
    require(auction.started != 0, "liquidation: not started")
    return auction


def shown(world: World, account: int) -> tuple[int, int, int, int, int]:
    """As the view: start time, start block, weights, place, elapsed; zeros if none runs."""
    auction = load(world, account)
    if auction.started == 0:
        return 0, 0, 0, 0, 0
    return (
        auction.started,
        auction.start_block,
        auction.weights,
        auction.place,
        elapsed(world, auction),
    )


# --- clock ----------------------------------------------------------------------------------


def elapsed(world: World, auction: Auction) -> int:
    """Seconds on the clock of a running auction."""
    return auction.offset + world.now - auction.started


def resumed_offset(world: World, auction: Auction) -> int:
    """What the clock of a new auction starts from, given the last one."""
    if auction.ended != 0 and world.now < auction.ended + RESUME_WINDOW:
        return auction.offset
    return 0


def stopped(world: World, auction: Auction, market: int) -> int:
    """Seconds since the start in which the clock of the leg in a market stood still."""
    begun, until, _ = prices.clock_stop(world, market)
    return max(min(until, world.now) - max(begun, auction.started), 0)


def closed(world: World, account: int, auction: Auction) -> Auction:
    """What is remembered of a running auction that ends now: what its clock shows, and when.

    Of several clocks, the one that stood still longest.
    """
    still = max((stopped(world, auction, market) for market in _markets(world, account)), default=0)
    return Auction(offset=min(elapsed(world, auction) - still, OFFSET_MAX), ended=world.now)


def has_run_out(world: World, account: int, auction: Auction) -> bool:
    """Whether the clock of some leg has run out where the account may be resolved.

    By the plain clock where there is no such leg.
    """
    places = [market for market in _markets(world, account) if prices.is_open(world, market)]
    if not places:
        return _is_over(world, auction, 0)
    return any(has_run_out_in(world, auction, market) for market in places)


def has_run_out_in(world: World, auction: Auction, market: int) -> bool:
    """Past T on the clock of a leg, and past a quarter of T since the start itself."""
    return _is_over(world, auction, stopped(world, auction, market))


def _is_over(world: World, auction: Auction, still: int) -> bool:
    """Whether a clock that stood still for some time has run out."""
    duration = world.params.duration
    return (
        elapsed(world, auction) - still >= duration
        and world.now - auction.started - still >= duration // RESUMED_DIVISOR
    )


def _markets(world: World, account: int) -> tuple[int, ...]:
    """Markets of an account, in the order they were opened."""
    return world.account(account).markets


def concession_ppm(world: World, auction: Auction, market: int) -> int:
    """c(t) of a leg, a straight line from c_min to c_max over T, rounded down."""
    params = world.params
    rise = params.concession_max_ppm - params.concession_min_ppm
    run = min(elapsed(world, auction) - stopped(world, auction, market), params.duration)
    return params.concession_min_ppm + rise * run // params.duration


# --- parameters -----------------------------------------------------------------------------


def set_params(world: World, params: AuctionParams) -> None:
    """Replace the parameters, within their hard bounds."""
    require(params.concession_min_ppm <= params.concession_max_ppm, "params: concession order")
    require(params.concession_max_ppm <= MAX_CONCESSION_PPM, "params: concession too high")
    require(
        MIN_DURATION <= params.duration <= MAX_DURATION,
        "params: duration out of bounds",
    )
    require(
        MIN_KAPPA_PPM <= params.kappa_ppm <= MAX_KAPPA_PPM,
        "params: kappa out of bounds",
    )
    require(params.fee_ppm <= MAX_FEE_PPM, "params: fee too high")
    require(
        params.insurance_concession_ppm <= MAX_INSURANCE_CONCESSION_PPM,
        "params: insurance pays too much",
    )
    world.params = params


# --- loss weights ---------------------------------------------------------------------------


def loss_weights(world: World, account: int, markets: tuple[int, ...]) -> int:
    """How a loss of the account is split over its markets, packed.

    By each leg's loss against entry; what the losses leave of the maintenance margin unexplained
    is added in proportion to each leg's part of it. A leg of a settled market needs no margin and
    counts for a twentieth of its notional. 0 if there is nothing to split by.
    """
    legs = []
    margins = []
    for market in markets:
        leg = margin.leg(world, account, market)
        long = leg.size_fine >= FINE
        entry = leg.entry_fine // FINE
        gap = entry - leg.mark_wad if long else leg.mark_wad - entry
        loss = max(gap, 0) * (abs(leg.size_fine) // FINE) // WAD
        legs.append(LegLoss(market, not long, loss))
        margins.append(leg.mm_wad or leg.notional_wad // SETTLED_PART)
    mm = sum(margins)
    unexplained = mm - sum(leg.loss for leg in legs)
    if unexplained > 0:
        legs = [
            LegLoss(leg.market, leg.short, leg.loss + unexplained * part // mm)
            for leg, part in zip(legs, margins, strict=True)
        ]
    return pack(_split(world, legs))


def _split(world: World, legs: list[LegLoss]) -> list[Weight]:
    """Shares in proportion to the losses, rounded down; the rest goes to the first largest.

    A share that rounding on chain may shift by one is a close decision.
    """
    total = sum(leg.loss for leg in legs)
    if total == 0:
        return []
    bound = 2 * SHARES * CASH_BOUND_WAD
    shares = [
        world.quotient("start: weight", leg.loss * SHARES, total, bound)
        if 0 < leg.loss < total
        else leg.loss // total * SHARES
        for leg in legs
    ]
    largest = max(range(len(legs)), key=lambda i: (legs[i].loss, -i))
    shares[largest] += SHARES - sum(shares)
    return [
        Weight(leg.market, leg.short, share)
        for leg, share in zip(legs, shares, strict=True)
        if share > 0
    ]


def to_charge(world: World, account: int) -> int:
    """How a loss is split over the winners that have not been charged for it yet, packed."""
    auction = world.auctions[account]
    return auction.charged_next or auction.weights


def forget_resolved(world: World, account: int) -> None:
    """After a resolve: what is left of the loss is that of the markets the account is still in."""
    markets = world.account(account).markets
    kept = [
        LegLoss(weight.market, weight.short, weight.share)
        for weight in unpack(to_charge(world, account))
        if weight.market in markets
    ]
    world.auctions[account] = replace(world.auctions[account], charged_next=pack(split(kept)))
