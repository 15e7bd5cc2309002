"""The owner of everything: a delay with a floor, and nobody above it."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, Timelock, accounts, chain, reverts

HOUR_S = 3_600
DELAY_S = 48 * HOUR_S
NOTHING = b"\0" * 32


@pytest.fixture(scope="module")
def proposer():
    return accounts[1]


@pytest.fixture(scope="module")
def attacker():
    return accounts[2]


@pytest.fixture(scope="module")
def timelock(proposer):
    return Timelock.deploy(proposer, {"from": accounts[0]})


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


def schedule(timelock, proposer, new_delay, wait=DELAY_S):
    """An operation on the timelock itself; returns what `execute` needs."""
    call = timelock.update_delay.encode_input(new_delay)
    timelock.schedule(timelock, 0, call, NOTHING, NOTHING, wait, {"from": proposer})
    return (timelock, 0, call, NOTHING, NOTHING)


def test_deploy__zero_proposer__reverts():
    with reverts("timelock: zero proposer"):
        Timelock.deploy(ZERO_ADDRESS, {"from": accounts[0]})


def test_deploy__roles__only_the_proposer_proposes(timelock, proposer, attacker):
    propose, execute, admin = (
        timelock.PROPOSER_ROLE(),
        timelock.EXECUTOR_ROLE(),
        timelock.DEFAULT_ADMIN_ROLE(),
    )
    assert timelock.get_minimum_delay() == DELAY_S
    assert timelock.hasRole(propose, proposer)
    assert timelock.hasRole(timelock.CANCELLER_ROLE(), proposer)
    assert timelock.hasRole(execute, ZERO_ADDRESS)
    assert timelock.hasRole(admin, timelock)
    for account in (accounts[0], proposer, attacker):
        assert not timelock.hasRole(admin, account)
    assert not timelock.hasRole(propose, accounts[0])


def test_schedule__not_the_proposer__reverts(timelock, attacker):
    with reverts("access_control: account is missing role"):
        schedule(timelock, attacker, DELAY_S)


def test_schedule__under_the_delay__reverts(timelock, proposer):
    with reverts("timelock_controller: insufficient delay"):
        schedule(timelock, proposer, DELAY_S, wait=DELAY_S - 1)


def test_execute__one_second_early__reverts(timelock, proposer, attacker):
    operation = schedule(timelock, proposer, DELAY_S + 1)
    chain.sleep(DELAY_S - 10)
    with reverts("timelock_controller: operation is not ready"):
        timelock.execute(*operation, {"from": attacker})


def test_update_delay__by_an_operation__anybody_executes_it(timelock, proposer, attacker):
    operation = schedule(timelock, proposer, DELAY_S + HOUR_S)
    chain.sleep(DELAY_S)
    tx = timelock.execute(*operation, {"from": attacker})
    assert timelock.get_minimum_delay() == DELAY_S + HOUR_S
    assert tx.events["MinimumDelayChange"]["old_duration"] == DELAY_S
    assert tx.events["MinimumDelayChange"]["new_duration"] == DELAY_S + HOUR_S


def test_update_delay__under_the_floor__reverts(timelock, proposer, attacker):
    operation = schedule(timelock, proposer, DELAY_S - 1)
    chain.sleep(DELAY_S)
    with reverts("timelock: delay too short"):
        timelock.execute(*operation, {"from": attacker})
    assert timelock.get_minimum_delay() == DELAY_S


def test_update_delay__at_the_floor__accepted(timelock, proposer, attacker):
    operation = schedule(timelock, proposer, DELAY_S)
    chain.sleep(DELAY_S)
    timelock.execute(*operation, {"from": attacker})
    assert timelock.get_minimum_delay() == DELAY_S


def test_update_delay__directly__reverts(timelock, proposer):
    with reverts("timelock: only itself"):
        timelock.update_delay(DELAY_S, {"from": proposer})
