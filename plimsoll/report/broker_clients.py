"""How each client of a broker went through a run, and its twin without a guarantee.

Amounts are exact decimal strings in quote units, times seconds of the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from plimsoll.broker_plans import ClientPlan
from plimsoll.demo.broker_room import BrokerRoom
from plimsoll.demo.play import Performance
from plimsoll.units import PPM, WAD, div_down, exact, to_wad

Json = dict[str, Any]

_PAYERS: Final = ("broker", "junior", "senior", "fund")


def client_story(
    performance: Performance, room: BrokerRoom, plan: ClientPlan, auctions: Sequence[Json]
) -> Json:
    """A client beside its twin."""
    agreed = [one for one in room.agreed if one.client == plan.name]
    fees = sum(one.fee for one in agreed)
    added = sum(one.deposited for one in room.answers if one.client == plan.name)
    return {
        "name": plan.name,
        "broker": plan.broker,
        "moved_to": next((one.broker for one in agreed if one.ported), None),
        "market": performance.stage.scenario.market(plan.market).id,
        "notional": exact(plan.notional),
        "deposit": exact(plan.deposit),
        "guarantee": exact(plan.guarantee),
        "with_broker": _outcome(performance, plan.name, auctions, plan.deposit + added, fees)
        | {"calls": list(_calls(performance, plan.name)), "answers": _answers(room, plan.name)},
        "alone": _outcome(performance, plan.alone, auctions, plan.deposit, 0),
    }


def _outcome(
    performance: Performance, name: str, auctions: Sequence[Json], paid_in: int, fees: int
) -> Json:
    """How one account went through the run."""
    mine = [auction for auction in auctions if auction["account"] == name]
    takes = [take for auction in mine for take in auction["takes"]]
    end = performance.final.equity[name]
    paid = {layer: sum(to_wad(one["drawn"][layer]) for one in mine) for layer in _PAYERS}
    paid["winners"] = sum(to_wad(one["haircut"]) for one in mine)
    paid["shortfall"] = sum(to_wad(one["shortfall"]) for one in mine)
    concessions = sum(
        div_down(
            abs(to_wad(take["size"])) * abs(to_wad(take["mark"]) - to_wad(take["account_price"])),
            WAD,
        )
        for take in takes
    )
    return {
        "account": name,
        "refused": performance.refused.get(name),
        "equity_before_fall": exact(performance.opened.equity[name]),
        "least_equity": exact(min(snapshot.equity[name] for snapshot in performance.samples)),
        "paid_in": exact(paid_in),
        "guarantee_fees": exact(fees),
        "liquidations": [
            {
                "started": one["started"],
                "ended": one["ended"],
                "equity": one["equity"],
                "maintenance_margin": one["maintenance_margin"],
                "end": one["end"],
            }
            for one in mine
        ],
        "concessions": exact(concessions),
        "rematch_discounts": exact(_discounts(performance, name)),
        "liquidation_fees": exact(sum(to_wad(take["fee"]) for take in takes)),
        "deficit": exact(sum(to_wad(one["deficit"]) for one in mine)),
        "paid_by": {layer: exact(amount) for layer, amount in paid.items()},
        "equity_at_end": exact(end),
        "result": exact(end - paid_in - fees),
    }


def _discounts(performance: Performance, name: str) -> int:
    """What an account with equity gave to those who were re-matched with it."""
    marks = {
        resolve.happenings[0].transaction: resolve.before.marks
        for resolve in performance.keeper.resolves
        if resolve.account == name
    }
    return sum(
        div_down(h["size"] * marks[h.transaction][h["market"] - 1] * h["discount_ppm"], WAD * PPM)
        for h in performance.stage.happenings
        if h.name == "Rematched"
        and h.transaction in marks
        and performance.stage.people.name_of(h["account"]) == name
    )


def _calls(performance: Performance, name: str) -> Iterator[Json]:
    """Margin calls of a client, and how each ended."""
    stage, shift = performance.stage, performance.stage.clock.shift
    current: Json | None = None
    for h in stage.happenings:
        if h.event.args.get("account") != stage.people[name].account:
            continue
        if h.name == "MarginCalled":
            current = {
                "time": h.time,
                "amount": exact(h["amount"]),
                "deadline": h["deadline"] - shift,
                "end": "open",
                "ended": None,
            }
        elif current is not None and h.name in _CALL_ENDS:
            end = "started early" if h.event.args.get("early") else _CALL_ENDS[h.name]
            yield current | {"end": end, "ended": h.time}
            current = None
    if current is not None:
        yield current


_CALL_ENDS: Final = {
    "MarginCured": "cured",
    "MarginDefaulted": "defaulted",
    "GuaranteePaid": "guarantee paid",
}


def _answers(room: BrokerRoom, name: str) -> list[Json]:
    return [
        {
            "time": one.time,
            "deposited": exact(one.deposited),
            "sold": exact(one.sold),
            "price": exact(one.price),
            "fee": exact(one.fee),
        }
        for one in room.answers
        if one.client == name
    ]
