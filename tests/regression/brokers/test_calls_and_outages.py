"""Real clocks and feeds: what stops a margin call, and what shielded clients owe to others."""

from __future__ import annotations

import pytest

from tests.support.flows import leveraged
from tests.support.sponsored_client import Desk
from tests.support.venue import BTC, DAY_S, ETH, SCALE, WAD


@pytest.mark.parametrize("function", ["start_early", "declare_default"])
def test_call__100_dollars_have_no_price__are_no_escape(desk: Desk, function: str) -> None:
    """A small position in a market with a dead feed kept its owner out of every auction."""
    venue = desk.venue
    desk.sponsor()
    desk.buys(WAD)
    desk.buys(WAD // 20, ETH)
    venue.stop_feed(ETH)
    venue.move(BTC, -35_000)
    assert desk.health()["equity"] < 0
    desk.call()
    venue.wait(2 * DAY_S)
    sponsorship = venue.client.sponsorship
    venue.send(desk.operator.signer, sponsorship, function, desk.account)
    assert desk.health()["shield"] == 0
    venue.start(desk.account)


def test_start__flat_client_owes_under_its_shield__winner_is_paid(desk: Desk) -> None:
    """Its debt could wait a week for a cure while the winner's money was not in custody."""
    venue = desk.venue
    desk.sponsor()
    winner = venue.person("winner")
    venue.deposit(winner, 10_000)
    venue.trade(desk.client, winner, BTC, WAD)
    venue.move(BTC, -50_000)
    venue.trade(winner, desk.client, BTC, WAD)
    assert desk.health()["cash"] < 0 < desk.health()["shield"]
    venue.start(desk.account)
    assert desk.health()["cash"] == 0
    venue.withdraw(winner, venue.client.health(winner.account)["cash"] // SCALE)


def test_liquidation_price__of_a_guaranteed_client__is_where_an_auction_can_start(
    desk: Desk,
) -> None:
    """Without the guarantee in it the view named a price at which nobody can start anything."""
    venue = desk.venue
    desk.sponsor()
    desk.buys(WAD)
    price = venue.client.lens.read("liquidation_price", desk.account, BTC)
    for ppm, works in ((1_001_000, False), (999_000, True)):
        venue.set_price(BTC, price * ppm // 10**6 // 10**10 * 10**10)
        if works:
            venue.start(desk.account)
        else:
            venue.rejected("liquidation: not below margin", venue.start, desk.account)


def test_buffers__guaranty_fund_and_locks__are_in_them(desk: Desk) -> None:
    """A frontend saw a free buffer above a capital of zero, and nothing of what is reserved."""
    venue, lens = desk.venue, desk.venue.client.lens
    buffers = lens.read("buffers", BTC)
    committed = desk.vault.read("commitment") * SCALE
    assert buffers["capital"][3] == committed >= buffers["free"][3] > 0
    desk.sponsor()
    desk.buys(WAD)
    loser = leveraged(venue, "loser", desk.trader, BTC, 60 * WAD, 300_000)
    venue.move(BTC, -150_000)
    for account in (desk.account, loser.account):
        venue.start(account)
    waterfall = venue.client.waterfall
    reserved = lens.read("buffers", BTC)["reserved"]
    assert reserved == [waterfall.read("reserved_total", layer) for layer in (2, 3, 4, 5)]
    assert all(reserved)
