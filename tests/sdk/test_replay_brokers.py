"""The day with brokers on the real bytecode: who pays what before the winners do."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from plimsoll.accounts import account_id
from plimsoll.replay.bankrupt import name_of
from plimsoll.replay.book import Day, load_day
from plimsoll.replay.brokers import Sponsored, open_vaults
from plimsoll.replay.opening import Stage, build
from plimsoll.replay.settings import BrokerPlan, load_settings
from plimsoll.replay.venue import TOKEN, Venue
from plimsoll.replay.waves import Performance, play
from plimsoll.units import PPM, WAD
from tests.support.replay_days import ACCOUNTS, SCENARIO, day_of, holding, silent, wave

CENT = WAD // 100
PLAN = load_settings(SCENARIO).brokers


@pytest.fixture(scope="module")
def stage() -> Stage:
    return _built(load_day(None, SCENARIO, ACCOUNTS))


@pytest.fixture(scope="module")
def half(stage: Stage) -> Performance:
    """Half of the bankrupt accounts have a broker."""
    return play(stage, brokers=PLAN, sponsored_ppm=PPM // 2, progress=silent)


def _built(day: Day, *, one_market: bool = False, plan: BrokerPlan = PLAN) -> Stage:
    return build(
        day, silent, one_market=one_market, before=functools.partial(open_vaults, plan=plan)
    )


def _sponsored(result: Performance) -> Sponsored:
    assert result.sponsored is not None
    return result.sponsored


def test_play__every_wave__layers_add_up_to_what_is_needed(half: Performance) -> None:
    paid = 0
    for one in half.waves:
        layers = one.layers
        before = layers["broker"] + layers["junior"] + layers["senior"] + layers["fund"]
        assert abs(one.taken + before - one.needed) <= CENT, one.wave
        assert layers["shortfall"] == 0
        # brokers' vaults pay in whole token units, rounded up
        drawn = layers["broker"] + layers["fund"]
        assert 0 <= one.stakes + one.pools - drawn <= TOKEN * 8 * one.bankrupt
        paid += layers["broker"]
    assert 0 < paid <= _sponsored(half).guarantees


def test_play__half__as_many_clients_and_capital_by_the_plan(half: Performance) -> None:
    found = _sponsored(half)
    assert abs(2 * found.clients - found.bankrupt) <= 1
    # in so small a day some markets have nobody left to ask when their wave comes
    assert sum(one.bankrupt for one in half.waves) <= found.bankrupt
    least = 2 * PLAN.number * 10_000 * WAD
    assert found.stakes >= found.guarantees * PLAN.stake_ppm // PPM
    assert found.stakes <= found.guarantees * PLAN.stake_ppm // PPM + least
    assert abs(found.pools - found.guarantees * PLAN.pool_ppm // PPM) <= TOKEN * PLAN.number
    # a contribution and an assessment of a tenth each, or the least that is asked
    assert found.fund >= found.guarantees // 5


def test_play__larger_part__smaller_parts_are_within_it(stage: Stage, half: Performance) -> None:
    quarter = play(stage, brokers=PLAN, sponsored_ppm=PPM // 4, progress=silent)
    assert 0 < _sponsored(quarter).guarantees < _sponsored(half).guarantees
    assert sum(one.layers["broker"] for one in quarter.waves) < sum(
        one.layers["broker"] for one in half.waves
    )
    assert sum(one.taken for one in quarter.waves) > sum(one.taken for one in half.waves)


def test_play__again__the_same_and_without_brokers_nothing_of_them(
    stage: Stage, half: Performance
) -> None:
    assert play(stage, brokers=PLAN, sponsored_ppm=PPM // 2, progress=silent) == half
    plain = play(stage, brokers=PLAN, progress=silent)
    assert plain.sponsored is None
    assert all(one.layers["broker"] == one.layers["fund"] == 0 for one in plain.waves)


# --- by hand ----------------------------------------------------------------------------------

CROWD = [holding(number, 1_000, 200, 2_000) for number in range(10)]
ONE = replace(PLAN, number=1)


def test_play__one_account__its_guarantee_then_its_brokers_fund_then_winners() -> None:
    stage = _built(day_of(CROWD, wave(1, 900, 2_000)), one_market=True, plan=ONE)
    result = play(stage, brokers=ONE, sponsored_ppm=PPM, progress=silent)
    (one,), found = result.waves, _sponsored(result)
    # a loss of three times the margin, so a third of it is guaranteed
    assert abs(found.guarantees - 300 * WAD) <= TOKEN
    assert one.layers["broker"] == found.guarantees
    # the fund: half of it a day for one market; the day is not small, so 10,000 twice is asked
    assert found.fund == 20_000 * WAD
    assert abs(one.layers["fund"] - 600 * WAD) <= CENT
    assert one.taken <= CENT
    assert abs(one.stakes + one.pools - 900 * WAD) <= CENT
    client = stage.venue.client
    account = account_id(Venue.keyed(name_of(1, 1)).address)
    # the guarantee has ended with the draw
    assert int(client.sponsorship.read("broker_of", account), 16) == 0
    assert client.sponsorship.read("guaranteed", account) == 0


def test_play__guarantee_beyond_the_loss__the_operator_ends_the_shield() -> None:
    rich = replace(ONE, guarantee_ppm=10 * PPM)
    stage = _built(day_of(CROWD, wave(1, 900, 2_000)), one_market=True, plan=rich)
    result = play(stage, brokers=rich, sponsored_ppm=PPM, progress=silent)
    (one,), found = result.waves, _sponsored(result)
    assert found.early == 1
    assert found.guarantees > 2_000 * WAD
    assert abs(one.layers["broker"] - 900 * WAD) <= TOKEN
    assert one.layers["fund"] == 0
    assert one.taken <= CENT
    assert (one.accounts, found.failed) == (0, 0)


def test_play__others_pay_for_a_cause__its_broker_fails() -> None:
    # each owes 80; half of the 320 of all is the limit of a day for one market
    four = replace(PLAN, number=4, guarantee_ppm=PPM // 20, least_contribution=40 * WAD)
    day = day_of(CROWD, wave(1, 600, 2_000), wave(2, 600, 2_000, after_s=30))
    stage = _built(day, one_market=True, plan=four)
    result = play(stage, brokers=four, sponsored_ppm=PPM, progress=silent)
    found = _sponsored(result)
    assert found.clients == found.bankrupt == 2
    assert found.fund == 320 * WAD
    first, second = (one.layers["fund"] for one in result.waves)
    assert abs(first - 160 * WAD) < WAD
    assert second < WAD
    assert found.failed == 1
