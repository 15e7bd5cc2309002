"""Lens: a broker, a guarantee and the buffers in one call, as the contracts themselves say."""

from __future__ import annotations

from tests.support.sponsored_client import GUARANTEE, UNIT, Desk
from tests.support.venue import BTC, WAD


def test_broker__is_what_its_contracts_say(long: Desk) -> None:
    venue, vault = long.venue, long.vault
    venue.move(BTC, -20_000)
    assert long.measure() > 0
    client = venue.client
    shown = client.lens.read("broker", vault.address)
    state, since = client.brokers.read("state_of", vault.address)
    expected = {
        "state": state,
        "since": since,
        "operator": vault.read("operator"),
        "pool": vault.read("totalAssets"),
        "free": vault.read("free_assets"),
        "clients": client.sponsorship.read("client_count", vault.address),
        "at_risk": client.sponsorship.read("at_risk", vault.address),
        **{name: vault.read(name) for name in ("stake", "client_locks", "unearned_fees")},
        "lock_room": vault.read("lock_room"),
        **{
            name: client.fund.read(name, vault.address)
            for name in ("contribution", "assessment", "required", "due")
        },
    }
    assert shown == expected
    assert shown["client_locks"] == GUARANTEE * UNIT


def test_broker__unknown__is_empty(desk: Desk) -> None:
    shown = desk.venue.client.lens.read("broker", desk.client.address)
    assert not any(value for name, value in shown.items() if name != "operator")
    assert int(shown["operator"], 16) == 0


def test_guarantee__is_what_its_contracts_say(long: Desk) -> None:
    client = long.venue.client
    with long.venue.rpc.undone():
        long.venue.move(BTC, -20_000)
        long.call()
        shown = client.lens.read("guarantee", long.account)
        assert shown["call"] == client.sponsorship.read("margin_call", long.account)
        assert shown["call"]["state"] != 0
        assert (shown["opening"], shown["shield"]) == (0, GUARANTEE * WAD)
    shown = client.lens.read("guarantee", long.account)
    assert shown["sponsored"] == client.sponsorship.read("sponsorship", long.account)
    both = client.clearinghouse.read("guarantee", long.account)
    assert (shown["opening"], shown["shield"]) == both == (GUARANTEE * WAD, GUARANTEE * WAD)


def test_liquidation_price__of_a_guaranteed_account__is_where_start_becomes_possible(
    long: Desk,
) -> None:
    venue = long.venue
    price = venue.client.lens.read("liquidation_price", long.account, BTC)
    cent = WAD // 100
    with venue.rpc.undone():
        venue.set_price(BTC, price // cent * cent + 2 * cent)
        venue.rejected("liquidation: not below margin", venue.start, long.account)
    venue.set_price(BTC, price // cent * cent - 2 * cent)
    venue.start(long.account)


def test_buffers__show_the_fund_and_reserved_locks(long: Desk) -> None:
    venue = long.venue
    before = venue.client.lens.read("buffers", BTC)
    fund = venue.client.fund.read("totalAssets")
    assert before["capital"][3] == fund * WAD // UNIT
    assert before["reserved"] == [0, 0, 0, 0]
    venue.move(BTC, -100_000)
    venue.start(long.account)
    after = venue.client.lens.read("buffers", BTC)
    assert after["reserved"][0] == GUARANTEE * WAD
    assert after["reserved"] == [
        venue.client.waterfall.read("reserved_total", layer) for layer in (2, 3, 4, 5)
    ]
