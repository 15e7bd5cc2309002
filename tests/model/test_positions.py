"""The model's positions: entries as floats, places, touches, epochs of places."""

from __future__ import annotations

import pytest

from plimsoll.model import positions
from plimsoll.model.state import FINE, RAY, WAD, Epoch
from tests.support.adl_world import MARKET, UNIT, adl_world, give, set_price
from tests.support.expect import refusal

ANN, BOB, CAT = 1 << 96, 2 << 96, 3 << 96
PRICES = [1, 7, 2**33 - 1, 2**33, 2**33 + 1, 2**34 + 1, 100 * WAD, 2_345 * WAD + 17, 2**128 - 2**95]


@pytest.fixture
def world():
    return adl_world(100, 100)


def leg_of(world, account):
    return world.position(account, MARKET)


# --- entries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("price", PRICES)
def test_entry__written_and_read__is_never_better_and_near(price):
    high = positions.decode_entry(positions.encode_entry(price, True))
    low = positions.decode_entry(positions.encode_entry(price, False))
    assert low <= price <= high
    assert (high - low) << 33 <= 2 * price
    # what is written once stays
    assert positions.encode_entry(high, True) == positions.encode_entry(high, False)


@pytest.mark.parametrize("price", PRICES)
def test_tick__of_an_entry__holds_it_within_one_part_in_64(price):
    code = positions.encode_entry(price, False)
    tick = positions.tick_of(code)
    low, high = positions.worse_edge(tick, False), positions.worse_edge(tick, True)
    assert low <= price <= high
    assert (high - low) * 64 <= max(low, 64)


def test_entry__of_100__is_the_float_one_computes_by_hand():
    # 100e18 = 2^66 * 1.355...: mantissa bits are the next 33 behind the leading one
    code = positions.encode_entry(100 * WAD, False)
    assert code >> 33 == 66
    assert code & (2**33 - 1) == 100 * WAD // 2**33 - 2**33
    assert positions.encode_entry(100 * WAD, True) == code + 1


@pytest.mark.parametrize(("price", "reason"), [(0, "zero price"), (2**128, "price too large")])
def test_entry__out_of_range__is_refused(price, reason):
    assert refusal(positions.encode_entry, price, True) == f"entry: {reason}"


# --- changes ----------------------------------------------------------------------------------


def test_change__opens__lists_the_market_and_rounds_the_entry_to_the_worse_side(world):
    give(world, ANN, 3, 100)
    give(world, BOB, -3, 100, leverage_class=2)
    long, short = leg_of(world, ANN), leg_of(world, BOB)
    assert world.account(ANN).markets == (MARKET,)
    assert (long.size_fine, short.size_fine) == (3 * UNIT, -3 * UNIT)
    assert short.entry_fine < 100 * UNIT < long.entry_fine
    tick = positions.tick_of(positions.encode_entry(100 * WAD, True))
    assert positions.place_of(long) == (True, 4, tick)
    assert positions.place_of(short) == (False, 2, tick)
    assert world.members(MARKET, (True, 4, tick)) == [ANN]


def test_change__to_nothing__keeps_the_choice_only(world):
    leg_of(world, ANN).choice = 3
    give(world, ANN, 3, 100)
    positions.change(world, ANN, MARKET, 0, 0, 4)
    leg = leg_of(world, ANN)
    assert (leg.size_fine, leg.entry_fine, leg.leverage_class, leg.tick) == (0, 0, 0, 0)
    assert (leg.choice, leg.long) == (3, False)
    assert world.account(ANN).markets == ()


def test_change__closes_the_first_of_two_markets__the_other_moves_up(world):
    give(world, ANN, 3, 100)
    give(world, ANN, 3, 100, market=2)
    positions.change(world, ANN, MARKET, 0, 0, 4)
    assert world.account(ANN).markets == (2,)


def test_change__eleventh_market__is_refused():
    world = adl_world(*[100] * 11)
    for market in range(1, 11):
        give(world, ANN, 1, 100, market=market)
    assert refusal(give, world, ANN, 1, 100, 4, 0, 11) == "account: too many markets"


def test_change__second_market_of_an_isolated_account__is_refused(world):
    world.account(ANN).isolated = True
    give(world, ANN, 1, 100)
    give(world, ANN, 2, 100)
    assert refusal(give, world, ANN, 1, 100, 4, 0, 2) == "account: too many markets"


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 2), (1, 0), (1, -1), (-1, 1)])
def test_change__onto_or_off_a_locked_side__is_refused(world, before, after):
    if before:
        give(world, ANN, before, 100)
    world.markets[MARKET].locked_longs = True
    assert refusal(give, world, ANN, after, 100) == "adl: side locked"


def test_change__on_the_side_that_is_not_locked__passes(world):
    world.markets[MARKET].locked_longs = True
    give(world, ANN, -1, 100)
    assert leg_of(world, ANN).size_fine == -UNIT


def test_snapped__less_than_a_wei__is_nothing_and_noted_as_close(world):
    assert positions.snapped(world, FINE - 1) == 0
    assert positions.snapped(world, -FINE) == -FINE
    assert world.close == ["position: gone"] * 2
    assert positions.snapped(world, UNIT) == UNIT
    assert len(world.close) == 2


# --- touches ----------------------------------------------------------------------------------


def charged(world, account, entry):
    """A leg whose entry a haircut has moved, and its old place."""
    leg = leg_of(world, account)
    place = positions.place_of(leg)
    leg.entry_fine = entry * UNIT
    state = world.markets[MARKET]
    state.worst_fine[place] = entry * UNIT + FINE
    positions.note_charge(state, place)
    return place


def test_touch__after_a_haircut__writes_the_entry_down_and_moves_the_place(world):
    give(world, ANN, 3, 100)
    old = charged(world, ANN, 110)
    assert positions.place_of(leg_of(world, ANN)) == old
    positions.touch(world, ANN, MARKET)
    code = positions.encode_entry(110 * WAD, True)
    assert leg_of(world, ANN).entry_fine == positions.decode_entry(code) * FINE
    assert positions.place_of(leg_of(world, ANN)) == (True, 4, positions.tick_of(code))
    assert world.account(ANN).cash_fine == -300 * UNIT


def test_touch__without_a_position__does_nothing(world):
    world.markets[MARKET].locked_longs = world.markets[MARKET].locked_shorts = True
    positions.touch(world, ANN, MARKET)
    assert not world.accounts


def test_touch__of_a_leg_that_adl_closed__makes_it_flat(world):
    give(world, ANN, 3, 100)
    leg_of(world, ANN).size_fine = 0
    assert positions.is_open(world, ANN, MARKET)
    positions.touch(world, ANN, MARKET)
    assert not positions.is_open(world, ANN, MARKET)
    assert world.close == ["position: gone"]


def test_touch__when_the_chain_has_a_wei_left__keeps_the_market_listed(world):
    give(world, ANN, 3, 100)
    leg_of(world, ANN).size_fine = 0
    world.forced = {0: False}
    positions.touch(world, ANN, MARKET)
    assert positions.is_open(world, ANN, MARKET)
    assert positions.place_of(leg_of(world, ANN))[0]


def test_sync__refusals__locked_account_then_locked_side_unknown_market_first(world):
    give(world, ANN, 3, 100)
    world.account(ANN).locked = True
    world.markets[MARKET].locked_longs = True
    assert refusal(positions.sync, world, ANN, 9) == "market: unknown"
    assert refusal(positions.sync, world, ANN, MARKET) == "account: locked"
    world.account(ANN).locked = False
    assert refusal(positions.sync, world, ANN, MARKET) == "adl: side locked"


def test_sync__pokes_the_market(world):
    set_price(world, 120)
    positions.sync(world, ANN, MARKET)
    assert world.markets[MARKET].mark_wad == 120 * WAD
    assert not world.accounts


# --- epochs -----------------------------------------------------------------------------------


def test_join__place_with_members_after_a_haircut__starts_an_epoch_and_keeps_the_worst(world):
    give(world, ANN, 3, 100)
    place = charged(world, ANN, 101)
    give(world, BOB, 1, 100)
    assert world.markets[MARKET].epochs[place] == Epoch(1)
    assert leg_of(world, BOB).epoch == 1
    assert leg_of(world, ANN).epoch == 0
    assert positions.worst_entry_fine(world.markets[MARKET], place) == 101 * UNIT + FINE
    # no haircut in this epoch yet: the next one joins it
    give(world, CAT, 1, 100)
    assert world.markets[MARKET].epochs[place] == Epoch(1)
    assert leg_of(world, CAT).epoch == 1


def test_join__place_that_has_emptied__forgets_its_haircut(world):
    give(world, ANN, 3, 100)
    place = charged(world, ANN, 110)
    positions.touch(world, ANN, MARKET)
    give(world, BOB, 1, 100)
    assert positions.place_of(leg_of(world, BOB)) == place
    edge = positions.worse_edge(place[2], True) * FINE
    assert positions.worst_entry_fine(world.markets[MARKET], place) == edge
    assert world.markets[MARKET].epochs[place] == Epoch()
    assert world.close == []


@pytest.mark.parametrize(("dust", "kept"), [(3, True), (0, False)])
def test_join__place_with_dust_after_a_haircut__keeps_the_worst_if_it_has_size(world, dust, kept):
    give(world, ANN, 3, 100)
    place = charged(world, ANN, 110)
    positions.touch(world, ANN, MARKET)
    state = world.markets[MARKET]
    state.dust_wad[place] = dust
    give(world, BOB, 1, 100)
    assert (place in state.worst_fine) is kept
    assert state.epochs[place] == Epoch(1)


def test_close_part__down_to_a_millionth__ends_the_epoch(world):
    state, place = world.markets[MARKET], (True, 4, 17)
    positions.close_part(state, place, RAY // 1_000)
    assert state.epochs[place] == Epoch(0, RAY // 1_000)
    positions.note_charge(state, place)
    positions.close_part(state, place, RAY // 1_000)
    assert state.epochs[place] == Epoch(0, RAY // 10**6, True)
    positions.close_part(state, place, RAY - 1)
    assert state.epochs[place] == Epoch(1)


def test_lagging__nine_ends_behind__must_be_synced_first(world):
    give(world, ANN, 3, 100)
    state, place = world.markets[MARKET], positions.place_of(leg_of(world, ANN))
    state.epochs = {place: Epoch(8)}
    assert positions.is_current(world, ANN, MARKET)
    state.epochs = {place: Epoch(9)}
    assert refusal(positions.inspect, world, ANN, MARKET) == "adl: sync first"
    assert refusal(give, world, ANN, 1, 100) == "adl: sync first"
    assert not positions.sync(world, ANN, MARKET)
    assert leg_of(world, ANN).epoch == 8
    assert positions.sync(world, ANN, MARKET)
    assert leg_of(world, ANN).epoch == 9
