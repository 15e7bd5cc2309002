"""Auction takes: a slice of a started account moves to a taker."""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import WAD, rich_ledger
from tests.support.eager_ledger import decode_entry, encode_entry
from tests.support.expect import reverts

MARK = 100 * WAD
RICH = 10**6 * WAD
OI_CAP = 1_000 * WAD


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(3, RICH, markets=2, oi_cap=OI_CAP) as ledger:
        yield ledger


@pytest.fixture
def taker(ledger):
    return ledger.account(1)


@pytest.fixture
def started(ledger):
    """An account with a position of a sign and an equity, under liquidation."""

    def make(sign: int = 1, equity: int = 200 * WAD) -> int:
        account = ledger.account(9)
        ledger.fund(account, 10_000 * WAD)
        ledger.trade(ledger.account(0), account, sign * 100 * WAD, MARK)
        ledger.set_equity(account, equity)
        ledger.send(ledger.liquidator, "set_started", account, True)
        return account

    return make


@pytest.mark.parametrize("sign", [1, -1])
def test_take__moves_size_cash_fee_and_bonus(ledger, started, taker, sign):
    account = started(sign)
    price = MARK - sign * WAD
    fee, bonus = 2 * WAD, 3 * WAD
    before = {who: ledger.health(who)["cash"] for who in (account, taker)}
    interest = ledger.ledger.read("open_interest", 1)
    receipt = ledger.take(account, taker, sign * 30 * WAD, price, fee=fee, bonus=bonus)
    changes = ledger.changes(receipt)
    assert (changes[account]["size"], changes[account]["fee"]) == (sign * 70 * WAD, fee)
    assert (changes[taker]["size"], changes[taker]["fee"]) == (sign * 30 * WAD, 0)
    entry = decode_entry(encode_entry(price, sign > 0))
    assert changes[taker]["entry"] == entry
    paid = sign * 30 * WAD * price // WAD
    assert 0 <= before[account] + paid - fee - changes[account]["cash"] <= 1
    assert changes[taker]["cash"] == before[taker] - paid + bonus
    assert ledger.ledger.read("fee_balances")[1] == fee
    assert ledger.ledger.read("open_interest", 1) == interest


def test_take__returns_the_accounts_health_afterwards(ledger, started, taker):
    account = started()
    order = (account, taker, 1, 30 * WAD, MARK - WAD, WAD, 0)
    answer = ledger.ledger.read("take", order, sender=ledger.liquidator.address)
    ledger.take(account, taker, 30 * WAD, MARK - WAD, fee=WAD)
    # the position is booked anew: a wei of accrued cash each time, against the account
    health = ledger.health(account)
    for name, value in answer.items():
        assert value == pytest.approx(health[name], abs=2), name
    assert answer["mm"] == health["mm"] == 175 * WAD


def test_take__whole_leg__leaves_the_market(ledger, started, taker):
    account = started()
    ledger.take(account, taker, 100 * WAD, MARK)
    assert ledger.ledger.read("markets_of", account) == []


def test_take__bankrupt_account__moves_size_and_cash_only(ledger, started, taker):
    account = started(equity=-500 * WAD)
    ledger.take(account, taker, 100 * WAD, MARK)
    assert 0 <= -500 * WAD - ledger.health(account)["equity"] <= 2


def test_take__anybody_but_the_liquidator__reverts(ledger, started, taker):
    order = (started(), taker, 1, WAD, MARK, 0, 0)
    for signer in (ledger.attacker, ledger.owner, ledger.custody, ledger.exchange):
        with reverts("access: not liquidator"):
            ledger.send(signer, "take", order)


def test_take__account_itself__reverts(ledger, started):
    account = started()
    with reverts("trade: self trade"):
        ledger.take(account, account, WAD, MARK)


def test_take__taker_under_liquidation_who_would_reduce__reverts(ledger, started, taker):
    """Its own auction, which initial margin would end, would have stayed open."""
    account = started()
    ledger.trade(ledger.account(0), taker, -50 * WAD, MARK)
    ledger.take(account, taker, WAD, MARK)
    ledger.send(ledger.liquidator, "set_started", taker, True)
    with reverts("account: under liquidation"):
        ledger.take(account, taker, WAD, MARK)


def test_take__account_not_started__reverts(ledger, started, taker):
    account = started()
    ledger.send(ledger.liquidator, "set_started", account, False)
    with reverts("account: not under liquidation"):
        ledger.take(account, taker, WAD, MARK)


@pytest.mark.parametrize("size", [-WAD, 100 * WAD + 1, 0])
def test_take__not_a_reduction__reverts(ledger, started, taker, size):
    with reverts("take: not reducing"):
        ledger.take(started(), taker, size, MARK)


def test_take__market_the_account_is_not_in__reverts(ledger, started, taker):
    with reverts("take: not reducing"):
        ledger.take(started(), taker, WAD, MARK, market=2)


def test_take__unknown_market__reverts(ledger, started, taker):
    with reverts("market: unknown"):
        ledger.take(started(), taker, WAD, MARK, market=9)


def test_take__market_without_price__reverts(ledger, started, taker):
    account = started()
    ledger.rpc.increase_time(2 * 86_400 + 1)
    with reverts("oracle: no price"):
        ledger.take(account, taker, WAD, MARK)


@pytest.mark.parametrize("way", [1, -1])
def test_take__price__within_a_tenth_of_mark(ledger, started, taker, way):
    account = started(equity=400 * WAD)
    edge = MARK + way * MARK // 10
    with reverts("take: price outside band"):
        ledger.take(account, taker, WAD, edge + way)
    ledger.take(account, taker, WAD, edge)


def test_take__fee__at_most_five_percent_of_the_slice(ledger, started, taker):
    account = started()
    with reverts("take: fee too high"):
        ledger.take(account, taker, 10 * WAD, MARK, fee=50 * WAD + 1)
    ledger.take(account, taker, 10 * WAD, MARK, fee=50 * WAD)


def test_take__bonus__at_most_one_percent_of_the_slice(ledger, started, taker):
    account = started()
    with reverts("take: bonus too high"):
        ledger.take(account, taker, 10 * WAD, MARK, bonus=10 * WAD + 1)
    ledger.take(account, taker, 10 * WAD, MARK, bonus=10 * WAD)


def test_take__taker__must_meet_initial_margin_to_the_wei(ledger, started):
    account, poor = started(), ledger.account(8)
    ledger.fund(poor, 50 * WAD - 1)
    with reverts("margin: below initial"):
        ledger.take(account, poor, 10 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.take(account, poor, 10 * WAD, MARK)


def test_take__taker_that_only_reduces__must_meet_initial_margin_too(ledger, started, taker):
    account, short = started(), ledger.account(8)
    ledger.fund(short, 10_000 * WAD)
    ledger.trade(taker, short, -100 * WAD, MARK)
    ledger.set_equity(short, 249 * WAD)
    with reverts("margin: below initial"):
        ledger.take(account, short, 50 * WAD, MARK)
    ledger.set_equity(short, 251 * WAD)
    ledger.take(account, short, 50 * WAD, MARK)


def test_take__taker_under_liquidation__reverts(ledger, started, taker):
    account = started()
    ledger.send(ledger.liquidator, "set_started", taker, True)
    with reverts("account: under liquidation"):
        ledger.take(account, taker, WAD, MARK)


def test_take__small_slice__no_least_notional(ledger, started, taker):
    ledger.take(started(), taker, 1, MARK)


def test_take__open_interest_at_the_cap__passes(ledger, started, taker):
    account = started()
    ledger.trade(ledger.account(0), ledger.account(2), OI_CAP - 100 * WAD, MARK)
    ledger.take(account, taker, 50 * WAD, MARK)
    assert ledger.ledger.read("open_interest", 1) == (OI_CAP, OI_CAP)


def test_take__premiums__are_not_told_about_it(ledger, started, taker):
    account = started()
    clock = ledger.word("ledger.market_clock", 1) >> 80 & 2**144 - 1
    ledger.take(account, taker, 50 * WAD, MARK - WAD)
    same_bucket = ledger.word("ledger.market_clock", 1) >> 80 & 2**144 - 1
    assert same_bucket in (clock, 0)
