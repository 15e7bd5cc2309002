"""The model's margin calls, what clients may lose, and auctions behind a guarantee."""

from __future__ import annotations

import pytest

from plimsoll.model.broker_state import CallState
from plimsoll.model.example import MARKET, TOKEN
from plimsoll.model.state import FINE, WAD
from tests.support.broker_model import (
    ANYBODY,
    CLIENT,
    CLIENTS,
    DAY_S,
    HOUR_S,
    OPERATOR,
    OTHERS,
    example,
)


def refused(venue, terms, rule="sponsor"):
    return venue.refusal(ANYBODY, f"sponsorship_{rule}", *venue.consents(terms))


# --- margin calls -----------------------------------------------------------------------------


def called():
    venue, broker = example()
    venue.price(98)
    venue.step("call")
    return venue, broker


def test_call__refusals():
    venue, _ = example()
    assert venue.step_refusal("call", OTHERS) == "sponsor: no broker"
    assert venue.step_refusal("call") == "call: above buffer"
    assert venue.step_refusal("cure") == "call: not open"
    assert venue.step_refusal("declare_default") == "call: not open"
    venue.price(98)
    venue.step("call")
    assert venue.step_refusal("call") == "call: already open"
    assert venue.step_refusal("release", sender=CLIENT) == "sponsor: margin call open"
    venue.wait(6 * HOUR_S)
    venue.step("declare_default")
    assert venue.step_refusal("call") == "call: defaulted"


def test_call__expired__is_refused():
    venue, _ = example()
    venue.wait(90 * DAY_S)
    venue.price(98)
    assert venue.step_refusal("call") == "call: expired"


def test_call__again_within_a_day__goes_on_with_what_was_left():
    venue, _ = called()
    venue.wait(5 * HOUR_S)
    venue.deposit(CLIENT, 213)
    venue.step("cure")
    venue.price(95.9)
    venue.step("call")
    # an hour was left; a quarter of six hours is more
    left = venue.world.brokers.calls[CLIENTS].deadline - venue.now
    assert left == 6 * HOUR_S // 4
    assert venue.health().shield_wad == 500 * WAD


def test_clock__stands_still_with_the_market():
    venue, _ = called()
    deadline = venue.world.brokers.calls[CLIENTS].deadline
    feed = venue.world.markets[MARKET].feeds[0]
    venue.now += HOUR_S
    venue.run(ANYBODY, "set_round", MARKET, 0, feed.answer, 0)
    venue.run(ANYBODY, "poke", MARKET)
    stopped = venue.now
    venue.now += 6 * HOUR_S
    assert venue.step_refusal("declare_default") == "call: not due"
    assert venue.step_refusal("start_early", sender=OPERATOR) == "call: clock stopped"
    venue.price(98)
    venue.wait(1_800)
    venue.step("count_stops")
    grace_over = venue.world.markets[MARKET].outage.grace_until
    assert venue.world.brokers.calls[CLIENTS].deadline == deadline + grace_over - stopped


def test_cure__after_the_deadline__is_too_late__but_whoever_is_met_is_not_in_default():
    venue, _ = called()
    venue.deposit(CLIENT, 300)
    venue.wait(6 * HOUR_S + 1)
    assert venue.step_refusal("cure") == "call: deadline passed"
    venue.step("declare_default")
    assert venue.call_state() is CallState.NONE
    assert venue.health().shield_wad == 500 * WAD
    again, _ = called()
    again.wait(6 * HOUR_S + 1)
    again.step("declare_default")
    record = again.world.brokers.sponsored[CLIENTS]
    assert (record.expiry, record.lock) == (again.now, 500 * TOKEN)


def silenced(venue):
    feed = venue.world.markets[MARKET].feeds[0]
    venue.run(ANYBODY, "set_round", MARKET, 0, feed.answer, 0)
    venue.run(ANYBODY, "poke", MARKET)


def test_without_a_price__nothing_is_agreed_cured_or_released():
    venue, broker = called()
    expiry = venue.world.brokers.sponsored[CLIENTS].expiry
    venue.deposit(CLIENT, 600)
    silenced(venue)
    assert venue.step_refusal("cure") == "call: clock stopped"
    venue.world.brokers.calls.clear()
    assert refused(venue, venue.terms(broker, expiry=expiry)) == "sponsor: no price"
    assert venue.step_refusal("release", sender=CLIENT) == "release: needs guarantee"


def test_start_early__by_the_operator_below_the_agreed_part():
    venue, _ = called()
    assert venue.step_refusal("start_early") == "access: not operator"
    assert venue.step_refusal("start_early", sender=OPERATOR) == "call: above early start"
    venue.price(96.2)
    assert venue.equity() == pytest.approx(220)
    venue.step("start_early", sender=OPERATOR)
    assert venue.call_state() is CallState.DEFAULTED
    venue.run(ANYBODY, "start", CLIENTS)


def test_renewal__after_a_default__is_a_new_record():
    venue, broker = called()
    venue.wait(6 * HOUR_S)
    venue.step("declare_default")
    venue.deposit(CLIENT, 300)
    venue.sponsor(broker)
    assert venue.call_state() is CallState.NONE
    assert venue.health().shield_wad == 500 * WAD


# --- risks ------------------------------------------------------------------------------------


def at_risk(venue, broker):
    return venue.world.brokers.at_risk(broker) / TOKEN


def test_risk__is_four_margins_less_equity__of_who_is_below_the_buffer():
    venue, broker = example()
    assert venue.step_refusal("measure", OTHERS) == "sponsor: no broker"
    venue.step("measure")
    assert at_risk(venue, broker) == 0
    venue.price(99.9)
    venue.step("measure")
    # 4 * 499.5 - 590, and the lock is 500
    assert at_risk(venue, broker) == 500
    venue.buy(-80, 99.9)
    venue.step("measure")
    assert at_risk(venue, broker) == 0


def test_risk__of_who_cannot_be_seen_or_is_under_liquidation():
    venue, broker = example()
    silenced(venue)
    venue.step("measure")
    assert at_risk(venue, broker) == 500
    venue.price(100)
    venue.step("measure")
    assert at_risk(venue, broker) == 0
    venue.price(89)
    venue.run(ANYBODY, "start", CLIENTS)
    venue.step("measure")
    assert at_risk(venue, broker) == 500


def test_risk__ends_with_the_guarantee():
    venue, broker = example()
    venue.world.brokers.risks[CLIENTS] = 300 * TOKEN
    venue.deposit(CLIENT, 500)
    venue.step("release", sender=CLIENT)
    assert at_risk(venue, broker) == 0
    assert venue.world.brokers.clients[broker] == ()


# --- liquidation ------------------------------------------------------------------------------


def test_retest__cured_by_the_guarantee__with_positions_left():
    venue, _ = example()
    venue.price(90)
    venue.price(89)
    # -500 own and 500 guaranteed of 445
    venue.run(ANYBODY, "start", CLIENTS)
    assert venue.world.waterfall.reserved[2] == 500 * WAD
    venue.price(99.5)
    venue.run(ANYBODY, "remark", CLIENTS)
    assert not venue.world.account(CLIENTS).started
    assert venue.world.waterfall.reserved[2] == 0
    assert venue.health().equity_fine == 550 * WAD * FINE
