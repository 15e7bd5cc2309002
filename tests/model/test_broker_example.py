"""The model's brokers: the worked example of the specification, number by number."""

from __future__ import annotations

import pytest

from plimsoll.model import broker_vaults, margin_calls
from plimsoll.model.broker_state import CallState
from plimsoll.model.example import MARKET, TOKEN
from plimsoll.model.state import FINE, WAD
from tests.support.broker_model import (
    ANYBODY,
    CLIENT,
    CLIENTS,
    HOUR_S,
    TAKER,
    TAKERS,
    YEAR_S,
    BrokerVenue,
    example,
)

KEEPER = ANYBODY


def start(venue):
    venue.run(KEEPER, "start", CLIENTS)


def take_all(venue):
    venue.run(TAKER, "take", CLIENTS, MARKET, 1_000 * WAD, 2**200, TAKERS)


def test_broker__opened__shows_room_and_commitment():
    venue = BrokerVenue()
    broker = venue.open_broker()
    vault = venue.world.brokers.vaults[broker]
    assert vault.commitment == 100 * TOKEN
    assert venue.capital(broker) == (1_000, 1_000, 1_900)
    assert broker_vaults.lock_room(venue.world, vault) == 1_900 * TOKEN


def test_sponsor__a_year_at_four_per_cent__costs_twenty_from_the_wallet():
    venue = BrokerVenue()
    broker = venue.open_broker()
    venue.deposit(CLIENT, 600)
    before = venue.world.tokens[CLIENT]
    venue.sponsor(broker, fee_ppm=40_000, expiry=venue.now + 1 + YEAR_S)
    assert before - venue.world.tokens[CLIENT] == 20 * TOKEN
    vault = venue.world.brokers.vaults[broker]
    assert (vault.unearned, vault.commitment) == (20 * TOKEN, 100 * TOKEN)
    assert venue.capital(broker)[2] == 1_400
    assert venue.equity() == 600


def test_opening__with_a_guarantee__goes_to_the_buffer_and_no_further():
    venue, _ = example()
    health = venue.health()
    assert (health.im_wad, health.mm_wad) == (1_000 * WAD, 500 * WAD)
    assert health.shield_wad == 500 * WAD
    # own 600 carries 500 * 1.2 and not a unit more
    assert venue.buy_refusal(1, 100) == "margin: below initial"
    other = BrokerVenue()
    other.deposit(TAKER, 100_000)
    other.deposit(CLIENT, 600)
    assert other.buy_refusal(100, 100) == "margin: below initial"
    assert venue.refusal(CLIENT, "withdraw", CLIENTS, 1, CLIENT) == "margin: below initial"


def test_call__at_98__asks_for_what_cures_it():
    venue, _ = example()
    venue.price(98)
    venue.step("call")
    call = venue.world.brokers.calls[CLIENTS]
    assert call.deadline == venue.now + 6 * HOUR_S
    assert margin_calls.amount_wad(venue.world, CLIENTS) == 212.5 * WAD
    assert venue.refusal(KEEPER, "start", CLIENTS) == "liquidation: not below margin"
    assert venue.world.account(CLIENTS).guarantee.opening_wad(venue.now) == 0


@pytest.mark.parametrize("way", ["deposit", "sale"])
def test_cure__by_deposit_or_by_sale(way):
    venue, _ = example()
    venue.price(98)
    venue.step("call")
    if way == "deposit":
        venue.deposit(CLIENT, 212)
        assert venue.step_refusal("cure") == "call: not cured"
        venue.deposit(CLIENT, 1)
    else:
        venue.buy(-50, 98)
        assert venue.equity() == 400
    venue.step("cure")
    assert venue.call_state() is CallState.NONE
    assert venue.world.account(CLIENTS).guarantee.opening_wad(venue.now) == 500 * WAD


def test_default__then_a_loss_of_200__is_the_brokers():
    venue, broker = example()
    venue.price(98)
    venue.step("call")
    assert venue.step_refusal("declare_default") == "call: not due"
    venue.wait(6 * HOUR_S)
    venue.step("declare_default")
    assert venue.health().shield_wad == 0
    start(venue)
    venue.price(92)
    assert venue.equity() == -200
    venue.run(KEEPER, "remark", CLIENTS)
    held = venue.world.waterfall.reservations[CLIENTS]
    assert (held.broker, held.junior) == (200 * WAD, 0)
    take_all(venue)
    assert CLIENTS not in venue.world.brokers.sponsored
    assert venue.capital(broker) == (800, 1_000, 1_700)
    assert venue.world.accounts[CLIENTS].cash_fine == 0


def test_gap_to_88__the_lock_and_then_junior():
    venue, broker = example()
    venue.price(98)
    venue.price(88)
    assert venue.health().covered_fine == -100 * WAD * FINE
    start(venue)
    held = venue.world.waterfall.reservations[CLIENTS]
    assert (held.broker, held.junior) == (500 * WAD, 100 * WAD)
    take_all(venue)
    assert venue.capital(broker)[:2] == (500, 1_000)
    # nothing for the taker: the lock comes before insurance
    assert venue.world.junior.assets_tokens == 200 * TOKEN


def test_flat_debtor__is_finished_at_once__by_anybodys_start():
    venue, broker = example()
    venue.price(93.7)
    assert venue.equity() == -30
    assert venue.refusal(KEEPER, "start", CLIENTS) == "liquidation: not below margin"
    venue.buy(-100, 93.7)
    assert venue.equity() == -30
    assert venue.buy_refusal(1, 93.7) == "margin: below initial"
    start(venue)
    assert venue.capital(broker) == (970, 1_000, 1_870)
    assert CLIENTS not in venue.world.brokers.sponsored
    assert not venue.world.account(CLIENTS).started
