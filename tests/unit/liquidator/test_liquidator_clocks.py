"""Liquidator: a leg's clock stands still from the loss of its price to the end of the grace."""

from __future__ import annotations

import pytest
from brownie import accounts, chain, reverts

from tests.support.liquidation_world import (
    BTC,
    ETH,
    FAR,
    WAD,
    T,
    account_of,
    move_mark_to_equity,
    places,
    set_params,
    started,
)

NOTHING = "liquidation: nothing to resolve"


def stop(world, market: int, since: int, until: int, waiting: bool = False) -> None:
    """The last stop of a market's clocks."""
    world.ledger.set_stop(market, since, until, waiting, {"from": world.deployer})


def both_legs(world, engine, account, keeper) -> int:
    """Started with BTC and ETH below margin; returns when."""
    world.give(account, 400 * WAD, {BTC: (100, 110), ETH: (500, 12)})
    return int(engine.start(account, {"from": keeper}).timestamp)


# --- concession ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "until", "stopped"),
    [
        (-1_000, -1, 0),  # before the auction
        (-1_000, 0, 0),
        (-1_000, 1, 1),
        (-1_000, 300, 300),  # had begun before the start
        (100, 400, 300),
        (500, 600, 100),
        (500, 100_000, 400),  # the grace goes on: up to now only
        (0, 900, 900),
        (900, 1_000, 0),
    ],
)
def test_take_terms__a_stop__counts_as_far_as_it_lies_in_the_auction(
    world, engine, account, keeper, since, until, stopped
):
    set_params(world, c_min=0, c_max=T * 10)  # ten parts per million a second
    start = both_legs(world, engine, account, keeper)
    stop(world, ETH, start + since, start + until)
    chain.mine(timestamp=start + 900)
    assert engine.take_terms(account, BTC)[2] == 9_000
    assert engine.take_terms(account, ETH)[2] == 9_000 - 10 * stopped
    assert engine.auction(account)[4] == 900


def test_take__after_a_stop__at_the_concession_of_its_own_clock(
    world, engine, account, into, taker, keeper
):
    set_params(world, c_min=0, c_max=T * 10)
    start = both_legs(world, engine, account, keeper)
    stop(world, BTC, start + 100, start + 900)
    chain.mine(timestamp=start + 999)
    terms = engine.take_terms(account, BTC)
    tx = engine.take(account, BTC, 10 * WAD, FAR, into, {"from": taker})
    concession = (tx.timestamp - start - 800) * 10
    assert terms[2] <= concession <= terms[2] + 30
    assert tx.events["Taken"]["account_price"] == 100 * WAD * (10**6 - concession) // 10**6


# --- resolve ------------------------------------------------------------------------------------


def test_resolve__stopped_auction__runs_out_later_by_the_stop(world, engine, account, keeper):
    tx = started(world, account, 400 * WAD, keeper)
    stop(world, BTC, tx.timestamp + 10, tx.timestamp + 610)
    chain.mine(timestamp=tx.timestamp + T + 595)
    with reverts(NOTHING):
        engine.resolve(10, {"from": keeper})
    chain.mine(timestamp=tx.timestamp + T + 600)
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__two_legs__works_on_the_one_whose_clock_has_run_out(
    world, engine, account, keeper
):
    start = both_legs(world, engine, account, keeper)
    stop(world, BTC, start + 10, start + 310)
    chain.mine(timestamp=start + T)
    tx = engine.resolve(10, {"from": keeper})
    assert [event["market"] for event in tx.events["Rematched"]] == [ETH]


def test_resolve__bankrupt_in_two_markets__one_clock_is_enough(world, engine, account, keeper):
    start = both_legs(world, engine, account, keeper)
    move_mark_to_equity(world, account, -WAD)
    stop(world, BTC, start + 10, start + 310)
    chain.mine(timestamp=start + T)
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__restarted__runs_a_quarter_of_its_duration_without_the_stop(
    world, engine, account, keeper
):
    started(world, account, 400 * WAD, keeper)
    chain.mine(timedelta=T - 5)
    move_mark_to_equity(world, account, 700 * WAD)
    engine.touch(account, {"from": keeper})
    move_mark_to_equity(world, account, 400 * WAD)
    again = int(engine.start(account, {"from": keeper}).timestamp)
    stop(world, BTC, again + 5, again + 105)
    chain.mine(timestamp=again + T // 4 + 95)
    with reverts(NOTHING):
        engine.resolve(10, {"from": keeper})
    chain.mine(timestamp=again + T // 4 + 100)
    assert engine.resolve(10, {"from": keeper}).return_value is True


def test_resolve__only_leg_waits__goes_to_the_back_by_the_plain_clock(
    world, engine, account, keeper
):
    tx = started(world, account, 400 * WAD, keeper)
    stop(world, BTC, tx.timestamp + 1_000, tx.timestamp + 3_000, waiting=True)
    chain.mine(timestamp=tx.timestamp + T)
    tx = engine.resolve(10, {"from": keeper})
    assert tx.return_value is False
    assert "Requeued" in tx.events


def test_resolve__stopped_account_in_front__does_not_hold_up_the_next(
    world, engine, account, keeper
):
    start = int(started(world, account, 400 * WAD, keeper).timestamp)
    other = account_of(accounts[6])
    world.give(other, 100 * WAD, {ETH: (500, 12)})
    engine.start(other, {"from": keeper})
    stop(world, BTC, start + 10, start + 610)
    chain.mine(timestamp=start + T + 100)
    assert engine.resolve(10, {"from": keeper}).return_value is True
    assert places(world) == [account]
    with reverts(NOTHING):
        engine.resolve(10, {"from": keeper})


def test_resolve__flat_leg_with_a_clock_run_out__is_synced_away_and_decides_nothing(
    world, engine, account, keeper
):
    """What ADL closed whole stays in the list until synced: it lent its clock to the other leg."""
    start = both_legs(world, engine, account, keeper)
    move_mark_to_equity(world, account, -300 * WAD)
    world.ledger.set_position(account, ETH, 0, 0, {"from": world.deployer})
    move_mark_to_equity(world, account, -300 * WAD)
    stop(world, BTC, start + 10, start + 610)
    chain.mine(timestamp=start + T + 100)
    assert engine.resolve(10, {"from": keeper}).return_value is False
    assert list(world.ledger.markets_of(account)) == [BTC]
    assert places(world) == [account]
    with reverts(NOTHING):
        engine.resolve(10, {"from": keeper})


# --- restart ------------------------------------------------------------------------------------


def test_restart__clock_goes_on_without_the_longest_stop(world, engine, account, keeper):
    start = both_legs(world, engine, account, keeper)
    stop(world, BTC, start + 10, start + 110)
    stop(world, ETH, start + 10, start + 310)
    chain.mine(timestamp=start + 600)
    move_mark_to_equity(world, account, 2_000 * WAD)
    ended = int(engine.touch(account, {"from": keeper}).timestamp)
    move_mark_to_equity(world, account, 400 * WAD)
    again = int(engine.start(account, {"from": keeper}).timestamp)
    chain.mine(timestamp=again + 20)
    # the stops lie before the restart: none of them counts twice
    assert engine.auction(account)[4] == ended - start - 300 + 20


def test_restart__markets_the_account_has_left__do_not_count(world, engine, account, keeper):
    start = both_legs(world, engine, account, keeper)
    stop(world, ETH, start + 10, start + 310)
    world.ledger.set_position(account, ETH, 0, 0, {"from": world.deployer})
    world.ledger.sync(account, ETH, {"from": world.deployer})
    move_mark_to_equity(world, account, 2_000 * WAD)
    chain.mine(timestamp=start + 600)
    ended = int(engine.touch(account, {"from": keeper}).timestamp)
    move_mark_to_equity(world, account, 400 * WAD)
    again = int(engine.start(account, {"from": keeper}).timestamp)
    chain.mine(timestamp=again + 20)
    assert engine.auction(account)[4] == ended - start + 20


# --- the urgent lane and holds ------------------------------------------------------------------


def test_start__uncovered_loss_in_a_grace__not_urgent_but_winners_are_held(
    world, engine, account, keeper
):
    now = chain[-1].timestamp
    stop(world, BTC, now - 100, now + 1_000, waiting=True)
    world.give(account, -26_000 * WAD, {BTC: (100, 110)})
    engine.start(account, {"from": keeper})
    assert not engine.resolve_due()
    assert list(world.ledger.holds()) == [BTC << 1]
    # each touch in the grace holds them again, to its end
    engine.remark(account, {"from": keeper})
    assert len(world.ledger.holds()) == 2
    stop(world, BTC, now - 100, now + 1_000)
    engine.remark(account, {"from": keeper})
    assert engine.resolve_due()
    assert len(world.ledger.holds()) == 3
    engine.remark(account, {"from": keeper})
    assert len(world.ledger.holds()) == 3


def test_remark__nothing_can_be_resolved__markets_that_are_open_are_not_held_for_ever(
    world, engine, account, keeper
):
    """A leg taken over in a living market leaves its weight; the rest hangs in a dead feed."""
    world.give(account, -60_000 * WAD, {BTC: (100, 110), ETH: (-500, 8)})
    engine.start(account, {"from": keeper})
    assert list(world.ledger.holds()) == [BTC << 1, ETH << 1 | 1]
    world.ledger.set_priced(ETH, False, {"from": keeper})
    world.ledger.set_position(account, BTC, 0, 0, {"from": keeper})
    world.ledger.sync(account, BTC, {"from": keeper})
    move_mark_to_equity(world, account, -60_000 * WAD)
    engine.remark(account, {"from": keeper})
    # it left the lane, in which winners waited for `resolve`: those of the dead feed are held
    assert not engine.resolve_due()
    assert list(world.ledger.holds()) == [BTC << 1, ETH << 1 | 1, ETH << 1 | 1]
    engine.remark(account, {"from": keeper})
    assert list(world.ledger.holds()) == [BTC << 1, *[ETH << 1 | 1] * 3]


def test_urgent__market_begins_to_wait__nobody_waits_for_it(world, engine, account, keeper):
    started(world, account, -26_000 * WAD, keeper)
    assert engine.resolve_due()
    now = chain[-1].timestamp
    stop(world, BTC, now, now + 1_000, waiting=True)
    assert engine.resolve(10, {"from": keeper}).return_value is False
    assert not engine.resolve_due()
