"""What would a fill do to both sides, if it were settled now? Reads only, sends nothing.

    python -m scripts.preview --maker 0x… --taker 0x… --market BTC --size 2.5
    python -m scripts.preview --maker 0x… --taker 0x…/3 --market ETH --size -10 --price 2010 --block

Size is the taker's: positive buys. Without `--price` the fill is at the mark; the maker's order is
taken for post-only unless `--both-take`. An account is an address, `address/number` for a
sub-account, or the whole id in hex. Nobody has to have signed anything.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from plimsoll.client import Client
from plimsoll.deployment import DEPLOYMENTS
from plimsoll.errors import InputError
from plimsoll.preview import ANY_FEE, Fill, FillFlags, Preview
from plimsoll.report.preview import headline, preview_table
from plimsoll.units import to_wad
from scripts.deploy import DEFAULT_RPC, leave_with
from scripts.shocks import WIDE, read_id


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="preview", description="Fees, margins, liquidation prices and ADL ranks after a fill."
    )
    parser.add_argument("--rpc", default=DEFAULT_RPC, help="endpoint (default: %(default)s)")
    parser.add_argument("--maker", required=True, metavar="ID", help="account of the passive side")
    parser.add_argument("--taker", required=True, metavar="ID", help="account of the other side")
    parser.add_argument("--market", required=True, metavar="NAME", help="name or number")
    parser.add_argument("--size", required=True, help="base units, the taker buys if positive")
    parser.add_argument("--price", help="quote per unit (default: the mark)")
    parser.add_argument("--max-fee-ppm", type=int, metavar="PPM", help="fee cap of both orders")
    parser.add_argument("--both-take", action="store_true", help="no order is post-only")
    parser.add_argument("--maker-reduces", action="store_true", help="maker is reduce-only")
    parser.add_argument("--taker-reduces", action="store_true", help="taker is reduce-only")
    parser.add_argument("--block", action="store_true", help="one order names the other's account")
    parser.add_argument(
        "--deployments", type=Path, default=DEPLOYMENTS, metavar="FOLDER", help="saved addresses"
    )
    return parser.parse_args(argv)


def read_market(text: str, client: Client) -> int:
    """A market id from its name or number; InputError if there is no such market."""
    markets = client.deployment.markets
    if text in markets:
        return markets[text]
    if text.isascii() and text.isdigit() and int(text) < 256:
        return int(text)
    raise InputError(f"{text!r} is not a market", next_step=f"known are {', '.join(markets)}")


def read_amount(text: str, name: str) -> int:
    """A decimal number as wad; InputError if it is none."""
    try:
        return to_wad(text)
    except ValueError as error:
        raise InputError(str(error), next_step=f"write --{name} like 2.5") from error


def read_fill(args: argparse.Namespace, client: Client) -> Fill:
    """The fill that the arguments describe."""
    market = read_market(args.market, client)
    flags = FillFlags.NONE
    for wanted, flag in (
        (not args.both_take, FillFlags.MAKER_FEE),
        (args.maker_reduces, FillFlags.MAKER_REDUCES),
        (args.taker_reduces, FillFlags.TAKER_REDUCES),
        (args.block, FillFlags.BLOCK),
    ):
        if wanted:
            flags |= flag
    cap = ANY_FEE if args.max_fee_ppm is None else args.max_fee_ppm
    return Fill(
        maker=read_id(args.maker),
        taker=read_id(args.taker),
        market=market,
        size=read_amount(args.size, "size"),
        price=client.mark(market)[0] if args.price is None else read_amount(args.price, "price"),
        maker_fee_cap_ppm=cap,
        taker_fee_cap_ppm=cap,
        flags=flags,
    )


def show(console: Console, preview: Preview, client: Client) -> None:
    """The verdict and a table."""
    names = {number: name for name, number in client.deployment.markets.items()}
    console.print(headline(preview, names), highlight=False, soft_wrap=True)
    console.print(preview_table(preview, names))


def run(argv: Sequence[str]) -> None:
    """Read and print; a fill that is refused leaves with an error."""
    args = parse(argv)
    for text in (args.maker, args.taker):
        read_id(text)  # a slip of the pen is told before anything is asked
    client = Client.connect(args.rpc, args.deployments)
    preview = client.preview(read_fill(args, client))
    show(Console(width=None if sys.stdout.isatty() else WIDE), preview, client)
    preview.require()


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
