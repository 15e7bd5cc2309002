"""The model's marks and funding: worked examples of docs/protocol.md section 6."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.model import feeds, prices, trading
from plimsoll.model.state import FINE, RAY, WAD, Epoch, Feed, FeedRules
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BLOCK,
    BOB,
    NOW,
    cash,
    fill,
    later,
    ledger_world,
    refusal,
)


@pytest.fixture
def world():
    return ledger_world()


def give_feeds(world, answers, quorum, max_age_s=60):
    """Feeds with whole answers, None for one that fails."""
    market = world.markets[ALPHA]
    market.feeds = [
        Feed(answer=(answer or 1) * 10**8, updated_at=world.now, broken=answer is None)
        for answer in answers
    ]
    market.rules = FeedRules((max_age_s,) * len(answers), quorum, 20_000)
    return market.feeds


# --- feeds ------------------------------------------------------------------------------------


def test_read__one_feed__its_answer(world):
    assert feeds.read(world, ALPHA) == (100 * WAD, True)


@pytest.mark.parametrize(
    "change",
    [
        {"broken": True},
        {"answer": 0},
        {"answer": -1},
        {"answer": 2**96},
        {"answer": 2**95},  # beyond 96 bits once it is scaled to wad
        {"updated_at": 0},
        {"updated_at": NOW + 1},
        {"updated_at": NOW - 3_601},
    ],
)
def test_read__bad_answer__no_price(world, change):
    market = world.markets[ALPHA]
    market.feeds = [replace(market.feeds[0], **change)]
    assert feeds.read(world, ALPHA) == (0, False)


def test_read__as_old_as_allowed__counts(world):
    world.markets[ALPHA].feeds[0].updated_at = NOW - 3_600
    assert feeds.read(world, ALPHA) == (100 * WAD, True)


def test_read__three_feeds__median(world):
    give_feeds(world, [101, 99, 100], quorum=2)
    assert feeds.read(world, ALPHA) == (100 * WAD, True)


def test_read__outlier__left_out_and_the_rest_averaged(world):
    give_feeds(world, [100, 101, 150], quorum=2)
    assert feeds.read(world, ALPHA) == (100 * WAD + WAD // 2, True)


def test_read__as_far_as_allowed__counts(world):
    give_feeds(world, [98, 100, 102], quorum=3)
    assert feeds.read(world, ALPHA) == (100 * WAD, True)
    world.markets[ALPHA].feeds[0].answer -= 1
    assert feeds.read(world, ALPHA) == (0, False)


def test_read__too_few_fresh__no_price(world):
    give_feeds(world, [100, 100, None], quorum=3)
    assert feeds.read(world, ALPHA) == (0, False)


# --- marks ------------------------------------------------------------------------------------


def test_poke__unknown_market__is_refused(world):
    assert refusal(prices.poke, world, 9) == "market: unknown"
    assert refusal(prices.peek, world, 9) == "market: unknown"


def test_poke__twice_in_a_block__keeps_the_first_mark(world):
    world.markets[ALPHA].feeds[0].answer = 101 * 10**8
    assert prices.poke(world, ALPHA) == (100 * WAD, True)
    world.block += 1
    assert prices.poke(world, ALPHA) == (101 * WAD, True)


def test_poke__without_a_price__keeps_the_last_good_mark(world):
    later(world, 12, alpha=None)
    assert prices.poke(world, ALPHA) == (100 * WAD, False)


def test_peek__changes_nothing(world):
    later(world, 12, alpha=101)
    assert prices.peek(world, ALPHA).mark_wad == 101 * WAD
    assert world.markets[ALPHA].mark_wad == 100 * WAD
    assert world.markets[ALPHA].block == BLOCK


# --- funding ----------------------------------------------------------------------------------


def test_poke__half_an_hour__longs_pay_shorts(world):
    trading.trade(world, fill(10, 100))
    before = cash(world, ANN), cash(world, BOB)
    world.markets[ALPHA].rate_ppb = 3_600_000
    world.now = NOW - 1  # the clock of the next line stays in this five minutes
    world.markets[ALPHA].time = NOW - 300
    world.block += 1
    prices.poke(world, ALPHA)
    # 0.36 % an hour for 299 s on 10 units at 100
    assert world.markets[ALPHA].funding_index_ray == RAY * 299 * 36 // 360_000
    assert cash(world, ANN) == pytest.approx(before[0] - 0.299)
    assert cash(world, BOB) == pytest.approx(before[1] + 0.299)


def test_poke__negative_rate__index_rounded_down(world):
    market = world.markets[ALPHA]
    market.rate_ppb, market.mark_wad = -1, 1
    later(world, 1)
    prices.poke(world, ALPHA)
    assert market.funding_index_ray == -1


@pytest.mark.parametrize("change", [{"priced": False}, {"funding_frozen": True}])
def test_poke__no_price_or_frozen__nothing_accrues(world, change):
    market = world.markets[ALPHA]
    market.rate_ppb = 1_000_000
    for name, value in change.items():
        setattr(market, name, value)
    later(world, 1_000)
    prices.poke(world, ALPHA)
    assert market.funding_index_ray == 0
    assert market.rate_ppb == 10_000


def test_poke__late__old_rate_holds_to_the_end_of_its_five_minutes(world):
    market = world.markets[ALPHA]
    market.rate_ppb = 3_600_000
    later(world, 1_000, alpha=200)
    prices.poke(world, ALPHA)
    # 300 s at 3.6e6 ppb, 700 s at the base of 1e4 ppb, all at the old mark of 100
    assert market.funding_index_ray == RAY * 3 // 100 + 100 * 10**18 * 10_000 * 700 // 3_600


def test_record__premium_of_a_fill__volume_times_premium(world):
    # 0.2 % above mark on 5,000 of notional
    prices.record_premium(world, ALPHA, 100 * WAD + WAD // 5, 5_000 * WAD)
    market = world.markets[ALPHA]
    assert market.premium_volume == 5_000 * 10**6
    assert market.premium_sum == 10 * 10**6


def test_record__far_fill__clamped_where_the_rate_stops(world):
    prices.record_premium(world, ALPHA, 105 * WAD, 1_000 * WAD)
    prices.record_premium(world, ALPHA, 95 * WAD, 1_000 * WAD)
    # cap - base = 0.399 %, -cap - base = -0.401 %
    assert world.markets[ALPHA].premium_sum == 3_990_000 - 4_010_000


def test_record__volume_beyond_its_field__is_refused(world):
    too_much = 2**72 * 10**12
    assert (
        refusal(prices.record_premium, world, ALPHA, 100 * WAD, too_much)
        == "funding: volume too large"
    )


def test_next_rate__seven_of_twelve_premiums__move_the_median(world):
    market = world.markets[ALPHA]
    assert prices.next_rate_ppb(market, (1_000,) * 6 + (0,) * 6) == 10_500
    assert prices.next_rate_ppb(market, (1_000,) * 7 + (0,) * 5) == 11_000
    assert prices.next_rate_ppb(market, (-9_000_000,) * 12) == -4_000_000
    assert prices.next_rate_ppb(market, (9_000_000,) * 12) == 4_000_000


def test_volume_min__large_interest__washing_costs_what_it_brings(world):
    market = world.markets[ALPHA]
    assert prices.volume_min(market, 0) == 1_000 * 10**6
    # 0.4 % of 700,000 is 2,800; seven buckets at 0.07 % of V cost 0.49 % of V
    assert prices.volume_min(market, 7_000 * WAD) == -(-2_800 * 10**6 * 10_000 // 49)


def test_volume_min__no_fees__no_volume_is_enough():
    free = ledger_world(maker_fee_ppm=0, taker_fee_ppm=0).markets[ALPHA]
    assert prices.volume_min(free, WAD) == 2**255 - 1


def test_poke__next_five_minutes__premium_enters_the_window_diluted(world):
    market = world.markets[ALPHA]
    market.premium_volume = 500 * 10**6
    market.premium_sum = 10**6  # 0.2 % on 500, half of V_min
    later(world, 300)
    prices.poke(world, ALPHA)
    assert market.premiums_ppb == (1_000_000, *(0,) * 11)
    assert (market.premium_volume, market.premium_sum) == (0, 0)


def test_poke__skipped_five_minutes__count_as_zero(world):
    market = world.markets[ALPHA]
    market.premiums_ppb = tuple(range(100, 1_300, 100))
    market.premium_volume, market.premium_sum = 10**9, -(10**6)
    later(world, 900)
    prices.poke(world, ALPHA)
    assert market.premiums_ppb == (0, 0, -1_000_000, *range(100, 1_000, 100))
    later(world, 10_000)
    prices.poke(world, ALPHA)
    assert market.premiums_ppb == (0,) * 12


@pytest.mark.parametrize(("premium_sum", "stored"), [(199, 100), (-199, -100), (99, 0), (-99, 0)])
def test_poke__premium__stored_in_hundreds_toward_zero(world, premium_sum, stored):
    market = world.markets[ALPHA]
    market.premium_volume, market.premium_sum = 10**9, premium_sum
    later(world, 300)
    prices.poke(world, ALPHA)
    assert market.premiums_ppb[0] == stored


def test_peek__premium_on_an_edge_after_adl__is_a_close_decision(world):
    market = world.markets[ALPHA]
    trading.trade(world, fill(10, 100))
    market.mark_wad = 10**23 * WAD  # some wei of size move V_min
    v_min = prices.volume_min(market, 10 * WAD)
    market.premium_volume, market.premium_sum = 0, v_min // 10**7 + 1  # just above 100 ppb
    later(world, 300)
    assert prices.peek(world, ALPHA).premiums_ppb[0] == 100
    assert world.close == []
    market.epochs = {(True, 4, 0): Epoch()}
    assert prices.peek(world, ALPHA).premiums_ppb[0] == 100
    assert world.close == ["funding: premium"]
    world.close, world.forced = [], {0: False}
    assert prices.peek(world, ALPHA).premiums_ppb[0] == 0


def test_poke__funding__keeps_fractions_of_a_wei(world):
    trading.trade(world, fill(1, 100))
    before = world.account(ANN).cash_fine
    market = world.markets[ALPHA]
    market.rate_ppb, market.mark_wad = 1, WAD
    later(world, 1)
    prices.poke(world, ALPHA)
    assert before - world.account(ANN).cash_fine == -(-market.funding_index_ray * FINE // 10**9)
    assert 0 < market.funding_index_ray < 10**18
