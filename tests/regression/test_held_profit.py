"""Ways in which a held profit left all the same."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import NodeSigner
from tests.support.flows import set_risk_terms
from tests.support.venue import BTC, ETH, WAD, Venue

PPM = 10**6
OUTSIDE = 100_000  # token units kept free of rounding


@pytest.fixture
def venue() -> Venue:
    """`winner` is long 20 BTC, which have just jumped by a fifth, and 2,400 ETH from `friend`."""
    venue = Venue(RevmChain())
    set_risk_terms(venue, BTC, ETH)
    winner, friend, loser = (venue.person(name) for name in ("winner", "friend", "loser"))
    for person, tokens in ((winner, 1_000_000), (friend, 1_000_000), (loser, 250_000)):
        venue.deposit(person, tokens)
    venue.trade(winner, loser, BTC, 20 * WAD)
    venue.trade(winner, friend, ETH, 200 * WAD)
    venue.wait(7_200)
    venue.move(BTC, 200_000)
    return venue


def test_trade__bad_fill_in_another_market__held_gain_does_not_pay_for_it(venue: Venue) -> None:
    """E/MM of the whole account, held gain and all, let half of that gain go to a friend."""
    winner, friend = venue.person("winner"), venue.person("friend")
    health = venue.client.health(winner.account)
    assert venue.client.clearinghouse.read("risk", BTC)["longs_held"]
    # all that is free leaves first, so that only the held gain is left to pay with
    venue.withdraw(winner, (health["equity_im"] - health["im"]) // 10**12 - OUTSIDE)
    mark, _ = venue.client.mark(ETH)
    bad = mark * (PPM - 120_000) // PPM
    venue.rejected("margin: ratio worsened", venue.trade, friend, winner, ETH, 200 * WAD, bad)
    venue.trade(friend, winner, ETH, 200 * WAD, mark)


def test_trade__started_and_cured_by_the_jump__stays_with_its_profit(venue: Venue) -> None:
    """Whoever was under liquidation could sell, until somebody looked at the account again."""
    winner, friend = venue.person("winner"), venue.person("friend")
    liquidator = venue.client.liquidator.address
    venue.rpc.set_balance(liquidator, WAD)
    with venue.rpc.impersonating(liquidator):
        ledger = venue.client.clearinghouse
        venue.send(NodeSigner(liquidator), ledger, "set_started", winner.account, True)
    venue.rejected("hold: profit", venue.trade, friend, winner, BTC, WAD)
