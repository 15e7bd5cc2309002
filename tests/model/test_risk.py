"""What the model's markets remember of their marks: averages, volatility, stress, jumps.

Numbers are worked out by hand from docs/protocol.md sections 4 and 6.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from plimsoll.model import margin, prices, registry, risk
from plimsoll.model.protocol import Protocol
from plimsoll.model.risk import CALM, NO_RISK, Risk, RiskTerms
from plimsoll.model.state import FINE, WAD
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    NOW,
    later,
    ledger_world,
    poke,
    refusal,
    trade,
)
from tests.support.model_venue import BTC, MALLORY, TIMELOCK, model_venue
from tests.support.risk_word import BOUNDS

TERMS = RiskTerms(
    ema_seconds=900,
    volatility_seconds=3_600,
    calm_ppm=5_000_000,
    stress_max_ppm=4_000_000,
    jump_ppm=30_000,
    hold_seconds=120,
)
FRESH = Risk(changed_at=NOW)


def moved(old, new, seconds=300, start=FRESH, **changes):
    """The risk after a change of the mark, whole prices."""
    terms = replace(TERMS, **changes)
    return risk.moved(terms, start, old * WAD, new * WAD, start.changed_at + seconds)


# --- average ----------------------------------------------------------------------------------


def test_average__new_mark__has_no_weight_yet():
    # 100 / 110 - 1 = -0.0909090909..., down
    after = moved(100, 110)
    assert (after.changed_at, after.distance_ppb) == (NOW + 300, -90_909_091)
    assert after.stirred


def test_average__time_constant_later__has_come_half_way():
    # toward zero of -45,454,545.5; 110 * (1 - 0.045454545) = 105.00000005
    after = moved(100, 110)
    at = after.changed_at + 900
    assert risk.distance_ppb(TERMS, after, at) == -45_454_545
    shown = risk.shown(TERMS, after, 110 * WAD, at)
    assert shown[0] == 105 * WAD + 5 * WAD // 10**8


def test_average__second_change__goes_on_from_the_average_of_then():
    # an average of 105.00000005 over a mark of 84: (1 - 0.045454545) * 110 / 84 = 1.25000000059...
    after = moved(110, 84, 900, moved(100, 110))
    assert after.distance_ppb == 250_000_000


def test_average__out_of_its_field__is_cut():
    # a mark a tenth of the old one: the average is ten times the mark
    assert moved(100, 10).distance_ppb == 2**31 - 1
    assert moved(10, 10**9).distance_ppb == 10 - 10**9


@pytest.mark.parametrize(("mark_wad", "stirred"), [(99_991, False), (99_990, True)])
def test_average__below_a_basis_point__does_not_stir(mark_wad, stirred):
    # 100,000 / 99,991 - 1 = 90,008 ppb; over 99,990 100,010 ppb
    after = risk.moved(TERMS, FRESH, 100_000, mark_wad, NOW + 300)
    assert after.distance_ppb == (100_010 if stirred else 90_008)
    assert after.stirred is stirred
    assert (risk.factors(TERMS, after, NOW + 300) is CALM) is not stirred


# --- volatility and stress ----------------------------------------------------------------------


def test_log_move__is_that_of_the_quotient_rounded_down():
    assert risk.log_move_ppb(100 * WAD, 110 * WAD) == 95_310_179  # ln 1.1 = 0.0953101798...
    assert risk.log_move_ppb(100 * WAD, 90 * WAD) == 105_360_515  # ln 0.9 = -0.1053605156...
    assert risk.log_move_ppb(WAD, WAD) == 0
    assert risk.log_move_ppb(10**18, 1) == 41_446_531_673  # 18 ln 10
    assert risk.log_move_ppb(10**18 + 1, 1) == 0  # less than a wei


def test_variance__move__is_spread_over_time_constant_and_elapsed_time():
    # 95,310,179^2 = 9,084,030,221,012,041; over 3,600 + 300
    after = moved(100, 110)
    assert after.variance == 2_329_238_518_208
    # annual: sqrt(that * 31,536,000) = 8,570,581,421 ppb, 857 %; over calm 500 %: 1.714116
    assert risk.volatility_ppb(after.variance) == 8_570_581_421
    assert after.s_im_ppm == 714_116
    # ln(1.01)^2 = 99,009,058,308,900 more after an hour: (v * 3,600 + r^2) / 7,200
    later_on = risk.moved(TERMS, after, 100 * WAD, 101 * WAD, after.changed_at + 3_600)
    assert later_on.variance == (2_329_238_518_208 * 3_600 + 9_950_330**2) // 7_200


def test_variance__out_of_its_field__is_cut():
    assert moved(1, 10**9, 0).variance == 2**48 - 1


def test_stress__lies_between_none_and_the_limit():
    assert moved(100, 110, calm_ppm=1_000_000).s_im_ppm == 3_000_000  # 8.57, at most 4
    assert moved(100, 110, stress_max_ppm=1_000_000).s_im_ppm == 0
    assert moved(1_000, 1_001).s_im_ppm == 0  # 90 % a year is calm


def test_stress__on_maintenance__rises_by_a_tenth_an_hour_and_no_more():
    after = moved(100, 110)
    start = after.changed_at
    seen = [risk.s_mm_ppb(after, start + seconds) for seconds in (0, 1, 1_800, 3_600, 86_400)]
    assert seen == [0, 27_777, 50_000_000, 100_000_000, 100_000_000]


def test_stress__on_maintenance__is_never_above_the_one_on_initial():
    slight = replace(moved(100, 110), s_im_ppm=30_000)
    assert risk.s_mm_ppb(slight, slight.changed_at + 3_600) == 30_000_000


def test_stress__on_maintenance__keeps_what_the_old_word_had_earned_and_falls_at_once():
    first = moved(100, 110)
    again = moved(110, 121, 1_800, first)
    assert again.s_mm_ppb == 50_000_000
    # 714,116 over sqrt of ten million by 3,600: calm
    calm = moved(1_000, 1_001, 10_000_000, again)
    assert (calm.s_im_ppm, calm.s_mm_ppb) == (0, 0)


# --- jumps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark_wad", "longs", "shorts"),
    [(1_030, False, False), (1_031, True, False), (970, False, False), (969, False, True)],
)
def test_jump__beyond_the_limit__holds_the_side_it_favours(mark_wad, longs, shorts):
    after = risk.moved(TERMS, FRESH, 1_000, mark_wad, NOW + 12)
    assert (after.longs_held, after.shorts_held) == (longs, shorts)
    held = longs or shorts
    assert after.hold_until == (NOW + 132 if held else 0)
    # the next jump is measured from a held one anew
    assert after.news_ppb == (0 if held else (mark_wad - 1_000) * 10**6)


def test_jump__in_small_steps__is_news_as_well():
    # each step of 1 % comes after 12 s: what was before counts 900 / 912 of itself
    marks = (10_000, 10_100, 10_201, 10_303, 10_406)
    after, news = FRESH, []
    for old, mark in pairwise(marks):
        after = moved(old, mark, 12, after)
        news.append(after.news_ppb // 1_000)
        assert after.longs_held == (len(news) == 4)
    # 1 %; (1 + 1 % * 0.98684) * 1.01 - 1; (1 + that * 0.98684) * 10,303 / 10,201 - 1
    assert news == [10_000, 19_967, 29_900, 0]


def test_jump__slow_move__is_none():
    after = FRESH
    for step in range(20):  # 1 % a quarter of an hour: never more than 2 % away
        after = moved(100, 101, 900, after)
        assert after.news_ppb < 20_210_000, step  # n = 1.01 * (1 + n / 2) - 1
    assert not after.longs_held


def test_jump__other_way__holds_both_until_the_later_end():
    up = moved(100, 104, 12)
    both = moved(104, 100, 60, up)
    assert (both.longs_held, both.shorts_held, both.hold_until) == (True, True, NOW + 192)
    shorter = moved(104, 100, 60, up, hold_seconds=30)
    assert shorter.hold_until == NOW + 132


def test_jump__after_the_end__forgets_the_side_of_before():
    up = moved(100, 104, 12)
    down = moved(104, 100, 120, up)
    assert (down.longs_held, down.shorts_held, down.hold_until) == (False, True, NOW + 252)
    quiet = moved(1_000, 1_001, 120, up)
    assert (quiet.longs_held, quiet.hold_until) == (False, 0)


def test_hold__sets_a_side_and_nothing_else():
    start = replace(FRESH, variance=7, news_ppb=5)
    after = risk.held(TERMS, start, long=False, now=NOW + 50)
    assert after == replace(start, shorts_held=True, hold_until=NOW + 170, stirred=True)
    assert risk.held(TERMS, after, True, NOW + 60).hold_until == NOW + 180
    revived = risk.held(TERMS, after, True, NOW + 170)
    assert (revived.longs_held, revived.shorts_held) == (True, False)


def test_hold__second_of_its_end__is_over():
    after = risk.held(TERMS, FRESH, long=True, now=NOW)
    assert risk.factors(TERMS, after, NOW + 119).holds(long=True)
    assert not risk.factors(TERMS, after, NOW + 119).holds(long=False)
    assert not risk.factors(TERMS, after, NOW + 120).holds(long=True)
    assert risk.shown(TERMS, after, WAD, NOW + 119)[4:] == (True, False, NOW + 120)
    assert risk.shown(TERMS, after, WAD, NOW + 120)[4:] == (False, False, 0)


# --- markets ------------------------------------------------------------------------------------


@pytest.fixture
def world():
    """Ann is long 10 ALPHA at 100 against Bob; BETA has no risk terms."""
    world = ledger_world(funding_base_ppb=0)
    registry.set_risk_terms(world, ALPHA, TERMS)
    trade(world, 10)
    return world


def test_poke__other_mark__stores_what_a_view_saw_before(world):
    later(world, 300, alpha=110)
    seen = prices.risk_view(world, ALPHA)
    assert seen == (99 * WAD + 99_999_999 * 10**10, 714_116, 0, 8_570_581, True, False, NOW + 420)
    assert world.markets[ALPHA].risk == FRESH
    poke(world)
    assert prices.risk_view(world, ALPHA) == seen
    assert world.markets[ALPHA].risk == moved(100, 110)


def test_poke__same_mark_or_none__leaves_it_alone(world):
    later(world, 300)
    poke(world)
    assert world.markets[ALPHA].risk == FRESH
    later(world, 300, alpha=None)
    poke(world)
    later(world, 300, alpha=110)
    poke(world)
    assert world.markets[ALPHA].risk.changed_at == NOW + 900
    assert world.markets[ALPHA].risk.variance == 9_084_030_221_012_041 // 4_500


def test_poke__market_without_terms__knows_nothing(world):
    later(world, 300, beta=1_000)
    poke(world)
    prices.hold(world, BETA, True)
    assert world.markets[BETA].risk == NO_RISK
    assert prices.risk_view(world, BETA) == (1_000 * WAD, 0, 0, 0, False, False, 0)


def test_margins__stress__raises_both_and_leaves_the_class(world):
    world.position(ANN, ALPHA).choice = 3  # 5 times: IM a fifth
    later(world, 300, alpha=110)
    before = margin.margins(world.markets[ALPHA].terms, 1_100 * WAD, 3)
    leg = margin.leg(world, ANN, ALPHA)
    assert before[:2] == (220 * WAD, 275 * WAD // 10)
    assert (leg.im_wad, leg.mm_wad) == (220 * WAD * 1_714_116 // 10**6, 275 * WAD // 10)
    poke(world)
    later(world, 1_800)
    health = margin.health(world, ANN)
    leg = margin.leg(world, ANN, ALPHA)
    assert health.mm_wad == leg.mm_wad == 28_875 * WAD // 1_000  # 5 % more
    assert leg.mm_rate_ppm == 26_250
    assert health.im_wad == leg.im_wad == 220 * WAD * 1_714_116 // 10**6


def test_margins__rounded_up():
    factors = replace(CALM, s_im_ppm=1, s_mm_ppb=1)
    assert risk.stressed_im_wad(10, factors) == 11
    assert risk.stressed_mm_wad(25_000, factors) == 25_001
    assert risk.stressed_mm_wad(25_000, CALM) == 25_000


def test_rate__rounded_down():
    # 25,000 * 1.00004 is 25,001, a little less is 25,000
    assert risk.stressed_rate_ppm(25_000, replace(CALM, s_mm_ppb=40_000)) == 25_001
    assert risk.stressed_rate_ppm(25_000, replace(CALM, s_mm_ppb=39_999)) == 25_000


# --- the owner ------------------------------------------------------------------------------------

GOOD = (900, 3_600, 1_000_000, 2_000_000, 30_000, 120)


@pytest.mark.parametrize(("place", "low", "high", "reason"), BOUNDS)
def test_set_risk_terms__bounds(place, low, high, reason):
    world = ledger_world()
    for value in (low, high):
        terms = RiskTerms(*GOOD[:place], value, *GOOD[place + 1 :])
        registry.set_risk_terms(world, ALPHA, terms)
        assert world.markets[ALPHA].risk_terms == terms
    for value in (low - 1, high + 1):
        terms = RiskTerms(*GOOD[:place], value, *GOOD[place + 1 :])
        assert refusal(registry.set_risk_terms, world, ALPHA, terms) == reason
    bad = RiskTerms(0, 0, 0, 0, 0, 0)
    assert refusal(registry.set_risk_terms, world, 9, bad) == "market: unknown"


def test_set_risk_terms__again__keeps_what_is_remembered(world):
    later(world, 300, alpha=110)
    poke(world)
    before = world.markets[ALPHA].risk
    later(world, 60)
    registry.set_risk_terms(world, ALPHA, RiskTerms(*GOOD))
    assert world.markets[ALPHA].risk == before


def test_set_risk_terms__stranger__is_refused():
    protocol = Protocol(model_venue())
    world = protocol.world
    call = ("set_risk_terms", world.now, world.block + 1)
    assert refusal(protocol.call, *call, MALLORY, BTC, GOOD) == "ownable: caller is not the owner"
    protocol.call(*call, TIMELOCK, BTC, GOOD)
    assert world.markets[BTC].risk == Risk(changed_at=world.now)
    held = ("attempt", world.now, world.block + 1, MALLORY, "clearinghouse", "hold", BTC, True)
    assert refusal(protocol.call, *held) == "access: not liquidator"


def test_snapshot__brings_risk_back(world):
    protocol = Protocol(world)
    saved = protocol.save()
    later(world, 300, alpha=110)
    poke(world)
    assert world.markets[ALPHA].risk != FRESH
    protocol.restore(saved)
    assert world.markets[ALPHA].risk == FRESH
    assert margin.health(world, BOB).equity_fine == margin.health(world, BOB).equity_im_fine
    assert world.account(BOB).cash_fine % FINE == 0
