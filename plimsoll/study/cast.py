"""What chance decides, who is there, and what each of them does once accounts are below zero.

A person may own several accounts, each under an address of its own, since nobody trades with
itself. A plan is tried every block until it says that it is done. Crashes are drawn in floats, of
quote units; amounts of people are wad.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from plimsoll.model import margin
from plimsoll.model.example import TOKEN_WAD
from plimsoll.model.state import FINE, WAD
from plimsoll.study.rules import MARKET
from plimsoll.study.venue import Seat, Venue

PRICE: Final = 100.0
INTEREST: Final = 10_000_000.0  # notional of each side before the crash
BLOCK_S: Final = 12
FAST_BLOCKS: Final = 25
SLOW_STEP_S: Final = 120
SLOW_STEPS: Final = 20
LOSERS: Final = 12
CROWD: Final = 10  # winners that are not probes
SIPHON_PPM: Final = 49_000  # off the mark, inside the band of 5 %
_SIPHON_ROUNDS: Final = 12
_LEAST_NOTIONAL: Final = 10 * WAD


@dataclass(frozen=True)
class Crash:
    """Everything that chance decides, drawn once and played under every rule."""

    number: int
    up: bool
    gap: float
    steps: int  # blocks over which the move is spread: 1 is a gap, more a slide
    path: tuple[tuple[int, float], ...]  # seconds since the block before, price
    losers: tuple[tuple[float, float, float], ...]  # share, entry, margin as a part of notional
    crowd: tuple[tuple[float, float], ...]  # entry, margin
    probe_entry: float
    insurance: float  # part of the open interest
    keeper_lag: int  # blocks
    starts_a_block: int
    appetite: float  # takers', part of the open interest
    demand: int  # concession that takers wait for, ppm
    lags: Mapping[str, int]  # of plans, blocks
    whens: tuple[int, ...]  # seconds at which honest wishes arise


def _path(rng: Random, move: float, steps: int) -> tuple[tuple[int, float], ...]:
    """Fast blocks, then slow ones, with noise; sometimes a second gap, mostly in its direction."""
    price, path = PRICE, []
    second = rng.randrange(SLOW_STEPS) if rng.random() < 0.35 else -1
    for step in range(1 + FAST_BLOCKS + SLOW_STEPS):
        fast = step <= FAST_BLOCKS
        if step < steps:
            price *= (1 + move) ** (1 / steps)
        if step:
            price *= 1 + rng.gauss(0, 0.0006 if fast else 0.004)
        if step - 1 - FAST_BLOCKS == second:
            price *= 1 + move * rng.uniform(0.2, 0.6) * (1 if rng.random() < 0.75 else -1)
        path.append((BLOCK_S if fast else SLOW_STEP_S, price))
    return tuple(path)


def draw(seed: int, number: int) -> Crash:
    """Crash `number` of a seed."""
    rng = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
    up = rng.random() < 0.5
    gap = rng.uniform(0.03, 0.22)
    steps = 1 if rng.random() < 0.7 else rng.randint(3, FAST_BLOCKS)
    path = _path(rng, (gap if up else -gap), steps)
    shares = [rng.uniform(0.3, 1) for _ in range(LOSERS)]
    return Crash(
        number=number,
        up=up,
        gap=gap,
        steps=steps,
        path=path,
        losers=tuple(
            (
                share / sum(shares),
                PRICE * (1 + rng.gauss(0, 0.015)),
                rng.choice((0.055, 0.07, 0.1, 0.1, 0.14, 0.2, 0.35)),
            )
            for share in shares
        ),
        crowd=tuple(
            (PRICE * (1 + rng.gauss(0, 0.02)), rng.choice((0.07, 0.1, 0.2, 0.2, 0.35)))
            for _ in range(CROWD)
        ),
        probe_entry=PRICE * (1 + rng.gauss(0, 0.005)),
        insurance=rng.uniform(0.004, 0.04),
        keeper_lag=rng.choice((0, 0, 1, 1, 2, 3, 5, 8)),
        starts_a_block=rng.randint(2, 8),
        appetite=rng.uniform(0, 0.3),
        demand=rng.randint(5_000, 12_000),
        lags={plan: rng.choice((0, 0, 1, 2, 3)) for plan in PLANS},
        whens=tuple(rng.randrange(2_700) for _ in range(CROWD)),
    )


@dataclass
class Person:
    """Somebody with a plan; `main` is the first account."""

    plan: str
    seats: list[Seat]
    lag: int = 0  # blocks after the first account fell below zero
    when: int = 0  # seconds after the crash at which an honest wish arises
    want: int = 0  # signed size that a latecomer opens, or a siphoner has to take off
    done: bool = False
    asked: int = -1  # time at which an honest wish was first uttered
    start_wealth: int = 0
    price_gain_fine: int = 0  # what its positions won or lost by the mark alone

    @property
    def main(self) -> int:
        """The account that the plan is about."""
        return self.seats[0].account

    @property
    def second(self) -> int:
        """A friend's account, or one under another address."""
        return self.seats[1].account


Plan = Callable[[Venue, Person, int], bool]
"""Venue, person and the market maker's account; whether the plan is done."""


def _stay(_venue: Venue, _person: Person, _maker: int) -> bool:
    return True


def _reset(venue: Venue, person: Person, _maker: int) -> bool:
    """Hand the position to a friend at the mark: the profit is cash, the exposure stays."""
    size = venue.size(person.main)
    return size == 0 or venue.trade(person.second, person.main, -size)


def _run(venue: Venue, person: Person, maker: int) -> bool:
    """Close, and withdraw everything."""
    size = venue.size(person.main)
    if size and not venue.trade(maker, person.main, -size):
        return False
    return _withdraw_free(venue, person)


def _drain(venue: Venue, person: Person, _maker: int) -> bool:
    """Keep the position and withdraw what initial margin does not need, profit included."""
    return _withdraw_free(venue, person)


def _withdraw_free(venue: Venue, person: Person) -> bool:
    """Withdraw what may be withdrawn; done when nothing of the own is left to withdraw."""
    health = margin.health(venue.world, person.main)
    wanted = health.equity_im_fine // FINE - health.im_wad
    free = min(wanted, venue.guard.free_margin(person.main))
    paid = free >= TOKEN_WAD and venue.withdraw(person.main, free)
    return wanted < TOKEN_WAD or (paid and wanted - free < TOKEN_WAD)


def _hedge(venue: Venue, person: Person, maker: int) -> bool:
    """Open the opposite in another account."""
    return venue.trade(maker, person.second, -venue.size(person.main))


def _join(venue: Venue, person: Person, maker: int) -> bool:
    """Open on the winning side after the move."""
    return venue.trade(maker, person.main, person.want)


def _net(venue: Venue, person: Person, _maker: int) -> bool:
    """Close against accounts under auction, which the lock allows, and earn their concession."""
    for account in list(venue.guard.deficits):
        left = abs(venue.size(person.main))
        if left and venue.size(person.main) * venue.size(account) < 0:
            venue.take(person.main, account, left)
    return venue.size(person.main) == 0


def _siphon(venue: Venue, person: Person, _maker: int) -> bool:
    """Add at a price as bad as the band allows against a friend, take it off again at the mark.

    The profit then is the friend's, on the side that pays no haircut.
    """
    own, friend = person.main, person.second
    side = 1 if venue.size(own) > 0 else -1
    if person.want:
        return venue.trade(friend, own, person.want)
    for _ in range(_SIPHON_ROUNDS):
        leg = venue.guard.position(own)
        profit = (venue.mark * FINE - leg.entry_fine) * leg.size_fine // (WAD * FINE * FINE)
        if profit * 100 < abs(venue.size(own)) * venue.mark // WAD:
            return True
        health = margin.health(venue.world, own)
        spare = max(0, health.equity_im_fine // FINE - health.im_wad)
        # half of what margin allows: a haircut must not end in an auction
        room = min(spare, venue.equity(friend)) * 10**6 // (200_000 + 2 * SIPHON_PPM)
        needed = profit * 10**6 // SIPHON_PPM
        size = min(room, needed) * WAD // venue.mark
        price = venue.mark + side * venue.mark * SIPHON_PPM // 10**6
        if size * venue.mark // WAD < _LEAST_NOTIONAL:
            return False
        if not venue.trade(friend, own, side * size, price):
            return False
        if not venue.trade(friend, own, -side * size):
            person.want = -side * size  # until it is let
            return False
    return False


PLANS: Final[dict[str, Plan]] = {
    "loyal": _stay,
    "twin": _stay,  # a loyal one that starts as the probes of the other plans do
    "sybil": _stay,
    "bystander": _stay,
    "loser": _stay,
    "maker": _stay,
    "taker": _stay,
    "reducer": _stay,
    "spender": _stay,
    "saver": _stay,
    "resetter": _reset,
    "runner": _run,
    "drainer": _drain,
    "hedger": _hedge,
    "late": _join,
    "netter": _net,
    "siphoner": _siphon,
    "fugitive": _drain,
}


def wish(venue: Venue, person: Person, maker: int) -> bool:
    """What people want for reasons of their own: halve a position, or withdraw a tenth."""
    if person.plan == "reducer":
        half = venue.size(person.main) // 2
        return half == 0 or venue.trade(maker, person.main, -half)
    return venue.withdraw(person.main, person.seats[0].collateral // 10)


def wealth(venue: Venue, person: Person) -> int:
    """Tokens that a person has, or would get for its equity at the redemption rate; wad."""
    books = venue.world.custody
    total = 0
    for seat in person.seats:
        equity = venue.equity(seat.account)
        if equity > 0 and books.backing < books.claims:
            equity = equity * books.backing // books.claims
        owner = f"0x{seat.account >> 96:040x}"
        total += equity + venue.world.tokens.get(owner, 0) * TOKEN_WAD
    return total


def exposure_fine(venue: Venue, person: Person) -> int:
    """Signed size of all accounts of a person."""
    positions_of = venue.world.positions
    return sum(
        positions_of[seat.account, MARKET].size_fine
        for seat in person.seats
        if (seat.account, MARKET) in positions_of
    )
