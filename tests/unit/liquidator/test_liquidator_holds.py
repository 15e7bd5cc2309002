"""Liquidator: losses that are not covered hold the winners, and withdrawals wait for `resolve`."""

from __future__ import annotations

import pytest
from brownie import accounts, chain, reverts

from tests.support.liquidation_world import (
    BTC,
    ETH,
    WAD,
    T,
    account_of,
    move_mark_to_equity,
    started,
)


def held(world) -> list[tuple[int, bool]]:
    """Market and side of every hold the ledger was asked for."""
    return [(word >> 1, bool(word & 1)) for word in world.ledger.holds()]


def uncovered_of(tx) -> int:
    event = tx.events["Reserved"]
    return event["deficit"] - event["reserved"]


# --- holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "winners_long"), [(100, False), (-100, True)])
def test_start__loss_that_does_not_fit__holds_the_other_side(
    world, engine, account, keeper, size, winners_long
):
    world.give(account, -26_000 * WAD, {BTC: (size, 110 if size > 0 else 90)})
    tx = engine.start(account, {"from": keeper})
    assert uncovered_of(tx) > 0
    assert held(world) == [(BTC, winners_long)]


def test_start__loss_that_fits__holds_nobody(world, engine, account, keeper):
    started(world, account, -300 * WAD, keeper)
    assert held(world) == []


def test_start__two_markets__holds_both_by_their_shares(world, engine, account, keeper):
    world.give(account, -60_000 * WAD, {BTC: (100, 110), ETH: (-500, 8)})
    engine.start(account, {"from": keeper})
    assert held(world) == [(BTC, False), (ETH, True)]


def test_start__part_of_a_market__dust_beside_its_open_interest_holds_nobody(
    world, engine, account, keeper
):
    """Uncovered x: part > 1e-4 of interest * mark, to the wei."""
    world.give(account, -26_000 * WAD, {BTC: (100, 110)})
    tx = engine.start(account, {"from": keeper})
    uncovered = uncovered_of(tx)
    chain.undo()
    # the whole loss is BTC's: uncovered * 1e4 against interest * 100
    edge = uncovered * 10_000 // 100
    assert edge * 100 == uncovered * 10_000
    for interest, holds in ((edge, False), (edge - 1, True)):
        world.ledger.set_interest(BTC, interest, {"from": keeper})
        engine.start(account, {"from": keeper})
        assert (held(world) == [(BTC, False)]) == holds
        chain.undo(2)


def test_remark__in_the_urgent_queue_already__holds_nobody_again(world, engine, account, keeper):
    started(world, account, -26_000 * WAD, keeper)
    move_mark_to_equity(world, account, -27_000 * WAD)
    engine.remark(account, {"from": keeper})
    assert len(held(world)) == 1


def test_remark__loss_grows_past_what_fits__holds_then(world, engine, account, keeper):
    started(world, account, -300 * WAD, keeper)
    assert held(world) == []
    move_mark_to_equity(world, account, -26_000 * WAD)
    engine.remark(account, {"from": keeper})
    assert held(world) == [(BTC, False)]
    # it fits again, and then does not once more
    move_mark_to_equity(world, account, -300 * WAD)
    engine.remark(account, {"from": keeper})
    move_mark_to_equity(world, account, -26_000 * WAD)
    engine.remark(account, {"from": keeper})
    assert held(world) == [(BTC, False)] * 2


# --- what withdrawals wait for ------------------------------------------------------------------


def test_resolve_due__nothing_started_or_a_loss_that_fits__is_not(world, engine, account, keeper):
    assert not engine.resolve_due()
    started(world, account, -300 * WAD, keeper)
    assert not engine.resolve_due()


def test_resolve_due__loss_that_does_not_fit__until_it_does(world, engine, account, keeper):
    started(world, account, -26_000 * WAD, keeper)
    assert engine.resolve_due()
    move_mark_to_equity(world, account, -300 * WAD)
    engine.remark(account, {"from": keeper})
    assert not engine.resolve_due()


def test_resolve_due__frozen_resolve_in_several_calls__until_its_end(
    world, engine, account, keeper
):
    started(world, account, -300 * WAD, keeper)
    chain.mine(timedelta=T)
    world.ledger.set_resolve(2, 0, {"from": keeper})
    assert engine.resolve(1, {"from": keeper}).return_value is False
    assert engine.resolving() == account
    assert engine.resolve_due()
    engine.resolve(1, {"from": keeper})
    assert not engine.resolve_due()


def test_resolve_due__holes_behind_the_head__do_not_count(world, engine, account, keeper):
    """The second leaves first: then the head's own place is passed, and a hole stands there."""
    other = account_of(accounts[7])
    for who in (account, other):
        started(world, who, -26_000 * WAD, keeper)
    for who in (other, account):
        move_mark_to_equity(world, who, 100 * WAD)
        engine.remark(who, {"from": keeper})
    _, _, head, end = engine.queue_bounds()
    assert head < end
    assert not engine.resolve_due()


def test_withdrawal__loss_that_does_not_fit__waits_for_resolve(world, engine, account, keeper):
    saver = accounts[8]
    own = account_of(saver)
    world.deposit(saver, 50, own)
    started(world, account, -26_000 * WAD, keeper)
    with reverts("custody: resolve first"):
        world.custody.withdraw(own, 10**6, saver, {"from": saver})
    engine.resolve(10, {"from": keeper})
    world.custody.withdraw(own, 10**6, saver, {"from": saver})
    assert world.token.balanceOf(saver) > 0
