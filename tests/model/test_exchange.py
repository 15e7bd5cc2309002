"""The model's exchange: batches, skipping, fills on record, cancellation, agents.

Trades, touches and takes are written down instead of made: their rules are tested on their own.
"""

from __future__ import annotations

import pytest

from plimsoll.model import exchange
from plimsoll.model.margin import Leg
from plimsoll.model.orders import UNSIGNED, order_hash, unsigned
from plimsoll.model.state import FINE, Agent, Refused
from plimsoll.orders import CANCELLED, Flags, Match
from tests.support.expect import refusal
from tests.support.model_venue import (
    AGENT,
    ALICES,
    BOBS,
    BTC,
    CAROLS,
    DOGE,
    KEEPER,
    MALLORY,
    NOW,
    WAD,
    model_venue,
    offer,
    order,
)
from tests.support.money_world import ALICE, BOB, account_of


class Ledger:
    """Stands where trading, resolution and takes are."""

    def __init__(self):
        self.fills = []
        self.touched = []
        self.taken = []
        self.started = set()
        self.refusals = {}  # by number of the trade
        self.most = 10**30
        self.held_fine = {}

    def trade(self, world, fill):
        number = len(self.fills)
        self.fills.append(fill)
        world.trading_fees_wad += 1
        if number in self.refusals:
            raise Refused(self.refusals[number])
        return fill.maker in self.started, fill.taker in self.started

    def touch(self, world, account, from_exchange):
        assert from_exchange
        self.touched.append(account)

    def take_for(self, world, taker, account, market, size, limit_price):
        self.taken.append((taker, account, market, size, limit_price))
        return min(size, self.most)

    def leg(self, world, account, market):
        size_fine = self.held_fine.get((account, market), 0)
        return Leg(size_fine, 0, 0, True, 0, 0, 0, 0, 0)


@pytest.fixture
def world():
    return model_venue()


@pytest.fixture
def ledger(monkeypatch):
    stand_in = Ledger()
    monkeypatch.setattr(exchange.trading, "trade", stand_in.trade)
    monkeypatch.setattr(exchange.resolution, "touch", stand_in.touch)
    monkeypatch.setattr(exchange.takes, "take_for", stand_in.take_for)
    monkeypatch.setattr(exchange.margin, "leg", stand_in.leg)
    return stand_in


def filled(world, signed):
    return world.filled_wad.get(order_hash(world, signed.order), 0)


def bid(size=5 * WAD, account=ALICES, **changes):
    return offer(account, size, 100 * WAD, **changes)


def ask(size=3 * WAD, account=BOBS, **changes):
    return offer(account, -size, 99 * WAD, **changes)


# --- one match --------------------------------------------------------------------------------


def test_settle_one__two_signed_orders__trade_and_are_recorded(world, ledger):
    buy, sell = bid(), ask()
    exchange.settle_one(world, KEEPER, buy, sell, 2 * WAD)
    exchange.settle_one(world, KEEPER, buy, sell, WAD)
    assert [fill.size_wad for fill in ledger.fills] == [-2 * WAD, -WAD]
    assert (filled(world, buy), filled(world, sell)) == (3 * WAD, 3 * WAD)
    assert refusal(exchange.settle_one, world, KEEPER, buy, sell, 1) == "order: over filled"


def test_settle_one__unsigned__is_not_recorded(world, ledger):
    buy, sell = unsigned(order(ALICES, WAD, 100 * WAD)), ask()
    exchange.settle_one(world, ALICE, buy, sell, WAD)
    exchange.settle_one(world, ALICE, buy, sell, WAD)
    assert world.filled_wad == {order_hash(world, sell.order): 2 * WAD}


def test_settle_one__sides_under_liquidation__are_touched_maker_first(world, ledger):
    ledger.started = {ALICES, BOBS}
    exchange.settle_one(world, KEEPER, bid(), ask(flags=Flags.POST_ONLY), WAD)
    assert ledger.touched == [BOBS, ALICES]


def test_settle_one__both_wrong__tells_the_maker_first(world, ledger):
    late = bid(expiry=NOW - 1), ask(matcher=MALLORY)
    assert refusal(exchange.settle_one, world, KEEPER, *late, WAD) == "order: expired"


def test_settle_one__trade_without_a_reason__passes_it_on(world, ledger):
    ledger.refusals = {0: ""}
    assert refusal(exchange.settle_one, world, KEEPER, bid(), ask(), WAD) == ""


# --- triggers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "flags", "met"),
    [
        (100 * WAD, Flags.TRIGGER_ABOVE, True),
        (100 * WAD + 1, Flags.TRIGGER_ABOVE, False),
        (100 * WAD, Flags.NONE, True),
        (100 * WAD - 1, Flags.NONE, False),
    ],
)
def test_settle_one__trigger__waits_for_the_mark(world, ledger, trigger, flags, met):
    buy = bid(trigger_price=trigger, flags=flags)
    if met:
        exchange.settle_one(world, KEEPER, buy, ask(), WAD)
    else:
        reason = refusal(exchange.settle_one, world, KEEPER, buy, ask(), WAD)
        assert reason == "order: trigger not met"


def test_settle_one__trigger_without_a_price__is_refused(world, ledger):
    world.block += 1
    world.markets[BTC].feeds[0].updated_at = 0
    buy = bid(trigger_price=WAD)
    assert refusal(exchange.settle_one, world, KEEPER, buy, ask(), WAD) == (
        "order: no price for trigger"
    )


def test_settle__trigger_in_an_unknown_market__says_whose(world, ledger):
    orders = [bid(), bid(market=77, trigger_price=WAD)]
    matches = [Match(0, 1, WAD)] * 2
    assert refusal(exchange.settle, world, KEEPER, orders, matches) == "@1 market: unknown"
    assert refusal(exchange.settle, world, KEEPER, orders, matches[:1]) == "market: unknown"


# --- batches ----------------------------------------------------------------------------------


def test_settle__chain_of_matches__counts_within_the_call(world, ledger):
    orders = [bid(), ask(), ask(account=CAROLS)]
    exchange.settle(world, KEEPER, orders, [Match(0, 1, 3 * WAD), Match(0, 2, 2 * WAD)])
    assert [filled(world, each) for each in orders] == [5 * WAD, 3 * WAD, 2 * WAD]
    assert [fill.taker for fill in ledger.fills] == [BOBS, CAROLS]


def test_settle__over_filled_within_the_call__tells_the_match(world, ledger):
    orders = [bid(4 * WAD), ask(), ask(account=CAROLS)]
    matches = [Match(0, 1, 3 * WAD), Match(0, 2, WAD + 1)]
    assert refusal(exchange.settle, world, KEEPER, orders, matches) == "#1 order: over filled"


def test_settle__bad_order__tells_its_number_if_there_are_several_matches(world, ledger):
    orders = [bid(), ask(), ask(expiry=0)]
    one, two = [Match(0, 1, WAD)], [Match(0, 1, WAD)] * 2
    assert refusal(exchange.settle, world, KEEPER, orders, one) == "order: expired"
    assert refusal(exchange.settle, world, KEEPER, orders, []) == "order: expired"
    assert refusal(exchange.settle, world, KEEPER, orders, two) == "@2 order: expired"


def test_settle__refused_trade__tells_the_match(world, ledger):
    ledger.refusals = {1: "margin: below initial", 2: ""}
    orders, matches = [bid(), ask()], [Match(0, 1, WAD)] * 2
    assert refusal(exchange.settle, world, KEEPER, orders, matches) == "#1 margin: below initial"
    ledger.fills.append(None)
    ledger.refusals = {4: ""}
    assert refusal(exchange.settle, world, KEEPER, orders, matches) == "#1 call: no reason"


def test_settle__no_such_order__is_refused(world, ledger):
    orders, match = [bid(), ask()], Match(0, 2, WAD)
    assert refusal(exchange.settle, world, KEEPER, orders, [match]) == "match: no such order"
    assert refusal(exchange.settle, world, KEEPER, orders, [Match(0, 1, WAD), match]) == (
        "#1 match: no such order"
    )


def test_settle__order_given_twice__is_refused_with_its_number(world, ledger):
    buy = bid()
    orders = [buy, ask(), buy]
    matches = [Match(0, 1, WAD), Match(2, 1, WAD)]
    assert refusal(exchange.settle, world, KEEPER, orders, matches) == "@2 order: given twice"


def test_settle__order_given_twice_and_used_once__passes(world, ledger):
    buy = bid()
    exchange.settle(world, KEEPER, [buy, ask(), buy], [Match(2, 1, WAD)])
    assert filled(world, buy) == WAD


def test_settle__seventeen__is_no_call(world, ledger):
    assert refusal(exchange.settle, world, KEEPER, [bid()] * 17, []) == ""
    assert refusal(exchange.try_settle, world, KEEPER, [], [Match(0, 0, 1)] * 17) == ""


# --- skipping ---------------------------------------------------------------------------------


def test_try_settle__failing_match__is_skipped_without_a_trace(world, ledger):
    ledger.refusals = {1: "margin: below initial"}
    orders = [bid(), ask(), ask(account=CAROLS)]
    matches = [Match(0, 1, WAD), Match(0, 2, 2 * WAD), Match(0, 2, 3 * WAD), Match(0, 1, 9 * WAD)]
    assert exchange.try_settle(world, KEEPER, orders, matches) == 2
    assert [filled(world, each) for each in orders] == [4 * WAD, WAD, 3 * WAD]
    assert world.trading_fees_wad == 2


def test_try_settle__unsigned__counts_within_the_call(world, ledger):
    orders = [unsigned(order(ALICES, 2 * WAD, 100 * WAD)), ask()]
    matches = [Match(0, 1, WAD), Match(0, 1, 2 * WAD), Match(0, 1, WAD)]
    assert exchange.try_settle(world, ALICE, orders, matches) == 2
    assert filled(world, orders[1]) == 2 * WAD


def test_try_settle__no_such_order__fails_as_a_whole(world, ledger):
    matches = [Match(0, 1, WAD), Match(2, 1, WAD)]
    assert refusal(exchange.try_settle, world, KEEPER, [bid(), ask()], matches) == (
        "#1 match: no such order"
    )


def test_try_settle__close_decisions__outlive_a_skipped_match(world, ledger, monkeypatch):
    def close_and_refuse(world, fill):
        world.decide("margin: below initial", 0, 1)
        raise Refused("margin: below initial")

    monkeypatch.setattr(exchange.trading, "trade", close_and_refuse)
    assert exchange.try_settle(world, KEEPER, [bid(), ask()], [Match(0, 1, WAD)]) == 0
    assert world.close == ["margin: below initial"]


# --- liquidation-only orders ------------------------------------------------------------------


def taking(size=5 * WAD, **changes):
    return bid(size, flags=Flags.LIQUIDATION_ONLY, **changes)


def test_take_with_order__of_a_long__records_what_was_taken(world, ledger):
    ledger.held_fine[BOBS, BTC] = 9 * WAD * FINE
    ledger.most = 2 * WAD
    signed = taking()
    assert exchange.take_with_order(world, KEEPER, signed, BOBS, 3 * WAD) == 2 * WAD
    assert ledger.taken == [(ALICES, BOBS, BTC, 3 * WAD, 100 * WAD)]
    assert filled(world, signed) == 2 * WAD
    over = refusal(exchange.take_with_order, world, KEEPER, signed, BOBS, 3 * WAD + 1)
    assert over == "order: over filled"
    assert world.close == []


def test_take_with_order__unsigned__is_not_recorded(world, ledger):
    ledger.held_fine[BOBS, BTC] = 9 * WAD * FINE
    placed = unsigned(taking().order)
    assert placed.signed_by is UNSIGNED
    exchange.take_with_order(world, ALICE, placed, BOBS, WAD)
    assert world.filled_wad == {}


@pytest.mark.parametrize(
    ("signed", "account", "size", "reason"),
    [
        (bid(), BOBS, WAD, "order: not liquidation-only"),
        (taking(trigger_price=WAD), BOBS, WAD, "order: trigger not met"),
        (taking(counterparty=CAROLS), BOBS, WAD, "order: wrong counterparty"),
        (taking(), account_of(ALICE, 3), WAD, "order: self trade"),
        (taking(), BOBS, 0, "match: zero size"),
        (taking(), BOBS, 5 * WAD + 1, "order: over filled"),
        (taking(-5 * WAD), BOBS, WAD, "order: wrong side"),
        (taking(market=DOGE), BOBS, WAD, "order: wrong side"),
    ],
)
def test_take_with_order__that_does_not_fit__is_refused(
    world, ledger, signed, account, size, reason
):
    ledger.held_fine[BOBS, BTC] = 9 * WAD * FINE
    assert refusal(exchange.take_with_order, world, KEEPER, signed, account, size) == reason


def test_take_with_order__crumbs_of_a_leg__may_go_either_way(world, ledger):
    ledger.held_fine[BOBS, BTC] = FINE - 1
    assert refusal(exchange.take_with_order, world, KEEPER, taking(), BOBS, 1) == (
        "order: wrong side"
    )
    assert world.close == ["order: wrong side"]


# --- cancellation -----------------------------------------------------------------------------


def test_cancel__by_owner_or_live_agent__voids_the_order(world, ledger):
    for sender in (ALICE, AGENT):
        signed = bid()
        world.agents[ALICES, AGENT] = Agent(NOW, 1 << DOGE, 0)
        exchange.cancel(world, sender, signed.order)
        assert filled(world, signed) == CANCELLED
        assert refusal(exchange.settle_one, world, KEEPER, signed, ask(), WAD) == (
            "order: cancelled"
        )


def test_cancel__by_a_stranger_or_expired_agent__is_refused(world):
    world.agents[ALICES, AGENT] = Agent(NOW - 1, 0, 2**100)
    for sender in (AGENT, BOB):
        reason = refusal(exchange.cancel, world, sender, bid().order)
        assert reason == "cancel: not owner or agent"


def test_cancel_below__only_upwards_and_by_the_owner(world):
    exchange.cancel_below(world, ALICE, ALICES, 7)
    assert world.cancelled_below == {ALICES: 7}
    assert refusal(exchange.cancel_below, world, ALICE, ALICES, 7) == "cancel: salt not higher"
    assert refusal(exchange.cancel_below, world, BOB, ALICES, 8) == "cancel: only owner"


# --- agents -----------------------------------------------------------------------------------


def test_set_agent__large_numbers__are_stored_at_their_most(world):
    exchange.set_agent(world, ALICE, ALICES, AGENT.upper().replace("X", "x"), 2**200, 6, 2**200)
    assert world.agents == {(ALICES, AGENT): Agent(2**64 - 1, 6, 2**128 - 1)}
    exchange.revoke_agent(world, ALICE, ALICES, AGENT)
    exchange.revoke_agent(world, ALICE, ALICES, AGENT)
    assert world.agents == {}


@pytest.mark.parametrize(
    ("sender", "agent", "expiry", "reason"),
    [
        (BOB, AGENT, NOW, "agent: only owner"),
        (ALICE, "0x" + "00" * 20, NOW, "agent: zero address"),
        (ALICE, AGENT, NOW - 1, "agent: already expired"),
    ],
)
def test_set_agent__bad__is_refused(world, sender, agent, expiry, reason):
    assert refusal(exchange.set_agent, world, sender, ALICES, agent, expiry, 0, WAD) == reason


def test_revoke_agent__by_another__is_refused(world):
    assert refusal(exchange.revoke_agent, world, BOB, ALICES, AGENT) == "agent: only owner"
