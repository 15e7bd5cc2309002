"""A run told to a risk manager: what happened, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table

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
            ("Draws on the insurance vaults", _draws),
            ("Forced resolves", _resolves),
            ("The largest haircut, step by step", _largest_haircut),
            ("The waterfall", _waterfall),
            ("Reconciliation", _reconciliation),
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
    _say(
        console,
        f"{scenario['name']}. {scenario['about']}",
        f"{counts['accounts']} accounts, {counts['trades']} trades by {counts['signed_orders']}"
        f" signed orders, {counts['transactions']} transactions;"
        f" {counts['links_read_back']} links of the deployment read back.",
    )
    table = _table("market", "mark before the fall", "open interest", "classes", "IM / MM brackets")
    for market in document["markets"]:
        table.add_row(
            market["name"],
            _number(market["mark_before_fall"]),
            _number(market["open_interest_value"], 0),
            f"up to {market['max_leverage']}x",
            ", ".join(
                f"{bracket['im_ppm'] / 10_000:g} / {bracket['mm_ppm'] / 10_000:g} %"
                f" from {bracket['threshold']:,}"
                for bracket in market["brackets"]
            ),
        )
    _show(console, table)
    probabilities = [f"{p // 10_000} %" for p in document["fit"][0]["probabilities_ppm"]]
    table = _table("quantile", "", *probabilities)
    for row in document["fit"]:
        table.add_row(row["what"], "data", *(_number(value) for value in row["data"]), style="dim")
        table.add_row("", "ours", *(_number(value) for value in row["ours"]))
    _show(console, table)
    _say(
        console,
        "Sources: " + "; ".join(scenario["sources"]) + ".",
        "Sizes under the market's least opening notional are left out; winners' leverage at the"
        " ADL is capped by what the initial margin allowed when they opened.",
        style="dim",
    )


def _fall(document: Json, console: Console) -> None:
    names = [market["name"] for market in document["markets"]]
    table = _table(
        "UTC", *names, "below MM", "bankrupt", "late longs' equity", "winners' gain", "insurance"
    )
    start = document["series"][0]
    for step in document["steps"]:
        if step["phase"] == "open":
            continue
        table.add_row(
            _clock(step["time"]),
            *(_number(mark) for mark in step["marks"]),
            str(step["below_maintenance"]),
            str(step["bankrupt"]),
            _number(step["equity"]["late long"], 0),
            _number(Decimal(step["equity"]["winner"]) - Decimal(start["equity"]["winner"]), 0),
            _number(Decimal(step["junior"]) + Decimal(step["senior"]), 0),
        )
    _show(console, table)
    _say(console, "Each line is the moment after the feeds moved, before any keeper acted.")


def _auctions(document: Json, console: Console) -> None:
    table = _table(
        "start", "account", "equity", "MM", "takes", "taken over", "insurance added",
        "re-matched", "end", "result",
    )  # fmt: skip
    for auction in document["auctions"]:
        takes = auction["takes"]
        if auction["end"] == "bankrupt":
            result = f"[red]bankrupt[/red], {_small(auction['deficit'])} not its own"
        else:
            result = f"[green]{auction['end']}[/green], {_small(auction['equity_at_end'])} left"
        table.add_row(
            _clock(auction["started"]),
            auction["account"],
            _number(auction["equity"]),
            _number(auction["maintenance_margin"]),
            str(len(takes)) if takes else "",
            _number(_total(take["notional"] for take in takes), 0) if takes else "",
            _number(_total(take["insurance_concession"] for take in takes)) if takes else "",
            str(len(auction["rematched"])) if auction["rematched"] else "",
            _clock(auction["ended"]),
            result,
        )
    _show(console, table)
    if document["refusals"]:
        reasons: dict[str, int] = {}
        for refusal in document["refusals"]:
            reasons[refusal["reason"]] = reasons.get(refusal["reason"], 0) + 1
        told = "; ".join(f"{count} times '{reason}'" for reason, count in reasons.items())
        _say(console, f"Takes that the contracts refused: {told}.")


def _draws(document: Json, console: Console) -> None:
    table = _table("UTC", "account", "layer", "drawn", "held before", "held after")
    for draw in document["draws"]:
        table.add_row(
            _clock(draw["time"]),
            draw["account"],
            draw["layer"],
            f"{Decimal(draw['amount']):,.6f}",
            _number(draw["capacity_before"]),
            _number(draw["capacity_after"]),
        )
    _show(console, table)
    _say(
        console,
        "A layer is touched when the one before it has reached its published limit: half of its"
        " capital a day, a quarter for one market.",
    )


def _resolves(document: Json, console: Console) -> None:
    table = _table(
        "UTC", "account", "kind", "calls", "deficit", "reserved", "uncovered", "market",
        "buckets", "haircut rate", "winners who paid",
    )  # fmt: skip
    for resolve in document["resolves"]:
        for number, leg in enumerate(resolve["legs"]):
            first = number == 0
            table.add_row(
                _clock(resolve["time"]) if first else "",
                resolve["account"] if first else "",
                resolve["kind"] if first else "",
                str(resolve["calls"]) if first else "",
                _number(resolve["deficit"]) if first else "",
                _number(resolve["reserved"]) if first else "",
                _number(resolve["uncovered"]) if first else "",
                _market_name(document, leg),
                str(len({entry["key"] for entry in leg["buckets_rematched"]})),
                _rate(leg["eta"]) if leg["eta"] != "0" else "",
                str(len(leg["paid"])) if leg["paid"] else "",
            )
    _show(console, table)


def _largest_haircut(document: Json, console: Console) -> None:
    found = [
        (Decimal(leg["credited"]), resolve, leg)
        for resolve in document["resolves"]
        for leg in resolve["legs"]
        if leg["eta"] != "0"
    ]
    if not found:
        _say(console, "No haircut was needed.")
        return
    _, resolve, leg = max(found, key=lambda entry: entry[0])
    name = _market_name(document, leg)
    _say(
        console,
        f"{resolve['account']}, {_number(leg['size'], 6)} {name} at mark {_number(leg['mark'])}:"
        f" it owes {_number(resolve['deficit'], 6)}, insurance had reserved"
        f" {_number(resolve['reserved'], 6)}, {_number(leg['credited'], 6)} were left."
        f" The winners of the side had {_number(leg['profit'])} of profit, so each gave"
        f" {_rate(leg['eta'])} of its own. Then the position was re-matched, first in the queue"
        " first, at mark, at no cost:",
    )
    closed: dict[int, Decimal] = {}
    for entry in leg["buckets_rematched"]:
        closed[entry["key"]] = closed.get(entry["key"], Decimal(0)) + Decimal(entry["size"])
    after = {bucket["key"]: bucket for bucket in leg["queue_after"]}
    table = _table(
        "rank before", "class", "worst entry", "score", "size before", "re-matched",
        "size after", "rank after", "members",
    )  # fmt: skip
    for bucket in leg["queue_before"][:BUCKETS_SHOWN]:
        left = after.get(bucket["key"])
        table.add_row(
            str(bucket["rank"]),
            f"{bucket['leverage_class']}x",
            _number(bucket["worst_entry"]),
            _number(bucket["score"], 4),
            _number(bucket["size"], 6),
            _number(closed[bucket["key"]], 6) if bucket["key"] in closed else "",
            _number(left["size"], 6) if left else "0",
            str(left["rank"]) if left else "",
            ", ".join(bucket["members"]),
        )
    _show(console, table)
    hidden = len(leg["queue_before"]) - BUCKETS_SHOWN
    if hidden > 0:
        _say(console, f"{hidden} more buckets stood behind.", style="dim")
    table = _table("winner", "profit", "haircut paid", "part of its profit", "re-matched too")
    rematched = {entry["name"]: entry["size"] for entry in leg["rematched"]}
    payers = sorted(leg["paid"], key=lambda entry: -Decimal(entry["amount"]))
    for entry in payers[:PAYERS_SHOWN]:
        table.add_row(
            entry["name"],
            _number(entry["profit"]),
            _number(entry["amount"]),
            _rate(Decimal(entry["amount"]) / Decimal(entry["profit"])),
            _number(rematched[entry["name"]], 6) if entry["name"] in rematched else "no",
        )
    _show(console, table)
    rest = len(payers) - PAYERS_SHOWN
    if rest > 0:
        _say(console, f"{rest} more paid the same part.", style="dim")


def _waterfall(document: Json, console: Console) -> None:
    totals = document["waterfall"]
    table = _table("layer", "who", "paid")
    for number, who, amount in (
        (1, f"own margin of {len(totals['bankrupt_accounts'])} bankrupt accounts", "own_margin"),
        (3, "junior insurance vault", "junior"),
        (4, "senior insurance vault", "senior"),
        (6, "gains haircut on winners", "haircut"),
        (7, "shortfall (redemption rate)", "shortfall"),
    ):
        table.add_row(str(number), who, _number(totals[amount], 6))
    _show(console, table)
    _say(
        console,
        f"Insurance concessions to takers, not part of a loss:"
        f" {_number(totals['insurance_concessions'], 6)}. Redemption rate at the end:"
        f" {totals['redemption_rate']}.",
    )


def _reconciliation(document: Json, console: Console) -> None:
    books = document["reconciliation"]
    table = _table("", "quote units")
    for line in books["tokens"]:
        table.add_row(line["line"], _number(line["amount"], 18))
    table.add_section()
    for line in books["claims"]:
        table.add_row(line["line"], _number(line["amount"], 18))
    table.add_section()
    table.add_row("claims and counted dust", _number(books["claim_total"], 18))
    table.add_row("[bold]difference[/bold]", f"[bold]{_number(books['difference'], 18)}[/bold]")
    _show(console, table)
    for vault in books["vaults"]:
        _say(
            console,
            f"{vault['name']} vault: counted assets {vault['assets']:,} token units,"
            f" token balance {vault['token_balance']:,}.",
        )
    for side in books["sizes"]:
        _say(
            console,
            f"{side['market']}: long {side['long']}, short {side['short']},"
            f" dust {Decimal(side['dust']) * 10**18:,.0f} wei.",
        )


def _reached(document: Json, console: Console) -> None:
    for stage, reached in document["reached"].items():
        sign = "[green]yes[/green]" if reached else "[red] no[/red]"
        console.print(Padding(f"{sign}  {stage}", (0, 0, 0, 2)))


# --- form --------------------------------------------------------------------------------


def _table(*columns: str) -> Table:
    """Words to the left, figures to the right."""
    words = {"account", "kind", "layer", "market", "members", "result", "who", "winner", "classes"}
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        left = column in words or column in ("", "quantile", "IM / MM brackets", "UTC", "start")
        table.add_column(column, justify="left" if left else "right", no_wrap=column != "members")
    return table


def _show(console: Console, table: Table) -> None:
    console.print(Padding(table, (1, 0, 1, 2)))


def _say(console: Console, *lines: str, style: str = "") -> None:
    for line in lines:
        console.print(Padding(line, (0, 0, 0, 2)), style=style, highlight=False)


def _number(value: str | Decimal, places: int = 2) -> str:
    """Grouped thousands, at most `places` digits behind the point; small ones keep a digit."""
    number = Decimal(value)
    text = f"{number:,.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".") if places > 2 else text
    return "0" if text in ("-0", "-0.00", "") else text


def _small(value: str) -> str:
    """An amount to the cent; what is less, but not nothing, says so."""
    return "under 0.01" if 0 < Decimal(value) < Decimal("0.01") else _number(value)


def _rate(value: str | Decimal) -> str:
    return f"{Decimal(value) * 100:.4f} %"


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def _market_name(document: Json, leg: Json) -> str:
    markets: Sequence[Json] = document["markets"]
    return str(markets[leg["market"] - 1]["name"])


def _total(amounts: Iterable[str]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts), Decimal(0))
