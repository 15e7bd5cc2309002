"""Keepers and liquidators: they look at every account each tick, and act as anybody may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plimsoll.errors import ContractReverted
from plimsoll.fuzz.probe import AccountState, LegState
from plimsoll.scenario import LiquidatorPlan
from plimsoll.stress.brokerage import Brokerage
from plimsoll.stress.logs import Log
from plimsoll.stress.tally import Tally
from plimsoll.stress.venue import Person, Venue
from plimsoll.units import PPM, WAD, div_down, div_up, wad_mul_down

BUCKETS: Final = 40  # that one call of resolve may work on
SLICES: Final = 8  # a liquidator takes at most this part of its appetite at once
_MOST_RESOLVES: Final = 500  # calls in one tick
_WORKED: Final = frozenset(
    ("AdlFrozen", "HaircutSet", "BucketRematched", "Rematched", "Finished", "AuctionEnded")
)


@dataclass
class Taker:
    """A liquidator, and the notional (wad) it may still take over."""

    person: Person
    plan: LiquidatorPlan
    appetite: int


class Keeper:
    """Starts auctions, re-marks, lets takers take, and resolves."""

    def __init__(
        self, venue: Venue, takers: list[Taker], tally: Tally, brokerage: Brokerage
    ) -> None:
        self._venue = venue
        self._takers = takers
        self._tally = tally
        self._brokerage = brokerage
        self.takers_present = True
        self._marked: dict[str, int] = {}
        self._most_added = venue.auction.insurance_concession_ppm

    @property
    def started(self) -> list[str]:
        """Names under liquidation, by start time."""
        return self._tally.started

    def work(self) -> None:
        """One look at everything."""
        people = self._venue.traders
        states = self._venue.read(people).accounts
        for one in people:
            state = states[one.account]
            if not state.started and state.equity + state.shield < state.mm:
                self._liquidator("start", one.name)
        self._brokerage.work(states, self._tally)
        if not self.started:
            return
        self._remark(states)
        if self.takers_present:
            self._offer()
        self._resolve_all()

    # --- accounts ----------------------------------------------------------------------

    def _remark(self, states: Mapping[int, AccountState]) -> None:
        """Bring the reservations of bankrupt accounts up to their deficits."""
        for name in list(self.started):
            equity = states[self._venue.people[name].account].equity
            if equity < 0 and self._marked.get(name) != equity:
                self._marked[name] = equity
                self._liquidator("remark", name)

    def _liquidator(self, function: str, name: str) -> None:
        """A keeper's call, which may come too late: another one has ended the auction."""
        venue = self._venue
        account = venue.people[name].account
        try:
            logs = venue.send(venue.bank, venue.client.liquidator, function, account)
        except ContractReverted as error:
            self._tally.refuse(f"{function}: {error.reason}")
            return
        self._tally.follow(logs)

    # --- takers ------------------------------------------------------------------------

    def _offer(self) -> None:
        """Every taker looks at every leg of every account, in the order of the queue."""
        people = [self._venue.people[name] for name in self.started]
        state = self._venue.read(people, legs=True)
        for one in people:
            for leg in [leg for leg in state.legs.values() if leg.account == one.account]:
                if leg.size != 0 and state.markets[leg.market].open:
                    self._show(one, leg)

    def _show(self, one: Person, leg: LegState) -> None:
        """One leg, to one taker after the other; the terms change with every slice."""
        terms: list[int] | None = None
        for taker in self._takers:
            if taker.appetite == 0 or one.name not in self.started:
                continue
            if terms is None:
                liquidator = self._venue.client.liquidator
                terms = self._venue.words(liquidator, "take_terms", one.account, leg.market)
            if self._consider(taker, one, leg, terms):
                terms = None

    def _consider(self, taker: Taker, one: Person, leg: LegState, terms: list[int]) -> bool:
        """Take a slice, if the concession is high enough and appetite is left; whether it was."""
        venue, least = self._venue, taker.plan.least_concession_ppm
        size_max, size_min, concession, own, _, mark = terms
        most = min(taker.appetite, div_down(taker.plan.appetite, SLICES))
        size = min(size_max, div_down(most * WAD, mark))
        if size < size_min or size == 0:
            return False
        # what insurance adds is limited, and its budget of the day may run out
        bonus = min(concession - own, self._most_added)
        if self._brokerage.guarantees(one.name, self._tally):
            bonus = 0  # insurance adds nothing while a broker's guarantee stands before it
        if own + bonus > least > own:
            budget = venue.words(venue.client.waterfall, "concession_available", leg.market)[0]
            bonus = min(bonus, div_down(budget * PPM, div_up(size * mark, WAD)))
        if own + bonus <= least:
            return False
        # of a long, the taker pays less than the mark; of a short, it is paid more
        sign = 1 if leg.size > 0 else -1
        limit = mark - sign * div_down(mark * least, PPM)
        try:
            logs = venue.send(
                taker.person.address, venue.client.liquidator, "take",
                one.account, leg.market, size, limit, taker.person.account,
            )  # fmt: skip
        except ContractReverted as error:
            self._tally.refuse(f"take: {error.reason}")
            return False
        self._tally.follow(logs)
        for log in logs:
            if log.name == "Taken":
                notional = wad_mul_down(abs(log["size"]), log["mark"])
                taker.appetite = max(0, taker.appetite - notional)
        return True

    # --- resolution --------------------------------------------------------------------

    def _resolve_all(self) -> None:
        """Call `resolve` until it finds nothing, or nothing that can be done now."""
        for _ in range(_MOST_RESOLVES):
            found = self._venue.resolve(BUCKETS)
            if found is None:
                return
            logs, gas = found
            self._tally.resolved(gas)
            self._tally.follow(logs)
            if not _has_worked(logs):
                return


def _has_worked(logs: list[Log]) -> bool:
    return any(log.name in _WORKED for log in logs)
