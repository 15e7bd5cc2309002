"""A margin call: time instead of an auction, and what becomes of it.

The client is long one BTC at 50,000 with 1,600 of its own, less than the initial margin of 2,500; a
broker guarantees 2,500 more. Without the broker it would be liquidated below 1,250 of equity. With
it, it is called below 1,500 and has an hour. What it does with the hour decides.
"""

from __future__ import annotations

import pytest

from plimsoll.broker_views import CallState
from plimsoll.errors import BrokerRefused
from tests.support.broker_desk import BUFFER_PPM, CURE_S, UNIT, Brokerage
from tests.support.flows import one, people
from tests.support.venue import BTC, PPM, WAD, Venue, named

GUARANTEE = 2_500
STAKE = 60_000
HYSTERESIS_PPM = 50_000


class Call:
    """A client called for margin: the mark has fallen by 2 %, to 49,000."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.brokerage = Brokerage(venue)
        self.operator, self.rival = people(venue, "operator", "rival")
        (self.trader,) = people(venue, "trader", tokens=1_000_000)
        self.broker = self.brokerage.open(self.operator, STAKE)
        self.client = self.brokerage.client("client", self.broker, 1_600, GUARANTEE, WAD)
        # its twin has as much of its own as both together
        self.twin = venue.person("twin")
        venue.deposit(self.twin, 4_100)
        venue.trade(self.twin, self.trader, BTC, WAD)
        venue.move(BTC, -20_000)
        self.called = self.brokerage.call(self.client)

    def health(self) -> dict[str, int]:
        return dict(self.venue.client.health(self.client.account))

    def refused(self, reason: str, call: object, *args: object) -> None:
        with pytest.raises(BrokerRefused) as caught:
            call(*args)  # type: ignore[operator]
        assert caught.value.reason == reason

    def no_auction(self) -> None:
        self.venue.rejected("liquidation: not below margin", self.venue.start, self.client.account)


@pytest.fixture
def call(venue: Venue) -> Call:
    return Call(venue)


def test_call__cured_by_deposit__position_and_guarantee_go_on(call: Call) -> None:
    """A cent too little is no cure; the call's own amount is."""
    venue, brokerage = call.venue, call.brokerage
    health = call.health()
    assert 0 < health["equity"] < health["mm"], "alone it would be liquidated"
    call.no_auction()
    target = -(-health["mm"] * (PPM + BUFFER_PPM + HYSTERESIS_PPM) // PPM)
    assert abs(call.called["amount"] - (target - health["equity"])) < WAD // 100
    venue.rejected("margin: below initial", venue.trade, call.client, call.trader, BTC, WAD // 10)
    owed = brokerage.margin_call(call.client)
    assert owed is not None
    tokens = owed.tokens_up(6) // UNIT
    venue.deposit(call.client, tokens)
    call.refused("call: not cured", brokerage.cure, call.client)
    venue.deposit(call.client, 1)
    brokerage.cure(call.client)
    assert brokerage.margin_call(call.client) is None
    assert venue.client.leg(call.client.account, BTC)["size"] == WAD
    guarantee = brokerage.guarantee(call.client)
    assert guarantee is not None
    assert guarantee.opening_wad == guarantee.shield_wad == GUARANTEE * WAD
    assert brokerage.stake(call.broker) == STAKE * UNIT


def test_call__cured_by_reducing__costs_a_trading_fee_and_no_concession(call: Call) -> None:
    """A third of a position needs a third of the margin. The client chose who buys the rest."""
    venue, brokerage = call.venue, call.brokerage
    before = call.health()["equity"]
    venue.trade(call.trader, call.client, BTC, WAD // 10)
    call.refused("call: not cured", brokerage.cure, call.client)
    venue.trade(call.trader, call.client, BTC, WAD * 11 // 20)
    brokerage.cure(call.client)
    fees = WAD * 13 // 20 * 49_000 * 500 // PPM
    assert abs(before - call.health()["equity"] - fees) < WAD // 10
    assert brokerage.margin_call(call.client) is None
    assert venue.client.leg(call.client.account, BTC)["size"] == WAD * 7 // 20


def test_call__nothing_done__then_the_ordinary_auction_and_the_lock_pays_first(call: Call) -> None:
    """A default ends the shield and not the liability: what the gap takes comes out of the lock."""
    venue, brokerage = call.venue, call.brokerage
    call.refused("call: not due", brokerage.default, call.client)
    venue.wait(CURE_S + 1)
    call.no_auction()
    call.refused("call: deadline passed", brokerage.cure, call.client)
    brokerage.default(call.client)
    state = brokerage.margin_call(call.client)
    assert state is not None
    assert state.state == CallState.DEFAULTED
    assert call.health()["shield"] == 0
    venue.start(call.client.account)
    venue.move(BTC, -30_000)
    owed = -call.health()["equity"]
    assert 0 < owed < GUARANTEE * WAD
    call.refused("account: under liquidation", brokerage.sdk.release, call.client.signer,
                 call.client.account)  # fmt: skip
    drawn = named(venue.take(call.rival, call.client.account, BTC), "Drawn")
    assert [entry["layer"] for entry in drawn] == [2], "nobody else pays"
    assert abs(drawn[0]["units"] - owed) < WAD // 100
    assert brokerage.stake(call.broker) == STAKE * UNIT - drawn[0]["tokens"]
    assert brokerage.guarantee(call.client) is None, "the rest of the lock is free"
    assert call.health()["equity"] == 0


def test_call__operator_starts_early__and_buys_like_anybody(call: Call) -> None:
    """The operator may end its own shield below the signed part of margin. It gets no price of
    its own: an auction that everybody may start and take, and no take in the block it starts in.
    """
    venue, brokerage = call.venue, call.brokerage
    call.refused("access: not operator", brokerage.start_early, call.client, call.rival)
    brokerage.start_early(call.client, call.operator)
    venue.start(call.client.account)
    venue.rpc.set_next_timestamp(venue.rpc.timestamp() + 600)
    venue.poke(BTC)
    terms = venue.client.take_terms(call.client.account, BTC)
    before = call.health()
    (mine,) = named(
        venue.take(call.operator, call.client.account, BTC, terms["size_max"] // 2), "Taken"
    )
    (other,) = named(
        venue.take(call.rival, call.client.account, BTC, terms["size_max"] // 4), "Taken"
    )
    # a second later nobody pays less, and the operator did not either
    assert other["account_price"] <= mine["account_price"] < mine["mark"]
    after = call.health()
    assert after["equity"] * before["mm"] >= before["equity"] * after["mm"], "E / MM does not fall"
    assert after["equity"] >= 0
    assert brokerage.stake(call.broker) == STAKE * UNIT


def test_call__clock__stands_still_without_a_price(call: Call) -> None:
    """The hour is an hour in which the client can see a price and act on it."""
    venue, brokerage = call.venue, call.brokerage
    venue.stop_feed(BTC)
    venue.wait(2 * CURE_S)
    call.refused("call: clock stopped", brokerage.start_early, call.client, call.operator)
    call.refused("call: not due", brokerage.default, call.client)
    venue.set_price(BTC, 49_000 * WAD)
    venue.wait(1_801)  # the grace, at most half an hour
    moved = one(brokerage.keep(brokerage.sdk.count_stops(venue.keeper, call.client.account)),
                "ClockStopped")  # fmt: skip
    assert moved["seconds"] > 2 * CURE_S
    venue.deposit(call.client, 1_000)
    brokerage.cure(call.client)


def test_call__twin_without_a_broker__is_auctioned_at_the_same_covered_equity(call: Call) -> None:
    """The pool is no worse off: shield and own equity together stand where own equity would."""
    venue = call.venue
    venue.move(BTC, -35_000)
    twin, client = venue.client.health(call.twin.account), call.health()
    assert abs(twin["equity"] - client["equity"] - client["shield"]) < WAD // 100
    for account in (call.twin.account, call.client.account):
        venue.rejected("liquidation: not below margin", venue.start, account)
    venue.move(BTC, -10_000)
    for account in (call.twin.account, call.client.account):
        venue.start(account)
