"""Brokers in figures: each client with its guarantee and without, what each broker earned and lost.

Amounts are exact decimal strings in quote units, rates ppm, times seconds of the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from eth_utils.address import to_checksum_address

from plimsoll.broker_plans import BrokerPlan
from plimsoll.broker_views import BrokerState
from plimsoll.demo.broker_books import BrokerBooks
from plimsoll.demo.broker_room import BrokerRoom
from plimsoll.demo.play import Performance
from plimsoll.demo.snapshots import Snapshot
from plimsoll.demo.stage import Happening
from plimsoll.report.broker_clients import client_story
from plimsoll.units import PPM, div_down, exact, tokens_to_wad

Json = dict[str, Any]

NOBODY: Final = "nobody"
"""Whose client an account without a broker is."""


def brokers(performance: Performance, auctions: Sequence[Json]) -> Json | None:
    """Everything about the broker layer; None if the scenario has none."""
    room = performance.brokers
    if room is None:
        return None
    moments = (performance.opened, *performance.samples, performance.calm)
    return {
        "vaults": [
            _vault(performance, room, plan, place) for place, plan in enumerate(room.layer.vaults)
        ],
        "clients": [client_story(performance, room, plan, auctions) for plan in room.layer.clients],
        "fund": {
            "min_contribution": exact(room.layer.fund.min_contribution),
            "contribution_ppm": room.layer.fund.contribution_ppm,
            "cause_ppm": room.layer.fund.cause_ppm,
            "draws": list(fund_draws(performance, room)),
        },
        "events": list(_events(performance, room)),
        "series": [_moment(room, snapshot) for snapshot in moments],
    }


# --- brokers ------------------------------------------------------------------------------


def _vault(performance: Performance, room: BrokerRoom, plan: BrokerPlan, place: int) -> Json:
    books = performance.final.brokers[place]
    losses = [loss for loss in vault_losses(performance, room) if loss["broker"] == plan.name]
    by_stake, by_pool = (sum(loss[part] for loss in losses) for part in ("stake", "pool"))
    prepaid = sum(one.fee for one in room.agreed if one.broker == plan.name)
    # what is neither capital brought in nor a loss came from fees
    to_stake = books.stake - plan.stake + by_stake
    to_pool = books.pool - plan.pool + by_pool
    first = min(one.time for one in room.agreed)
    return {
        "name": plan.name,
        "state": (room.state(plan.name).name or "").lower(),
        "days": (performance.final.time - first) // 86_400,
        "clients": sorted(one.client for one in room.agreed if one.broker == plan.name),
        "stake": exact(plan.stake),
        "pool": exact(plan.pool),
        "guaranteed": exact(
            sum(one.guarantee for one in room.agreed if one.broker == plan.name and not one.ported)
        ),
        "fees_prepaid": exact(prepaid),
        "fees_earned": exact(prepaid - books.unearned),
        "earned_by_stake": exact(to_stake),
        "earned_by_pool": exact(to_pool),
        "lost_for_clients": exact(_lost(losses, plan.name, own=True, fund=False)),
        "lost_to_fund_for_clients": exact(_lost(losses, plan.name, own=True, fund=True)),
        "lost_to_fund_for_others": exact(_lost(losses, plan.name, own=False, fund=True)),
        "lost_by_stake": exact(by_stake),
        "lost_by_pool": exact(by_pool),
        "stake_at_end": exact(books.stake),
        "pool_at_end": exact(books.pool),
        "locked_at_end": exact(books.client_locks + books.commitment),
        "free_at_end": exact(books.free),
        "return_on_stake_ppm": _return_ppm(plan.stake, books.stake),
        "return_on_pool_ppm": _return_ppm(plan.pool, books.pool),
        "accounted": plan.stake + plan.pool + prepaid - by_stake - by_pool
        == books.assets + books.unearned,
    }


def _return_ppm(before: int, after: int) -> int:
    return div_down((after - before) * PPM, before) if before else 0


def _lost(losses: list[Json], name: str, *, own: bool, fund: bool) -> int:
    return sum(
        loss["stake"] + loss["pool"]
        for loss in losses
        if loss["fund"] == fund and (loss["cause"] == name) == own
    )


def vault_losses(performance: Performance, room: BrokerRoom) -> Iterator[Json]:
    """Every payment of a broker's vault, and for whose client; wad."""
    stage, decimals = performance.stage, performance.stage.client.deployment.token_decimals
    payer, cause, fund = "", "", False
    for h in stage.happenings:
        if h.name == "GuaranteePaid":
            payer = cause = _name(room, h["broker"])
            fund = False
        elif h.name == "MemberDrawn":
            payer, cause, fund = _name(room, h["broker"]), _name(room, h["cause"]), True
        elif h.name == "LossPaid" and "from_stake" in h.event.args:
            yield {
                "time": h.time,
                "broker": payer,
                "cause": cause,
                "fund": fund,
                "stake": tokens_to_wad(h["from_stake"], decimals),
                "pool": tokens_to_wad(h["from_pool"], decimals),
            }


def fund_draws(performance: Performance, room: BrokerRoom) -> Iterator[Json]:
    """Every draw on the guaranty fund: for whom, and what each member gave."""
    stage, decimals = performance.stage, performance.stage.client.deployment.token_decimals
    members: list[Json] = []
    for h in stage.happenings:
        if h.name == "MemberDrawn":
            members.append(
                {
                    "broker": _name(room, h["broker"]),
                    "cause": _name(room, h["cause"]),
                    "contribution": exact(tokens_to_wad(h["contribution"], decimals)),
                    "assessment": exact(tokens_to_wad(h["assessment"], decimals)),
                }
            )
        elif h.name == "Drawn" and h["layer"] == 5:
            yield {
                "time": h.time,
                "account": stage.people.name_of(h["account"]),
                "cause": members[0]["cause"] if members else NOBODY,
                "amount": exact(h["units"]),
                "tokens": exact(tokens_to_wad(h["tokens"], decimals)),
                "members": members,
            }
            members = []


def _name(room: BrokerRoom, broker: str) -> str:
    return room.broker_of.get(to_checksum_address(broker), NOBODY)


# --- over time ----------------------------------------------------------------------------

_TOLD: Final = {
    "MarginCalled": "called for margin",
    "MarginCured": "cured",
    "MarginDefaulted": "defaulted",
    "GuaranteePaid": "guarantee drawn",
    "Ported": "moved",
}


def _events(performance: Performance, room: BrokerRoom) -> Iterator[Json]:
    """What happened to clients, guarantees and brokers, in order."""
    stage = performance.stage
    clients = {plan.name for plan in room.layer.clients}
    for h in stage.happenings:
        if h.name in _TOLD:
            early = h.event.args.get("early", False)
            text = "auction opened early" if early else _TOLD[h.name]
            yield _event(h, stage.people.name_of(h["account"]), text)
        elif h.name == "AuctionStarted" and stage.people.name_of(h["account"]) in clients:
            yield _event(h, stage.people.name_of(h["account"]), "auction")
        elif h.name == "StateChanged":
            state = BrokerState(h["state"]).name or ""
            yield _event(h, _name(room, h["broker"]), state.lower())


def _event(h: Happening, who: str, what: str) -> Json:
    return {"time": h.time, "who": who, "what": what}


def _moment(room: BrokerRoom, snapshot: Snapshot) -> Json:
    return {
        "time": snapshot.time,
        "vaults": [_books(books) for books in snapshot.brokers],
        "equity": {
            name: exact(snapshot.equity[name])
            for plan in room.layer.clients
            for name in (plan.name, plan.alone)
        },
        "shields": {
            plan.name: exact(snapshot.shields.get(plan.name, 0)) for plan in room.layer.clients
        },
    }


def _books(books: BrokerBooks) -> Json:
    return {
        "stake": exact(books.stake),
        "pool": exact(books.pool),
        "client_locks": exact(books.client_locks),
        "commitment": exact(books.commitment),
        "free": exact(books.free),
        "good": books.good,
    }
