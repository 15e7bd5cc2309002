"""Refusals that had no reason, or did not say whose order they meant."""

from __future__ import annotations

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.orders import Flags, Match
from tests.support.venue import AUCTION_S, BTC, WAD, Venue, named

ANY_PRICE = 2**256 - 1
UNKNOWN = 77


@pytest.fixture
def venue() -> Venue:
    """`alice` is long 10 BTC, whose seller is `maker`; `taker` is rich."""
    venue = Venue(RevmChain())
    for name, tokens in (("maker", 2_000_000), ("taker", 2_000_000), ("alice", 30_000)):
        venue.deposit(venue.person(name), tokens)
    venue.trade(venue.person("alice"), venue.person("maker"), BTC, 10 * WAD)
    return venue


def test_take__any_price_with_a_concession__goes_through(venue: Venue) -> None:
    """The largest limit plus the concession overflowed: no take at any price of a poor long."""
    alice, taker = venue.person("alice"), venue.person("taker")
    venue.move(BTC, -56_000)
    venue.start(alice.account)
    venue.wait(AUCTION_S)
    arguments = (alice.account, BTC, 2**200, ANY_PRICE, taker.account)
    events = venue.send(taker.signer, venue.client.liquidator, "take", *arguments)
    taken = named(events, "Taken")[0]
    assert taken["insurance_concession"] > 0
    assert taken["size"] == venue.client.leg(taker.account, BTC)["size"]


def test_take__concession_makes_up_for_the_limit__to_the_wei(venue: Venue) -> None:
    """The limit counts what the taker gets from the insurance, and not a wei more."""
    alice, taker = venue.person("alice"), venue.person("taker")
    venue.move(BTC, -56_000)
    venue.start(alice.account)
    venue.wait(AUCTION_S)
    call = venue.send, taker.signer, venue.client.liquidator, "take", alice.account, BTC, 2**200
    with venue.rpc.undone():
        (taken,) = named(call[0](*call[1:], ANY_PRICE, taker.account), "Taken")
    least = taken["account_price"] - taken["insurance_concession"] * WAD // taken["size"]
    with venue.rpc.undone():
        reason = "liquidation: price over limit"
        venue.rejected(reason, *call, least - 1, taker.account)
    call[0](*call[1:], least, taker.account)


@pytest.mark.parametrize("several", [False, True])
def test_settle__trigger_in_an_unknown_market__says_whose(venue: Venue, several: bool) -> None:
    """In a batch the refusal came without the place of the order."""
    maker, taker = venue.person("maker"), venue.person("taker")
    price = venue.mark(BTC)
    bid = venue.signed(taker, BTC, 2 * WAD, price, flags=Flags.POST_ONLY)
    ask = venue.signed(maker, BTC, -2 * WAD, price)
    stop = venue.signed(maker, UNKNOWN, -WAD, price, trigger_price=price)
    matches = [Match(0, 1, WAD)] * (2 if several else 1)
    reason = "@2 market: unknown" if several else "market: unknown"
    venue.rejected(reason, venue.settle, [bid, ask, stop], matches)
    venue.settle([bid, ask], matches)


def test_settle__trigger_in_a_batch__still_waits_for_the_mark(venue: Venue) -> None:
    """The other refusals of a trigger order, and its fill, are what they were."""
    maker, taker = venue.person("maker"), venue.person("taker")
    price = venue.mark(BTC)
    matches = [Match(0, 1, WAD)] * 2
    bid = venue.signed(taker, BTC, 2 * WAD, price, flags=Flags.POST_ONLY)
    for trigger, reason in ((price - 1, "@1 order: trigger not met"), (price, None)):
        stop = venue.signed(maker, BTC, -2 * WAD, price, trigger_price=trigger)
        if reason is not None:
            venue.rejected(reason, venue.settle, [bid, stop], matches)
        else:
            venue.settle([bid, stop], matches)
    venue.stop_feed(BTC)
    stop = venue.signed(maker, BTC, -2 * WAD, price, trigger_price=price)
    venue.rejected("@1 order: no price for trigger", venue.settle, [bid, stop], matches)
