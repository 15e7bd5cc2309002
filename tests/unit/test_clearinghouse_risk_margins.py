"""What averages, stress and holds of a market do to margins, fills and withdrawals."""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import BRACKETS, WAD, rich_ledger
from tests.support.expect import reverts
from tests.support.margin_model import MarginModel, value
from tests.support.risk_word import (
    LONGS,
    PPB,
    PPM,
    SHORTS,
    TERMS,
    at,
    move,
    set_terms,
    stir,
    word_of,
)

MARK = 100 * WAD
RICH = 10**7 * WAD
MODEL = MarginModel(BRACKETS, max_class=4)
NO_STRESS = (*TERMS[:3], PPM, *TERMS[4:])
NO_FEES = {"taker_fee_ppm": 0, "maker_fee_ppm": 0}


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(3, RICH, markets=2, **NO_FEES) as ledger:
        for market in (1, 2):
            set_terms(ledger, market=market)
        yield ledger


def up(amount: int, above: int, unit: int) -> int:
    return -(-amount * (unit + above) // unit)


# --- stress -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WAD + 7, 30_000 * WAD, 90_000 * WAD])
@pytest.mark.parametrize("sign", [1, -1])
def test_leg__under_stress__margins_are_raised_and_the_class_is_not(
    ledger, maker, trader, size, sign
):
    ledger.fund(trader, 10 * RICH)
    ledger.fund(maker, 10 * RICH)
    ledger.trade(maker, trader, sign * size, MARK)
    calm = ledger.leg(trader)
    stir(ledger, s_im_ppm=333_333, s_mm_ppb=123_456_789)
    leg = ledger.leg(trader)
    want = MODEL.margins(size, MARK)
    assert leg["im"] == up(want.im, 333_333, PPM)
    mm_ppb = min(123_456_789 + 27_777 * (ledger.rpc.timestamp() - word_of(ledger).changed_at), PPB)
    assert up(want.mm, 123_456_789, PPB) <= leg["mm"] <= up(want.mm, mm_ppb + 100_000, PPB)
    assert leg["mm_rate_ppm"] == calm["mm_rate_ppm"] * 1_123_456_789 // PPB
    assert leg["leverage_class"] == calm["leverage_class"] == want.leverage_class
    total = ledger.health(trader)
    assert (total["im"], total["mm"]) == (leg["im"], leg["mm"])
    assert total["equity"] == total["equity_im"]


def test_leg__stress_on_maintenance__rises_with_time_up_to_the_other(ledger, maker, trader):
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    calm = ledger.leg(trader)
    then = stir(ledger, s_im_ppm=50_000).changed_at
    for seconds, above_ppb in ((900, 25_000_000), (1_800, 50_000_000), (3_600, 50_000_000)):
        at(ledger, then + seconds)
        assert ledger.leg(trader)["mm"] == up(calm["mm"], above_ppb, PPB)
        assert ledger.leg(trader)["im"] == up(calm["im"], 50_000, PPM)


def test_class__opened_under_stress__is_found_without_it(ledger, maker, trader):
    stir(ledger, s_im_ppm=1_500_000)
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    assert ledger.leg(trader)["leverage_class"] == 4


def test_trade__opening_under_stress__needs_raised_margin_to_the_wei(ledger, maker, poor):
    stir(ledger, s_im_ppm=500_000)
    ledger.fund(poor, 75 * WAD - 1)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 10 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.trade(maker, poor, 10 * WAD, MARK)


def test_trade__reduction_under_stress__may_not_lower_equity_over_margin(ledger, maker, poor):
    ledger.fund(poor, 50 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    stir(ledger, s_im_ppm=10**6, s_mm_ppb=5 * 10**8)
    # half of the leg gone, half of equity over margin may go: 25 of 50 for 5 units, so 95 a unit
    with reverts("margin: ratio worsened"):
        ledger.trade(maker, poor, -5 * WAD, 95 * WAD - WAD // 1_000)
    ledger.trade(maker, poor, -5 * WAD, 95 * WAD + WAD // 1_000)


def test_take__taker_under_stress__needs_raised_margin(ledger, maker, trader, poor):
    ledger.trade(maker, trader, 100 * WAD, MARK)
    ledger.send(ledger.liquidator, "set_started", trader, True)
    stir(ledger, s_im_ppm=500_000)
    ledger.fund(poor, 75 * WAD - 1)
    with reverts("margin: below initial"):
        ledger.take(trader, poor, 10 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.take(trader, poor, 10 * WAD, MARK)


def test_withdrawal__under_stress__leaves_raised_margin(ledger, maker, poor):
    ledger.fund(poor, 100 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    stir(ledger, s_im_ppm=500_000)
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", poor, 25 * WAD + 1)
    ledger.send(ledger.custody, "debit", poor, 25 * WAD - 2)  # rounding of the fill


def test_stress_of_another_market__counts_in_a_fill_of_this_one(ledger, maker, poor):
    ledger.fund(poor, 100 * WAD + 2)
    ledger.trade(maker, poor, 10 * WAD, MARK, market=2)
    stir(ledger, market=2, s_im_ppm=500_000)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 6 * WAD, MARK)
    ledger.trade(maker, poor, 5 * WAD, MARK)
    assert ledger.health(poor)["im"] == 100 * WAD


# --- the average --------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("distance", [20_000_000, -20_000_000])
def test_health__away_from_the_average__opens_at_the_worse_and_is_maintained_at_the_mark(
    ledger, maker, trader, sign, distance
):
    size = sign * (10 * WAD + 1)
    ledger.trade(maker, trader, size, MARK)
    plain = ledger.health(trader)
    word = stir(ledger, distance_ppb=distance)
    for seconds in (5, 600, 10**5):
        with ledger.rpc.undone():
            at(ledger, word.changed_at + seconds)
            health = ledger.health(trader)
            left = word.distance_at(word.changed_at + seconds)
            bad = min(left, 0) if sign > 0 else max(left, 0)
            price = MARK * (PPB + bad) // PPB if sign > 0 else -(-MARK * (PPB + bad) // PPB)
            assert health["equity"] == plain["equity"]
            lost = value(size, MARK) - value(size, price)
            assert health["equity"] - health["equity_im"] == lost
            assert (lost > 0) == (bad != 0)
            # the notional of initial margin stays at the mark
            assert (health["im"], health["mm"]) == (plain["im"], plain["mm"])


def test_trade__right_after_a_rise__cannot_use_it(ledger, maker, poor):
    """The mark has gained 2 %; the average has not: a new long is worth 98 of what it costs."""
    set_terms(ledger, *NO_STRESS)
    ledger.set_price(102 * WAD)
    ledger.fund(poor, 70 * WAD)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 10 * WAD, 102 * WAD)  # 51 of margin and 20 to the average
    with ledger.rpc.undone():
        ledger.fund(poor, WAD + WAD // 100)
        ledger.trade(maker, poor, 10 * WAD, 102 * WAD)
    ledger.trade(poor, maker, 10 * WAD, 102 * WAD)  # a short is not valued better either


def test_withdrawal__of_a_rise__waits_for_the_average(ledger, maker, poor):
    set_terms(ledger, *NO_STRESS)
    ledger.fund(poor, 50 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    now = move(ledger, 102 * WAD, 60)
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", poor, WAD)
    ledger.rpc.set_next_timestamp(now + 86_400)
    ledger.send(ledger.custody, "debit", poor, 18 * WAD)


# --- holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "side"), [(1, LONGS), (-1, SHORTS)])
def test_health__held_gain__counts_as_nothing_and_a_loss_in_full(ledger, maker, trader, sign, side):
    ledger.trade(maker, trader, sign * 10 * WAD, MARK)
    ledger.set_price((100 + 2 * sign) * WAD)
    ledger.poke()
    at(ledger, ledger.rpc.timestamp() + 86_400)
    ledger.poke()
    for held in (side, LONGS | SHORTS):
        stir(ledger, held=held)
        for account, gain in ((trader, 20), (maker, -20)):
            health = ledger.health(account)
            left_out = health["equity"] - health["equity_im"]
            assert abs(left_out - max(gain, 0) * WAD) <= WAD // 10**6, (account, gain)
    stir(ledger, held=LONGS + SHORTS - side)
    for account in (trader, maker):
        assert ledger.health(account)["equity"] == ledger.health(account)["equity_im"]


def test_withdrawal__of_a_held_gain__waits_and_of_the_rest_does_not(ledger, maker, trader):
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    move(ledger, 110 * WAD, 60)
    free = ledger.health(trader)["equity_im"] - ledger.health(trader)["im"]
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", trader, free + 30 * WAD)
    ledger.send(ledger.custody, "debit", trader, free - 30 * WAD)


@pytest.mark.parametrize(("sign", "side"), [(1, LONGS), (-1, SHORTS)])
@pytest.mark.parametrize("size", [2, 10, 15])
def test_trade__held_winner_leaving__refused_until_the_hold_ends(
    ledger, maker, trader, friend, sign, side, size
):
    ledger.trade(maker, trader, sign * 10 * WAD, MARK)
    mark = (100 + 5 * sign) * WAD
    now = move(ledger, mark, 60)
    assert word_of(ledger).held == side
    with reverts("hold: profit"):
        ledger.trade(friend, trader, -sign * size * WAD, mark)
    with reverts("hold: profit"):  # as the passive side
        ledger.trade(trader, friend, sign * size * WAD, mark)
    with reverts("hold: profit"):  # the mark decides: a bad price is no way out
        ledger.trade(friend, trader, -sign * size * WAD, (100 - sign) * WAD)
    ledger.rpc.set_next_timestamp(now + 119)
    with reverts("hold: profit"):
        ledger.trade(friend, trader, -sign * size * WAD, mark)
    ledger.rpc.set_next_timestamp(now + 120)
    ledger.trade(friend, trader, -sign * size * WAD, mark)


def test_trade__in_the_very_poke_of_the_jump__is_refused_already(ledger, maker, trader, friend):
    ledger.trade(maker, trader, 10 * WAD, MARK)
    ledger.set_price(105 * WAD)
    with reverts("hold: profit"):
        ledger.trade(friend, trader, -10 * WAD, 105 * WAD)


def test_trade__held_side__may_add_and_losers_and_newcomers_may_do_anything(
    ledger, maker, trader, friend
):
    ledger.trade(maker, trader, 10 * WAD, MARK)
    move(ledger, 105 * WAD, 60)
    ledger.trade(friend, trader, 5 * WAD, 105 * WAD)
    ledger.trade(friend, maker, 10 * WAD, 105 * WAD)  # the loser closes, a newcomer sells
    ledger.trade(maker, friend, WAD, 105 * WAD)


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__held_but_at_its_entry__may_leave(ledger, maker, trader, friend, sign):
    exact = 1_192 * 2**33 * 5**10  # near 100; feeds and entries can both say it
    ledger.set_price(exact)
    ledger.trade(maker, trader, sign * 10 * WAD, exact)
    assert ledger.leg(trader)["entry"] == exact
    stir(ledger, held=LONGS | SHORTS)
    with ledger.rpc.undone():
        ledger.trade(friend, trader, -sign * 2 * WAD, exact)
    ledger.set_price(exact + sign * 10**10)
    with reverts("hold: profit"):
        ledger.trade(friend, trader, -sign * 2 * WAD, exact)


def test_trade__account_under_liquidation__held_like_any_other(ledger, maker, trader, friend):
    """The jump may have cured it, and nobody has looked since: it left with its held profit."""
    ledger.trade(maker, trader, 10 * WAD, MARK)
    move(ledger, 105 * WAD, 60)
    ledger.send(ledger.liquidator, "set_started", trader, True)
    with reverts("hold: profit"):
        ledger.trade(friend, trader, -5 * WAD, 105 * WAD)


def test_take__by_a_held_winner__closes_its_own(ledger, maker, trader, friend):
    ledger.trade(maker, trader, 10 * WAD, MARK)
    move(ledger, 105 * WAD, 60)
    ledger.send(ledger.liquidator, "set_started", maker, True)
    ledger.take(maker, trader, -5 * WAD, 105 * WAD)  # takes over shorts
    assert ledger.leg(trader)["size"] == 5 * WAD


def test_rematch__of_a_held_winner__goes_on(ledger, maker, trader):
    ledger.trade(maker, trader, 10 * WAD, MARK)
    move(ledger, 105 * WAD, 60)
    ledger.send(ledger.liquidator, "set_started", maker, True)
    ledger.send(ledger.liquidator, "rematch", maker, 1, 5 * WAD, 0, 100)
    assert ledger.leg(trader)["size"] == 5 * WAD


def test_trade__increase_on_a_held_side__margin_is_counted_from_the_entry_after_it(
    ledger, maker, poor, friend
):
    """10 from 100, at 105 10 more: the gain of 50 counts as nothing, the loss since would."""
    ledger.fund(poor, 50 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK)
    now = move(ledger, 105 * WAD, 60)
    at(ledger, now + 86_400)
    ledger.poke()
    stir(ledger, held=LONGS)
    # equity for opening: what was paid in and nothing else; 20 units need 105
    with reverts("margin: below initial"):
        ledger.trade(friend, poor, 10 * WAD, 105 * WAD)
    ledger.fund(poor, 55 * WAD + WAD // 10**6)
    ledger.trade(friend, poor, 10 * WAD, 105 * WAD)


def test_trade__held_gain_in_another_market__cannot_be_spent_here(ledger, maker, poor, friend):
    ledger.fund(poor, 50 * WAD)
    ledger.trade(maker, poor, 10 * WAD, MARK, market=2)
    ledger.set_price(108 * WAD, 2)
    with reverts("margin: below initial"):
        ledger.trade(friend, poor, 5 * WAD, MARK)
