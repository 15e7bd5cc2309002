"""The clock of a margin call stands still while a market of the client does."""

from __future__ import annotations

import pytest

from tests.support.broker_world import BTC, CURE_S, ETH, HOUR_S
from tests.support.expect import reverts


def do(world, function, account, who=None):
    return world.send(who or world.anybody, world.sponsorship, function, account)


def stop(world, market, start, end, is_open):
    world.send(world.anybody, world.ledger, "set_stop", market, start, end, is_open)


def called_in(world, vault, markets):
    account = world.call_for_margin(vault)
    world.send(world.anybody, world.ledger, "set_markets", account, markets)
    for market in markets:
        stop(world, market, 0, 0, True)
    return account, world.call_of(account)["deadline"]


def test_clock__stands_still_while_a_market_does(world, vault):
    account, deadline = called_in(world, vault, [BTC])
    began = world.now + HOUR_S
    world.wait(2 * HOUR_S)
    stop(world, BTC, began, 0, False)
    world.wait(CURE_S)
    with reverts("call: clock stopped"), world.rpc.undone():
        stop(world, BTC, deadline - 10, deadline - 9, False)
        do(world, "declare_default", account)
    with reverts("call: clock stopped"):
        do(world, "start_early", account, world.operator)
    stop(world, BTC, began, began + 3 * HOUR_S, True)
    with reverts("call: not due"):
        do(world, "declare_default", account)
    (event,) = do(world, "count_stops", account)
    assert dict(event.args) == {
        "account": account,
        "seconds": 3 * HOUR_S,
        "deadline": deadline + 3 * HOUR_S,
    }
    assert do(world, "count_stops", account) == []
    assert world.call_of(account)["deadline"] == deadline + 3 * HOUR_S
    world.rpc.set_next_timestamp(deadline + 3 * HOUR_S + 1)
    do(world, "declare_default", account)


def test_clock__longest_stop_of_two_markets(world, vault):
    account, deadline = called_in(world, vault, [BTC, ETH])
    start = world.now
    world.wait(2 * HOUR_S)
    stop(world, BTC, start, start + 600, True)
    stop(world, ETH, start, start + 900, True)
    do(world, "count_stops", account)
    assert world.call_of(account)["deadline"] == deadline + 900


def test_clock__part_of_a_stop_before_the_call_or_the_last_count(world, vault):
    account, deadline = called_in(world, vault, [BTC])
    called_at = world.call_of(account)["called_at"]
    world.wait(HOUR_S)
    stop(world, BTC, called_at - HOUR_S, called_at + 100, True)
    do(world, "count_stops", account)
    assert world.call_of(account)["deadline"] == deadline + 100
    counted = world.now
    world.wait(HOUR_S)
    stop(world, BTC, called_at - HOUR_S, 0, False)
    do(world, "count_stops", account)
    assert world.call_of(account)["deadline"] == deadline + 100 + world.now - counted


def test_clock__stop_after_the_deadline_changes_nothing(world, vault):
    account, deadline = called_in(world, vault, [BTC])
    world.wait(CURE_S + HOUR_S)
    stop(world, BTC, deadline + 1, deadline + 100, True)
    do(world, "declare_default", account)


def test_clock__counts_before_a_cure(world, vault):
    account, deadline = called_in(world, vault, [BTC])
    world.set_health(account, 700, mm=490, im=980)
    stop(world, BTC, deadline - HOUR_S, deadline - 1, True)
    world.rpc.set_next_timestamp(deadline + 100)
    do(world, "cure", account)
    assert world.call_of(account)["state"] == 0


def test_default__of_a_call_that_was_met__cures_it(world, vault):
    """Nobody is in default because nobody sent `cure`: calling each wick earns no fee."""
    account = world.call_for_margin(vault)
    world.set_health(account, 613, mm=490, im=980)
    world.wait(CURE_S + 1)
    with reverts("call: deadline passed"):
        world.send(world.anybody, world.sponsorship, "cure", account)
    (event,) = world.send(world.anybody, world.sponsorship, "declare_default", account)
    assert event.name == "MarginCured"
    assert world.guarantee(account)["opening_until"] != 0
    # nothing of the period is left: the next call within a day has a quarter of it
    world.set_health(account, 400, mm=490, im=980)
    world.send(world.anybody, world.sponsorship, "call", account)
    assert world.call_of(account)["deadline"] == world.now + CURE_S // 4


@pytest.mark.parametrize(("part", "waits"), [(48, False), (49, True)])
def test_stop__of_less_than_a_tenth__keeps_nobody_from_a_default(world, vault, part, waits):
    account = world.call_for_margin(vault)
    world.set_leg(account, 10, mm=part, market=ETH)
    world.set_leg(account, 10_000, mm=490 - part, market=BTC)
    world.send(world.anybody, world.ledger, "set_stop", BTC, 0, 0, True)
    world.send(world.anybody, world.ledger, "set_stop", ETH, world.now, 0, False)
    world.wait(CURE_S + 1)
    if waits:
        with reverts("call: not due"):
            world.send(world.anybody, world.sponsorship, "declare_default", account)
    else:
        (event,) = world.send(world.anybody, world.sponsorship, "declare_default", account)
        assert event.name == "MarginDefaulted"
