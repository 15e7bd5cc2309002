"""Exchange: matching, settlement, skipping and liquidation-only orders."""

from __future__ import annotations

import pytest
from brownie import Exchange, ExchangeProbe, accounts, chain, reverts, web3
from brownie.convert.datatypes import HexString
from brownie.test import given
from hypothesis import settings
from hypothesis import strategies as st

from plimsoll.orders import Domain, Flags, Match, unsigned
from tests.support.order_desk import MARKET, WAD, OrderDesk, party

ZERO = "0x" + "00" * 20

MAKER_REDUCES, TAKER_REDUCES, MAKER_FEE, BLOCK = 1, 2, 4, 8


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def maker():
    return party(accounts, 1)


@pytest.fixture(scope="module")
def taker():
    return party(accounts, 2)


@pytest.fixture(scope="module")
def other():
    return party(accounts, 3)


@pytest.fixture(scope="module")
def attacker():
    return party(accounts, 4)


@pytest.fixture(scope="module")
def desk(deployer):
    probe = ExchangeProbe.deploy({"from": deployer})
    exchange = Exchange.deploy(probe, {"from": deployer})
    exchange.wire(probe, {"from": deployer})
    return OrderDesk(exchange, probe, Domain(chain.id, exchange.address), accounts[9])


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


def fills(tx):
    """What the clearinghouse was asked to trade."""
    names = (
        "maker",
        "taker",
        "market",
        "size",
        "price",
        "maker_fee_cap_ppm",
        "taker_fee_cap_ppm",
        "flags",
    )
    return [
        dict(zip(names, event["fill"], strict=True))
        for event in tx.events
        if event.name == "Traded"
    ]


def skipped(tx):
    return [
        (event["index"], bytes(HexString(event["reason"], "bytes")).decode())
        for event in tx.events
        if event.name == "FillSkipped"
    ]


# --- deployment and wiring ---------------------------------------------------------------


def test_deploy__zero_clearinghouse__reverts(deployer):
    with reverts("exchange: zero address"):
        Exchange.deploy(ZERO, {"from": deployer})


def test_wire__by_another__reverts(desk, deployer, attacker):
    exchange = Exchange.deploy(desk.probe, {"from": deployer})
    with reverts("wire: only deployer"):
        exchange.wire(attacker.address, {"from": attacker.account})


def test_wire__zero_address__reverts(desk, deployer):
    exchange = Exchange.deploy(desk.probe, {"from": deployer})
    with reverts("wire: zero address"):
        exchange.wire(ZERO, {"from": deployer})


def test_wire__twice__reverts(desk, deployer):
    with reverts("wire: already done"):
        desk.exchange.wire(desk.probe, {"from": deployer})


# --- one match ---------------------------------------------------------------------------


def test_settle__two_signed_orders__trades_and_logs(desk, maker, taker):
    bid = desk.post(maker, 5 * WAD, 100 * WAD, max_fee_ppm=150)
    ask = desk.signed(taker, -3 * WAD, 99 * WAD, max_fee_ppm=450)
    tx = desk.settle([bid, ask], 2 * WAD)
    assert fills(tx) == [
        {
            "maker": maker.main,
            "taker": taker.main,
            "market": MARKET,
            "size": -2 * WAD,
            "price": 100 * WAD,
            "maker_fee_cap_ppm": 150,
            "taker_fee_cap_ppm": 450,
            "flags": MAKER_FEE,
        }
    ]
    assert [dict(event) for event in tx.events["Matched"]] == [
        {
            "maker_hash": "0x" + desk.domain.hash(bid.order).hex(),
            "taker_hash": "0x" + desk.domain.hash(ask.order).hex(),
            "market": MARKET,
            "maker": maker.main,
            "taker": taker.main,
            "size": -2 * WAD,
            "price": 100 * WAD,
        }
    ]
    assert desk.filled(bid) == desk.filled(ask) == 2 * WAD


def test_settle__partial_fills__add_up_to_the_size(desk, maker, taker):
    bid = desk.post(maker, 5 * WAD, 100 * WAD)
    ask = desk.signed(taker, -5 * WAD, 99 * WAD)
    desk.settle([bid, ask], 2 * WAD)
    desk.settle([bid, ask], 3 * WAD)
    assert desk.filled(bid) == desk.filled(ask) == 5 * WAD
    with reverts("order: over filled"):
        desk.settle([bid, ask], 1)


@pytest.mark.parametrize("smaller", ["maker", "taker"])
def test_settle__one_wei_over_either_size__reverts(desk, maker, taker, smaller):
    bid = desk.post(maker, (2 if smaller == "maker" else 9) * WAD, 100 * WAD)
    ask = desk.signed(taker, (-2 if smaller == "taker" else -9) * WAD, 99 * WAD)
    with reverts("order: over filled"):
        desk.settle([bid, ask], 2 * WAD + 1)
    desk.settle([bid, ask], 2 * WAD)


def test_settle__replayed_full_fill__reverts(desk, maker, taker):
    orders = [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 99 * WAD)]
    desk.settle(orders, WAD)
    with reverts("order: over filled"):
        desk.settle(orders, WAD)


def test_settle__zero_size__reverts(desk, maker, taker):
    with reverts("match: zero size"):
        desk.settle([desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 99 * WAD)], 0)


@pytest.mark.parametrize("pair", [(0, 2, WAD), (2, 0, WAD)])
def test_settle__order_not_given__reverts(desk, maker, taker, pair):
    orders = [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 99 * WAD)]
    with reverts("match: no such order"):
        desk.exchange.settle([order.as_tuple() for order in orders], [pair], {"from": desk.relayer})


def test_settle__different_markets__reverts(desk, maker, taker):
    with reverts("order: different markets"):
        desk.settle(
            [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 99 * WAD, market=4)], WAD
        )


@pytest.mark.parametrize("sign", [1, -1])
def test_settle__same_side__reverts(desk, maker, taker, sign):
    with reverts("order: same side"):
        desk.settle(
            [desk.post(maker, sign * WAD, 100 * WAD), desk.signed(taker, sign * WAD, 100 * WAD)],
            WAD,
        )


def test_settle__two_accounts_of_one_owner__reverts(desk, maker):
    bid = desk.post(maker, WAD, 100 * WAD)
    ask = desk.signed(maker, -WAD, 99 * WAD, account=maker.sub(1))
    with reverts("order: self trade"):
        desk.settle([bid, ask], WAD)


def test_settle__order_against_itself__reverts(desk, maker):
    with reverts("order: same side"):
        desk.settle([desk.signed(maker, WAD, 100 * WAD)], [Match(0, 0, WAD)])


def test_settle__prices_one_wei_apart__reverts(desk, maker, taker):
    bid = desk.post(maker, WAD, 100 * WAD)
    with reverts("order: prices do not cross"):
        desk.settle([bid, desk.signed(taker, -WAD, 100 * WAD + 1)], WAD)
    desk.settle([bid, desk.signed(taker, -WAD, 100 * WAD)], WAD)


def test_settle__selling_maker_prices_apart__reverts(desk, maker, taker):
    ask = desk.post(maker, -WAD, 100 * WAD)
    with reverts("order: prices do not cross"):
        desk.settle([ask, desk.signed(taker, WAD, 100 * WAD - 1)], WAD)
    tx = desk.settle([ask, desk.signed(taker, WAD, 101 * WAD)], WAD)
    assert fills(tx)[0]["price"] == 100 * WAD
    assert fills(tx)[0]["size"] == WAD


def test_settle__both_post_only__reverts(desk, maker, taker):
    with reverts("order: both post-only"):
        desk.settle([desk.post(maker, WAD, 100 * WAD), desk.post(taker, -WAD, 99 * WAD)], WAD)


def test_settle__post_only_order_named_taker__is_the_maker(desk, maker, taker):
    bid = desk.signed(taker, WAD, 101 * WAD, max_fee_ppm=400)
    ask = desk.post(maker, -WAD, 100 * WAD, max_fee_ppm=100)
    [fill] = fills(desk.settle([bid, ask], WAD))
    assert (fill["maker"], fill["taker"]) == (maker.main, taker.main)
    assert (fill["maker_fee_cap_ppm"], fill["taker_fee_cap_ppm"]) == (100, 400)
    assert (fill["size"], fill["price"], fill["flags"]) == (WAD, 100 * WAD, MAKER_FEE)


def test_settle__no_post_only__midpoint_and_no_maker_fee(desk, maker, taker):
    bid = desk.signed(maker, WAD, 101 * WAD)
    ask = desk.signed(taker, -WAD, 99 * WAD + 1)
    [fill] = fills(desk.settle([bid, ask], WAD))
    assert fill["price"] == 100 * WAD
    assert fill["flags"] == 0
    assert fill["maker"] == maker.main


@given(prices=st.tuples(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1)))
@settings(max_examples=25)
def test_settle__any_two_limits__midpoint_lies_inside(desk, maker, taker, prices):
    low, high = sorted(prices)
    [fill] = fills(desk.settle([desk.signed(maker, WAD, high), desk.signed(taker, -WAD, low)], WAD))
    assert low <= fill["price"] == (low + high) // 2 <= high


@pytest.mark.parametrize(
    ("maker_flag", "taker_flag", "expected"),
    [
        (Flags.REDUCE_ONLY, Flags.NONE, MAKER_REDUCES),
        (Flags.NONE, Flags.REDUCE_ONLY, TAKER_REDUCES),
        (Flags.REDUCE_ONLY, Flags.REDUCE_ONLY, MAKER_REDUCES | TAKER_REDUCES),
    ],
)
def test_settle__reduce_only__passed_on(desk, maker, taker, maker_flag, taker_flag, expected):
    bid = desk.signed(maker, WAD, 100 * WAD, flags=maker_flag)
    ask = desk.signed(taker, -WAD, 100 * WAD, flags=taker_flag)
    assert fills(desk.settle([bid, ask], WAD))[0]["flags"] == expected


def test_settle__swapped_sides__reduce_only_follows(desk, maker, taker):
    bid = desk.signed(taker, WAD, 100 * WAD, flags=Flags.REDUCE_ONLY)
    ask = desk.post(maker, -WAD, 100 * WAD)
    assert fills(desk.settle([bid, ask], WAD))[0]["flags"] == TAKER_REDUCES | MAKER_FEE


@pytest.mark.parametrize("named_by", ["maker", "taker", "both"])
def test_settle__named_counterparty__block_trade(desk, maker, taker, named_by):
    bid = desk.post(maker, WAD, 100 * WAD, counterparty=taker.main if named_by != "taker" else 0)
    ask = desk.signed(taker, -WAD, 100 * WAD, counterparty=maker.main if named_by != "maker" else 0)
    assert fills(desk.settle([bid, ask], WAD))[0]["flags"] == MAKER_FEE | BLOCK


@pytest.mark.parametrize("named_by", ["maker", "taker"])
def test_settle__another_counterparty__reverts(desk, maker, taker, other, named_by):
    restricted = {"counterparty": other.main}
    bid = desk.post(maker, WAD, 100 * WAD, **(restricted if named_by == "maker" else {}))
    ask = desk.signed(taker, -WAD, 100 * WAD, **(restricted if named_by == "taker" else {}))
    with reverts("order: wrong counterparty"):
        desk.settle([bid, ask], WAD)


def test_settle__counterpartys_other_subaccount__reverts(desk, maker, taker):
    bid = desk.post(maker, WAD, 100 * WAD, counterparty=taker.sub(1))
    with reverts("order: wrong counterparty"):
        desk.settle([bid, desk.signed(taker, -WAD, 100 * WAD)], WAD)


def test_settle__liquidation_only__reverts(desk, maker, taker):
    bid = desk.signed(maker, WAD, 100 * WAD, flags=Flags.LIQUIDATION_ONLY)
    with reverts("order: liquidation-only"):
        desk.settle([bid, desk.signed(taker, -WAD, 100 * WAD)], WAD)


# --- one match without lists ---------------------------------------------------------------


def settle_one(desk, bid, ask, size, sender=None):
    return desk.exchange.settle_one(
        bid.as_tuple(), ask.as_tuple(), size, {"from": sender or desk.relayer}
    )


def test_settle_one__does_what_settle_does(desk, maker, taker):
    bid = desk.post(maker, 5 * WAD, 100 * WAD)
    ask = desk.signed(taker, -5 * WAD, 99 * WAD)
    tx, same = settle_one(desk, bid, ask, WAD), desk.settle([bid, ask], WAD)
    assert fills(tx) == fills(same)
    assert len(tx.events["Matched"]) == 1
    assert desk.filled(bid) == desk.filled(ask) == 2 * WAD


def test_settle_one__bad_order_or_trade__plain_reason(desk, maker, taker):
    bid = desk.post(maker, 5 * WAD, 100 * WAD)
    with reverts("order: expired"):
        settle_one(desk, bid, desk.signed(taker, -WAD, 99 * WAD, expiry=1), WAD)
    ask = desk.signed(taker, -WAD, 99 * WAD)
    with reverts("order: over filled"):
        settle_one(desk, bid, ask, WAD + 1)
    desk.probe.refuse_trade(taker.main, "margin: below initial", {"from": desk.relayer})
    with reverts("margin: below initial"):
        settle_one(desk, bid, ask, WAD)
    assert desk.filled(bid) == 0


def test_settle_one__sent_by_taker__no_record_of_its_order(desk, maker, taker):
    bid = desk.post(maker, 5 * WAD, 100 * WAD)
    ask = unsigned(desk.order(taker.main, -WAD, 99 * WAD))
    settle_one(desk, bid, ask, WAD, sender=taker.account)
    assert (desk.filled(bid), desk.filled(ask)) == (WAD, 0)
    with reverts("order: not signed"):
        settle_one(desk, bid, ask, WAD)


@pytest.mark.parametrize("side", ["maker", "taker"])
def test_settle_one__trigger__waits_for_the_mark(desk, maker, taker, side):
    trigger = {"trigger_price": 105 * WAD}
    bid = desk.signed(maker, WAD, 100 * WAD, **(trigger if side == "maker" else {}))
    ask = desk.signed(taker, -WAD, 100 * WAD, **(trigger if side == "taker" else {}))
    with reverts("order: no price for trigger"):
        settle_one(desk, bid, ask, WAD)
    desk.probe.set_mark(MARKET, 106 * WAD, {"from": desk.relayer})
    with reverts("order: trigger not met"):
        settle_one(desk, bid, ask, WAD)
    desk.probe.set_mark(MARKET, 105 * WAD, {"from": desk.relayer})
    settle_one(desk, bid, ask, WAD)


# --- triggers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "mark", "met"),
    [
        (Flags.TRIGGER_ABOVE, 105 * WAD, True),
        (Flags.TRIGGER_ABOVE, 105 * WAD - 1, False),
        (Flags.NONE, 105 * WAD, True),
        (Flags.NONE, 105 * WAD + 1, False),
    ],
)
@pytest.mark.parametrize("side", ["maker", "taker"])
def test_settle__trigger__waits_for_the_mark(desk, maker, taker, flags, mark, met, side):
    desk.probe.set_mark(MARKET, mark, {"from": desk.relayer})
    trigger = {"flags": flags, "trigger_price": 105 * WAD}
    bid = desk.signed(maker, WAD, 100 * WAD, **(trigger if side == "maker" else {}))
    ask = desk.signed(taker, -WAD, 100 * WAD, **(trigger if side == "taker" else {}))
    if met:
        desk.settle([bid, ask], WAD)
    else:
        with reverts("order: trigger not met"):
            desk.settle([bid, ask], WAD)


def test_settle__trigger_without_price__reverts(desk, maker, taker):
    bid = desk.signed(maker, WAD, 100 * WAD, trigger_price=105 * WAD)
    with reverts("order: no price for trigger"):
        desk.settle([bid, desk.signed(taker, -WAD, 100 * WAD)], WAD)


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


# --- try_settle ----------------------------------------------------------------------------


def test_try_settle__bad_match__skipped_with_its_reason(desk, maker, taker, other):
    desk.probe.refuse_trade(other.main, "margin: below initial", {"from": desk.relayer})
    orders = [
        desk.post(maker, 9 * WAD, 100 * WAD),
        desk.signed(other, -WAD, 98 * WAD),
        desk.signed(taker, -WAD, 98 * WAD, expiry=1),
        desk.signed(taker, -WAD, 98 * WAD),
    ]
    tx = desk.try_settle(
        orders, [Match(0, 1, WAD), Match(0, 2, WAD), Match(0, 3, WAD), Match(0, 3, WAD)]
    )
    assert tx.return_value == 1
    assert skipped(tx) == [
        (0, "margin: below initial"),
        (1, "order: expired"),
        (3, "order: over filled"),
    ]
    assert desk.filled(orders[0]) == desk.filled(orders[3]) == WAD
    assert desk.filled(orders[1]) == 0


def test_try_settle__skipped_match__does_not_count_for_an_unsigned_order(desk, maker, taker, other):
    bad = desk.post(other, WAD, 100 * WAD, expiry=1)
    good = desk.post(maker, WAD, 100 * WAD)
    ask = unsigned(desk.order(taker.main, -WAD, 99 * WAD))
    tx = desk.try_settle([bad, good, ask], [Match(0, 2, WAD), Match(1, 2, WAD)], taker.account)
    assert tx.return_value == 1


def test_try_settle__same_order_given_twice__counts_once(desk, maker, taker):
    bid = desk.post(maker, 2 * WAD, 100 * WAD)
    ask = desk.signed(taker, -9 * WAD, 98 * WAD)
    tx = desk.try_settle([bid, bid, ask], [Match(0, 2, 2 * WAD), Match(1, 2, 2 * WAD)])
    assert skipped(tx) == [(1, "order: over filled")]
    assert desk.filled(bid) == 2 * WAD


def test_try_settle__order_not_given__reverts(desk, maker):
    with reverts("#0 match: no such order"):
        desk.exchange.try_settle(
            [desk.post(maker, WAD, WAD).as_tuple()], [(0, 1, 1)], {"from": desk.relayer}
        )


def test_try_settle__gas_gone__reverts_as_a_whole(desk, maker, taker, other):
    orders = [
        desk.post(maker, 9 * WAD, 100 * WAD),
        desk.signed(other, -WAD, 98 * WAD),
        desk.signed(taker, -WAD, 98 * WAD),
    ]
    desk.probe.burn_gas(taker.main, {"from": desk.relayer})
    arguments = desk.arguments(orders, [Match(0, 1, WAD), Match(0, 2, WAD)])
    with reverts("settle: out of gas"):
        desk.exchange.try_settle.call(*arguments, {"from": desk.relayer, "gas_limit": 3_000_000})


def test_try_settle__too_little_gas__never_skips_an_honest_match(desk, maker, taker):
    orders = [desk.post(maker, WAD, 100 * WAD), desk.signed(taker, -WAD, 98 * WAD)]
    arguments = desk.arguments(orders, WAD)
    needed = desk.exchange.try_settle.estimate_gas(*arguments, {"from": desk.relayer})
    data = desk.exchange.try_settle.encode_input(*arguments)
    settled = []
    for gas in range(50_000, needed + 20_000, 5_000):
        call = {
            "from": desk.relayer.address,
            "to": desk.exchange.address,
            "data": data,
            "gas": hex(gas),
        }
        answer = web3.provider.make_request("eth_call", [call, "latest"])
        settled.append(int(answer["result"], 16) if "result" in answer else None)
    assert set(settled) == {None, 1}
    assert settled == sorted(settled, key=lambda count: count is not None)


def test_settle_pair__from_outside__reverts(desk, maker, taker, attacker):
    bid = unsigned(desk.order(maker.main, WAD, 100 * WAD))
    ask = unsigned(desk.order(taker.main, -WAD, 100 * WAD))
    with reverts("access: not self"):
        desk.exchange.settle_pair(
            bid.as_tuple(),
            ask.as_tuple(),
            WAD,
            0,
            0,
            maker.address,
            {"from": attacker.account},
        )


# --- liquidation-only orders ---------------------------------------------------------------


@pytest.fixture
def bankrupt(desk, other):
    """An account under liquidation, long 10."""
    desk.probe.set_leg(other.main, MARKET, 10 * WAD, {"from": desk.relayer})
    return other.main


def backstop(desk, who, size=5 * WAD, price=90 * WAD, **changes):
    flags = changes.pop("flags", Flags.LIQUIDATION_ONLY)
    return desk.signed(who, size, price, flags=flags, **changes)


def take(desk, signed, account, size, sender=None):
    return desk.exchange.take_with_order(
        signed.as_tuple(), account, size, {"from": sender or desk.relayer}
    )


def test_take_with_order__asks_the_liquidator(desk, taker, bankrupt):
    signed = backstop(desk, taker)
    tx = take(desk, signed, bankrupt, 2 * WAD)
    assert tx.return_value == 2 * WAD
    asked = tuple(int(value) for value in desk.probe.last_take())
    assert asked == (taker.main, bankrupt, MARKET, 2 * WAD, 90 * WAD)
    assert desk.filled(signed) == 2 * WAD
    assert dict(tx.events["OrderFilled"]) == {
        "order_hash": "0x" + desk.domain.hash(signed.order).hex(),
        "account": taker.main,
        "market": MARKET,
        "size": 2 * WAD,
        "filled": 2 * WAD,
    }


def test_take_with_order__less_given__only_that_counts(desk, taker, bankrupt):
    desk.probe.set_take_share(250_000, {"from": desk.relayer})
    signed = backstop(desk, taker)
    assert take(desk, signed, bankrupt, 4 * WAD).return_value == WAD
    assert desk.filled(signed) == WAD


def test_take_with_order__short_leg__needs_a_seller(desk, taker, bankrupt):
    desk.probe.set_leg(bankrupt, MARKET, -10 * WAD, {"from": desk.relayer})
    with reverts("order: wrong side"):
        take(desk, backstop(desk, taker), bankrupt, WAD)
    assert (
        take(desk, backstop(desk, taker, -WAD), bankrupt, WAD).events["OrderFilled"]["size"] == -WAD
    )


@pytest.mark.parametrize("size", [WAD, -WAD])
def test_take_with_order__flat_leg__reverts(desk, taker, bankrupt, size):
    desk.probe.set_leg(bankrupt, MARKET, 0, {"from": desk.relayer})
    with reverts("order: wrong side"):
        take(desk, backstop(desk, taker, size), bankrupt, WAD)


def test_take_with_order__ordinary_order__reverts(desk, taker, bankrupt):
    with reverts("order: not liquidation-only"):
        take(desk, desk.signed(taker, WAD, 90 * WAD), bankrupt, WAD)


def test_take_with_order__more_than_left__reverts(desk, taker, bankrupt):
    signed = backstop(desk, taker)
    with reverts("order: over filled"):
        take(desk, signed, bankrupt, 5 * WAD + 1)
    take(desk, signed, bankrupt, 5 * WAD)
    with reverts("order: over filled"):
        take(desk, signed, bankrupt, 1)


def test_take_with_order__nothing__reverts(desk, taker, bankrupt):
    with reverts("match: zero size"):
        take(desk, backstop(desk, taker), bankrupt, 0)


def test_take_with_order__own_account__reverts(desk, other, bankrupt):
    with reverts("order: self trade"):
        take(desk, backstop(desk, other, account=other.sub(1)), bankrupt, WAD)


def test_take_with_order__counterparty__only_that_account(desk, taker, maker, bankrupt):
    with reverts("order: wrong counterparty"):
        take(desk, backstop(desk, taker, counterparty=maker.main), bankrupt, WAD)
    take(desk, backstop(desk, taker, counterparty=bankrupt), bankrupt, WAD)


@pytest.mark.parametrize("flag", [Flags.REDUCE_ONLY, Flags.POST_ONLY])
def test_take_with_order__flag_without_meaning__reverts(desk, taker, bankrupt, flag):
    with reverts("order: flags do not combine"):
        take(desk, backstop(desk, taker, flags=Flags.LIQUIDATION_ONLY | flag), bankrupt, WAD)


def test_take_with_order__trigger__waits_for_the_mark(desk, taker, bankrupt):
    signed = backstop(desk, taker, trigger_price=95 * WAD)
    with reverts("order: no price for trigger"):
        take(desk, signed, bankrupt, WAD)
    desk.probe.set_mark(MARKET, 96 * WAD, {"from": desk.relayer})
    with reverts("order: trigger not met"):
        take(desk, signed, bankrupt, WAD)
    desk.probe.set_mark(MARKET, 95 * WAD, {"from": desk.relayer})
    take(desk, signed, bankrupt, WAD)


def test_take_with_order__sent_by_the_taker__no_record(desk, taker, bankrupt, attacker):
    order = desk.order(taker.main, WAD, 90 * WAD, flags=Flags.LIQUIDATION_ONLY)
    with reverts("order: not signed"):
        take(desk, unsigned(order), bankrupt, WAD, sender=attacker.account)
    take(desk, unsigned(order), bankrupt, WAD, sender=taker.account)
    assert desk.filled(unsigned(order)) == 0
