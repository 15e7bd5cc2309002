"""Invariants of the chain's state by itself, whatever the model says.

The numbers are those of docs/invariants.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from plimsoll.fuzz.probe import Books, State
from plimsoll.model.state import CASH_BOUND_WAD, RAY, SIZE_BOUND_WAD, WAD

_SCALE: Final = 10**12  # wad per token unit
_WRITE_WAD: Final = 16  # what rounding may leave in the pool with one call
_HAIRCUT_WAD: Final = 10**6


class Drift:
    """What rounding may have left in the pool since the venue was empty (I-03)."""

    def __init__(self) -> None:
        self.calls = 0
        self.haircuts = 0
        self.draws = 0

    def count(self, events: Sequence[str]) -> None:
        """One more call."""
        self.calls += 1
        self.haircuts += events.count("BucketHaircut")
        self.draws += events.count("Drawn") + events.count("ConcessionPaid")

    def bound(self) -> tuple[int, int]:
        """How far claims may lie under and over the sum of what everybody has."""
        rounding = CASH_BOUND_WAD + _WRITE_WAD * self.calls + _HAIRCUT_WAD * self.haircuts
        return rounding, rounding + _SCALE * self.draws


def broken(
    before: Books, state: State, events: Sequence[str], settled: Collection[int] = ()
) -> str | None:
    """The first invariant of the books that does not hold, or None.

    In `settled` markets one side may have become cash and the other not yet.
    """
    books = state.books
    held = books.backing + books.unvested + books.fees_in_transit + books.uncounted
    if books.custody_balance != held:
        return f"I-01 custody: holds {books.custody_balance}, accounts for {held}"
    for name, assets, balance in (
        ("junior", books.junior_assets, books.junior_balance),
        ("senior", books.senior_assets, books.senior_balance),
    ):
        if assets > balance:
            return f"I-02 vault: {name} counts {assets}, holds {balance}"
    rate = min(RAY, books.backing * RAY // books.claims) if books.claims else RAY
    if books.redemption_rate != rate:
        return f"I-04 redemption: rate {books.redemption_rate}, books say {rate}"
    reserved = books.junior_reserved + books.senior_reserved + state.brokers.reserved[1]
    if bool(books.exits_blocked) != (reserved != 0):
        return f"I-11 exits: blocked {books.exits_blocked} while {reserved} are reserved"
    fell = books.backing * before.claims < before.backing * books.claims
    if fell and before.claims <= before.backing and "ShortfallBooked" not in events:
        whole = books.claims <= books.backing + _SCALE
        if not whole:
            return "I-14 redemption: fell without a booked shortfall"
    for market in state.markets.values():
        dust = abs(market.long_interest - market.short_interest)
        if dust > SIZE_BOUND_WAD * 64 and market.market not in settled:
            return f"I-05 interest: market {market.market} is {dust} wei out of balance"
    return None


def unexplained(state: State, drift: Drift, settled: Collection[int] = ()) -> str | None:
    """I-03: claims are what everybody has. Needs every account in the state, and no job.

    What is open on one side only of `settled` markets stands against cash at the same mark.
    """
    books = state.books
    equity = sum(account.equity for account in state.accounts.values())
    interest = sum(
        (market.short_interest - market.long_interest) * market.mark // WAD
        for market in state.markets.values()
        if market.market not in settled
    )
    owed = equity + books.trading_fees + books.insurance_fees
    under, over = drift.bound()
    spare = books.claims - owed
    slack = abs(interest) + SIZE_BOUND_WAD * sum(
        1 + market.mark // WAD for market in state.markets.values()
    )
    if not -under - slack <= spare <= over + slack:
        return f"I-03 claims: {books.claims}, owed {owed}: {spare} apart"
    return None


def members(state: State) -> str | None:
    """I-06: a side's open interest is its members' sizes. Needs every account in the state."""
    for market in state.markets.values():
        sizes = [leg.size for leg in state.legs.values() if leg.market == market.market]
        for side, interest, held in (
            ("long", market.long_interest, sum(size for size in sizes if size > 0)),
            ("short", market.short_interest, -sum(size for size in sizes if size < 0)),
        ):
            if not 0 <= interest - held <= SIZE_BOUND_WAD * 64:
                return f"I-06 interest: {side} of market {market.market} is {interest}, held {held}"
    return None
