"""The model's takes: worked examples of docs/protocol.md section 7, and every refusal."""

from __future__ import annotations

import pytest

from plimsoll.model import auctions, margin, resolution, takes, waterfall
from plimsoll.model.margin import Health
from plimsoll.model.state import FINE, PPM, WAD
from tests.support.auction_world import (
    BTC,
    ETH,
    FAR,
    MINE,
    RICH,
    auction_world,
    change_params,
    give,
    later,
    open_auction,
    refusal,
    set_equity,
    set_price,
)
from tests.support.money_world import ALICE, BOB, CAROL, TOKEN, account_of

INTO = account_of(BOB, 7)
MAX = 2**256 - 1


@pytest.fixture
def world():
    """Bob has the margin to take over whatever there is."""
    made = auction_world()
    give(made, INTO, RICH, {})
    return made


def take(world, size, limit=FAR, market=BTC, into=INTO, sender=BOB):
    return takes.take(world, sender, MINE, market, size, limit, into)


def size_of(world, account, market=BTC):
    return world.position(account, market).size_fine


# --- terms ------------------------------------------------------------------------------------


def test_terms__account_pays_all__and_the_slice_restores_kappa(world):
    change_params(world, concession_min_ppm=10_000, concession_max_ppm=10_000)
    open_auction(world, 400)
    size_max, size_min, *rest = takes.take_terms(world, MINE, BTC)
    assert rest == [10_000, 10_000, 5_000, 100 * WAD]
    assert size_min == 5 * WAD  # 5 % of the leg
    # (1.2 * 500 - 400 and 10 wei) / (1.2 * 5 % - 1.5 %) of notional, as a size rounded up
    notional = (200 * WAD + 10) * 1_000 // 45
    assert size_max == -(-notional // 100)


def test_terms__account_can_pay_less__the_fee_gives_way_first(world):
    change_params(world, concession_min_ppm=30_000, concession_max_ppm=30_000)
    open_auction(world, 320)  # 320 / 500 * 5 % = 3.2 %, and strictly under it
    assert takes.take_terms(world, MINE, BTC)[2:5] == (30_000, 30_000, 1_999)
    set_equity(world, MINE, 100 * WAD)
    assert takes.take_terms(world, MINE, BTC)[2:5] == (30_000, 9_999, 0)


def test_terms__cross_account__each_leg_bears_its_own_part(world):
    # 300 of MM 505, but for ETH m / N is 5 % as well: E * m / (MM * N) = 2.97 %
    open_auction(world, 300, legs={BTC: (100, 110), ETH: (10, 9)})
    change_params(world, concession_min_ppm=100_000, concession_max_ppm=100_000)
    assert takes.take_terms(world, MINE, ETH)[3] == 29_702
    # ETH is worth the least notional: only whole
    assert takes.take_terms(world, MINE, ETH)[:2] == (10 * WAD, 10 * WAD)


def test_terms__bankrupt__whole_leg_at_mark(world):
    change_params(world, concession_min_ppm=20_000, concession_max_ppm=20_000)
    open_auction(world, -300)
    assert takes.take_terms(world, MINE, BTC) == (100 * WAD, 5 * WAD, 20_000, 0, 0, 100 * WAD)


def test_terms__cured_and_not_yet_re_tested__least_slice(world):
    open_auction(world, 400)
    set_equity(world, MINE, 700 * WAD)
    assert takes.take_terms(world, MINE, BTC)[:2] == (5 * WAD, 5 * WAD)


def test_terms__no_position__nothing(world):
    open_auction(world, 400)
    assert takes.take_terms(world, MINE, ETH) == (0, 0, 5_013, 0, 0, 10 * WAD)


def test_terms__not_started__is_refused(world):
    assert refusal(takes.take_terms, world, MINE, BTC) == "liquidation: not started"


def test_terms__unknown_market__is_refused(world):
    open_auction(world, 400)
    assert refusal(takes.take_terms, world, MINE, 9) == "market: unknown"


# --- takes ------------------------------------------------------------------------------------


def test_take__largest_slice__ends_the_auction(world):
    change_params(world, concession_min_ppm=10_000, concession_max_ppm=10_000)
    open_auction(world, 400)
    size_max = takes.take_terms(world, MINE, BTC)[0]
    assert take(world, MAX, limit=99 * WAD) == size_max
    assert size_of(world, INTO) == size_max * FINE
    assert size_of(world, MINE) == (100 * WAD - size_max) * FINE
    assert world.insurance_fees_wad == size_max * 100 * 5_000 // PPM
    # 400 - 1.5 % of 4,444.4 is 1.2 times 5 % of 5,555.6
    after = margin.health(world, MINE)
    spare = after.equity_fine // FINE * PPM - after.mm_wad * 1_200_000
    assert 0 <= spare <= 100 * PPM
    assert not world.account(MINE).started
    assert world.auctions[MINE].ended == world.now
    assert world.main_lane == [0]


def test_take__short_leg__limit_is_a_least_price(world):
    change_params(world, concession_min_ppm=10_000, concession_max_ppm=10_000)
    open_auction(world, 400, legs={BTC: (-100, 90)})
    reason = refusal(take, world, 5 * WAD, limit=101 * WAD + 1)
    assert reason == "liquidation: price under limit"


def test_take__short_leg__sells_to_the_account(world):
    change_params(world, concession_min_ppm=10_000, concession_max_ppm=10_000)
    open_auction(world, 400, legs={BTC: (-100, 90)})
    assert take(world, 5 * WAD, limit=101 * WAD) == 5 * WAD
    assert size_of(world, INTO) == -5 * WAD * FINE
    # 1 % of 500, and the fee of 0.5 %
    assert margin.health(world, MINE).equity_fine == (400 * WAD - 7 * WAD - WAD // 2) * FINE


def test_take__insurance_adds_what_the_account_cannot__up_to_one_percent(world):
    change_params(world, concession_min_ppm=30_000, concession_max_ppm=30_000)
    open_auction(world, 100)
    before = world.account(INTO).cash_fine
    take(world, 50 * WAD)
    # 9,999 ppm off the mark from the account and 1 % of 5,000 from junior
    price = 100 * WAD - 100 * WAD * 9_999 // PPM
    assert world.account(INTO).cash_fine - before == (50 * WAD - 50 * price) * FINE
    assert world.junior.assets_tokens == 9_950 * TOKEN
    assert world.insurance_fees_wad == 0


def test_take__budget_used_up__the_limit_knows(world):
    change_params(world, concession_min_ppm=20_000, concession_max_ppm=20_000)
    waterfall.set_concession_budget(world, 1_000)  # 10, or 0.2 a unit
    open_auction(world, 100)
    price = 100 * WAD - 100 * WAD * 9_999 // PPM - WAD // 5
    assert takes.take_terms(world, MINE, BTC)[3] == 9_999
    assert take(world, 50 * WAD, limit=price) == 50 * WAD


def test_take__a_wei_over_the_limit__is_refused(world):
    change_params(world, concession_min_ppm=20_000, concession_max_ppm=20_000)
    waterfall.set_concession_budget(world, 1_000)
    open_auction(world, 100)
    price = 100 * WAD - 100 * WAD * 9_999 // PPM - WAD // 5
    world.close = []
    assert refusal(take, world, 50 * WAD, limit=price - 1) == "liquidation: price over limit"
    # the concession per unit depends on a size that ADL may have rounded
    assert world.close[-1] == "take: limit"


def test_take__any_price_and_a_concession__goes_through(world):
    change_params(world, concession_min_ppm=30_000, concession_max_ppm=30_000)
    open_auction(world, 100)
    assert take(world, 50 * WAD, limit=MAX) == 50 * WAD


def test_take__any_price_without_a_concession__goes_through(world):
    change_params(world, concession_min_ppm=10_000, concession_max_ppm=10_000)
    open_auction(world, 400)
    assert take(world, 5 * WAD, limit=MAX) == 5 * WAD


def test_take__a_wei_under_the_least_slice__is_a_close_decision(world):
    open_auction(world, 400)
    assert refusal(take, world, 5 * WAD - 10**7) == "liquidation: slice too small"
    assert "take: slice too small" not in world.close
    assert refusal(take, world, 5 * WAD - 1) == "liquidation: slice too small"
    assert world.close[-1] == "take: slice too small"


def test_take__leg_of_the_least_notional__only_whole(world):
    open_auction(world, 4, legs={BTC: (1, 110)})
    assert refusal(take, world, WAD // 2) == "liquidation: slice too small"
    assert take(world, MAX) == WAD
    assert world.account(MINE).markets == ()


def test_take__one_leg_without_price__the_others_go_on(world):
    open_auction(world, 400, legs={BTC: (100, 110), ETH: (10, 9)})
    set_price(world, ETH, None)
    later(world)
    assert refusal(take, world, MAX, market=ETH) == "liquidation: no price"
    assert take(world, 5 * WAD) == 5 * WAD


def test_take__block_of_the_start__is_refused(world):
    open_auction(world, 400)
    world.block -= 1
    assert refusal(take, world, MAX) == "liquidation: too early"


def test_take__wrong_calls__are_refused_in_order(world):
    give(world, MINE, 400 * WAD, {BTC: (100, 110)})
    assert refusal(take, world, MAX, sender=CAROL) == "liquidation: not taker's account"
    assert refusal(take, world, MAX) == "liquidation: not started"
    own = account_of(ALICE, 5)
    assert refusal(take, world, MAX, into=own, sender=ALICE) == "liquidation: self take"
    resolution.start(world, MINE)
    later(world)
    assert refusal(take, world, MAX, market=ETH) == "liquidation: no position"
    assert refusal(take, world, MAX, market=9) == "market: unknown"
    assert refusal(take, world, 0) == "liquidation: slice too small"
    world.resolving = MINE
    assert refusal(take, world, MAX, into=own, sender=ALICE) == "liquidation: being resolved"


def test_take__account_zero_while_nothing_is_resolved__is_refused(world):
    reason = refusal(takes.take, world, BOB, 0, BTC, MAX, FAR, INTO)
    assert reason == "liquidation: being resolved"


def test_take__cured__is_refused(world):
    open_auction(world, 400)
    set_equity(world, MINE, 600 * WAD)
    assert refusal(take, world, MAX) == "liquidation: cured"


def test_take__taker_without_margin__is_refused(world):
    open_auction(world, 400)
    set_equity(world, INTO, 40 * WAD)
    assert refusal(take, world, 5 * WAD) == "margin: below initial"


def test_take_for__own_owner__is_refused(world):
    open_auction(world, 400)
    reason = refusal(takes.take_for, world, MINE + 1, MINE, BTC, 5 * WAD, FAR)
    assert reason == "liquidation: self take"


def test_take__bankrupt__at_mark_then_one_draw(world):
    change_params(world, concession_min_ppm=20_000, concession_max_ppm=20_000)
    open_auction(world, -300)
    assert take(world, 40 * WAD, limit=99 * WAD) == 40 * WAD
    assert margin.health(world, MINE).equity_fine == -300 * WAD * FINE
    assert sum(waterfall.reservation(world, MINE)) == 300 * WAD
    assert take(world, MAX) == 60 * WAD
    assert world.account(MINE).cash_fine == 0
    assert not waterfall.exits_blocked(world)
    assert not world.account(MINE).started
    # 300 for the loss, 1 % of 4,000, and what is left then of the budget: 1 % of 9,960 less 40,
    # which count for some wei more
    assert world.junior.assets_tokens == 10_000 * TOKEN - 399_599_999
    assert world.custody.claims == 399_599_999 * 10**12


def test_take__loss_beyond_the_waterfall__is_refused(world):
    # 25 % of 100,000 is what one market gets in a day
    open_auction(world, -25_001)
    assert refusal(take, world, 50 * WAD) == "liquidation: loss not reserved"
    assert refusal(take, world, MAX) == "liquidation: loss not reserved"


# --- what a take must not do ------------------------------------------------------------------


def health(equity_wad, mm_wad):
    return Health(equity_wad * FINE, equity_wad * FINE, mm_wad, mm_wad, 0, True)


def test_check_margin__ratio_falls__is_refused(world):
    before = health(100 * WAD, 500 * WAD)
    takes._check_margin(world, before, health(50 * WAD, 250 * WAD), 100 * WAD)
    worse = health(50 * WAD - 10**12, 250 * WAD)
    reason = refusal(takes._check_margin, world, before, worse, 100 * WAD)
    assert reason == "liquidation: margin worsened"


def test_check_margin__bankrupt__may_lose_rounding_only(world):
    before = health(-100 * WAD, 500 * WAD)
    takes._check_margin(world, before, health(-100 * WAD - 404, 0), 100 * WAD)
    worse = health(-100 * WAD - 405, 0)
    reason = refusal(takes._check_margin, world, before, worse, 100 * WAD)
    assert reason == "liquidation: equity worsened"


def test_terms__equity_near_a_step_of_the_share__either_is_accepted(world):
    open_auction(world, 400)
    set_equity(world, MINE, 200 * WAD + 1)  # a wei above 2 %
    world.close = []
    change_params(world, concession_min_ppm=30_000, concession_max_ppm=30_000)
    assert takes.take_terms(world, MINE, BTC)[3] == 20_000
    assert world.close[0] == "take: share"
    world.close = []
    world.forced = {0: False}
    assert takes.take_terms(world, MINE, BTC)[3] == 19_999


def test_take__a_remembered_auction__is_not_started(world):
    open_auction(world, 400)
    set_equity(world, MINE, 700 * WAD)
    resolution.touch(world, MINE, from_exchange=False)
    assert auctions.load(world, MINE).ended == world.now
    assert refusal(take, world, MAX) == "liquidation: not started"
