"""A gap: the mark falls by 30 % from one block to the next, and nobody could act on the way.

Nothing can keep such a fall from taking some accounts below zero. What the protocol promises is an
order: each account pays first, then the insurance within its limits, then those who won, each the
same share of its profit; and nobody else.
"""

from __future__ import annotations

import pytest

from plimsoll.contract import Event
from tests.support.books import check_everything
from tests.support.flows import leveraged, one, people
from tests.support.stories import equity, free_units, near, quiet, with_risk
from tests.support.venue import BTC, JUNIOR, PPM, RAY, SCALE, SENIOR, WAD, Person, Venue, named

OPENING = 50_000
LATER = 51_000
AFTER_GAP = 35_000
FEES_PPM = 500 + 200  # of taker and maker


@pytest.fixture
def gap(venue: Venue) -> Venue:
    """Two shorts are about to win what four longs lose; the taker waits with cash.

    `careful` can lose a third of the price, `thin` a little less than that, `broke` only 6 %;
    `rich` has no leverage. `early` is short from 50,000, `late` from 51,000.
    """
    early, late = people(venue, "early", "late", tokens=400_000)
    people(venue, "taker", tokens=1_000_000)
    leveraged(venue, "thin", early, BTC, 5 * WAD, 70_000)
    leveraged(venue, "broke", early, BTC, 20 * WAD, 60_000)
    leveraged(venue, "rich", early, BTC, 5 * WAD, 400_000)
    venue.set_price(BTC, LATER * WAD)
    leveraged(venue, "careful", late, BTC, 10 * WAD, 168_000)
    venue.set_price(BTC, OPENING * WAD)
    with_risk(venue, BTC)
    venue.set_price(BTC, AFTER_GAP * WAD)
    return venue


def test_gap__every_layer_pays_in_its_turn__and_winners_in_proportion(gap: Venue) -> None:
    """Keepers find three accounts below margin, and each goes another way.

    `careful` still has something: one slice, sized so that the rest is safe, cures it. `thin` owes
    5,000: junior insurance pays. `broke` owes 240,000: insurance pays up to its daily limit, and
    both winners give the same share of their profit. Nobody else is touched.
    """
    venue = gap
    careful, thin, broke = (venue.person(name) for name in ("careful", "thin", "broke"))
    early, late, taker = (venue.person(name) for name in ("early", "late", "taker"))
    rich = equity(venue, venue.person("rich"))
    cure_by_one_slice(venue, careful, taker)

    owed = -equity(venue, thin)
    fee = 5 * OPENING * 200 * WAD // PPM
    assert near(owed, 5 * (OPENING - AFTER_GAP) * WAD + fee - 70_000 * WAD)
    venue.start(thin.account)
    drawn = one(venue.take(taker, thin.account, BTC), "Drawn")
    assert drawn["layer"] == JUNIOR
    assert near(drawn["units"], owed)

    venue.start(broke.account)
    assert venue.started() == [broke.account]
    reserved = venue.client.waterfall.read("reservation", broke.account)
    # a quarter of each layer a day for one market; junior has paid takers and used a part of it
    bonus = sum(paid["units"] for paid in named(venue.events, "ConcessionPaid"))
    junior, senior = (100_001 * WAD - bonus) // 4 - drawn["units"], 400_001 * WAD // 4
    assert near(reserved[1], junior, WAD)  # a little of what was used is forgotten every second
    assert reserved[2] == senior
    venue.rejected("liquidation: loss not reserved", venue.take, taker, broke.account, BTC)

    before = {person: equity(venue, person) for person in (early, late)}
    events = venue.resolve_all()
    haircut, frozen, finished = (one(events, n) for n in ("HaircutSet", "AdlFrozen", "Finished"))
    profit = {
        early: 30 * (OPENING - AFTER_GAP) * WAD,
        late: 10 * (LATER - AFTER_GAP) * WAD,
    }
    assert near(frozen["reserved"], reserved[1] + reserved[2], WAD)
    missing = frozen["deficit"] - frozen["reserved"]
    assert frozen["uncovered"] == haircut["credited"] == missing
    assert near(haircut["profit"], sum(profit.values()))
    for person, gain in profit.items():
        paid = before[person] - equity(venue, person)
        assert near(paid, gain * missing // haircut["profit"])
    assert finished["shortfall"] == 0
    paid_by = {drawn["layer"]: drawn["units"] for drawn in named(events, "Drawn")}
    assert set(paid_by) == {JUNIOR, SENIOR}
    assert near(finished["loss"], finished["covered"])
    assert 0 <= finished["loss"] - sum(paid_by.values()) <= SCALE  # rounded to token units
    assert equity(venue, thin) == equity(venue, broke) == 0
    assert near(equity(venue, venue.person("rich")), rich)
    assert venue.client.custody.read("redemption_rate") == RAY
    check_everything(venue)


def cure_by_one_slice(venue: Venue, who: Person, taker: Person) -> list[Event]:
    """The largest slice restores kappa times the margin, and not more than that."""
    venue.start(who.account)
    before, leg = venue.client.health(who.account), venue.client.leg(who.account, BTC)
    assert 0 < before["equity"] < before["mm"]
    terms = venue.client.take_terms(who.account, BTC)
    kappa_ppm = venue.client.liquidator.read("params")["kappa_ppm"]
    cost_ppm = terms["account_concession_ppm"] + terms["account_fee_ppm"]
    # E - n * cost = kappa * (MM - n * rate), see docs/protocol.md, section 7
    wanted = (kappa_ppm * before["mm"] - PPM * before["equity"]) * PPM
    notional = wanted // (kappa_ppm * leg["mm_rate_ppm"] - cost_ppm * PPM)
    assert abs(terms["size_max"] * AFTER_GAP - notional) < WAD
    events = venue.take(taker, who.account, BTC)
    taken = one(events, "Taken")["size"]
    assert named(events, "AuctionEnded")
    assert not named(events, "Drawn")
    # in the second that has passed the margin has risen by stress, and the slice with it
    assert terms["size_max"] <= taken < terms["size_max"] * 1_001 // 1_000
    after, rest = venue.client.health(who.account), venue.client.leg(who.account, BTC)
    assert rest["size"] == leg["size"] - taken > 0
    assert 0 <= after["equity"] * PPM - kappa_ppm * after["mm"] < WAD * PPM
    return events


def test_gap__winners_stay_until_the_losses_are_dealt_with__then_leave_with_the_rest(
    gap: Venue,
) -> None:
    """Whoever sees the gap knows that somebody will have to pay for it, and wants to be gone.

    In the very block of the gap the shorts are held: `early` can neither close nor withdraw its
    gain. A loser may close, and newcomers may open. Two minutes later, with the losses dealt with,
    `early` leaves with its deposit and what the haircut left of its profit.
    """
    venue = gap
    early, rich, taker = (venue.person(name) for name in ("early", "rich", "taker"))
    risk = venue.client.risk(BTC)
    assert risk["shorts_held"]
    assert not risk["longs_held"]
    venue.rejected("hold: profit", venue.trade, early, taker, BTC, 30 * WAD)
    venue.rejected("margin: below initial", venue.withdraw, early, free_units(venue, early) + 1)
    venue.trade(taker, rich, BTC, WAD)  # a loser closes, a newcomer opens

    for name in ("thin", "broke", "careful"):
        venue.start(venue.person(name).account)
    venue.resolve_all()
    profit = equity(venue, early) - 400_000 * WAD
    size = -venue.client.leg(early.account, BTC)["size"]
    assert near(size, 20 * WAD), "the rest was re-matched with what `broke` held, behind `late`"
    assert 0 < profit < 30 * (OPENING - AFTER_GAP) * WAD, "less the haircut"
    while venue.client.risk(BTC)["shorts_held"]:
        venue.rejected("hold: profit", venue.trade, early, taker, BTC, size)
        quiet(venue, 30)
        venue.poke(BTC)
    venue.trade(early, taker, BTC, size)
    venue.withdraw(early, equity(venue, early) // SCALE)
    left_with = venue.balance(early.address) * SCALE
    fee = size * AFTER_GAP * FEES_PPM // PPM
    assert 400_000 * WAD + profit - fee < left_with <= 400_000 * WAD + profit
