"""What stories add to a venue: risk terms of real markets, several feeds, time that passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plimsoll import artifacts
from plimsoll.risk_terms import RiskTerms
from plimsoll.scenario import load_scenario
from tests.support.flows import set_risk_terms
from tests.support.price_model import FeedStatus
from tests.support.venue import SCALE, WAD, Person, Venue

BUCKET_S = 300  # of premiums
CENT = WAD // 100
DEMO = artifacts.PROJECT_ROOT / "scenarios" / "october_2025.json"


def demo_risk() -> RiskTerms:
    """Averages, stress and holds as the demo's markets have them."""
    terms = load_scenario(DEMO).markets[0].risk
    assert terms is not None
    return terms


def with_risk(venue: Venue, *markets: int) -> RiskTerms:
    """Averages, stress and holds begin now: the markets have been quiet for ever."""
    terms = demo_risk()
    set_risk_terms(venue, *markets, terms=terms.values())
    return terms


def quiet(venue: Venue, seconds: int) -> None:
    """Time passes and nobody does anything; the next block is so much later."""
    venue.rpc.set_next_timestamp(venue.rpc.timestamp() + seconds)


def next_bucket(venue: Venue, into_s: int = 10) -> None:
    """The next block is so many seconds into the next five minutes."""
    now = venue.rpc.timestamp()
    venue.rpc.set_next_timestamp((now // BUCKET_S + 1) * BUCKET_S + into_s)


def equity(venue: Venue, *who: Person) -> int:
    """Wad, of the main accounts of these persons together."""
    return sum(int(venue.client.health(person.account)["equity"]) for person in who)


def near(a: int, b: int, slack: int = CENT) -> bool:
    """Whether two amounts (wad) are the same but for the funding of some seconds, or rounding."""
    return abs(a - b) < slack


def free_units(venue: Venue, who: Person) -> int:
    """Token units above initial margin; negative if some are missing."""
    health = venue.client.health(who.account)
    return int(health["equity_im"] - health["im"]) // SCALE


class FeedPanel:
    """Several feeds in place of a market's one, with heartbeats of an hour.

    Prices are whole quote units. Nothing is refreshed unless somebody says so; `Venue.wait` lets
    this market alone.
    """

    HEARTBEAT_S = 3_600
    STALENESS_S = 7_200
    DEVIATION_PPM = 20_000

    def __init__(self, venue: Venue, market: int, prices: Sequence[int]) -> None:
        self.venue, self.market = venue, market
        self.feeds = [venue.deploy("TestFeed", 8, price * 10**8) for price in prices]
        self.oracle = venue.deployment.contract(venue.rpc, "PriceOracle")
        feeds = [(feed.address, self.HEARTBEAT_S, self.STALENESS_S) for feed in self.feeds]
        majority = len(feeds) // 2 + 1
        terms = (market, feeds, majority, self.DEVIATION_PPM)
        with venue.owner() as owner:
            venue.send(owner, self.oracle, "set_market", *terms)
        venue.dead_feeds.add(market)
        venue.poke(market)

    def say(self, *prices: int | None) -> None:
        """A new round of each feed but those that have nothing new to say, then a poke."""
        for feed, price in zip(self.feeds, prices, strict=True):
            if price is not None:
                self.venue.send(self.venue.keeper, feed, "set_answer", price * 10**8)
        self.venue.poke(self.market)

    def statuses(self) -> list[FeedStatus]:
        """What the oracle thinks of each feed now."""
        seen: list[dict[str, Any]] = self.oracle.read("observations", self.market)
        return [FeedStatus(entry["status"]) for entry in seen]
