"""Winding a market down: who may settle it and when, what it is afterwards, conversion to cash."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.loss_weights import SHARES, Weight, pack
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts
from tests.support.outage_word import (
    DEAD_S,
    PRICED,
    SETTLE_WINDOW_S,
    SETTLED,
    outage,
    outage_of,
    poke_at,
    status_of,
    stop_of,
)
from tests.support.risk_word import STIRRED, TERMS, at, set_terms, word_of

FROZEN = 8


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, markets=2, funding_base_ppb=1_000_000)
        set_terms(ledger)
        yield ledger


@pytest.fixture
def people(ledger):
    """Ann is long 10 and Cara long 5 at 100, Bob short 15; 5,000 of cash each."""
    ann, bob, cara = (ledger.account(number) for number in (1, 2, 3))
    for account in (ann, bob, cara):
        ledger.fund(account, 5_000 * WAD)
    ledger.trade(bob, ann, 10 * WAD, 100 * WAD)
    ledger.trade(bob, cara, 5 * WAD, 100 * WAD)
    return ann, bob, cara


def now(ledger) -> int:
    return ledger.rpc.timestamp()


def settle(ledger, signer=None, market: int = 1):
    return ledger.send(signer or ledger.owner, "settle_market", market)


def events(ledger, receipt, name: str) -> list[dict]:
    return [event.args for event in ledger.ledger.events(receipt) if event.name == name]


def settled_at(ledger, price: int, then: int) -> None:
    """The owner settles at a price (whole units) and a time."""
    ledger.rpc.set_next_timestamp(then - 1)
    ledger.set_price(price * WAD)
    ledger.rpc.set_next_timestamp(then)
    settle(ledger)


def cash(ledger, account: int) -> int:
    return ledger.health(account)["cash"]


def stored_cash(ledger, account: int) -> int:
    """Without what has accrued."""
    low = ledger.word("ledger.account_words", account) % 2**128
    return low - 2**128 * (low >> 127)


# --- who and when -------------------------------------------------------------------------------


def test_settle__by_the_owner__final_at_the_mark_of_the_block(ledger, people):
    then = now(ledger) + 100
    ledger.rpc.set_next_timestamp(then - 1)
    ledger.set_price(120 * WAD)
    ledger.rpc.set_next_timestamp(then)
    receipt = settle(ledger)
    assert events(ledger, receipt, "MarketSettled") == [
        {"market": 1, "price": 120 * WAD, "converts_at": then + SETTLE_WINDOW_S}
    ]
    assert status_of(ledger) == SETTLED
    assert outage_of(ledger).settled_at == then
    assert ledger.ledger.read("mark", 1) == (120 * WAD, False)
    assert ledger.ledger.read("funding", 1)[1] == 0


def test_settle__unknown_or_twice__reverts(ledger):
    with reverts("market: unknown"):
        settle(ledger, market=7)
    settle(ledger)
    for signer in (ledger.owner, ledger.attacker):
        with reverts("market: settled"):
            settle(ledger, signer)


def test_settle__by_anybody__not_while_there_is_a_price(ledger):
    with reverts("market: alive"):
        settle(ledger, ledger.attacker)


def test_settle__by_anybody__three_days_after_a_poke_found_the_price_gone(ledger, people):
    ledger.lose_price()
    gone = now(ledger) + 500
    poke_at(ledger, gone)
    ledger.rpc.set_next_timestamp(gone + DEAD_S - 1)
    with reverts("market: alive"):
        settle(ledger, ledger.attacker)
    ledger.rpc.set_next_timestamp(gone + DEAD_S)
    receipt = settle(ledger, ledger.attacker)
    assert events(ledger, receipt, "MarketSettled")[0]["price"] == 100 * WAD
    assert status_of(ledger) == SETTLED
    # the clocks stood still until now, and run again
    assert stop_of(ledger) == (gone, gone + DEAD_S, True)
    at(ledger, gone + DEAD_S + 1_000)
    assert stop_of(ledger) == (gone, gone + DEAD_S, True)


def test_settle__by_anybody__nobody_had_poked__counts_from_the_first_who_did(ledger):
    ledger.lose_price()
    ledger.rpc.set_next_timestamp(now(ledger) + 2 * DEAD_S)
    with reverts("market: alive"):
        settle(ledger, ledger.attacker)


def test_settle__by_anybody__price_back_in_time__is_alive(ledger):
    ledger.lose_price()
    gone = now(ledger) + 500
    poke_at(ledger, gone)
    ledger.rpc.set_next_timestamp(gone + DEAD_S - 1)
    ledger.set_price(90 * WAD)
    ledger.rpc.set_next_timestamp(gone + DEAD_S)
    with reverts("market: alive"):
        settle(ledger, ledger.attacker)


def test_settle__flicker_in_the_grace_of_a_long_outage__is_no_death(ledger):
    """The stop goes on over the flicker; the three days count from the flicker."""
    gone = now(ledger) + 500
    outage(ledger, gone, gone + DEAD_S - 100)
    ledger.lose_price()
    poke_at(ledger, gone + DEAD_S + 10)
    assert outage_of(ledger).began == gone
    with reverts("market: alive"):
        settle(ledger, ledger.attacker)


@pytest.mark.parametrize("bit", [2, 4, FROZEN])
def test_settle__frozen_resolve_at_work__reverts(ledger, bit):
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_word(clock | bit << 224, "ledger.market_clock", 1)
    with reverts("market: being resolved"):
        settle(ledger)


def test_settle__in_a_grace__ends_it(ledger):
    start = now(ledger) + 100
    outage(ledger, start, start + 900)
    ledger.rpc.set_next_timestamp(start + 1_000)
    settle(ledger)
    assert outage_of(ledger).grace_until == start + 1_000
    assert stop_of(ledger) == (start, start + 1_000, True)


# --- what it is then ----------------------------------------------------------------------------


def test_settled__oracle_funding_and_premiums_stand_still(ledger, people):
    settled_at(ledger, 110, now(ledger) + 100)
    pulse = ledger.word("ledger.market_pulse", 1)
    window = ledger.word("ledger.premium_windows", 1)
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_price(50 * WAD)
    then = now(ledger) + 10_000
    assert poke_at(ledger, then) == []
    assert ledger.word("ledger.market_pulse", 1) == pulse
    assert ledger.word("ledger.premium_windows", 1) == window
    changed = ledger.word("ledger.market_clock", 1)
    assert changed >> 80 == clock >> 80
    assert changed >> 40 & 2**40 - 1 == then
    assert ledger.ledger.read("mark", 1) == (110 * WAD, False)


def test_settled__margin__none_needed_and_gains_count_as_zero(ledger, people):
    ann, bob, _ = people
    settled_at(ledger, 120, now(ledger) + 100)
    leg = ledger.leg(ann)
    assert (leg["im"], leg["mm"], leg["mm_rate_ppm"], leg["priced"]) == (0, 0, 0, False)
    assert leg["notional"] == 1_200 * WAD
    health = ledger.health(ann)
    assert (health["im"], health["mm"]) == (0, 0)
    gain = health["equity"] - health["equity_im"]  # against the entry, a price of few digits
    assert abs(gain - 200 * WAD) < WAD // 1_000
    # a loss counts in full
    health = ledger.health(bob)
    assert health["equity"] == health["equity_im"]


def test_settled__nobody_trades_takes_or_rematches(ledger, people):
    ann, bob, cara = people
    settled_at(ledger, 100, now(ledger) + 100)
    with reverts("oracle: no price"):
        ledger.trade(ann, bob, WAD, 100 * WAD)
    ledger.send(ledger.liquidator, "set_started", ann, True)
    with reverts("oracle: no price"):
        ledger.take(ann, cara, WAD, 100 * WAD)
    with reverts("oracle: no price"):
        ledger.send(ledger.liquidator, "rematch", ann, 1, WAD, 0, 10)


def test_settled__risk_terms_and_holds__no_more(ledger):
    ledger.set_price(110 * WAD)
    ledger.poke()
    assert status_of(ledger) & STIRRED
    settle(ledger)
    with reverts("market: settled"):
        set_terms(ledger, *TERMS)
    word = word_of(ledger)
    ledger.send(ledger.liquidator, "hold", 1, True)
    assert word_of(ledger) == word
    assert status_of(ledger) == SETTLED


def test_settled__other_legs__trade_and_withdraw_on(ledger, people):
    ann, bob, _ = people
    settled_at(ledger, 150, now(ledger) + 100)
    ledger.trade(bob, ann, 10 * WAD, 100 * WAD, market=2)
    free = ledger.health(ann)
    # the gain of 500 stays inside until it is cash
    ledger.send(ledger.custody, "debit", ann, free["equity_im"] - free["im"])
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", ann, WAD)
    then = outage_of(ledger).settled_at + SETTLE_WINDOW_S
    ledger.rpc.set_next_timestamp(then)
    ledger.send(ledger.trader, "sync", ann, 1)
    ledger.send(ledger.custody, "debit", ann, 490 * WAD)


# --- conversion ---------------------------------------------------------------------------------


def test_sync__before_the_hour_is_over__only_writes_back(ledger, people):
    ann, _, _ = people
    then = now(ledger) + 100
    settled_at(ledger, 120, then)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S - 1)
    receipt = ledger.send(ledger.attacker, "sync", ann, 1)
    assert events(ledger, receipt, "PositionSettled") == []
    assert ledger.leg(ann)["size"] == 10 * WAD
    with ledger.rpc.undone():
        at(ledger, then + SETTLE_WINDOW_S)
        assert stop_of(ledger)[2] is False
    assert stop_of(ledger)[2] is True


def test_sync__after_the_hour__cash_at_the_final_mark(ledger, people):
    ann, bob, cara = people
    then = now(ledger) + 100
    settled_at(ledger, 120, then)
    worth = {account: ledger.health(account)["equity"] for account in people}
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    receipt = ledger.send(ledger.attacker, "sync", ann, 1)
    assert events(ledger, receipt, "PositionSettled") == [
        {"account": ann, "market": 1, "size": 10 * WAD, "price": 120 * WAD}
    ]
    assert [event["size"] for event in events(ledger, receipt, "PositionChanged")] == [0]
    assert ledger.ledger.read("markets_of", ann) == []
    assert ledger.ledger.read("open_interest", 1) == (5 * WAD, 15 * WAD)
    for account in (bob, cara):
        ledger.send(ledger.attacker, "sync", account, 1)
    assert ledger.ledger.read("open_interest", 1) == (0, 0)
    for account in people:
        health = ledger.health(account)
        assert health["cash"] == health["equity"] == health["equity_im"]
        assert 0 <= worth[account] - health["cash"] <= 2
    again = ledger.send(ledger.attacker, "sync", ann, 1)
    assert events(ledger, again, "PositionSettled") == []


def test_sync__market_that_lives__converts_nothing(ledger, people):
    ann, _, _ = people
    ledger.rpc.set_next_timestamp(now(ledger) + 10 * SETTLE_WINDOW_S)
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.leg(ann)["size"] == 10 * WAD


def test_sync__frozen_resolve_in_the_market__comes_first(ledger, people):
    ann, _, _ = people
    then = now(ledger) + 100
    settled_at(ledger, 120, then)
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_word(clock | FROZEN << 224, "ledger.market_clock", 1)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.leg(ann)["size"] == 10 * WAD


def test_sync__account_of_the_frozen_resolve__reverts(ledger, people):
    _, bob, _ = people
    then = now(ledger) + 100
    settled_at(ledger, 120, then)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    ledger.set_equity(bob, -WAD)
    ledger.send(ledger.liquidator, "adl_begin", bob, WAD, 0)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    with reverts("account: locked"):
        ledger.send(ledger.attacker, "sync", bob, 1)


def test_sync__one_leg_of_two_markets__the_other_stays(ledger, people):
    ann, bob, _ = people
    ledger.trade(bob, ann, 3 * WAD, 100 * WAD, market=2)
    then = now(ledger) + 100
    settled_at(ledger, 90, then)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.ledger.read("markets_of", ann) == [2]
    assert ledger.leg(ann, 2)["size"] == 3 * WAD


def test_sync__one_of_ten_markets__leaves_the_list_and_nothing_else_moves(ledger, people):
    """The market's place in the middle closes up; the nine others are read as before."""
    ann, bob, _ = people
    ledger.trade(bob, ann, 3 * WAD, 100 * WAD, market=2)
    word = ledger.word("ledger.account_words", ann)
    assert word >> 128 & 0xFFFF == 1 | 2 << 8
    full = sum(market << 8 * place for place, market in enumerate((3, 4, 1, 2, 5, 6, 7, 8, 9, 10)))
    low = word & (2**128 - 1)
    ledger.set_word(low | full << 128 | 10 << 208, "ledger.account_words", ann)
    then = now(ledger) + 100
    settled_at(ledger, 90, then)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.ledger.read("markets_of", ann) == [3, 4, 2, 5, 6, 7, 8, 9, 10]


def test_conversion__many_accounts__pays_out_what_it_takes_in(ledger):
    """Sizes of a few wei, prices with digits, funding and a bucket that ADL has touched."""
    draw = random.Random(5)
    accounts = [ledger.account(number) for number in range(12)]
    for account in accounts:
        ledger.fund(account, 10**6 * WAD)
    for _ in range(25):
        maker, taker = draw.sample(accounts, 2)
        price = draw.randrange(92 * WAD, 108 * WAD)
        size = draw.randrange(2 * WAD, 20 * WAD) * draw.choice((1, -1))
        ledger.trade(maker, taker, size, price)
    ledger.rpc.increase_time(3_000)
    ledger.send(ledger.liquidator, "set_started", accounts[0], True)
    for _ in range(3):
        size = abs(ledger.leg(accounts[0])["size"])
        ledger.send(ledger.liquidator, "rematch", accounts[0], 1, size // 3 + 1, 0, 50)
    longs, shorts = ledger.ledger.read("open_interest", 1)
    assert abs(longs - shorts) < 100  # dust
    then = now(ledger) + 100
    settled_at(ledger, 113, then)
    worth = [ledger.health(account)["equity"] for account in accounts]
    legs = [ledger.leg(account) for account in accounts]
    dust, funding = sum(leg["size"] for leg in legs), sum(leg["accrued"] for leg in legs)
    assert abs(dust) < 100
    cash_before = [stored_cash(ledger, account) for account in accounts]
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    for account in draw.sample(accounts, len(accounts)):
        ledger.send(ledger.attacker, "sync", account, 1)
    paid = [
        stored_cash(ledger, account) - before
        for account, before in zip(accounts, cash_before, strict=True)
    ]
    # a wei or two of each account, and the dust at the mark: what the sides' sizes differ by
    assert -3 * len(accounts) <= sum(paid) - funding - dust * 113 <= 0
    assert max(abs(value) for value in paid) > WAD
    for account, before in zip(accounts, worth, strict=True):
        assert 0 <= before - cash(ledger, account) <= 2
    assert max(ledger.ledger.read("open_interest", 1)) < 100


# --- the frozen resolve -------------------------------------------------------------------------


def test_frozen_resolve__settled_leg__is_charged_and_turned_into_cash(ledger, people):
    """Bob owes 300: Ann and Cara pay by their profit, and keep their positions for the next."""
    ann, bob, cara = people
    then = now(ledger) + 100
    settled_at(ledger, 150, then)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    ledger.set_equity(bob, -300 * WAD)
    before = {account: ledger.health(account)["equity"] for account in (ann, cara)}
    weights = pack([Weight(1, True, SHARES)])
    ledger.send(ledger.liquidator, "adl_begin", bob, 0, weights)
    assert ledger.ledger.read("adl_job")["legs"] == 1
    receipt = ledger.send(ledger.liquidator, "adl_step", 50)
    assert events(ledger, receipt, "BucketRematched") == []
    assert events(ledger, receipt, "PositionSettled") == [
        {"account": bob, "market": 1, "size": -15 * WAD, "price": 150 * WAD}
    ]
    assert ledger.ledger.read("markets_of", bob) == []
    assert -100 <= cash(ledger, bob) <= 0
    paid = {account: before[account] - ledger.health(account)["equity"] for account in (ann, cara)}
    assert abs(paid[ann] - 200 * WAD) < 1_000
    assert abs(paid[cara] - 100 * WAD) < 1_000
    assert (ledger.leg(ann)["size"], ledger.leg(cara)["size"]) == (10 * WAD, 5 * WAD)
    # what is left of the profit is still there to be charged
    assert ledger.ledger.read("adl_job")["account"] == 0
    assert status_of(ledger) == SETTLED


def test_frozen_resolve__hour_over__leaves_the_leg_to_conversion(ledger, people):
    _, bob, _ = people
    then = now(ledger) + 100
    settled_at(ledger, 150, then)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    ledger.set_equity(bob, -300 * WAD)
    with ledger.rpc.undone():
        ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S - 1)
        ledger.send(ledger.liquidator, "adl_begin", bob, 0, 0)
        assert ledger.ledger.read("adl_job")["legs"] == 1
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S)
    ledger.send(ledger.liquidator, "adl_begin", bob, 0, 0)
    assert ledger.ledger.read("adl_job")["legs"] == 0


def test_frozen_resolve__begun_in_the_hour__ends_after_it(ledger, people):
    """Nobody converts meanwhile, and Bob's leg becomes cash whoever is left on the other side."""
    ann, bob, _ = people
    then = now(ledger) + 100
    settled_at(ledger, 150, then)
    ledger.send(ledger.liquidator, "set_started", bob, True)
    ledger.set_equity(bob, -300 * WAD)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S - 1)
    ledger.send(ledger.liquidator, "adl_begin", bob, 0, 0)
    ledger.rpc.set_next_timestamp(then + SETTLE_WINDOW_S + 10)
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.leg(ann)["size"] == 10 * WAD
    receipt = ledger.send(ledger.liquidator, "adl_step", 50)
    assert len(events(ledger, receipt, "PositionSettled")) == 1
    assert events(ledger, receipt, "DustBooked") == []
    ledger.send(ledger.attacker, "sync", ann, 1)
    assert ledger.ledger.read("markets_of", ann) == []


def test_settled__priced_bit_is_gone_for_good(ledger):
    settle(ledger)
    ledger.set_price(100 * WAD)
    ledger.poke()
    assert status_of(ledger) & PRICED == 0
