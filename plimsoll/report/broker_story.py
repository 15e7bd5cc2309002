"""Brokers, told: the same crash with a guarantee and without, and what it did to each broker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Console

from plimsoll.report.layout import clock, day_and_clock, figure, new_table, say, show, small, total

Json = dict[str, Any]

_PAYERS = (
    ("broker", "its broker"),
    ("junior", "junior"),
    ("senior", "senior"),
    ("fund", "fund"),
    ("winners", "winners"),
)


def tell_brokers(document: Json, console: Console) -> None:
    """Who is liquidated when and at what cost; what brokers earned and lost; the fund."""
    layer = document["brokers"]
    if layer is None:
        say(console, "The scenario has no brokers.")
        return
    _terms(document, layer, console)
    _calls(layer, console)
    _comparison(layer, console)
    _vaults(layer, console)
    _fund(layer, console)


def _terms(document: Json, layer: Json, console: Console) -> None:
    table = new_table("who", "where", "market", "position", "own money", "leverage", "guarantee")
    for client in layer["clients"]:
        table.add_row(
            client["name"],
            client["broker"],
            str(document["markets"][client["market"] - 1]["name"]),
            figure(client["notional"], 0),
            figure(client["deposit"], 0),
            f"{Decimal(client['notional']) / Decimal(client['deposit']):.1f}x",
            figure(client["guarantee"], 0),
        )
    show(console, table)
    say(
        console,
        "A guarantee counts for margin and can never be withdrawn; behind it the broker has locked"
        " as much capital for this client alone. While own equity and guarantee together are"
        " above maintenance margin there is no auction: below the buffer that both signed anybody"
        " may call for margin, and the client has an hour to deposit or to reduce. Every client"
        " has a twin without a broker: the same deposit and the same order at the same price.",
    )


def _calls(layer: Json, console: Console) -> None:
    table = new_table("who", "called", "amount", "deadline", "answer", "end", "at")
    for client in layer["clients"]:
        answers = client["with_broker"]["answers"]
        for number, call in enumerate(client["with_broker"]["calls"]):
            answer = answers[number] if number < len(answers) else None
            table.add_row(
                client["name"],
                clock(call["time"]),
                figure(call["amount"]),
                clock(call["deadline"]),
                _answer(answer),
                call["end"],
                clock(call["ended"]) if call["ended"] is not None else "",
            )
    show(console, table)


def _answer(answer: Json | None) -> str:
    if answer is None:
        return "nothing"
    if answer["sold"] != "0":
        return f"sold {figure(answer['sold'], 4)} at {figure(answer['price'])}"
    return f"deposited {figure(answer['deposited'], 0)}"


def _comparison(layer: Json, console: Console) -> None:
    table = new_table(
        "who", "liquidated", "equity then", "MM then", "concessions", "auction fees", "paid in",
        "at end", "gain",
    )  # fmt: skip
    for client in layer["clients"]:
        for outcome in (client["with_broker"], client["alone"]):
            first = outcome["liquidations"][0] if outcome["liquidations"] else None
            given = total((outcome["concessions"], outcome["rematch_discounts"]))
            table.add_row(
                outcome["account"],
                _liquidated(outcome),
                figure(first["equity"]) if first else "",
                figure(first["maintenance_margin"]) if first else "",
                figure(given) if given else "",
                _amount(outcome["liquidation_fees"]),
                figure(outcome["paid_in"], 0),
                small(outcome["equity_at_end"]),
                figure(outcome["result"]),
            )
        table.add_section()
    show(console, table)
    for client in layer["clients"]:
        if client["alone"]["refused"]:
            say(
                console,
                f"{client['alone']['account']} could not open alone:"
                f" '{client['alone']['refused']}'. The guarantee of {client['name']} was what its"
                " own money lacked of initial margin.",
            )
    table = new_table("who", "guarantee fee", "left to others", *(label for _, label in _PAYERS))
    for client in layer["clients"]:
        for outcome in (client["with_broker"], client["alone"]):
            if Decimal(outcome["deficit"]) >= Decimal("0.01") or outcome["guarantee_fees"] != "0":
                table.add_row(
                    outcome["account"],
                    _amount(outcome["guarantee_fees"]),
                    _amount(outcome["deficit"]),
                    *(_amount(outcome["paid_by"][key]) for key, _ in _PAYERS),
                )
    show(console, table)
    clients, twins = (
        [client[variant] for client in layer["clients"] if not client["alone"]["refused"]]
        for variant in ("with_broker", "alone")
    )
    say(
        console,
        "Above: time, equity and maintenance margin of the first auction; concessions with what was"
        " given to those re-matched. Gain: equity at the end less everything paid in and the fee"
        " for the guarantee.",
        f"The {len(clients)} clients whose twins could open alike lost"
        f" {figure(-total(one['result'] for one in clients))} and left"
        f" {figure(total(one['deficit'] for one in clients))} to others, of which their brokers"
        f" bore {figure(total(one['paid_by']['broker'] for one in clients))}; without brokers"
        f" {figure(-total(one['result'] for one in twins))} and"
        f" {figure(total(one['deficit'] for one in twins))}. A guarantee buys time: it helps whom"
        " the price gives back in time, or who acts on the call, and it makes the loss larger of"
        " whom a gap reaches while it waits.",
    )


def _liquidated(outcome: Json) -> str:
    if outcome["refused"]:
        return "not opened"
    if not outcome["liquidations"]:
        return "never"
    times = [clock(one["started"]) for one in outcome["liquidations"]]
    return times[0] + (f" and {len(times) - 1} more" if len(times) > 1 else "")


def _amount(text: str) -> str:
    return small(text) if text != "0" else ""


def _vaults(layer: Json, console: Console) -> None:
    table = new_table("", *(vault["name"] for vault in layer["vaults"]))
    rows = (
        ("state at the end", lambda v: v["state"]),
        ("days", lambda v: str(v["days"])),
        ("stake, pays first", lambda v: figure(v["stake"])),
        ("depositors' pool", lambda v: figure(v["pool"])),
        ("guaranteed", lambda v: figure(v["guaranteed"])),
        ("fees prepaid by clients", lambda v: figure(v["fees_prepaid"])),
        ("of them earned so far", lambda v: figure(v["fees_earned"])),
        ("lost: first loss on own clients", lambda v: figure(v["lost_for_clients"])),
        ("lost: to the fund, for own clients", lambda v: figure(v["lost_to_fund_for_clients"])),
        ("lost: to the fund, for others", lambda v: figure(v["lost_to_fund_for_others"])),
        ("borne by the stake", lambda v: figure(v["lost_by_stake"])),
        ("borne by the pool", lambda v: figure(v["lost_by_pool"])),
        ("stake at the end", lambda v: figure(v["stake_at_end"])),
        ("pool at the end", lambda v: figure(v["pool_at_end"])),
        ("return on the stake", lambda v: f"{v['return_on_stake_ppm'] / 10_000:+.2f} %"),
        ("return on the pool", lambda v: f"{v['return_on_pool_ppm'] / 10_000:+.2f} %"),
        ("locked at the end", lambda v: figure(v["locked_at_end"])),
        ("free at the end", lambda v: figure(v["free_at_end"])),
    )
    for label, cell in rows:
        table.add_row(label, *(cell(vault) for vault in layer["vaults"]))
    show(console, table)
    moved = [client for client in layer["clients"] if client["moved_to"]]
    for client in moved:
        say(
            console,
            f"{client['name']} moved from {client['broker']} to {client['moved_to']}, which both"
            " signed for, after its broker had failed: others had paid for that one's client.",
        )


def _fund(layer: Json, console: Console) -> None:
    draws = layer["fund"]["draws"]
    if not draws:
        say(console, "The guaranty fund was not touched.")
        return
    names = [vault["name"] for vault in layer["vaults"]]
    table = new_table("UTC", "account", "client of", "drawn", *names)
    for draw in draws:
        if Decimal(draw["amount"]) < Decimal("0.01"):
            continue
        given = {
            member["broker"]: total((member["contribution"], member["assessment"]))
            for member in draw["members"]
        }
        table.add_row(
            day_and_clock(draw["time"]),
            draw["account"],
            draw["cause"],
            figure(draw["amount"]),
            *(figure(given[name]) if name in given else "" for name in names),
        )
    show(console, table)
    strangers = total(draw["amount"] for draw in draws if draw["cause"] == "nobody")
    say(
        console,
        "The guaranty fund stands behind the insurance vaults for everybody: of"
        f" {figure(total(draw['amount'] for draw in draws))} drawn {figure(strangers)} went to"
        " accounts without a broker. A broker pays for its own clients first, with contribution"
        " and assessment; then all others in proportion. Who is short must replenish in five days.",
    )
