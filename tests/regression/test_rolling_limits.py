"""Limits of the waterfall that somebody kept from being forgotten."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import NodeSigner
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DAY_S,
    DOGE,
    ETH,
    JUNIOR,
    SENIOR,
    WAD,
    Venue,
    named,
)

STEP_S = 4 * 3_600
HOUR_S = 3_600


@pytest.fixture
def venue() -> Venue:
    """A loss in BTC drawn up to the market's limit; `dust` is under water by some tokens."""
    venue = Venue(RevmChain())
    for name, tokens in (("maker", 2_000_000), ("alice", 60_000), ("dust", 30)):
        venue.deposit(venue.person(name), tokens)
    venue.trade(venue.person("alice"), venue.person("maker"), BTC, 20 * WAD)
    venue.trade(venue.person("dust"), venue.person("maker"), BTC, WAD // 100)
    with venue.owner() as owner:
        venue.send(owner, venue.client.waterfall, "set_limits", JUNIOR, (200_000, 200_000))
    venue.move(BTC, -100_000)
    venue.start(venue.person("alice").account)
    venue.wait(AUCTION_S + 1)
    venue.resolve(400)
    return venue


def test_remark__of_dust_every_quarter_of_an_hour__does_not_keep_a_draw_alive(venue: Venue) -> None:
    """Each remark stretched what was left over another day: after one, a third still stood."""
    waterfall, dust = venue.client.waterfall, venue.person("dust").account
    drawn = waterfall.read("used", JUNIOR, BTC)
    assert 19_999 * WAD < drawn < 21_000 * WAD
    started = venue.rpc.timestamp()
    venue.start(dust)
    while venue.rpc.timestamp() < started + DAY_S + STEP_S:
        venue.wait(900)
        venue.send(venue.keeper, venue.client.liquidator, "remark", dust)
        elapsed = venue.rpc.timestamp() - started
        left = waterfall.read("used", JUNIOR, BTC)
        assert drawn * max(0, DAY_S - elapsed) // DAY_S <= left
        slowest = max(0, DAY_S + STEP_S - elapsed)
        assert left <= drawn * slowest // (DAY_S + STEP_S) + 100 * WAD
    # what the re-marked account itself holds is all that counts
    held = waterfall.read("reservation", dust)[1]
    assert 0 < held <= waterfall.read("used", JUNIOR, BTC) <= held + 10**6
    assert waterfall.read("used", SENIOR, BTC) == 0


def test_reserve__released__takes_off_exactly_what_it_added(venue: Venue) -> None:
    """A release took off its straight line, though what was re-stored had left that line."""
    waterfall, dust = venue.client.waterfall, venue.person("dust")
    drawn, at = waterfall.read("used", JUNIOR, BTC), venue.rpc.timestamp()
    mark = -(-(at + DAY_S) // STEP_S) * STEP_S
    venue.start(dust.account)
    for _ in range(8):
        venue.wait(HOUR_S)
        venue.send(venue.keeper, venue.client.liquidator, "remark", dust.account)
    assert waterfall.read("reservation", dust.account)[1] != 0
    events = venue.deposit(dust, 100)
    assert named(events, "AuctionEnded")
    assert waterfall.read("reservation", dust.account)[1] == 0
    left = drawn * (mark - venue.rpc.timestamp()) // (mark - at)
    assert waterfall.read("used", JUNIOR, BTC) == left


def test_capacity__a_day_after_draws_in_other_markets__is_the_share_of_what_is_left() -> None:
    """Draws widened the base of every limit for up to 28 hours: 28.6 % where it said 25 %."""
    venue = Venue(RevmChain())
    waterfall, liquidator = venue.client.waterfall, venue.client.liquidator.address
    venue.rpc.set_balance(liquidator, 10**24)
    venue.rpc.set_next_timestamp((venue.rpc.timestamp() // STEP_S + 1) * STEP_S + 1)
    whole = 50_000 << 9  # all of a loss on one market
    with venue.rpc.impersonating(liquidator):
        for account, market in ((1, BTC), (2, ETH)):
            for function in ("reserve", "draw"):
                amount = 25_000 * WAD
                venue.send(
                    NodeSigner(liquidator), waterfall, function, account, amount, market | whole
                )
    drawn_at = venue.rpc.timestamp()
    for hours in range(0, 30, 2):
        venue.rpc.set_next_timestamp(max(venue.rpc.timestamp() + 1, drawn_at + hours * HOUR_S))
        venue.rpc.mine()
        passed = venue.rpc.timestamp() - drawn_at
        assets = venue.client.junior.read("totalAssets") * 10**12
        in_a_day = 50_000 * WAD * max(0, DAY_S - passed) // DAY_S
        capacity = waterfall.read("capacity", DOGE | whole)[1]
        assert capacity <= (assets + in_a_day) // 4
    assert capacity == assets // 4
