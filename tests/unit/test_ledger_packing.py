"""The ledger's packed words: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.contract import NodeSigner
from tests.support.expect import reverts
from tests.support.lone_contract import deploy_alone

RAY = 10**27
KEY = 3 << 17 | 1 << 16 | 4 << 13 | 77
ACCOUNT = 0xABCDEF << 96 | 5


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "LedgerHarness")


@pytest.fixture
def write(harness):
    sender = NodeSigner(harness.rpc.accounts()[0])
    with harness.rpc.undone():
        yield lambda function, *args: harness.write(sender, function, *args)


def bucket(**changes):
    full = {
        "t": 2**120 - 1,
        "n": 2**120 - 1,
        "touched": True,
        "p": RAY,
        "a": RAY - 1,
        "epoch": 2**32 - 1,
        "k": -(2**127),
        "f": 2**127 - 1,
        "b": 2**128 - 1,
        "h": 2**96 - 1,
        "w": 2**128,
    }
    return full | changes


def position(**changes):
    full = {
        "shares": 2**120 - 1,
        "entry_code": 2**40 - 1,
        "tick": 2**13 - 1,
        "leverage_class": 4,
        "choice": 5,
        "long": True,
        "k": -(2**127),
        "h": 2**96 - 1,
        "epoch": 2**32 - 1,
    }
    return full | changes


def market(**changes):
    full = {
        "funding_index": -(2**127),
        "mark": 2**96 - 1,
        "rate_ppb": -(2**31),
        "block": 2**40 - 1,
        "time": 2**40 - 1,
        "premium_volume": 2**72 - 1,
        "premium_sum": -(2**71),
        "status": 15,
    }
    return full | changes


def values(fields):
    return tuple(fields.values())


@pytest.mark.parametrize("cash", [2**127 - 1, -(2**127), 0, -1])
def test_account__fullest_words__come_back(harness, write, cash):
    state = {"cash": cash, "markets": 2**80 - 1, "count": 10, "flags": 7}
    write("store_account", ACCOUNT, values(state))
    assert harness.read("account", ACCOUNT) == state


@pytest.mark.parametrize("cash", [2**127, -(2**127) - 1])
def test_account__cash_beyond_its_field__reverts(write, cash):
    with reverts("number: does not fit"):
        write("store_account", ACCOUNT, (cash, 0, 0, 0))


def test_position__fullest_words__come_back(harness, write):
    write("store_position", ACCOUNT, 7, values(position()))
    assert harness.read("position", ACCOUNT, 7) == position()


def test_position__flat__keeps_the_leverage_choice_only(harness, write):
    write("store_position", ACCOUNT, 7, values(position()))
    write("store_position", ACCOUNT, 7, values(position(shares=0)))
    kept = harness.read("position", ACCOUNT, 7)
    assert kept == dict.fromkeys(position(), 0) | {"choice": 5, "long": False}


def test_position__shares_beyond_their_field__reverts(write):
    with reverts("position: too large"):
        write("store_position", ACCOUNT, 7, values(position(shares=2**120)))


def test_bucket__fullest_words__come_back(harness, write):
    write("store_bucket", KEY, values(bucket()))
    assert harness.read("bucket", KEY, 123) == bucket()


@pytest.mark.parametrize(("long", "sign"), [(1, -1), (0, 1)])
def test_bucket__never_touched_by_adl__is_one_word_and_follows_funding(harness, write, long, sign):
    key = KEY & ~(1 << 16) | long << 16
    write("store_bucket", key, values(bucket(touched=False)))
    assert harness.read("bucket", key, 123) == dict.fromkeys(bucket(), 0) | {
        "t": 2**120 - 1,
        "n": 2**120 - 1,
        "touched": False,
        "p": RAY,
        "a": RAY,
        "k": sign * 123,
        "f": 123,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"t": 2**120}, "bucket: too large"),
        ({"n": 2**120}, "bucket: basis too large"),
        ({"epoch": 2**32}, "bucket: too many epochs"),
        ({"b": 2**128}, "bucket: offset too large"),
        ({"k": 2**127}, "number: does not fit"),
        ({"f": -(2**127) - 1}, "number: does not fit"),
    ],
)
def test_bucket__field_too_small__reverts(write, changes, reason):
    with reverts(reason):
        write("store_bucket", KEY, values(bucket(**changes)))


def test_flat_bucket__one_member_moves__sums_stay_exact(harness, write):
    write("store_bucket", KEY, values(bucket(touched=False, t=1_000, n=5_000)))
    write("move_in_flat_bucket", KEY, 400, 3_000, 2**120 - 601, 2**120 - 2_001)
    moved = harness.read("bucket", KEY, 0)
    assert (moved["t"], moved["n"]) == (2**120 - 1, 2**120 - 1)


@pytest.mark.parametrize(
    ("shares", "n", "reason"),
    [
        (2**120 - 600, 0, "bucket: too large"),
        (0, 2**120 - 2_000, "bucket: basis too large"),
    ],
)
def test_flat_bucket__sum_beyond_its_field__reverts(write, shares, n, reason):
    write("store_bucket", KEY, values(bucket(touched=False, t=1_000, n=5_000)))
    with reverts(reason):
        write("move_in_flat_bucket", KEY, 400, 3_000, shares, n)


def test_market__fullest_words__come_back(harness, write):
    write("store_market", 255, values(market()))
    assert harness.read("market", 255) == market()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mark": 2**96}, "market: mark too large"),
        ({"funding_index": 2**127}, "number: does not fit"),
        ({"rate_ppb": 2**31}, "number: does not fit"),
        ({"premium_sum": 2**71}, "number: does not fit"),
    ],
)
def test_market__field_too_small__reverts(write, changes, reason):
    with reverts(reason):
        write("store_market", 255, values(market(**changes)))
