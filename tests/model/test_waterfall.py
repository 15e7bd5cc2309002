"""The model's waterfall: worked examples of its contract, limits, draws and concessions."""

from __future__ import annotations

import pytest

from plimsoll.loss_weights import SHARES, Weight, pack
from plimsoll.model import custody, rolling_limits, waterfall
from plimsoll.model.state import Auction, Reservation, Rolling
from tests.support.expect import refusal
from tests.support.money_world import (
    ALICE,
    BOB,
    CUSTODY,
    DAY_S,
    NOW,
    TOKEN,
    WAD,
    account_of,
    fund,
    money_world,
)

STEP_S = 14_400
BTC, ETH = 1, 2
MINE, BOBS = account_of(ALICE), account_of(BOB)
ALL_BTC, ALL_ETH = (pack([Weight(market, False, SHARES)]) for market in (BTC, ETH))
MIXED = pack([Weight(BTC, False, SHARES // 4), Weight(ETH, True, SHARES * 3 // 4)])


@pytest.fixture
def world():
    """Junior holds 100, senior 900; limits 50 % a day, 25 % a market."""
    made = money_world()
    fund(made, made.junior, 100)
    fund(made, made.senior, 900)
    return made


def counted(amount, since=NOW):
    """What an amount counts for at first: a whole number of wei per second to its mark."""
    seconds = -(-(since + DAY_S) // STEP_S) * STEP_S - since
    return -(-amount // seconds) * seconds


def open_limits(world):
    for layer in (3, 4):
        waterfall.set_limits(world, layer, 10**6, 10**6)


# --- reserve ----------------------------------------------------------------------------------


def test_reserve__junior_to_its_market_limit__then_senior(world):
    assert waterfall.preview(world, MINE, 40 * WAD, ALL_BTC) == (0, 25 * WAD, 15 * WAD, 0)
    assert waterfall.reserve(world, MINE, 40 * WAD, ALL_BTC) == 40 * WAD
    assert waterfall.reservation(world, MINE) == (0, 25 * WAD, 15 * WAD, 0)
    assert waterfall.capacity(world, ALL_BTC) == (0, 0, 225 * WAD - counted(15 * WAD), 0)
    of_all = 50 * WAD - counted(25 * WAD)
    assert waterfall.capacity(world, ALL_ETH) == (0, of_all, 225 * WAD, 0)
    assert waterfall.exits_blocked(world)


def test_reserve__two_markets__the_tighter_binds(world):
    assert waterfall.reserve(world, MINE, 1_000 * WAD, MIXED) == sum(
        limit * SHARES // (SHARES * 3 // 4) for limit in (25 * WAD, 225 * WAD)
    )
    # what junior gave, split and rounded up
    given = 25 * WAD * SHARES // (SHARES * 3 // 4)
    assert waterfall.used(world, 3, 0) == counted(given)
    assert waterfall.used(world, 3, BTC) == counted(-(-given // 4))
    assert waterfall.used(world, 3, ETH) == counted(-(-given * 3 // 4))


def test_reserve__no_market_to_name__one_markets_limit(world):
    assert waterfall.reserve(world, MINE, 1_000 * WAD, 0) == 250 * WAD
    assert waterfall.used(world, 3, BTC) == 0


def test_reserve__global_limit_over_markets(world):
    waterfall.reserve(world, MINE, 25 * WAD, ALL_BTC)
    waterfall.reserve(world, BOBS, 25 * WAD, ALL_ETH)
    third = pack([Weight(3, False, SHARES)])
    assert waterfall.capacity(world, third)[1] == 0


def test_reserve__again__replaces_and_keeps_its_room(world):
    waterfall.reserve(world, MINE, 250 * WAD, ALL_BTC)
    world.now += DAY_S // 3
    assert waterfall.reserve(world, MINE, 250 * WAD, ALL_BTC) == 250 * WAD
    assert world.waterfall.reserved == {2: 0, 3: 25 * WAD, 4: 225 * WAD, 5: 0}
    assert world.waterfall.reservations[MINE].since == world.now


def test_reserve__zero__releases_what_is_left(world):
    waterfall.reserve(world, MINE, 20 * WAD, ALL_BTC)
    world.now += DAY_S // 2
    waterfall.reserve(world, BOBS, 4 * WAD, ALL_BTC)
    waterfall.reserve(world, MINE, 0, ALL_BTC)
    assert waterfall.used(world, 3, BTC) == counted(4 * WAD, world.now)
    assert MINE not in world.waterfall.reservations


def test_reserve__promised_assets_stay_promised_after_a_day(world):
    open_limits(world)
    waterfall.reserve(world, MINE, 1_000 * WAD, ALL_BTC)
    world.now += 2 * DAY_S
    assert waterfall.used(world, 3, 0) == 0
    assert waterfall.capacity(world, ALL_ETH) == (0, 0, 0, 0)


def test_used__decays_to_a_mark_within_28_hours_and_rounds_up(world):
    world.now = start = 10 * DAY_S + 1_800
    waterfall.reserve(world, MINE, 20 * WAD, ALL_BTC)
    # forgotten at 28:00, half an hour of which was over: 27.5 hours
    assert waterfall.used(world, 3, BTC) == -(-20 * WAD // 99_000) * 99_000
    for elapsed, left_s in ((9_900, 89_100), (DAY_S, 12_600), (98_999, 1), (99_000, 0)):
        world.now = start + elapsed
        assert waterfall.used(world, 3, BTC) == -(-20 * WAD // 99_000) * left_s


def test_used__counted_on_a_mark__lasts_a_day(world):
    world.now = 10 * DAY_S
    waterfall.reserve(world, MINE, 20 * WAD, ALL_BTC)
    world.now += DAY_S - 1
    assert waterfall.used(world, 3, BTC) == -(-20 * WAD // DAY_S)
    world.now += 1
    assert waterfall.used(world, 3, BTC) == 0


def test_used__re_marked_every_minute__the_rest_expires_as_if_it_had_not_been(world):
    waterfall.reserve(world, BOBS, 20 * WAD, ALL_BTC)
    waterfall.draw(world, BOBS, 20 * WAD, ALL_BTC)
    waterfall.reserve(world, MINE, WAD, ALL_BTC)
    for _ in range(28 * 60):
        world.now += 60
        waterfall.reserve(world, MINE, WAD, ALL_BTC)
    assert WAD <= waterfall.used(world, 3, BTC) < WAD + 10**5


def test_reserve__more_than_a_lane_holds__is_refused(world):
    assert (
        refusal(rolling_limits.with_more, world, Rolling(), 2**80 * 28 * 3_600)
        == "limit: amount too large"
    )


def test_room__below_par__assets_count_more_claims(world):
    world.tokens[ALICE] = 1_000 * TOKEN
    custody.deposit(world, ALICE, MINE, 800 * TOKEN)
    custody.book_shortfall(world, 200 * WAD)
    assert waterfall.capacity(world, ALL_BTC)[1] == 25 * WAD * 10 // 8


# --- draw -------------------------------------------------------------------------------------


def test_draw__in_order__moves_tokens_and_counts_once(world):
    waterfall.reserve(world, MINE, 40 * WAD, ALL_BTC)
    assert waterfall.draw(world, MINE, 30 * WAD, ALL_BTC) == 30 * WAD
    assert (world.junior.assets_tokens, world.senior.assets_tokens) == (75 * TOKEN, 895 * TOKEN)
    assert (world.custody.backing, world.custody.claims) == (30 * WAD, 30 * WAD)
    assert world.tokens[CUSTODY] == 30 * TOKEN
    assert world.waterfall.reserved == dict.fromkeys((2, 3, 4, 5), 0)
    assert waterfall.used(world, 3, BTC) == counted(25 * WAD)
    assert waterfall.used(world, 4, BTC) == counted(5 * WAD)
    # 50 % of 75 + 25 drawn, 25 used: another market gets its 25
    assert 25 * WAD - 10**5 < waterfall.capacity(world, ALL_ETH)[1] <= 25 * WAD


def test_draw__without_reservation__pays_nothing(world):
    assert waterfall.draw(world, MINE, WAD, ALL_BTC) == 0
    assert world.waterfall.drawn == {}


def test_draw__fraction_of_a_token_unit__rounded_up(world):
    waterfall.reserve(world, MINE, WAD + 10**10, ALL_BTC)
    assert waterfall.draw(world, MINE, WAD + 10**10, ALL_BTC) == WAD + 10**10
    assert world.junior.assets_tokens == 99 * TOKEN - 1
    assert world.custody.claims == WAD + 10**12


def test_draw__last_token__pays_what_there_is(world):
    open_limits(world)
    third = 100 * WAD // 3
    # what the first two count for beyond their amounts, senior gives
    spill = third - (100 * WAD - 2 * counted(third))
    for account in (1, 2, 3):
        waterfall.reserve(world, account, third, ALL_BTC)
    assert [waterfall.draw(world, account, third, ALL_BTC) for account in (1, 2, 3)] == [
        third,
        third,
        (100 * TOKEN - 2 * 33_333_334) * 10**12 + spill,
    ]
    assert (world.junior.assets_tokens, world.junior.generation) == (0, 1)


def test_draw__worthless_claims__pay_nothing(world):
    waterfall.reserve(world, MINE, WAD, ALL_BTC)
    custody.book_shortfall(world, WAD)
    assert waterfall.draw(world, MINE, WAD, ALL_BTC) == 0
    assert world.waterfall.reserved == dict.fromkeys((2, 3, 4, 5), 0)
    assert waterfall.used(world, 3, BTC) == 0


def test_draw__below_par__tokens_at_the_rate(world):
    custody.deposit(world, ALICE, MINE, 800 * TOKEN)
    custody.book_shortfall(world, 200 * WAD)
    waterfall.reserve(world, MINE, 10 * WAD, ALL_BTC)
    assert waterfall.draw(world, MINE, 10 * WAD, ALL_BTC) == 10 * WAD
    assert world.junior.assets_tokens == 92 * TOKEN
    assert (world.custody.backing, world.custody.claims) == (808 * WAD, 1_010 * WAD)


# --- concessions ------------------------------------------------------------------------------


def test_pay_concession__within_the_budget_of_market_and_day(world):
    assert waterfall.pay_concession(world, MINE, BTC, WAD // 2) == WAD // 2
    assert world.junior.assets_tokens == 99_500_000
    # 1 % of 99.5, less the half, which counts for some wei more: a token unit less
    assert waterfall.concession_available(world, BTC) == 494_999 * 10**12
    assert waterfall.pay_concession(world, MINE, BTC, 5 * WAD) == 494_999 * 10**12
    assert waterfall.pay_concession(world, MINE, ETH, WAD // 2) == WAD // 2


def test_pay_concession__less_than_a_token_unit__nothing(world):
    assert waterfall.pay_concession(world, MINE, BTC, 10**11) == 0
    assert world.waterfall.concessions == {}


def test_pay_concession__never_into_reservations(world):
    open_limits(world)
    waterfall.reserve(world, MINE, 100 * WAD, ALL_ETH)
    assert waterfall.concession_available(world, BTC) == 0
    assert waterfall.pay_concession(world, MINE, BTC, WAD) == 0


# --- owner ------------------------------------------------------------------------------------


def test_limits__of_a_layer_and_of_a_market(world):
    waterfall.set_market_limit(world, 3, BTC, 10_000)
    assert waterfall.capacity(world, ALL_BTC)[1] == WAD
    assert waterfall.capacity(world, ALL_ETH)[1] == 25 * WAD
    waterfall.set_market_limit(world, 3, BTC, 0)
    assert waterfall.market_limit(world, 3, BTC) == 250_000
    waterfall.set_concession_budget(world, 50_000)
    assert waterfall.concession_available(world, BTC) == 5 * WAD


@pytest.mark.parametrize(
    ("call", "args", "reason"),
    [
        (waterfall.set_limits, (2, 10**6, 10**6), "waterfall: unknown layer"),
        (waterfall.set_limits, (3, 99_999, 10**7), "waterfall: limit too low"),
        (waterfall.set_limits, (3, 10**7, 9_999), "waterfall: limit too low"),
        (waterfall.set_limits, (4, 10**6 + 1, 10**6), "waterfall: limit too high"),
        (waterfall.set_market_limit, (6, BTC, 10**6), "waterfall: unknown layer"),
        (waterfall.set_market_limit, (3, BTC, 9_999), "waterfall: limit too low"),
        (waterfall.set_market_limit, (3, BTC, 10**6 + 1), "waterfall: limit too high"),
        (waterfall.set_concession_budget, (50_001,), "waterfall: budget too high"),
    ],
)
def test_limits__hard_bounds(world, call, args, reason):
    assert refusal(call, world, *args) == reason


# --- what rounding may decide -----------------------------------------------------------------


def test_exits_blocked__some_wei_reserved__either_is_accepted(world):
    world.waterfall.reserved[3] = 2
    world.waterfall.reservations[MINE] = Reservation(2, 0, NOW)
    world.auctions[MINE] = Auction(started=NOW, reserving=True)
    assert waterfall.exits_blocked(world)
    assert world.close == ["waterfall: exits blocked"]
    world.close.clear()
    world.forced = {0: False}
    assert not waterfall.exits_blocked(world)


def test_exits_blocked__nobody_asked__is_certain(world):
    assert not waterfall.exits_blocked(world)
    assert world.close == []
