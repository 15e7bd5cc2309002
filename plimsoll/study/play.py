"""The play of everybody in one crash under one rule, and what it brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from plimsoll.model import auctions, margin
from plimsoll.model.example import NOW
from plimsoll.model.state import FINE, WAD
from plimsoll.study.cast import (
    CROWD,
    INTEREST,
    LOSERS,
    PLANS,
    PRICE,
    SLOW_STEP_S,
    Crash,
    Person,
    exposure_fine,
    wealth,
    wish,
)
from plimsoll.study.rules import MARKET, Rule
from plimsoll.study.venue import Seat, Venue, new_world

PROBES: Final = (
    "twin",
    "resetter",
    "runner",
    "drainer",
    "hedger",
    "sybil",
    "netter",
    "siphoner",
)
HONEST: Final = {0: "reducer", 1: "reducer", 2: "reducer", 3: "spender"}  # of the crowd
PROBE_SHARE: Final = 0.015  # of the winners' open interest, each
PROBE_MARGIN: Final = 0.2  # of notional
SYBIL_PARTS: Final = 4
RESOLVES_A_BLOCK: Final = 3
MOST_CLEANING: Final = 60


def to_wad(amount: float) -> int:
    """Quote or base units as a wad, in whole millionths."""
    return round(amount * 10**6) * 10**12


@dataclass
class Outcome:
    """What one play brought; amounts in quote units."""

    crash: Crash
    rule: Rule
    costs: dict[str, float] = field(default_factory=dict)  # by plan: what is missing, less price
    bases: dict[str, float] = field(default_factory=dict)  # by plan: what it had at the start
    waits: dict[str, list[int]] = field(default_factory=dict)  # of honest wishes, seconds
    kept_s: list[int] = field(default_factory=list)  # of honest reducers
    bankrupt: float = 0  # most that was missing at once
    haircut: float = 0
    hole: float = 0  # claims without backing at the end
    rho: float = 1
    etas: list[float] = field(default_factory=list)
    vaults: float = 0  # what the insurance vaults lost
    fees: float = 0
    unfinished: int = 0


@dataclass
class Play:
    """A crash under a rule; `deviating` of the crowd follow a plan, none: probes show all plans."""

    crash: Crash
    rule: Rule
    deviating: float | None = None
    plan: str = "resetter"

    def __post_init__(self) -> None:
        self.rng = Random(f"order {self.crash.number}")  # noqa: S311 - repeatable, not secret
        self.people: list[Person] = []
        self._next_owner = 0x1000
        self._cast()
        seats = [seat for person in self.people for seat in person.seats]
        capital = self.crash.insurance * INTEREST
        world = new_world(to_wad(PRICE), to_wad(capital / 3), to_wad(capital * 2 / 3), seats)
        self.venue = Venue(world, self.rule)
        for person in self.people:
            person.start_wealth = wealth(self.venue, person)
        self.maker = self._one("maker").main
        self.appetite = to_wad(self.crash.appetite * INTEREST)
        self.alarm = -1  # block of the first account below zero
        self.outcome = Outcome(self.crash, self.rule)

    # --- who is there -------------------------------------------------------------------

    def _seat(self, margin_: float, size: float = 0, entry: float = PRICE) -> Seat:
        """A new account under an address of its own."""
        self._next_owner += 1
        account = self._next_owner << 96
        return Seat(account, to_wad(margin_), to_wad(size), to_wad(entry))

    def _add(self, plan: str, *seats: Seat) -> None:
        """Somebody more."""
        when = self.crash.whens[len(self.people) % CROWD]
        self.people.append(Person(plan, list(seats), lag=self.crash.lags[plan], when=when))

    def _one(self, plan: str) -> Person:
        """The first person with a plan."""
        return next(person for person in self.people if person.plan == plan)

    def _cast(self) -> None:
        """Losers, winners, bystanders and those who make the market."""
        crash = self.crash
        sign = 1 if crash.up else -1  # of the winners' positions
        units = INTEREST / PRICE
        probes = self.deviating is None
        left = units * (1 - len(PROBES) * PROBE_SHARE) if probes else units
        deviators = 0 if self.deviating is None else round(CROWD * self.deviating)
        for i, (entry, part) in enumerate(crash.crowd):
            size = sign * left / CROWD
            plan = self.plan if i < deviators else HONEST[i] if probes and i in HONEST else "loyal"
            seats = [self._seat(abs(size) * PRICE * part, size, entry)]
            if plan == self.plan:
                seats.append(self._seat(abs(size) * PRICE * PROBE_MARGIN))
            self._add(plan, *seats)
        for plan in PROBES if probes else ():
            size = sign * units * PROBE_SHARE
            own = abs(size) * PRICE * PROBE_MARGIN
            parts = SYBIL_PARTS if plan == "sybil" else 1
            seats = [self._seat(own / parts, size / parts, crash.probe_entry) for _ in range(parts)]
            if parts == 1:
                seats.append(self._seat(own))
            self._add(plan, *seats)
        late = sign * units * PROBE_SHARE
        self._add("late", self._seat(abs(late) * PRICE * PROBE_MARGIN))
        self.people[-1].want = to_wad(late)
        placed = sum(seat.size for person in self.people for seat in person.seats)
        for i, (share, entry, part) in enumerate(crash.losers):
            size = -sign * units * share
            seat = self._seat(abs(size) * PRICE * part, size, entry)
            if i == LOSERS - 1:  # both sides are equal to the wei
                seat = Seat(seat.account, seat.collateral, -placed, seat.entry)
            placed += seat.size
            self._add("loser", seat)
        for plan in ("bystander", "fugitive", "saver"):
            self._add(plan, self._seat(600_000))
        self._add("maker", self._seat(5_000_000))
        self._add("taker", self._seat(crash.appetite * INTEREST * 0.3 + 1_000))

    # --- the play -----------------------------------------------------------------------

    def run(self) -> Outcome:
        """Play to the end, and until no auction is left."""
        for number, (seconds, price) in enumerate(self.crash.path):
            self._next_block(seconds, price)
            turns = ["keeper", "people", "wishes", "takers"]
            self.rng.shuffle(turns)
            for turn in turns:
                if turn == "keeper":
                    self._keep(number)
                elif turn == "people":
                    self._scheme(number)
                elif turn == "wishes":
                    self._ask()
                else:
                    self._take()
        for _ in range(MOST_CLEANING):
            if not any(account.started for account in self.venue.world.accounts.values()):
                break
            self._next_block(SLOW_STEP_S, self.crash.path[-1][1])
            self._keep(len(self.crash.path))
            self._ask()
        return self._finish()

    def _next_block(self, seconds: int, price: float) -> None:
        """Time passes and the mark moves; what each position wins by that is noted."""
        before = self.venue.mark
        held = [exposure_fine(self.venue, person) for person in self.people]
        self.venue.next_block(seconds, to_wad(price))
        for person, size in zip(self.people, held, strict=True):
            person.price_gain_fine += size * (self.venue.mark - before)

    def _missing(self) -> int:
        """Sum of equities below zero, wad."""
        return sum(max(0, -self.venue.equity(account)) for account in self.venue.world.accounts)

    def _keep(self, number: int) -> None:
        """Keepers: start who is below maintenance margin, re-mark, resolve."""
        if number < self.crash.keeper_lag:
            return
        venue, world = self.venue, self.venue.world
        short = []
        for account, state in world.accounts.items():
            if state.started:
                venue.remark(account)
            elif state.markets:
                health = margin.health(world, account)
                if health.equity_fine < health.mm_wad * FINE:
                    short.append((health.equity_fine, account))
        for _, account in sorted(short)[: self.crash.starts_a_block]:
            venue.start(account)
        for _ in range(RESOLVES_A_BLOCK):
            if not self._resolvable() or not venue.resolve():
                break

    def _resolvable(self) -> bool:
        """Whether the queue has somebody to work on."""
        world = self.venue.world
        return any(
            auction.started
            and (auction.urgent_place or auctions.has_run_out(world, account, auction))
            for account, auction in world.auctions.items()
        )

    def _scheme(self, number: int) -> None:
        """Those with a plan act while some account is below zero, each after its lag."""
        missing = self._missing()
        self.outcome.bankrupt = max(self.outcome.bankrupt, missing / WAD)
        if missing == 0:
            return
        if self.alarm < 0:
            self.alarm = number
        crowd = [person for person in self.people if not person.done]
        self.rng.shuffle(crowd)
        for person in crowd:
            if number >= self.alarm + person.lag:
                person.done = PLANS[person.plan](self.venue, person, self.maker)

    def _ask(self) -> None:
        """Wishes that have nothing to do with the crash."""
        for person in self.people:
            if person.plan not in ("reducer", "saver", "spender") or person.when < 0:
                continue
            if self.venue.now - NOW < person.when:
                continue
            if person.asked < 0:
                person.asked = self.venue.now
            if wish(self.venue, person, self.maker):
                waits = self.outcome.waits.setdefault(person.plan, [])
                waits.append(self.venue.now - person.asked)
                person.when = -1

    def _take(self) -> None:
        """Takers take slices while they have appetite and the concession is what they want."""
        venue, taker = self.venue, self._one("taker").main
        for account, auction in list(venue.world.auctions.items()):
            left = self.appetite * WAD // venue.mark
            if auction.started == 0 or left <= 0 or venue.size(account) == 0:
                continue
            if auctions.concession_ppm(venue.world, auction, MARKET) >= self.crash.demand:
                taken = venue.take(taker, account, left)
                self.appetite -= taken * venue.mark // WAD

    def _finish(self) -> Outcome:
        """Add everything up."""
        venue, outcome = self.venue, self.outcome
        books, world = venue.world.custody, venue.world
        for person in self.people:
            cost = person.start_wealth + person.price_gain_fine // (WAD * FINE)
            cost -= wealth(venue, person)
            outcome.costs[person.plan] = outcome.costs.get(person.plan, 0) + cost / WAD
            base = outcome.bases.get(person.plan, 0)
            outcome.bases[person.plan] = base + person.start_wealth / WAD
        outcome.haircut = venue.haircut / WAD
        outcome.etas = venue.etas
        outcome.hole = max(0, books.claims - books.backing) / WAD
        outcome.rho = min(1.0, books.backing / books.claims)
        outcome.vaults = self.crash.insurance * INTEREST
        outcome.vaults -= (world.junior.assets_tokens + world.senior.assets_tokens) / 10**6
        outcome.fees = (world.trading_fees_wad + world.insurance_fees_wad) / WAD
        honest = {person.main for person in self.people if person.plan == "reducer"}
        outcome.kept_s = [held for account, held in venue.guard.kept_s if account in honest]
        outcome.unfinished = sum(account.started for account in world.accounts.values())
        return outcome
