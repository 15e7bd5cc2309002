"""The model's re-matching and frozen resolve: examples computed by hand."""

from __future__ import annotations

import pytest

from plimsoll.loss_weights import SHARES, Weight, pack
from plimsoll.model import deleveraging, positions, prices
from plimsoll.model.state import FINE, RAY, WAD, Epoch
from tests.support.adl_world import MARKET, UNIT, adl_world, give, set_price, whole_loss_on
from tests.support.expect import refusal

ANN, BOB, CAT, DAN, EVE = (number << 96 for number in range(1, 6))
ALL = 1_000
NEAR = UNIT // 10**8  # an entry is rounded to 33 bits


@pytest.fixture
def world():
    return adl_world(100, 100)


def cash(world, account):
    return world.account(account).cash_fine


def size(world, account, market=MARKET):
    return world.position(account, market).size_fine


def place(world, account, market=MARKET):
    return positions.place_of(world.position(account, market))


def started(world, account):
    world.account(account).started = True


def rematch(world, account, amount, discount_ppm=0, buckets=ALL):
    return deleveraging.rematch(world, account, MARKET, amount * UNIT, discount_ppm, buckets)


# --- re-matching ------------------------------------------------------------------------------


def test_rematch__within_a_place__pro_rata_and_at_a_worsened_mark(world):
    give(world, ANN, 4, 100)
    give(world, BOB, -2, 110)
    give(world, CAT, -6, 110)
    started(world, ANN)
    # 5 % off the mark for a long: it sells at 95
    assert rematch(world, ANN, 2, 50_000) == 2 * UNIT
    assert [size(world, who) for who in (ANN, BOB, CAT)] == [
        2 * UNIT,
        -3 * UNIT // 2,
        -9 * UNIT // 2,
    ]
    assert cash(world, ANN) == (-400 + 190) * UNIT
    assert cash(world, BOB) == (220 - 95 // 2) * UNIT - UNIT // 2
    assert cash(world, CAT) == 660 * UNIT - 285 * UNIT // 2
    assert world.close == []
    # three quarters of the place are left; its members keep their place and entry
    assert world.markets[MARKET].epochs == {place(world, BOB): Epoch(0, RAY * 3 // 4)}


def test_rematch__a_short__pays_the_worsened_mark(world):
    give(world, ANN, -4, 100)
    give(world, BOB, 8, 90)
    started(world, ANN)
    assert rematch(world, ANN, 4, 100_000) == 4 * UNIT
    assert cash(world, ANN) == (400 - 440) * UNIT
    assert cash(world, BOB) == (-720 + 440) * UNIT
    assert world.account(ANN).markets == ()


def test_rematch__heads_first__closes_them_whole_and_leaves_the_rest(world):
    give(world, ANN, 4, 100)
    give(world, BOB, -1, 120)
    give(world, CAT, -2, 110)
    give(world, DAN, -9, 105)
    started(world, ANN)
    assert rematch(world, ANN, 4) == 4 * UNIT
    assert [size(world, who) for who in (BOB, CAT, DAN)] == [0, 0, -8 * UNIT]
    # closed whole, but listed until somebody touches them
    assert positions.is_open(world, BOB, MARKET)
    assert world.markets[MARKET].epochs[place(world, BOB)] == Epoch(1)
    assert place(world, BOB) not in deleveraging.queue(world, MARKET, False)


@pytest.mark.parametrize("buckets", [0, 1, 2])
def test_rematch__few_places_allowed__stops_there(world, buckets):
    give(world, ANN, 4, 100)
    for who, entry in ((BOB, 120), (CAT, 110), (DAN, 105)):
        give(world, who, -1, entry)
    started(world, ANN)
    assert rematch(world, ANN, 4, buckets=buckets) == buckets * UNIT
    assert size(world, ANN) == (4 - buckets) * UNIT


def test_rematch__dust_in_front__takes_a_visit_and_gives_its_wei(world):
    give(world, ANN, 4, 100)
    give(world, BOB, -4, 110)
    started(world, ANN)
    dusty = (False, 4, place(world, BOB)[2] + 9)
    world.markets[MARKET].dust_wad = {dusty: 2}
    assert rematch(world, ANN, 2, buckets=1) == 2 * FINE
    assert world.markets[MARKET].dust_wad == {}
    assert world.markets[MARKET].epochs == {dusty: Epoch(1)}
    assert rematch(world, ANN, 2, buckets=1) == 2 * UNIT


def test_rematch__empty_queue__the_protocol_takes_the_dust(world):
    give(world, ANN, 4, 100)
    started(world, ANN)
    assert rematch(world, ANN, 4, buckets=0) == 0
    assert rematch(world, ANN, 4) == 4 * UNIT
    assert world.account(ANN).markets == ()
    assert cash(world, ANN) == 0


def test_rematch__place_as_large_as_the_leg__chain_may_need_one_place_more(world):
    def run(forced):
        world = adl_world(100)
        give(world, ANN, 4, 100)
        give(world, BOB, -4, 120)
        give(world, CAT, -4, 110)
        started(world, ANN)
        world.forced = forced
        rematch(world, ANN, 4, buckets=1)
        return world

    assert run({}).account(ANN).markets == ()
    assert run({}).close == ["re-match: enough"]
    short_of_it = run({0: False})
    assert short_of_it.account(ANN).markets == (MARKET,)
    assert short_of_it.position(ANN, MARKET).size_fine == FINE  # a wei


def test_rematch__without_a_position__matches_nothing(world):
    started(world, ANN)
    assert rematch(world, ANN, 4) == 0


def test_rematch__refusals__in_the_order_of_the_contract(world):
    give(world, ANN, 4, 100)
    world.markets[MARKET].locked_shorts = True
    owner = world.account(ANN)
    owner.locked = True
    set_price(world, 0)
    attempt = (deleveraging.rematch, world, ANN, MARKET, UNIT, 100_001, ALL)
    assert refusal(*attempt) == "account: not under liquidation"
    owner.started = True
    assert refusal(*attempt) == "account: locked"
    owner.locked = False
    assert refusal(*attempt) == "rematch: discount too high"
    assert refusal(rematch, world, ANN, 1) == "oracle: no price"
    prices.poke(world, MARKET)
    set_price(world, 100, 60)
    assert refusal(rematch, world, ANN, 1) == "oracle: grace"
    set_price(world, 100, 60)
    assert refusal(rematch, world, ANN, 1) == "adl: side locked"
    assert refusal(deleveraging.rematch, world, ANN, 9, UNIT, 0, ALL) == "market: unknown"


# --- the frozen resolve -----------------------------------------------------------------------


def bankrupt_short(world):
    """Ann is short 10 from 100 and has 100; at 120 she owes 100. Bob and Cat win, Dan loses."""
    give(world, ANN, -10, 100, cash=100)
    give(world, BOB, 4, 100)
    give(world, CAT, 2, 80)
    give(world, DAN, 4, 140)
    started(world, ANN)
    set_price(world, 120)


def test_resolve__haircut__each_winner_pays_the_same_share_of_its_own_profit(world):
    bankrupt_short(world)
    before = sum(cash(world, who) for who in (ANN, BOB, CAT, DAN))
    deleveraging.adl_begin(world, ANN, 40 * WAD, whole_loss_on(short=True))
    job = world.job
    assert (job.deficit_wad, job.uncovered_wad) == (100 * WAD, 60 * WAD)
    assert world.account(ANN).locked
    assert world.markets[MARKET].funding_frozen
    # Bob has won 80, Cat 80, Dan lost: eta is 60 / 160
    assert deleveraging.adl_step(world, ALL)
    assert abs(cash(world, BOB) - (-400 + 480 - 30) * UNIT) < 100 * NEAR
    assert cash(world, ANN) == -40 * UNIT
    assert world.account(ANN).markets == ()
    assert not world.account(ANN).locked
    assert world.job is None
    state = world.markets[MARKET]
    assert (state.locked_longs, state.locked_shorts, state.funding_frozen) == (False,) * 3
    # all longs were needed to close ten shorts, at 120
    assert [size(world, who) for who in (BOB, CAT, DAN)] == [0, 0, 0]
    assert abs(cash(world, CAT) - (-160 + 240 - 30) * UNIT) < 100 * NEAR
    assert cash(world, DAN) == (-560 + 480) * UNIT
    total = sum(cash(world, who) for who in (ANN, BOB, CAT, DAN))
    assert abs(total - before) < 100 * FINE


def test_resolve__haircut__moves_entries_and_the_worst_entry_towards_the_mark(world):
    bankrupt_short(world)
    give(world, EVE, 30, 100)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    assert not deleveraging.adl_step(world, 4)
    # Bob 80, Cat 80 and Eve 600: eta is 100 / 760
    leg = world.job.legs[0]
    assert abs(leg.eta_ray - RAY * 100 // 760) < RAY // 10**8
    assert not deleveraging.adl_step(world, 1)
    state = world.markets[MARKET]
    assert not state.locked_longs
    assert world.job.phase == deleveraging.REMATCH
    eta = leg.eta_ray / RAY
    for who, entry in ((BOB, 100), (EVE, 100), (CAT, 80)):
        moved = world.position(who, MARKET).entry_fine / UNIT
        assert moved == pytest.approx(entry + eta * (120 - entry), rel=1e-9)
    edge = positions.worse_edge(place(world, BOB)[2], True)
    worst = positions.worst_entry_fine(state, place(world, BOB))
    assert worst / UNIT == pytest.approx(edge / WAD + eta * (120 - edge / WAD), rel=1e-9)
    assert place(world, DAN) not in state.worst_fine


def test_resolve__loss_above_all_profits__takes_all_and_credits_that(world):
    bankrupt_short(world)
    world.account(ANN).cash_fine -= 1_000 * UNIT
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    assert deleveraging.adl_step(world, ALL)
    # at 80 and 100 Bob and Cat had won 160 of the 1,100
    assert abs(cash(world, ANN) + 940 * UNIT) < 100 * NEAR
    assert abs(cash(world, BOB)) < 10 * NEAR
    assert abs(cash(world, CAT)) < 10 * NEAR


def test_resolve__all_reserved__no_haircut_and_no_lock(world):
    bankrupt_short(world)
    deleveraging.adl_begin(world, ANN, 100 * WAD, whole_loss_on(short=True))
    assert world.job.uncovered_wad == 0
    assert not deleveraging.adl_step(world, 1)
    assert world.job.phase == deleveraging.REMATCH
    assert size(world, CAT) == 0
    assert size(world, ANN) == -8 * UNIT
    assert deleveraging.adl_step(world, 2)
    assert cash(world, ANN) == -100 * UNIT
    assert cash(world, BOB) == 80 * UNIT


def test_resolve__place_that_holds_the_mark__is_not_visited(world):
    # 119.95 lies in the tick of 120, whose upper edge is the worse one
    give(world, ANN, -10, 100, cash=100)
    positions.change(world, BOB, MARKET, 10 * UNIT, 11_995 * UNIT // 100, 4)
    started(world, ANN)
    set_price(world, 120)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    # both walks find nothing to visit, so one visit is left for the re-match
    assert deleveraging.adl_step(world, 1)
    assert cash(world, BOB) == 1_200 * UNIT
    assert cash(world, ANN) == -100 * UNIT


def test_resolve__short_winners__pay_too(world):
    give(world, ANN, 10, 100, cash=100)
    give(world, BOB, -10, 110)
    started(world, ANN)
    set_price(world, 80)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=False))
    assert deleveraging.adl_step(world, ALL)
    # Ann owes 100; Bob has won 300
    assert abs(cash(world, BOB) - 200 * UNIT) < 100 * FINE
    assert cash(world, ANN) == 0


def test_resolve__each_place_is_paid_for_by_the_budget__sum_charge_and_rematch(world):
    bankrupt_short(world)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    leg = world.job.legs[0]
    seen = []
    while not deleveraging.adl_step(world, 1):
        seen.append((world.job.phase, len(leg.visited), world.markets[MARKET].locked_longs))
        assert len(seen) < 20
    # two places win; finding out that no third one does takes a budget left
    assert seen == [
        (0, 1, True),
        (0, 2, True),
        (1, 1, True),
        (1, 2, True),
        (2, 0, False),
        (2, 0, False),
    ]


def test_resolve__locked_side__nobody_touches_it_until_it_is_charged(world):
    bankrupt_short(world)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    assert not deleveraging.adl_step(world, 0)
    assert not world.markets[MARKET].locked_longs
    assert not deleveraging.adl_step(world, 1)
    assert refusal(positions.sync, world, BOB, MARKET) == "adl: side locked"
    assert refusal(positions.sync, world, ANN, MARKET) == "account: locked"
    deleveraging.adl_step(world, 5)
    positions.sync(world, BOB, MARKET)


def test_resolve__two_markets__split_by_weight_the_unweighted_leg_is_rematched_only(world):
    bankrupt_short(world)
    give(world, ANN, -5, 100, market=2)
    give(world, EVE, 5, 60, market=2)
    deleveraging.adl_begin(world, ANN, 0, whole_loss_on(short=True))
    assert [(leg.market, leg.uncovered_wad) for leg in world.job.legs] == [(1, 100 * WAD), (2, 0)]
    assert all(leg.winners_long for leg in world.job.legs)
    assert deleveraging.adl_step(world, ALL)
    assert cash(world, EVE) == (-300 + 500) * UNIT
    assert world.account(ANN).markets == ()


def test_resolve__loss_split__rounds_each_part_up(world):
    bankrupt_short(world)
    world.account(ANN).cash_fine -= FINE
    give(world, ANN, -5, 100, market=2)
    weights = pack([Weight(1, True, SHARES // 2), Weight(2, True, SHARES // 2)])
    deleveraging.adl_begin(world, ANN, 0, weights)
    assert [leg.uncovered_wad for leg in world.job.legs] == [50 * WAD + 1] * 2


def test_resolve__market_without_a_price__its_leg_stays(world):
    bankrupt_short(world)
    give(world, ANN, -5, 100, market=2)
    give(world, EVE, 5, 60, market=2)
    world.markets[2].feeds[0].answer = 0
    deleveraging.adl_begin(world, ANN, 0, pack([Weight(2, True, SHARES)]))
    assert [(leg.market, leg.uncovered_wad) for leg in world.job.legs] == [(1, 0)]
    assert deleveraging.adl_step(world, ALL)
    assert world.account(ANN).markets == (2,)
    assert size(world, ANN, 2) == -5 * UNIT
    assert cash(world, ANN) == (1_100 + 500 - 1_200) * UNIT


def test_begin__refusals(world):
    bankrupt_short(world)
    weights = whole_loss_on(short=True)
    begin = deleveraging.adl_begin
    assert refusal(deleveraging.adl_step, world, ALL) == "adl: no job"
    assert refusal(begin, world, BOB, 0, weights) == "adl: not under liquidation"
    started(world, BOB)
    assert refusal(begin, world, BOB, 0, weights) == "adl: not bankrupt"
    begin(world, ANN, 0, weights)
    assert refusal(begin, world, BOB, 0, weights) == "adl: another job runs"
    set_price(world, 120, seconds=599)
    assert refusal(begin, world, ANN, 0, weights) == "adl: job is young"
    set_price(world, 120, seconds=1)
    assert not deleveraging.adl_step(world, 3)
    assert world.job.phase == deleveraging.CHARGE
    assert refusal(begin, world, ANN, 0, weights) == "adl: haircut under way"


def test_begin__anew_after_ten_minutes__new_marks_and_what_was_credited_is_kept(world):
    bankrupt_short(world)
    deleveraging.adl_begin(world, ANN, 50 * WAD, whole_loss_on(short=True))
    assert not deleveraging.adl_step(world, 5)
    assert world.job.credited_wad == 50 * WAD
    set_price(world, 130, seconds=600)
    # one long place of two is gone; Ann's 8 cost 80 more than before
    deleveraging.adl_begin(world, ANN, 50 * WAD, whole_loss_on(short=True))
    job = world.job
    assert (job.credited_wad, job.phase, job.leg) == (50 * WAD, deleveraging.SUM, 0)
    assert job.deficit_wad == (50 + 80) * WAD
    assert job.legs[0].mark_wad == 130 * WAD
    assert job.legs[0].visited == ()


def test_begin__deficit_as_large_as_the_reservation__nobody_is_charged(world):
    bankrupt_short(world)
    deleveraging.adl_begin(world, ANN, 100 * WAD, whole_loss_on(short=True))
    assert world.close == []
    assert world.job.uncovered_wad == 0
