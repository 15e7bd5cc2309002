"""The model's ADL queue: order, scores, ranks, computed by hand."""

from __future__ import annotations

import pytest

from plimsoll.model import positions, queues
from plimsoll.model.state import FINE, RAY, WAD
from tests.support.adl_world import MARKET, UNIT, adl_world, give, set_price
from tests.support.expect import refusal

ANN, BOB, CAT, DAN = (number << 96 for number in range(1, 5))


@pytest.fixture
def world():
    return adl_world(100, 100)


def place(world, account, market=MARKET):
    return positions.place_of(world.position(account, market))


def test_queue__longs__by_profit_times_leverage_then_losses_by_loss_over_leverage(world):
    give(world, ANN, 1, 80, leverage_class=1)  # roe 1/4, twice
    give(world, BOB, 1, 90, leverage_class=4)  # roe 1/9, 20 times
    give(world, CAT, 1, 110, leverage_class=0)  # roe -1/11, once
    give(world, DAN, 1, 110, leverage_class=4)  # roe -1/11, a 20th
    order = [BOB, ANN, DAN, CAT]
    assert queues.queue(world, MARKET, True) == [place(world, who) for who in order]
    assert queues.queue(world, MARKET, False) == []


def test_queue__shorts__highest_entry_first_within_a_class(world):
    for who, entry in ((ANN, 110), (BOB, 130), (CAT, 120)):
        give(world, who, -1, entry)
    ticks = [tick for _, _, tick in queues.queue(world, MARKET, False)]
    assert ticks == sorted(ticks, reverse=True)
    assert ticks[0] == place(world, BOB)[2]


def test_queue__equal_scores__higher_class_first():
    # 128 is the edge between two ticks: shorts from there have roe 0 at 128
    world = adl_world(128)
    for who, leverage_class in ((ANN, 1), (BOB, 3), (CAT, 2)):
        positions.change(world, who, MARKET, -UNIT, 2**67 * FINE, leverage_class)
    world.markets[MARKET].mark_wad = 2**67
    assert [p[1] for p in queues.queue(world, MARKET, False)] == [3, 2, 1]


def test_queue__next_block__uses_the_mark_of_that_block(world):
    give(world, ANN, 1, 80, leverage_class=2)
    give(world, BOB, 1, 110, leverage_class=4)
    assert queues.queue(world, MARKET, True)[0] == place(world, ANN)
    set_price(world, 1_000)
    assert queues.queue(world, MARKET, True)[0] == place(world, BOB)
    assert world.markets[MARKET].mark_wad == 100 * WAD


def test_queue__unknown_market__is_refused(world):
    assert refusal(queues.queue, world, 9, True) == "market: unknown"


def test_rank__second_place__what_stands_before_and_in_it(world):
    give(world, ANN, 3, 80)
    give(world, BOB, 2, 90)
    give(world, CAT, 5, 90)
    score = queues.score_ray(place(world, BOB), 100 * WAD)
    edge = positions.worse_edge(place(world, BOB)[2], True)
    assert score == (100 * WAD - edge) * RAY * 20 // edge
    assert queues.rank(world, CAT, MARKET) == queues.Rank(3 * UNIT, 7 * UNIT, 1, score)


def test_rank__dust_stands_in_the_queue_too(world):
    give(world, ANN, 3, 80)
    give(world, BOB, 2, 90)
    _, leverage_class, tick = place(world, ANN)
    world.markets[MARKET].dust_wad = {(True, leverage_class, tick - 1): 4}
    rank = queues.rank(world, BOB, MARKET)
    assert (rank.size_ahead_fine, rank.buckets_ahead) == (3 * UNIT + 4 * FINE, 2)


def test_rank__refusals(world):
    assert refusal(queues.rank, world, ANN, 9) == "market: unknown"
    assert refusal(queues.rank, world, ANN, MARKET) == "adl: no position"
    give(world, ANN, 3, 80)
    world.position(ANN, MARKET).size_fine = 0
    assert refusal(queues.rank, world, ANN, MARKET) == "adl: not in the queue"
