"""The venue a fuzz run starts from: three markets, funded vaults, named people with keys.

Nothing is mocked: the deployment is the one of `scripts.deploy`, on Anvil or in process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.chain import Rpc, dev_key
from plimsoll.client import Client
from plimsoll.contract import Contract, NodeSigner, deploy_code
from plimsoll.deployment import Listing, Plan, Sender, deploy
from plimsoll.scenario import Bracket, MarketTerms
from plimsoll.units import WAD

GENESIS: Final = 1_900_000_000
GAS: Final = 25_000_000
BTC, ETH, DOGE = MARKETS = (1, 2, 3)
_FUNDING_BUCKET_S: Final = 300
TOKENS_EACH: Final = 10**15  # token units

LIL, LOU, HOLDER = 6, 7, 9
OPERATORS: Final = (LIL, LOU, HOLDER, LIL)
"""Who runs the first vaults of brokers."""
UNSIGNED, GARBAGE = -1, -2
"""Who signed an order of an action, if it is none of the people: nobody, nonsense."""

TRADERS: Final = ("ann", "ben", "cem", "dot", "eva", "fay")
LIQUIDATORS: Final = ("lil", "lou")
RICH: Final = ("maker", "holder")
PEOPLE: Final = (
    *TRADERS,
    *LIQUIDATORS,
    *RICH,
    "insurer",
    "keeper",
    "attacker",
    "bystander",
    "owner",
)
INSURER, KEEPER, ATTACKER, BYSTANDER, OWNER = range(10, 15)
ISOLATED_SUB: Final = 1
WITH_ISOLATED: Final = (0, 3)  # people who also trade an isolated sub-account

_BRACKETS: Final = {
    BTC: ((0, 50_000, 25_000), (1_000_000, 100_000, 50_000), (5_000_000, 200_000, 100_000)),
    ETH: ((0, 50_000, 20_000), (200_000, 100_000, 50_000), (2_000_000, 250_000, 125_000)),
    DOGE: ((0, 100_000, 50_000), (50_000, 200_000, 100_000), (500_000, 500_000, 250_000)),
}


def _terms(number: int, name: str, oi_cap: int, max_class: int, feeds: int) -> MarketTerms:
    return MarketTerms(
        id=number,
        name=name,
        oi_cap=oi_cap * WAD,
        min_notional=100,
        taker_fee_ppm=500,
        maker_fee_ppm=200,
        band_ppm=50_000,
        max_class=max_class,
        brackets=tuple(Bracket(*row) for row in _BRACKETS[number]),  # type: ignore[arg-type]
        funding_base_ppb=10_000,
        funding_cap_ppb=4_000_000,
        premium_volume=1_000,
        size_decimals=6,
        feeds=feeds,
        feed_decimals=8,
        feed_spread_ppm=0,
    )


TERMS: Final[Mapping[int, MarketTerms]] = {
    BTC: _terms(BTC, "BTC", 400, 4, 1),
    ETH: _terms(ETH, "ETH", 10_000, 4, 3),
    DOGE: _terms(DOGE, "DOGE", 8_000, 3, 1),
}
# EMA, volatility, calm volatility, largest stress, jump, hold; see `plimsoll.model.risk.RiskTerms`
RISK: Final[Mapping[int, tuple[int, int, int, int, int, int]]] = {
    BTC: (900, 600, 5_000_000, 1_500_000, 30_000, 120),
    ETH: (3_600, 86_400, 2_000_000, 2_500_000, 50_000, 300),
}
"""Of the markets that have any from the start."""
FUND: Final = (1_000 * 10**6, 100_000, 500_000)
"""Of the guaranty fund: least contribution (token units), rate and cause limit (ppm)."""
PRICES: Final[Mapping[int, int]] = {
    BTC: 50_000 * WAD,
    ETH: 2_000 * WAD,
    DOGE: 250 * WAD,
}  # lots of 1,000
PRICE_RANGE: Final[Mapping[int, tuple[int, int]]] = {
    BTC: (12_000 * WAD, 200_000 * WAD),
    ETH: (500 * WAD, 8_000 * WAD),
    DOGE: (60 * WAD, 1_000 * WAD),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key; `owner` is the timelock, which signs nothing."""

    name: str
    address: str  # checksum
    key: str

    def account(self, sub: int = 0) -> int:
        """An account of theirs."""
        return account_id(self.address, sub)


@dataclass(frozen=True)
class Stage:
    """A deployed venue: vaults funded, everybody with tokens and approvals, no accounts yet."""

    rpc: Rpc
    client: Client
    people: tuple[Person, ...]
    contracts: Mapping[str, str]  # address by the name `World.addresses` uses
    feeds: Mapping[int, tuple[str, ...]]
    sequencer: str  # address of the feed that says whether the sequencer runs
    probe: str  # address of the StateProbe
    poked: Mapping[int, tuple[int, int]]  # by market: block and time of its last poke
    weighed: Mapping[int, int]  # by market that has risk terms: when it got them
    fund_set_at: int  # when the guaranty fund got its parameters

    def feed(self, market: int, number: int) -> Contract:
        """A test feed of a market; numbers start at 0."""
        name = f"{TERMS[market].name}Feed{number + 1}"
        return self.client.deployment.contract(self.rpc, name)


def build(rpc: Any, junior_tokens: int = 15_000, senior_tokens: int = 40_000) -> Stage:
    """Deploy on a chain (`Rpc` of an Anvil, or `RevmChain`); capital in whole tokens."""
    rpc.call("anvil_setBlockTimestampInterval", [1])
    addresses = rpc.accounts()
    deployer = NodeSigner(addresses[0])
    listings = tuple(Listing(TERMS[market], price=PRICES[market]) for market in MARKETS)
    sequencer = _deploy(rpc, deployer, "TestFeed", 0, 0)
    plan = Plan(listings=listings, proposer=deployer.address, sequencer=sequencer)
    deployment = deploy(rpc, Sender(rpc, deployer, lambda _: None), plan)
    client = Client(rpc, deployment)
    timelock = deployment.contracts["Timelock"].address
    rpc.set_balance(timelock, 10**24)
    people = tuple(
        Person(name, timelock if name == "owner" else addresses[i + 1], dev_key(i + 1))
        for i, name in enumerate(PEOPLE)
    )
    rpc.call("anvil_impersonateAccount", [timelock])
    client.fund.write(NodeSigner(timelock), "set_parameters", *FUND, gas=GAS)
    fund_set_at = rpc.timestamp()
    poked: dict[int, tuple[int, int]] = {}
    weighed: dict[int, int] = {}
    stage = Stage(
        rpc=rpc,
        client=client,
        people=people,
        contracts={
            "clearinghouse": client.clearinghouse.address,
            "custody": client.custody.address,
            "exchange": client.exchange.address,
            "liquidator": client.liquidator.address,
            "waterfall": client.waterfall.address,
            "junior": client.junior.address,
            "senior": client.senior.address,
            "oracle": deployment.contracts["PriceOracle"].address,
            "token": client.token.address,
            "timelock": timelock,
            "deployer": deployer.address,
            "registry": deployment.contracts["BrokerRegistry"].address,
            "fund": deployment.contracts["GuarantyFund"].address,
            "escrow": deployment.contracts["BrokerEscrow"].address,
            "sponsorship": deployment.contracts["Sponsorship"].address,
        },
        feeds={market: deployment.feeds[TERMS[market].name] for market in MARKETS},
        sequencer=sequencer,
        probe=_deploy(
            rpc,
            deployer,
            "StateProbe",
            client.clearinghouse.address,
            client.custody.address,
            client.liquidator.address,
            client.waterfall.address,
        ),
        poked=poked,
        weighed=weighed,
        fund_set_at=fund_set_at,
    )
    _hand_out_tokens(stage, deployer)
    insurer = NodeSigner(people[INSURER].address)
    client.junior.write(insurer, "deposit", junior_tokens * 10**6, timelock, gas=GAS)
    client.senior.write(insurer, "deposit", senior_tokens * 10**6, insurer.address, gas=GAS)
    for market, risk in RISK.items():
        client.clearinghouse.write(NodeSigner(timelock), "set_risk_terms", market, risk, gas=GAS)
        weighed[market] = rpc.timestamp()
    for market in MARKETS:
        client.poke(deployer, market)
        poked[market] = (rpc.block_number(), rpc.timestamp())
    # so that no funding rate has been set yet: the model starts without one
    assert rpc.timestamp() // _FUNDING_BUCKET_S == GENESIS // _FUNDING_BUCKET_S
    return stage


def _deploy(rpc: Any, deployer: NodeSigner, contract: str, *args: Any) -> str:
    """Address of one more contract."""
    code = deploy_code(artifacts.load(contract), args)
    return str(deployer.send(rpc, code, gas=GAS)["contractAddress"])


def _hand_out_tokens(stage: Stage, minter: NodeSigner) -> None:
    token: Contract = stage.client.token
    spenders = [stage.contracts[name] for name in ("custody", "junior", "senior")]
    for person in stage.people:
        token.write(minter, "mint", person.address, TOKENS_EACH, gas=GAS)
        if person.name == "owner":
            continue
        for spender in spenders:
            token.write(NodeSigner(person.address), "approve", spender, 2**256 - 1, gas=GAS)
