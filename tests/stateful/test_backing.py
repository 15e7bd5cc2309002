"""Caps, surcharges and large positions told to model and contracts at once, to the last lot."""

from __future__ import annotations

from random import Random

import pytest

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import BTC, INSURER, OWNER, PRICES, TERMS
from plimsoll.fuzz.stories.desk import Desk
from plimsoll.fuzz.walk import fresh_machine
from plimsoll.model.state import PPM, WAD

ANN, BEN, CEM, MAKER, HOLDER = 0, 1, 2, 8, 9
TOKENS = 10**6
LOT = 10**12
FULL = 20 * WAD
NOTIONAL = FULL * PRICES[BTC] // WAD
# 55,000 of capital at a fifth: 1,000,000 of notional, kept as 999,936
BUFFER = [4_545_455, 200_000, 50_000]
KEPT = 999_936 * WAD
PER_UNIT = 10**6  # shares


@pytest.fixture(scope="module")
def machine() -> Machine:
    return fresh_machine()


@pytest.fixture
def desk(machine: Machine) -> Desk:
    """BTC may have 20 on each side; the maker and the holder are rich."""
    machine.reset()
    for who in (ANN, BEN, CEM, MAKER, HOLDER):
        pay_in(machine, who, 5_000_000 if who >= MAKER else 400_000)
    machine.apply(action("set_buffer_terms", sender=OWNER, market=BTC, terms=BUFFER))
    assert machine.seen.markets[BTC].buffer_cap == KEPT
    return Desk(machine, Random(1))


def pay_in(machine: Machine, who: int, tokens: int) -> None:
    machine.apply(action("deposit", who=who, owner=who, sub=0, tokens=tokens * TOKENS))


def fill(desk: Desk, buyer: int, seller: int, size: int, fee: int = 2_000) -> str | None:
    """A match at the mark, both orders with this fee cap; what refuses it."""
    before = dict(desk.m.tally.refusals)
    price = desk.mark(BTC)
    maker = desk.order(buyer, 0, BTC, size, price, flags=2, max_fee_ppm=fee)
    taker = desk.order(seller, 0, BTC, -size, price, max_fee_ppm=fee)
    desk.m.apply(action("settle_one", sender=seller, maker=maker, taker=taker, size=size))
    refusals = desk.m.tally.refusals
    return next((why for why, n in refusals.items() if n != before.get(why, 0)), None)


def fees(desk: Desk) -> int:
    return desk.m.seen.books.trading_fees


def test_fill__to_the_cap__and_no_lot_further(desk: Desk) -> None:
    room = KEPT * WAD // desk.mark(BTC) // LOT * LOT
    assert fill(desk, ANN, MAKER, room + LOT) == "market: open interest cap"
    assert fill(desk, ANN, MAKER, room) is None
    assert fill(desk, BEN, MAKER, WAD) == "market: open interest cap"
    # hands over, reduces, closes
    assert fill(desk, BEN, ANN, room // 2) is None
    assert fill(desk, MAKER, ANN, room - room // 2) is None
    desk.m.compare_all()


def test_fill__above_eighty_per_cent__pays_for_the_last_of_the_room(desk: Desk) -> None:
    mark = desk.mark(BTC)
    edge = KEPT * 8 // 10 * WAD // mark // LOT * LOT
    assert fill(desk, ANN, MAKER, edge) is None
    terms = TERMS[BTC]
    plain = (terms.maker_fee_ppm + terms.taker_fee_ppm) * (edge * mark // WAD) // PPM
    assert fees(desk) == pytest.approx(plain, abs=2 * LOT)
    assert fill(desk, BEN, MAKER, WAD, fee=500) is None  # found at 80 %: no surcharge
    before = fees(desk)
    assert fill(desk, CEM, MAKER, WAD, fee=500) == "order: fee above cap"
    assert fill(desk, CEM, MAKER, WAD) is None
    # 17 of 19.99872 are 85 %: 250 millionths for each side
    assert fees(desk) - before == (700 + 2 * 250) * mark // PPM
    before = fees(desk)
    assert fill(desk, MAKER, CEM, WAD, fee=500) is None  # both reduce
    assert fees(desk) - before == pytest.approx(700 * mark // PPM, abs=2 * LOT)
    desk.m.compare_all()


def test_notice__cap_follows_with_the_next_five_minutes(desk: Desk) -> None:
    machine = desk.m
    assert fill(desk, ANN, MAKER, 15 * WAD) is None
    machine.apply(
        action("request_withdrawal", sender=INSURER, senior=1, shares=30_000 * TOKENS * PER_UNIT)
    )
    assert machine.seen.books.capital == 25_000 * WAD + 2 * WAD  # each vault's buried token
    assert machine.seen.markets[BTC].buffer_cap == KEPT
    machine.apply(action("wait", seconds=300, refresh=1))
    machine.apply(action("poke", market=BTC))
    assert machine.seen.markets[BTC].buffer_cap < 25_002 * WAD * 200 // 11
    assert fill(desk, BEN, MAKER, WAD) == "market: open interest cap"
    assert fill(desk, MAKER, ANN, WAD) is None
    machine.apply(action("request_withdrawal", sender=INSURER, senior=1, shares=0))
    machine.apply(action("wait", seconds=300, refresh=1))
    assert fill(desk, BEN, MAKER, WAD) is None
    assert machine.seen.markets[BTC].buffer_cap == KEPT
    machine.compare_all()


def test_notice__of_all_the_capital__leaves_a_market_that_goes_on(desk: Desk) -> None:
    machine = desk.m
    assert fill(desk, ANN, MAKER, WAD) is None
    for who, senior in ((OWNER, 0), (INSURER, 1)):
        vault = machine.world.senior if senior else machine.world.junior
        shares = vault.shares[machine.address(who)]
        machine.apply(action("request_withdrawal", sender=who, senior=senior, shares=shares))
    # the token that each vault has buried is nobody's to take: 2 of capital
    terms = [100_000, 1, 1_000_000]
    machine.apply(action("set_buffer_terms", sender=OWNER, market=BTC, terms=terms))
    assert machine.seen.markets[BTC].buffer_cap == WAD
    machine.apply(action("wait", seconds=300, refresh=1))
    machine.apply(action("poke", market=BTC))
    assert machine.seen.markets[BTC].buffer_cap == WAD
    assert fill(desk, BEN, MAKER, WAD) == "market: open interest cap"
    assert fill(desk, MAKER, ANN, WAD) is None
    machine.compare_all()


def test_large_position__is_opened_to_the_last_token_of_margin(desk: Desk) -> None:
    # a fifth of open interest is free, or 40,000; half of what is beyond is asked for
    machine = desk.m
    machine.apply(action("set_concentration", sender=OWNER, market=BTC, terms=[20, 50, 2]))
    assert fill(desk, HOLDER, MAKER, 10 * WAD) is None
    assert fill(desk, ANN, MAKER, 3 * WAD) is None
    free = desk.free(ANN) // LOT
    leg = machine.seen.legs[machine.account(ANN), BTC]
    # open interest 13, of which 2.6 are free: 0.4 at 50,000 and a half
    assert leg.im == 3 * 50_000 * WAD // 20 + 10_000 * WAD
    # funding of a second is less than a token
    for tokens, reason in ((free + TOKENS, "margin: below initial"), (free - TOKENS, None)):
        before = machine.tally.refusals["margin: below initial"]
        machine.apply(action("withdraw", who=ANN, owner=ANN, sub=0, tokens=tokens, to=ANN))
        after = machine.tally.refusals["margin: below initial"]
        assert (after != before) == (reason is not None)
    assert fill(desk, ANN, MAKER, LOT * 10_000) == "margin: below initial"
    machine.compare_all()


def test_unpriced_leg__needs_five_per_cent_more_to_leave(desk: Desk) -> None:
    machine = desk.m
    assert fill(desk, ANN, MAKER, 10 * WAD) is None
    before = machine.seen.legs[machine.account(ANN), BTC]
    machine.apply(action("stop_feed", market=BTC, number=0, updated_at=0))
    machine.compare_all()
    leg = machine.seen.legs[machine.account(ANN), BTC]
    assert (leg.priced, leg.mm) == (0, before.mm)
    assert leg.im == before.im + 10 * 50_000 * WAD // 20
