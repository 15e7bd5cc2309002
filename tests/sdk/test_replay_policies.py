"""The simulated policies of the replay, by hand and on any crowd."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.replay.book import Day, Holding, Wave
from plimsoll.replay.policies import simulate
from plimsoll.replay.population import Deal
from plimsoll.replay.settings import Kind
from plimsoll.units import WAD, to_wad
from tests.support.replay_files import FOUR, day, everywhere, holding


def test_queue__highest_leverage_first__whole_accounts() -> None:
    found = simulate(of := day(*FOUR, needed=(10, 40)), everywhere(of), "queue")
    first, second = found.waves
    assert (first.taken, first.overshoot) == (30 * WAD, 20 * WAD)
    assert (second.taken, second.overshoot) == (40 * WAD, 0)
    assert (first.available, second.available) == (100 * WAD, 70 * WAD)
    assert found.paid == (40 * WAD, 0, 30 * WAD, 0)
    assert found.closed == (WAD, 0, WAD, 0)
    assert (first.accounts, first.largest, first.median) == (1, WAD, WAD)


def test_queue__nobody_left__too_little() -> None:
    found = simulate(of := day(*FOUR, needed=(95, 10)), everywhere(of), "queue")
    assert [wave.taken for wave in found.waves] == [100 * WAD, 0]
    assert found.waves[1].overshoot == -10 * WAD
    assert found.waves[1].accounts == 0


def test_queue__account_without_cash__pays_and_is_bankrupt_only_below_zero() -> None:
    nothing, debt = holding(300, 30, 0), holding(300, 30, -20)
    found = simulate(of := day(nothing, debt, needed=(60,)), everywhere(of), "queue")
    assert found.waves[0].recirculation == 30 * WAD  # only the account with debt


def test_size__small_profit__capped_and_the_rest_spread() -> None:
    # at an even rate 20 / 200 the first owes 10 and has 4: the other pays 16
    poor, rich = holding(100, 4, 50), holding(100, 80, 50)
    found = simulate(of := day(poor, rich, needed=(20, 8)), everywhere(of), "size")
    first, second = found.waves
    assert found.paid == (4 * WAD, 24 * WAD)
    assert (first.taken, first.largest) == (20 * WAD, WAD)
    assert first.median == WAD // 5  # the lower of the two: 16 of 80
    assert (second.accounts, second.taken) == (1, 8 * WAD)


def test_profit__everybody__the_same_share() -> None:
    found = simulate(of := day(*FOUR, needed=(10, 9)), everywhere(of), "profit")
    assert found.paid == (to_wad("7.6"), to_wad("5.7"), to_wad("5.7"), 0)
    assert [wave.largest for wave in found.waves] == [WAD // 10, WAD // 10]
    assert [wave.accounts for wave in found.waves] == [3, 3]


@pytest.mark.parametrize("kind", ["queue", "size", "profit"])
def test_simulate__wave_with_a_reach__others_pay_nothing(kind: Kind) -> None:
    of = day(*FOUR, needed=(10, 10))
    found = simulate(of, Deal((1, 2, 2, 1), (1, 2), 2), kind)
    assert found.waves[0].available == 40 * WAD
    assert found.waves[0].accounts == 1
    assert found.paid[0] >= 10 * WAD


amounts = st.integers(1, 10**24)
crowds = st.lists(
    st.builds(
        lambda notional, profit, cash: Holding(0, notional, profit, profit + cash, False),
        amounts,
        st.integers(-(10**22), 10**24),
        st.integers(-(10**22), 10**24),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("kind", ["size", "profit"])
@given(holdings=crowds, needed=st.lists(amounts, min_size=1, max_size=4))
def test_pro_rata__any_crowd__takes_what_is_needed_to_the_wad(
    kind: Kind, holdings: list[Holding], needed: list[int]
) -> None:
    waves = tuple(Wave(n, n, amount, 0, 0) for n, amount in enumerate(needed))
    found = simulate(of := Day(tuple(holdings), waves, ""), everywhere(of), kind)
    for wave in found.waves:
        assert wave.taken == min(wave.needed, wave.available)
    for paid, one in zip(found.paid, holdings, strict=True):
        assert 0 <= paid <= max(0, one.profit)
    assert sum(found.paid) == sum(wave.taken for wave in found.waves)


@given(holdings=crowds, needed=amounts)
def test_queue__any_crowd__overshoots_by_less_than_its_last_account(
    holdings: list[Holding], needed: int
) -> None:
    of = Day(tuple(holdings), (Wave(1, 1, needed, 0, 0),), "")
    found = simulate(of, everywhere(of), "queue")
    charged = [one.profit for one, paid in zip(holdings, found.paid, strict=True) if paid]
    assert all(paid in (0, one.profit) for one, paid in zip(holdings, found.paid, strict=True))
    (wave,) = found.waves
    if wave.taken >= needed:
        assert wave.overshoot < max(charged)
    else:
        assert wave.taken == wave.available
