"""Pre-trade preview: what it says is what the transaction in the same block does, to the wei."""

from __future__ import annotations

import pytest

from plimsoll.orders import Flags
from plimsoll.preview import Fill, FillFlags
from tests.support.fill_checks import (
    both,
    check,
    held,
    side_of,
    sides,
    started,
)
from tests.support.flows import set_risk_terms, tighten
from tests.support.venue import AUCTION_S, BTC, DOGE, ETH, WAD, Person, Venue

# --- fills that go through -----------------------------------------------------------------


@pytest.mark.parametrize("before", [0, WAD, 3 * WAD, -WAD, -3 * WAD, -2 * WAD])
@pytest.mark.parametrize("move_ppm", [0, 12_000])
def test_preview__open_increase_flip_reduce_close__equals_the_fill(
    venue: Venue, ann: Person, bob: Person, rich: Person, before: int, move_ppm: int
) -> None:
    """Ann buys 2; what she has decides what that is."""
    if before:
        held(venue, ann, rich, before)
    venue.move(BTC, move_ppm)
    preview = check(venue, sides(venue, ann, bob, size=2 * WAD))
    side = side_of(preview, ann)
    assert preview.success
    assert side.after is not None
    assert side.after.leg["size"] == before + 2 * WAD
    assert (side.after.rank is None) == (before == -2 * WAD)
    # the maker's rate; to the micro unit up
    assert side.fee_ppb == 200_000
    assert side_of(preview, bob).fee_ppb == 500_000


def test_preview__midpoint_of_two_takers__both_pay_the_taker_fee(
    venue: Venue, ann: Person, bob: Person
) -> None:
    pair = sides(venue, ann, bob, buyer_flags=Flags.NONE)
    preview = check(venue, pair)
    assert preview.fill.flags == FillFlags.NONE
    assert preview.maker.fee == preview.taker.fee == 25 * WAD


def test_preview__seller_posted__is_the_maker(venue: Venue, ann: Person, bob: Person) -> None:
    pair = sides(venue, ann, bob, buyer_flags=Flags.NONE, seller_flags=Flags.POST_ONLY)
    preview = check(venue, pair)
    assert preview.maker.account == bob.account
    assert (preview.maker.fee, preview.taker.fee) == (10 * WAD, 25 * WAD)


def test_preview__block_trade__equals_the_fill(venue: Venue, ann: Person, bob: Person) -> None:
    preview = check(venue, sides(venue, ann, bob, buyer_counterparty=bob.account))
    assert preview.success
    assert preview.fill.flags == FillFlags.MAKER_FEE | FillFlags.BLOCK


def test_preview__fee_cut_by_the_margin_rule__is_the_fee_taken(
    venue: Venue, ann: Person, rich: Person
) -> None:
    """Below initial margin a reduction pays what leaves E / MM as it was, not more."""
    held(venue, ann, rich, 29 * WAD)
    venue.move(BTC, -35_000)
    fill = Fill(rich.account, ann.account, BTC, -WAD, venue.mark(BTC))
    at_mark = venue.client.preview(fill).taker
    before, after = (standing.health for standing in both(at_mark))
    spare = before["equity"] - before["equity"] * after["mm"] // before["mm"]
    for left, success in ((10 * WAD, True), (-10 * WAD, False)):
        with venue.rpc.undone():
            preview = check(venue, sides(venue, rich, ann, price=fill.price - spare + left))
        assert preview.success == success
        assert side_of(preview, ann).fee < 11 * WAD < at_mark.fee
    assert preview.reason == "margin: ratio worsened"


def test_preview__accounts_in_two_markets_that_are_stirred__equals_the_fill(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    set_risk_terms(venue, BTC)
    for market, size in ((BTC, WAD), (ETH, -20 * WAD), (DOGE, 10_000 * WAD)):
        held(venue, ann, rich, size, market)
    held(venue, bob, rich, 5 * WAD, ETH)
    held(venue, bob, rich, -WAD)
    venue.wait(3_000)
    venue.move(ETH, 28_000)
    venue.move(BTC, -28_000)
    for market, size in ((ETH, 9 * WAD), (BTC, WAD // 2)):
        assert venue.client.risk(market)["s_im_ppm"] > 0
        preview = check(venue, sides(venue, ann, bob, market, size))
        assert preview.success
        for side in (preview.maker, preview.taker):
            assert side.after is not None
            assert side.after.liquidation_prices.keys() >= {BTC, ETH}
            assert side.after.health["im"] > side.after.health["mm"]


def test_preview__leg_with_a_dead_feed_elsewhere__equals_the_fill(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    held(venue, ann, rich, 20_000 * WAD, DOGE)
    venue.stop_feed(DOGE)
    preview = check(venue, sides(venue, ann, bob))
    side = side_of(preview, ann)
    assert side.after is not None
    assert not side.after.health["priced"]
    assert set(side.after.liquidation_prices) == {BTC, DOGE}


def test_preview__mark_not_poked_yet__sees_the_new_one(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    held(venue, ann, rich, 2 * WAD)
    price = venue.mark(BTC) * 104 // 100
    venue.send(venue.keeper, venue.feed(BTC), "set_answer", price // 10**10)
    preview = check(venue, sides(venue, bob, ann, price=price))
    side = side_of(preview, ann)
    assert side.before is not None
    assert side.before.leg["mark"] == price


# --- under liquidation -----------------------------------------------------------------------


def test_preview__started_account_reduces__stays_started(
    venue: Venue, ann: Person, rich: Person
) -> None:
    started(venue, ann, rich, -45_000)
    preview = check(venue, sides(venue, rich, ann, size=WAD))
    side = side_of(preview, ann)
    assert preview.success
    assert [standing.started for standing in both(side)] == [True, True]


def test_preview__started_account_reduces_enough__auction_is_over(
    venue: Venue, ann: Person, rich: Person
) -> None:
    started(venue, ann, rich, -45_000)
    preview = check(venue, sides(venue, rich, ann, size=25 * WAD))
    side = side_of(preview, ann)
    assert [standing.started for standing in both(side)] == [True, False]


def test_preview__bankrupt_account_closes__loss_is_drawn_and_no_fee_taken(
    venue: Venue, ann: Person, rich: Person
) -> None:
    started(venue, ann, rich, -70_000)
    preview = check(venue, sides(venue, rich, ann, size=29 * WAD))
    side = side_of(preview, ann)
    assert preview.success
    assert side.after is not None
    assert side.after.health["cash"] == side.fee == 0
    assert not side.after.started


def test_preview__bankrupt_account_reduces__no_fee(venue: Venue, ann: Person, rich: Person) -> None:
    started(venue, ann, rich, -70_000)
    preview = check(venue, sides(venue, rich, ann, size=10 * WAD))
    assert preview.success
    assert side_of(preview, ann).fee == 0
    assert side_of(preview, rich).fee > 0


def test_preview__loss_that_does_not_fit__same_reason(
    venue: Venue, ann: Person, rich: Person
) -> None:
    tighten(venue)
    started(venue, ann, rich, -110_000)
    preview = check(venue, sides(venue, rich, ann, size=10 * WAD))
    assert preview.reason == "liquidation: loss not reserved"


# --- after a haircut and a re-match ----------------------------------------------------------


@pytest.mark.parametrize("synced", [True, False])
@pytest.mark.parametrize("name", ["bob", "cat"])
@pytest.mark.parametrize("size", [-2 * WAD, 2 * WAD, 10 * WAD])
def test_preview__after_haircut_and_rematch__equals_the_fill(
    venue: Venue, ann: Person, rich: Person, name: str, synced: bool, size: int
) -> None:
    """Bob was re-matched in part, Cat whole: her market is still on the list, at size zero."""
    tighten(venue)
    for short, entry in (("bob", 0), ("cat", 25_000)):
        venue.move(BTC, entry)
        held(venue, venue.person(short), rich, -19 * WAD)
    started(venue, ann, rich, -110_000)
    venue.wait(AUCTION_S)
    venue.resolve_all()
    who = venue.person(name)
    left = venue.client.leg(who.account, BTC)["size"]
    assert left == 0 if name == "cat" else -9 * WAD - 100 < left < -9 * WAD + 100
    if synced:
        venue.send(venue.keeper, venue.client.clearinghouse, "sync", who.account, BTC)
    buyer, seller = (who, rich) if size > 0 else (rich, who)
    preview = check(venue, sides(venue, buyer, seller, size=abs(size)))
    assert preview.success
    if size == 2 * WAD:
        close = sides(venue, who, rich, size=abs(left + size) or WAD)
        assert check(venue, close).success
