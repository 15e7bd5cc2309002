"""Accounts that nobody touched while their bucket passed many epochs."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from tests.support.books import check_interest, check_waterfall, picture
from tests.support.flows import tighten
from tests.support.venue import AUCTION_S, BTC, ETH, PRICES, RAY, WAD, Venue, named

FOLLOWED = 8  # epochs, by one sync or one view
EPOCHS = 20  # more than a sync and a view together


@pytest.fixture
def venue() -> Venue:
    """A waterfall at its least limits; `sleeper` is under liquidation, short in a full bucket."""
    venue = Venue(RevmChain())
    tighten(venue)
    sleeper, maker, whale = (venue.person(name) for name in ("sleeper", "maker", "whale"))
    venue.deposit(maker, 4_000_000)
    venue.deposit(sleeper, 16_000)
    venue.trade(maker, sleeper, BTC, 2 * WAD)
    venue.trade(sleeper, maker, ETH, 100 * WAD)
    for number in (1, 2, 3):
        venue.deposit(whale, 200_000, whale.sub(number))
        venue.trade(maker, whale, BTC, 19 * WAD, seller_account=whale.sub(number))
    venue.move(ETH, -50_000)
    venue.start(sleeper.account)
    return venue


def one_epoch(venue: Venue, number: int) -> None:
    """A newcomer joins the sleeper's bucket, and its counterparty fails: a haircut on all."""
    loser, joiner = venue.person("loser"), venue.person("joiner")
    venue.deposit(loser, 7_600, loser.sub(number))
    venue.deposit(joiner, 20_000, joiner.sub(number))
    accounts = {"buyer_account": loser.sub(number), "seller_account": joiner.sub(number)}
    venue.trade(loser, joiner, BTC, 3 * WAD, **accounts)
    venue.set_price(BTC, PRICES[BTC] * 9 // 10)
    venue.start(loser.sub(number))
    events = venue.resolve(400)
    while not named(events, "Finished"):
        events = venue.resolve(400)
    venue.set_price(BTC, PRICES[BTC])


def test_resolve__account_far_behind_its_bucket__does_not_jam_the_queue(venue: Venue) -> None:
    """Each call synced eight epochs, needed more, and undid that with "adl: sync first"."""
    sleeper, victim = venue.person("sleeper"), venue.person("victim")
    venue.deposit(victim, 6_000)
    venue.trade(victim, venue.person("maker"), BTC, 2 * WAD)
    for number in range(1, EPOCHS + 1):
        one_epoch(venue, number)
    venue.rejected("adl: sync first", venue.client.leg, sleeper.account, BTC)
    venue.set_price(BTC, PRICES[BTC] * 96 // 100)
    venue.start(victim.account)
    venue.wait(AUCTION_S + 1)
    assert venue.client.liquidator.read("queue", *queue_head(venue))[0] == sleeper.account
    venue.resolve_all()
    assert venue.started() == []
    seen = picture(venue)
    check_interest(venue, seen)
    check_waterfall(venue, seen)
    # a sync that stops half way rounds the entry, by which later haircuts were shared out
    assert venue.client.custody.read("redemption_rate") == RAY


def test_sync__closed_whole_many_epochs_ago__one_call_leaves_the_market() -> None:
    """Nothing is left to follow: the place among the ten markets is free at once."""
    venue = Venue(RevmChain())
    tighten(venue)
    sleeper, first = venue.person("sleeper"), venue.person("first")
    venue.deposit(sleeper, 100_000)
    venue.deposit(first, 7_600)
    venue.trade(first, sleeper, BTC, 3 * WAD)
    venue.set_price(BTC, PRICES[BTC] * 9 // 10)
    venue.start(first.account)
    while not named(venue.resolve(400), "Finished"):
        pass
    venue.set_price(BTC, PRICES[BTC])
    for number in range(1, FOLLOWED + 2):
        one_epoch(venue, number)
    ledger, account = venue.client.clearinghouse, sleeper.account
    assert ledger.read("markets_of", account) == [BTC]
    assert ledger.read("sync", account, BTC) is True
    venue.send(sleeper.signer, ledger, "sync", account, BTC)
    assert ledger.read("markets_of", account) == []


def test_conversion__far_behind_its_bucket__writes_back_first_then_turns_into_cash(
    venue: Venue,
) -> None:
    """In a settled market too; who is behind is started, and resolved, once it has been synced."""
    sleeper, ledger = venue.person("sleeper"), venue.client.clearinghouse
    for number in range(1, EPOCHS + 1):
        one_epoch(venue, number)
    with venue.owner() as owner:
        venue.send(owner, ledger, "settle_market", BTC)
    venue.wait(3_600)
    for _ in range(EPOCHS // FOLLOWED):
        assert ledger.read("sync", sleeper.account, BTC) is False
        events = venue.send(sleeper.signer, ledger, "sync", sleeper.account, BTC)
        assert named(events, "PositionSettled") == []
    worth = venue.client.health(sleeper.account)["equity"]
    events = venue.send(sleeper.signer, ledger, "sync", sleeper.account, BTC)
    assert named(events, "PositionSettled")[0].args["price"] == PRICES[BTC]
    assert ledger.read("markets_of", sleeper.account) == [ETH]
    # a second of the other leg's funding aside
    assert abs(worth - venue.client.health(sleeper.account)["equity"]) < WAD // 1_000
    while venue.accounts:
        account = venue.accounts.pop()
        while not ledger.read("sync", account, BTC):
            venue.send(sleeper.signer, ledger, "sync", account, BTC)
        venue.send(sleeper.signer, ledger, "sync", account, BTC)
    assert max(ledger.read("open_interest", BTC)) < 10**6  # dust of the haircuts


def queue_head(venue: Venue) -> tuple[int, int]:
    """First place of the queue by start time, and that one entry of it is wanted."""
    return int(venue.client.liquidator.read("queue_bounds")[0]), 1
