"""Margins of positions and health of accounts against integers from the rules."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import BRACKETS, WAD, BareLedger
from tests.support.expect import reverts
from tests.support.margin_model import LEVERAGES, MarginModel, value

MARK = 100 * WAD
MODEL = MarginModel(BRACKETS, max_class=4)
RICH = 10**8 * WAD
RAY = 10**27
# notional around the brackets' thresholds (1 and 5 million) and where classes end
SIZES = (
    WAD,
    9_999 * WAD,
    10_000 * WAD,
    10_000 * WAD + 1,
    20_000 * WAD,
    50_000 * WAD,
    50_000 * WAD + 1,
    90_000 * WAD,
    500_000 * WAD,
)
DEAD_FEED_S = 2 * 86_400 + 1


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, markets=3)
        ledger.fund(ledger.account(0), RICH)
        yield ledger


@pytest.fixture
def counterparty(ledger):
    return ledger.account(0)


@pytest.fixture
def trader(ledger):
    account = ledger.account_of(ledger.trader)
    ledger.fund(account, RICH)
    return account


# --- one position -------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", SIZES)
def test_leg__any_size__margins_and_class_as_the_brackets_say(
    ledger, counterparty, trader, size, sign
):
    ledger.trade(counterparty, trader, sign * size, MARK)
    leg = ledger.leg(trader)
    want = MODEL.margins(size, MARK)
    assert (leg["im"], leg["mm"], leg["leverage_class"]) == (
        want.im,
        want.mm,
        want.leverage_class,
    )
    assert leg["notional"] == -(-size * MARK // WAD)
    rates = [row[2] for row in BRACKETS if leg["notional"] > row[0] * WAD]
    assert leg["mm_rate_ppm"] == rates[-1]
    assert (leg["size"], leg["mark"], leg["priced"]) == (sign * size, MARK, True)


@pytest.mark.parametrize("choice", range(5))
@pytest.mark.parametrize("size", [WAD, 20_000 * WAD, 90_000 * WAD])
def test_leg__chosen_class__sets_initial_margin_and_rank(
    ledger, counterparty, trader, choice, size
):
    ledger.send(ledger.trader, "set_leverage_class", trader, 1, choice)
    ledger.trade(counterparty, trader, size, MARK)
    leg = ledger.leg(trader)
    want = MODEL.margins(size, MARK, choice)
    assert (leg["im"], leg["mm"], leg["leverage_class"]) == (
        want.im,
        want.mm,
        want.leverage_class,
    )
    assert leg["im"] >= size * 100 // LEVERAGES[choice]


def test_leg__mark_moves__margins_follow_and_class_stays(ledger, counterparty, trader):
    ledger.trade(counterparty, trader, 9_999 * WAD, MARK)
    ledger.set_price(300 * WAD)
    ledger.poke()
    leg = ledger.leg(trader)
    want = MODEL.margins(9_999 * WAD, 300 * WAD)
    assert (leg["im"], leg["mm"]) == (want.im, want.mm)
    assert want.leverage_class < 4
    assert leg["leverage_class"] == 4  # fixed when the position was opened or increased


def test_leg__increase_past_a_bracket__lowers_the_class(ledger, counterparty, trader):
    ledger.trade(counterparty, trader, 9_999 * WAD, MARK)
    ledger.trade(counterparty, trader, 20_001 * WAD, MARK)
    assert ledger.leg(trader)["leverage_class"] == MODEL.margins(30_000 * WAD, MARK).leverage_class
    ledger.trade(counterparty, trader, -29_000 * WAD, MARK)
    assert ledger.leg(trader)["leverage_class"] == 3  # reductions keep it


def test_leg__more_epochs_behind_than_one_call_follows__refused(ledger, counterparty, trader):
    ledger.trade(counterparty, trader, 100 * WAD, MARK)
    head = ledger.word("ledger.position_words", trader, 1)
    key = 1 << 17 | 1 << 16 | head >> 160 & 2**16 - 1
    shares = ledger.word("ledger.bucket_words", key)
    for epoch, refused in ((8, False), (9, True)):
        # the bucket has seen ADL: P = a = 1, and so many epochs, of which nothing was left
        ledger.set_word(shares | 1 << 240, "ledger.bucket_words", key)
        ledger.set_word(RAY | RAY << 96 | epoch << 192, "ledger.bucket_words", key, offset=1)
        for view in (ledger.leg, ledger.health):
            with reverts("adl: sync first") if refused else nullcontext():
                view(trader)


def test_leg__flat__is_empty(ledger, trader):
    leg = ledger.leg(trader)
    assert (leg["size"], leg["entry"], leg["im"], leg["mm"], leg["accrued"]) == (0, 0, 0, 0, 0)


def test_leg__unknown_market__reverts(ledger, trader):
    with reverts("market: unknown"):
        ledger.leg(trader, 99)


# --- an account ---------------------------------------------------------------------------------


def test_health__three_legs__is_cash_plus_their_worth(ledger, counterparty, trader):
    prices = {1: 100 * WAD, 2: 123_456_789 * 10**10, 3: 77 * WAD}
    sizes = {1: 7 * WAD + 1, 2: -3 * WAD - 7, 3: 11_111 * WAD}
    for market, size in sizes.items():
        ledger.trade(counterparty, trader, size, MARK, market)
    for market, price in prices.items():
        ledger.set_price(price, market)
        ledger.poke(market)
    cash = RICH
    events = [ledger.leg(trader, market) for market in sizes]
    spent = sum(value(size, MARK) for size in sizes.values())
    health = ledger.health(trader)
    accrued = sum(leg["accrued"] for leg in events)
    fees = ledger.ledger.read("fee_balances")[0] * 500 // 700
    assert abs(health["cash"] - (cash - spent - fees + accrued)) <= 10**13  # fees: micro units
    assert health["equity"] == health["cash"] + sum(value(sizes[m], prices[m]) for m in sizes)
    assert health["equity_im"] == health["equity"]
    margins = [MODEL.margins(sizes[m], prices[m]) for m in sizes]
    assert health["im"] == sum(m.im for m in margins)
    assert health["mm"] == sum(m.mm for m in margins)
    assert health["priced"]


def test_health__gains_and_losses__move_one_for_one_with_the_mark(ledger, counterparty, trader):
    ledger.trade(counterparty, trader, 10 * WAD, MARK)
    before = ledger.health(trader)["equity"]
    for price in (110, 90):
        ledger.set_price(price * WAD)
        ledger.poke()
        assert ledger.health(trader)["equity"] - before == 10 * (price * WAD - MARK)


# --- a leg without price ------------------------------------------------------------------------


def without_price(ledger, market: int, others: tuple[int, ...]) -> None:
    """Kill one feed; the others answer again."""
    ledger.rpc.increase_time(DEAD_FEED_S)
    for other in others:
        ledger.set_price(MARK, other)
    ledger.poke(market)


@pytest.mark.parametrize("sign", [1, -1])
def test_health__unpriced_gain__counts_for_maintenance_only(ledger, counterparty, trader, sign):
    ledger.trade(counterparty, trader, sign * 10 * WAD, MARK)
    ledger.set_price(MARK + sign * 20 * WAD)
    ledger.poke()
    priced = ledger.health(trader)
    assert priced["equity"] == priced["equity_im"]
    without_price(ledger, 1, (2, 3))
    health = ledger.health(trader)
    leg = ledger.leg(trader)
    assert not leg["priced"]
    assert not health["priced"]
    assert health["equity"] == priced["equity"]
    gain = value(leg["size"], leg["mark"]) - value(leg["size"], leg["entry"])
    assert gain > 199 * WAD
    assert health["equity_im"] == health["equity"] - gain
    assert health["im"] == priced["im"] + -(-leg["notional"] // 20)
    assert health["mm"] == priced["mm"]


@pytest.mark.parametrize("sign", [1, -1])
def test_health__unpriced_loss__counts_in_full(ledger, counterparty, trader, sign):
    ledger.trade(counterparty, trader, sign * 10 * WAD, MARK)
    ledger.set_price(MARK - sign * 20 * WAD)
    ledger.poke()
    without_price(ledger, 1, (2, 3))
    health = ledger.health(trader)
    assert health["equity_im"] == health["equity"]


def test_unpriced_gain__cannot_be_withdrawn_nor_opened_on(ledger, counterparty):
    account = ledger.account(5)
    ledger.fund(account, 60 * WAD)
    ledger.trade(counterparty, account, 10 * WAD, MARK)
    ledger.set_price(150 * WAD)
    ledger.poke()
    ledger.send(ledger.custody, "debit", account, 100 * WAD)
    without_price(ledger, 1, (2, 3))
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", account, 1)
    with reverts("margin: below initial"):
        ledger.trade(counterparty, account, 2 * WAD, MARK, 2)


def test_unpriced_leg__does_not_freeze_the_other_markets(ledger, counterparty, trader):
    ledger.trade(counterparty, trader, 10 * WAD, MARK)
    without_price(ledger, 1, (2, 3))
    ledger.trade(counterparty, trader, 10 * WAD, MARK, 2)
    ledger.send(ledger.custody, "debit", trader, WAD)


def test_mark__feed_dies_and_returns__last_good_one_is_kept(ledger):
    ledger.set_price(107 * WAD)
    ledger.poke()
    without_price(ledger, 1, ())
    assert ledger.ledger.read("mark", 1) == (107 * WAD, False)
    ledger.set_price(90 * WAD)
    ledger.poke()
    assert ledger.ledger.read("mark", 1) == (90 * WAD, True)


def test_trade__other_leg_worsens__checked_against_the_whole_account(ledger, counterparty):
    """E1 * MM0 >= E0 * MM1 with MM of all legs: a reduction spares less of a larger whole."""
    account = ledger.account(5)
    ledger.fund(account, 10_000 * WAD)
    ledger.trade(counterparty, account, 100 * WAD, MARK)
    ledger.trade(counterparty, account, 100 * WAD, MARK, 2)
    ledger.set_equity(account, 400 * WAD)
    # MM falls from 500 to 400: E may fall from 400 to 320, 2 a unit over 40
    with reverts("margin: ratio worsened"):
        ledger.trade(counterparty, account, -40 * WAD, 98 * WAD - 1)
    ledger.trade(counterparty, account, -40 * WAD, 98 * WAD + 1)
