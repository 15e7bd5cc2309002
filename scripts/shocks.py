"""What would price shocks do to an account, or to the whole venue? Reads only, sends nothing.

    python -m scripts.shocks
    python -m scripts.shocks --rpc https://… --account 0x…
    python -m scripts.shocks --shocks -40 -15 +15 --json shocks.json

Every market falls and rises by itself, then all of them together. Without `--account` all
accounts with positions are looked at, found from the ledger's events, or listed in a file.
An account is an address, `address/number` for a sub-account, or the whole id in hex.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from plimsoll.accounts import MAX_ACCOUNT, account_id, owner_of
from plimsoll.client import Client
from plimsoll.deployment import DEPLOYMENTS
from plimsoll.errors import ConfigError, InputError
from plimsoll.report.layout import clock
from plimsoll.shocks import (
    DEFAULT_MOVES,
    AccountView,
    Shock,
    VenueView,
    account_view,
    find_accounts,
    grid,
    parse_moves,
    tables,
    venue_view,
)
from plimsoll.shocks.document import account_document, venue_document
from plimsoll.shocks.holders import Market
from plimsoll.shocks.reading import Progress
from scripts.deploy import DEFAULT_RPC, leave_with

WIDE = 160
"""Columns when nobody reads it on a terminal."""

COVER = (
    "Cover-2: the two accounts that lose most beyond what their brokers guarantee default together,"
    " and insurance pays the rest of both in full, within its limits of the day."
)

_ADDRESS = re.compile(r"(0x[0-9a-fA-F]{40})(?:/(\d+))?")
_WHOLE_ID = re.compile(r"0x[0-9a-fA-F]{64}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="shocks", description="Stress view: accounts and buffers under price shocks."
    )
    parser.add_argument("--rpc", default=DEFAULT_RPC, help="endpoint (default: %(default)s)")
    parser.add_argument("--account", metavar="ID", help="this account only")
    parser.add_argument(
        "--accounts", type=Path, metavar="FILE", help="these accounts only, one id a line"
    )
    parser.add_argument(
        "--shocks",
        nargs="+",
        metavar="PERCENT",
        help="moves of the mark (default: -30 -20 -10 -5 +5 +10 +20 +30)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure, exact")
    parser.add_argument(
        "--deployments", type=Path, default=DEPLOYMENTS, metavar="FOLDER", help="saved addresses"
    )
    args = parser.parse_args(argv)
    if args.account is not None and args.accounts is not None:
        raise InputError(
            "--account and --accounts exclude each other", next_step="give one of the two"
        )
    return args


def read_id(text: str) -> int:
    """An account id from what a person writes; InputError if it is none."""
    if found := _ADDRESS.fullmatch(text):
        return account_id(found[1], int(found[2] or 0))
    if _WHOLE_ID.fullmatch(text) and 0 < int(text, 16) <= MAX_ACCOUNT:
        return int(text, 16)
    raise InputError(
        f"{text!r} is not an account",
        next_step="give an address (0x and 40 hex digits), `address/number` for a sub-account, or"
        " the whole id (0x and 64 hex digits)",
    )


def read_ids(path: Path) -> list[int]:
    """Account ids from a file, one a line; empty lines and lines that start with # are skipped."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text'}",
            next_step="name a text file with one account id a line",
        ) from error
    ids = [read_id(line.strip()) for line in lines if line.strip() and line.strip()[0] != "#"]
    if not ids:
        raise InputError(f"{path} lists no account", next_step="write one account id a line")
    return ids


def write_json(document: dict[str, Any], path: Path) -> None:
    """Save the figures."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {path} ({error.strerror})", next_step="name another file with --json"
        ) from error


# --- what is printed --------------------------------------------------------------------------


def show_account(console: Console, view: AccountView) -> None:
    """One account."""
    holder = view.holder
    state = ", under liquidation" if holder.started else ""
    _say(
        console,
        f"Account {owner_of(holder.account)}, sub-account {holder.account % 2**96}{state};"
        f" block {view.block}. Amounts in quote units.",
    )
    if not holder.legs:
        _say(console, "It holds no position: prices do not matter to it.")
    _unpriced(console, {leg.market.id: leg.market for leg in holder.legs})
    console.print(tables.account_table(view))
    if holder.legs:
        console.print()
        console.print(tables.distances_table(view))


def show_venue(console: Console, view: VenueView, *, listed: bool = False) -> None:
    """The whole venue, or accounts of a list."""
    _say(
        console,
        f"{len(view.holders)} accounts with positions, block {view.block}. Amounts in quote units.",
    )
    if listed:
        _say(console, "Only accounts of the list: sums and cover-2 are theirs, not the venue's.")
    _unpriced(console, dict(view.markets))
    for table in (
        tables.markets_table(view.markets),
        tables.buffers_table(view.capital, view.markets),
        tables.venue_table(view),
        tables.cover_table(view),
    ):
        if table.row_count:
            console.print(table)
            console.print()
    _say(console, tables.frontier_words(view))
    _say(console, COVER)


def _unpriced(console: Console, markets: dict[int, Market]) -> None:
    for market in markets.values():
        if market.clock.settled:
            _say(
                console,
                f"{market.name} is settled: its mark is final, positions in it need no margin, and"
                " an hour after the settlement anybody can turn them into cash.",
            )
        elif not market.priced:
            _say(
                console,
                f"{market.name} has no price now: shocks start from its last good mark; initial"
                " margin has 5 % of each position on top, and nobody can be taken or resolved.",
            )
        elif not market.clock.open:
            _say(
                console,
                f"{market.name} has its price back, and nobody can be taken or resolved before"
                f" {clock(market.clock.until)} UTC.",
            )


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


# --- run --------------------------------------------------------------------------------------


def look(
    args: argparse.Namespace, client: Client, shocks: Sequence[Shock], progress: Progress
) -> AccountView | VenueView:
    """What the arguments ask for."""
    if args.account is not None:
        return account_view(client, read_id(args.account), shocks, progress)
    accounts = (
        read_ids(args.accounts) if args.accounts is not None else find_accounts(client, progress)
    )
    if not accounts:
        raise InputError(
            "nobody has ever held a position here",
            next_step="check --rpc, or look again when somebody has traded",
        )
    view = venue_view(client, accounts, shocks, progress)
    if args.accounts is not None and not view.holders:
        raise InputError(
            f"no account in {args.accounts} holds a position here",
            next_step="check the ids and the chain, or leave --accounts out",
        )
    return view


def run(argv: Sequence[str]) -> None:
    """Read, print, write."""
    args = parse(argv)
    moves = DEFAULT_MOVES if args.shocks is None else parse_moves(args.shocks)
    if args.account is not None:
        read_id(args.account)  # a slip of the pen is told before anything is asked
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    client = Client.connect(args.rpc, args.deployments)
    shocks = grid(sorted(client.deployment.markets.values()), moves)
    began = time.monotonic()
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    hidden = not console.is_terminal
    with ProgressBar(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("reading", total=None)
        view = look(
            args,
            client,
            shocks,
            lambda done, total, text: bar.update(
                task, completed=done, total=total, description=text
            ),
        )
    if isinstance(view, AccountView):
        show_account(console, view)
    else:
        show_venue(console, view, listed=args.accounts is not None)
    _say(console, "What every column means, and what it leaves out: docs/stress-view.md")
    _say(console, f"{time.monotonic() - began:.1f} s")
    if args.json is not None:
        document = account_document(view) if isinstance(view, AccountView) else venue_document(view)
        write_json(document, args.json)
        _say(console, f"wrote {args.json}")


def main() -> None:
    """Entry point of `brownie run shocks`: all defaults."""
    leave_with(run, [])


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
