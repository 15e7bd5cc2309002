"""Deploy the protocol, wire it, and prove that every link is what it should be.

The same steps run in two ways: `Sender` sends them, `Preview` only predicts addresses. A
deployment is written as JSON and read back by every program that talks to the protocol.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.artifacts import Artifact
from plimsoll.chain import Rpc
from plimsoll.contract import Contract, Signer, blueprint_code, deploy_code
from plimsoll.errors import ConfigError, UnfundedKey
from plimsoll.scenario import AuctionTerms, MarketTerms, load_markets
from plimsoll.units import PPM, WAD, div_down, wad_to_tokens_up

DEPLOYMENTS: Final = artifacts.PROJECT_ROOT / "deployments"
NOBODY: Final = "0x" + "00" * 20
TEST_TOKEN: Final = ("Test Dollar", "TUSD", 6)
TEST_HEARTBEAT_S: Final = 86_400
TEST_STALENESS_S: Final = 2 * 86_400
DEVIATION_PPM: Final = 20_000
NOTICE_S: Final = {"JuniorVault": 30 * 86_400, "SeniorVault": 14 * 86_400}

# deployment name -> contract that is deployed under it
_SOURCES: Final = {"JuniorVault": "InsuranceVault", "SeniorVault": "InsuranceVault"}
# contracts whose code runs on the storage of another one
_ENGINES: Final = {"Clearinghouse": ("TradeEngine", "TakeEngine", "AdlEngine", "RegistryEngine")}
_LOCAL_CHAINS: Final = (1337, 31_337)

Progress = Callable[[str], None]


def claim_folder(folder: Path) -> None:
    """Make sure that results can be written, before anything is done to get them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to {folder} ({error.strerror})",
            next_step="name another folder with --out",
        ) from None


@dataclass(frozen=True)
class FeedSource:
    """A Chainlink-compatible feed; times in seconds."""

    address: str
    heartbeat: int
    staleness: int


@dataclass(frozen=True)
class Listing:
    """A market to list; without sources it gets test feeds at `price` (wad)."""

    terms: MarketTerms
    sources: tuple[FeedSource, ...] = ()
    price: int = 0


@dataclass(frozen=True)
class Plan:
    """What to deploy; a test token unless one is named, built-in terms unless others are given."""

    listings: tuple[Listing, ...]
    proposer: str
    token: str | None = None
    auction: AuctionTerms | None = None
    fund: tuple[int, int, int] | None = None
    """Of the guaranty fund: least contribution (token units), rate and cause limit (ppm)."""
    sequencer: str | None = None  # the uptime feed of a rollup's sequencer


@dataclass(frozen=True)
class Deployed:
    """One contract of a deployment."""

    contract: str
    address: str
    args: tuple[Any, ...]
    code_hash: str


@dataclass(frozen=True)
class Deployment:
    """Where everything is. `feeds` holds the test feeds only, by market name."""

    chain_id: int
    block: int
    deployer: str
    proposer: str
    token: str
    token_decimals: int
    contracts: Mapping[str, Deployed]
    markets: Mapping[str, int]
    feeds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def contract(self, rpc: Rpc, name: str) -> Contract:
        """A contract of this deployment, ready to be called."""
        try:
            entry = self.contracts[name]
        except KeyError:
            raise ConfigError(
                f"the deployment has no contract {name}",
                next_step=f"known are {', '.join(self.contracts)}",
            ) from None
        engines = [artifacts.load(engine) for engine in _ENGINES.get(name, ())]
        return Contract(rpc, artifacts.load(entry.contract), entry.address, engines)

    def save(self, folder: Path = DEPLOYMENTS) -> Path:
        """Write `<chain id>.json` and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.chain_id}.json"
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def load_deployment(chain_id: int, folder: Path = DEPLOYMENTS) -> Deployment:
    """The saved deployment of a chain."""
    path = folder / f"{chain_id}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["contracts"] = {
            name: Deployed(**{**entry, "args": tuple(entry["args"])})
            for name, entry in data["contracts"].items()
        }
        data["feeds"] = {name: tuple(feeds) for name, feeds in data["feeds"].items()}
        return Deployment(**data)
    except OSError as error:
        raise ConfigError(
            f"no deployment for chain {chain_id} ({path}: {error.strerror})",
            next_step="deploy first: python -m scripts.deploy",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a deployment file ({type(error).__name__} {error})",
            next_step="deploy again, or restore the file",
        ) from error


def load_listings(path: Path) -> tuple[Listing, ...]:
    """Markets with their feeds, from a JSON file `{"markets": [{..., "sources": [...]}]}`."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["markets"]
        return tuple(
            Listing(
                terms,
                tuple(
                    FeedSource(
                        to_checksum_address(source["address"]),
                        int(source["heartbeat_s"]),
                        int(source["staleness_s"]),
                    )
                    for source in entry["sources"]
                ),
            )
            for terms, entry in zip(load_markets(entries), entries, strict=True)
        )
    except OSError as error:
        raise ConfigError(
            f"cannot read the feeds file {path}: {error.strerror}",
            next_step="name an existing file with --feeds",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a feeds file ({type(error).__name__} {error})",
            next_step="give the markets as in a scenario file, each with its `sources`",
        ) from error


def is_local(rpc: Rpc) -> bool:
    """Whether the endpoint is a throw-away chain, where test contracts are welcome."""
    return rpc.chain_id() in _LOCAL_CHAINS


# --- the two ways to run -----------------------------------------------------------------


class Runner(Protocol):
    """What carries out the steps of a deployment."""

    deployer: str
    deployed: dict[str, Deployed]

    def deploy(self, name: str, *args: Any, contract: str | None = None) -> str:
        """Deploy and return the address."""
        ...

    def deploy_blueprint(self, name: str, contract: str) -> str:
        """Deploy a contract's code as a blueprint and return the address."""
        ...

    def call(self, name: str, function: str, *args: Any) -> None:
        """Send a transaction to a contract deployed before."""
        ...

    def call_token(self, address: str, function: str, *args: Any) -> None:
        """Send a transaction to the settlement token."""
        ...


class Sender:
    """Sends every step and waits for its receipt."""

    def __init__(self, rpc: Rpc, signer: Signer, progress: Progress) -> None:
        self.rpc = rpc
        self.deployer = signer.address
        self.deployed: dict[str, Deployed] = {}
        self._signer = signer
        self._progress = progress

    def deploy(self, name: str, *args: Any, contract: str | None = None) -> str:
        """Deploy and return the address."""
        artifact = artifacts.load(contract or name)
        return self._deploy(name, artifact, deploy_code(artifact, args), args)

    def deploy_blueprint(self, name: str, contract: str) -> str:
        """Deploy a contract's code as a blueprint and return the address."""
        artifact = artifacts.load(contract)
        return self._deploy(name, artifact, blueprint_code(artifact), ())

    def _deploy(self, name: str, artifact: Artifact, code: bytes, args: tuple[Any, ...]) -> str:
        self._progress(f"deploy {name}")
        receipt = self._signer.send(self.rpc, code)
        address = to_checksum_address(receipt["contractAddress"])
        code_hash = "0x" + keccak(self.rpc.code(address)).hex()
        self.deployed[name] = Deployed(artifact.name, address, args, code_hash)
        return address

    def call(self, name: str, function: str, *args: Any) -> None:
        """Send a transaction to a contract deployed before."""
        entry = self.deployed[name]
        self._progress(f"{name}.{function}")
        contract = Contract(self.rpc, artifacts.load(entry.contract), entry.address)
        contract.write(self._signer, function, *args)

    def call_token(self, address: str, function: str, *args: Any) -> None:
        """Send a transaction to the settlement token."""
        self._progress(f"token.{function}")
        token = Contract(self.rpc, artifacts.load("TestToken"), address)
        token.write(self._signer, function, *args)


class Preview:
    """Sends nothing: checks that everything compiles to valid calls and predicts the addresses."""

    def __init__(self, rpc: Rpc, deployer: str, progress: Progress) -> None:
        self.deployer = deployer
        self.deployed: dict[str, Deployed] = {}
        self._rpc = rpc
        self._progress = progress
        self._nonce = int(rpc.call("eth_getTransactionCount", [deployer, "pending"]), 16)

    def deploy(self, name: str, *args: Any, contract: str | None = None) -> str:
        """Predict the address of a deployment."""
        artifact = artifacts.load(contract or name)
        deploy_code(artifact, args)
        return self._deploy(name, artifact, len(artifact.runtime), args)

    def deploy_blueprint(self, name: str, contract: str) -> str:
        """Predict the address of a blueprint."""
        artifact = artifacts.load(contract)
        return self._deploy(name, artifact, len(artifact.bytecode), ())

    def _deploy(self, name: str, artifact: Artifact, size: int, args: tuple[Any, ...]) -> str:
        address = created_address(self.deployer, self._nonce)
        self._next(f"deploy {name} at {address}, {size} bytes")
        self.deployed[name] = Deployed(artifact.name, address, args, "")
        return address

    def call(self, name: str, function: str, *args: Any) -> None:
        """Encode a call, as a check."""
        entry = self.deployed[name]
        Contract(self._rpc, artifacts.load(entry.contract), entry.address).encode(function, *args)
        self._next(f"{name}.{function}")

    def call_token(self, address: str, function: str, *args: Any) -> None:
        """Encode a call to the token, as a check."""
        Contract(self._rpc, artifacts.load("TestToken"), address).encode(function, *args)
        self._next(f"token.{function}")

    def _next(self, text: str) -> None:
        self._progress(f"nonce {self._nonce}: {text}")
        self._nonce += 1


def created_address(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` deploys with its transaction number `nonce`."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    # RLP: a byte under 0x80 stands for itself, anything else gets its length in front
    item = number if len(number) == 1 and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = bytes([0x80 + 20]) + bytes.fromhex(sender[2:]) + item
    return to_checksum_address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:])


# --- the steps ---------------------------------------------------------------------------


def deploy(rpc: Rpc, run: Runner, plan: Plan) -> Deployment:
    """Every step of a deployment, in order; the deployer ends without any power."""
    _refuse_bad_plan(rpc, plan)
    decimals = _token_decimals(rpc, plan)
    if plan.token is not None:
        _refuse_poor_deployer(rpc, run.deployer, plan.token, decimals, len(plan.listings))
    token = plan.token or run.deploy("TestToken", *TEST_TOKEN)
    one = 10**decimals
    if plan.token is None:
        run.call_token(token, "mint", run.deployer, one * (2 + len(plan.listings)))
    feeds = _deploy_feeds(run, plan)

    timelock = run.deploy("Timelock", plan.proposer)
    oracle = run.deploy("PriceOracle", plan.sequencer or NO_SEQUENCER)
    engines = [run.deploy(name) for name in ("TradeEngine", "TakeEngine", "AdlEngine")]
    engines.append(run.deploy("RegistryEngine", oracle))
    clearinghouse = run.deploy("Clearinghouse", oracle, *engines)
    custody = run.deploy("Custody", token, clearinghouse)
    junior = _deploy_vault(run, "JuniorVault", ("Plimsoll Junior", "pJUN"), token, custody, True)
    senior = _deploy_vault(run, "SeniorVault", ("Plimsoll Senior", "pSEN"), token, custody, False)
    waterfall = run.deploy("Waterfall", custody, junior, senior)
    blueprint = run.deploy_blueprint("BrokerBlueprint", "BrokerVault")
    escrow = run.deploy("BrokerEscrow", token)
    registry = run.deploy("BrokerRegistry", token, custody, escrow, blueprint)
    fund = run.deploy("GuarantyFund", registry, token, waterfall)
    sponsorship = run.deploy("Sponsorship", clearinghouse, waterfall, custody, registry)
    exchange = run.deploy("Exchange", clearinghouse)
    liquidator = run.deploy("Liquidator", clearinghouse, waterfall, custody, exchange)
    run.deploy("Lens", clearinghouse, custody, liquidator, waterfall)

    run.call("Clearinghouse", "wire", custody, exchange, liquidator, sponsorship)
    run.call("Custody", "wire", waterfall, liquidator, junior, senior)
    for name, vault in (("JuniorVault", junior), ("SeniorVault", senior)):
        run.call_token(token, "approve", vault, one)
        run.call(name, "wire", waterfall)
    run.call("BrokerRegistry", "wire", sponsorship, fund, waterfall)
    run.call("Waterfall", "wire", liquidator, sponsorship, fund)
    run.call("Exchange", "wire", liquidator)

    for listing in plan.listings:
        sources = listing.sources or tuple(
            FeedSource(address, TEST_HEARTBEAT_S, TEST_STALENESS_S)
            for address in feeds[listing.terms.name]
        )
        run.call(
            "PriceOracle",
            "set_market",
            listing.terms.id,
            [(source.address, source.heartbeat, source.staleness) for source in sources],
            len(sources) // 2 + 1,
            DEVIATION_PPM,
        )
        run.call("Clearinghouse", "list_market", listing.terms.id, listing.terms.config())
        risk = listing.terms.risk
        if risk is not None:
            run.call("Clearinghouse", "set_risk_terms", listing.terms.id, risk.values())
        buffer, concentration = listing.terms.buffer, listing.terms.concentration
        if buffer is not None:
            run.call("Clearinghouse", "set_buffer_terms", listing.terms.id, buffer.values())
        if concentration is not None:
            run.call("Clearinghouse", "set_concentration", listing.terms.id, concentration.values())
        run.call_token(token, "approve", custody, one)
        run.call("Custody", "deposit", account_id(clearinghouse), one)
    if plan.auction is not None:
        run.call("Liquidator", "set_params", plan.auction.params())
    if plan.fund is not None:
        run.call("GuarantyFund", "set_parameters", *plan.fund)
    for name in OWNED:
        run.call(name, "transfer_ownership", timelock)

    return Deployment(
        chain_id=rpc.chain_id(),
        block=rpc.block_number(),
        deployer=run.deployer,
        proposer=plan.proposer,
        token=token,
        token_decimals=decimals,
        contracts=dict(run.deployed),
        markets={listing.terms.name: listing.terms.id for listing in plan.listings},
        feeds=feeds,
    )


NO_SEQUENCER: Final = to_checksum_address("0x" + 40 * "0")
OWNED: Final = (
    "PriceOracle",
    "Clearinghouse",
    "Waterfall",
    "GuarantyFund",
    "Liquidator",
    "JuniorVault",
    "SeniorVault",
)


def _deploy_vault(
    run: Runner, name: str, label: tuple[str, str], token: str, custody: str, owner_only: bool
) -> str:
    return run.deploy(
        name, *label, token, custody, NOTICE_S[name], owner_only, contract=_SOURCES[name]
    )


def _deploy_feeds(run: Runner, plan: Plan) -> dict[str, tuple[str, ...]]:
    """Test feeds for the markets without sources, a little apart from each other."""
    feeds: dict[str, tuple[str, ...]] = {}
    for listing in plan.listings:
        if listing.sources:
            continue
        terms = listing.terms
        feeds[terms.name] = tuple(
            run.deploy(
                f"{terms.name}Feed{number}", terms.feed_decimals, answer, contract="TestFeed"
            )
            for number, answer in enumerate(feed_answers(terms, listing.price), start=1)
        )
    return feeds


def feed_answers(terms: MarketTerms, price: int) -> list[int]:
    """What each test feed of a market says at a price (wad): the middle one says exactly that."""
    answer = div_down(price, 10 ** (18 - terms.feed_decimals))
    middle = terms.feeds // 2
    return [
        answer + div_down(answer * terms.feed_spread_ppm * (number - middle), PPM)
        for number in range(terms.feeds)
    ]


def _refuse_bad_plan(rpc: Rpc, plan: Plan) -> None:
    if not plan.listings:
        raise ConfigError("no market to list", next_step="name at least one in the feeds file")
    needs_test_contracts = plan.token is None or any(not entry.sources for entry in plan.listings)
    if needs_test_contracts and not is_local(rpc):
        raise ConfigError(
            f"chain {rpc.chain_id()} is not a local one, test tokens and test feeds stay away",
            next_step="give a settlement token with --token and real feeds with --feeds",
        )


def _token_decimals(rpc: Rpc, plan: Plan) -> int:
    if plan.token is None:
        return TEST_TOKEN[2]
    if not rpc.code(plan.token):
        raise ConfigError(
            f"there is no token at {plan.token}",
            next_step="check --token and the chain behind --rpc",
        )
    decimals = int(Contract(rpc, artifacts.load("TestToken"), plan.token).read("decimals"))
    if decimals > 18:
        raise ConfigError(f"the token has {decimals} decimals", next_step="use one with at most 18")
    return decimals


def _refuse_poor_deployer(rpc: Rpc, deployer: str, token: str, decimals: int, markets: int) -> None:
    """The vaults' dead deposits and the dust reserves take one token each."""
    balance = Contract(rpc, artifacts.load("TestToken"), token).read("balanceOf", deployer)
    needed = wad_to_tokens_up((2 + markets) * WAD, decimals)
    if balance < needed:
        raise UnfundedKey(deployer, f"has {balance} units of the token, needs {needed}")
