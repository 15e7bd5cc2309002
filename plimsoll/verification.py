"""Read a deployment back from the chain: code, links, roles and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.chain import Rpc
from plimsoll.contract import BLUEPRINT_PREAMBLE
from plimsoll.deployment import NO_SEQUENCER, NOBODY, OWNED, Deployment, Plan
from plimsoll.risk_terms import NO_BUFFER, NO_CONCENTRATION, RiskTerms
from plimsoll.units import WAD


@dataclass(frozen=True)
class Link:
    """One thing read back from the chain."""

    contract: str
    what: str
    expected: str
    found: str

    @property
    def good(self) -> bool:
        """Whether the chain says what it should."""
        return self.expected == self.found


def verify(rpc: Rpc, deployment: Deployment, plan: Plan) -> list[Link]:
    """Every link, role and parameter of a deployment as the chain has it."""
    at = {name: entry.address for name, entry in deployment.contracts.items()}
    at["token"] = deployment.token
    return [
        *code_links(rpc, deployment),
        *_address_links(rpc, deployment, at),
        *_role_links(rpc, deployment, at),
        *_market_links(rpc, deployment, plan),
    ]


def code_links(rpc: Rpc, deployment: Deployment) -> list[Link]:
    """The code is ours, and immutable addresses without a getter are the right ones."""
    links = []
    for name, entry in deployment.contracts.items():
        artifact = artifacts.load(entry.contract)
        runtime = artifact.runtime
        if name == "BrokerBlueprint":
            runtime = BLUEPRINT_PREAMBLE + artifact.bytecode
        code = rpc.code(entry.address)
        same = code[: len(runtime)] == runtime
        links.append(Link(name, "code", "compiled here", "compiled here" if same else "other"))
        if name in ("Clearinghouse", "RegistryEngine"):
            for address in entry.args:
                found = bytes.fromhex(address[2:]) in code[len(runtime) :]
                links.append(Link(name, "immutable", address, address if found else "missing"))
    return links


def _address_links(rpc: Rpc, deployment: Deployment, at: Mapping[str, str]) -> list[Link]:
    expected = {
        "Clearinghouse": {
            "custody": "Custody",
            "exchange": "Exchange",
            "liquidator": "Liquidator",
            "sponsorship": "Sponsorship",
        },
        "Custody": {
            "token": "token",
            "clearinghouse": "Clearinghouse",
            "waterfall": "Waterfall",
            "liquidator": "Liquidator",
            "junior": "JuniorVault",
            "senior": "SeniorVault",
        },
        "JuniorVault": {"asset": "token", "custody": "Custody", "waterfall": "Waterfall"},
        "SeniorVault": {"asset": "token", "custody": "Custody", "waterfall": "Waterfall"},
        "Waterfall": {
            "CUSTODY": "Custody",
            "JUNIOR": "JuniorVault",
            "SENIOR": "SeniorVault",
            "liquidator": "Liquidator",
            "sponsorship": "Sponsorship",
            "fund": "GuarantyFund",
        },
        "BrokerEscrow": {"TOKEN": "token"},
        "BrokerRegistry": {
            "ASSET": "token",
            "CUSTODY": "Custody",
            "ESCROW": "BrokerEscrow",
            "BLUEPRINT": "BrokerBlueprint",
            "sponsorship": "Sponsorship",
            "fund": "GuarantyFund",
            "waterfall": "Waterfall",
        },
        "GuarantyFund": {"REGISTRY": "BrokerRegistry", "WATERFALL": "Waterfall"},
        "Sponsorship": {
            "CLEARINGHOUSE": "Clearinghouse",
            "WATERFALL": "Waterfall",
            "CUSTODY": "Custody",
            "REGISTRY": "BrokerRegistry",
        },
        "Exchange": {"CLEARINGHOUSE": "Clearinghouse", "liquidator": "Liquidator"},
        "Liquidator": {
            "CLEARINGHOUSE": "Clearinghouse",
            "WATERFALL": "Waterfall",
            "CUSTODY": "Custody",
            "EXCHANGE": "Exchange",
        },
        "Lens": {
            "CLEARINGHOUSE": "Clearinghouse",
            "CUSTODY": "Custody",
            "LIQUIDATOR": "Liquidator",
            "WATERFALL": "Waterfall",
        },
    }
    return [
        Link(name, getter, at[target], deployment.contract(rpc, name).read(getter))
        for name, getters in expected.items()
        for getter, target in getters.items()
    ]


def _role_links(rpc: Rpc, deployment: Deployment, at: Mapping[str, str]) -> list[Link]:
    links = [
        Link(name, "owner", at["Timelock"], deployment.contract(rpc, name).read("owner"))
        for name in OWNED
    ]
    timelock = deployment.contract(rpc, "Timelock")
    proposer, executor, admin = (
        timelock.read(role) for role in ("PROPOSER_ROLE", "EXECUTOR_ROLE", "DEFAULT_ADMIN_ROLE")
    )
    roles = (
        ("proposer may propose", proposer, deployment.proposer, True),
        ("anybody may execute", executor, NOBODY, True),
        ("deployer is admin", admin, deployment.deployer, False),
        ("timelock is its own admin", admin, timelock.address, True),
    )
    for what, role, who, expected in roles:
        links.append(
            Link("Timelock", what, str(expected), str(timelock.read("hasRole", role, who)))
        )
    delay = timelock.read("get_minimum_delay")
    links.append(Link("Timelock", "delay in hours", "48", str(delay // 3_600)))
    return links


def _market_links(rpc: Rpc, deployment: Deployment, plan: Plan) -> list[Link]:
    links = []
    clearinghouse = deployment.contract(rpc, "Clearinghouse")
    oracle = deployment.contract(rpc, "PriceOracle")
    links.append(
        Link(
            "PriceOracle",
            "sequencer",
            plan.sequencer or NO_SEQUENCER,
            str(oracle.read("SEQUENCER")),
        )
    )
    for listing in plan.listings:
        terms = listing.terms
        stored = _flat(clearinghouse.read("market_config", terms.id))
        links.append(Link(terms.name, "terms", str(_flat(terms.config())), str(stored)))
        wanted = terms.risk.values() if terms.risk is not None else (0,) * len(fields(RiskTerms))
        risk_terms = _flat(clearinghouse.read("risk_terms", terms.id))
        links.append(Link(terms.name, "risk terms", str(_flat(wanted)), str(risk_terms)))
        backing = {
            "buffer_terms": (terms.buffer or NO_BUFFER).values(),
            "concentration": (terms.concentration or NO_CONCENTRATION).values(),
        }
        for view, values in backing.items():
            stored = _flat(clearinghouse.read(view, terms.id))
            what = view.replace("_", " ")
            links.append(Link(terms.name, what, str(_flat(values)), str(stored)))
        sources = [source.address for source in listing.sources] or deployment.feeds[terms.name]
        found = [feed["source"] for feed in oracle.read("feeds", terms.id)]
        links.append(Link(terms.name, "feeds", " ".join(sources), " ".join(found)))
        links.append(Link(terms.name, "has a price", "True", str(oracle.read("read", terms.id)[1])))
    if plan.auction is not None:
        params = _flat(deployment.contract(rpc, "Liquidator").read("params"))
        links.append(Link("Liquidator", "params", str(_flat(plan.auction.params())), str(params)))
    if plan.fund is not None:
        fund = deployment.contract(rpc, "GuarantyFund")
        names = ("min_contribution", "contribution_ppm", "cause_ppm")
        stored = [fund.read(name) for name in names]
        links.append(Link("GuarantyFund", "parameters", str(list(plan.fund)), str(stored)))
    reserve = clearinghouse.read("health", account_id(clearinghouse.address))["cash"]
    links.append(Link("Clearinghouse", "dust reserve", str(len(plan.listings) * WAD), str(reserve)))
    return links


def _flat(value: Any) -> Any:
    """Structs as plain lists, so that they compare with what was sent."""
    if isinstance(value, Mapping):
        return [_flat(entry) for entry in value.values()]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_flat(entry) for entry in value]
    return value


def broken_links(links: Sequence[Link]) -> list[Link]:
    """The links that are not as they should be."""
    return [link for link in links if not link.good]
