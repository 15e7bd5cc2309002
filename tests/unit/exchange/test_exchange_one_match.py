"""Exchange: what two orders do to each other."""

from __future__ import annotations

import pytest
from brownie import reverts
from brownie.test import given
from hypothesis import settings
from hypothesis import strategies as st

from plimsoll.orders import Flags, Match, unsigned
from tests.support.order_desk import (
    BLOCK,
    MAKER_FEE,
    MAKER_REDUCES,
    MARKET,
    TAKER_REDUCES,
    WAD,
    fills,
)

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
