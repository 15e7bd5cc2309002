"""Before the first event: capital, deposits, positions. All open against a desk, which leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plimsoll.errors import ConfigError, ContractReverted
from plimsoll.stress.brokerage import Brokerage
from plimsoll.stress.crowd import Member, build_crowd
from plimsoll.stress.keeper import Taker
from plimsoll.stress.prices import Prices
from plimsoll.stress.scenario import Scenario
from plimsoll.stress.venue import DECIMALS, DESK, Person, Venue
from plimsoll.units import PPM, WAD, div_down, wad_to_tokens_down

_DESK_DEPOSITS: Final = 4  # times all open interest: it holds whole sides for a while


def open_all(
    venue: Venue, scenario: Scenario, prices: Prices, brokerage: Brokerage
) -> tuple[list[Member], list[Taker]]:
    """Fund everybody, trade up to the positions of the file, and start the clock."""
    venue.insure(scenario.insurance.junior, scenario.insurance.senior)
    _set(venue, "buffer", "set_buffer_terms")
    interest = sum(market.open_interest for market in scenario.markets)
    desk = venue.add(DESK, interest * _DESK_DEPOSITS)
    members = build_crowd(scenario.crowd, scenario.named, scenario.markets, scenario.seed)
    for named in scenario.named:
        if not named.market:
            venue.add(named.name, named.deposit)
    for member in members:
        _seat(venue, venue.add(member.name, member.deposit), member)
    takers = [
        Taker(venue.add(plan.name, plan.deposit), plan, plan.appetite) for plan in scenario.takers
    ]
    for step, part in enumerate(scenario.crowd.entries_ppm):
        at = {market.name: div_down(market.price * part, PPM) for market in scenario.markets}
        prices.set_all(at)
        _trade(venue, desk, members, step, at)
    prices.set_all({market.name: market.price for market in scenario.markets})
    _send_home(venue, desk)
    brokerage.sponsor(members)
    _set(venue, "risk", "set_risk_terms")
    _set(venue, "concentration", "set_concentration")
    prices.begin()
    return members, takers


def _set(venue: Venue, kind: str, function: str) -> None:
    """The owner sets every market's terms of a kind."""
    for market in venue.markets:
        terms = getattr(market.guard, kind)
        if terms is not None:
            ledger = venue.client.clearinghouse
            venue.send(venue.timelock, ledger, function, market.terms.id, terms.values())


def _seat(venue: Venue, one: Person, member: Member) -> None:
    """Leverage classes are chosen while flat; the lowest is everybody's at first."""
    for market in venue.markets:
        chosen = member.classes.get(market.name, 0)
        if chosen:
            venue.send(
                one.address, venue.client.clearinghouse, "set_leverage_class",
                one.account, market.terms.id, chosen,
            )  # fmt: skip


def _trade(
    venue: Venue, desk: Person, members: list[Member], step: int, prices: Mapping[str, int]
) -> None:
    """Everybody's fills of one step."""
    for market in venue.markets:
        for member in members:
            one = venue.people[member.name]
            for leg in member.legs:
                if leg.market != market.name or leg.step != step:
                    continue
                buyer, seller = (one, desk) if leg.size > 0 else (desk, one)
                try:
                    venue.trade(market, buyer, seller, abs(leg.size), prices[market.name])
                except ContractReverted as error:
                    raise ConfigError(
                        f"{member.name} cannot open in {market.name}: {error.reason}",
                        next_step="change positions, capital or terms; docs/stress.md says how",
                    ) from error


def _send_home(venue: Venue, desk: Person) -> None:
    """The flat desk takes its money: its wealth must not share in a shortfall."""
    state = venue.read([desk]).accounts[desk.account]
    tokens = wad_to_tokens_down(state.equity, DECIMALS)
    venue.send(desk.address, venue.client.custody, "withdraw", desk.account, tokens, desk.address)
    assert venue.read([desk]).accounts[desk.account].equity < WAD
