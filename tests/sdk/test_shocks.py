"""The stress view against the real thing: feeds moved, markets poked, auctions started, paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from plimsoll.accounts import account_id
from plimsoll.errors import InputError
from plimsoll.loss_weights import SHARES, Weight, pack
from plimsoll.risk_terms import BufferTerms, Concentration
from plimsoll.shocks import (
    Shock,
    VenueView,
    account_view,
    find_accounts,
    parse_moves,
    tables,
    venue_view,
)
from plimsoll.shocks.buffers import Capital, Loss, reserve_all
from plimsoll.shocks.cover import cover_of
from plimsoll.shocks.document import venue_document
from plimsoll.shocks.grid import DEFAULT_MOVES
from plimsoll.shocks.holders import Holder
from plimsoll.shocks.reading import DryRun
from plimsoll.shocks.venue import winners_most
from plimsoll.units import RAY, exact
from tests.support.shock_world import (
    LOSERS,
    SHOCKS,
    account_of,
    act,
    everybody,
    hit,
    keep,
    marks_of,
    opened,
    start_all,
    vaults,
)
from tests.support.venue import (
    BTC,
    ETH,
    GENESIS,
    JUNIOR,
    MARKETS,
    PPM,
    SCALE,
    WAD,
    Venue,
    venue_in_process,
)

LIMIT_DUST = 10**6
"""Wei by which several reservations in a row may be smaller than the contract makes them."""
STRANGER = "0x" + "5a" * 20


@pytest.fixture(scope="module")
def built() -> Venue:
    return opened(venue_in_process(junior=20_000, senior=60_000))


@pytest.fixture
def venue(built: Venue) -> Iterator[Venue]:
    with built.rpc.undone():
        yield built


@pytest.fixture(scope="module")
def seen(built: Venue) -> VenueView:
    return venue_view(built.client, everybody(built), SHOCKS)


# --- the table of shocks ----------------------------------------------------------------------


def test_grid__markets_and_jointly__with_the_row_of_no_shock() -> None:
    assert len(SHOCKS) == 1 + len(MARKETS) * len(DEFAULT_MOVES) + len(DEFAULT_MOVES)
    assert SHOCKS[0] == Shock(None, 0)
    assert Shock(ETH, -300_000).prices({BTC: 100, ETH: 101}) == {BTC: 100, ETH: 70}
    assert Shock(None, 50_000).prices({BTC: 100, ETH: 200}) == {BTC: 105, ETH: 210}


def test_parse_moves__percentages__are_ppm_in_order() -> None:
    assert parse_moves(["+30", "-12.5", "5%", "5"]) == (-125_000, 50_000, 300_000)


@pytest.mark.parametrize("text", ["0", "-99.5", "101", "ten", "1.00001", "nan", ""])
def test_parse_moves__not_a_shock__refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_moves([text])


# --- one account ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOSERS, "dot", "eva"])
def test_account__every_shock__as_after_the_real_jump(venue: Venue, name: str) -> None:
    account = account_of(venue, name)
    view = account_view(venue.client, account, SHOCKS)
    legs = len(view.holder.legs)
    reached = set()
    for row in view.rows:
        with venue.rpc.undone():
            hit(venue, row.shock, marks_of(view))
            real = venue.client.health(account)
            # a dry run rounds each leg twice
            assert 0 <= real["equity"] - row.run.equity <= legs, row
            assert row.mm == real["mm"], row
            assert row.im >= real["im"], row
            assert row.run.loss == max(0, -row.run.equity)
            paid = row.run.junior, row.run.senior
            assert sum(paid) + row.run.uncovered == row.run.loss
            if real["equity"] < real["mm"]:
                found = start_all(venue, [account])
                assert all(0 <= a - b <= legs for a, b in zip(paid, found, strict=True)), row
            reached.add((row.distance < 0, row.run.loss > 0, row.run.uncovered > 0))
    if name in LOSERS:
        assert len(reached) > 2, "a loser is above, below and far below its margin"


def test_account__chosen_class__rules_the_initial_margin(venue: Venue) -> None:
    """Ten times at most: a tenth of the notional, whatever the brackets say."""
    account = account_of(venue, "cem")
    view = account_view(venue.client, account, [Shock(ETH, ppm) for ppm in (-300_000, 50_000)])
    for row in view.rows:
        with venue.rpc.undone():
            hit(venue, row.shock, marks_of(view))
            assert row.im == venue.client.health(account)["im"]
            assert row.im * 10 // venue.client.leg(account, ETH)["notional"] == 1


@pytest.mark.parametrize("name", [*LOSERS, "eva"])
def test_distance__that_far__is_below_and_a_millionth_less_is_not(venue: Venue, name: str) -> None:
    account = account_of(venue, name)
    view = account_view(venue.client, account, [])
    assert len(view.distances) == (len(view.holder.legs) + 1 if len(view.holder.legs) > 1 else 1)
    moves = [(place.market, ppm) for place in view.distances for ppm in (place.fall, place.rise)]
    tried = 0
    for market, ppm in moves:
        if ppm is None:
            continue
        for size, below in ((ppm, True), (ppm - 1 if ppm > 0 else ppm + 1, False)):
            with venue.rpc.undone():
                hit(venue, Shock(market, size), marks_of(view))
                real = venue.client.health(account)
                assert (real["equity"] < real["mm"]) is below, (market, size)
                tried += 1
    assert tried


def test_account__market_under_stress__margins_are_the_ledgers(venue: Venue) -> None:
    with venue.owner() as owner:
        terms = (600, 3_600, 50_000, 2_500_000, 30_000, 120)
        venue.send(owner, venue.client.clearinghouse, "set_risk_terms", BTC, terms)
    venue.move(BTC, -10_000)
    venue.wait(1_800)
    ann = account_of(venue, "ann")
    assert venue.client.clearinghouse.read("risk", BTC)["s_mm_ppb"] > 0
    view = account_view(venue.client, ann, SHOCKS)
    health = venue.client.health(ann)
    assert (view.rows[0].im, view.rows[0].mm) == (health["im"], health["mm"])


def test_account__concentrated_market__initial_margin_is_the_ledgers(venue: Venue) -> None:
    account = account_of(venue, "ann")
    plain = venue.client.health(account)["im"]
    with venue.owner() as owner:
        venue.client.set_concentration(owner, BTC, Concentration(10, 20, 0))
    assert venue.client.health(account)["im"] > plain
    view = account_view(venue.client, account, SHOCKS)
    for row in view.rows:
        with venue.rpc.undone():
            hit(venue, row.shock, marks_of(view))
            assert (row.im, row.mm) == margins_of(venue, account), row.shock


def test_account__market_without_a_price__margin_with_the_addon(venue: Venue) -> None:
    account = account_of(venue, "ann")
    venue.stop_feed(BTC)
    view = account_view(venue.client, account, SHOCKS[:1])
    (row,) = view.rows
    assert (row.im, row.mm) == margins_of(venue, account)
    market = view.markets[BTC]
    assert (market.priced, market.clock.open, market.clock.settled) == (False, False, False)
    assert tables.markets_table(view.markets).columns[-1]._cells[0] == "no price"


def test_account__price_back_after_an_outage__waits(venue: Venue) -> None:
    account = account_of(venue, "ann")
    mark = venue.client.mark(BTC)[0]
    venue.stop_feed(BTC)
    venue.wait(300)
    venue.set_price(BTC, mark)
    view = account_view(venue.client, account, SHOCKS[:1])
    clock = view.markets[BTC].clock
    assert clock.since < view.time < clock.until
    assert (clock.open, clock.settled) == (False, False)
    assert tables.markets_table(view.markets).columns[-1]._cells[0] == "grace"


def test_account__settled_market__no_margin(venue: Venue) -> None:
    account = account_of(venue, "ann")
    with venue.owner() as owner:
        venue.client.settle_market(owner, BTC)
    venue.wait(10)
    view = account_view(venue.client, account, SHOCKS)
    assert view.markets[BTC].clock.settled
    assert {(row.im, row.mm) for row in view.rows} == {(0, 0)} == {margins_of(venue, account)}
    assert tables.markets_table(view.markets).columns[-1]._cells[0] == "settled"


def test_venue__buffer_terms__cap_and_utilisation_as_the_lens(venue: Venue) -> None:
    with venue.owner() as owner:
        venue.client.set_buffer_terms(owner, BTC, BufferTerms(20_000_000, 500_000, 100_000))
    view = venue_view(venue.client, everybody(venue), SHOCKS[:1])
    room, backing = venue.client.buffers(BTC), view.markets[BTC].backing
    assert backing.cap == room["cap"] == venue.client.buffer_cap(BTC) > 0
    assert (backing.utilisation_ppm, backing.surcharge_ppm) == (
        room["utilisation_ppm"],
        room["surcharge_ppm"],
    )
    assert backing.utilisation_ppm > 0
    assert view.markets[ETH].backing.cap is None
    told = {one["id"]: one for one in venue_document(view)["markets"]}
    assert told[BTC]["open_interest_cap"] == exact(room["cap"])
    assert told[ETH]["open_interest_cap"] is None


def margins_of(venue: Venue, account: int) -> tuple[int, int]:
    """Initial and maintenance margin as the ledger has them."""
    health = venue.client.health(account)
    return health["im"], health["mm"]


def test_account__without_positions__cash_and_no_distance(venue: Venue) -> None:
    view = account_view(venue.client, account_of(venue, "fay"), SHOCKS)
    assert [row.run.equity for row in view.rows] == [1_000 * WAD]
    assert view.distances == ()


def test_account__one_market__shocks_of_it_only(venue: Venue) -> None:
    view = account_view(venue.client, account_of(venue, "ann"), SHOCKS)
    assert [row.shock for row in view.rows] == [SHOCKS[0], *(Shock(BTC, m) for m in DEFAULT_MOVES)]


def test_account__unknown__refused(venue: Venue) -> None:
    with pytest.raises(InputError, match="neither cash nor positions"):
        account_view(venue.client, account_id(STRANGER), SHOCKS)


def test_account__loss_that_fits__is_drawn_as_foretold(venue: Venue) -> None:
    """A taker takes everything over at the mark: the account is flat, and the vaults pay."""
    account, dot = account_of(venue, "cem"), venue.person("dot")
    shock = Shock(ETH, -200_000)
    view = account_view(venue.client, account, [shock])
    run = view.rows[0].run
    assert run.junior > 0
    assert run.uncovered == 0
    hit(venue, shock, marks_of(view))
    keep(venue, venue.client.liquidator, "start", account)
    # any size, at any price
    args = account, ETH, 2**200, 2**200, dot.account
    events = act(venue, dot.address, venue.client.liquidator, "take", *args)
    assert venue.client.health(account)["equity"] == 0
    drawn = {event["layer"]: event["units"] for event in events if event.name == "Drawn"}
    assert drawn == {JUNIOR: run.junior} or drawn == {JUNIOR: run.junior - 1}
    # the taker's concession is no part of the loss, and the view does not count it
    assert any(event.name == "ConcessionPaid" for event in events)


# --- the venue --------------------------------------------------------------------------------


def test_venue__every_shock__as_after_the_real_jump(venue: Venue, seen: VenueView) -> None:
    assert {one.account for one in seen.holders} == {
        account_of(venue, name) for name in (*LOSERS, "dot", "eva")
    }
    outcomes = set()
    for row in seen.rows:
        with venue.rpc.undone():
            hit(venue, row.shock, marks_of(seen))
            accounts = [one.account for one in seen.holders]
            health = dict(zip(accounts, venue.client.healths(accounts), strict=True))
            below = {a for a in accounts if health[a]["equity"] < health[a]["mm"]}
            zero = sorted(
                (a for a in below if health[a]["equity"] < 0), key=lambda a: health[a]["equity"]
            )
            assert set(row.below_margin) == below, row
            assert list(row.below_zero) == zero, row
            assert row.cover.accounts == row.below_zero[:2]
            with venue.rpc.undone():
                found = start_all(venue, zero)
                for told, real in zip((row.junior, row.senior), found, strict=True):
                    assert abs(told - real) <= LIMIT_DUST, row
            found = start_all(venue, zero[:2])
            assert abs(row.cover.junior - found[0]) <= LIMIT_DUST, row
            assert abs(row.cover.senior - found[1]) <= LIMIT_DUST, row
            if row.cover.survived:
                debts = -sum(health[account]["equity"] for account in zero[:2])
                assert 0 <= sum(row.cover.losses) - debts <= 6
        outcomes.add((len(row.below_zero), row.cover.survived))
        if row.shock.market is not None:
            assert row.free == sum(seen.capital.free_in[row.shock.market])
    assert {(0, True), (1, True), (3, False)} <= outcomes


def test_frontier__last_survived_and_first_failed__real_reservations_agree(
    venue: Venue, seen: VenueView
) -> None:
    down, up = seen.largest_down, seen.largest_up
    for frontier, sign in ((down, -1), (up, 1)):
        assert frontier.survived is not None
        assert frontier.failed == frontier.survived + sign
        for ppm, survives in ((frontier.survived, True), (frontier.failed, False)):
            with venue.rpc.undone():
                hit(venue, Shock(None, ppm), marks_of(seen))
                accounts = [one.account for one in seen.holders]
                states = zip(venue.client.healths(accounts), accounts, strict=True)
                low = sorted((health["equity"], account) for health, account in states)[:2]
                low = [(equity, account) for equity, account in low if equity < 0]
                assert low
                reserved = start_all(venue, [account for _, account in low])
                assert (sum(reserved) >= -sum(equity for equity, _ in low)) is survives


def test_venue__something_reserved_before__counts_for_its_account(venue: Venue) -> None:
    """Ann waits in an auction, her loss half covered, when the market falls on."""
    marks = {market: venue.mark(market) for market in MARKETS}
    hit(venue, Shock(BTC, -150_000), marks)
    ann = account_of(venue, "ann")
    before = start_all(venue, [ann])
    assert sum(before) > 0
    view = venue_view(venue.client, everybody(venue), [Shock(BTC, -50_000)])
    (row,) = view.rows
    assert next(one for one in view.holders if one.account == ann).reserved == before
    hit(venue, row.shock, marks_of(view))
    keep(venue, venue.client.liquidator, "remark", ann)
    others = [account for account in row.below_zero if account != ann]
    assert row.below_zero[0] == ann
    found = start_all(venue, others)
    _, junior, senior, _ = venue.client.waterfall.read("reservation", ann)
    assert abs(row.junior - found[0] - junior) <= LIMIT_DUST
    assert abs(row.senior - found[1] - senior) <= LIMIT_DUST


def rooms(junior: int, senior: int, first: int, second: int) -> Capital:
    """Room in both vaults together, and of each in two markets; wad."""
    return Capital(
        assets_tokens=(0, 0), assets=(0, 0), reserved=(0, 0), free=(junior, senior),
        free_in={BTC: (first, first), ETH: (second, second)}, unnamed=(0, 0), time=GENESIS,
        fund_tokens=0, fund=0,
    )  # fmt: skip


def test_reserve_all__another_order__another_sum() -> None:
    """A loss in one market takes the room that a loss split over two cannot do without."""
    alone = Loss(1, 101 * WAD, pack([Weight(BTC, False, SHARES)]))
    split = Loss(2, 100 * WAD, pack([Weight(n, False, SHARES // 2) for n in (BTC, ETH)]))
    capital = rooms(100 * WAD, 0, 50 * WAD, 50 * WAD)
    assert reserve_all(capital, [alone, split]) == [(50 * WAD, 0), (0, 0)]
    assert reserve_all(capital, [split, alone]) == [(100 * WAD, 0), (0, 0)]


def test_cover__survives__only_if_it_does_whichever_comes_first() -> None:
    """Junior has room for one of the losses, and senior has none in the market of the other."""
    capital = replace(
        rooms(50 * WAD, 50 * WAD, 50 * WAD, 50 * WAD),
        free_in={BTC: (50 * WAD, 50 * WAD), ETH: (50 * WAD, 0)},
    )
    runs = {
        account: DryRun(-49 * WAD, 49 * WAD, 0, 0, 0, pack([Weight(n, False, SHARES)]))
        for account, n in ((1, BTC), (2, ETH))
    }
    losses = [Loss(account, run.loss, run.weights) for account, run in runs.items()]
    both = [sum(map(sum, reserve_all(capital, order))) for order in (losses, losses[::-1])]
    assert both[0] < 98 * WAD == both[1]
    for pair in ((1, 2), (2, 1)):
        holders = [Holder(account, 0, 0, 0, 0, 0, 0, False, (0, 0), ()) for account in pair]
        found = cover_of(holders, runs, capital)
        assert found.uncovered == 98 * WAD - both[0]
        assert not found.survived


def poor_winners() -> Venue:
    """Little insurance, and winners who have just come: what ann lost is gone."""
    venue = venue_in_process(junior=2_000, senior=4_000)
    ann, dot, hal = (venue.person(name) for name in ("ann", "dot", "hal"))
    for person, tokens in ((ann, 6_000), (dot, 200_000), (hal, 200_000)):
        venue.deposit(person, tokens)
    venue.trade(ann, dot, BTC, 2 * WAD)
    venue.move(BTC, -200_000)
    venue.trade(dot, hal, BTC, 2 * WAD)
    return venue


def test_venue__more_than_winners_have__rate_ends_where_foretold() -> None:
    venue = poor_winners()
    view = venue_view(venue.client, everybody(venue), [Shock(BTC, -50_000)])
    (row,) = view.rows
    assert 0 < row.winners_most < row.uncovered
    assert row.shortfall_least == row.uncovered - row.winners_most
    hit(venue, row.shock, marks_of(view))
    before = vaults(venue)
    keep(venue, venue.client.liquidator, "start", account_of(venue, "ann"))
    keep(venue, venue.client.liquidator, "resolve", 400)
    assert venue.client.health(account_of(venue, "ann"))["equity"] == 0
    paid = [old - new for old, new in zip(before, vaults(venue), strict=True)]
    assert paid == [-(-row.junior // SCALE), -(-row.senior // SCALE)]
    rate = venue.client.custody.read("redemption_rate")
    assert row.rate_least < rate < RAY
    # nothing is realised on the way of a single loss: the bound is met, but for token units
    assert abs(rate - row.rate_most) < RAY // 10**9
    # it is a state to look at, too: claims below par, layers pay less tokens for them
    after = venue_view(venue.client, everybody(venue), [Shock(BTC, 0)])
    assert after.rows[0].rate_most == rate


def test_venue__several_losers_in_two_markets__rate_ends_where_foretold() -> None:
    """In one market the winner has enough for all that is asked of it, in the other not."""
    venue = venue_in_process(junior=2_000, senior=4_000)
    ann, ben, cem, dot, hal = map(venue.person, ("ann", "ben", "cem", "dot", "hal"))
    for person, tokens in ((ann, 6_000), (ben, 6_500), (cem, 3_500), (dot, 300_000), (hal, 90_000)):
        venue.deposit(person, tokens)
    venue.trade(ann, dot, BTC, 2 * WAD)
    venue.trade(ben, dot, BTC, WAD)
    venue.trade(ben, dot, ETH, 20 * WAD)
    venue.trade(cem, dot, ETH, 20 * WAD)
    for market in (BTC, ETH):
        venue.move(market, -200_000)
    venue.trade(dot, hal, ETH, 40 * WAD)  # what they lost in this market is gone
    view = venue_view(venue.client, everybody(venue), [Shock(None, -50_000)])
    (row,) = view.rows
    assert len(row.below_zero) == 3
    profit = 40 * view.markets[ETH].mark * 5 // 100
    assert profit < row.winners_most < row.uncovered
    (told,) = venue_document(view)["shocks"]
    assert not {"junior", "shortfall_at_least", "redemption_rate_at_least"} & set(told)
    assert told["if_largest_first"]["shortfall_at_least"] == exact(row.shortfall_least)
    hit(venue, row.shock, marks_of(view))
    start_all(venue, row.below_zero)
    while venue.started():
        keep(venue, venue.client.liquidator, "resolve", 400)
    rate = venue.client.custody.read("redemption_rate")
    assert row.rate_least < rate < RAY
    assert rate <= row.rate_most + RAY // 10**9


def test_winners_most__several_losses__each_market_pays_up_to_its_own_profit() -> None:
    """The longs lost: BTC's shorts are asked for 60 + 20 and have more, ETH's for 20 and have 5."""
    halves = pack([Weight(n, False, SHARES // 2) for n in (BTC, ETH)])
    losses = [
        Loss(1, 75 * WAD, pack([Weight(BTC, False, SHARES)]), broker=5 * WAD),
        Loss(2, 50 * WAD, halves),
    ]
    parts = [(6 * WAD, 4 * WAD), (10 * WAD, 0)]
    profits = {(BTC, True): 100 * WAD, (ETH, True): 5 * WAD, (ETH, False): 900 * WAD}
    assert winners_most(losses, parts, profits) == 85 * WAD
    assert winners_most(losses, parts, profits | {(BTC, True): 79 * WAD}) == 84 * WAD
    assert winners_most(losses, parts, {}) == 0


def test_venue__shock_that_fails_already__says_so(venue: Venue) -> None:
    marks = {market: venue.mark(market) for market in MARKETS}
    hit(venue, Shock(BTC, -300_000), marks)
    view = venue_view(venue.client, everybody(venue), [Shock(None, 0)])
    assert view.largest_down.survived is None
    assert not view.rows[0].cover.survived


def test_venue__nobody_can_fail__every_shock_is_survived() -> None:
    venue = venue_in_process()
    ann, dot = venue.person("ann"), venue.person("dot")
    for person in (ann, dot):
        venue.deposit(person, 1_000_000)
    venue.trade(ann, dot, BTC, WAD)
    view = venue_view(venue.client, everybody(venue), SHOCKS)
    assert (view.largest_down.survived, view.largest_down.failed) == (-990_000, None)
    assert (view.largest_up.survived, view.largest_up.failed) == (PPM, None)
    assert not any(row.loss for row in view.rows)


def test_find_accounts__chain_without_events__asks_for_a_list(venue: Venue) -> None:
    with pytest.raises(InputError, match="keeps no events"):
        find_accounts(venue.client)
