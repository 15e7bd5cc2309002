"""What a view says before a transaction is what the transaction then does."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts

MARK = 100 * WAD
HOUR_S = 3_600
RICH = 10**6 * WAD


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, funding_base_ppb=3_000_000)
        for index in range(8):
            ledger.fund(ledger.account(index), RICH)
        for maker, taker, size, mark in ((0, 1, 500, 100), (0, 2, 300, 103), (3, 2, -200, 97)):
            ledger.set_price(mark * WAD)
            ledger.trade(ledger.account(maker), ledger.account(taker), size * WAD, mark * WAD)
        ledger.set_price(MARK)
        anvil.rpc.increase_time(HOUR_S)
        ledger.poke()  # from here on the base rate holds
        yield ledger


@pytest.fixture
def ledger(deployed):
    """An hour after the last transaction, at a mark nobody has poked."""
    with deployed.rpc.undone():
        deployed.rpc.increase_time(HOUR_S)
        deployed.set_price(108 * WAD)
        yield deployed


def views(ledger):
    names = [("funding", 1), ("mark", 1), ("open_interest", 1), ("adl_queue", 1, True, 64)]
    names += [("adl_queue", 1, False, 64)]
    for index in range(4):
        account = ledger.account(index)
        names += [("health", account), ("leg", account, 1), ("markets_of", account)]
        if ledger.leg(account)["size"]:
            names.append(("adl_rank", account, 1))
    return {name: ledger.ledger.read(*name) for name in names}


def test_views__before_a_poke_and_after__are_the_same(ledger):
    rpc = ledger.rpc
    then = rpc.timestamp() + 1_000
    with rpc.undone():
        rpc.set_next_timestamp(then)
        rpc.mine()
        before = views(ledger)
    rpc.set_next_timestamp(then)
    ledger.poke()
    assert views(ledger) == before
    assert before["funding", 1][0] > 0
    assert before["mark", 1] == (108 * WAD, True)


def test_poke__returns_what_mark_says_and_is_stored_once_a_block(ledger):
    assert ledger.ledger.read("poke", 1) == ledger.ledger.read("mark", 1)
    ledger.poke()
    stored = ledger.word("ledger.market_pulse", 1)
    assert stored >> 128 & 2**96 - 1 == 108 * WAD


def test_poke__unknown_market__reverts(ledger):
    with reverts("market: unknown"):
        ledger.poke(7)
    with reverts("market: unknown"):
        ledger.ledger.read("mark", 7)


def test_leg_and_health__predict_what_sync_writes(ledger):
    rpc = ledger.rpc
    account = ledger.account(1)
    then = rpc.timestamp() + 1_000
    with rpc.undone():
        rpc.set_next_timestamp(then)
        rpc.mine()
        health, leg = ledger.health(account), ledger.leg(account)
    rpc.set_next_timestamp(then)
    event = ledger.changes(ledger.send(ledger.attacker, "sync", account, 1))[account]
    assert event["cash"] == health["cash"]
    assert event["size"] == leg["size"]
    assert event["entry"] == leg["entry"]


@pytest.mark.parametrize("long", [True, False])
def test_queue__scores_sizes_and_order(ledger, long):
    rows = ledger.ledger.read("adl_queue", 1, long, 64)
    scores = [row["score_ray"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert sum(row["size"] for row in rows) == ledger.ledger.read("open_interest", 1)[not long]
    for row in rows:
        assert row["key"] >> 17 == 1
        assert row["key"] >> 16 & 1 == long
        assert row["key"] >> 13 & 7 == row["leverage_class"]
        roe = (108 * WAD - row["worst_entry"]) * (1 if long else -1)
        leverage = (1, 2, 5, 10, 20)[row["leverage_class"]]
        ray = 10**27
        edge = row["worst_entry"]
        want = roe * ray * leverage // edge if roe >= 0 else roe * ray // (edge * leverage)
        assert row["score_ray"] == want


def test_queue__count__cuts_it_short(ledger):
    every = ledger.ledger.read("adl_queue", 1, True, 64)
    assert len(every) == 3
    assert ledger.ledger.read("adl_queue", 1, True, 1) == every[:1]
    assert ledger.ledger.read("adl_queue", 1, True, 0) == []
    assert ledger.ledger.read("adl_queue", 1, True, 10**9) == every


def test_rank__counts_what_stands_before(ledger):
    for long in (True, False):
        ahead = 0
        rows = ledger.ledger.read("adl_queue", 1, long, 64)
        ranks = {
            ledger.ledger.read("adl_rank", ledger.account(i), 1)["buckets_ahead"]: ledger.account(i)
            for i in range(4)
            if (ledger.leg(ledger.account(i))["size"] > 0) == long
            and ledger.leg(ledger.account(i))["size"]
        }
        for position, row in enumerate(rows):
            if position in ranks:
                assert ledger.ledger.read("adl_rank", ranks[position], 1) == {
                    "size_ahead": ahead,
                    "bucket_size": row["size"],
                    "buckets_ahead": position,
                    "score_ray": row["score_ray"],
                }
            ahead += row["size"]


def test_rank__flat_account__reverts(ledger):
    with reverts("adl: no position"):
        ledger.ledger.read("adl_rank", ledger.account(7), 1)


def test_rank__bucket_closed_whole_since__is_no_longer_in_the_queue(ledger):
    """The position is empty and does not know it until it is touched."""
    account, head = ledger.account(0), ledger.account(3)
    ledger.send(ledger.liquidator, "set_started", account, True)
    ledger.send(ledger.liquidator, "rematch", account, 1, 200 * WAD, 0, 1)
    assert ledger.leg(head)["size"] == 0
    with reverts("adl: not in the queue"):
        ledger.ledger.read("adl_rank", head, 1)
    ledger.send(ledger.attacker, "sync", head, 1)
    with reverts("adl: no position"):
        ledger.ledger.read("adl_rank", head, 1)


def test_adl_job__none_running__is_empty(ledger):
    assert not any(ledger.ledger.read("adl_job").values())
