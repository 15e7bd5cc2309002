"""Outages in any order: the stored word follows the rules, views show what a poke would store."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.outage_word import (
    GAP_S,
    GRACE_BUDGET_S,
    GRACE_WINDOW_S,
    PRICED,
    WAITING,
    Outage,
    outage_of,
    status_of,
    stop_of,
)
from tests.support.risk_word import TERMS, at, risk, set_terms

START = 2_000_000_000


@dataclass(frozen=True)
class Step:
    """Seconds to the next poke, the price then, and what the sequencer's feed does before."""

    seconds: int
    price: int | None  # whole units; None: no price
    sequencer: tuple[bool, int] | None  # up, and how many seconds before the poke; None: as before


STEPS = st.builds(
    Step,
    seconds=st.one_of(
        st.sampled_from([8, GAP_S - 1, GAP_S, GAP_S + 1, 1_800, 3_600, GRACE_WINDOW_S]),
        st.integers(8, 4_000),
    ),
    price=st.one_of(st.none(), st.sampled_from([100, 100, 97, 104, 130])),
    sequencer=st.one_of(
        st.none(), st.tuples(st.booleans(), st.one_of(st.integers(0, 5), st.integers(0, 5_000)))
    ),
)


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, rollup=True)
        set_terms(ledger)
        ledger.rpc.set_next_timestamp(START - 1)
        ledger.set_price(100 * WAD)
        ledger.rpc.set_next_timestamp(START)
        ledger.poke()
        yield ledger


def apply(state: Outage, step: Step, was: bool, is_now: bool, last: int, now: int, up: int):
    """The word after a poke; `up` is since when the sequencer is up, 0 if it is not."""
    stopped = was and now - last >= GAP_S and (up == 0 or up > last)
    if was and not is_now:
        return state.lost(last if stopped else now, seen=now)
    if is_now and not was:
        return state.found(now)
    if is_now and stopped:
        return state.lost(last).found(up)
    return state


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_pokes__any_feed_and_sequencer__word_by_the_rules_and_views_as_the_poke(deployed, steps):
    ledger = deployed
    with ledger.rpc.undone():
        state, was, last, up = outage_of(ledger), True, ledger.rpc.timestamp(), 1
        for step in steps:
            now = ledger.rpc.timestamp() + step.seconds
            ledger.rpc.set_next_timestamp(now - 2)
            if step.sequencer is not None:
                is_up, before = step.sequencer
                since = max(1, now - 2 - before)
                ledger.sequencer.write(ledger.owner, "set_round", int(not is_up), since)
                up = since if is_up else 0
            if step.price is None:
                ledger.lose_price()
            else:
                ledger.set_price(step.price * WAD)
            is_now = step.price is not None and up != 0
            with ledger.rpc.undone():
                at(ledger, now)
                peeked = (stop_of(ledger), risk(ledger), ledger.ledger.read("mark", 1))
            ledger.rpc.set_next_timestamp(now)
            receipt = ledger.poke()
            state = apply(state, step, was, is_now, last, now, up)
            assert outage_of(ledger) == state
            assert status_of(ledger) & (PRICED | WAITING) == (
                PRICED * is_now | WAITING * (is_now and state.waiting(now))
            )
            assert stop_of(ledger) == state.stop(now, is_now)
            assert (stop_of(ledger), risk(ledger), ledger.ledger.read("mark", 1)) == peeked
            jumped = [e for e in ledger.ledger.events(receipt) if e.name == "SideHeld"]
            for event in jumped:
                least = max(now + TERMS[5], state.grace_until * state.waiting(now))
                assert event["hold_until"] >= least
            assert state.granted <= GRACE_BUDGET_S
            was, last = is_now, now


@settings(max_examples=200)
@given(times=st.lists(st.tuples(st.integers(1, 4_000), st.integers(1, 6_000)), max_size=40))
def test_rules__price_lost_and_found_at_any_times__at_most_an_hour_of_grace_a_window(times):
    state, now, window, waited = Outage(), START, 0, 0
    for gone, there in times:
        state = state.lost(now, seen=now).found(now + gone)
        now += gone
        if state.window_start != window:
            window, waited = state.window_start, 0
        waited += min(there, state.grace_until - now)
        now += there
        assert waited <= GRACE_BUDGET_S
