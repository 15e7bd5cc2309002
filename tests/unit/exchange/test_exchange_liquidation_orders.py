"""Exchange: liquidation-only orders."""

from __future__ import annotations

import pytest
from brownie import reverts

from plimsoll.orders import Flags, unsigned
from tests.support.order_desk import MARKET, WAD


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
