"""What a frozen resolve counted as reserved is what it draws in the end."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from tests.support.books import check_everything
from tests.support.venue import BTC, DOGE, RAY, WAD, Venue, named


@pytest.mark.parametrize("attacked", [False, True])
def test_resolve__layers_shrink_between_its_calls__pays_what_it_froze(attacked: bool) -> None:
    """A take of another account made junior pay a concession: 250 of 125,000 were missing."""
    venue = Venue(RevmChain())
    capital = {"maker": 9_000_000, "loser": 500_000, "other": 26_000, "taker": 900_000}
    for name, tokens in capital.items():
        venue.deposit(venue.person(name), tokens)
    maker, loser, other, taker = (venue.person(name) for name in capital)
    for price in (50_000, 49_500, 49_000, 48_500):
        venue.trade(loser, maker, BTC, 25 * WAD, price * WAD)
    venue.trade(other, maker, DOGE, 2_000_000 * WAD)
    venue.move(DOGE, -51_000)
    venue.start(other.account)
    venue.wait(900)
    venue.set_price(BTC, 40_000 * WAD)
    venue.start(loser.account)
    frozen = named(venue.resolve(1), "AdlFrozen")[0]
    assert frozen["reserved"] > 125_000 * WAD
    if attacked:
        paid = named(venue.take(taker, other.account, DOGE), "ConcessionPaid")
        assert paid[0]["units"] > 900 * WAD
    finished = named(venue.resolve_all(), "Finished")[0]
    assert finished["covered"] >= frozen["reserved"]
    assert finished["shortfall"] == 0
    assert venue.client.custody.read("redemption_rate") == RAY
    check_everything(venue)
