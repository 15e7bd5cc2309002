"""The model's seats of brokers and its guaranty fund."""

from __future__ import annotations

import pytest

from plimsoll.model import guaranty_fund, waterfall
from plimsoll.model.broker_state import NOBODY, FundTerms, State
from plimsoll.model.example import TOKEN
from plimsoll.model.state import WAD
from tests.support.broker_model import (
    ANYBODY,
    CLIENT,
    CLIENTS,
    DAY_S,
    OPERATOR,
    OTHER,
    RIVAL,
    TAKER,
    THIRD,
    VAULT_TERMS,
    BrokerVenue,
    example,
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


# --- seats and fund ---------------------------------------------------------------------------


def test_states__join_leave_retire(venue):
    broker = venue.open_broker()
    state_of = venue.world.brokers.state_of
    assert venue.refusal(OPERATOR, "registry_join", broker) == "registry: not open"
    venue.sponsor(broker)
    assert venue.refusal(RIVAL, "registry_leave", broker) == "access: not operator"
    venue.run(OPERATOR, "registry_leave", broker)
    assert venue.refusal(ANYBODY, "registry_retire", broker) == "registry: sponsors clients"
    venue.step("release", sender=CLIENT)
    assert venue.refusal(ANYBODY, "registry_retire", broker) == "registry: too early"
    venue.wait(WEEK_S)
    venue.run(ANYBODY, "registry_retire", broker)
    assert state_of(broker) is State.LEFT
    assert venue.world.brokers.members == ()
    assert vault_of(venue, broker).commitment == 0


def test_join__without_what_the_fund_asks__is_refused(venue):
    venue.world.brokers.fund = FundTerms(5_000 * TOKEN, 100_000, 500_000)
    broker = venue.run(OPERATOR, "registry_open_vault", "B", "B", VAULT_TERMS)
    assert venue.refusal(OPERATOR, "registry_join", broker) == "vault: capital locked"
    assert venue.world.brokers.state_of(broker) is State.OPENED


def test_fill__follows_the_locks(venue):
    broker = venue.open_broker(stake=2_000)
    venue.sponsor(broker, guarantee=1_000 * TOKEN)
    assert venue.world.brokers.share(broker).contribution == 100 * TOKEN
    assert venue.refusal(RIVAL, "fund_fill", broker) == "access: not operator"


@pytest.mark.parametrize(
    ("amount", "claims", "parts"),
    [
        (10, [30, 30, 30], [4, 3, 3]),
        (90, [30, 30, 30], [30, 30, 30]),
        (1, [0, 5, 5], [0, 1, 0]),
        (7, [], []),
        (100, [1, 2], [1, 2]),
        (0, [3], [0]),
    ],
)
def test_pro_rata__is_exact_and_within_claims(amount, claims, parts):
    assert guaranty_fund.pro_rata(amount, claims) == parts


def three_brokers(venue):
    return [venue.open_broker(operator) for operator in (OPERATOR, RIVAL, THIRD)]


def test_fund__the_cause_pays_first_then_all_alike(venue):
    first, second, third = three_brokers(venue)
    share = venue.world.brokers.share
    guaranty_fund.pay_loss(venue.world, first, 130 * TOKEN)
    assert share(first).total == 0
    assert share(second).contribution == share(third).contribution == 35 * TOKEN
    assert share(second).assessment == 50 * TOKEN
    assert share(first).cost == 30 * TOKEN
    assert venue.world.brokers.state_of(first) is State.FAILED
    assert guaranty_fund.due(venue.world, second) == venue.now + 5 * DAY_S
    # no more than half of what others have ever had for one cause
    assert guaranty_fund.room(venue.world, first) == 70 * TOKEN
    assert guaranty_fund.room(venue.world, NOBODY) == 170 * TOKEN


def test_fund__a_member_that_others_had_emptied__does_not_fail_for_it(venue):
    first, _, _ = three_brokers(venue)
    guaranty_fund.pay_loss(venue.world, NOBODY, 150 * TOKEN)
    share = venue.world.brokers.share
    assert share(first).taken == 50 * TOKEN
    # its own 50 and as much as strangers have cost it
    guaranty_fund.pay_loss(venue.world, first, 100 * TOKEN)
    assert venue.world.brokers.state_of(first) is State.ACTIVE
    assert (share(first).cost, share(first).taken) == (50 * TOKEN, 0)
    guaranty_fund.pay_loss(venue.world, first, TOKEN)
    assert venue.world.brokers.state_of(first) is State.FAILED


def test_fund__its_own_clients_took_its_commitment__fails(venue):
    first, _, _ = three_brokers(venue)
    guaranty_fund.pay_loss(venue.world, first, 100 * TOKEN)
    assert venue.world.brokers.state_of(first) is State.ACTIVE
    guaranty_fund.pay_loss(venue.world, first, TOKEN)
    assert venue.world.brokers.state_of(first) is State.FAILED


def test_fund__sends_what_there_is(venue):
    first, second, third = three_brokers(venue)
    assert guaranty_fund.pay_loss(venue.world, first, 400 * TOKEN) == 300 * TOKEN
    assert guaranty_fund.total(venue.world) == 0
    assert venue.world.brokers.share(second).total == venue.world.brokers.share(third).total == 0


def test_fund__other_parameters__give_five_days(venue):
    broker = venue.open_broker()
    timelock = venue.world.addresses["timelock"]
    venue.run(timelock, "fund_set_parameters", 60 * TOKEN, 100_000, 500_000)
    assert guaranty_fund.due(venue.world, broker) == venue.now + 5 * DAY_S
    venue.wait(5 * DAY_S)
    venue.run(ANYBODY, "registry_suspend", broker)
    assert venue.refusal(ANYBODY, "registry_retire", broker) == "registry: too early"
    venue.wait(30 * DAY_S)
    venue.run(ANYBODY, "registry_retire", broker)


def test_fund__assessments_after_contributions__and_nothing_beyond(venue):
    first, second, third = three_brokers(venue)
    guaranty_fund.pay_loss(venue.world, NOBODY, 160 * TOKEN)
    shares = [venue.world.brokers.share(broker) for broker in (first, second, third)]
    assert sum(share.contribution for share in shares) == 0
    assert sum(share.assessment for share in shares) == 140 * TOKEN
    assert venue.world.brokers.state_of(first) is State.ACTIVE
    reason = venue.refusal(OPERATOR, "registry_suspend", first)
    assert reason == "fund: not overdue"
    venue.wait(5 * DAY_S + 1)
    venue.run(ANYBODY, "registry_suspend", first)
    assert venue.refusal(ANYBODY, "registry_reinstate", first) == "fund: contribution too low"
    venue.run(OPERATOR, "fund_fill", first)
    venue.run(ANYBODY, "registry_reinstate", first)
    assert venue.world.brokers.state_of(first) is State.ACTIVE


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((0, 100_000, 0), "fund: bad minimum"),
        ((10**12 + 1, 100_000, 0), "fund: bad minimum"),
        ((1, 9_999, 0), "fund: bad rate"),
        ((1, 500_001, 0), "fund: bad rate"),
        ((1, 10_000, 1_000_001), "fund: bad cause limit"),
    ],
)
def test_fund__parameters_out_of_bounds__are_refused(venue, values, reason):
    timelock = venue.world.addresses["timelock"]
    assert venue.refusal(timelock, "fund_set_parameters", *values) == reason
    refused = venue.refusal(ANYBODY, "fund_set_parameters", 1, 10_000, 0)
    assert refused == "ownable: caller is not the owner"


def test_waterfall__fund_after_junior_and_senior__by_its_limits():
    venue, _ = example()
    waterfall.set_limits(venue.world, 5, 10**6, 10**6)
    venue.open_broker(RIVAL)
    planned = waterfall.preview(venue.world, CLIENTS, 2_000 * WAD, 0)
    # the lock, half of each vault, and of the fund its own 100 and half of the other's
    assert planned == (500 * WAD, 150 * WAD, 300 * WAD, 150 * WAD)
    assert waterfall.reserve(venue.world, CLIENTS, 2_000 * WAD, 0) == 1_100 * WAD
    assert waterfall.exits_blocked(venue.world)
    venue.deposit(TAKER, 1)
    assert waterfall.capacity(venue.world, 0)[3] == 50 * WAD
