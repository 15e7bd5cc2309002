"""Every figure of a run as one JSON document.

Amounts, prices and sizes are exact decimal strings in quote or base units, rates in ppm are
integers, times are unix seconds of the scenario.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plimsoll.demo.keeper import Resolve
from plimsoll.demo.play import Performance
from plimsoll.demo.queue import Bucket
from plimsoll.demo.reconcile import Reconciliation, reconcile
from plimsoll.demo.snapshots import Snapshot, only_dust
from plimsoll.demo.stage import Happening
from plimsoll.population import AccountPlan
from plimsoll.report.broker_checks import broker_stages
from plimsoll.report.brokers import brokers
from plimsoll.report.checks import stages_reached
from plimsoll.report.engine import risk_engine
from plimsoll.report.engine_checks import engine_stages
from plimsoll.report.fit import fit_to_data
from plimsoll.report.stress import stress_before_fall
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.units import RAY, WAD, div_down, exact, to_wad

Json = dict[str, Any]

LAYERS = {2: "broker", 3: "junior", 4: "senior", 5: "fund"}


def build(performance: Performance) -> Json:
    """The whole document."""
    stage, scenario = performance.stage, performance.stage.scenario
    happenings = stage.happenings
    books = reconcile(stage, performance.final, happenings)
    auctions = _auctions(performance)
    engine = risk_engine(performance)
    layer = brokers(performance, auctions)
    resolves = [_resolve(resolve) for resolve in performance.keeper.resolves]
    return {
        "scenario": {
            "name": scenario.name,
            "about": scenario.about,
            "seed": scenario.seed,
            "facts": list(scenario.facts),
            "sources": sorted(
                {
                    distribution.source
                    for distribution in (
                        scenario.leverage,
                        scenario.notional,
                        *scenario.entry.values(),
                        *scenario.profit.values(),
                    )
                }
            ),
        },
        "markets": [_market(performance, number) for number in range(len(scenario.markets))],
        "counts": _counts(performance),
        "fit": fit_to_data(scenario, performance.population),
        "accounts": _accounts(performance, resolves),
        "steps": [
            {"phase": step.phase, **_moment(performance, snapshot)}
            for step, snapshot in zip(scenario.path, performance.at_steps, strict=True)
        ],
        "series": [
            _moment(performance, snapshot)
            for snapshot in (performance.opened, *performance.samples, performance.calm)
        ],
        "stress_before_fall": stress_before_fall(performance),
        "auctions": auctions,
        "draws": [
            {
                "time": happening.time,
                "account": stage.people.name_of(happening["account"]),
                "layer": LAYERS[happening["layer"]],
                "amount": exact(happening["units"]),
                "capacity_before": exact(happening["capacity_before"]),
                "capacity_after": exact(happening["capacity_after"]),
            }
            for happening in happenings
            if happening.name == "Drawn"
        ],
        "resolves": resolves,
        "refusals": [asdict(refusal) for refusal in performance.keeper.refusals],
        "risk_engine": engine,
        "brokers": layer,
        "waterfall": _waterfall(performance, auctions),
        "reconciliation": _books(books),
        "reached": stages_reached(performance, books)
        | engine_stages(performance, engine)
        | broker_stages(performance, layer),
    }


def write(document: Json, path: Path) -> None:
    """Save the document; the same run gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n", encoding="utf-8")


# --- the venue ---------------------------------------------------------------------------


def _market(performance: Performance, number: int) -> Json:
    terms = performance.stage.scenario.markets[number]
    long, short = performance.opened.interest[number]
    mark = performance.opened.marks[number]
    return {
        "name": terms.name,
        "feeds": terms.feeds,
        "max_leverage": LEVERAGE_CLASSES[terms.max_class],
        "brackets": [asdict(bracket) for bracket in terms.brackets],
        "taker_fee_ppm": terms.taker_fee_ppm,
        "maker_fee_ppm": terms.maker_fee_ppm,
        "open_interest_before_fall": exact(long),
        "open_interest_value": exact(div_down(short * mark, WAD)),
        "mark_before_fall": exact(mark),
    }


def _settled_orders(happenings: Iterable[Happening]) -> set[bytes]:
    """Hashes of the orders that were filled, against another order or by a take."""
    settled = {h["order_hash"] for h in happenings if h.name == "OrderFilled"}
    for match in (h for h in happenings if h.name == "Matched"):
        settled |= {match["maker_hash"], match["taker_hash"]}
    return settled


def _counts(performance: Performance) -> Json:
    happenings = performance.stage.happenings
    return {
        "accounts": len(list(performance.stage.people)),
        "trades": sum(h.name == "Matched" for h in happenings),
        "signed_orders": len(_settled_orders(happenings)),
        "transactions": performance.stage.transactions,
        "links_read_back": len(performance.links),
        "auctions": sum(h.name == "AuctionStarted" for h in happenings),
        "takes": sum(h.name == "Taken" for h in happenings),
        "buckets_rematched": sum(h.name == "BucketRematched" for h in happenings),
        "haircuts": sum(h.name == "HaircutSet" for h in happenings),
        "guarantees": sum(h.name == "GuaranteeAgreed" for h in happenings),
        "margin_calls": sum(h.name == "MarginCalled" for h in happenings),
    }


def _accounts(performance: Performance, resolves: Sequence[Json]) -> list[Json]:
    plans = {plan.name: plan for plan in performance.population.accounts}
    haircuts: dict[str, int] = {}
    for resolve in performance.keeper.resolves:
        for name, paid in _payments(resolve).items():
            haircuts[name] = haircuts.get(name, 0) + paid
    return [
        {
            "name": person.name,
            "role": person.role,
            "deposit": exact(_deposit(performance, plans, person.name)),
            "leverage_classes": {
                str(market): LEVERAGE_CLASSES[leverage_class]
                for market, leverage_class in (
                    plans[person.name].classes.items() if person.name in plans else ()
                )
            },
            "equity_before_fall": exact(performance.opened.equity[person.name]),
            "equity_at_end": exact(performance.final.equity[person.name]),
            "haircuts_paid": exact(haircuts.get(person.name, 0)),
            "rematched": [
                {"market": leg["market"], "size": entry["size"], "bankrupt": resolve["account"]}
                for resolve in resolves
                for leg in resolve["legs"]
                for entry in leg["rematched"]
                if entry["name"] == person.name
            ],
            "positions_before_fall": _positions(performance.opened, person.name),
            "positions_at_end": _positions(performance.final, person.name),
        }
        for person in performance.stage.people
    ]


def _deposit(performance: Performance, plans: dict[str, AccountPlan], name: str) -> int:
    if name in plans:
        return plans[name].deposit
    return next(
        plan.deposit for plan in performance.stage.scenario.liquidators if plan.name == name
    )


def _positions(snapshot: Snapshot, name: str) -> list[Json]:
    return [
        {
            "market": position.market,
            "size": exact(position.size),
            "entry": exact(position.entry),
            "leverage_class": LEVERAGE_CLASSES[position.leverage_class],
        }
        for position in snapshot.positions
        if position.name == name
    ]


def _moment(performance: Performance, snapshot: Snapshot) -> Json:
    """Prices, and what each group has, at one block."""
    groups: dict[str, int] = {}
    for person in performance.stage.people:
        groups[person.role] = groups.get(person.role, 0) + snapshot.equity[person.name]
    return {
        "time": snapshot.time,
        "marks": [exact(mark) for mark in snapshot.marks],
        "equity": {role: exact(amount) for role, amount in groups.items()},
        "junior": exact(snapshot.junior),
        "senior": exact(snapshot.senior),
        "below_maintenance": snapshot.below_maintenance(),
        "bankrupt": snapshot.bankrupt(),
        "under_liquidation": len(snapshot.started),
    }


# --- liquidation -------------------------------------------------------------------------


def _auctions(performance: Performance) -> list[Json]:
    """One entry per auction, from its start to how it ended."""
    stage = performance.stage
    name_of = stage.people.name_of
    running: dict[str, Json] = {}
    finished: list[Json] = []
    bonus_of = _concessions(stage.happenings)
    for h in stage.happenings:
        if h.name == "AuctionStarted":
            name = name_of(h["account"])
            running[name] = {
                "account": name,
                "started": h.time,
                "equity": exact(h["equity"]),
                "maintenance_margin": exact(h["mm"]),
                "only_dust": only_dust(h["equity"], h["mm"]),
                "queue_place": h["queue_index"],
                "takes": [],
                "rematched": [],
                "deficit": "0",
                "haircut": "0",
                "drawn": dict.fromkeys(LAYERS.values(), "0"),
                "shortfall": "0",
            }
            finished.append(running[name])
            continue
        if "account" not in h.event.args or name_of(h["account"]) not in running:
            continue
        auction = running[name_of(h["account"])]
        _follow(performance, auction, h, bonus_of)
        if h.name in ("AuctionEnded", "Finished"):
            del running[auction["account"]]
    return finished


def _follow(
    performance: Performance, auction: Json, h: Happening, bonus_of: dict[int, int]
) -> None:
    """Write one event of an auction into its entry."""
    if h.name == "Taken":
        notional = div_down(abs(h["size"]) * h["mark"], WAD)
        auction["takes"].append(
            {
                "time": h.time,
                "taker": performance.stage.people.name_of(h["taker"]),
                "market": h["market"],
                "size": exact(h["size"]),
                "notional": exact(notional),
                "mark": exact(h["mark"]),
                "account_price": exact(h["account_price"]),
                "fee": exact(h["fee"]),
                "insurance_concession": exact(bonus_of.get(h.transaction, 0)),
                "equity_after": exact(h["equity"]),
                "maintenance_after": exact(h["mm"]),
            }
        )
    elif h.name == "Rematched":
        auction["rematched"].append(
            {
                "time": h.time,
                "market": h["market"],
                "size": exact(h["size"]),
                "discount_ppm": h["discount_ppm"],
            }
        )
    elif h.name == "AdlFrozen":
        auction["deficit"] = exact(h["deficit"])
    elif h.name == "HaircutSet":
        auction["haircut"] = exact(to_wad(auction["haircut"]) + h["credited"])
    elif h.name == "Drawn":
        auction["drawn"][LAYERS[h["layer"]]] = exact(h["units"])
    elif h.name == "AuctionEnded":
        end = "cured" if h["mm"] else "taken over"
        auction |= {"ended": h.time, "end": end, "equity_at_end": exact(h["equity"])}
    elif h.name == "Finished":
        end = "dust" if auction["only_dust"] else "bankrupt"
        auction |= {"ended": h.time, "end": end, "shortfall": exact(h["shortfall"])}
        if auction["deficit"] == "0":
            auction["deficit"] = exact(h["loss"])


def _concessions(happenings: Iterable[Happening]) -> dict[int, int]:
    """What insurance added to the take of a transaction, wad."""
    return {h.transaction: h["units"] for h in happenings if h.name == "ConcessionPaid"}


def _resolve(resolve: Resolve) -> Json:
    """A forced resolve: the frozen figures, the queue, who was re-matched and who paid."""
    frozen = next((h for h in resolve.happenings if h.name == "AdlFrozen"), None)
    kind = "solvent"
    if frozen is not None:
        before, name = resolve.before, resolve.account
        dust = only_dust(before.equity[name], before.maintenance[name])
        kind = "dust" if dust else "bankrupt"
    return {
        "account": resolve.account,
        "time": resolve.happenings[0].time,
        "calls": resolve.calls,
        "place_among_started": resolve.place,
        "kind": kind,
        "deficit": exact(frozen["deficit"]) if frozen is not None else "0",
        "reserved": exact(frozen["reserved"]) if frozen is not None else "0",
        "uncovered": exact(frozen["uncovered"]) if frozen is not None else "0",
        "legs": [_resolved_leg(resolve, market) for market in resolve.queues_before],
    }


def _resolved_leg(resolve: Resolve, market: int) -> Json:
    haircut = next(
        (h for h in resolve.happenings if h.name == "HaircutSet" and h["market"] == market), None
    )
    closed = [
        h for h in resolve.happenings if h.name == "BucketRematched" and h["market"] == market
    ]
    paid = _payments(resolve) if haircut is not None else {}
    holders = [p for p in resolve.before.positions if p.market == market]
    return {
        "market": market,
        "size": exact(resolve.before.size(resolve.account, market)),
        "mark": exact(resolve.before.marks[market - 1]),
        "profit": exact(haircut["profit"]) if haircut is not None else "0",
        "eta": exact(haircut["eta_ray"], RAY) if haircut is not None else "0",
        "credited": exact(haircut["credited"]) if haircut is not None else "0",
        "queue_before": [_bucket(bucket) for bucket in resolve.queues_before[market]],
        "queue_after": [_bucket(bucket) for bucket in resolve.queues_after[market]],
        "buckets_rematched": [
            {"key": h["key"], "size": exact(h["size"]), "price": exact(h["price"])} for h in closed
        ],
        "rematched": [
            {"name": p.name, "size": exact(abs(p.size) - abs(resolve.after.size(p.name, market)))}
            for p in holders
            if p.name != resolve.account and abs(resolve.after.size(p.name, market)) < abs(p.size)
        ],
        "paid": [
            {
                "name": p.name,
                "profit": exact(_profit(p.size, p.entry, p.mark)),
                "amount": exact(paid[p.name]),
            }
            for p in holders
            if paid.get(p.name, 0) > 0 and _profit(p.size, p.entry, p.mark) > 0
        ],
    }


def _bucket(bucket: Bucket) -> Json:
    return {
        "rank": bucket.rank,
        "key": bucket.key,
        "leverage_class": bucket.leverage,
        "worst_entry": exact(bucket.worst_entry),
        "score": exact(bucket.score, RAY),
        "size": exact(bucket.size),
        "members": list(bucket.members),
    }


def _payments(resolve: Resolve) -> dict[str, int]:
    """What a resolve took from everybody, wad: equity before less equity after, same marks."""
    return {
        name: before - resolve.after.equity[name]
        for name, before in resolve.before.equity.items()
        if name != resolve.account and before > resolve.after.equity[name]
    }


def _profit(size: int, entry: int, mark: int) -> int:
    return div_down(size * (mark - entry), WAD)


# --- totals ------------------------------------------------------------------------------


def _waterfall(performance: Performance, auctions: Sequence[Json]) -> Json:
    """Who bore the losses of the bankrupt accounts, layer by layer."""
    plans = {plan.name: plan.deposit for plan in performance.population.accounts}
    finished = [auction for auction in auctions if auction.get("end") in ("bankrupt", "dust")]
    names = {auction["account"] for auction in finished if auction["end"] == "bankrupt"}
    books = performance.stage.client.books()
    return {
        "bankrupt_accounts": sorted(names),
        "own_margin": exact(sum(plans[name] for name in names)),
        **{
            layer: exact(sum(to_wad(auction["drawn"][layer]) for auction in finished))
            for layer in LAYERS.values()
        },
        "haircut": exact(sum(to_wad(auction["haircut"]) for auction in finished)),
        "shortfall": exact(sum(to_wad(auction["shortfall"]) for auction in finished)),
        "deficits": exact(sum(to_wad(auction["deficit"]) for auction in finished)),
        "insurance_concessions": exact(sum(_concessions(performance.stage.happenings).values())),
        "redemption_rate": exact(books["redemption_rate"], RAY),
    }


def _books(books: Reconciliation) -> Json:
    return {
        "tokens": [{"line": line.text, "amount": exact(line.amount)} for line in books.tokens],
        "claims": [{"line": line.text, "amount": exact(line.amount)} for line in books.claims],
        "token_total": exact(books.token_total),
        "claim_total": exact(books.claim_total),
        "difference": exact(books.token_total - books.claim_total),
        "rounding_wei": books.rounding,
        "rounding_limit_wei": books.rounding_limit,
        "vaults": [
            {"name": name, "assets": assets, "token_balance": balance}
            for name, assets, balance in books.vaults
        ],
        "sizes": [
            {"market": name, "long": exact(long), "short": exact(short), "dust": exact(dust)}
            for name, long, short, dust in books.sizes
        ],
        "good": books.good,
    }
