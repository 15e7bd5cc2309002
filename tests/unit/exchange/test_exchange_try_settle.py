"""Exchange: matches that are skipped."""

from __future__ import annotations

from brownie import reverts, web3

from plimsoll.orders import Match, unsigned
from tests.support.order_desk import WAD, skipped


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
