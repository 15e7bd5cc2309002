"""Outages and settled markets told as short stories to model and contracts at once."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.role_calls import MAX_LIMIT
from plimsoll.fuzz.stage import ATTACKER, BTC, BYSTANDER, ETH, KEEPER, MARKETS, OWNER, PRICES
from plimsoll.fuzz.stories.desk import AUCTION_S, DAY_S, Desk
from plimsoll.fuzz.tally import Tally
from plimsoll.fuzz.walk import fresh_machine
from plimsoll.model.state import WAD

ANN, BEN, LOU, MAKER, HOLDER = 0, 1, 7, 8, 9
TOKENS = 10**6
GRACE_S, WINDOW_S = 1_800, 3_600


@pytest.fixture(scope="module")
def machine() -> Machine:
    return fresh_machine()


@pytest.fixture
def desk(machine: Machine) -> Desk:
    """Ann is 15 times long in BTC with 40,000, the maker is short and rich; others could take."""
    machine.reset()
    machine.tally = Tally()
    for who, tokens in ((ANN, 40_000), (BEN, 40_000), (BYSTANDER, 1_000)):
        pay_in(machine, who, tokens)
    for who in (LOU, MAKER, HOLDER):
        pay_in(machine, who, 5_000_000)
    desk = Desk(machine, Random(1))
    machine.apply(desk.fill((ANN, 0), (MAKER, 0), BTC, 12 * WAD))
    assert desk.size(ANN, 0, BTC) == 12 * WAD
    return desk


def pay_in(machine: Machine, who: int, tokens: int) -> None:
    machine.apply(action("deposit", who=who, owner=who, sub=0, tokens=tokens * TOKENS))


def tell(desk: Desk, rule: str, **args: Any) -> str | None:
    """What refuses it."""
    before = dict(desk.m.tally.refusals)
    desk.m.apply(action(rule, **args))
    refusals = desk.m.tally.refusals
    return next((why for why, n in refusals.items() if n != before.get(why, 0)), None)


def start(desk: Desk, who: int = ANN) -> str | None:
    return tell(desk, "start", sender=KEEPER, owner=who, sub=0)


def resolve(desk: Desk) -> str | None:
    return tell(desk, "resolve", sender=KEEPER, max_buckets=400)


def take(desk: Desk, market: int = BTC) -> str | None:
    """A whole leg of Ann's, which is long."""
    return tell(
        desk, "take", sender=LOU, owner=ANN, sub=0, market=market, size=100 * WAD,
        limit=MAX_LIMIT, into=LOU, into_sub=0,
    )  # fmt: skip


def settle(desk: Desk, sender: int, market: int = BTC) -> str | None:
    return tell(desk, "settle_market", sender=sender, market=market)


def wait(desk: Desk, seconds: int) -> None:
    desk.m.apply(action("wait", seconds=seconds, refresh=1))


def lose(desk: Desk, market: int) -> None:
    """All feeds of a market stop, and somebody sees it."""
    for number in range(len(desk.m.stage.feeds[market])):
        desk.m.apply(action("stop_feed", market=market, number=number, updated_at=0))
    desk.m.apply(action("poke", market=market))
    assert not desk.m.world.markets[market].priced


def back(desk: Desk, market: int, percent: int) -> None:
    """The price is back, at so much of the first one."""
    desk.m.apply(desk.prices(market, PRICES[market] * percent // 100))


def is_open(desk: Desk, market: int = BTC) -> bool:
    return bool(desk.m.seen.markets[market].open)


def test_outage_in_an_auction__nobody_takes__the_clock_stands_still(desk: Desk) -> None:
    back(desk, BTC, 95)
    assert start(desk) is None
    wait(desk, 600)
    lose(desk, BTC)
    assert take(desk) == "liquidation: no price"
    wait(desk, 1_000)
    back(desk, BTC, 95)
    assert take(desk) == "oracle: grace"
    assert resolve(desk) == "liquidation: nothing to resolve"
    wait(desk, 900)
    assert take(desk) == "oracle: grace"
    wait(desk, 150)
    assert is_open(desk)
    # 1,200 seconds of the auction are left
    assert resolve(desk) == "liquidation: nothing to resolve"
    wait(desk, 1_100)
    assert resolve(desk) == "liquidation: nothing to resolve"
    wait(desk, 100)
    assert resolve(desk) is None
    assert desk.m.tally.events["Rematched"] == 1
    desk.m.compare_all()


def test_outage_in_one_leg__the_other_is_resolved(desk: Desk) -> None:
    machine = desk.m
    machine.apply(desk.fill((ANN, 0), (MAKER, 0), ETH, WAD))
    back(desk, BTC, 90)
    lose(desk, ETH)
    assert start(desk) is None
    wait(desk, AUCTION_S)
    assert resolve(desk) is None
    assert machine.tally.events["LegFrozen"] == 1
    assert machine.world.account(machine.account(ANN)).markets == (ETH,)
    assert desk.started() == [(ANN, 0)]
    back(desk, ETH, 100)
    resolve(desk)
    assert desk.started() == [(ANN, 0)]  # in the grace
    wait(desk, GRACE_S)
    resolve(desk)
    wait(desk, AUCTION_S)
    resolve(desk)
    assert desk.started() == []
    assert machine.world.account(machine.account(ANN)).markets == ()
    machine.compare_all()


def test_bankrupt_after_an_outage__grace_then_resolve__winners_wait(desk: Desk) -> None:
    machine = desk.m
    lose(desk, BTC)
    wait(desk, DAY_S // 2)
    back(desk, BTC, 60)
    seen = machine.seen.markets[BTC]
    assert seen.shorts_held
    assert seen.hold_until == seen.stopped_until + 120  # the hold begins then
    assert start(desk) is None
    assert machine.world.urgent_lane == []
    assert take(desk) == "oracle: grace"
    machine.apply(desk.fill((MAKER, 0), (HOLDER, 0), BTC, 2 * WAD))
    assert desk.size(MAKER, 0, BTC) == -12 * WAD
    assert machine.tally.refusals["hold: profit"] == 1
    wait(desk, GRACE_S)
    assert is_open(desk)
    machine.apply(action("remark", sender=KEEPER, owner=ANN, sub=0))
    assert machine.world.urgent_lane == [machine.account(ANN)]
    assert resolve(desk) is None
    assert desk.started() == []
    assert machine.tally.events["HaircutSet"]
    machine.compare_all()


def test_sequencer__stops__all_markets_wait(desk: Desk) -> None:
    machine = desk.m
    for market in MARKETS:
        machine.apply(action("poke", market=market))
    machine.apply(action("silence", seconds=1_000))
    machine.apply(action("sequencer", answer=0, since=machine.world.now + 600))
    for market in MARKETS:
        machine.apply(action("poke", market=market))
        seen = machine.seen.markets[market]
        assert not seen.open
        assert seen.priced
    wait(desk, 600)
    machine.apply(action("sequencer", answer=1, since=machine.world.now))
    machine.apply(action("poke", market=BTC))
    assert not machine.seen.markets[BTC].priced
    machine.compare_all()


def test_settled__bankrupt_account_in_the_window__then_all_is_cash(desk: Desk) -> None:
    machine = desk.m
    machine.apply(desk.fill((BEN, 0), (HOLDER, 0), BTC, WAD))
    back(desk, BTC, 60)
    assert settle(desk, ATTACKER) == "market: alive"
    assert settle(desk, OWNER) is None
    assert settle(desk, OWNER) == "market: settled"
    machine.apply(desk.fill((MAKER, 0), (HOLDER, 0), BTC, WAD))
    assert desk.size(MAKER, 0, BTC) == -12 * WAD
    assert start(desk) is None
    assert take(desk) == "liquidation: no price"
    assert resolve(desk) is None  # urgent: the layers cannot pay it
    assert machine.tally.paths["resolves of settled legs"]
    assert desk.started() == []
    assert desk.size(ANN, 0, BTC) == 0
    assert desk.size(MAKER, 0, BTC) == -12 * WAD  # nobody is re-matched
    sync(desk, MAKER)
    assert desk.size(MAKER, 0, BTC) == -12 * WAD
    wait(desk, WINDOW_S)
    for who in (MAKER, BEN, HOLDER):
        sync(desk, who)
        assert desk.size(who, 0, BTC) == 0
    assert machine.world.open_interest_fine(BTC) == (0, 0)
    machine.compare_all()


def test_settled__bankrupt_account_after_the_window__layers_alone_pay(desk: Desk) -> None:
    machine = desk.m
    back(desk, BTC, 60)
    lose(desk, BTC)
    wait(desk, 3 * DAY_S - 100)
    assert settle(desk, KEEPER) == "market: alive"
    wait(desk, 100)
    assert settle(desk, KEEPER) is None
    wait(desk, WINDOW_S)
    assert start(desk) is None
    assert machine.world.account(machine.account(ANN)).markets == ()
    assert desk.started() == []  # flat at once, and finished
    assert machine.tally.events["Finished"] == 1
    assert not machine.tally.events["HaircutSet"]
    sync(desk, MAKER)
    assert machine.world.open_interest_fine(BTC) == (0, 0)
    machine.compare_all()


def sync(desk: Desk, who: int) -> None:
    assert tell(desk, "sync", sender=KEEPER, owner=who, sub=0, market=BTC) is None
