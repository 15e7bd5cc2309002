"""Brokers of a scenario, their clients, and what each does when it is called for margin.

    "brokers": {
      "fund": {"min_contribution": "300", "rate": "0.1", "cause": "0.5"},
      "vaults": [{"name": "broker-a", "stake": "4000", "pool": "6000", "omega": "2",
                  "first_loss": "0.25", "client_limit": "1", "commission": "0.2",
                  "notice_days": 7, "replenishes": true}],
      "clients": [{"name": "client-1", "broker": "broker-a", "market": "BTC", "class": 10,
                   "notional": "24000", "deposit": "3000", "guarantee": "2400", "fee": "0.08",
                   "term_days": 90, "buffer": "0.25", "cure_s": 3600, "early": "0.5",
                   "when_called": {"deposit": "2500", "after_s": 600}}]}

Every client has a twin without a broker: the same deposit, the same order at the same price. A
called client deposits, sells a part (`"sell": "0.85"`), or does nothing; the operator may start
its auction early. Amounts are wad, parts ppm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.broker_views import DAY_S, VaultTerms
from plimsoll.units import PPM, to_ppm, to_wad

ALONE: Final = "-alone"
"""What the name of a twin ends with."""
CURE_S: Final = (3_600, 604_800)
BUFFER_PPM: Final = (50_000, PPM)
MAX_FEE_PPM: Final = 500_000
MAX_TERM_DAYS: Final = 366


@dataclass(frozen=True)
class FundTerms:
    """Parameters of the guaranty fund."""

    min_contribution: int  # wad
    contribution_ppm: int  # of a broker's client locks
    cause_ppm: int  # of the others' commitments, for one broker's clients


@dataclass(frozen=True)
class BrokerPlan:
    """A broker with its capital."""

    name: str
    stake: int  # wad, the operator's
    pool: int  # wad, one depositor's
    terms: VaultTerms
    replenishes: bool
    """Whether the operator fills the guaranty fund again after a draw."""


@dataclass(frozen=True)
class Response:
    """What a client does some time after a margin call; neither: nothing."""

    after_s: int
    deposit: int  # wad
    sell_ppm: int  # of its position


@dataclass(frozen=True)
class ClientPlan:
    """A client: its position, its guarantee, and what happens when it is called."""

    name: str
    broker: str
    market: str
    leverage_class: int  # index
    notional: int  # wad, bought at the last opening step
    deposit: int  # wad
    guarantee: int  # wad
    fee_ppm: int  # a year
    term_s: int
    buffer_ppm: int
    cure_s: int
    early_ppm: int
    response: Response | None
    starts_early: bool
    """Whether its broker's operator ends the shield as soon as the signed terms allow it."""
    ports_to: str | None
    """The broker it moves to if its own fails."""

    @property
    def alone(self) -> str:
        """Name of the twin without a broker."""
        return self.name + ALONE


@dataclass(frozen=True)
class BrokerLayer:
    """All brokers of a scenario."""

    fund: FundTerms
    vaults: tuple[BrokerPlan, ...]
    clients: tuple[ClientPlan, ...]

    def vault(self, name: str) -> BrokerPlan:
        """The broker of this name."""
        return next(plan for plan in self.vaults if plan.name == name)


# --- reading -----------------------------------------------------------------------------


def read_brokers(entry: Mapping[str, Any] | None, classes: Sequence[int]) -> BrokerLayer | None:
    """The `brokers` of a scenario file; `classes` are the leverage classes there are."""
    if entry is None:
        return None
    fund = entry["fund"]
    return BrokerLayer(
        fund=FundTerms(
            to_wad(fund["min_contribution"]), to_ppm(fund["rate"]), to_ppm(fund["cause"])
        ),
        vaults=tuple(_vault(one) for one in entry["vaults"]),
        clients=tuple(_client(one, classes) for one in entry["clients"]),
    )


def _vault(entry: Mapping[str, Any]) -> BrokerPlan:
    return BrokerPlan(
        name=entry["name"],
        stake=to_wad(entry["stake"]),
        pool=to_wad(entry["pool"]),
        terms=VaultTerms(
            omega_ppm=to_ppm(entry["omega"]),
            first_loss_ppm=to_ppm(entry["first_loss"]),
            client_ppm=to_ppm(entry["client_limit"]),
            commission_ppm=to_ppm(entry["commission"]),
            notice_s=int(entry["notice_days"]) * DAY_S,
        ),
        replenishes=bool(entry["replenishes"]),
    )


def _client(entry: Mapping[str, Any], classes: Sequence[int]) -> ClientPlan:
    answer = entry.get("when_called")
    return ClientPlan(
        name=entry["name"],
        broker=entry["broker"],
        market=entry["market"],
        leverage_class=classes.index(entry["class"]),
        notional=to_wad(entry["notional"]),
        deposit=to_wad(entry["deposit"]),
        guarantee=to_wad(entry["guarantee"]),
        fee_ppm=to_ppm(entry["fee"]),
        term_s=int(entry["term_days"]) * DAY_S,
        buffer_ppm=to_ppm(entry["buffer"]),
        cure_s=int(entry["cure_s"]),
        early_ppm=to_ppm(entry["early"]),
        response=None
        if answer is None
        else Response(
            after_s=int(answer["after_s"]),
            deposit=to_wad(answer.get("deposit", "0")),
            sell_ppm=to_ppm(answer.get("sell", "0")),
        ),
        starts_early=bool(entry.get("starts_early", False)),
        ports_to=entry.get("ports_to"),
    )


# --- checking ----------------------------------------------------------------------------


def problems(layer: BrokerLayer | None, markets: Iterable[str], days: int) -> Iterator[str]:
    """What is wrong with them; `days` is how long the path takes."""
    if layer is None:
        return
    yield from _fund_problems(layer.fund)
    names = [one.name for one in layer.vaults] + [one.name for one in layer.clients]
    if len(set(names)) != len(names):
        yield "brokers and clients need names of their own"
    for vault in layer.vaults:
        yield from _vault_problems(layer, vault)
    for client in layer.clients:
        yield from _client_problems(layer, client, set(markets), days)


def _fund_problems(fund: FundTerms) -> Iterator[str]:
    if fund.min_contribution <= 0:
        yield "the guaranty fund's min_contribution must be above 0"
    if not 10_000 <= fund.contribution_ppm <= 500_000:
        yield "the guaranty fund's rate must be from 0.01 to 0.5"
    if not 0 <= fund.cause_ppm <= PPM:
        yield "the guaranty fund's cause must be from 0 to 1"


def _vault_problems(layer: BrokerLayer, vault: BrokerPlan) -> Iterator[str]:
    terms = vault.terms
    if not PPM <= terms.omega_ppm <= 10 * PPM:
        yield f"{vault.name}: omega must be from 1 to 10"
    if not 50_000 <= terms.first_loss_ppm <= PPM:
        yield f"{vault.name}: first_loss must be from 0.05 to 1"
    if not 10_000 <= terms.client_ppm <= PPM:
        yield f"{vault.name}: client_limit must be from 0.01 to 1"
    if not 0 <= terms.commission_ppm <= 500_000:
        yield f"{vault.name}: commission must be from 0 to 0.5"
    if not 7 * DAY_S <= terms.notice_s <= 60 * DAY_S:
        yield f"{vault.name}: notice_days must be from 7 to 60"
    if vault.stake * PPM < terms.first_loss_ppm * (vault.stake + vault.pool):
        yield f"{vault.name}: its stake is less than first_loss of all its capital"
    locks = sum(one.guarantee for one in layer.clients if one.broker == vault.name)
    if locks * PPM > terms.omega_ppm * vault.stake:
        yield f"{vault.name}: guarantees above omega times its stake"
    largest = max((one.guarantee for one in layer.clients if one.broker == vault.name), default=0)
    if largest * PPM * PPM > terms.client_ppm * terms.omega_ppm * vault.stake:
        yield f"{vault.name}: a guarantee above its client_limit"
    owed = 2 * max(layer.fund.min_contribution, locks * layer.fund.contribution_ppm // PPM)
    if locks + owed > vault.stake + vault.pool:
        yield f"{vault.name}: guarantees and its part of the fund exceed its capital"


def _client_problems(
    layer: BrokerLayer, client: ClientPlan, markets: set[str], days: int
) -> Iterator[str]:
    brokers = {one.name for one in layer.vaults}
    if client.broker not in brokers:
        yield f"{client.name}: its broker {client.broker} is none of the vaults"
    if client.ports_to is not None and client.ports_to not in brokers - {client.broker}:
        yield f"{client.name}: ports_to must name another of the vaults"
    if client.market not in markets:
        yield f"{client.name}: {client.market} is no market of the file"
    if min(client.notional, client.deposit, client.guarantee) <= 0:
        yield f"{client.name}: notional, deposit and guarantee must be above 0"
    if not 0 <= client.fee_ppm <= MAX_FEE_PPM:
        yield f"{client.name}: fee must be from 0 to 0.5 a year"
    if not BUFFER_PPM[0] <= client.buffer_ppm <= BUFFER_PPM[1]:
        yield f"{client.name}: buffer must be from 0.05 to 1"
    if not CURE_S[0] <= client.cure_s <= CURE_S[1]:
        yield f"{client.name}: cure_s must be from 3600 to 604800"
    if not 0 <= client.early_ppm <= PPM:
        yield f"{client.name}: early must be from 0 to 1"
    if not days < client.term_s // DAY_S <= MAX_TERM_DAYS:
        yield f"{client.name}: term_days must outlast the path, and be 366 at most"
    if client.response is not None:
        yield from _response_problems(client, client.response)


def _response_problems(client: ClientPlan, response: Response) -> Iterator[str]:
    if not 0 <= response.after_s < client.cure_s:
        yield f"{client.name}: it must act within its cure period"
    if (response.deposit > 0) == (response.sell_ppm > 0):
        yield f"{client.name}: when_called says either deposit or sell"
    if not 0 <= response.sell_ppm <= PPM:
        yield f"{client.name}: sell must be a part of its position"
