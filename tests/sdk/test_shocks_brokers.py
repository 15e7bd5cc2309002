"""The stress view of accounts with a broker, against the real thing: who fails, and who pays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.shocks import Shock, VenueView, account_view, tables, venue_view
from plimsoll.shocks.cover import largest_losers
from plimsoll.shocks.document import account_document, venue_document
from plimsoll.units import RAY, exact
from tests.support.broker_desk import CURE_S, UNIT, Brokerage
from tests.support.shock_world import (
    LARGE,
    SMALL,
    account_of,
    act,
    can_start,
    everybody,
    hit,
    keep,
    marks_of,
    reserved,
    sponsored,
)
from tests.support.venue import BTC, SCALE, WAD, Venue

MOVES = (-30_000, -50_000, -80_000, -100_000, -120_000, -200_000, 50_000)
SHOCKS = (Shock(None, 0), *(Shock(BTC, ppm) for ppm in MOVES))
LIMIT_DUST = 10**6
"""Wei by which several reservations in a row may be smaller than the contract makes them."""
BROKER = 2  # the layer


@pytest.fixture(scope="module")
def built() -> Brokerage:
    return sponsored()


@pytest.fixture
def desk(built: Brokerage) -> Iterator[Brokerage]:
    with built.venue.rpc.undone():
        yield built


@pytest.fixture
def venue(desk: Brokerage) -> Venue:
    return desk.venue


@pytest.fixture(scope="module")
def seen(built: Brokerage) -> VenueView:
    return venue_view(built.venue.client, everybody(built.venue), SHOCKS)


# --- one account ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        # may be started, owes something, its guarantee does not suffice
        ("small", {(False, False, False), (True, True, False), (True, True, True)}),
        ("large", {(False, False, False), (False, True, False)}),
        ("ann", {(False, False, False), (True, True, True)}),
    ],
)
def test_account__every_shock__start_and_payers_as_foretold(
    venue: Venue, name: str, outcomes: set[tuple[bool, bool, bool]]
) -> None:
    account = account_of(venue, name)
    view = account_view(venue.client, account, SHOCKS)
    marks, reached = marks_of(view), set()
    for row in view.rows:
        run, prices = row.run, [(BTC, row.shock.price(BTC, marks[BTC]))]
        told = venue.client.lens.read("dry_run", account, prices)
        assert (run.equity, run.loss) == (told["equity"], told["loss"])
        assert [run.broker, run.junior, run.senior] == told["layers"][:3]
        assert run.uncovered == told["uncovered"] + told["layers"][3]
        with venue.rpc.undone():
            hit(venue, row.shock, marks)
            assert can_start(venue, account) is (row.distance < 0), row
            health = venue.client.health(account)
            assert (row.shield, row.mm) == (health["shield"], health["mm"])
            if row.distance < 0:
                found = reserved(venue, [account])
                paid = (run.broker, run.junior, run.senior)
                assert all(0 <= a - b <= 1 for a, b in zip(paid, found, strict=True)), row
        reached.add((row.distance < 0, run.loss > 0, run.loss > run.broker))
    assert reached >= outcomes


@pytest.mark.parametrize("name", ["small", "large"])
def test_distance__that_far__can_be_started_and_a_millionth_less_cannot(
    venue: Venue, name: str
) -> None:
    account = account_of(venue, name)
    view = account_view(venue.client, account, [])
    (place,) = view.distances
    assert place.fall is not None
    for ppm, below in ((place.fall, True), (place.fall + 1, False)):
        with venue.rpc.undone():
            hit(venue, Shock(BTC, ppm), marks_of(view))
            health = venue.client.health(account)
            assert health["equity"] < health["mm"], "its own equity alone is not enough"
            assert can_start(venue, account) is below


def test_account__call_defaulted__shields_no_more_and_still_pays(desk: Brokerage) -> None:
    venue, account = desk.venue, account_of(desk.venue, "small")
    venue.move(BTC, -40_000)
    desk.call(venue.person("small"))
    venue.wait(CURE_S + 1)
    desk.default(venue.person("small"))
    view = account_view(venue.client, account, [Shock(BTC, 0), Shock(BTC, -40_000)])
    now, fallen = view.rows
    assert (view.holder.shield, view.holder.lock) == (0, SMALL * WAD)
    assert now.distance < 0 < now.run.equity
    assert can_start(venue, account)
    assert [place.fall for place in view.distances] == [0]
    assert 0 < fallen.run.broker == fallen.run.loss


def test_account__loss_beyond_the_guarantee__is_drawn_as_foretold(desk: Brokerage) -> None:
    venue, account = desk.venue, account_of(desk.venue, "small")
    guarantee = desk.guarantee(venue.person("small"))
    assert guarantee is not None
    shock = Shock(BTC, -110_000)
    view = account_view(venue.client, account, [shock])
    run = view.rows[0].run
    assert run.broker == SMALL * WAD < run.loss
    assert run.uncovered == 0
    before = desk.stake(guarantee.broker)
    hit(venue, shock, marks_of(view))
    keep(venue, venue.client.liquidator, "start", account)
    trader = venue.person("trader")
    args = account, BTC, 2**200, 2**200, trader.account
    events = act(venue, trader.address, venue.client.liquidator, "take", *args)
    drawn = {event["layer"]: event["units"] for event in events if event.name == "Drawn"}
    assert drawn[BROKER] == run.broker
    assert run.loss - sum(drawn.values()) in (0, 1)
    assert before - desk.stake(guarantee.broker) == SMALL * UNIT


# --- the venue --------------------------------------------------------------------------------


def test_venue__every_shock__as_after_the_real_jump(venue: Venue, seen: VenueView) -> None:
    brokers_paid = set()
    for row in seen.rows:
        with venue.rpc.undone():
            hit(venue, row.shock, marks_of(seen))
            below = {one.account for one in seen.holders if can_start(venue, one.account)}
            assert set(row.below_margin) == below, row
            # who is below zero and shielded cannot be started, though the view counts its loss
            zero = [account for account in row.below_zero if account in below]
            waiting = [account for account in row.below_zero if account not in below]
            owed = -sum(venue.client.health(account)["equity"] for account in waiting)
            found = reserved(venue, zero)
            told = [row.brokers - owed, row.junior, row.senior]
            for ours, real in zip(told, found, strict=True):
                assert abs(ours - real) <= LIMIT_DUST, row
        assert row.brokers + row.junior + row.senior + row.uncovered == row.loss
        brokers_paid.add((row.brokers > 0, bool(waiting), row.uncovered > 0))
    assert brokers_paid >= {(False, False, False), (True, True, False), (True, True, True)}


def test_cover__largest_losses_are_guaranteed__the_others_count(
    venue: Venue, seen: VenueView
) -> None:
    large, small, ann = (account_of(venue, name) for name in ("large", "small", "ann"))
    row = next(row for row in seen.rows if row.shock == Shock(BTC, -200_000))
    assert row.below_zero[0] == large
    assert set(row.cover.accounts) == {small, ann}
    assert row.cover.brokers == SMALL * WAD
    prices = row.shock.prices(marks_of(seen))
    pair = largest_losers(seen.holders, prices)
    rests = [-one.equity_at(prices) - one.lock for one in pair]
    assert rests == sorted(rests, reverse=True)
    assert [one.account for one in pair] == list(row.cover.accounts)
    with venue.rpc.undone():
        hit(venue, row.shock, marks_of(seen))
        found = reserved(venue, row.cover.accounts)
    told = [row.cover.brokers, row.cover.junior, row.cover.senior]
    assert all(abs(a - b) <= LIMIT_DUST for a, b in zip(told, found, strict=True))


def test_frontier__last_survived_and_first_failed__real_reservations_agree(
    venue: Venue, seen: VenueView
) -> None:
    frontier = seen.largest_down
    assert frontier.survived is not None
    assert frontier.failed == frontier.survived - 1
    for ppm, survives in ((frontier.survived, True), (frontier.failed, False)):
        shock = Shock(None, ppm)
        pair = [one.account for one in largest_losers(seen.holders, shock.prices(marks_of(seen)))]
        with venue.rpc.undone():
            hit(venue, shock, marks_of(seen))
            debts = -sum(venue.client.health(account)["equity"] for account in pair)
            found = [sum(reserved(venue, order)) for order in (pair, pair[::-1])]
        assert (min(found) >= debts) is survives


def test_venue__more_than_winners_have__brokers_and_fund_count_in_the_rate(venue: Venue) -> None:
    trader, hal = venue.person("trader"), venue.person("hal")
    venue.deposit(hal, 200_000)
    venue.move(BTC, -200_000)
    venue.trade(trader, hal, BTC, 7 * WAD)  # what the longs lost up to now is cash
    (row,) = (view := venue_view(venue.client, everybody(venue), [Shock(BTC, -10_000)])).rows
    assert account_of(venue, "large") in set(row.below_zero) - set(row.below_margin)
    drawn = SMALL * WAD + row.junior + row.senior
    assert row.brokers > SMALL * WAD
    assert 0 < row.winners_most < row.uncovered
    hit(venue, row.shock, marks_of(view))
    order = [account for account in row.below_zero if account in row.below_margin]
    for account in order:
        keep(venue, venue.client.liquidator, "start", account)
    fund = sum(venue.client.waterfall.read("reservation", account)[3] for account in order)
    assert 0 < fund < row.uncovered
    while venue.started():
        keep(venue, venue.client.liquidator, "resolve", 400)
    rate = venue.client.custody.read("redemption_rate")
    assert row.rate_least == view.custody.rate(drawn, row.uncovered) < rate < RAY
    told = view.custody.rate(drawn + fund, row.shortfall_least - fund)
    assert rate <= told + RAY // 10**9


def test_documents_and_tables__name_what_brokers_and_fund_have(
    venue: Venue, seen: VenueView
) -> None:
    fund = venue.client.fund.read("totalAssets")
    assert seen.capital.fund_tokens == fund > 0
    assert seen.capital.fund == fund * SCALE
    document = venue_document(seen)
    assert document["guaranty_fund"] == {"assets_tokens": fund, "assets": exact(fund * SCALE)}
    for told, row in zip(document["shocks"], seen.rows, strict=True):
        assert told["brokers"] == exact(row.brokers)
        assert told["cover_2"]["brokers"] == exact(row.cover.brokers)
    view = account_view(venue.client, account_of(venue, "large"), SHOCKS)
    account = account_document(view)
    assert account["account"]["guaranteed"] == exact(LARGE * WAD)
    assert [row["broker"] for row in account["shocks"]] == [exact(r.run.broker) for r in view.rows]
    columns = tables.account_table(view).columns
    cells = {str(column.header): list(column.cells) for column in columns}
    assert set(cells["shield"]) == {tables.money(LARGE * UNIT * SCALE)}
    assert cells["broker pays"] == [tables.money(row.run.broker) for row in view.rows]
    *_, last = tables.buffers_table(seen.capital, seen.markets).columns[1].cells
    assert last == tables.money(seen.capital.fund)
