"""What everybody has at one moment, read from the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from plimsoll.demo.broker_books import BrokerBooks, read_books
from plimsoll.demo.market_state import MarketState, read_market_states
from plimsoll.demo.stage import Stage
from plimsoll.units import WAD, tokens_to_wad

CENT: Final = WAD // 100


@dataclass(frozen=True)
class Position:
    """One leg as the ledger shows it."""

    name: str
    market: int
    size: int  # wad, signed
    entry: int  # wad
    leverage_class: int
    mark: int  # wad
    notional: int  # wad
    im: int  # wad, with stress, concentration and what a missing price adds


@dataclass(frozen=True)
class Snapshot:
    """All accounts at one block; amounts are wad."""

    time: int
    marks: tuple[int, ...]
    equity: Mapping[str, int]
    maintenance: Mapping[str, int]
    started: frozenset[str]
    positions: tuple[Position, ...]
    accrued: int  # funding and ADL cash of all legs not yet in cash
    interest: tuple[tuple[int, int], ...]  # long and short size per market
    junior: int  # the vaults' assets, wad
    senior: int
    capital: int  # of both, wad: not reserved and not asked back
    markets: tuple[MarketState, ...]
    brokers: tuple[BrokerBooks, ...] = ()  # in the order in which they opened
    shields: Mapping[str, int] = field(default_factory=dict)  # what guarantees add to equity

    def size(self, name: str, market: int) -> int:
        """Somebody's signed size in a market."""
        for position in self.positions:
            if position.name == name and position.market == market:
                return position.size
        return 0

    def below_maintenance(self) -> int:
        """Accounts that may be put under liquidation; those with only dust are not counted."""
        return sum(
            equity + self.shields.get(name, 0) < self.maintenance[name]
            and not only_dust(equity, self.maintenance[name])
            for name, equity in self.equity.items()
        )

    def bankrupt(self) -> int:
        """Accounts that owe more than they have; those with only dust are not counted."""
        return sum(
            equity < 0 and not only_dust(equity, self.maintenance[name])
            for name, equity in self.equity.items()
        )


def only_dust(equity: int, maintenance: int) -> bool:
    """Whether an account holds less than a cent either way: what rounding left of a take."""
    return abs(equity) < CENT and maintenance < CENT


def take_snapshot(stage: Stage) -> Snapshot:
    """Read every account of the run."""
    client, decimals = stage.client, stage.client.deployment.token_decimals
    people = list(stage.people)
    ids = [terms.id for terms in stage.scenario.markets]
    healths = client.healths([person.account for person in people])
    places = [(person, market) for person in people for market in stage.markets_of(person)]
    legs = client.legs([(person.account, market) for person, market in places])
    return Snapshot(
        time=stage.clock.now,
        marks=tuple(client.mark(market)[0] for market in ids),
        equity={p.name: h["equity"] for p, h in zip(people, healths, strict=True)},
        maintenance={p.name: h["mm"] for p, h in zip(people, healths, strict=True)},
        started=frozenset(stage.started),
        positions=tuple(
            Position(
                name=person.name,
                market=market,
                size=leg["size"],
                entry=leg["entry"],
                leverage_class=leg["leverage_class"],
                mark=leg["mark"],
                notional=leg["notional"],
                im=leg["im"],
            )
            for (person, market), leg in zip(places, legs, strict=True)
            if leg["size"] != 0
        ),
        accrued=sum(leg["accrued"] for leg in legs),
        interest=tuple(client.clearinghouse.read("open_interest", market) for market in ids),
        junior=tokens_to_wad(client.junior.read("totalAssets"), decimals),
        senior=tokens_to_wad(client.senior.read("totalAssets"), decimals),
        capital=client.capital(),
        markets=read_market_states(stage),
        brokers=read_books(client, stage.broker_vaults),
        shields={p.name: h["shield"] for p, h in zip(people, healths, strict=True) if h["shield"]},
    )
