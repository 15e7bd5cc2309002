"""A guarantee keeps others from an auction; the junior vault must not pay its friends for that."""

from __future__ import annotations

import pytest

from tests.support.flows import one
from tests.support.sponsored_client import Desk
from tests.support.venue import BTC, SCALE, WAD


@pytest.mark.parametrize(("guaranteed", "fall_ppm"), [(True, -36_000), (False, -28_000)])
def test_gang__liquidates_its_own_client__earns_nothing(
    desk: Desk, guaranteed: bool, fall_ppm: int
) -> None:
    """Client, hedge, taker and operator in one hand took the junior vault's money."""
    venue, junior = desk.venue, desk.venue.client.junior
    taker = venue.person("taker")
    venue.deposit(taker, 100_000)
    if not guaranteed:
        venue.deposit(desk.client, 1_000)
    gang = (desk.account, desk.trader.account, taker.account)

    def wealth() -> int:
        owned = sum(venue.client.health(account)["equity"] for account in gang)
        return int(owned) + int(desk.vault.read("stake")) * SCALE

    before, insurance = wealth(), junior.read("totalAssets")
    if guaranteed:
        desk.sponsor()
    desk.buys(WAD)
    venue.move(BTC, fall_ppm)
    if guaranteed:
        assert desk.health()["equity"] < 0
        venue.rejected("liquidation: not below margin", venue.start, desk.account)
        desk.call()
        sponsorship = venue.client.sponsorship
        venue.send(desk.operator.signer, sponsorship, "start_early", desk.account)
    venue.start(desk.account)
    venue.wait(6 * 60)
    taken = one(venue.take(taker, desk.account, BTC), "Taken")
    assert taken["insurance_concession"] == 0
    assert junior.read("totalAssets") == insurance
    assert wealth() <= before
