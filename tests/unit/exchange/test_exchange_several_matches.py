"""Exchange: several matches in one call, and what the clearinghouse says to them."""

from __future__ import annotations

import pytest
from brownie import reverts

from plimsoll.orders import Flags, Match, unsigned
from tests.support.order_desk import WAD, fills, skipped

# --- what the clearinghouse says -----------------------------------------------------------


def test_settle__trade_refused__reason_unchanged(desk, maker, taker):
    desk.probe.refuse_trade(taker.main, "margin: below initial", {"from": desk.relayer})
    orders = [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 100 * WAD)]
    with reverts("margin: below initial"):
        desk.settle(orders, WAD)
    assert desk.filled(orders[0]) == 0


def test_settle__started_accounts__touched_after(desk, maker, taker):
    orders = [desk.post(maker, 9 * WAD, 100 * WAD), desk.signed(taker, -9 * WAD, 100 * WAD)]
    assert "Touched" not in desk.settle(orders, WAD).events
    desk.probe.set_started(maker.main, True, {"from": desk.relayer})
    tx = desk.settle(orders, WAD)
    assert [event["account"] for event in tx.events["Touched"]] == [maker.main]
    desk.probe.set_started(taker.main, True, {"from": desk.relayer})
    tx = desk.settle(orders, WAD)
    assert [event["account"] for event in tx.events["Touched"]] == [maker.main, taker.main]
    tx = desk.settle(orders, [Match(0, 1, WAD)] * 2)
    assert [event["account"] for event in tx.events["Touched"]] == [maker.main, taker.main] * 2
    desk.probe.set_started(maker.main, False, {"from": desk.relayer})
    tx = desk.settle(orders, WAD)
    assert [event["account"] for event in tx.events["Touched"]] == [taker.main]


def test_settle__touch_refused__reason_unchanged(desk, maker, taker):
    desk.probe.set_started(taker.main, True, {"from": desk.relayer})
    desk.probe.refuse_touch(taker.main, "reserve: does not fit", {"from": desk.relayer})
    orders = [desk.post(maker, 9 * WAD, 100 * WAD), desk.signed(taker, -9 * WAD, 100 * WAD)]
    with reverts("reserve: does not fit"):
        desk.settle(orders, WAD)
    with reverts("#0 reserve: does not fit"):
        desk.settle(orders, [Match(0, 1, WAD)] * 2)


# --- several matches -----------------------------------------------------------------------


def test_settle__one_taker_two_makers__each_order_written_once(desk, maker, taker, other):
    orders = [
        desk.post(maker, 2 * WAD, 100 * WAD),
        desk.post(other, 3 * WAD, 99 * WAD),
        desk.signed(taker, -9 * WAD, 98 * WAD),
    ]
    tx = desk.settle(orders, [Match(0, 2, 2 * WAD), Match(1, 2, 3 * WAD)])
    assert [(fill["maker"], fill["size"], fill["price"]) for fill in fills(tx)] == [
        (maker.main, -2 * WAD, 100 * WAD),
        (other.main, -3 * WAD, 99 * WAD),
    ]
    assert [event["size"] for event in tx.events["Matched"]] == [-2 * WAD, -3 * WAD]
    assert [desk.filled(order) for order in orders] == [2 * WAD, 3 * WAD, 5 * WAD]


def test_settle__several__pair_reason_carries_the_match(desk, maker, taker, other):
    orders = [
        desk.post(maker, 2 * WAD, 100 * WAD),
        desk.post(other, 3 * WAD, 99 * WAD),
        desk.signed(taker, -9 * WAD, 98 * WAD),
    ]
    with reverts("#1 order: over filled"):
        desk.settle(orders, [Match(0, 2, 2 * WAD), Match(0, 2, 1)])
    with reverts("#1 order: same side"):
        desk.settle(orders, [Match(0, 2, WAD), Match(0, 1, WAD)])
    with reverts("#1 match: zero size"):
        desk.settle(orders, [Match(0, 2, WAD), Match(1, 2, 0)])
    assert desk.filled(orders[0]) == 0


def test_settle__several__missing_order_carries_the_match(desk, maker, taker):
    orders = [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 98 * WAD)]
    with reverts("#1 match: no such order"):
        desk.exchange.settle(
            [order.as_tuple() for order in orders],
            [(0, 1, 1), (0, 2, 1)],
            {"from": desk.relayer},
        )


def test_settle__several__bad_order_carries_its_number(desk, maker, taker):
    orders = [
        desk.post(maker, 2 * WAD, 100 * WAD),
        desk.signed(taker, -9 * WAD, 98 * WAD, expiry=1),
    ]
    with reverts("@1 order: expired"):
        desk.settle(orders, [Match(0, 1, 1)] * 2)
    orders[1] = desk.signed(taker, -9 * WAD, 98 * WAD, flags=Flags.LIQUIDATION_ONLY)
    with reverts("@1 order: liquidation-only"):
        desk.settle(orders, [Match(0, 1, 1)] * 2)


def test_settle__several__clearinghouse_reason_carries_the_match(desk, maker, taker, other):
    desk.probe.refuse_trade(taker.main, "margin: below initial", {"from": desk.relayer})
    orders = [
        desk.post(maker, 9 * WAD, 100 * WAD),
        desk.signed(other, -WAD, 98 * WAD),
        desk.signed(taker, -WAD, 98 * WAD),
    ]
    with reverts("#1 margin: below initial"):
        desk.settle(orders, [Match(0, 1, WAD), Match(0, 2, WAD)])


@pytest.mark.parametrize(
    "data",
    [
        "0x01",
        "0x4e487b71" + "00" * 31 + "11",
        "0x08c379a0" + "ff" * 160,
        "0x08c379a0" + "00" * 31 + "20" + "00" * 31 + "ff" + "41" * 96,
        "0x08c379a0" + "00" * 31 + "40" + "00" * 31 + "01" + "41" * 32,
        "0x08c379a0" + "00" * 31 + "20" + "00" * 31 + "61" + "41" * 128,
    ],
    ids=["junk", "panic", "all-ones", "long-length", "far-offset", "too-long"],
)
def test_settle__several__unreadable_reason__stand_in(desk, maker, taker, data):
    desk.probe.refuse_trade_raw(taker.main, data, {"from": desk.relayer})
    orders = [desk.post(maker, 9 * WAD, 100 * WAD), desk.signed(taker, -9 * WAD, 98 * WAD)]
    with reverts("#0 call: no reason"):
        desk.settle(orders, [Match(0, 1, WAD)] * 2)
    assert skipped(desk.try_settle(orders, WAD)) == [(0, "call: no reason")]


def test_settle__same_order_given_twice__reverts(desk, maker, taker, other):
    bid = desk.post(maker, 2 * WAD, 100 * WAD)
    ask = desk.signed(taker, -9 * WAD, 98 * WAD)
    with reverts("@1 order: given twice"):
        desk.settle([bid, bid, ask], [Match(0, 2, 2 * WAD), Match(1, 2, 2 * WAD)])


def test_settle__order_given_but_not_matched__untouched(desk, maker, taker, other):
    orders = [
        desk.post(maker, 2 * WAD, 100 * WAD),
        desk.signed(taker, -9 * WAD, 98 * WAD),
        desk.post(other, WAD, 100 * WAD),
    ]
    desk.settle(orders, [Match(0, 1, WAD)] * 2)
    assert desk.filled(orders[2]) == 0


def test_settle__nothing__does_nothing(desk):
    assert len(desk.settle([], []).events) == 0


# --- sent by the taker ---------------------------------------------------------------------


def test_settle__sent_by_taker__no_record_of_its_order(desk, maker, taker):
    bid = desk.post(maker, 9 * WAD, 100 * WAD)
    ask = unsigned(desk.order(taker.main, -2 * WAD, 99 * WAD))
    for _ in range(2):
        tx = desk.settle([bid, ask], 2 * WAD, sender=taker.account)
        assert tx.events["Matched"]["size"] == -2 * WAD
    assert desk.filled(bid) == 4 * WAD
    assert desk.filled(ask) == 0


def test_settle__sent_by_taker__size_holds_within_the_call(desk, maker, taker):
    bid = desk.post(maker, 9 * WAD, 100 * WAD)
    ask = unsigned(desk.order(taker.main, -2 * WAD, 99 * WAD))
    with reverts("order: over filled"):
        desk.settle([bid, ask], 2 * WAD + 1, sender=taker.account)
    with reverts("#1 order: over filled"):
        desk.settle([bid, ask], [Match(0, 1, 2 * WAD), Match(0, 1, 1)], sender=taker.account)
    tx = desk.try_settle([bid, ask], [Match(0, 1, 2 * WAD), Match(0, 1, 1)], sender=taker.account)
    assert skipped(tx) == [(1, "order: over filled")]
