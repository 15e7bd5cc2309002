"""One contract by itself on a local chain."""

from __future__ import annotations

from typing import Any

from plimsoll import artifacts
from plimsoll.chain import Rpc
from plimsoll.contract import Contract, NodeSigner, deploy_code


def deploy_alone(rpc: Rpc, name: str, *args: Any) -> Contract:
    """Deploy a contract from its artifact; the node's first account pays."""
    artifact = artifacts.load(name)
    deployer = NodeSigner(rpc.accounts()[0])
    receipt = deployer.send(rpc, deploy_code(artifact, args), gas=14_000_000)
    return Contract(rpc, artifact, receipt["contractAddress"])
