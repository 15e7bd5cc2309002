"""The short way of a flat bucket and the general way of the ADL index give the same ledger.

The same random trades run twice on one chain, with funding: once as they are, once with each bucket
marked as touched by ADL before each trade, described in storage exactly as it is (P = a = 1,
K = -sigma * F). Sizes, entries, classes, open interest and fees must be equal; cash may differ
by the roundings, and what the sides pay each other must never become more than it was.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.errors import ContractReverted
from tests.support.bare_ledger import WAD, BareLedger

RAY = 10**27
TRADERS = 4
TRADES = 80
SIZES = (1, 2, 5, 20, 40)
TOUCHED = 1 << 240
MASK_128 = 2**128 - 1


@pytest.fixture(scope="module")
def ledger():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, funding_base_ppb=1_000_000)
        for index in range(TRADERS):
            ledger.fund(ledger.account(index), 2_000 * WAD)
        yield ledger


def mark_touched(ledger: BareLedger, account: int) -> None:
    """Describe the bucket of a position by all its words, so that nothing takes the short way."""
    head = ledger.word("ledger.position_words", account, 1)
    if head % 2**120 == 0:
        return
    long = head >> 179 & 1
    key = 1 << 17 | long << 16 | head >> 160 & 0xFFFF
    word = ledger.word("ledger.bucket_words", key)
    if word >> 240:
        return
    index = ledger.ledger.read("funding", 1)[0]
    k = -index if long else index
    words = (word | TOUCHED, RAY | RAY << 96, k & MASK_128 | (index & MASK_128) << 128, 0, 0)
    for offset, value in enumerate(words):
        ledger.set_word(value, "ledger.bucket_words", key, offset=offset)


def play(ledger: BareLedger, touched: bool) -> list[Any]:
    """Trade, and tell after each trade what must not depend on the way."""
    accounts = [ledger.account(index) for index in range(TRADERS)]
    choice = random.Random(11)
    price, now = 100 * WAD, ledger.rpc.timestamp() // 300 * 300 + 600
    seen: list[Any] = []
    for _ in range(TRADES):
        now += choice.choice((7, 61, 301, 3_600))
        price = price * (10_000 + choice.randint(-60, 60)) // 10_000 // 10**10 * 10**10
        ledger.rpc.set_next_timestamp(now)
        ledger.set_price(price)
        maker, taker = choice.sample(accounts, 2)
        size = choice.choice(SIZES) * choice.choice((WAD, -WAD))
        held = ledger.leg(taker)["size"]
        if held and choice.random() < 0.3:
            size = -held
        if touched:
            for account in accounts:
                mark_touched(ledger, account)
        now += 1
        ledger.rpc.set_next_timestamp(now)
        reason = ""
        try:
            ledger.trade(maker, taker, size, price * choice.randint(9_980, 10_020) // 10_000)
        except ContractReverted as refusal:
            reason = str(refusal.reason)
        legs = [ledger.leg(account) for account in accounts]
        shapes = [(leg["size"], leg["entry"], leg["leverage_class"]) for leg in legs]
        equity = [ledger.health(account)["equity"] for account in accounts]
        books = ledger.ledger.read("open_interest", 1), ledger.ledger.read("fee_balances")
        seen.append((reason, shapes, books, equity))
    return seen


def test_flat_bucket__same_trades_in_touched_buckets__same_ledger(ledger):
    with ledger.rpc.undone():
        short_way = play(ledger, touched=False)
    with ledger.rpc.undone():
        general = play(ledger, touched=True)
    assert sum(not reason for reason, *_ in short_way) > TRADES // 2
    for number, (quick, slow) in enumerate(zip(short_way, general, strict=True), start=1):
        assert quick[:3] == slow[:3], number
        # at most 2 wei a change and account, on either way
        gaps = [mine - theirs for mine, theirs in zip(quick[3], slow[3], strict=True)]
        assert all(abs(gap) <= 2 * number for gap in gaps), (number, gaps)
