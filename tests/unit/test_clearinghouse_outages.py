"""Outages of a market's price: what a poke stores, the grace, what waits, holds over a grace."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts
from tests.support.outage_word import (
    GAP_S,
    GRACE_BUDGET_S,
    GRACE_MAX_S,
    GRACE_WINDOW_S,
    PRICED,
    WAITING,
    Outage,
    outage,
    outage_of,
    poke_at,
    status_of,
    stop_of,
)
from tests.support.risk_word import SHORTS, TERMS, at, risk, set_terms, word_of


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        yield BareLedger(anvil.rpc)


@pytest.fixture(scope="module")
def on_rollup():
    """The same with a sequencer's feed: up from the beginning."""
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, rollup=True)
        set_terms(ledger)
        yield ledger


@pytest.fixture
def rollup(on_rollup):
    with on_rollup.rpc.undone():
        yield on_rollup


def now(ledger) -> int:
    return ledger.rpc.timestamp()


def refresh_at(ledger, then: int, price: int = 100) -> list[dict[str, object]]:
    """A fresh round and a poke at a time."""
    ledger.rpc.set_next_timestamp(then - 1)
    ledger.set_price(price * WAD)
    return poke_at(ledger, then)


# --- seen by pokes ------------------------------------------------------------------------------


def test_market__never_without_a_price__has_no_word_and_is_open(ledger):
    then = now(ledger) + GAP_S
    assert poke_at(ledger, then)[0]["name"] == "FundingRateSet"
    assert outage_of(ledger) == Outage()
    assert stop_of(ledger) == (0, 0, True)


def test_poke__price_gone__begins_a_stop_once(ledger):
    start = now(ledger) + 100
    ledger.lose_price()
    assert {"name": "OutageBegan", "market": 1} in poke_at(ledger, start)
    assert outage_of(ledger) == Outage(began=start, lost_at=start)
    assert status_of(ledger) & (PRICED | WAITING) == 0
    assert stop_of(ledger) == (start, start, False)
    assert "OutageBegan" not in [event["name"] for event in poke_at(ledger, start + 50)]
    assert outage_of(ledger) == Outage(began=start, lost_at=start)
    assert stop_of(ledger) == (start, start + 50, False)


@pytest.mark.parametrize("lasted", [1, 600, GRACE_MAX_S - 1, GRACE_MAX_S, GRACE_MAX_S + 1, 90_000])
def test_poke__price_back__grants_as_long_as_it_was_gone_at_most_half_an_hour(ledger, lasted):
    start = now(ledger) + 100
    end = start + lasted + 1
    ledger.lose_price()
    poke_at(ledger, start)
    ledger.rpc.set_next_timestamp(end - 1)
    ledger.set_price(100 * WAD)
    grace = min(lasted + 1, GRACE_MAX_S)
    ended = {
        "name": "OutageEnded", "market": 1, "seconds": lasted + 1, "grace_until": end + grace
    }  # fmt: skip
    assert ended in poke_at(ledger, end)
    assert outage_of(ledger) == Outage(
        began=start,
        resumed=end,
        grace_until=end + grace,
        window_start=end,
        granted=grace,
        lost_at=start,
    )
    assert status_of(ledger) & (PRICED | WAITING) == PRICED | WAITING
    assert stop_of(ledger) == (start, end + grace, False)


def test_grace__ends_at_its_second_and_a_poke_takes_the_bit_away(ledger):
    start = now(ledger) + 100
    outage(ledger, start, start + 600)
    end = start + 1_200
    poke_at(ledger, end - 1)
    assert status_of(ledger) & WAITING
    assert stop_of(ledger) == (start, end, False)
    with ledger.rpc.undone():
        at(ledger, end)
        assert stop_of(ledger) == (start, end, True)  # nobody has poked yet
    assert not [event for event in poke_at(ledger, end) if "Outage" in str(event["name"])]
    assert status_of(ledger) & WAITING == 0
    assert stop_of(ledger) == (start, end, True)


def test_window__an_hour_of_grace_a_day_from_the_first_one(ledger):
    start = now(ledger) + 100
    outage(ledger, start, start + 1_800)
    first = start + 1_800
    outage(ledger, first + 4_000, first + 5_500)
    assert outage_of(ledger).granted == 3_300
    outage(ledger, first + 10_000, first + 11_800)
    state = outage_of(ledger)
    assert (state.grace_until, state.granted) == (first + 12_100, GRACE_BUDGET_S)
    assert status_of(ledger) & WAITING
    # nothing is left: the price is back and nobody waits
    outage(ledger, first + 20_000, first + 21_800)
    assert outage_of(ledger).grace_until == first + 21_800
    assert status_of(ledger) & (PRICED | WAITING) == PRICED
    assert stop_of(ledger) == (first + 20_000, first + 21_800, True)


@pytest.mark.parametrize(("early", "granted"), [(1, GRACE_BUDGET_S), (0, 700)])
def test_window__opens_anew_a_day_after_its_first_grace(ledger, early, granted):
    start = now(ledger) + 100
    for shift in (0, 10_000):
        outage(ledger, start + shift, start + shift + 1_800)
    end = start + 1_800 + GRACE_WINDOW_S - early
    outage(ledger, end - 700, end)
    assert outage_of(ledger).granted == granted
    assert (outage_of(ledger).grace_until > end) == (early == 0)


def test_flicker__in_a_grace__goes_on_with_the_stop_and_gives_the_rest_back(ledger):
    """Without that a second of no price would end half an hour of grace."""
    start = now(ledger) + 100
    outage(ledger, start, start + 1_500)
    ledger.lose_price()
    poke_at(ledger, start + 1_600)  # 1,400 s of the grace are left
    state = outage_of(ledger)
    assert (state.began, state.grace_until, state.granted) == (start, 0, 100)
    assert state.lost_at == start + 1_600
    assert status_of(ledger) & WAITING == 0
    ledger.set_price(100 * WAD)
    poke_at(ledger, start + 1_612)
    state = outage_of(ledger)
    assert (state.began, state.grace_until, state.granted) == (start, start + 3_224, 1_712)
    assert stop_of(ledger) == (start, start + 3_224, False)


@pytest.mark.parametrize(("after", "merges"), [(-1, True), (0, False)])
def test_flicker__at_the_end_of_a_grace__is_a_stop_of_its_own(ledger, after, merges):
    start = now(ledger) + 100
    outage(ledger, start, start + 600)
    end = start + 1_200 + after
    ledger.lose_price()
    poke_at(ledger, end)
    assert outage_of(ledger).began == (start if merges else end)


# --- what waits ---------------------------------------------------------------------------------


@pytest.fixture
def waiting(ledger):
    """Ann, long 10 from Bob at 100, is under liquidation; the market waits for ten minutes."""
    ann, bob, cara = (ledger.account(number) for number in (1, 2, 3))
    for account in (ann, bob, cara):
        ledger.fund(account, 1_000 * WAD)
    ledger.trade(bob, ann, 10 * WAD, 100 * WAD)
    ledger.send(ledger.liquidator, "set_started", ann, True)
    start = now(ledger) + 100
    outage(ledger, start, start + 600)
    return ann, bob, cara, start + 1_200


def test_take__in_a_grace__waits_to_the_second(ledger, waiting):
    ann, _, cara, end = waiting
    ledger.rpc.set_next_timestamp(end - 1)
    with reverts("oracle: grace"):
        ledger.take(ann, cara, WAD, 100 * WAD)
    ledger.rpc.set_next_timestamp(end)
    ledger.take(ann, cara, WAD, 100 * WAD)
    assert ledger.leg(cara)["size"] == WAD


def test_rematch__in_a_grace__waits_to_the_second(ledger, waiting):
    ann, _, _, end = waiting
    ledger.rpc.set_next_timestamp(end - 1)
    with reverts("oracle: grace"):
        ledger.send(ledger.liquidator, "rematch", ann, 1, WAD, 0, 10)
    ledger.rpc.set_next_timestamp(end)
    ledger.send(ledger.liquidator, "rematch", ann, 1, WAD, 0, 10)
    assert ledger.leg(ann)["size"] == 9 * WAD


def test_frozen_resolve__in_a_grace__leaves_the_leg_alone(ledger, waiting):
    ann, _, _, end = waiting
    ledger.set_equity(ann, -WAD)
    with ledger.rpc.undone():
        ledger.send(ledger.liquidator, "adl_begin", ann, 0, 0)
        assert ledger.ledger.read("adl_job")["legs"] == 0
        ledger.send(ledger.liquidator, "adl_step", 10)
        assert ledger.leg(ann)["size"] == 10 * WAD
    ledger.rpc.set_next_timestamp(end)
    ledger.send(ledger.liquidator, "adl_begin", ann, 0, 0)
    assert ledger.ledger.read("adl_job")["legs"] == 1


def test_owners__in_a_grace__trade_deposit_and_withdraw(ledger, waiting):
    _, bob, cara, _ = waiting
    ledger.trade(cara, bob, 2 * WAD, 100 * WAD)
    ledger.fund(cara, WAD)
    ledger.send(ledger.custody, "debit", bob, WAD)
    assert ledger.leg(bob)["size"] == -8 * WAD


# --- holds --------------------------------------------------------------------------------------


@pytest.fixture
def held(ledger):
    set_terms(ledger)
    return ledger


def test_jump__over_an_outage__holds_from_the_end_of_the_grace(held):
    start = now(held) + 100
    held.lose_price()
    poke_at(held, start)
    held.rpc.set_next_timestamp(start + 899)
    held.set_price(90 * WAD)
    with held.rpc.undone():
        at(held, start + 900)
        peeked = risk(held)
    poke_at(held, start + 900)
    assert risk(held) == peeked
    assert (word_of(held).held, word_of(held).hold_until) == (SHORTS, start + 1_800 + TERMS[5])


def test_jump__later_in_a_grace__holds_from_its_end_too(held):
    """Winners of a move in the grace would leave before anybody may resolve."""
    start = now(held) + 100
    outage(held, start, start + 900)
    refresh_at(held, start + 1_000, price=90)
    assert word_of(held).hold_until == start + 1_800 + TERMS[5]


@pytest.mark.parametrize("left", [121, 120, 119])
def test_jump__near_the_end_of_a_grace__holds_its_own_time_after_it(held, left):
    start = now(held) + 100
    outage(held, start, start + 900)
    then = start + 1_800 - left
    refresh_at(held, then, price=90)
    assert word_of(held).hold_until == then + left + TERMS[5]


def test_hold__by_the_liquidator__pokes_first_and_lasts_from_the_end_of_the_grace(held):
    start = now(held) + 100
    held.lose_price()
    poke_at(held, start)
    held.rpc.set_next_timestamp(start + 599)
    held.set_price(100 * WAD)
    held.rpc.set_next_timestamp(start + 600)
    held.send(held.liquidator, "hold", 1, True)
    assert outage_of(held).grace_until == start + 1_200
    assert word_of(held).hold_until == start + 1_200 + TERMS[5]
    # after the grace as ever
    refresh_at(held, start + 1_200)
    held.rpc.set_next_timestamp(start + 1_400)
    held.send(held.liquidator, "hold", 1, True)
    assert word_of(held).hold_until == start + 1_400 + TERMS[5]


# --- the sequencer ------------------------------------------------------------------------------


def sequencer(ledger, answer: int, since: int) -> None:
    """0: up, 1: down, since a time."""
    ledger.sequencer.write(ledger.owner, "set_round", answer, since)


@pytest.mark.parametrize(("gap", "seen"), [(GAP_S - 1, False), (GAP_S, True)])
def test_sequencer__back_between_two_pokes__counts_from_a_gap_of_five_minutes_on(rollup, gap, seen):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.rpc.set_next_timestamp(last + gap - 2)
    sequencer(rollup, 0, last + 200)
    events = refresh_at(rollup, last + gap)
    ended = [event for event in events if event["name"] == "OutageEnded"]
    assert bool(ended) == seen
    if seen:
        assert ended[0]["seconds"] == 200
        assert ended[0]["grace_until"] == last + 400
        assert outage_of(rollup) == Outage(
            began=last,
            resumed=last + 200,
            grace_until=last + 400,
            window_start=last + 200,
            granted=200,
        )
        assert status_of(rollup) & WAITING
        assert stop_of(rollup) == (last, last + 400, False)
    else:
        assert outage_of(rollup) == Outage()


@pytest.mark.parametrize(("resumed", "seen"), [(0, False), (1, True)])
def test_sequencer__back_before_the_last_poke__is_no_outage(rollup, resumed, seen):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.rpc.set_next_timestamp(last + 398)
    sequencer(rollup, 0, last + resumed)
    refresh_at(rollup, last + 400)
    assert (outage_of(rollup) != Outage()) == seen


def test_sequencer__back_long_ago__the_grace_is_over_when_somebody_pokes(rollup):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.rpc.set_next_timestamp(last + 5_000)
    sequencer(rollup, 0, last + 1_000)
    refresh_at(rollup, last + 5_002)
    assert outage_of(rollup).grace_until == last + 2_000
    assert status_of(rollup) & (PRICED | WAITING) == PRICED
    assert stop_of(rollup) == (last, last + 2_000, True)


def test_sequencer__jump_over_its_outage__holds_from_the_end_of_the_grace(rollup):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.rpc.set_next_timestamp(last + 1_198)
    sequencer(rollup, 0, last + 1_190)
    refresh_at(rollup, last + 1_200, price=80)
    assert word_of(rollup).hold_until == last + 1_190 + 1_190 + TERMS[5]


def test_sequencer__in_a_grace__makes_it_longer_never_shorter(rollup):
    start = now(rollup) + 100
    outage(rollup, start, start + 1_800)  # grace to start + 3,600
    rollup.rpc.set_next_timestamp(start + 2_200)
    sequencer(rollup, 0, start + 1_900)
    refresh_at(rollup, start + 2_300)
    state = outage_of(rollup)
    assert (state.began, state.resumed) == (start, start + 1_900)
    assert (state.grace_until, state.granted) == (start + 3_700, 1_800)


def test_sequencer__down_when_somebody_pokes__the_stop_began_with_the_poke_before(rollup):
    """Nobody could poke in between: the hours of it would be no outage else."""
    last = now(rollup) + 10
    refresh_at(rollup, last)
    then = last + 7_200
    rollup.rpc.set_next_timestamp(then - 2)
    sequencer(rollup, 1, last + 60)
    assert {"name": "OutageBegan", "market": 1} in refresh_at(rollup, then)
    assert outage_of(rollup) == Outage(began=last, lost_at=then)
    rollup.rpc.set_next_timestamp(then + 10)
    sequencer(rollup, 0, then + 5)
    refresh_at(rollup, then + 12)
    assert outage_of(rollup).grace_until == then + 12 + GRACE_MAX_S


def test_sequencer__back_and_the_feed_late__the_stop_began_with_the_poke_before(rollup):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.lose_price()
    rollup.rpc.set_next_timestamp(last + 1_000)
    sequencer(rollup, 0, last + 900)
    poke_at(rollup, last + 1_010)
    assert outage_of(rollup) == Outage(began=last, lost_at=last + 1_010)


def test_feed_lost__sequencer_up_all_the_time__the_stop_begins_now(rollup):
    last = now(rollup) + 10
    refresh_at(rollup, last)
    rollup.lose_price()
    poke_at(rollup, last + 1_010)
    assert outage_of(rollup) == Outage(began=last + 1_010, lost_at=last + 1_010)


def test_sequencer__whatever_its_feed_says__pokes_go_through(rollup):
    """Rounds that make no sense: the sequencer counts as not up, and nothing reverts."""
    last = now(rollup) + 10
    refresh_at(rollup, last)
    for number, (answer, since) in enumerate(((2**100, 0), (0, 2**63), (-1, 5), (0, 0), (0, 1))):
        rollup.rpc.set_next_timestamp(last + 400 * (number + 1) - 2)
        sequencer(rollup, answer, since)
        refresh_at(rollup, last + 400 * (number + 1))
        assert rollup.ledger.read("mark", 1)[1] == ((answer, since) == (0, 1))
