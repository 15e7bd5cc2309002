"""The model's guarantees, consents, margin calls and books of clients."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.model.broker_state import CallState, Seat, State
from plimsoll.model.consents import Consent
from plimsoll.model.example import TOKEN
from plimsoll.model.orders import Seal
from plimsoll.model.state import WAD
from tests.support.broker_model import (
    ANYBODY,
    CLIENT,
    CLIENTS,
    DAY_S,
    HOUR_S,
    OPERATOR,
    OTHER,
    OTHERS,
    RIVAL,
    TAKER,
    YEAR_S,
    BrokerVenue,
    example,
)


@pytest.fixture
def venue():
    made = BrokerVenue()
    made.deposit(CLIENT, 600)
    made.deposit(OTHER, 600)
    made.deposit(TAKER, 100_000)
    return made


def refused(venue, terms, rule="sponsor"):
    return venue.refusal(ANYBODY, f"sponsorship_{rule}", *venue.consents(terms))


# --- agreeing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid_until": 1}, "terms: lapsed"),
        ({"guarantee": 0}, "terms: no guarantee"),
        ({"guarantee": 2**104 // 10**12}, "guarantee: too large"),
        ({"fee_ppm": 500_001}, "terms: fee too high"),
        ({"buffer_ppm": 49_999}, "terms: bad buffer"),
        ({"cure_s": 3_599}, "terms: bad cure period"),
        ({"cure_s": 604_801}, "terms: bad cure period"),
        ({"early_ppm": 1_000_001}, "terms: bad early start"),
        ({"expiry": 0}, "terms: bad expiry"),
    ],
)
def test_sponsor__terms_out_of_bounds__are_refused(venue, changes, reason):
    broker = venue.open_broker()
    assert refused(venue, venue.terms(broker, **changes)) == reason


def test_sponsor__by_nobody__is_refused(venue):
    assert refused(venue, venue.terms("0x" + "99" * 20)) == "broker: not active"


def test_sponsor__expiry__from_a_day_after_the_notice_to_366_days(venue):
    broker = venue.open_broker()
    soonest = venue.now + 1 + 6 * HOUR_S + 2 * HOUR_S + DAY_S
    assert refused(venue, venue.terms(broker, expiry=soonest - 1)) == "terms: bad expiry"
    latest = venue.now + 1 + 366 * DAY_S
    assert refused(venue, venue.terms(broker, expiry=latest + 1)) == "terms: bad expiry"
    venue.sponsor(broker, expiry=venue.now + 1 + 6 * HOUR_S + 2 * HOUR_S + DAY_S)


def test_consent__each_party_once(venue):
    broker = venue.open_broker()
    terms = venue.terms(broker)
    client, operator = venue.consents(terms)
    nobody, garbage = Consent(terms), Consent(terms, Seal.GARBAGE)
    run = "sponsorship_sponsor"
    assert venue.refusal(ANYBODY, run, nobody, operator) == "consent: not given"
    assert venue.refusal(CLIENT, run, nobody, nobody) == "consent: not given"
    assert venue.refusal(CLIENT, run, nobody, garbage) == "consent: wrong signature"
    assert venue.refusal(ANYBODY, run, operator, operator) == "consent: wrong signature"
    venue.run(CLIENT, run, nobody, operator)
    assert venue.refusal(ANYBODY, run, client, operator) == "terms: used or revoked"


def test_revoke__by_a_party_only(venue):
    broker = venue.open_broker()
    terms = venue.terms(broker)
    assert venue.refusal(ANYBODY, "sponsorship_revoke", terms) == "access: no party"
    venue.run(OPERATOR, "sponsorship_revoke", terms)
    assert refused(venue, terms) == "terms: used or revoked"


def test_renewal__raises_and_refunds_the_rest_of_the_old_fee(venue):
    broker = venue.open_broker()
    venue.sponsor(broker, fee_ppm=40_000, expiry=venue.now + 1 + YEAR_S)
    assert refused(venue, venue.terms(broker, guarantee=499 * TOKEN)) == "sponsor: lowers guarantee"
    assert refused(venue, venue.terms(broker)) == "sponsor: lowers guarantee"
    before = venue.world.tokens[CLIENT]
    expiry = venue.world.brokers.sponsored[CLIENTS].expiry
    venue.sponsor(broker, fee_ppm=40_000, guarantee=1_000 * TOKEN, expiry=expiry)
    # a second less than a year is left of both
    paid = before - venue.world.tokens[CLIENT]
    assert paid == pytest.approx(20 * TOKEN, abs=2)
    rival = venue.open_broker(RIVAL)
    assert refused(venue, venue.terms(rival)) == "sponsor: has a broker"


def test_sponsor__below_the_buffer__is_refused(venue):
    broker = venue.open_broker()
    venue.buy(50, 100)
    venue.price(93.9)
    # 295 of 234.75 * 1.2 = 281.7: enough; half a point less is not
    venue.sponsor(broker)
    venue.price(93.3)
    expiry = venue.world.brokers.sponsored[CLIENTS].expiry
    worse = venue.terms(broker, expiry=expiry, guarantee=600 * TOKEN)
    assert refused(venue, worse) == "sponsor: client below buffer"


def test_port__only_from_a_broker_that_is_not_active__the_call_comes_along():
    venue, broker = example()
    rival = venue.open_broker(RIVAL)
    expiry = venue.world.brokers.sponsored[CLIENTS].expiry
    terms = venue.terms(rival, expiry=expiry)
    assert refused(venue, venue.terms(rival, account=OTHERS), "port") == "port: no broker"
    assert refused(venue, venue.terms(broker, expiry=expiry), "port") == "port: same broker"
    assert refused(venue, terms, "port") == "port: not open"
    venue.price(98)
    venue.step("call")
    call = venue.world.brokers.calls[CLIENTS]
    venue.run(OPERATOR, "registry_leave", broker)
    lower = venue.terms(rival, expiry=expiry, guarantee=499 * TOKEN)
    assert refused(venue, lower, "port") == "sponsor: lowers guarantee"
    venue.sponsor(rival, rule="port", expiry=expiry)
    assert venue.world.brokers.calls[CLIENTS] == call
    assert venue.world.account(CLIENTS).guarantee.opening_wad(venue.now) == 0
    vaults = venue.world.brokers.vaults
    assert (vaults[broker].client_locks, vaults[rival].client_locks) == (0, 500 * TOKEN)


def test_port__after_thirty_days_or_a_default__is_over():
    venue, broker = example()
    rival = venue.open_broker(RIVAL)
    expiry = venue.world.brokers.sponsored[CLIENTS].expiry
    brokers = venue.world.brokers
    brokers.seats[broker] = Seat(State.LEAVING, venue.now - 30 * DAY_S)
    assert refused(venue, venue.terms(rival, expiry=expiry), "port") == "port: not open"
    brokers.seats[broker] = Seat(State.LEAVING, venue.now)
    venue.price(98)
    venue.step("call")
    call = brokers.calls[CLIENTS]
    brokers.calls[CLIENTS] = replace(call, state=CallState.DEFAULTED)
    assert refused(venue, venue.terms(rival, expiry=expiry), "port") == "port: defaulted"
    brokers.calls.pop(CLIENTS)
    venue.price(93)
    assert refused(venue, venue.terms(rival, expiry=expiry), "port") == "port: below zero"


def test_release__own_margin_or_a_week_after_expiry():
    venue, broker = example()
    assert venue.step_refusal("release") == "access: not account owner"
    assert venue.step_refusal("release", sender=CLIENT) == "release: needs guarantee"
    venue.deposit(CLIENT, 400)
    venue.step("release", sender=CLIENT)
    assert venue.world.account(CLIENTS).guarantee is None
    assert venue.capital(broker)[2] == 1_900
    again, _ = example()
    expiry = again.world.brokers.sponsored[CLIENTS].expiry
    again.wait(expiry - again.now)
    assert again.step_refusal("release") == "release: needs guarantee"
    again.wait(7 * DAY_S)
    again.step("release")


# --- fills ------------------------------------------------------------------------------------


def test_fill__own_equity_below_zero__reduces_at_the_mark_or_better():
    venue, _ = example()
    venue.price(93)
    assert venue.buy_refusal(-50, 92.9) == "margin: ratio worsened"
    venue.buy(-50, 93.1)
    assert venue.equity() == pytest.approx(-95)
    venue.price(91)
    venue.price(89)
    assert venue.health().covered_fine > 0
    venue.price(84)
    assert venue.buy_refusal(-10, 84) == "account: start auction first"


def test_fill__after_the_opening_window__counts_own_money_only():
    venue, _ = example()
    record = venue.world.brokers.sponsored[CLIENTS]
    venue.wait(record.expiry - 8 * HOUR_S - venue.now)
    assert venue.health().shield_wad == 500 * WAD
    assert venue.buy_refusal(0.5, 100) == "margin: below initial"
    venue.deposit(CLIENT, 500)
    venue.buy(0.5, 100)
