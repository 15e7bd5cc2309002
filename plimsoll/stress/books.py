"""Do the books reconcile? Tokens, claims, and what everybody has, to the token unit.

Checked at the end of every run, whatever its file expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.errors import ChainError
from plimsoll.fuzz.probe import Books, State
from plimsoll.stress.brokerage import Brokerage
from plimsoll.stress.tally import Tally
from plimsoll.stress.venue import DEPOSITOR, Person, Venue
from plimsoll.units import RAY, WAD, div_down

UNIT: Final = 10**12
"""Wad of one token unit: what rounding may leave unexplained stays under it."""


@dataclass(frozen=True)
class Reconciliation:
    """The books of a finished run; amounts wad."""

    tokens_minted: int  # token units
    tokens_found: int
    claims: int
    explained: int
    problems: tuple[str, ...]

    @property
    def difference(self) -> int:
        """Claims that no line explains."""
        return self.claims - self.explained


def reconcile(venue: Venue, tally: Tally, brokerage: Brokerage) -> Reconciliation:
    """Count everything; `problems` is empty if the books are right."""
    reserve = Person("reserve", venue.client.clearinghouse.address, b"")
    people = [one for one in venue.people.values() if one.name != DEPOSITOR]
    state = venue.read([*people, reserve], legs=True)
    books = state.books
    minted, found = venue.minted(), _tokens(venue, brokerage)
    explained = _explained(state, tally)
    unexplained = books.claims - explained
    rate = min(RAY, div_down(books.backing * RAY, books.claims)) if books.claims else RAY
    problems = {
        f"custody holds {books.custody_balance}, its books say {_held(books)}": (
            books.custody_balance == _held(books)
        ),
        f"junior counts {books.junior_assets}, holds {books.junior_balance}": (
            books.junior_assets == books.junior_balance
        ),
        f"senior counts {books.senior_assets}, holds {books.senior_balance}": (
            books.senior_assets == books.senior_balance
        ),
        f"{minted} token units were minted, {found} are found": minted == found,
        f"the redemption rate is {books.redemption_rate}, the books say {rate}": (
            books.redemption_rate == rate
        ),
        f"{unexplained} wei of claims belong to nobody": abs(unexplained) < UNIT,
        f"layers paid {tally.paid}, accounts were covered {tally.covered}": (
            tally.paid == tally.covered
        ),
        f"accounts left {tally.shortfall}, {tally.booked} was booked": (
            tally.shortfall == tally.booked
        ),
        f"the dust reserve paid {tally.dust_paid} for {len(tally.deficits)} accounts": (
            0 <= tally.dust_paid <= UNIT * max(1, sum(1 for _ in tally.deficits))
        ),
    }
    broken = (*(text for text, good in problems.items() if not good), *brokerage.problems())
    return Reconciliation(minted, found, books.claims, explained, broken)


def insist(run: str, reconciliation: Reconciliation) -> None:
    """End the program if the books are wrong: nothing that such a run says can be trusted."""
    if reconciliation.problems:
        raise ChainError(
            f"{run}: the books do not reconcile: {'; '.join(reconciliation.problems)}",
            next_step="this is a fault of the protocol or of the laboratory: please report it",
        )


def _held(books: Books) -> int:
    """Wad that custody accounts for."""
    return books.backing + books.unvested + books.fees_in_transit + books.uncounted


def _tokens(venue: Venue, brokerage: Brokerage) -> int:
    """Token units of the bank, the vaults, custody and everybody."""
    token, client = venue.client.token, venue.client
    holders = {venue.bank, client.custody.address, client.junior.address, client.senior.address}
    holders |= {one.address for one in venue.people.values()}
    holders |= venue.holders | set(brokerage.holders())
    return sum(venue.words(token, "balanceOf", holder)[0] for holder in sorted(holders))


def _explained(state: State, tally: Tally) -> int:
    """Claims of accounts, fees and the dust reserve, and what draws rounded up."""
    books = state.books
    equity = sum(account.equity for account in state.accounts.values())
    fees = books.trading_fees + books.insurance_fees
    draws = tally.received - tally.paid - tally.insurance_concessions
    return equity + fees + draws + _dust(state)


def _dust(state: State) -> int:
    """Sizes that rounding took from everybody, at the marks: their worth is nobody's equity."""
    held = dict.fromkeys(state.markets, 0)
    for leg in state.legs.values():
        held[leg.market] += leg.size
    return -sum(div_down(held[m.market] * m.mark, WAD) for m in state.markets.values())
