"""Live through 10 October 2025 on a local chain, and leave a report.

    make demo
    brownie run demo

Starts Anvil if none listens, deploys, opens all accounts with signed orders, lets the prices
fall, and writes `reports/demo/`: report.json with every figure and three pictures. Leaves
with an error if a stage of the protocol was not reached or the books do not match.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from plimsoll import artifacts
from plimsoll.chain import AnvilOptions, AnvilProcess, Rpc, is_listening
from plimsoll.demo.play import perform
from plimsoll.deployment import claim_folder, is_local
from plimsoll.errors import PortBusy, WrongRpc
from plimsoll.report.charts import draw_all
from plimsoll.report.checks import DemoIncomplete
from plimsoll.report.document import build, write
from plimsoll.report.narrative import tell
from plimsoll.scenario import Scenario, load_scenario
from scripts.deploy import DEFAULT_SCENARIO, leave_with

DEFAULT_PORT = 8545
DEFAULT_OUT = artifacts.PROJECT_ROOT / "reports" / "demo"


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return int(text)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(prog="demo", description="Replay a market day.")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="default: %(default)s")
    parser.add_argument("--scenario", type=Path, default=DEFAULT_SCENARIO, metavar="FILE")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER")
    parser.add_argument("--quiet", action="store_true", help="no story, only what was written")
    return parser.parse_args(argv)


@contextmanager
def local_chain(port: int, scenario: Scenario) -> Iterator[Rpc]:
    """The chain that listens already, or one of our own that ends with the block."""
    if is_listening(port):
        url = f"http://127.0.0.1:{port}"
        stranger = Rpc(url, timeout_s=5)
        try:
            known = stranger.client_version().lower().startswith("anvil") and is_local(stranger)
        except WrongRpc as error:
            raise PortBusy(port) from error
        if not known:
            raise PortBusy(port)
        yield Rpc(url)
        return
    options = AnvilOptions(genesis_timestamp=scenario.path[0].time - 3_600)
    with AnvilProcess(port, options) as anvil:
        yield anvil.rpc


def run(argv: Sequence[str]) -> None:
    """Play, tell, and write the report."""
    args = parse(argv)
    console = Console(width=None if sys.stdout.isatty() else 132)
    scenario = load_scenario(args.scenario)
    claim_folder(args.out)
    with console.status("compiling") as status:
        artifacts.ensure_compiled()
        with local_chain(args.port, scenario) as rpc:
            performance = perform(rpc, scenario, status.update)
            status.update("writing the report")
            document = build(performance)
        write(document, args.out / "report.json")
        pictures = draw_all(document, args.out)
    if not args.quiet:
        tell(document, console)
    console.print()
    for path in (args.out / "report.json", *pictures):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
    missing = [stage for stage, reached in document["reached"].items() if not reached]
    if missing:
        raise DemoIncomplete(missing)


def main() -> None:
    """Entry point of `brownie run demo`: all defaults."""
    leave_with(run, [])


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
