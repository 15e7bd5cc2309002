"""The end of a market: its feeds have died, anybody settles it, positions become cash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from plimsoll.demo.keeper import Keeper
from plimsoll.demo.snapshots import Snapshot, take_snapshot
from plimsoll.demo.stage import Happening, Stage
from plimsoll.errors import ContractReverted
from plimsoll.outages import WindDown

WINDOW_S: Final = 3_600  # from settlement until positions become cash

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Converted:
    """A position that has become cash; amounts wad."""

    name: str
    size: int
    entry: int
    price: int
    paid: int  # size at the final mark, rounded down; negative for a short
    cash_before: int
    cash_after: int
    equity_before: int
    equity_after: int


@dataclass(frozen=True)
class WoundDown:
    """A market from its settlement to its last position."""

    market: int
    refused_at: int  # scenario time of an earlier attempt
    refused_before: str  # what it was told
    settled: Happening
    at_settlement: Snapshot
    positions: tuple[Converted, ...]
    after: Snapshot


def refusal_to_settle(stage: Stage, plan: WindDown) -> str:
    """What settling the market is refused with now, asked without sending it; "" if it is not."""
    market = stage.scenario.market(plan.market).id
    try:
        stage.client.clearinghouse.read("settle_market", market, sender=stage.operator.address)
    except ContractReverted as error:
        return error.reason
    return ""


def wind_down(stage: Stage, keeper: Keeper, plan: WindDown, progress: Progress) -> WoundDown:
    """Settle by somebody without any right, wait, and turn every position into cash."""
    refused_at, refused = stage.clock.now, refusal_to_settle(stage, plan)
    client, market = stage.client, stage.scenario.market(plan.market).id
    progress(f"settling {plan.market}")
    stage.clock.set_next(plan.time)
    events = stage.send(client.clearinghouse, "settle_market", market)
    settled = next(happening for happening in events if happening.name == "MarketSettled")
    at_settlement = take_snapshot(stage)
    # whoever is bankrupt is resolved at the final mark meanwhile
    keeper.work_until(settled.time + WINDOW_S)
    stage.advance(max(1, settled.time + WINDOW_S - stage.clock.now))
    return WoundDown(
        market=market,
        refused_at=refused_at,
        refused_before=refused,
        settled=settled,
        at_settlement=at_settlement,
        positions=_convert_all(stage, market, progress),
        after=take_snapshot(stage),
    )


def _convert_all(stage: Stage, market: int, progress: Progress) -> tuple[Converted, ...]:
    client = stage.client
    converted = []
    for person in stage.people:
        if market not in stage.markets_of(person):
            continue
        before, entry = client.health(person.account), client.leg(person.account, market)["entry"]
        new = stage.send(client.clearinghouse, "sync", person.account, market)
        after = client.health(person.account)
        for happening in new:
            if happening.name == "PositionSettled":
                progress(f"{person.name}'s position becomes cash")
                converted.append(
                    Converted(
                        name=person.name,
                        size=happening["size"],
                        entry=entry,
                        price=happening["price"],
                        paid=happening["size"] * happening["price"] // 10**18,
                        cash_before=before["cash"],
                        cash_after=after["cash"],
                        equity_before=before["equity"],
                        equity_after=after["equity"],
                    )
                )
    return tuple(converted)
