"""Random fills among accounts in all conditions: the preview says what the transaction does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.orders import Flags
from tests.support.fill_checks import check, sides
from tests.support.flows import set_risk_terms, tighten
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DOGE,
    ETH,
    JUNIOR,
    MARKETS,
    PPM,
    PRICES,
    SENIOR,
    WAD,
    Venue,
    venue_in_process,
)

NAMES = ("rich", "ann", "bob", "cat", "dot", "eve", "new", "bust", "weak")
EXAMPLES = 250
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

FLAGS = st.sampled_from((0,) * 4 + (2,) * 4 + (1, 3))
FILLS = st.fixed_dictionaries(
    {
        "buyer": st.sampled_from(NAMES),
        "seller": st.sampled_from(NAMES),
        "market": st.sampled_from(MARKETS),
        "part": st.one_of(st.just(None), st.integers(1, 2 * PPM)),
        "notional": st.one_of(st.integers(80, 2_000), st.integers(2_000, 2_000_000)),
        "off_ppm": st.one_of(
            st.just(0), st.integers(-5_000, 5_000), st.integers(-160_000, 160_000)
        ),
        "buyer_flags": FLAGS,
        "seller_flags": FLAGS,
        "cap_ppm": st.sampled_from((1_000,) * 9 + (500, 499, 199)),
        "block": st.booleans(),
        "move_ppm": st.sampled_from((0, 0, 5_000, -8_000, 40_000, -60_000)),
        "wait_s": st.sampled_from((0, 0, 30, 400, 5_000)),
    }
)


@pytest.fixture(scope="module")
def running() -> Venue:
    """Winners and losers in three markets, one of them stirred; a haircut lies behind them.

    `bust` is under liquidation and below zero, `weak` under liquidation and above.
    """
    venue = venue_in_process()
    set_risk_terms(venue, ETH)
    tighten(venue)
    for name in NAMES:
        venue.deposit(venue.person(name), 10_000_000 if name == "rich" else 100_000)
    rich = venue.person("rich")
    lost = venue.person("lost")
    venue.deposit(lost, 60_000)
    for name in ("ann", "bob"):
        venue.trade(rich, venue.person(name), BTC, 10 * WAD)
    venue.trade(lost, rich, BTC, 20 * WAD)
    venue.trade(venue.person("ann"), rich, ETH, 40 * WAD)
    venue.trade(rich, venue.person("cat"), ETH, 30 * WAD)
    venue.trade(venue.person("cat"), rich, DOGE, 20_000 * WAD)
    venue.trade(venue.person("dot"), rich, BTC, WAD)
    venue.trade(venue.person("bust"), rich, ETH, 700 * WAD)
    venue.set_price(BTC, 45_000 * WAD)
    venue.start(lost.account)
    venue.wait(AUCTION_S)
    venue.resolve_all()
    venue.trade(venue.person("weak"), rich, BTC, 30 * WAD)
    venue.wait(3_000)
    venue.set_price(BTC, 42_900 * WAD)
    venue.set_price(ETH, 1_850 * WAD)
    for name in ("bust", "weak"):
        venue.start(venue.person(name).account)
    with venue.owner() as owner:
        for layer in (JUNIOR, SENIOR):
            venue.send(owner, venue.client.waterfall, "set_limits", layer, (PPM, PPM))
    return venue


@pytest.fixture(scope="module")
def ends() -> Iterator[Counter[str]]:
    """How often each end was met."""
    seen: Counter[str] = Counter()
    yield seen
    assert seen[""] > EXAMPLES // 4, "or it proves little"
    assert len(seen) > 5, f"hardly any refusal was met: {seen}"


def size_of(venue: Venue, account: int, drawn: dict[str, Any]) -> int:
    """A part of what the buyer holds already, or a notional."""
    held = abs(venue.client.leg(account, drawn["market"])["size"])
    if drawn["part"] is not None and held:
        return max(1, held * drawn["part"] // PPM)
    return drawn["notional"] * WAD * WAD // PRICES[drawn["market"]]


def prepare(venue: Venue, drawn: dict[str, Any]) -> None:
    """Time and price before the fill."""
    if drawn["wait_s"]:
        venue.wait(drawn["wait_s"])
    if drawn["move_ppm"]:
        venue.move(drawn["market"], drawn["move_ppm"])
        for account in (venue.person(name).account for name in NAMES):
            health = venue.client.health(account)
            started = venue.client.clearinghouse.read("is_started", account)
            if health["equity"] < health["mm"] and not started:
                venue.start(account)


@many
@given(fills=st.lists(FILLS, min_size=1, max_size=3))
def test_preview__random_fills__equal_the_transactions(
    running: Venue, ends: Counter[str], fills: list[dict[str, Any]]
) -> None:
    venue = running
    with venue.rpc.undone():
        for drawn in fills:
            prepare(venue, drawn)
            buyer, seller = venue.person(drawn["buyer"]), venue.person(drawn["seller"])
            if buyer is seller:
                continue
            market = drawn["market"]
            buyer_flags, seller_flags = Flags(drawn["buyer_flags"]), Flags(drawn["seller_flags"])
            if Flags.POST_ONLY in buyer_flags:
                seller_flags &= ~Flags.POST_ONLY
            pair = sides(
                venue,
                buyer,
                seller,
                market,
                size=size_of(venue, buyer.account, drawn),
                price=venue.mark(market) * (PPM + drawn["off_ppm"]) // PPM,
                buyer_flags=buyer_flags,
                seller_flags=seller_flags,
                buyer_max_fee_ppm=drawn["cap_ppm"],
                seller_counterparty=buyer.account if drawn["block"] else 0,
            )
            ends[check(venue, pair).reason] += 1
