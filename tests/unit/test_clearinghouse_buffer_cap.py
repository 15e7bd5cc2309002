"""Open interest bounded by insurance capital: terms, the cap in fills, what the last of it costs.

The liquidator is a plain account here, so that there is no capital and `set_buffer_terms` closes
the market; caps are then written into the word that fills read. Capital itself: integration tests.
"""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import WAD, rich_ledger
from tests.support.expect import reverts

MARK = 100 * WAD
TERMS = (2_000_000, 500_000, 200_000)
NAMES = ("kappa_ppm", "share_ppm", "gap_ppm")
OPEN = 2**256 - 1
CAPPED, SETTLED = 64, 128
CAP = 51_200  # whole quote units: 512 units of base at 100, and a float without rounding
RICH = 10**7 * WAD


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(4, RICH, markets=3) as ledger:
        yield ledger


@pytest.fixture
def ann(ledger):
    return ledger.account(0)


@pytest.fixture
def bob(ledger):
    return ledger.account(1)


@pytest.fixture
def cleo(ledger):
    return ledger.account(2)


def set_terms(ledger, *terms: int, market: int = 1):
    return ledger.send(ledger.owner, "set_buffer_terms", market, terms or TERMS)


def set_cap(ledger, units: int) -> None:
    """Write a cap (whole quote units, a power of two times at most 11 binary digits)."""
    e = units.bit_length() - 1
    code = e << 10 | (units << 10 >> e) - 1_024
    word = ledger.word("ledger.market_brackets", 1) % 2**240
    ledger.set_word(word | code << 240, "ledger.market_brackets", 1)
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_word(clock | CAPPED << 224, "ledger.market_clock", 1)


def cap(ledger, market: int = 1) -> int:
    return ledger.ledger.read("buffer_cap", market)


def fill(ledger, maker, taker, size, maker_cap=1_500, taker_cap=1_500):
    """At the mark, `size` signed as the taker's; the caps suffice for any surcharge."""
    terms = (maker, taker, 1, size, MARK, maker_cap, taker_cap, 4)
    return ledger.send(ledger.exchange, "trade", terms)


def settled(ledger) -> None:
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_word(clock | SETTLED << 224, "ledger.market_clock", 1)


def logged(ledger, receipt, name: str) -> list[dict]:
    return [event.args for event in ledger.ledger.events(receipt) if event.name == name]


# --- terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "low", "high", "reason"),
    [
        (0, 100_000, 100_000_000, "buffer: bad multiple"),
        (1, 1, 1_000_000, "buffer: bad share"),
        (2, 10_000, 1_000_000, "buffer: bad gap"),
    ],
)
def test_terms__each_bound__holds_to_the_unit(ledger, field, low, high, reason):
    def given(value: int) -> tuple[int, ...]:
        return (*TERMS[:field], value, *TERMS[field + 1 :])

    for value in (low, high):
        set_terms(ledger, *given(value))
        assert tuple(ledger.ledger.read("buffer_terms", 1).values()) == given(value)
    for value in (low - 1, high + 1, 2**256 - 1):
        with reverts(reason):
            set_terms(ledger, *given(value))


def test_terms__shares_of_all_markets__at_most_one(ledger):
    set_terms(ledger, 10**6, 600_000, 10**5)
    set_terms(ledger, 10**6, 300_000, 10**5, market=2)
    with reverts("buffer: shares above one"):
        set_terms(ledger, 10**6, 100_001, 10**5, market=3)
    set_terms(ledger, 10**6, 100_000, 10**5, market=3)
    with reverts("buffer: shares above one"):
        set_terms(ledger, 10**6, 600_001, 10**5)
    set_terms(ledger, 10**6, 400_000, 10**5)  # its own old share does not count
    set_terms(ledger, 0, 0, 0, market=2)
    set_terms(ledger, 10**6, 600_000, 10**5, market=3)
    assert ledger.word("ledger.buffer_shares") == 10**6


def test_terms__set_and_taken_away__are_logged_and_seen(ledger):
    assert cap(ledger) == OPEN
    config = ledger.ledger.read("market_config", 1)
    receipt = set_terms(ledger)
    event = {"market": 1, "terms": dict(zip(NAMES, TERMS, strict=True))}
    assert logged(ledger, receipt, "BufferTermsSet") == [event]
    # nobody there whose capital could be asked for
    assert logged(ledger, receipt, "BufferCapSet") == [{"market": 1, "cap": WAD}]
    assert cap(ledger) == WAD
    assert ledger.ledger.read("market_config", 1) == config
    assert ledger.word("ledger.market_clock", 1) >> 224 & CAPPED
    assert logged(ledger, set_terms(ledger), "BufferCapSet") == []  # as before
    receipt = set_terms(ledger, 0, 0, 0)
    assert logged(ledger, receipt, "BufferCapSet") == [{"market": 1, "cap": OPEN}]
    assert cap(ledger) == OPEN
    assert tuple(ledger.ledger.read("buffer_terms", 1).values()) == (0, 0, 0)
    assert not ledger.word("ledger.market_clock", 1) >> 224 & CAPPED
    assert ledger.word("ledger.market_brackets", 1) >> 240 == 0


def test_terms__refused__unknown_settled_or_not_the_owner(ledger):
    with reverts("market: unknown"):
        set_terms(ledger, market=4)
    for view in ("buffer_terms", "buffer_cap"):
        with reverts("market: unknown"):
            ledger.ledger.read(view, 4)
    for signer in (ledger.attacker, ledger.custody, ledger.exchange, ledger.liquidator):
        with reverts("ownable: caller is not the owner"):
            ledger.send(signer, "set_buffer_terms", 1, TERMS)
    settled(ledger)
    with reverts("market: settled"):
        set_terms(ledger)


def test_poke__without_capital_to_read__goes_on_and_leaves_the_market_closed(ledger):
    set_terms(ledger)
    now = ledger.rpc.timestamp()
    set_cap(ledger, CAP)
    ledger.rpc.set_next_timestamp(now - now % 300 + 300)
    receipt = ledger.poke()
    assert logged(ledger, receipt, "BufferCapSet") == [{"market": 1, "cap": WAD}]


# --- the cap in fills ---------------------------------------------------------------------------


def test_trade__up_to_the_cap__and_not_one_wei_more(ledger, ann, bob):
    set_cap(ledger, CAP)
    with reverts("market: open interest cap"):
        ledger.trade(ann, bob, 512 * WAD + 1, MARK)
    ledger.trade(ann, bob, 512 * WAD, MARK)
    with reverts("market: open interest cap"):
        fill(ledger, ann, bob, WAD + 1)


def test_trade__cap_is_in_quote_at_mark__the_size_is_rounded_down(ledger, ann, bob):
    set_cap(ledger, CAP)
    ledger.set_price(107 * WAD)
    most = CAP * WAD // 107
    with reverts("market: open interest cap"):
        ledger.trade(ann, bob, -most - 1, 107 * WAD)
    ledger.trade(ann, bob, -most, 107 * WAD)


def test_trade__the_listed_cap__counts_where_it_is_lower(ledger, ann, bob):
    set_cap(ledger, 2**40)
    ledger.fund(ann, 10**9 * WAD)
    ledger.fund(bob, 10**9 * WAD)
    with reverts("market: open interest cap"):
        ledger.trade(ann, bob, 10**6 * WAD + 1, MARK)
    ledger.trade(ann, bob, 10**6 * WAD, MARK)


def test_trade__above_the_cap__what_does_not_grow_passes(ledger, ann, bob, cleo):
    ledger.trade(ann, bob, 500 * WAD, MARK)
    set_cap(ledger, 16_384)
    with reverts("market: open interest cap"):
        fill(ledger, ann, bob, 2 * WAD)
    fill(ledger, bob, cleo, 100 * WAD)  # bob sells to cleo: as much as before
    ledger.trade(ann, bob, -100 * WAD, MARK)  # both less
    assert ledger.ledger.read("open_interest", 1) == (400 * WAD, 400 * WAD)
    with reverts("market: open interest cap"):
        fill(ledger, ann, bob, 100 * WAD)


def test_take__above_the_cap__passes(ledger, ann, bob, cleo):
    ledger.trade(ann, bob, 500 * WAD, MARK)
    set_cap(ledger, 16_384)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    ledger.take(bob, cleo, 300 * WAD, MARK)
    assert ledger.leg(cleo)["size"] == 300 * WAD


def test_trade__market_without_capital__only_shrinks(ledger, ann, bob):
    ledger.trade(ann, bob, 10 * WAD, MARK)
    set_terms(ledger)
    with reverts("market: open interest cap"):
        fill(ledger, ann, bob, WAD)
    ledger.trade(ann, bob, -10 * WAD, MARK)
    with reverts("market: open interest cap"):
        fill(ledger, ann, bob, WAD)


def test_trade__largest_code__does_not_overflow(ledger, ann, bob):
    word = ledger.word("ledger.market_brackets", 1) % 2**240
    ledger.set_word(word | (2**16 - 1) << 240, "ledger.market_brackets", 1)
    assert cap(ledger) == (2**64 - 2**53) * WAD
    ledger.trade(ann, bob, 10 * WAD, MARK)
    assert cap(ledger, 2) == OPEN


def test_margins__with_a_cap_in_the_word__are_what_they_were(ledger, ann, bob):
    ledger.trade(ann, bob, 70_000 * WAD, MARK)  # the third bracket
    legs = [ledger.leg(account) for account in (ann, bob)]
    set_cap(ledger, 2**30)
    assert [ledger.leg(account) for account in (ann, bob)] == legs


# --- the fee of the last room -------------------------------------------------------------------


def fees(ledger, receipt) -> dict[int, int]:
    return {account: event["fee"] for account, event in ledger.changes(receipt).items()}


def fee(size: int, rate_ppm: int) -> int:
    """At 100, in whole micro units, up."""
    return -(-size * 100 * rate_ppm // 10**18) * 10**12


@pytest.mark.parametrize(
    ("used", "surcharge"),
    [
        (0, 0),
        (409_600_000_000_000_000_000, 0),  # 80 %
        (409_702_300_000_000_000_000, 0),
        (409_702_400_000_000_000_000, 1),  # 80.02 %
        (460_800_000_000_000_000_000, 500),
        (511_999_999_999_999_999_999, 999),
        (512_000_000_000_000_000_000, 1_000),
        (600_000_000_000_000_000_000, 1_000),
    ],
)
def test_surcharge__by_what_the_fill_finds__where_neither_side_reduces(
    ledger, ann, bob, cleo, used, surcharge
):
    if used:
        ledger.trade(cleo, bob, used, MARK)
    set_cap(ledger, CAP)
    size = 10 * WAD
    if used < 512 * WAD - size:
        receipt = fill(ledger, ann, bob, size)
        want = {ann: fee(size, 200 + surcharge), bob: fee(size, 500 + surcharge)}
        assert fees(ledger, receipt) == want
    elif used:
        receipt = fill(ledger, ann, bob, -size)  # ann buys what bob gives up
        assert fees(ledger, receipt) == {ann: fee(size, 200), bob: fee(size, 500)}


def test_surcharge__both_reduce__none(ledger, ann, bob):
    ledger.trade(ann, bob, 600 * WAD, MARK)
    set_cap(ledger, CAP)
    receipt = fill(ledger, ann, bob, -10 * WAD, maker_cap=200, taker_cap=500)
    assert fees(ledger, receipt) == {ann: fee(10 * WAD, 200), bob: fee(10 * WAD, 500)}


def test_surcharge__a_flip__is_not_a_reduction(ledger, ann, bob, cleo):
    """Bob's 20 long become 10 short, and 460 of 512 are open: 9,000 of 10,000 of the room."""
    ledger.trade(ann, cleo, 440_800_000_000_000_000_000, MARK)
    ledger.trade(ann, bob, 20 * WAD, MARK)
    set_cap(ledger, CAP)
    dave = ledger.account(3)
    receipt = fill(ledger, dave, bob, -30 * WAD)
    assert fees(ledger, receipt) == {dave: fee(30 * WAD, 700), bob: fee(30 * WAD, 1_000)}


def test_surcharge__goes_where_trading_fees_go(ledger, ann, bob):
    ledger.trade(ann, bob, 500 * WAD, MARK)
    before = ledger.ledger.read("fee_balances")
    set_cap(ledger, CAP)
    receipt = fill(ledger, ann, bob, 2 * WAD)
    after = ledger.ledger.read("fee_balances")
    assert after[0] - before[0] == sum(fees(ledger, receipt).values())
    assert after[1] == before[1]


@pytest.mark.parametrize(("maker_cap", "taker_cap"), [(699, 1_000), (700, 999)])
def test_fee_caps__count_the_surcharge(ledger, ann, bob, maker_cap, taker_cap):
    """90 %: 5 basis points on top of 2 and 5."""
    ledger.trade(ann, bob, 460_800_000_000_000_000_000, MARK)
    set_cap(ledger, CAP)
    with reverts("order: fee above cap"):
        fill(ledger, ann, bob, 10 * WAD, maker_cap, taker_cap)
    fill(ledger, ann, bob, 10 * WAD, 700, 1_000)


def test_fee_caps__where_a_side_reduces__are_those_of_an_empty_market(ledger, ann, bob, cleo):
    """Who closes in a full market finds the orders that stand there, whatever fee they allow."""
    ledger.trade(ann, bob, 600 * WAD, MARK)
    set_cap(ledger, CAP)
    fill(ledger, cleo, bob, -10 * WAD, maker_cap=200, taker_cap=500)


def test_take__of_a_full_market__pays_no_surcharge(ledger, ann, bob, cleo):
    ledger.trade(ann, bob, 600 * WAD, MARK)
    set_cap(ledger, CAP)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    receipt = ledger.take(bob, cleo, 100 * WAD, MARK)
    assert ledger.changes(receipt)[cleo]["fee"] == 0
