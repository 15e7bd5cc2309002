"""A run told to a risk manager: what happened, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule

from plimsoll.report.broker_story import tell_brokers
from plimsoll.report.engine_story import tell_engine
from plimsoll.report.layout import clock, figure, new_table, rate, say, show, small, total
from plimsoll.report.stress import tell_stress

Json = dict[str, Any]

BUCKETS_SHOWN: Final = 12
PAYERS_SHOWN: Final = 8


def tell(document: Json, console: Console) -> None:
    """Print the whole story."""
    for number, (title, part) in enumerate(
        (
            ("The venue", _venue),
            ("The fall", _fall),
            ("Auctions", _auctions),
            ("Draws on the layers", _draws),
            ("Forced resolves", _resolves),
            ("The largest haircut, step by step", _largest_haircut),
            ("The risk engine", tell_engine),
            ("Brokers", tell_brokers),
            ("The waterfall", _waterfall),
            ("Reconciliation", _reconciliation),
            ("Stress view before the fall", tell_stress),
            ("What this run went through", _reached),
        ),
        start=1,
    ):
        console.print()
        console.print(Rule(f"[bold]{number}. {title}[/bold]", align="left", style="dim"))
        part(document, console)


# --- parts -------------------------------------------------------------------------------


def _venue(document: Json, console: Console) -> None:
    counts, scenario = document["counts"], document["scenario"]
    say(
        console,
        f"{scenario['name']}. {scenario['about']}",
        f"{counts['accounts']} accounts, {counts['trades']} trades by {counts['signed_orders']}"
        f" signed orders, {counts['transactions']} transactions;"
        f" {counts['links_read_back']} links of the deployment read back.",
        "Amounts, prices and equity are in quote units (tokens of the settlement asset), sizes in"
        " coins of the market, times in UTC. Initial margin (IM) is what opening a position"
        " takes; below maintenance margin (MM) an account is liquidated. Both are percentages of"
        " what a position is worth, from each threshold on. ADL is auto-deleveraging.",
    )
    table = new_table(
        "market", "mark before the fall", "open interest", "classes", "IM / MM brackets"
    )
    for market in document["markets"]:
        table.add_row(
            market["name"],
            figure(market["mark_before_fall"]),
            figure(market["open_interest_value"], 0),
            f"up to {market['max_leverage']}x",
            ", ".join(
                f"{bracket['im_ppm'] / 10_000:g} / {bracket['mm_ppm'] / 10_000:g} %"
                f" from {bracket['threshold']:,}"
                for bracket in market["brackets"]
            ),
        )
    show(console, table)
    probabilities = [f"{p // 10_000} %" for p in document["fit"][0]["probabilities_ppm"]]
    table = new_table("quantile", "unit", "", *probabilities)
    for row in document["fit"]:
        data = [figure(value) for value in row["data"]]
        table.add_row(row["what"], row["unit"], "data", *data, style="dim")
        table.add_row("", "", "ours", *(figure(value) for value in row["ours"]))
    show(console, table)
    say(
        console,
        "Sources: " + "; ".join(scenario["sources"]) + ".",
        "Sizes under the market's least opening notional are left out; winners' leverage at the"
        " ADL is capped by what the initial margin allowed when they opened.",
        style="dim",
    )


def _fall(document: Json, console: Console) -> None:
    names = [market["name"] for market in document["markets"]]
    table = new_table(
        "UTC", *names, "below MM", "bankrupt", "late longs' equity", "winners' gain", "insurance"
    )
    start = document["series"][0]
    for step in document["steps"]:
        if step["phase"] not in ("fall", "rise"):
            continue
        table.add_row(
            clock(step["time"]),
            *(figure(mark) for mark in step["marks"]),
            str(step["below_maintenance"]),
            str(step["bankrupt"]),
            figure(step["equity"]["late long"], 0),
            figure(Decimal(step["equity"]["winner"]) - Decimal(start["equity"]["winner"]), 0),
            figure(Decimal(step["junior"]) + Decimal(step["senior"]), 0),
        )
    show(console, table)
    say(console, "Each line is the moment after the feeds moved, before any keeper acted.")


def _auctions(document: Json, console: Console) -> None:
    table = new_table(
        "start", "account", "equity", "MM", "takes", "taken over", "insurance added",
        "re-matched", "end", "result",
    )  # fmt: skip
    for auction in document["auctions"]:
        takes = auction["takes"]
        if auction["end"] == "bankrupt":
            result = f"[red]bankrupt[/red], {small(auction['deficit'])} not its own"
        elif auction["end"] == "dust":
            result = f"dust, {small(auction['deficit'])} not its own"
        else:
            result = f"[green]{auction['end']}[/green], {small(auction['equity_at_end'])} left"
        table.add_row(
            clock(auction["started"]),
            auction["account"],
            figure(auction["equity"]),
            figure(auction["maintenance_margin"]),
            str(len(takes)) if takes else "",
            figure(total(take["notional"] for take in takes), 0) if takes else "",
            figure(total(take["insurance_concession"] for take in takes)) if takes else "",
            str(len(auction["rematched"])) if auction["rematched"] else "",
            clock(auction["ended"]),
            result,
        )
    show(console, table)
    dust = [auction["account"] for auction in document["auctions"] if auction["end"] == "dust"]
    if dust:
        say(
            console,
            f"Only dust, less than a cent that an earlier auction left: {', '.join(dust)}. It is"
            " cleared like any other account, but not counted as bankrupt.",
        )
    if document["refusals"]:
        reasons: dict[str, int] = {}
        for refusal in document["refusals"]:
            reasons[refusal["reason"]] = reasons.get(refusal["reason"], 0) + 1
        told = "; ".join(f"{count} times '{reason}'" for reason, count in reasons.items())
        say(console, f"Takes that the contracts refused: {told}.")


def _draws(document: Json, console: Console) -> None:
    table = new_table("UTC", "account", "layer", "drawn", "held before", "held after")
    for draw in document["draws"]:
        table.add_row(
            clock(draw["time"]),
            draw["account"],
            draw["layer"],
            f"{Decimal(draw['amount']):,.6f}",
            figure(draw["capacity_before"]),
            figure(draw["capacity_after"]),
        )
    show(console, table)
    say(
        console,
        "A layer is touched when the one before it has given all it has or reached its published"
        " limit: half of an insurance vault's capital a day, a quarter for one market; all of the"
        " guaranty fund, half for one market. A guarantee is its client's alone, without a limit.",
    )


def _resolves(document: Json, console: Console) -> None:
    table = new_table(
        "UTC", "account", "kind", "calls", "deficit", "reserved", "uncovered", "market",
        "buckets", "haircut rate", "winners who paid",
    )  # fmt: skip
    for resolve in document["resolves"]:
        for number, leg in enumerate(resolve["legs"]):
            first = number == 0
            table.add_row(
                clock(resolve["time"]) if first else "",
                resolve["account"] if first else "",
                resolve["kind"] if first else "",
                str(resolve["calls"]) if first else "",
                figure(resolve["deficit"]) if first else "",
                figure(resolve["reserved"]) if first else "",
                figure(resolve["uncovered"]) if first else "",
                _market_name(document, leg),
                str(len({entry["key"] for entry in leg["buckets_rematched"]})),
                rate(leg["eta"]) if leg["eta"] != "0" else "",
                str(len(leg["paid"])) if leg["paid"] else "",
            )
    show(console, table)


def _largest_haircut(document: Json, console: Console) -> None:
    found = [
        (Decimal(leg["credited"]), resolve, leg)
        for resolve in document["resolves"]
        for leg in resolve["legs"]
        if leg["eta"] != "0"
    ]
    if not found:
        say(console, "No haircut was needed.")
        return
    _, resolve, leg = max(found, key=lambda entry: entry[0])
    name = _market_name(document, leg)
    say(
        console,
        f"{resolve['account']}, {figure(leg['size'], 6)} {name} at mark {figure(leg['mark'])}:"
        f" it owes {figure(resolve['deficit'], 6)}, insurance had reserved"
        f" {figure(resolve['reserved'], 6)}, {figure(leg['credited'], 6)} were left."
        f" The winners of the side had {figure(leg['profit'])} of profit, so each gave"
        f" {rate(leg['eta'])} of its own. Then the position was re-matched, first in the queue"
        " first, at mark, at no cost:",
    )
    closed: dict[int, Decimal] = {}
    for entry in leg["buckets_rematched"]:
        closed[entry["key"]] = closed.get(entry["key"], Decimal(0)) + Decimal(entry["size"])
    after = {bucket["key"]: bucket for bucket in leg["queue_after"]}
    table = new_table(
        "rank before", "class", "worst entry", "score", "size before", "re-matched",
        "size after", "rank after", "members",
    )  # fmt: skip
    for bucket in leg["queue_before"][:BUCKETS_SHOWN]:
        left = after.get(bucket["key"])
        table.add_row(
            str(bucket["rank"]),
            f"{bucket['leverage_class']}x",
            figure(bucket["worst_entry"]),
            figure(bucket["score"], 4),
            figure(bucket["size"], 6),
            figure(closed[bucket["key"]], 6) if bucket["key"] in closed else "",
            figure(left["size"], 6) if left else "0",
            str(left["rank"]) if left else "",
            ", ".join(bucket["members"]),
        )
    show(console, table)
    hidden = len(leg["queue_before"]) - BUCKETS_SHOWN
    if hidden > 0:
        say(console, f"{hidden} more buckets stood behind.", style="dim")
    table = new_table("winner", "profit", "haircut paid", "part of its profit", "re-matched too")
    rematched = {entry["name"]: entry["size"] for entry in leg["rematched"]}
    payers = sorted(leg["paid"], key=lambda entry: -Decimal(entry["amount"]))
    for entry in payers[:PAYERS_SHOWN]:
        table.add_row(
            entry["name"],
            figure(entry["profit"]),
            figure(entry["amount"]),
            rate(Decimal(entry["amount"]) / Decimal(entry["profit"])),
            figure(rematched[entry["name"]], 6) if entry["name"] in rematched else "no",
        )
    show(console, table)
    rest = len(payers) - PAYERS_SHOWN
    if rest > 0:
        say(console, f"{rest} more paid the same part.", style="dim")


def _waterfall(document: Json, console: Console) -> None:
    totals = document["waterfall"]
    table = new_table("layer", "who", "paid")
    for number, who, amount in (
        (1, f"own margin of {len(totals['bankrupt_accounts'])} bankrupt accounts", "own_margin"),
        (2, "brokers, for their clients", "broker"),
        (3, "junior insurance vault", "junior"),
        (4, "senior insurance vault", "senior"),
        (5, "mutual guaranty fund", "fund"),
        (6, "gains haircut on winners", "haircut"),
        (7, "shortfall (redemption rate)", "shortfall"),
    ):
        table.add_row(str(number), who, figure(totals[amount], 6))
    show(console, table)
    say(
        console,
        f"Insurance concessions to takers, not part of a loss:"
        f" {figure(totals['insurance_concessions'], 6)}. Redemption rate at the end:"
        f" {totals['redemption_rate']}.",
    )


def _reconciliation(document: Json, console: Console) -> None:
    books = document["reconciliation"]
    table = new_table("", "quote units")
    for line in books["tokens"]:
        table.add_row(line["line"], figure(line["amount"], 18))
    table.add_section()
    for line in books["claims"]:
        table.add_row(line["line"], figure(line["amount"], 18))
    table.add_section()
    table.add_row("claims and counted dust", figure(books["claim_total"], 18))
    table.add_row("[bold]difference[/bold]", f"[bold]{figure(books['difference'], 18)}[/bold]")
    show(console, table)
    for vault in books["vaults"]:
        say(
            console,
            f"{vault['name']} vault: counted assets {vault['assets']:,} token units,"
            f" token balance {vault['token_balance']:,}.",
        )
    for side in books["sizes"]:
        say(
            console,
            f"{side['market']}: long {side['long']}, short {side['short']},"
            f" dust {Decimal(side['dust']) * 10**18:,.0f} wei.",
        )


def _reached(document: Json, console: Console) -> None:
    for stage, reached in document["reached"].items():
        sign = "[green]yes[/green]" if reached else "[red] no[/red]"
        console.print(Padding(f"{sign}  {stage}", (0, 0, 0, 2)))


def _market_name(document: Json, leg: Json) -> str:
    markets: Sequence[Json] = document["markets"]
    return str(markets[leg["market"] - 1]["name"])
