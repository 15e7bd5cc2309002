"""The evening before: every holding becomes a position, opened by a deposit and a fill.

In each market the mark walks from the highest entry down, in steps as wide as the price band,
then to `MARK`; each holding opens at its own entry. What its opening needed beyond its cash is
taken out again at `MARK`, as far as initial margin lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from plimsoll.accounts import account_id
from plimsoll.bench.cold import Image
from plimsoll.replay.book import Day
from plimsoll.replay.population import MARK, Deal, Seat, deal, openable, seats
from plimsoll.replay.venue import BAND_PPM, IM_PPM, TOKEN, Venue
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.units import PPM, WAD, div_up

Progress = Callable[[str], None]

_CHUNK: Final = 1_000  # accounts between two looks at revm's journal, which grows
_BEFORE_S: Final = 900  # from the deployment to the first wave: longer than an auction
_HIGHEST_CLASS: Final = len(LEVERAGE_CLASSES) - 1


@dataclass(frozen=True)
class Person:
    """A holding's account; `equity` (wad) at `MARK` once everybody has opened."""

    seat: Seat
    account: int
    equity: int


@dataclass(frozen=True)
class Stage:
    """The state before the first wave, from which every play starts."""

    day: Day
    """With the holdings that could be opened."""
    table: Deal
    venue: Venue
    image: Image
    people: tuple[Person, ...]
    dropped: tuple[tuple[int, str], ...]
    """Holdings that could not be opened: number and reason."""
    capped: int
    """Accounts that keep more cash than they had: initial margin lets no more out."""
    vaults: tuple[str, ...] = ()
    """Of the brokers, without capital."""


def build(
    day: Day,
    progress: Progress,
    *,
    one_market: bool = False,
    before: Callable[[Venue], tuple[str, ...]] = lambda _: (),
) -> Stage:
    """Open every holding of the day on a chain of its own.

    `one_market` puts all of them into one; `before` may deploy vaults and returns where they are.
    Raises `ContractReverted` if the protocol refuses.
    """
    day, dropped = openable(day)
    table = deal(day, one_market=one_market)
    found = seats(day, table)
    genesis = day.waves[0].at_ms // 1_000 - _BEFORE_S
    # one market more, for whoever needs one without holdings
    venue = Venue(table.markets + 1, genesis - genesis % 300)
    vaults = before(venue)
    venue.chain.settle()
    kept: list[int] = []
    opened = 0
    for market in range(1, table.markets + 1):
        here = _descending(one for one in found if one.market == market)
        fund_dealer(venue, market, sum(one.opened * one.entry // WAD for one in here))
        for one in here:
            if opened % _CHUNK == 0:
                progress(f"{opened:,} of {len(found):,} accounts opened")
                venue.chain.settle()
            _open(venue, one)
            opened += 1
        venue.set_mark(market, MARK)
        kept += [_take_out(venue, one) for one in here]
    venue.chain.settle()
    progress("reading the accounts' equity")
    people = tuple(_people(venue, found))
    return Stage(
        day=day,
        table=table,
        venue=venue,
        image=venue.chain.image(),
        people=people,
        dropped=dropped,
        capped=sum(1 for amount in kept if amount),
        vaults=vaults,
    )


def fund_dealer(venue: Venue, market: int, notional: int) -> None:
    """Margin for a market's counterparty, which it will never have used up."""
    venue.deposit(venue.dealer(market), 2 * notional + 10_000 * WAD)


def owner(one: Seat) -> str:
    """The address of whoever holds a seat."""
    return Venue.owner(f"holder {one.place}")


def _descending(here: Iterable[Seat]) -> Sequence[Seat]:
    """In the order in which the falling mark meets their entries."""
    return sorted(here, key=lambda one: (-one.entry, one.place))


def _open(venue: Venue, one: Seat) -> None:
    """A deposit, a leverage class, a fill; another one if less is held than may be opened."""
    _approach(venue, one)
    person = owner(one)
    account = account_id(person)
    venue.deposit(account, one.deposit)
    if one.leverage_class != _HIGHEST_CLASS:
        venue.choose_class(person, account, one.market, one.leverage_class)
    side = 1 if one.long else -1
    venue.trade(person, account, one.market, side * one.opened, one.entry)
    if one.opened != one.size:
        venue.trade(person, account, one.market, side * (one.size - one.opened), one.entry)


def _approach(venue: Venue, one: Seat) -> None:
    """Bring the mark near an entry, never where the opening would start with a loss."""
    mark = venue.marks[one.market]
    if one.long:
        venue.set_mark(one.market, one.entry)
    elif not mark <= one.entry <= mark + mark * BAND_PPM // PPM:
        venue.set_mark(one.market, div_up(one.entry * PPM, PPM + BAND_PPM))


def _take_out(venue: Venue, one: Seat) -> int:
    """Withdraw what is not the account's; what initial margin keeps of it, wad."""
    notional = one.size * MARK // WAD
    margin = max(div_up(notional * IM_PPM, PPM), notional // LEVERAGE_CLASSES[one.leverage_class])
    free = max(0, one.equity + one.excess - margin - 2 * TOKEN)
    amount = min(one.excess, free) // TOKEN * TOKEN
    if amount:
        person = owner(one)
        venue.withdraw(person, account_id(person), amount)
    return max(0, one.excess - amount - TOKEN)


def _people(venue: Venue, found: Sequence[Seat]) -> Iterator[Person]:
    for one in found:
        account = account_id(owner(one))
        yield Person(one, account, venue.equity(account))
