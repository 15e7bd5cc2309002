"""One scenario from an empty chain to its last auction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from plimsoll.errors import ConfigError
from plimsoll.stress.acts import Acts
from plimsoll.stress.books import insist, reconcile
from plimsoll.stress.brokerage import Brokerage
from plimsoll.stress.cover import Cover, cover_2
from plimsoll.stress.events import AnyEvent, Feeds, Price, Takers, Trade
from plimsoll.stress.keeper import Keeper
from plimsoll.stress.measures import CENT
from plimsoll.stress.opening import open_all
from plimsoll.stress.outcome import Outcome, Sample
from plimsoll.stress.prices import Prices
from plimsoll.stress.scenario import Scenario
from plimsoll.stress.tally import FAILED, SUSPENDED, Tally, part_ray
from plimsoll.stress.venue import Venue, venue_for
from plimsoll.units import tokens_to_wad, wad_mul_down

DECIMALS: Final = 6
_QUIET_S: Final = 1_800  # between two looks while nothing happens
_ALERT_S: Final = 600  # after an event


@dataclass(frozen=True, order=True)
class _Due:
    """An event, or one repetition of it."""

    time: int
    place: int
    event: AnyEvent = field(compare=False)
    number: int = field(compare=False)


def play(scenario: Scenario, *, samples: bool = True) -> Outcome:
    """Play a scenario and count; raises `ChainError` if the books do not reconcile in the end."""
    venue = venue_for(scenario.markets, scenario.auction)
    return Play(scenario, venue, samples=samples).run()


class Play:
    """A run under way."""

    def __init__(self, scenario: Scenario, venue: Venue, *, samples: bool) -> None:
        self.scenario = scenario
        self.venue = venue
        self.prices = Prices(venue)
        try:
            self.brokerage = Brokerage(venue, scenario.brokers, scenario.fund)
            self.members, takers = open_all(venue, scenario, self.prices, self.brokerage)
        except ConfigError as error:
            raise ConfigError(
                f"{scenario.key}: {error.problem}", next_step=error.next_step
            ) from error
        self._legs = {m.name: {leg.market: leg.size for leg in m.legs} for m in self.members}
        self.tally = Tally(venue.name_of, self._sign_of)
        self.keeper = Keeper(venue, takers, self.tally, self.brokerage)
        self.acts = Acts(venue, self.tally)
        self._samples: list[Sample] | None = [] if samples else None
        states = venue.read(venue.traders).accounts
        self._equity = {one.name: states[one.account].equity for one in venue.traders}
        self._due = _timetable(scenario)
        self._last_event = max((due.time for due in self._due), default=0)
        self.time = 0

    def run(self) -> Outcome:
        """The whole timetable."""
        cover = self._cover()
        capital = self._capital()
        brokers = tuple(self.brokerage.capital())
        self._sample()
        while True:
            self._step()
            if self._over():
                break
            self._advance()
        reconciliation = reconcile(self.venue, self.tally, self.brokerage)
        insist(self.scenario.key, reconciliation)
        return Outcome(
            key=self.scenario.key,
            title=self.scenario.title,
            about=self.scenario.about,
            markets=tuple(market.name for market in self.scenario.markets),
            accounts=len(self.venue.traders),
            open_interest=sum(market.open_interest for market in self.scenario.markets),
            capital=capital,
            figures=self._figures(cover),
            brokers_before=brokers,
            brokers_after=tuple(self.brokerage.capital()),
            terms_off=tuple(self.scenario.switches.off),
            deficits=self._deficits(),
            haircuts={
                market.name: self.tally.haircuts.get(market.terms.id, 0)
                for market in self.scenario.markets
            },
            cover=cover,
            refusals=dict(sorted(self.tally.refusals.items())),
            samples=tuple(self._samples or ()),
            expect=self.scenario.expect,
            books=reconciliation,
            seconds=self.time,
        )

    # --- time --------------------------------------------------------------------------

    def _step(self) -> None:
        """Everything of this moment: events, prices, people, keepers."""
        due = [entry for entry in self._due if entry.time <= self.time]
        self._due = self._due[len(due) :]
        for entry in due:
            self._before_prices(entry.event)
        self.prices.publish(self.time)
        for entry in due:
            self.acts.carry_out(entry.event, entry.number)
        self._sample()
        self.keeper.work()
        self._sample()

    def _before_prices(self, event: AnyEvent) -> None:
        if isinstance(event, Price):
            self.prices.apply(event)
            ends = max(self.prices.paths[name].ends for name in event.to_ppm)
            self._last_event = max(self._last_event, ends)
        elif isinstance(event, Feeds):
            self.prices.switch(event)
        elif isinstance(event, Takers):
            self.keeper.takers_present = event.present

    def _advance(self) -> None:
        """To the next look; no event is passed over."""
        moving = any(path.ends > self.time for path in self.prices.paths.values())
        busy = moving or bool(self.keeper.started) or self.time < self._last_look + _ALERT_S
        pause = min(market.heartbeat for market in self.scenario.markets) // 2
        step = self.scenario.tick if busy else min(_QUIET_S, pause)
        target = self.time + step
        if self._due:
            target = min(target, max(self._due[0].time, self.time))
        self.time = target
        self.venue.chain.new_block(self.prices.zero + target)

    @property
    def _last_look(self) -> int:
        """When something was last written into the timetable, up to now."""
        past = [event.at for event in self.scenario.events if event.at <= self.time]
        return max(past, default=-_ALERT_S)

    def _over(self) -> bool:
        if self._due:
            return False
        since = self.time - self._last_event
        return since >= self.scenario.watch or (since >= _ALERT_S and not self.keeper.started)

    # --- looking -----------------------------------------------------------------------

    def _capital(self) -> tuple[int, int]:
        books = self.venue.read([]).books
        return (
            tokens_to_wad(books.junior_assets, DECIMALS),
            tokens_to_wad(books.senior_assets, DECIMALS),
        )

    def _sample(self) -> None:
        if self._samples is None:
            return
        state = self.venue.read(self.venue.traders)
        markets = [state.markets[market.terms.id] for market in self.scenario.markets]
        self._samples.append(
            Sample(
                time=self.time,
                marks=tuple(market.mark for market in markets),
                priced=tuple(bool(market.priced) for market in markets),
                bankrupt=sum(account.equity <= -CENT for account in state.accounts.values()),
                under_liquidation=len(self.keeper.started),
                junior=tokens_to_wad(state.books.junior_assets, DECIMALS),
                senior=tokens_to_wad(state.books.senior_assets, DECIMALS),
                redemption_rate=state.books.redemption_rate,
                brokers=self.brokerage.assets(),
            )
        )

    def _cover(self) -> Cover:
        """The worst of all jumps of the timetable, each from the opening."""
        now = {market.name: market.price for market in self.scenario.markets}
        worst = Cover((), 0, (0, 0, 0, 0))
        for event in self.scenario.events:
            if isinstance(event, Price):
                now |= self.prices.targets(event)
                cover = cover_2(self.venue, self.prices, now)
                if cover.losses - cover.covered > worst.losses - worst.covered or (
                    worst.survived and cover.losses > worst.losses
                ):
                    worst = cover
        return worst

    def _sign_of(self, name: str, market: int) -> int:
        terms = self.venue.markets[market - 1].terms
        size = self._legs.get(name, {}).get(terms.name, 0)
        return (size > 0) - (size < 0)

    # --- figures -----------------------------------------------------------------------

    def _figures(self, cover: Cover) -> dict[str, int]:
        tally = self.tally
        bankrupt = [name for name, deficit in tally.deficits.items() if deficit >= CENT]
        own = sum(max(0, self._equity[name] + self.acts.paid_in[name]) for name in bankrupt)
        interest = sum(market.open_interest for market in self.scenario.markets)
        return {
            "liquidated": len(tally.liquidated),
            "bankrupt": len(bankrupt),
            "account_equity": own,
            "deficits": sum(tally.deficits.values()),
            "broker": tally.drawn["broker"],
            "junior": tally.drawn["junior"],
            "senior": tally.drawn["senior"],
            "fund": tally.drawn["fund"],
            "haircut": tally.haircut,
            "shortfall": tally.shortfall,
            "redemption_rate": self.venue.read([]).books.redemption_rate,
            "largest_haircut": tally.largest_haircut,
            "concessions": tally.concessions,
            "insurance_concessions": tally.insurance_concessions,
            "taken": part_ray(self._worth(tally.taken), interest),
            "rematched": part_ray(self._worth(tally.rematched), interest),
            "resolve_calls": len(tally.resolve_gas),
            "resolve_gas": max(tally.resolve_gas, default=0),
            "cover_2": int(cover.survived),
            "margin_calls": tally.called,
            "margin_cures": tally.cured,
            "margin_defaults": len(tally.defaulted),
            "operators_lost": tally.operators_lost,
            "depositors_lost": tally.depositors_lost,
            "brokers_failed": tally.in_state(FAILED),
            "brokers_suspended": tally.in_state(SUSPENDED),
            "refusals": sum(tally.refusals.values()),
            "unfinished": len(self.keeper.started),
        }

    def _worth(self, sizes: Counter[int]) -> int:
        """Sizes at the first prices, wad."""
        return sum(
            wad_mul_down(sizes[market.terms.id], market.price) for market in self.scenario.markets
        )

    def _deficits(self) -> dict[str, int]:
        """Debts by the market of each account's largest leg; a liquidator has none of its own."""
        found = {market.name: 0 for market in self.scenario.markets}
        for name, deficit in self.tally.deficits.items():
            legs = self._legs.get(name)
            if legs:
                first = {market.name: market.price for market in self.scenario.markets}
                largest = max(legs, key=lambda market: abs(legs[market]) * first[market])
                found[largest] += deficit
        return found


def _timetable(scenario: Scenario) -> list[_Due]:
    """All events with their repetitions, by time."""
    due = []
    for place, event in enumerate(scenario.events):
        times, every = (event.times, event.every) if isinstance(event, Trade) else (1, 0)
        due += [_Due(event.at + every * i, place, event, i) for i in range(times)]
    return sorted(due)
