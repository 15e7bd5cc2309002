"""The model of a venue just built: read from the chain once, before anybody trades."""

from __future__ import annotations

from plimsoll import artifacts
from plimsoll.accounts import account_id
from plimsoll.contract import Contract
from plimsoll.fuzz.chains import WalkChain
from plimsoll.fuzz.stage import MARKETS, Stage
from plimsoll.model.broker_state import Brokers, FundTerms
from plimsoll.model.risk import NO_RISK, Risk, RiskTerms
from plimsoll.model.state import (
    FINE,
    WAD,
    Account,
    AuctionParams,
    Custody,
    Feed,
    FeedRules,
    Market,
    Sequencer,
    Terms,
    Waterfall,
    World,
)
from plimsoll.model.vault_state import Vault

JUNIOR, SENIOR, FUND = 3, 4, 5
_DEAD = "0x000000000000000000000000000000000000dead"


def world_of(stage: Stage, chain: WalkChain) -> World:
    """The world after `stage.build`: vaults funded, no position yet."""
    client = stage.client
    addresses = {name: address.lower() for name, address in stage.contracts.items()}
    reserve = account_id(client.clearinghouse.address)
    cash = int(client.clearinghouse.read("health", reserve)["cash"])
    books = client.custody.read("reconciliation")
    limits = {layer: client.waterfall.read("limits", layer) for layer in (JUNIOR, SENIOR, FUND)}
    params = client.liquidator.read("params")
    holders = [*addresses.values(), *(person.address.lower() for person in stage.people)]
    return World(
        now=chain.time,
        block=chain.number,
        markets={market: _market(stage, market) for market in MARKETS},
        custody=Custody(backing=books["backing"], claims=books["claims"]),
        junior=_vault(stage, "junior"),
        senior=_vault(stage, "senior"),
        waterfall=Waterfall(
            global_ppm={layer: entry["global_ppm"] for layer, entry in limits.items()},
            market_ppm={layer: entry["market_ppm"] for layer, entry in limits.items()},
            concession_budget_ppm=client.waterfall.read("concession_budget_ppm"),
        ),
        params=AuctionParams(**params),
        addresses=addresses,
        sequencer=_sequencer(stage),
        brokers=Brokers(_fund(stage)),
        accounts={reserve: Account(cash_fine=cash * FINE)},
        chain_id=client.deployment.chain_id,
        tokens={holder: int(client.token.read("balanceOf", holder)) for holder in holders},
    )


def _fund(stage: Stage) -> FundTerms:
    fund = stage.client.fund
    return FundTerms(
        min_contribution=int(fund.read("min_contribution")),
        contribution_ppm=int(fund.read("contribution_ppm")),
        cause_ppm=int(fund.read("cause_ppm")),
        changed_at=stage.fund_set_at,
    )


def _sequencer(stage: Stage) -> Sequencer:
    feed = Contract(stage.rpc, artifacts.load("TestFeed"), stage.sequencer)
    _, answer, started_at, _, _ = feed.read("latestRoundData")
    return Sequencer(answer, started_at)


def _market(stage: Stage, market: int) -> Market:
    client = stage.client
    config = client.clearinghouse.read("market_config", market)
    brackets = config["brackets"]
    oracle = client.deployment.contract(stage.rpc, "PriceOracle")
    quorum, deviation = oracle.read("agreement", market)
    feeds = oracle.read("feeds", market)
    rounds = [stage.feed(market, number).read("latestRoundData") for number in range(len(feeds))]
    mark, priced = client.clearinghouse.read("mark", market)
    block, time = stage.poked[market]
    terms = RiskTerms(**client.clearinghouse.read("risk_terms", market))
    weighed = terms.ema_seconds != 0
    return Market(
        terms=Terms(
            oi_cap_wad=config["oi_cap"],
            min_notional_wad=config["min_notional"] * WAD,
            taker_fee_ppm=config["taker_fee_ppm"],
            maker_fee_ppm=config["maker_fee_ppm"],
            band_ppm=config["band_ppm"],
            max_class=config["max_class"],
            thresholds_wad=tuple(entry["threshold"] * WAD for entry in brackets),
            im_ppm=tuple(entry["im_ppm"] for entry in brackets),
            mm_ppm=tuple(entry["mm_ppm"] for entry in brackets),
            funding_base_ppb=config["funding_base_ppb"],
            funding_cap_ppb=config["funding_cap_ppb"],
            premium_volume_wad=config["premium_volume"] * WAD,
        ),
        feeds=[
            Feed(answer=entry[1], updated_at=entry[3], decimals=feed["decimals"])
            for entry, feed in zip(rounds, feeds, strict=True)
        ],
        rules=FeedRules(
            max_age_s=tuple(feed["staleness"] for feed in feeds),
            quorum=quorum,
            max_deviation_ppm=deviation,
        ),
        mark_wad=mark,
        priced=priced,
        block=block,
        time=time,
        risk_terms=terms if weighed else None,
        risk=Risk(changed_at=stage.weighed[market]) if weighed else NO_RISK,
    )


def _vault(stage: Stage, name: str) -> Vault:
    client = stage.client
    contract = client.junior if name == "junior" else client.senior
    holders = [_DEAD, *(person.address.lower() for person in stage.people)]
    shares = {holder: int(contract.read("balanceOf", holder)) for holder in holders}
    return Vault(
        address=contract.address.lower(),
        owner=contract.read("owner").lower(),
        owner_only=contract.read("owner_only"),
        notice_s=contract.read("notice_s"),
        assets_tokens=contract.read("totalAssets"),
        supply=contract.read("totalSupply"),
        shares={holder: count for holder, count in shares.items() if count},
    )
