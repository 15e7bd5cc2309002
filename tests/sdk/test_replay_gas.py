"""What a wave costs does not grow with the accounts, and it is counted as a node counts it."""

from __future__ import annotations

import pytest

from plimsoll.errors import ChainError, InputError
from plimsoll.replay.book import Day
from plimsoll.replay.forms import Form, blank, blank_address
from plimsoll.replay.population import MARK
from plimsoll.replay.venue import Venue
from tests.support.replay_days import NOON, day_of, holding, once, wave


def _crowd(count: int) -> Day:
    """So many accounts in always the same buckets, with the same size and profit together."""
    each = 10_000_000 // count
    return day_of(
        [
            holding(number, each, each * (20 + 10 * (number % 5)) // 100, 2 * each)
            for number in range(count)
        ],
        wave(1, 100_000, 4_000_000),
        wave(2, 50_000, 4_000_000, after_s=30),
    )


def test_gas__a_hundred_or_a_thousand_holdings__the_same() -> None:
    few, many = (once(_crowd(count))[1] for count in (100, 1_000))
    assert [one.accounts for one in few.waves] == [100, 100]
    assert [one.accounts for one in many.waves] == [1_000, 1_000]
    for a, b in zip(few.waves, many.waves, strict=True):
        assert (a.buckets, a.gas_calls) == (b.buckets, b.gas_calls) == (5, 1)
        assert a.gas == b.gas
        # and so does the start of the one bankrupt account
        assert (a.bankrupt, b.bankrupt) == (1, 1)
        assert a.start_gas == b.start_gas > 21_000


def test_settle__what_was_warm__costs_what_a_new_machine_asks() -> None:
    venue = Venue(1, NOON // 1_000)
    chain, ledger = venue.chain, venue.client.clearinghouse
    data = ledger.encode("poke", 1)

    def gas() -> int:
        return chain.transact(venue.bank, ledger.address, data).gas

    chain.settle()
    cold, warm = gas(), gas()
    chain.settle()
    image = chain.image()
    settled = gas()
    chain.restore(image)
    assert settled == gas() == cold > warm
    venue.set_mark(1, MARK // 2)
    chain.settle()
    assert venue.client.mark(1) == (MARK // 2, True)
    chain.restore(image)
    assert venue.client.mark(1) == (MARK, True)


def test_settle__open_snapshot__refused() -> None:
    chain = Venue(1, NOON // 1_000).chain
    chain.settle()
    chain.snapshot()
    with pytest.raises(ChainError, match="a snapshot is open"):
        chain.settle()


# --- call data -------------------------------------------------------------------------------


def test_form__filled__as_encoded() -> None:
    custody = Venue(1, NOON // 1_000).client.custody
    form = Form(custody, "withdraw", blank(1), blank(0), blank_address(2))
    receiver = Venue.owner("somebody")
    filled = form.filled(5, 2**200, int(receiver, 16))
    assert filled == custody.encode("withdraw", 2**200, 5, receiver)
    with pytest.raises(InputError, match="2 values for 3 blanks"):
        form.filled(1, 2)
