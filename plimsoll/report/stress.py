"""The stress view of a run: what price shocks would have done right before the fall."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console

from plimsoll.demo.play import Performance
from plimsoll.report.layout import figure, new_table, say, show, total
from plimsoll.shocks.document import venue_document
from plimsoll.shocks.tables import move

Json = dict[str, Any]

PAYERS: Final = ("brokers", "junior", "senior")


def stress_before_fall(performance: Performance) -> Json:
    """Every figure of the view but block and time: the chain's, not the scenario's."""
    found = venue_document(performance.stress, performance.stage.people.name_of)
    return {key: value for key, value in found.items() if key not in ("block", "time")}


def tell_stress(document: Json, console: Console) -> None:
    """Joint shocks as a table, cover-2 in a sentence."""
    view = document["stress_before_fall"]
    table = new_table(
        "all markets", "below MM", "bankrupt", "losses", "brokers pay", "insurance pays",
        "left at most", "two largest losers", "owe", "are paid",
    )  # fmt: skip
    for row in view["shocks"]:
        if row["market"] is not None or row["move_ppm"] == 0:
            continue
        cover, paid = row["cover_2"], row["if_largest_first"]
        table.add_row(
            move(row["move_ppm"]),
            str(len(row["below_maintenance"])),
            str(len(row["below_zero"])),
            figure(row["losses"]),
            figure(row["brokers"]),
            figure(total((paid["junior"], paid["senior"]))),
            figure(paid["uncovered"]),
            ", ".join(one["account"] for one in cover["accounts"]),
            figure(cover["loss"]),
            figure(total(cover[payer] for payer in PAYERS)) if cover["accounts"] else "",
        )
    show(console, table)
    fall, rise = (
        "nothing" if found["survived_ppm"] is None else move(found["survived_ppm"])
        for found in view["cover_2_all_markets"].values()
    )
    say(
        console,
        "All prices jump at once just before the fall, before anybody can act; the largest loss is"
        " reserved first."
        " Brokers pay first, each for its own clients; their guaranty fund is not counted."
        f" The two largest losers, after guarantees, are paid for in full from {fall} to {rise},"
        " within the limits of the day.",
    )
