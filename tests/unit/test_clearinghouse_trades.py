"""Trades: what moves, what it costs, and every limit from both sides."""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import WAD, rich_ledger
from tests.support.eager_ledger import decode_entry, encode_entry
from tests.support.expect import reverts
from tests.support.margin_model import fee_of

MARK = 100 * WAD
OI_CAP = 20_000 * WAD
TAKER_PPM = 500
MAKER_PPM = 200
MAKER_REDUCES, TAKER_REDUCES, MAKER_FEE, BLOCK = 1, 2, 4, 8
RICH = 10**6 * WAD


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(4, RICH, markets=2, oi_cap=OI_CAP) as ledger:
        yield ledger


@pytest.fixture
def taker(ledger):
    return ledger.account(1)


@pytest.fixture
def other(ledger):
    return ledger.account(2)


def entered(price: int, long: bool) -> int:
    """The entry a fill at `price` leaves: never at a worse price than the mark."""
    return decode_entry(encode_entry(min(price, MARK) if long else max(price, MARK), long))


def cash(ledger, account: int) -> int:
    return ledger.health(account)["cash"]


# --- what moves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__opening__moves_equal_and_opposite_size_and_cash(ledger, maker, taker, sign):
    size, price = sign * 12_345_678_901_234_567_891, 100_123_456_789_012_345_679
    receipt = ledger.trade(maker, taker, size, price)
    paid = size * price // WAD
    fees = {maker: fee_of(size, price, MAKER_PPM), taker: fee_of(size, price, TAKER_PPM)}
    changes = ledger.changes(receipt)
    assert list(changes) == [maker, taker]
    for account, moved, received in ((maker, -size, paid), (taker, size, -paid)):
        entry = entered(price, moved > 0)
        assert changes[account].args == {
            "account": account,
            "market": 1,
            "size": moved,
            "entry": entry,
            "cash": RICH + received - fees[account],
            "fee": fees[account],
        }
        leg = ledger.leg(account)
        assert (leg["size"], leg["entry"]) == (moved, entry)
    assert ledger.ledger.read("open_interest", 1) == (abs(size), abs(size))
    assert ledger.ledger.read("fee_balances") == (sum(fees.values()), 0)
    assert ledger.ledger.read("markets_of", taker) == [1]


def test_trade__maker_not_passive__pays_the_takers_fee(ledger, maker, taker):
    changes = ledger.changes(ledger.trade(maker, taker, WAD, MARK, flags=0))
    assert changes[maker]["fee"] == changes[taker]["fee"] == fee_of(WAD, MARK, TAKER_PPM)


def test_trade__fee__is_whole_micro_units_rounded_up(ledger, maker, taker):
    size = 10**18 + 1  # 500 ppm of 100 and a bit: one micro unit more
    fee = ledger.changes(ledger.trade(maker, taker, size, MARK))[taker]["fee"]
    assert fee == 50_001 * 10**12


def test_trade__fee_cap__at_the_fee_and_one_ppm_below(ledger, maker, taker):
    def fill(maker_cap: int, taker_cap: int, flags: int = MAKER_FEE):
        order = (maker, taker, 1, WAD, MARK, maker_cap, taker_cap, flags)
        return ledger.send(ledger.exchange, "trade", order)

    fill(MAKER_PPM, TAKER_PPM)
    fill(TAKER_PPM, TAKER_PPM, 0)
    for caps in ((MAKER_PPM - 1, TAKER_PPM), (MAKER_PPM, TAKER_PPM - 1)):
        with reverts("order: fee above cap"):
            fill(*caps)
    with reverts("order: fee above cap"):
        fill(TAKER_PPM - 1, TAKER_PPM, 0)


def test_trade__anybody_but_the_exchange__reverts(ledger, maker, taker):
    fill = (maker, taker, 1, WAD, MARK, 1_000, 1_000, 0)
    for signer in (ledger.attacker, ledger.owner, ledger.custody, ledger.liquidator):
        with reverts("access: not exchange"):
            ledger.send(signer, "trade", fill)


def test_trade__two_sub_accounts_of_one_owner__reverts(ledger, maker):
    with reverts("trade: self trade"):
        ledger.trade(maker, maker + 1, WAD, MARK)
    with reverts("trade: self trade"):
        ledger.trade(maker, maker, WAD, MARK)


def test_trade__zero_size__reverts(ledger, maker, taker):
    with reverts("trade: zero size"):
        ledger.trade(maker, taker, 0, MARK)


def test_trade__unknown_market__reverts(ledger, maker, taker):
    with reverts("market: unknown"):
        ledger.trade(maker, taker, WAD, MARK, 3)


def test_trade__market_without_price__reverts(ledger, maker, taker):
    ledger.rpc.increase_time(2 * 86_400 + 1)
    with reverts("oracle: no price"):
        ledger.trade(maker, taker, WAD, MARK)


def test_trade__price_of_zero__has_no_entry(ledger, maker, taker):
    with reverts("trade: below least notional"):
        ledger.trade(maker, taker, WAD, 0)


# --- average entry ------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__increase__averages_the_entry_against_the_holder(ledger, maker, taker, sign):
    ledger.trade(maker, taker, sign * 3 * WAD, 100 * WAD)
    first = ledger.leg(taker)["entry"]
    better = (100 - sign) * WAD + 7
    ledger.trade(maker, taker, sign * 4 * WAD, better)
    basis = 3 * WAD * first + 4 * WAD * better
    average = -(-basis // (7 * WAD)) if sign > 0 else basis // (7 * WAD)
    assert ledger.leg(taker)["entry"] == decode_entry(encode_entry(average, sign > 0))


def test_trade__increase__mean_half_a_wei_above_an_entry__long_gets_the_next(ledger, maker, taker):
    price = 100 * WAD >> 33 << 33  # entries near 100 lie 2**33 wei apart
    ledger.trade(maker, taker, 2 * WAD, price)
    assert ledger.leg(maker)["entry"] == ledger.leg(taker)["entry"] == price
    ledger.trade(maker, taker, 2 * WAD, price + 1)
    assert ledger.leg(taker)["entry"] == price + 2**33
    assert ledger.leg(maker)["entry"] == price


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__reduction__keeps_entry_and_class(ledger, maker, taker, sign):
    ledger.trade(maker, taker, sign * 3 * WAD, 100 * WAD)
    before = ledger.leg(taker)
    ledger.trade(maker, taker, -sign * WAD, 105 * WAD)
    after = ledger.leg(taker)
    assert after["size"] == sign * 2 * WAD
    assert after["entry"] == before["entry"]
    assert after["leverage_class"] == before["leverage_class"]


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__increase_off_the_mark__moves_cash_and_not_the_entry(ledger, maker, taker, sign):
    for paid in (95, 105):
        with ledger.rpc.undone():
            ledger.trade(maker, taker, sign * 4 * WAD, MARK)
            ledger.trade(maker, taker, sign * 4 * WAD, paid * WAD)
            for account, long in ((taker, sign > 0), (maker, sign < 0)):
                first, second = entered(MARK, long), entered(paid * WAD, long)
                middle = (4 * WAD * first + 4 * WAD * second) // (8 * WAD)
                assert abs(ledger.leg(account)["entry"] - middle) <= middle >> 32
            # cash has gone from one to the other at the price, but for fees and rounding
            spent = 2 * RICH - cash(ledger, maker) - cash(ledger, taker)
            assert 0 <= spent - ledger.ledger.read("fee_balances")[0] <= 4


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("price", [95, 105])
def test_trade__flip__enters_at_the_fill_price_or_the_mark(ledger, maker, taker, sign, price):
    ledger.trade(maker, taker, sign * 3 * WAD, 100 * WAD)
    ledger.trade(maker, taker, -sign * 5 * WAD, price * WAD)
    leg = ledger.leg(taker)
    assert leg["size"] == -sign * 2 * WAD
    assert leg["entry"] == entered(price * WAD, sign < 0)
    assert ledger.ledger.read("markets_of", taker) == [1]


def test_trade__close__leaves_nothing_behind(ledger, maker, taker):
    ledger.trade(maker, taker, 3 * WAD, MARK)
    ledger.trade(maker, taker, -3 * WAD, MARK)
    for account in (maker, taker):
        assert ledger.ledger.read("markets_of", account) == []
        assert ledger.leg(account)["size"] == 0
        words = [ledger.word("ledger.position_words", account, 1, offset=n) for n in (0, 1)]
        assert words == [0, 0]
    assert ledger.ledger.read("open_interest", 1) == (0, 0)
    for long in (True, False):
        assert ledger.ledger.read("adl_queue", 1, long, 64) == []
    fees = ledger.ledger.read("fee_balances")[0]
    spent = 2 * RICH - cash(ledger, maker) - cash(ledger, taker)
    assert 0 <= spent - fees <= 2


# --- band ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("way", [1, -1])
def test_trade__band_while_both_open__ten_percent_to_the_wei(ledger, maker, taker, sign, way):
    edge = MARK + way * MARK // 10
    with reverts("trade: price outside band"):
        ledger.trade(maker, taker, sign * 2 * WAD, edge + way)
    ledger.trade(maker, taker, sign * 2 * WAD, edge)


@pytest.mark.parametrize("reducer", ["maker", "taker"])
@pytest.mark.parametrize("way", [1, -1])
def test_trade__band_while_one_reduces__three_times_as_wide(
    ledger, maker, taker, other, reducer, way
):
    ledger.trade(maker, taker, 10 * WAD, MARK)
    edge = MARK + way * 3 * MARK // 10
    sides = (taker, other, 2 * WAD) if reducer == "maker" else (other, taker, -2 * WAD)
    with reverts("trade: price outside band"):
        ledger.trade(*sides, edge + way)
    ledger.trade(*sides, edge)


def test_trade__band__not_widened_by_a_flip(ledger, maker, taker, other):
    ledger.trade(maker, taker, 2 * WAD, MARK)
    with reverts("trade: price outside band"):
        ledger.trade(other, taker, -4 * WAD, MARK + MARK // 10 + 1)


# --- least notional, open interest --------------------------------------------------------------


def test_trade__least_notional__a_hundred_for_who_opens(ledger, maker, taker, other):
    with reverts("trade: below least notional"):
        ledger.trade(maker, taker, WAD - 1, MARK)
    ledger.trade(maker, taker, WAD, MARK)
    # who opens decides; who reduces may do so by any amount
    with reverts("trade: below least notional"):
        ledger.trade(other, taker, -1, MARK)
    ledger.trade(maker, taker, -1, MARK)


def test_trade__open_interest_cap__to_the_wei_and_neutral_fills_pass(ledger, maker, taker, other):
    for account in (maker, taker, other):
        ledger.fund(account, RICH)
    ledger.trade(maker, taker, OI_CAP - 2 * WAD, MARK)
    with reverts("market: open interest cap"):
        ledger.trade(maker, taker, 2 * WAD + 1, MARK)
    ledger.trade(maker, taker, 2 * WAD, MARK)
    with reverts("market: open interest cap"):
        ledger.trade(other, ledger.account(3), WAD, MARK)
    ledger.trade(other, taker, -2 * WAD, MARK)  # a long handed on
    ledger.trade(maker, taker, -2 * WAD, MARK)  # both reduce
    assert ledger.ledger.read("open_interest", 1) == (OI_CAP - 2 * WAD,) * 2


# --- reduce-only --------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [MAKER_REDUCES, TAKER_REDUCES])
def test_trade__reduce_only__may_close_but_not_open_increase_or_flip(ledger, maker, taker, flag):
    with reverts("order: would not reduce"):
        ledger.trade(maker, taker, 2 * WAD, MARK, flags=MAKER_FEE | flag)
    ledger.trade(maker, taker, 2 * WAD, MARK)
    with reverts("order: would not reduce"):
        ledger.trade(maker, taker, WAD, MARK, flags=MAKER_FEE | flag)
    with reverts("order: would not reduce"):
        ledger.trade(maker, taker, -2 * WAD - 1, MARK, flags=MAKER_FEE | flag)
    ledger.trade(maker, taker, -2 * WAD, MARK, flags=MAKER_FEE | flag)


# --- accounts under liquidation -----------------------------------------------------------------


def test_trade__returns_which_side_is_under_liquidation(ledger, maker, taker):
    ledger.trade(maker, taker, 2 * WAD, MARK)
    fill = (maker, taker, 1, -WAD, MARK, 1_000, 1_000, 0)
    exchange = ledger.exchange.address
    for account, bits in ((taker, 2), (maker, 3)):
        ledger.send(ledger.liquidator, "set_started", account, True)
        assert ledger.ledger.read("trade", fill, sender=exchange) == bits
    ledger.send(ledger.liquidator, "set_started", taker, False)
    assert ledger.ledger.read("trade", fill, sender=exchange) == 1


def test_trade__account_under_liquidation__may_only_reduce(ledger, maker, taker, other):
    ledger.trade(maker, taker, 2 * WAD, MARK)
    ledger.send(ledger.liquidator, "set_started", taker, True)
    for size, market in ((WAD, 1), (-4 * WAD, 1), (WAD, 2)):
        with reverts("account: under liquidation"):
            ledger.trade(other, taker, size, MARK, market)
    ledger.trade(other, taker, -2 * WAD, MARK)


# --- what does not fit ----------------------------------------------------------------------------


def bucket_key(ledger, account: int) -> int:
    head = ledger.word("ledger.position_words", account, 1)
    return 1 << 17 | (head >> 179 & 1) << 16 | head >> 160 & 2**16 - 1


@pytest.mark.parametrize(
    ("size", "reason"),
    [(2**120, "position: too large"), (2**120 - 1, "fees: sweep first")],
)
def test_trade__size_beyond_its_field_and_just_within__is_named_before_what_follows(
    ledger, maker, taker, size, reason
):
    ledger.set_price(WAD // 2)
    for account in (maker, taker):
        ledger.set_cash(account, 2**125)
    with reverts(reason):
        ledger.trade(maker, taker, size, WAD // 2)


@pytest.mark.parametrize(
    ("field", "reason"), [(0, "bucket: too large"), (120, "bucket: basis too large")]
)
def test_trade__bucket_full__reverts(ledger, maker, taker, other, field, reason):
    ledger.trade(maker, taker, 2 * WAD, MARK)
    key = bucket_key(ledger, taker)
    word = ledger.word("ledger.bucket_words", key)
    amount = word >> field & 2**120 - 1  # of one such trade
    left = 2**120 - 1 - 2 * amount
    ledger.set_word(word + (left << field), "ledger.bucket_words", key)
    ledger.trade(maker, other, 2 * WAD, MARK)
    with reverts(reason):
        ledger.trade(maker, ledger.account(3), 2 * WAD, MARK)


# --- initial margin -----------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__opening__needs_initial_margin_after_fees_to_the_wei(ledger, maker, poor, sign):
    fee = fee_of(10 * WAD, MARK, TAKER_PPM)
    ledger.fund(poor, 50 * WAD + fee - 1)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, sign * 10 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.trade(maker, poor, sign * 10 * WAD, MARK)


def test_trade__flip_below_initial_margin__reverts(ledger, maker, poor):
    """A flip is no reduction, even into a smaller position."""
    ledger.fund(poor, 51 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    ledger.set_equity(poor, 30 * WAD)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, -19 * WAD, MARK)
    ledger.trade(maker, poor, -10 * WAD, MARK)


def test_trade__below_initial_margin_in_another_market__may_not_open(ledger, maker, poor):
    ledger.fund(poor, 101 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    ledger.set_equity(poor, 49 * WAD)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, WAD, MARK, 2)


# --- reductions below initial margin ------------------------------------------------------------
# A position of 100 at 20x: MM 250. E is set, then 40 are sold; MM falls to 150. A change may cost
# the account a wei of accrued cash, which the last wei of price, times 40, pays for.


@pytest.fixture
def strained(ledger, maker, poor):
    """Long or short 100 with a given equity."""

    def make(sign: int, equity: int) -> int:
        ledger.fund(poor, 10_000 * WAD)
        ledger.trade(maker, poor, sign * 100 * WAD, MARK)
        ledger.set_equity(poor, equity)
        assert ledger.health(poor)["equity"] == equity
        assert ledger.health(poor)["mm"] == 250 * WAD
        return poor

    return make


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__reduction_below_initial__price_may_cost_what_the_ratio_allows(
    ledger, maker, strained, sign
):
    account = strained(sign, 200 * WAD)
    # E1 >= E0 * MM1 / MM0 = 120: 40 units may lose 80, 2 each
    worst = MARK - sign * 2 * WAD
    with reverts("margin: ratio worsened"):
        ledger.trade(maker, account, -sign * 40 * WAD, worst - sign)
    event = ledger.changes(ledger.trade(maker, account, -sign * 40 * WAD, worst + sign))[account]
    assert event["fee"] == 0
    health = ledger.health(account)
    assert abs(health["equity"] - 120 * WAD) <= 42
    assert health["mm"] == 150 * WAD


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__reduction_below_initial__fee_is_capped_so_that_the_ratio_holds(
    ledger, maker, strained, sign
):
    account = strained(sign, 200 * WAD)
    # the same with a tick of 0.01 less loss: 0.4 is left of a fee of almost 2
    price = MARK - sign * (2 * WAD - WAD // 100)
    assert fee_of(40 * WAD, price, TAKER_PPM) > WAD
    event = ledger.changes(ledger.trade(maker, account, -sign * 40 * WAD, price))[account]
    # one wei of accrued cash rounds against the account, so the last micro unit is spared
    assert 0 <= 4 * WAD // 10 - event["fee"] <= 10**12
    assert event["fee"] % 10**12 == 0
    health = ledger.health(account)
    assert health["equity"] * 250 * WAD >= 200 * WAD * health["mm"] - 2 * 250 * WAD


def test_trade__reduction_at_mark__fee_is_paid_in_full(ledger, maker, strained):
    account = strained(1, 200 * WAD)
    event = ledger.changes(ledger.trade(maker, account, -40 * WAD, MARK))[account]
    assert event["fee"] == fee_of(40 * WAD, MARK, TAKER_PPM)


def test_trade__reduction_reaching_initial_margin__pays_the_fee_in_full(ledger, maker, strained):
    account = strained(1, 499 * WAD)
    event = ledger.changes(ledger.trade(maker, account, -40 * WAD, MARK))[account]
    assert event["fee"] == fee_of(40 * WAD, MARK, TAKER_PPM)
    assert ledger.health(account)["im"] == 300 * WAD


def test_trade__equity_of_exactly_zero__may_still_reduce_without_fee(ledger, maker, strained):
    account = strained(1, 0)
    with reverts("margin: ratio worsened"):
        ledger.trade(maker, account, -40 * WAD, MARK - 1)
    event = ledger.changes(ledger.trade(maker, account, -40 * WAD, MARK + 1))[account]
    assert event["fee"] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__bankrupt_account__must_be_under_liquidation(ledger, maker, strained, sign):
    account = strained(sign, -1)
    with reverts("account: start auction first"):
        ledger.trade(maker, account, -sign * 40 * WAD, MARK)


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__bankrupt_account__reduces_without_loss_and_without_fee(
    ledger, maker, strained, sign
):
    account = strained(sign, -100 * WAD)
    ledger.send(ledger.liquidator, "set_started", account, True)
    with reverts("margin: ratio worsened"):
        ledger.trade(maker, account, -sign * 40 * WAD, MARK - sign)
    event = ledger.changes(ledger.trade(maker, account, -sign * 40 * WAD, MARK))[account]
    assert event["fee"] == 0
    assert ledger.health(account)["equity"] + 2 >= -100 * WAD
    with reverts("account: under liquidation"):
        ledger.trade(maker, account, sign * 40 * WAD, MARK)
