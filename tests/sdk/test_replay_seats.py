"""From the winners of the day to positions: which market, which side, which entry, which class."""

from __future__ import annotations

from plimsoll.replay.book import Holding, load_day
from plimsoll.replay.population import Seat, deal, openable, refusal, seat, seats
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.units import WAD
from tests.support.replay_days import ACCOUNTS, SCENARIO, day_of, holding, wave

CENT = WAD // 100

# --- who sits where --------------------------------------------------------------------------


def test_deal__the_whole_day__each_wave_reaches_the_profit_that_was_published() -> None:
    day = load_day(None, SCENARIO)
    table = deal(day)
    assert table.markets == len({one.available for one in day.waves}) + 1
    for one, reach in zip(day.waves, table.reach, strict=True):
        reached = sum(
            max(0, person.profit)
            for person, market in zip(day.holdings, table.market_of, strict=True)
            if market <= reach
        )
        assert abs(reached - one.available) * 10_000 <= one.available, one.number


def test_deal__again__the_same_and_with_another_seed_another() -> None:
    day = load_day(None, SCENARIO, ACCOUNTS)
    assert deal(day) == deal(day)
    assert deal(day).market_of != deal(day, seed=1).market_of


def test_deal__less_profit_than_a_wave_reaches__all_shrink_alike() -> None:
    people = [holding(number, 1_000, 100, 1_000) for number in range(100)]
    table = deal(day_of(people, wave(1, 10, 25_000), wave(2, 10, 100_000)))
    assert table.reach == (1, 2)
    assert [table.market_of.count(market) for market in (1, 2, 3)] == [25, 75, 0]


def test_deal__one_market__holds_everybody() -> None:
    table = deal(load_day(None, SCENARIO, ACCOUNTS), one_market=True)
    assert set(table.market_of) == {1} == set(table.reach)


def seat_of(one: Holding) -> Seat:
    assert not refusal(one)
    return seat(one, 0, 1)


def test_seat__a_winner__is_short_from_where_its_profit_says() -> None:
    one = seat_of(holding(0, 1_000, 400, 500))
    assert (one.long, one.size, one.opened) == (False, 10 * WAD, 10 * WAD)
    assert one.entry == 140 * WAD
    # 1,400 at the entry with 500: five times at most
    assert LEVERAGE_CLASSES[one.leverage_class] == 5
    assert (one.deposit, one.excess) == (500 * WAD, 0)


def test_seat__a_loss__is_a_short_from_below_or_else_a_long_from_above() -> None:
    assert seat_of(holding(0, 1_000, -400, 500)).entry == 60 * WAD
    lost = seat_of(holding(0, 1_000, -2_500, 5_000))
    assert (lost.long, lost.entry) == (True, 350 * WAD)


def test_seat__less_than_may_be_opened__opens_more() -> None:
    one = seat_of(holding(0, 40, 40, 45))
    assert one.size == 4 * WAD // 10
    assert (one.opened - one.size) * one.entry == 100 * WAD * WAD
    assert 90 * WAD < one.deposit < 91 * WAD  # half of 180
    assert one.excess == one.deposit - 45 * WAD
    assert LEVERAGE_CLASSES[one.leverage_class] == 2  # by what it holds in the end


def test_seat__no_cash__gets_the_least_margin_for_the_opening() -> None:
    one = seat_of(holding(0, 1_000, 1_000, -300))
    assert LEVERAGE_CLASSES[one.leverage_class] == 20
    assert 100 * WAD <= one.deposit <= 100 * WAD + CENT
    assert one.excess == one.deposit + 300 * WAD


def test_openable__nothing_to_open__dropped_with_the_reason() -> None:
    strange = [
        Holding(7, 0, WAD, WAD, hedged=False),
        Holding(8, 1_000, 10**12 * WAD, WAD, hedged=False),
        holding(9, 1_000, 100, 500),
    ]
    day = day_of(strange, wave(1, 10, 100))
    kept, dropped = openable(day)
    assert [one.number for one in kept.holdings] == [9]
    assert kept.waves == day.waves
    assert dropped == ((7, "no position"), (8, "profit out of all proportion to the notional"))
    assert not refusal(kept.holdings[0])
    (one,) = seats(kept, deal(kept, one_market=True))
    assert (one.place, one.equity) == (0, 600 * WAD)
