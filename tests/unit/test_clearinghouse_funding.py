"""Funding: the rate from premiums, the index over time, what positions pay."""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import WAD, rich_ledger
from tests.support.expect import reverts
from tests.support.margin_model import value

MARK = 100 * WAD
RAY = 10**27
HOUR_S = 3_600
BUCKET_S = 300
BASE_PPB = 1_000_000
CAP_PPB = 4_000_000
BLOCK = 8
RICH = 10**7 * WAD
VOLUME = 50_000  # whole quote units, V_set


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(2, RICH, funding_base_ppb=BASE_PPB, premium_volume=VOLUME) as ledger:
        yield ledger


@pytest.fixture
def ledger(deployed):
    """At the beginning of a premium bucket."""
    rpc = deployed.rpc
    with rpc.undone():
        rpc.set_next_timestamp((rpc.timestamp() // BUCKET_S + 1) * BUCKET_S)
        deployed.set_price(MARK)
        yield deployed


@pytest.fixture
def short(ledger):
    return ledger.account(0)


@pytest.fixture
def long(ledger):
    return ledger.account(1)


def index_and_rate(ledger):
    return ledger.ledger.read("funding", 1)


def poke_at(ledger, seconds_later: int, since: int) -> None:
    ledger.rpc.set_next_timestamp(since + seconds_later)
    ledger.poke()


def start_rate(ledger) -> int:
    """Enter the next bucket, in which the base rate holds; returns the time."""
    now = ledger.rpc.timestamp()
    poke_at(ledger, BUCKET_S - now % BUCKET_S, now)
    assert index_and_rate(ledger)[1] == BASE_PPB
    return ledger.rpc.timestamp()


# --- accrual ------------------------------------------------------------------------------------


def test_funding__grows_by_rate_mark_and_time(ledger):
    since = start_rate(ledger)
    first = index_and_rate(ledger)[0]
    poke_at(ledger, 100, since)
    assert index_and_rate(ledger)[0] - first == MARK * BASE_PPB * 100 // HOUR_S


def test_funding__uses_the_mark_of_before_the_time_passed(ledger):
    since = start_rate(ledger)
    first = index_and_rate(ledger)[0]
    ledger.rpc.set_next_timestamp(since + 60)
    ledger.set_price(300 * WAD)
    poke_at(ledger, 120, since)
    assert index_and_rate(ledger)[0] - first == MARK * BASE_PPB * 120 // HOUR_S


def test_funding__longs_pay_shorts_and_each_roundings_wei(ledger, long, short):
    ledger.trade(short, long, 1_000 * WAD, MARK)
    before = {who: ledger.health(who)["cash"] for who in (long, short)}
    first = index_and_rate(ledger)[0]
    ledger.rpc.increase_time(20 * HOUR_S)
    ledger.poke()
    paid = 1_000 * (index_and_rate(ledger)[0] - first) // 10**9  # wad
    assert paid > 1_900 * WAD  # 20 hours at 0.1 % of 100,000
    for who, flow in ((long, -paid), (short, paid)):
        assert abs(before[who] + flow - ledger.health(who)["cash"]) <= 2


def test_sync__writes_funding_back_and_changes_nothing_else(ledger, long, short):
    ledger.trade(short, long, 1_000 * WAD, MARK)
    ledger.rpc.increase_time(20 * HOUR_S)
    receipt = ledger.send(ledger.attacker, "sync", long, 1)
    event = ledger.changes(receipt)[long]
    health = ledger.health(long)
    assert event["size"] == 1_000 * WAD
    assert event["fee"] == 0
    assert 0 <= event["cash"] - health["cash"] <= 1
    assert abs(ledger.leg(long)["accrued"]) <= 1


def test_sync__flat_account__does_nothing(ledger, long):
    receipt = ledger.send(ledger.attacker, "sync", long, 1)
    assert ledger.changes(receipt) == {}


def test_sync__unknown_market__reverts(ledger, long):
    with reverts("market: unknown"):
        ledger.send(ledger.attacker, "sync", long, 9)


def test_funding__negative_rate__shorts_pay(ledger, long, short):
    config = ledger.word("ledger.market_terms", 1)
    base = config & ~((2**32 - 1) << 192) | ((-BASE_PPB) % 2**32) << 192
    ledger.set_word(base, "ledger.market_terms", 1)
    ledger.trade(short, long, 1_000 * WAD, MARK)
    ledger.rpc.increase_time(2 * BUCKET_S)
    ledger.poke()
    assert index_and_rate(ledger)[1] == -BASE_PPB
    before = {who: ledger.health(who)["cash"] for who in (long, short)}
    ledger.rpc.increase_time(10 * HOUR_S)
    ledger.poke()
    assert ledger.health(long)["cash"] - before[long] > 990 * WAD
    assert before[short] - ledger.health(short)["cash"] > 990 * WAD


def test_funding__no_price__does_not_accrue_until_it_is_back(ledger):
    start_rate(ledger)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.poke()  # the time until this poke still counts: it had a price when it began
    first = index_and_rate(ledger)[0]
    ledger.rpc.increase_time(10 * HOUR_S)
    ledger.poke()
    assert index_and_rate(ledger)[0] == first
    ledger.rpc.increase_time(10 * HOUR_S)
    ledger.set_price(MARK)
    ledger.poke()
    assert index_and_rate(ledger)[0] == first
    since = ledger.rpc.timestamp()
    poke_at(ledger, 60, since)
    assert index_and_rate(ledger)[0] - first == MARK * BASE_PPB * 60 // HOUR_S


def test_funding__frozen_resolve__stands_still(ledger, long, short):
    ledger.trade(short, long, 1_000 * WAD, MARK)
    ledger.set_equity(long, -10 * WAD)
    ledger.send(ledger.liquidator, "set_started", long, True)
    ledger.send(ledger.liquidator, "adl_begin", long, 0, 0)
    first = index_and_rate(ledger)[0]
    ledger.rpc.increase_time(10 * HOUR_S)
    ledger.poke()
    assert index_and_rate(ledger)[0] == first
    ledger.rpc.increase_time(10 * HOUR_S)  # and nobody pokes in this time
    ledger.send(ledger.liquidator, "adl_step", 1)
    since = ledger.rpc.timestamp()
    ledger.rpc.set_next_timestamp(since + 1)
    ledger.poke()
    assert index_and_rate(ledger)[0] - first < 2 * MARK * BASE_PPB // HOUR_S
    poke_at(ledger, 60, since)
    assert index_and_rate(ledger)[0] > first


# --- the rate -----------------------------------------------------------------------------------


def fill_buckets(ledger, long, short, count: int, price: int, flags: int = 4, size: int = 1_000):
    """One fill of a hundred thousand in each of the next buckets."""
    for number in range(count):
        now = ledger.rpc.timestamp()
        ledger.rpc.set_next_timestamp((now // BUCKET_S + 1) * BUCKET_S)
        side = 1 if number % 2 == 0 else -1
        ledger.trade(short, long, side * size * WAD, price, flags=flags)
    now = ledger.rpc.timestamp()
    ledger.rpc.set_next_timestamp((now // BUCKET_S + 1) * BUCKET_S)
    ledger.poke()


def test_rate__premium_in_six_of_twelve_buckets__moves_half_of_it(ledger, long, short):
    fill_buckets(ledger, long, short, 6, MARK + MARK // 1_000)  # 0.1 %: 1,000,000 ppb
    assert index_and_rate(ledger)[1] == BASE_PPB + 1_000_000 // 2


def test_rate__premium_in_five_of_twelve_buckets__moves_nothing(ledger, long, short):
    fill_buckets(ledger, long, short, 5, MARK + MARK // 1_000)
    assert index_and_rate(ledger)[1] == BASE_PPB


def test_rate__premium_in_seven_buckets__moves_in_full_both_ways(ledger, long, short):
    with ledger.rpc.undone():
        fill_buckets(ledger, long, short, 7, MARK + MARK // 1_000)
        assert index_and_rate(ledger)[1] == BASE_PPB + 1_000_000
    fill_buckets(ledger, long, short, 7, MARK - MARK // 1_000)
    assert index_and_rate(ledger)[1] == BASE_PPB - 1_000_000


def test_rate__large_premium__stops_at_the_cap(ledger, long, short):
    with ledger.rpc.undone():
        fill_buckets(ledger, long, short, 8, MARK + MARK // 10)
        assert index_and_rate(ledger)[1] == CAP_PPB
    fill_buckets(ledger, long, short, 8, MARK - MARK // 10)
    assert index_and_rate(ledger)[1] == -CAP_PPB


def test_rate__small_volume__is_diluted(ledger, long, short):
    fill_buckets(ledger, long, short, 7, MARK + MARK // 1_000, size=250)
    # 25,000 of the 50,000 that count as a full bucket
    assert index_and_rate(ledger)[1] == BASE_PPB + 500_000


def test_rate__block_trades__do_not_count(ledger, long, short):
    fill_buckets(ledger, long, short, 8, MARK + MARK // 10, flags=4 | BLOCK)
    assert index_and_rate(ledger)[1] == BASE_PPB


def test_rate__an_hour_without_trades__is_the_base_again(ledger, long, short):
    fill_buckets(ledger, long, short, 8, MARK + MARK // 1_000)
    assert index_and_rate(ledger)[1] > BASE_PPB
    ledger.rpc.increase_time(HOUR_S + BUCKET_S)
    receipt = ledger.poke()
    assert index_and_rate(ledger)[1] == BASE_PPB
    (event,) = ledger.ledger.events(receipt)
    assert event.name == "FundingRateSet"
    assert event.args == {"market": 1, "rate_ppb": BASE_PPB}


def test_trade__premium_volume_beyond_its_field__reverts(ledger, long, short):
    ledger.poke()
    clock = ledger.word("ledger.market_clock", 1)
    volume = 100 * 10**6  # micro quote units of one trade of 100
    full = clock & ~((2**72 - 1) << 80) | (2**72 - 1 - volume) << 80
    ledger.set_word(full, "ledger.market_clock", 1)
    ledger.trade(short, long, WAD, MARK)
    with reverts("funding: volume too large"):
        ledger.trade(short, long, WAD, MARK)
    ledger.trade(short, long, WAD, MARK, flags=4 | BLOCK)


def test_trade__premium_volume__counts_whole_micro_units_only(ledger, long, short):
    mark = MARK + 10**10
    ledger.set_price(mark)
    size = MARK + 10**10 - 1
    assert -size * mark % 10**30 == 10**10  # less than a wei below a whole micro unit
    ledger.trade(short, long, size, mark)
    volume = ledger.word("ledger.market_clock", 1) >> 80 & 2**72 - 1
    assert volume == size * mark // 10**30


def test_funding_payment__is_size_times_index_change_to_the_wei(ledger, long, short):
    """A position of an odd size: floor(s * (K_now - k)), with k one ulp against the holder."""
    size = 7_777_777_777_777_777_777
    receipt = ledger.trade(short, long, size, MARK)
    cash = {who: event["cash"] for who, event in ledger.changes(receipt).items()}
    opened = index_and_rate(ledger)[0]
    ledger.rpc.increase_time(5 * HOUR_S)
    ledger.poke()
    change = index_and_rate(ledger)[0] - opened
    assert ledger.leg(long)["accrued"] == size * (-change - 1) // RAY
    assert ledger.leg(short)["accrued"] == size * (change - 1) // RAY
    for who in (long, short):
        leg = ledger.leg(who)
        health = ledger.health(who)
        assert health["cash"] == cash[who] + leg["accrued"]
        assert health["equity"] == health["cash"] + value(leg["size"], MARK)
