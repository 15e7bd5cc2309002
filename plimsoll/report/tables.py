"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from plimsoll.deployment import Deployment
from plimsoll.verification import Link


def deployment_table(deployment: Deployment) -> Table:
    """Names and addresses of a deployment."""
    table = Table(title=f"Plimsoll on chain {deployment.chain_id}", title_justify="left")
    table.add_column("contract")
    table.add_column("address")
    table.add_column("code hash", overflow="ellipsis", max_width=14)
    for name, entry in deployment.contracts.items():
        table.add_row(name, entry.address, entry.code_hash)
    return table


def links_table(links: Sequence[Link]) -> Table:
    """Everything read back from the chain; what is wrong is shown in full."""
    table = Table(title="Read back from the chain", title_justify="left")
    table.add_column("contract", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("value", overflow="ellipsis", no_wrap=True, max_width=44)
    table.add_column("")
    for link in links:
        if link.good:
            table.add_row(link.contract, link.what, link.found, "[green]ok[/green]")
        else:
            table.add_row(
                link.contract, link.what, f"{link.found}, not {link.expected}", "[red]wrong[/red]"
            )
    return table
