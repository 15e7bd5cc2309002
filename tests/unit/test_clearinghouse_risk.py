"""Averages, stress and holds of a market: terms, the stored word, what moves it, the view."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts
from tests.support.risk_word import (
    BOUNDS,
    LONGS,
    PPB,
    SHORTS,
    STIRRED,
    TERMS,
    Word,
    at,
    is_stirred,
    move,
    risk,
    set_terms,
    word_of,
)

MARK = 100 * WAD
NAMES = (
    "ema_seconds",
    "volatility_seconds",
    "calm_ppm",
    "stress_max_ppm",
    "jump_ppm",
    "hold_seconds",
)
CALM = {
    "s_im_ppm": 0,
    "s_mm_ppb": 0,
    "volatility_ppm": 0,
    "longs_held": False,
    "shorts_held": False,
    "hold_until": 0,
}


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, markets=2)
        set_terms(ledger)
        yield ledger


def holds(ledger, receipt) -> list[dict]:
    return [e.args for e in ledger.ledger.events(receipt) if e.name == "SideHeld"]


# --- terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "low", "high", "reason"), BOUNDS)
def test_terms__each_bound__holds_to_the_unit(ledger, field, low, high, reason):
    def given(value: int) -> tuple[int, ...]:
        return (*TERMS[:field], value, *TERMS[field + 1 :])

    for value in (low, high):
        set_terms(ledger, *given(value))
        assert tuple(ledger.ledger.read("risk_terms", 1).values()) == given(value)
    for value in (low - 1, high + 1, 2**256 - 1):
        with reverts(reason):
            set_terms(ledger, *given(value))


def test_terms__set__are_logged_and_start_a_word_once(ledger):
    assert tuple(ledger.ledger.read("risk_terms", 2).values()) == (0,) * 6
    receipt = ledger.send(ledger.owner, "set_risk_terms", 2, TERMS)
    event = next(e for e in ledger.ledger.events(receipt) if e.name == "RiskTermsSet")
    assert event.args == {"market": 2, "terms": dict(zip(NAMES, TERMS, strict=True))}
    started = Word(changed_at=ledger.rpc.timestamp())
    assert word_of(ledger, 2) == started
    ledger.rpc.increase_time(1_000)
    set_terms(ledger, 60, *TERMS[1:], market=2)
    assert word_of(ledger, 2) == started


def test_terms__of_an_unknown_market__reverts(ledger):
    with reverts("market: unknown"):
        set_terms(ledger, market=3)
    for view in ("risk", "risk_terms"):
        with reverts("market: unknown"):
            ledger.ledger.read(view, 3)


def test_terms__by_anybody_but_the_owner__reverts(ledger):
    for signer in (ledger.attacker, ledger.custody, ledger.exchange, ledger.liquidator):
        with reverts("ownable: caller is not the owner"):
            ledger.send(signer, "set_risk_terms", 1, TERMS)


def test_market_without_terms__knows_nothing_and_stores_nothing(ledger):
    move(ledger, 150 * WAD, 1, market=2)
    assert ledger.word("ledger.risk_words", 2) == 0
    assert not is_stirred(ledger, 2)
    assert risk(ledger, 2) == {"ema": 150 * WAD, **CALM}
    ledger.send(ledger.liquidator, "hold", 2, True)
    assert ledger.word("ledger.risk_words", 2) == 0
    assert not is_stirred(ledger, 2)


# --- what a poke does ---------------------------------------------------------------------------


def test_poke__many_marks__follows_the_rules_to_the_unit(ledger):
    draw = random.Random(8)
    word, mark = word_of(ledger), MARK
    seen = set()
    for _ in range(40):
        step_ppm = draw.choice((1_000, 10_000, 40_000))
        new = mark * (10**6 + draw.randrange(-step_ppm, step_ppm)) // 10**6 // 10**10 * 10**10
        now = move(ledger, new, draw.choice((2, 12, 60, 600, 5_000)))
        word, mark = word.after(mark, new, now), new
        assert word_of(ledger) == word
        assert is_stirred(ledger) == word.stirred_at(now)
        seen |= {word.held_at(now), word.s_im_ppm > 0, word.s_mm_ppb > 0}
    assert {LONGS, SHORTS, True} <= seen


def test_poke__mark_as_before_or_no_price__leaves_the_word_alone(ledger):
    now = move(ledger, 101 * WAD, 60)
    word = word_of(ledger)
    assert word.changed_at == now
    ledger.rpc.set_next_timestamp(now + 3_600)
    ledger.poke()
    assert word_of(ledger) == word
    assert is_stirred(ledger)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.poke()
    assert ledger.ledger.read("mark", 1) == (101 * WAD, False)
    assert word_of(ledger) == word


def test_poke__price_back_after_an_outage__counts_the_silence(ledger):
    then = move(ledger, 101 * WAD, 60)
    word = word_of(ledger)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.poke()
    now = move(ledger, 104 * WAD, 60)
    assert now > then + 2 * 86_400
    assert word_of(ledger) == word.after(101 * WAD, 104 * WAD, now)


@pytest.mark.parametrize("off", [9, 11])
def test_poke__average_a_basis_point_away__stirs(ledger, off):
    move(ledger, MARK * (100_000 + off) // 100_000, 10**5)
    assert is_stirred(ledger) == (off == 11)


def test_word__after_a_poke_that_calms__is_not_stirred(ledger):
    move(ledger, 101 * WAD, 60)
    assert is_stirred(ledger)
    move(ledger, 101 * WAD + 10**10, 10**5)
    assert not is_stirred(ledger)
    assert word_of(ledger).distance_ppb != 0


# --- jumps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "side"), [(1, LONGS), (-1, SHORTS)])
def test_jump__holds_the_side_it_favours_in_the_same_poke(ledger, sign, side):
    ledger.set_price(MARK + sign * 3 * WAD)
    ledger.poke()
    assert word_of(ledger).held == 0  # exactly the jump is none
    ledger.set_price(MARK + sign * 3 * WAD + sign * WAD // 10)
    receipt = ledger.poke()
    now = ledger.rpc.timestamp()
    word = word_of(ledger)
    assert (word.held, word.hold_until, word.news_ppb) == (side, now + 120, 0)
    event = {"market": 1, "long": side == LONGS, "hold_until": now + 120}
    assert holds(ledger, receipt) == [event]


def test_jump__in_small_steps__counts_as_one(ledger):
    for mark in (101 * WAD, 102 * WAD, 103 * WAD + WAD // 20):
        assert word_of(ledger).held == 0
        move(ledger, mark, 2)
    assert word_of(ledger).held == LONGS


def test_jump__spread_over_hours__is_no_news(ledger):
    mark = MARK
    for _ in range(4):
        mark = mark * 101 // 100
        move(ledger, mark, 7_200)
    assert word_of(ledger).held == 0


def test_hold__ends_to_the_second(ledger):
    now = move(ledger, 104 * WAD, 60)
    for seconds, held in ((119, True), (120, False)):
        at(ledger, now + seconds)
        assert risk(ledger)["longs_held"] == held
        assert risk(ledger)["hold_until"] == (now + 120 if held else 0)


def test_hold__both_sides__share_the_later_end(ledger):
    first = move(ledger, 104 * WAD, 60)
    second = move(ledger, 99 * WAD, 60)
    word = word_of(ledger)
    assert (word.held, word.hold_until) == (LONGS | SHORTS, second + 120)
    at(ledger, first + 120)
    assert (risk(ledger)["longs_held"], risk(ledger)["shorts_held"]) == (True, True)


def test_hold__over__leaves_with_the_next_one(ledger):
    move(ledger, 104 * WAD, 60)
    move(ledger, 99 * WAD, 121)
    assert word_of(ledger).held == SHORTS


def test_hold__terms_made_shorter__keeps_the_later_end(ledger):
    end = move(ledger, 104 * WAD, 60) + 120
    set_terms(ledger, *TERMS[:5], 60)
    move(ledger, 99 * WAD, 5)
    assert word_of(ledger).hold_until == end


# --- the liquidator's hold ----------------------------------------------------------------------


@pytest.mark.parametrize("long", [True, False])
def test_hold__by_the_liquidator__holds_and_stirs_and_touches_nothing_else(ledger, long):
    before = word_of(ledger)
    mark = ledger.word("ledger.market_pulse", 1)
    receipt = ledger.send(ledger.liquidator, "hold", 1, long)
    now = ledger.rpc.timestamp()
    assert word_of(ledger) == before.with_hold(LONGS if long else SHORTS, now)
    assert is_stirred(ledger)
    assert ledger.word("ledger.market_pulse", 1) == mark
    assert holds(ledger, receipt) == [{"market": 1, "long": long, "hold_until": now + 120}]


def test_hold__again__the_later_end_wins_and_what_is_over_leaves(ledger):
    ledger.send(ledger.liquidator, "hold", 1, True)
    end = ledger.rpc.timestamp() + 120
    set_terms(ledger, *TERMS[:5], 60)
    ledger.send(ledger.liquidator, "hold", 1, False)
    assert (word_of(ledger).held, word_of(ledger).hold_until) == (LONGS | SHORTS, end)
    ledger.rpc.set_next_timestamp(end)
    ledger.send(ledger.liquidator, "hold", 1, False)
    assert (word_of(ledger).held, word_of(ledger).hold_until) == (SHORTS, end + 60)


def test_hold__by_anybody_else__reverts(ledger):
    for signer in (ledger.attacker, ledger.owner, ledger.custody, ledger.exchange):
        with reverts("access: not liquidator"):
            ledger.send(signer, "hold", 1, True)


def test_hold__survives_a_frozen_resolve(ledger):
    """The end of a job takes its own bits off the status and no others."""
    winner, loser = ledger.account(1), ledger.account(2)
    for account in (winner, loser):
        ledger.fund(account, 1_000 * WAD)
    ledger.trade(winner, loser, -10 * WAD, MARK)
    ledger.set_equity(loser, -50 * WAD)
    ledger.send(ledger.liquidator, "set_started", loser, True)
    ledger.send(ledger.liquidator, "hold", 1, True)
    ledger.send(ledger.liquidator, "adl_begin", loser, 0, 1 | 1 << 8 | 50_000 << 9)
    ledger.send(ledger.liquidator, "adl_step", 1_000)
    assert ledger.ledger.read("adl_job")["account"] == 0
    assert ledger.word("ledger.market_clock", 1) >> 224 == STIRRED | 1
    assert risk(ledger)["longs_held"]


# --- the view -----------------------------------------------------------------------------------


def test_risk__before_a_poke_and_after__is_the_same(ledger):
    move(ledger, 102 * WAD, 60)
    ledger.set_price(106 * WAD)
    then = ledger.rpc.timestamp() + 30
    with ledger.rpc.undone():
        at(ledger, then)
        before = risk(ledger)
    ledger.rpc.set_next_timestamp(then)
    ledger.poke()
    assert risk(ledger) == before
    assert before["longs_held"]


def test_risk__at_any_time__is_what_the_word_says(ledger):
    now = move(ledger, 105 * WAD, 60)
    word = word_of(ledger)
    for seconds in (0, 1, 60, 119, 120, 3_599, 3_600, 100_000):
        with ledger.rpc.undone():
            if seconds:
                at(ledger, now + seconds)
            then = now + seconds
            assert risk(ledger) == {
                "ema": 105 * WAD * (PPB + word.distance_at(then)) // PPB,
                "s_im_ppm": word.s_im_ppm,
                "s_mm_ppb": word.s_mm_at(then),
                "volatility_ppm": risk(ledger)["volatility_ppm"],
                "longs_held": seconds < 120,
                "shorts_held": False,
                "hold_until": now + 120 if seconds < 120 else 0,
            }


def test_risk__average__nears_a_mark_that_stands_still(ledger):
    now = move(ledger, 105 * WAD, 10**5)
    assert abs(risk(ledger)["ema"] - MARK) < WAD // 10**6
    for seconds, left in ((600, 2), (5_400, 10)):
        at(ledger, now + seconds)
        assert abs(105 * WAD - risk(ledger)["ema"] - 5 * WAD // left) < WAD // 10**6


def test_risk__volatility__of_one_move__is_by_hand(ledger):
    """r^2 / (T + D) a second, for a year: sqrt(0.00995^2 / 14,400 * 31,536,000) = 46.6 %."""
    now = word_of(ledger).changed_at + 10_800
    ledger.set_price(101 * WAD)
    ledger.rpc.set_next_timestamp(now)
    ledger.poke()
    assert abs(risk(ledger)["volatility_ppm"] - 465_650) <= 10
    assert risk(ledger)["s_im_ppm"] == 0
