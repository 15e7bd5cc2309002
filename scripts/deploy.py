r"""Deploy Plimsoll to any chain, wire it, read every link back and write the addresses down.

On a local chain everything has a default:

    python -m scripts.deploy
    brownie run deploy

Elsewhere name the key's environment variable, the token, the feeds and who may propose to
the timelock, on a rollup also the uptime feed of its sequencer, and look at a dry run first:

    python -m scripts.deploy --rpc https://… --key-env DEPLOYER_KEY --token 0x… \
        --feeds feeds.json --proposer 0x… --dry-run
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from eth_utils.address import is_address, to_checksum_address
from rich.console import Console

from plimsoll import artifacts
from plimsoll.chain import Rpc, dev_key
from plimsoll.contract import KeySigner
from plimsoll.deployment import (
    DEPLOYMENTS,
    Listing,
    Plan,
    Preview,
    Sender,
    claim_folder,
    deploy,
    is_local,
    load_listings,
)
from plimsoll.errors import ChainError, ConfigError, InputError, PlimsollError, UnfundedKey
from plimsoll.report.tables import deployment_table, links_table, show
from plimsoll.scenario import Scenario, load_scenario
from plimsoll.verification import broken_links, verify

BROKEN_OFF = 130
"""Exit code after Ctrl-C, as shells count."""
DEFAULT_RPC = "http://127.0.0.1:8545"
DEFAULT_SCENARIO = artifacts.PROJECT_ROOT / "scenarios" / "october_2025.json"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="deploy", description="Deploy, wire and verify Plimsoll on a chain."
    )
    parser.add_argument("--rpc", default=DEFAULT_RPC, help="endpoint (default: %(default)s)")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the key")
    parser.add_argument("--token", metavar="ADDRESS", help="settlement token, at most 18 decimals")
    parser.add_argument("--feeds", metavar="FILE", type=Path, help="markets and their feeds, JSON")
    parser.add_argument(
        "--sequencer", metavar="ADDRESS", help="uptime feed of the rollup's sequencer"
    )
    parser.add_argument("--proposer", metavar="ADDRESS", help="who may propose to the timelock")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=DEPLOYMENTS)
    parser.add_argument("--dry-run", action="store_true", help="check and print, send nothing")
    return parser.parse_args(argv)


def choose_key(rpc: Rpc, name: str | None) -> KeySigner:
    """The key in the environment; on a local chain the first development key will do."""
    if name is None:
        if is_local(rpc):
            return KeySigner(dev_key(0))
        raise ConfigError(
            f"no key for chain {rpc.chain_id()}",
            next_step="put it into an environment variable and name that with --key-env",
        )
    value = os.environ.get(name)
    if not value:
        raise ConfigError(
            f"the environment variable {name} is empty",
            next_step="set it to the deployer's private key",
        )
    return KeySigner(value)


def local_listings(scenario: Scenario) -> tuple[Listing, ...]:
    """The scenario's markets with test feeds at its first prices.

    Without buffer terms: the vaults are empty, so nothing at all could be opened.
    """
    first = scenario.path[0].prices
    return tuple(
        Listing(replace(terms, buffer=None), price=price)
        for terms, price in zip(scenario.markets, first, strict=True)
    )


def choose_plan(rpc: Rpc, args: argparse.Namespace, deployer: str) -> Plan:
    """What the arguments ask for."""
    for option in ("token", "proposer", "sequencer"):
        value = getattr(args, option)
        if value is not None and not is_address(value):
            raise InputError(
                f"--{option} {value} is not an address", next_step="give 0x and 40 hex digits"
            )
    if args.proposer is None and not is_local(rpc):
        raise ConfigError(
            "nobody is named who may propose to the timelock",
            next_step="give an address with --proposer, best a multi-signature wallet",
        )
    listings = (
        load_listings(args.feeds)
        if args.feeds is not None
        else local_listings(load_scenario(DEFAULT_SCENARIO))
    )
    return Plan(
        listings=listings,
        proposer=to_checksum_address(args.proposer or deployer),
        token=None if args.token is None else to_checksum_address(args.token),
        sequencer=None if args.sequencer is None else to_checksum_address(args.sequencer),
    )


def run(argv: Sequence[str]) -> None:
    """Deploy as the arguments say."""
    args = parse(argv)
    console = Console()
    rpc = Rpc(args.rpc)
    signer = choose_key(rpc, args.key_env)
    plan = choose_plan(rpc, args, signer.address)
    artifacts.ensure_compiled()
    if rpc.balance(signer.address) == 0:
        raise UnfundedKey(signer.address, f"it has no native coin on chain {rpc.chain_id()}")

    if args.dry_run:
        preview = Preview(rpc, signer.address, console.print)
        show(console, deployment_table(deploy(rpc, preview, plan)))
        console.print("dry run: nothing was sent")
        return
    claim_folder(args.out)
    with console.status("deploying") as status:
        sender = Sender(rpc, signer, lambda text: status.update(f"deploying: {text}"))
        deployment = deploy(rpc, sender, plan)
        links = verify(rpc, deployment, plan)
    show(console, deployment_table(deployment))
    show(console, links_table(links))
    wrong = broken_links(links)
    if wrong:
        raise ChainError(
            f"{len(wrong)} of {len(links)} links are not as they should be",
            next_step="do not use this deployment; see the table above",
        )
    path = deployment.save(args.out)
    console.print(f"{len(links)} links read back, all as they should be; written to {path}")


def main() -> None:
    """Entry point of `brownie run deploy`: all defaults."""
    leave_with(run, [])


def leave_with(program: Callable[[Sequence[str]], None], argv: Sequence[str]) -> None:
    """Run a program; its errors become one sentence and an exit code."""
    try:
        program(argv)
    except PlimsollError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("broken off", file=sys.stderr)
        sys.exit(BROKEN_OFF)


if __name__ == "__main__":
    leave_with(run, sys.argv[1:])
