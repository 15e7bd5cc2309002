"""The model's broker vaults, seats and guaranty fund."""

from __future__ import annotations

import pytest

from plimsoll.model import broker_exits, broker_vaults
from plimsoll.model.example import TOKEN
from plimsoll.model.state import WAD, Reservation
from tests.support.broker_model import (
    ANYBODY,
    CLIENT,
    CLIENTS,
    DAY_S,
    DEPOSITOR,
    OPERATOR,
    OTHER,
    OTHERS,
    RIVAL,
    TAKER,
    TAKERS,
    THIRD,
    VAULT_TERMS,
    BrokerVenue,
)

WEEK_S = 7 * DAY_S


@pytest.fixture
def venue():
    made = BrokerVenue()
    made.deposit(CLIENT, 600)
    made.deposit(OTHER, 600)
    return made


def vault_of(venue, broker):
    return venue.world.brokers.vaults[broker]


# --- capital ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, 999_999, "broker: bad omega"),
        (0, 10_000_001, "broker: bad omega"),
        (1, 49_999, "broker: bad first loss"),
        (2, 9_999, "broker: bad client limit"),
        (3, 500_001, "broker: commission too high"),
        (4, WEEK_S - 1, "broker: bad notice"),
        (4, 60 * DAY_S + 1, "broker: bad notice"),
    ],
)
def test_open__terms_out_of_bounds__are_refused(venue, place, value, reason):
    terms = list(VAULT_TERMS)
    terms[place] = value
    assert venue.refusal(OPERATOR, "registry_open_vault", "B", "B", tuple(terms)) == reason


def test_deposit__to_the_first_loss_rule__and_no_further(venue):
    broker = venue.open_broker(pool=0)
    assert broker_vaults.max_deposit(venue.world, vault_of(venue, broker)) == 3_000 * TOKEN
    over = 3_000 * TOKEN + 1
    reason = venue.refusal(DEPOSITOR, "vault_deposit", broker, over, DEPOSITOR)
    assert reason == "vault: stake too small"
    venue.run(DEPOSITOR, "vault_deposit", broker, 3_000 * TOKEN, DEPOSITOR)


def test_fees__are_earned_evenly__commission_first(venue):
    broker = venue.open_broker()
    begun = venue.now + 1
    venue.run(OPERATOR, "vault_request_stake", broker, 0)
    broker_vaults.receive_fee(venue.world, broker, CLIENT, 1_000 * TOKEN, 100)
    venue.now = begun + 49
    venue.run(OPERATOR, "vault_request_stake", broker, 0)
    # half of it: 50 to the stake, 450 shared by halves
    assert venue.capital(broker)[:2] == (1_275, 1_225)
    broker_vaults.receive_fee(venue.world, broker, CLIENT, 500 * TOKEN, 150)
    assert vault_of(venue, broker).end_wad_s == (begun + 50 + 100) * WAD


def test_lock__by_stake_by_client_and_by_what_is_free(venue):
    limited = (2_000_000, 250_000, 400_000, 0, WEEK_S)
    broker = venue.open_broker(pool=500, terms=limited)
    refusal = venue.refusal
    over = venue.consents(venue.terms(broker, guarantee=800 * TOKEN + 1))
    assert refusal(ANYBODY, "sponsorship_sponsor", *over) == "vault: above client limit"
    venue.run(OPERATOR, "vault_request_stake", broker, 500 * TOKEN)
    assert broker_vaults.client_limit(venue.world, vault_of(venue, broker)) == 400 * TOKEN
    venue.sponsor(broker, guarantee=400 * TOKEN)
    venue.run(OPERATOR, "vault_request_stake", broker, 0)
    vault = vault_of(venue, broker)
    shares = vault.pool.shares[DEPOSITOR]
    venue.run(DEPOSITOR, "vault_request_withdrawal", broker, shares)
    # what depositors have asked for is not lent any more
    assert broker_vaults.lock_room(venue.world, vault_of(venue, broker)) == 500 * TOKEN
    wide = (10_000_000, 250_000, 1_000_000, 0, WEEK_S)
    second = venue.open_broker(RIVAL, stake=300, pool=0, terms=wide)
    capital = venue.consents(venue.terms(second, account=OTHERS, guarantee=200 * TOKEN + 1))
    assert refusal(ANYBODY, "sponsorship_sponsor", *capital) == "vault: capital locked"
    narrow = (1_000_000, 250_000, 1_000_000, 0, WEEK_S)
    third = venue.open_broker(THIRD, terms=narrow)
    venue.sponsor(third, account=OTHERS, guarantee=900 * TOKEN)
    venue.deposit(TAKER, 600)
    above = venue.consents(venue.terms(third, account=TAKERS, guarantee=101 * TOKEN))
    assert refusal(ANYBODY, "sponsorship_sponsor", *above) == "vault: locks above stake"


def test_stake__leaves_with_notice_and_what_nothing_stands_on(venue):
    broker = venue.open_broker()
    venue.sponsor(broker)
    withdraw = ("vault_withdraw_stake", broker, 300 * TOKEN, OPERATOR)
    assert venue.refusal(ANYBODY, "vault_request_stake", broker, 1) == "access: not operator"
    venue.run(OPERATOR, "vault_request_stake", broker, 300 * TOKEN)
    assert venue.refusal(OPERATOR, *withdraw) == "vault: not requested in time"
    venue.wait(WEEK_S)
    venue.run(OPERATOR, *withdraw)
    assert venue.capital(broker)[0] == 700
    # locks of 500 need a stake of 250
    venue.run(OPERATOR, "vault_request_stake", broker, 500 * TOKEN)
    venue.wait(WEEK_S)
    last = ("vault_withdraw_stake", broker, 451 * TOKEN, OPERATOR)
    assert venue.refusal(OPERATOR, *last) == "vault: locks above stake"
    first = ("vault_withdraw_stake", broker, 440 * TOKEN, OPERATOR)
    assert venue.refusal(OPERATOR, *first) == "vault: stake too small"


def test_stake__stays_for_what_clients_may_lose(venue):
    broker = venue.open_broker()
    venue.sponsor(broker, guarantee=400 * TOKEN)
    venue.world.brokers.risks[CLIENTS] = 400 * TOKEN
    venue.run(OPERATOR, "vault_request_stake", broker, 600 * TOKEN)
    venue.wait(WEEK_S)
    # 400 at risk, and the 100 that are committed
    more = ("vault_withdraw_stake", broker, 501 * TOKEN, OPERATOR)
    assert venue.refusal(OPERATOR, *more) == "vault: loss measured"
    venue.run(OPERATOR, "vault_withdraw_stake", broker, 500 * TOKEN, OPERATOR)
    assert broker_exits.threatened(venue.world, vault_of(venue, broker)) == 500 * TOKEN


def test_depositor__leaves_at_once_if_the_stake_carries_all_locks(venue):
    broker = venue.open_broker()
    venue.sponsor(broker)
    shares = vault_of(venue, broker).pool.shares[DEPOSITOR]
    venue.run(DEPOSITOR, "vault_request_withdrawal", broker, shares)
    venue.wait(WEEK_S)
    venue.run(DEPOSITOR, "vault_redeem", broker, shares // 2, DEPOSITOR, DEPOSITOR)
    assert venue.capital(broker)[1] == 500


def test_depositor__leaves_behind_what_clients_may_lose_beyond_the_stake(venue):
    broker = venue.open_broker(stake=500, pool=1_000)
    venue.sponsor(broker, guarantee=800 * TOKEN)
    shares = vault_of(venue, broker).pool.shares[DEPOSITOR]
    venue.run(DEPOSITOR, "vault_request_withdrawal", broker, shares)
    venue.wait(WEEK_S)
    redeem = ("vault_redeem", broker, shares // 10, DEPOSITOR, DEPOSITOR)
    assert venue.run(DEPOSITOR, *redeem) == 100 * TOKEN
    venue.world.brokers.risks[CLIENTS] = 600 * TOKEN
    # 600 and the commitment of 160, less the stake of 500: 260 of 900
    assert broker_exits.provision(venue.world, vault_of(venue, broker)) == 260 * TOKEN
    reason = venue.refusal(DEPOSITOR, "vault_deposit", broker, TOKEN, DEPOSITOR)
    assert reason == "vault: loss measured"
    assert venue.run(DEPOSITOR, *redeem) == pytest.approx(640 * TOKEN / 9, abs=2)
    assert venue.run(DEPOSITOR, "vault_request_withdrawal", broker, 0) is None
    venue.sponsor(broker, guarantee=800 * TOKEN)
    assert broker_exits.provision(venue.world, vault_of(venue, broker)) == 0


def test_exits__wait_for_reservations_of_shared_layers_only(venue):
    broker = venue.open_broker()
    shares = vault_of(venue, broker).pool.shares[DEPOSITOR]
    venue.run(DEPOSITOR, "vault_request_withdrawal", broker, shares)
    venue.wait(WEEK_S)
    books = venue.world.waterfall
    books.reservations[CLIENTS] = Reservation(0, 0, venue.now, broker=WAD)
    books.reserved[2] = WAD
    venue.run(DEPOSITOR, "vault_redeem", broker, shares // 10, DEPOSITOR, DEPOSITOR)
    books.reserved[5] = WAD
    redeem = ("vault_redeem", broker, shares // 10, DEPOSITOR, DEPOSITOR)
    assert venue.refusal(DEPOSITOR, *redeem) == "vault: loss pending"


def test_loss__stake_first_then_pool__and_the_generation_closes(venue):
    broker = venue.open_broker(stake=300, pool=700)
    venue.sponsor(broker, guarantee=600 * TOKEN)
    broker_vaults.pay_loss(venue.world, broker, CLIENTS, 600 * TOKEN)
    assert venue.capital(broker)[:2] == (0, 400)
    broker_vaults.uncommit(venue.world, broker, vault_of(venue, broker).commitment)
    broker_vaults.commit(venue.world, broker, 400 * TOKEN)
    broker_vaults.pay_commitment(venue.world, broker, 400 * TOKEN)
    pool = vault_of(venue, broker).pool
    assert (pool.generation, pool.supply, pool.shares) == (1, 0, {})
