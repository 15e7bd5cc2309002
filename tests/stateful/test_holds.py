"""Holds told as short stories to model and contracts at once: what random walks rarely tell."""

from __future__ import annotations

from random import Random

import pytest

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import BTC, BYSTANDER, ETH, KEEPER, PRICES
from plimsoll.fuzz.stories.desk import Desk
from plimsoll.fuzz.walk import fresh_machine
from plimsoll.model.feeds import MAX_PRICE_WAD
from plimsoll.model.state import WAD

ANN, BEN, MAKER, HOLDER = 0, 1, 8, 9
TOKENS = 10**6


@pytest.fixture(scope="module")
def machine() -> Machine:
    return fresh_machine()


@pytest.fixture
def desk(machine: Machine) -> Desk:
    """Ann and Ben are 15 times long with 40,000 each, the maker is short and rich."""
    machine.reset()
    for who, tokens in ((ANN, 40_000), (BEN, 40_000), (MAKER, 5_000_000), (HOLDER, 5_000_000)):
        pay_in(machine, who, tokens)
    pay_in(machine, BYSTANDER, 1_000)
    desk = Desk(machine, Random(1))
    for who in (ANN, BEN):
        machine.apply(desk.fill((who, 0), (MAKER, 0), BTC, 12 * WAD))
        assert desk.size(who, 0, BTC) == 12 * WAD
    return desk


def pay_in(machine: Machine, who: int, tokens: int) -> None:
    machine.apply(action("deposit", who=who, owner=who, sub=0, tokens=tokens * TOKENS))


def leave(machine: Machine) -> str | None:
    """The bystander takes a token out; what refuses it."""
    before = dict(machine.tally.refusals)
    machine.apply(
        action("withdraw", who=BYSTANDER, owner=BYSTANDER, sub=0, tokens=TOKENS, to=BYSTANDER)
    )
    return next((why for why, n in machine.tally.refusals.items() if n != before.get(why, 0)), None)


def close(desk: Desk, size: int) -> str | None:
    """The maker buys back from the holder; what refuses it."""
    before = dict(desk.m.tally.refusals)
    desk.m.apply(desk.fill((MAKER, 0), (HOLDER, 0), BTC, size))
    refusals = desk.m.tally.refusals
    return next((why for why, n in refusals.items() if n != before.get(why, 0)), None)


def test_jump__winner__is_held_for_two_minutes(desk: Desk) -> None:
    desk.m.apply(desk.prices(BTC, PRICES[BTC] * 96 // 100))
    assert desk.m.seen.markets[BTC].shorts_held
    assert close(desk, 2 * WAD) == "hold: profit"
    desk.m.apply(action("wait", seconds=115, refresh=0))
    assert close(desk, 2 * WAD) == "hold: profit"
    desk.m.apply(action("wait", seconds=5, refresh=0))
    assert not desk.m.seen.markets[BTC].shorts_held
    assert close(desk, 2 * WAD) is None
    desk.m.compare_all()


def test_uncovered_loss__nobody_withdraws_until_the_urgent_lane_is_empty(desk: Desk) -> None:
    machine = desk.m
    assert leave(machine) is None
    machine.apply(desk.prices(BTC, PRICES[BTC] * 60 // 100))
    machine.apply(action("wait", seconds=300, refresh=1))
    assert not machine.seen.markets[BTC].shorts_held
    assert leave(machine) is None
    for who in (ANN, BEN):
        machine.apply(action("start", sender=KEEPER, owner=who, sub=0))
        assert leave(machine) == "custody: resolve first"
    assert machine.seen.markets[BTC].shorts_held
    # the second leaves first: a hole stands behind the head, and when the first goes, at the head
    for who, reason in ((BEN, "custody: resolve first"), (ANN, None)):
        pay_in(machine, who, 400_000)
        assert leave(machine) == reason
    books = machine.seen.books
    assert machine.world.urgent_lane == [0, 0]
    assert books.urgent_head < books.urgent_end
    machine.compare_all()


def test_frozen_resolve__nobody_withdraws_before_its_end(desk: Desk) -> None:
    machine = desk.m
    machine.apply(desk.prices(BTC, PRICES[BTC] * 60 // 100))
    machine.apply(action("start", sender=KEEPER, owner=ANN, sub=0))
    machine.apply(action("resolve", sender=KEEPER, max_buckets=1))
    assert machine.world.resolving
    assert leave(machine) == "custody: resolve first"
    while machine.world.resolving:
        machine.apply(action("resolve", sender=KEEPER, max_buckets=1))
    assert leave(machine) is None
    machine.compare_all()


def test_price__from_one_end_to_the_other__never_reverts(desk: Desk) -> None:
    # quotients below a wei, moves beyond what the word's fields hold
    machine = desk.m
    highest, least = MAX_PRICE_WAD // 10**10 * 10**10, 10**10
    refusals = dict(machine.tally.refusals)
    for price in (highest, least, highest, PRICES[ETH], least, 10**18 * least, least):
        machine.apply(action("price", market=ETH, prices=[price] * 3))
        assert machine.seen.markets[ETH].mark == price
    assert machine.tally.refusals == refusals
    machine.compare_all()
