"""A token's issuer blocks the vault of one broker: that is its own trouble and nobody else's."""

from __future__ import annotations

import pytest

from plimsoll import artifacts
from plimsoll.contract import Contract
from tests.support.broker_capital import NOTICE_S, invested
from tests.support.flows import leveraged, tighten
from tests.support.sponsored_client import UNIT, Desk
from tests.support.venue import AUCTION_S, BTC, WAD, named

BROKER, FUND = 2, 5


def block(desk: Desk, address: str) -> None:
    venue = desk.venue
    token = Contract(venue.rpc, artifacts.load("BlockToken"), venue.client.token.address)
    token.write(venue.keeper, "set_blocked", address, True)


@pytest.mark.parametrize("layer", [BROKER, FUND])
def test_resolve__vault_that_must_pay_is_blocked__goes_on(desk: Desk, layer: int) -> None:
    """No loss behind it could be drawn, and no money left: resolve came first, for ever."""
    venue, vault = desk.venue, desk.vault
    saver, second = venue.person("saver"), venue.person("second")
    venue.deposit(saver, 1_000)
    venue.deposit(second, 1_000_000)
    tighten(venue)
    other = leveraged(venue, "other", desk.trader, BTC, 10 * WAD, 30_000)
    # winners of two classes are in two buckets: a resolve of one at a time ends in the middle
    venue.set_class(second, BTC, 2)
    venue.trade(other, second, BTC, WAD)
    started = [other.account]
    if layer == BROKER:
        desk.sponsor()
        desk.buys(WAD // 2)
        venue.trade(desk.client, second, BTC, WAD // 2)
        started.insert(0, desk.account)
    block(desk, vault.address)
    venue.move(BTC, -130_000)
    for account in started:
        venue.start(account)
    stake = vault.read("stake")
    venue.wait(AUCTION_S + 60)
    events = venue.resolve(1)
    assert venue.client.liquidator.read("resolving")
    events += venue.resolve_all()
    assert not [account for account in started if account in venue.started()]
    drawn = sum(event["tokens"] for event in named(events, "Drawn") if event["layer"] == layer)
    assert 0 < drawn <= stake - vault.read("stake")
    assert not venue.client.waterfall.read("exits_blocked")
    venue.withdraw(saver, 1_000 * UNIT)


def test_exit__vault_is_blocked__pays_its_depositors(desk: Desk) -> None:
    """Capital that passes through its vault on the way out would be caught in there."""
    venue, vault = desk.venue, desk.vault
    who = venue.person("first")
    shares = invested(venue, vault, who, 1_000)
    venue.send(who.signer, vault, "request_withdrawal", shares)
    venue.wait(NOTICE_S + 60)
    block(desk, vault.address)
    venue.send(who.signer, vault, "redeem", shares, who.address, who.address)
    assert venue.balance(who.address) == 1_000 * UNIT
