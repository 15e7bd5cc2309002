"""Accounts of the Clearinghouse: deposits, withdrawals, isolated ones, leverage classes."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts

MARKETS = 11


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        yield BareLedger(anvil.rpc, markets=MARKETS)


@pytest.fixture
def trader(ledger):
    """Account 0 of somebody who can sign."""
    return ledger.account_of(ledger.trader)


@pytest.fixture
def counterparty(ledger):
    account = ledger.account(1)
    ledger.fund(account, 10**6 * WAD)
    return account


# --- deposits and withdrawals ---------------------------------------------------------------


def test_credit__deposit__adds_cash_and_logs(ledger, trader):
    ledger.fund(trader, 5 * WAD)
    receipt = ledger.send(ledger.custody, "credit", trader, 2 * WAD)
    (event,) = ledger.ledger.events(receipt)
    assert event.name == "CashChanged"
    assert event.args == {"account": trader, "delta": 2 * WAD, "cash": 7 * WAD}
    health = ledger.health(trader)
    assert health == {
        "equity": 7 * WAD,
        "equity_im": 7 * WAD,
        "mm": 0,
        "im": 0,
        "cash": 7 * WAD,
        "priced": True,
        "shield": 0,
    }


def test_credit__beyond_the_field_of_cash__reverts(ledger, trader):
    ledger.fund(trader, 2**127 - 1)
    with reverts("number: does not fit"):
        ledger.fund(trader, 1)


@pytest.mark.parametrize(
    ("function", "args"), [("credit", (1, 1)), ("debit", (1, 1)), ("collect_fees", ())]
)
def test_custody_primitives__anybody_else__reverts(ledger, function, args):
    for signer in (ledger.attacker, ledger.owner, ledger.exchange, ledger.liquidator):
        with reverts("access: not custody"):
            ledger.send(signer, function, *args)


def test_debit__without_positions__down_to_nothing(ledger, trader):
    ledger.fund(trader, 5 * WAD)
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", trader, 5 * WAD + 1)
    receipt = ledger.send(ledger.custody, "debit", trader, 5 * WAD)
    (event,) = ledger.ledger.events(receipt)
    assert event.args == {"account": trader, "delta": -5 * WAD, "cash": 0}


def test_debit__with_a_position__down_to_initial_margin_to_the_wei(ledger, trader, counterparty):
    ledger.fund(trader, 1_000 * WAD)
    ledger.trade(counterparty, trader, 50 * WAD, 100 * WAD)
    health = ledger.health(trader)
    assert health["im"] == 250 * WAD  # 5,000 at 20x
    free = health["equity"] - health["im"]
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", trader, free + 1)
    ledger.send(ledger.custody, "debit", trader, free)
    assert ledger.health(trader)["equity"] == health["im"]


def test_debit__account_under_liquidation__reverts(ledger, trader):
    ledger.fund(trader, WAD)
    ledger.send(ledger.liquidator, "set_started", trader, True)
    with reverts("account: under liquidation"):
        ledger.send(ledger.custody, "debit", trader, 1)
    ledger.send(ledger.liquidator, "set_started", trader, False)
    ledger.send(ledger.custody, "debit", trader, 1)


def test_set_started__marks_and_clears_one_account(ledger, trader, counterparty):
    ledger.send(ledger.liquidator, "set_started", trader, True)
    assert ledger.ledger.read("is_started", trader)
    assert not ledger.ledger.read("is_started", counterparty)
    ledger.send(ledger.liquidator, "set_started", trader, False)
    assert not ledger.ledger.read("is_started", trader)


def test_set_started__anybody_else__reverts(ledger, trader):
    for signer in (ledger.attacker, ledger.owner, ledger.custody, ledger.exchange):
        with reverts("access: not liquidator"):
            ledger.send(signer, "set_started", trader, True)


# --- fees -------------------------------------------------------------------------------------


def test_collect_fees__empties_trading_fees_of_all_markets_and_insurance_fees(
    ledger, trader, counterparty
):
    ledger.fund(trader, 10_000 * WAD)
    for market in (1, MARKETS):
        ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD, market)
    ledger.set_word(3 * WAD, "ledger.insurance_fees")
    trading = 2 * (1_000 * WAD * 700 // 10**6)  # taker 500 ppm, maker 200 ppm
    assert ledger.ledger.read("fee_balances") == (trading, 3 * WAD)
    custody = ledger.custody.address
    assert ledger.ledger.read("collect_fees", sender=custody) == (trading, 3 * WAD)
    longs_and_shorts = ledger.ledger.read("open_interest", 1)
    ledger.send(ledger.custody, "collect_fees")
    assert ledger.ledger.read("fee_balances") == (0, 0)
    assert ledger.ledger.read("open_interest", 1) == longs_and_shorts


def test_trade__fee_counter_full__asks_for_a_sweep(ledger, trader, counterparty):
    ledger.fund(trader, 10_000 * WAD)
    fees = 700_000  # micro units, of one trade of 1,000
    ledger.set_word((2**56 - 1 - fees) << 200, "ledger.market_interest", 1)
    ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD)
    with reverts("fees: sweep first"):
        ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD)
    ledger.send(ledger.custody, "collect_fees")
    ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD)


# --- isolated accounts and markets ------------------------------------------------------------


def test_open_isolated__returns_the_callers_sub_account(ledger):
    wanted = ledger.account_of(ledger.trader, 2**96 - 1)
    trader = ledger.trader
    assert ledger.ledger.read("open_isolated", 2**96 - 1, sender=trader.address) == wanted
    ledger.send(trader, "open_isolated", 2**96 - 1)
    with reverts("account: already in use"):
        ledger.send(trader, "open_isolated", 2**96 - 1)


def test_open_isolated__number_above_96_bits__reverts(ledger):
    with reverts("account: bad sub-account"):
        ledger.send(ledger.trader, "open_isolated", 2**96)


def test_open_isolated__account_with_cash__reverts(ledger, trader):
    ledger.fund(trader, 1)
    with reverts("account: already in use"):
        ledger.send(ledger.trader, "open_isolated", 0)


def test_isolated_account__second_market__reverts_until_the_first_is_closed(ledger, counterparty):
    ledger.send(ledger.trader, "open_isolated", 7)
    isolated = ledger.account_of(ledger.trader, 7)
    ledger.fund(isolated, 10_000 * WAD)
    ledger.trade(counterparty, isolated, 10 * WAD, 100 * WAD, 2)
    with reverts("account: too many markets"):
        ledger.trade(counterparty, isolated, 10 * WAD, 100 * WAD, 3)
    ledger.trade(counterparty, isolated, 10 * WAD, 100 * WAD, 2)
    ledger.trade(counterparty, isolated, -20 * WAD, 100 * WAD, 2)
    ledger.trade(counterparty, isolated, 10 * WAD, 100 * WAD, 3)
    assert ledger.ledger.read("markets_of", isolated) == [3]


def test_cross_account__eleventh_market__reverts(ledger, trader, counterparty):
    ledger.fund(trader, 10**5 * WAD)
    for market in range(1, MARKETS):
        ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD, market)
    other = ledger.account(2)
    ledger.fund(other, 10**5 * WAD)
    with reverts("account: too many markets"):
        ledger.trade(other, trader, 10 * WAD, 100 * WAD, MARKETS)
    assert ledger.ledger.read("markets_of", trader) == list(range(1, MARKETS))
    # closing one in the middle closes the gap and makes room
    ledger.trade(other, trader, -10 * WAD, 100 * WAD, 4)
    ledger.trade(other, trader, 10 * WAD, 100 * WAD, MARKETS)
    assert ledger.ledger.read("markets_of", trader) == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]


# --- leverage class -----------------------------------------------------------------------------


def test_set_leverage_class__lower_class__posts_more_margin_and_ranks_there(
    ledger, trader, counterparty
):
    ledger.fund(trader, 10_000 * WAD)
    ledger.send(ledger.trader, "set_leverage_class", trader, 1, 1)
    ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD)
    leg = ledger.leg(trader)
    assert (leg["leverage_class"], leg["im"], leg["mm"]) == (1, 500 * WAD, 25 * WAD)
    assert ledger.leg(counterparty)["leverage_class"] == 4


def test_set_leverage_class__choice_survives_closing(ledger, trader, counterparty):
    ledger.fund(trader, 10_000 * WAD)
    ledger.send(ledger.trader, "set_leverage_class", trader, 1, 0)
    for size in (10, -10, 10):
        ledger.trade(counterparty, trader, size * WAD, 100 * WAD)
    assert ledger.leg(trader)["im"] == 1_000 * WAD


def test_set_leverage_class__somebody_elses_account__reverts(ledger, trader):
    for signer in (ledger.attacker, ledger.owner, ledger.exchange):
        with reverts("access: not account owner"):
            ledger.send(signer, "set_leverage_class", trader, 1, 1)


def test_set_leverage_class__above_the_markets__reverts(ledger, trader):
    ledger.send(ledger.trader, "set_leverage_class", trader, 1, 4)
    with reverts("class: above the market's"):
        ledger.send(ledger.trader, "set_leverage_class", trader, 1, 5)


def test_set_leverage_class__unknown_market__reverts(ledger, trader):
    with reverts("market: unknown"):
        ledger.send(ledger.trader, "set_leverage_class", trader, 99, 1)


def test_set_leverage_class__position_open__reverts(ledger, trader, counterparty):
    ledger.fund(trader, 10_000 * WAD)
    ledger.trade(counterparty, trader, 10 * WAD, 100 * WAD)
    with reverts("class: position open"):
        ledger.send(ledger.trader, "set_leverage_class", trader, 1, 1)
    ledger.trade(counterparty, trader, -10 * WAD, 100 * WAD)
    ledger.send(ledger.trader, "set_leverage_class", trader, 1, 1)
