"""Brokers told as short stories to model and contracts at once: what random walks rarely tell."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import (
    ATTACKER,
    BTC,
    BYSTANDER,
    HOLDER,
    INSURER,
    KEEPER,
    LIL,
    LOU,
    OWNER,
    PRICES,
)
from plimsoll.fuzz.stories.desk import DAY_S, Desk
from plimsoll.fuzz.stories.margin_calls import CALL, COUNT, CURE, DEFAULT, EARLY
from plimsoll.fuzz.tally import Tally
from plimsoll.fuzz.walk import fresh_machine
from plimsoll.model.broker_state import BrokerVault, CallState, State
from plimsoll.model.state import PPM, WAD

ANN, BEN, CEM, MAKER = 0, 1, 2, 8
TOKENS = 10**6
HOUR_S = 3_600
TERMS = [2_000_000, 250_000, 1_000_000, 100_000, 7 * DAY_S]
JOIN, SUSPEND, REINSTATE, LEAVE, RETIRE = range(5)
FULL = 20 * WAD  # at 50,000: a million, IM 50,000, MM 25,000


@pytest.fixture(scope="module")
def machine() -> Machine:
    return fresh_machine()


@pytest.fixture
def desk(machine: Machine) -> Desk:
    """Two brokers with 60,000 of stake and 40,000 of deposits each; the maker is rich."""
    machine.reset()
    machine.tally = Tally()
    desk = Desk(machine, Random(1))
    for who, tokens in ((ANN, 40_000), (BEN, 40_000), (BYSTANDER, 1_000), (MAKER, 5_000_000)):
        pay_in(desk, who, tokens)
    open_broker(desk, LIL)
    open_broker(desk, LOU)
    return desk


def pay_in(desk: Desk, who: int, tokens: int) -> None:
    tell(desk, "deposit", who=who, owner=who, sub=0, tokens=tokens * TOKENS)


def tell(desk: Desk, rule: str, **args: Any) -> str | None:
    """What refuses it."""
    before = dict(desk.m.tally.refusals)
    desk.m.apply(action(rule, **args))
    refusals = desk.m.tally.refusals
    return next((why for why, n in refusals.items() if n != before.get(why, 0)), None)


def open_broker(desk: Desk, operator: int, stake: int = 60_000, pool: int = 40_000) -> int:
    number = len(desk.m.world.brokers.vaults)
    tell(desk, "open_vault", sender=operator, terms=TERMS)
    tell(desk, "add_stake", sender=operator, broker=number, tokens=stake * TOKENS)
    tell(desk, "fund_pool", sender=INSURER, broker=number, tokens=pool * TOKENS, receiver=INSURER)
    assert tell(desk, "registry", sender=operator, step=JOIN, broker=number) is None
    return number


def vault(desk: Desk, number: int = 0) -> BrokerVault:
    return list(desk.m.world.brokers.vaults.values())[number]


def terms(desk: Desk, who: int = ANN, broker: int = 0, **changes: int) -> list[int]:
    """A guarantee of 20,000 for 90 days: buffer 20 %, an hour to cure, early start at 50 %."""
    now = desk.m.world.now
    chosen = {
        "guarantee": 20_000 * TOKENS,
        "fee_ppm": 40_000,
        "expiry": now + 90 * DAY_S,
        "valid_until": now + DAY_S,
        "buffer_ppm": 200_000,
        "cure_s": HOUR_S,
        "early_ppm": 500_000,
        "salt": now,
    } | changes
    return [who, 0, broker, *chosen.values()]


def sponsor(desk: Desk, who: int = ANN, broker: int = 0, **changes: int) -> str | None:
    operator = (LIL, LOU, HOLDER)[broker]
    return tell(
        desk,
        "sponsor",
        sender=KEEPER,
        terms=terms(desk, who, broker, **changes),
        signers=[who, operator],
    )


def fill(desk: Desk, who: int, size: int, part_ppm: int = PPM) -> str | None:
    """A match with the maker at a part of the mark."""
    price = desk.mark(BTC) * part_ppm // PPM
    maker = desk.order(MAKER, 0, BTC, -size, price, flags=2)
    taker = desk.order(who, 0, BTC, size, price)
    return tell(desk, "settle_one", sender=who, maker=maker, taker=taker, size=abs(size))


def mark(desk: Desk, whole: int) -> None:
    desk.m.apply(desk.prices(BTC, whole * WAD))


def step(desk: Desk, number: int, sender: int = KEEPER, who: int = ANN) -> str | None:
    return tell(desk, "margin_call", sender=sender, step=number, owner=who, sub=0)


def start(desk: Desk, who: int = ANN) -> str | None:
    return tell(desk, "start", sender=KEEPER, owner=who, sub=0)


def resolve_all(desk: Desk) -> None:
    tell(desk, "wait", seconds=1_801, refresh=1)
    for _ in range(8):
        if desk.started():
            tell(desk, "resolve", sender=KEEPER, max_buckets=400)


def state_of(desk: Desk, who: int = ANN) -> CallState:
    return desk.m.world.brokers.call(desk.m.account(who)).state


def leveraged(desk: Desk) -> None:
    assert sponsor(desk) is None
    assert fill(desk, ANN, FULL) is None


# --- guarantees -------------------------------------------------------------------------------


def test_guarantee__opens_what_own_money_does_not__and_never_leaves(desk: Desk) -> None:
    assert fill(desk, ANN, FULL) == "margin: below initial"
    before = desk.m.world.tokens[desk.m.address(ANN)]
    leveraged(desk)
    paid = before - desk.m.world.tokens[desk.m.address(ANN)]
    assert paid == pytest.approx(20_000 * TOKENS * 4 * 90 // (100 * 365), abs=100)
    out = {"who": ANN, "owner": ANN, "sub": 0, "to": ANN}
    assert tell(desk, "withdraw", tokens=1, **out) == "margin: below initial"
    # from the first unit on it is her own money that counts
    pay_in(desk, ANN, 12_000)
    assert tell(desk, "withdraw", tokens=20_000 * TOKENS, **out) == "margin: below initial"
    assert tell(desk, "withdraw", tokens=500 * TOKENS, **out) is None
    desk.m.compare_all()


def test_call__cured_by_what_it_asks_for(desk: Desk) -> None:
    leveraged(desk)
    assert step(desk, CALL) == "call: above buffer"
    mark(desk, 49_300)
    assert step(desk, CALL) is None
    assert start(desk) == "liquidation: not below margin"
    assert fill(desk, ANN, WAD // 10) == "margin: below initial"
    seen = desk.m.observe().brokers.clients[desk.m.account(ANN)]
    short = seen.amount // 10**12 - TOKENS
    tell(desk, "deposit", who=ANN, owner=ANN, sub=0, tokens=short)
    assert step(desk, CURE) == "call: not cured"
    tell(desk, "deposit", who=ANN, owner=ANN, sub=0, tokens=2 * TOKENS)
    assert step(desk, CURE) is None
    assert state_of(desk) is CallState.NONE
    mark(desk, 49_000)
    assert step(desk, CALL) is None
    left = desk.m.world.brokers.calls[desk.m.account(ANN)].deadline - desk.m.world.now
    assert 0 < left < HOUR_S
    desk.m.compare_all()


def test_default__the_auction_is_open_to_all__and_the_lock_pays_what_is_lost(desk: Desk) -> None:
    leveraged(desk)
    mark(desk, 48_900)
    assert step(desk, CALL) is None
    assert step(desk, DEFAULT) == "call: not due"
    tell(desk, "wait", seconds=HOUR_S + 1, refresh=1)
    assert step(desk, DEFAULT) is None
    assert start(desk) is None
    junior = desk.m.world.junior.assets_tokens
    mark(desk, 47_800)
    resolve_all(desk)
    assert not desk.started()
    account = desk.m.account(ANN)
    assert account not in desk.m.world.brokers.sponsored
    lost = 60_000 * TOKENS - vault(desk).stake
    assert 3_000 * TOKENS < lost < 20_000 * TOKENS
    assert vault(desk).pool.assets_tokens >= 40_000 * TOKENS
    assert desk.m.world.junior.assets_tokens == junior
    assert vault(desk, 1).stake == 60_000 * TOKENS
    desk.m.compare_all()


def test_gap__beyond_the_lock__the_broker_pays_that_and_no_more(desk: Desk) -> None:
    leveraged(desk)
    mark(desk, 46_900)
    assert start(desk) is None
    held = desk.m.world.waterfall.reservations[desk.m.account(ANN)]
    assert held.broker == 20_000 * WAD
    assert held.junior > 0
    resolve_all(desk)
    assert vault(desk).assets == pytest.approx(80_000 * TOKENS, abs=1_000 * TOKENS)
    assert vault(desk).client_locks == 0
    desk.m.compare_all()


def test_debtor__behind_its_shield__cannot_sell_to_a_friend_below_the_mark(desk: Desk) -> None:
    assert sponsor(desk, guarantee=40_000 * TOKENS) is None
    assert fill(desk, ANN, FULL) is None
    for whole in (49_000, 48_500, 47_900):
        mark(desk, whole)
        tell(desk, "wait", seconds=4 * HOUR_S, refresh=1)  # or winners would be held
    health = desk.m.observe().accounts[desk.m.account(ANN)]
    assert health.equity < 0 < health.equity + health.shield - health.mm
    assert start(desk) == "liquidation: not below margin"
    assert fill(desk, ANN, -FULL // 2, PPM - 1_000) == "margin: ratio worsened"
    assert fill(desk, ANN, -FULL) is None
    # flat, and owes what only the lock will pay: anybody has that done
    assert start(desk) is None
    assert desk.m.account(ANN) not in desk.m.world.brokers.sponsored
    assert vault(desk).stake < 60_000 * TOKENS
    desk.m.compare_all()


def test_early_start__by_the_operator_only__below_what_was_signed(desk: Desk) -> None:
    leveraged(desk)
    mark(desk, 48_900)
    assert step(desk, CALL) is None
    assert step(desk, EARLY) == "access: not operator"
    assert step(desk, EARLY, LOU) == "access: not operator"
    assert step(desk, EARLY, LIL) == "call: above early start"
    mark(desk, 48_500)
    assert step(desk, EARLY, LIL) is None
    assert state_of(desk) is CallState.DEFAULTED
    assert start(desk) is None
    desk.m.compare_all()


def test_clock__does_not_run_while_nobody_can_act(desk: Desk) -> None:
    leveraged(desk)
    mark(desk, 49_000)
    assert step(desk, CALL) is None
    account = desk.m.account(ANN)
    deadline = desk.m.world.brokers.calls[account].deadline
    tell(desk, "stop_feed", market=BTC, number=0, updated_at=0)
    tell(desk, "poke", market=BTC)
    tell(desk, "silence", seconds=2 * HOUR_S)
    assert step(desk, DEFAULT) == "call: not due"
    assert step(desk, CURE) in ("call: clock stopped", "call: not cured")
    mark(desk, 49_000)
    assert step(desk, COUNT) is None
    moved = desk.m.world.brokers.calls[account].deadline
    assert moved > deadline + 2 * HOUR_S
    tell(desk, "wait", seconds=moved - desk.m.world.now, refresh=1)
    tell(desk, "wait", seconds=1_900, refresh=1)
    assert step(desk, DEFAULT) is None
    desk.m.compare_all()


def test_port__with_an_open_call__keeps_the_deadline(desk: Desk) -> None:
    leveraged(desk)
    mark(desk, 49_000)
    assert step(desk, CALL) is None
    call = desk.m.world.brokers.calls[desk.m.account(ANN)]
    expiry = desk.m.world.brokers.sponsored[desk.m.account(ANN)].expiry
    moving = {"sender": KEEPER, "signers": [ANN, LOU]}
    wanted = terms(desk, broker=1, expiry=expiry)
    assert tell(desk, "port", terms=wanted, **moving) == "port: not open"
    assert tell(desk, "registry", sender=LIL, step=LEAVE, broker=0) is None
    assert tell(desk, "port", terms=wanted, **moving) is None
    assert desk.m.world.brokers.calls[desk.m.account(ANN)] == call
    assert (vault(desk).client_locks, vault(desk, 1).client_locks) == (0, 20_000 * TOKENS)
    desk.m.compare_all()


# --- capital ----------------------------------------------------------------------------------


def test_fund__one_brokers_client_costs_others_no_more_than_they_committed(desk: Desk) -> None:
    leveraged(desk)
    for layer in (3, 4, 5):
        tell(desk, "set_limits", sender=OWNER, layer=layer, global_ppm=100_000, market_ppm=10_000)
    tell(desk, "set_limits", sender=OWNER, layer=5, global_ppm=PPM, market_ppm=PPM)
    committed = vault(desk, 1).commitment
    mark(desk, 44_000)
    assert start(desk) is None
    resolve_all(desk)
    share = desk.m.world.brokers.share(vault(desk).address)
    assert share.total == 0
    assert 0 < share.cost <= committed
    assert desk.m.world.brokers.state_of(vault(desk).address) is State.FAILED
    assert vault(desk, 1).assets == pytest.approx(100_000 * TOKENS - share.cost, abs=1_000 * TOKENS)
    assert desk.m.world.brokers.state_of(vault(desk, 1).address) is State.ACTIVE
    tell(desk, "wait", seconds=5 * DAY_S, refresh=1)
    assert tell(desk, "registry", sender=KEEPER, step=SUSPEND, broker=1) is None
    assert sponsor(desk, BEN, 1) == "broker: not active"
    assert tell(desk, "fill_fund", sender=LOU, broker=1) is None
    assert tell(desk, "registry", sender=KEEPER, step=REINSTATE, broker=1) is None
    tell(desk, "wait", seconds=2 * DAY_S, refresh=1)
    assert tell(desk, "registry", sender=KEEPER, step=RETIRE, broker=0) is None
    desk.m.compare_all()


def test_depositor__leaves_behind_what_was_measured(desk: Desk) -> None:
    assert sponsor(desk, guarantee=80_000 * TOKENS) is None
    assert fill(desk, ANN, FULL) is None
    address = desk.m.address(INSURER)
    shares = vault(desk).pool.shares[address]
    tell(desk, "request_pool", sender=INSURER, broker=0, shares=shares)
    tell(desk, "wait", seconds=7 * DAY_S, refresh=1)
    part = {"sender": INSURER, "broker": 0, "way": 0, "amount": shares // 100}
    before = desk.m.world.tokens[address]
    assert tell(desk, "leave_pool", **part) is None
    fair = desk.m.world.tokens[address] - before
    assert fair == pytest.approx(400 * TOKENS, abs=10 * TOKENS)
    mark(desk, 48_900)
    tell(desk, "measure", sender=BYSTANDER, owner=ANN, sub=0)
    before = desk.m.world.tokens[address]
    assert tell(desk, "leave_pool", **part) is None
    less = desk.m.world.tokens[address] - before
    assert less < fair * 95 // 100
    assert (
        tell(desk, "fund_pool", sender=INSURER, broker=0, tokens=TOKENS, receiver=INSURER)
        == "vault: loss measured"
    )
    desk.m.compare_all()


def test_attacker__and_operator__get_nothing_from_a_client(desk: Desk) -> None:
    leveraged(desk)
    before = desk.m.observe()
    for number in range(30, 44):
        for sender in (ATTACKER, LIL):
            assert tell(desk, "attack", sender=sender, number=number, victim=ANN, amount=7)
    for sender in (ATTACKER, LIL):
        assert tell(desk, "release", sender=sender, owner=ANN, sub=0) == "access: not account owner"
    account, after = desk.m.account(ANN), desk.m.observe()
    assert after.brokers.clients[account].lock == before.brokers.clients[account].lock
    assert after.books.claims == before.books.claims
    assert vault(desk).client_locks == 20_000 * TOKENS
    assert desk.mark(BTC) == PRICES[BTC]
    desk.m.compare_all()
