"""Pre-trade preview: a fill that is refused, with the reason of the transaction."""

from __future__ import annotations

import pytest

from plimsoll.errors import ContractReverted, InputError
from plimsoll.orders import Flags
from plimsoll.preview import Fill, FillFlags
from tests.support.expect import reverts
from tests.support.fill_checks import (
    chain_of,
    check,
    compare,
    held,
    sides,
    started,
)
from tests.support.flows import tighten
from tests.support.venue import AUCTION_S, BTC, ETH, WAD, Person, Venue

# --- fills that are refused ------------------------------------------------------------------


def test_preview__below_initial_margin__same_reason(venue: Venue, ann: Person, bob: Person) -> None:
    preview = check(venue, sides(venue, ann, bob, size=100 * WAD))
    assert preview.reason == "margin: below initial"
    with reverts("margin: below initial"):
        preview.require()


def test_preview__held_profit__same_reason(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    held(venue, ann, rich, 10 * WAD, ETH)
    venue.move(ETH, 50_000)
    preview = check(venue, sides(venue, bob, ann, ETH))
    assert preview.reason == "hold: profit"


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("trade: price outside band", {"price": 53_000 * WAD}),
        ("trade: below least notional", {"size": WAD // 1_000}),
        ("order: fee above cap", {"buyer_max_fee_ppm": 199}),
        ("order: fee above cap", {"seller_max_fee_ppm": 499}),
        ("order: would not reduce", {"seller_flags": Flags.REDUCE_ONLY}),
        ("order: would not reduce", {"buyer_flags": Flags.REDUCE_ONLY | Flags.POST_ONLY}),
    ],
)
def test_preview__refused_for_its_terms__same_reason(
    venue: Venue, ann: Person, bob: Person, reason: str, changes: dict[str, int]
) -> None:
    assert check(venue, sides(venue, ann, bob, **changes)).reason == reason


def test_preview__reduce_only_that_reduces__passes(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    held(venue, ann, rich, -3 * WAD)
    pair = sides(venue, ann, bob, buyer_flags=Flags.REDUCE_ONLY | Flags.POST_ONLY)
    assert check(venue, pair).success


def test_preview__open_interest_cap__same_reason(venue: Venue, rich: Person) -> None:
    lender = venue.person("lender")
    for person in (rich, lender):
        venue.deposit(person, 400_000_000)
    preview = check(venue, sides(venue, rich, lender, size=10_001 * WAD))
    assert preview.reason == "market: open interest cap"


def test_preview__no_price__same_reason(venue: Venue, ann: Person, bob: Person) -> None:
    venue.stop_feed(BTC)
    assert check(venue, sides(venue, ann, bob)).reason == "oracle: no price"


def test_preview__started_account_increases__same_reason(
    venue: Venue, ann: Person, rich: Person
) -> None:
    started(venue, ann, rich, -45_000)
    assert check(venue, sides(venue, ann, rich)).reason == "account: under liquidation"


def test_preview__below_zero_and_not_started__same_reason(
    venue: Venue, ann: Person, rich: Person
) -> None:
    venue.trade(ann, rich, BTC, 29 * WAD)
    venue.move(BTC, -70_000)
    assert check(venue, sides(venue, rich, ann)).reason == "account: start auction first"


def test_preview__while_a_side_is_charged__same_reason(
    venue: Venue, ann: Person, bob: Person, rich: Person
) -> None:
    tighten(venue)
    cat = venue.person("cat")
    held(venue, bob, rich, -10 * WAD)
    started(venue, ann, rich, -110_000)
    venue.resolve(1)
    assert check(venue, sides(venue, bob, cat)).reason == "adl: side locked"
    ahead = sides(venue, ann, cat, buyer_flags=Flags.NONE, seller_flags=Flags.NONE)
    assert check(venue, ahead).reason == "account: locked"


def test_preview__fill_that_no_two_orders_give__same_reason_as_the_ledger(
    venue: Venue, ann: Person, bob: Person
) -> None:
    mark = venue.mark(BTC)
    for reason, fill in (
        ("trade: self trade", Fill(ann.account, ann.sub(1), BTC, WAD, mark)),
        ("trade: zero size", Fill(ann.account, bob.account, BTC, 0, mark)),
        ("market: unknown", Fill(ann.account, bob.account, 77, WAD, mark)),
    ):
        preview = venue.client.preview(fill)
        assert (preview.success, preview.reason) == (False, reason)
    assert preview.maker.before is preview.taker.before is None


def test_preview__size_beyond_all_numbers__refused_without_words(
    venue: Venue, ann: Person, bob: Person
) -> None:
    for size in (2**255 - 1, -(2**255) + 1, 2**200):
        fill = Fill(ann.account, bob.account, BTC, size, venue.mark(BTC))
        assert venue.client.preview(fill).reason == "call: no reason"


def test_preview__account_far_behind__adl_sync_first(venue: Venue, bob: Person) -> None:
    """Nine ends of epochs: neither the views nor a fill follow that far."""
    chain = chain_of(venue)
    rich, poor = venue.person("rich"), venue.person("poor")
    venue.trade(rich, bob, BTC, 2 * WAD)
    join_and_charge_often(venue, rich, poor)
    chain.new_block()
    preview = venue.client.preview(Fill(rich.account, bob.account, BTC, -WAD, venue.mark(BTC)))
    assert preview.reason == "adl: sync first"
    assert preview.maker.before is None


def join_and_charge_often(venue: Venue, rich: Person, poor: Person) -> None:
    """A winners' bucket that is charged, joined and rolled, nine times."""
    tighten(venue)
    late = venue.person("late")
    venue.deposit(late, 3_000_000)
    for number in range(10):
        account = poor.sub(number + 1)
        venue.deposit(poor, 5_100, account)
        venue.set_price(BTC, 50_000 * WAD)
        venue.trade(poor, rich, BTC, 2 * WAD, buyer_account=account)
        venue.trade(rich, late, BTC, WAD // 10)
        venue.set_price(BTC, 44_000 * WAD)
        venue.start(account)
        venue.wait(AUCTION_S)
        venue.resolve_all()


# --- orders and values -----------------------------------------------------------------------


def test_preview_orders__two_orders__previews_their_fill(
    venue: Venue, ann: Person, bob: Person
) -> None:
    pair = sides(venue, ann, bob, size=3 * WAD)
    chain_of(venue).new_block()
    preview = venue.client.preview_orders(pair.first.order, pair.second.order, WAD)
    assert preview == venue.client.preview(
        Fill(
            maker=ann.account,
            taker=bob.account,
            market=BTC,
            size=-WAD,
            price=pair.first.order.limit_price,
            maker_fee_cap_ppm=1_000,
            taker_fee_cap_ppm=1_000,
            flags=FillFlags.MAKER_FEE,
        )
    )
    with pytest.raises(ContractReverted, match="order: over filled"):
        venue.client.preview_orders(pair.first.order, pair.second.order, 4 * WAD)
    with pytest.raises(ContractReverted, match="order: same side"):
        venue.client.preview_orders(pair.first.order, pair.first.order, WAD)


def test_preview__sent_as_a_transaction__changes_nothing(
    venue: Venue, ann: Person, bob: Person
) -> None:
    fill = Fill(ann.account, bob.account, BTC, WAD, venue.mark(BTC))
    assert not venue.send(venue.keeper, venue.client.lens, "preview", fill.as_tuple())
    for person in (ann, bob):
        assert venue.client.leg(person.account, BTC)["size"] == 0
    assert venue.client.clearinghouse.read("open_interest", BTC) == (0, 0)


@pytest.mark.parametrize(
    "changes", [{"maker": -1}, {"price": 2**256}, {"size": 2**255}, {"market": "BTC"}]
)
def test_fill__value_out_of_range__refused(changes: dict[str, int]) -> None:
    values = {"maker": 1, "taker": 2, "market": 1, "size": 1, "price": 1}
    with pytest.raises(InputError, match="out of range"):
        Fill(**(values | changes))


def test_check__fee_off_by_a_micro_unit__noticed(venue: Venue, ann: Person, bob: Person) -> None:
    """The comparison of these tests does compare."""
    pair = sides(venue, ann, bob)
    preview = check(venue, pair)
    chain = chain_of(venue)
    wrong = type(preview)(
        fill=preview.fill,
        success=True,
        reason="",
        maker=preview.taker,
        taker=preview.maker,
    )
    outcome = chain.run_and_forget(venue.keeper.address, venue.client.lens.address, b"")
    with pytest.raises(AssertionError, match="after"):
        compare(venue, wrong, outcome)
