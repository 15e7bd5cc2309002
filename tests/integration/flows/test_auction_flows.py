"""Auctions from start to end: takes, what insurance pays, how an account leaves."""

from __future__ import annotations

from plimsoll.orders import Flags, unsigned
from tests.support.books import check_everything
from tests.support.flows import bankrupt, leveraged, one, people
from tests.support.venue import AUCTION_S, BTC, ETH, JUNIOR, SENIOR, WAD, Venue, named


def test_start__at_the_border_of_maintenance_margin__only_below(venue: Venue) -> None:
    maker = people(venue, "maker", tokens=1_000_000)[0]
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    # equity 29,900 - 10 * (50,000 - M) meets 2.5 % of 10 * M at M = 48,215.4
    venue.set_price(BTC, 48_216 * WAD)
    venue.rejected("liquidation: not below margin", venue.start, alice.account)
    venue.set_price(BTC, 48_215 * WAD)
    venue.start(alice.account)


def test_liquidation__partial_takes__cure_the_account(venue: Venue) -> None:
    maker, taker = people(venue, "maker", "taker", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.rejected("liquidation: not below margin", venue.start, alice.account)
    venue.move(BTC, -40_000)
    venue.start(alice.account)
    before = venue.client.health(alice.account)
    terms = venue.client.take_terms(alice.account, BTC)
    assert 0 < terms["size_max"] < 10 * WAD
    events = venue.take(taker, alice.account, BTC, terms["size_min"])
    after = venue.client.health(alice.account)
    assert after["equity"] * before["mm"] >= before["equity"] * after["mm"]
    assert not named(events, "AuctionEnded")
    check_everything(venue)
    events = venue.take(taker, alice.account, BTC)
    assert named(events, "AuctionEnded")
    assert not named(venue.events, "Drawn")
    assert venue.client.clearinghouse.read("fee_balances")[1] > 0
    assert venue.client.leg(alice.account, BTC)["size"] > 0


def test_liquidation__bankrupt_takes__draw_junior_once(venue: Venue) -> None:
    taker = people(venue, "taker", tokens=1_000_000)[0]
    alice = bankrupt(venue)
    equity = venue.client.health(alice.account)["equity"]
    assert venue.client.waterfall.read("reservation", alice.account)[1] == -equity > 0
    others = venue.client.health(venue.person("maker").account)["equity"]
    events = venue.take(taker, alice.account, BTC, 4 * WAD)
    assert not named(events, "Drawn")
    assert venue.client.waterfall.read("reservation", alice.account)[1] > 0
    check_everything(venue)
    events = venue.take(taker, alice.account, BTC)
    drawn, finished = one(events, "Drawn"), one(events, "Finished")
    assert drawn["layer"] == JUNIOR
    assert drawn["units"] == finished["loss"] == finished["covered"]
    assert venue.client.health(alice.account)["equity"] == 0
    assert not venue.client.waterfall.read("exits_blocked")
    moved = abs(venue.client.health(venue.person("maker").account)["equity"] - others)
    assert moved < WAD, "funding only"


def test_liquidation__loss_above_juniors_limit__draws_junior_then_senior(venue: Venue) -> None:
    taker = people(venue, "taker", tokens=3_000_000)[0]
    alice = bankrupt(venue, fall=-170_000)
    room = venue.client.waterfall.read("reservation", alice.account)
    assert room[1] == 100_001 * WAD // 4, "a quarter of junior for one market"
    assert room[2] > 0
    events = venue.take(taker, alice.account, BTC)
    assert [e["layer"] for e in named(events, "Drawn")] == [JUNIOR, SENIOR]
    finished = one(events, "Finished")
    assert finished["shortfall"] == 0
    assert sum(e["units"] for e in named(events, "Drawn")) == finished["loss"]


def test_liquidation__thin_equity__junior_pays_the_concession(venue: Venue) -> None:
    maker, taker = people(venue, "maker", "taker", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.move(BTC, -58_000)
    venue.start(alice.account)
    junior = venue.client.junior.read("totalAssets")
    terms = venue.client.take_terms(alice.account, BTC)
    assert terms["account_concession_ppm"] < terms["concession_ppm"]
    events = venue.take(taker, alice.account, BTC, 2 * WAD)
    paid, taken = one(events, "ConcessionPaid"), one(events, "Taken")
    assert taken["insurance_concession"] == paid["units"] > 0
    assert venue.client.junior.read("totalAssets") == junior - paid["tokens"]
    notional = taken["size"] * taken["mark"] // WAD
    assert paid["units"] <= notional // 100


def test_take_with_order__signed_liquidation_only(venue: Venue) -> None:
    maker, taker = people(venue, "maker", "taker", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    flags = Flags.LIQUIDATION_ONLY
    order = venue.signed(taker, BTC, 10 * WAD, venue.mark(BTC), flags=flags)
    plain = venue.signed(maker, BTC, -WAD, venue.mark(BTC))
    venue.rejected("order: liquidation-only", venue.settle_one, plain, order, WAD)
    venue.move(BTC, -40_000)
    venue.start(alice.account)
    exchange = venue.client.exchange
    call = (exchange, "take_with_order", order.as_tuple(), alice.account, 3 * WAD)
    venue.send(venue.keeper, *call)
    size = venue.client.leg(taker.account, BTC)["size"]
    assert 0 < size <= 3 * WAD
    assert exchange.read("filled", venue.client.domain.hash(order.order)) == size


def test_deposit__into_started_account__ends_the_auction(venue: Venue) -> None:
    maker = people(venue, "maker", tokens=1_000_000)[0]
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.move(BTC, -40_000)
    venue.start(alice.account)
    venue.rejected("account: under liquidation", venue.withdraw, alice, 1)
    events = venue.deposit(maker, 50_000, alice.account)
    assert named(events, "AuctionEnded")
    venue.withdraw(alice, 10**6)


def test_fill__bankrupt_account_closes_at_mark__is_drawn_in_the_call(venue: Venue) -> None:
    alice = bankrupt(venue)
    bob = people(venue, "bob", tokens=1_000_000)[0]
    price = venue.mark(BTC)
    maker = venue.signed(bob, BTC, 10 * WAD, price, flags=Flags.POST_ONLY)
    taker = unsigned(venue.order(alice.account, BTC, -10 * WAD, price))
    events = venue.settle_one(maker, taker, 10 * WAD, alice.signer)
    assert one(events, "Finished")["shortfall"] == 0
    assert venue.client.health(alice.account)["equity"] == 0
    assert alice.account not in venue.started()


def test_start__flat_account_with_negative_cash__is_finished_in_the_call(venue: Venue) -> None:
    """A re-match closes a loser's whole position: what is left of it is debt alone."""
    maker = people(venue, "maker", tokens=2_000_000)[0]
    loser, alice = venue.person("loser"), venue.person("alice")
    venue.deposit(loser, 30_000)
    venue.deposit(alice, 60_000)
    # the loser is the only short in BTC; alice is long there and ruined by ETH
    venue.trade(alice, loser, BTC, 10 * WAD)
    venue.trade(alice, maker, ETH, 250 * WAD)
    venue.move(BTC, 65_000)
    venue.move(ETH, -195_000)
    venue.move(ETH, -60_000)
    venue.start(alice.account)
    venue.wait(AUCTION_S)
    venue.resolve_all()
    assert venue.client.leg(loser.account, BTC)["size"] == 0
    debt = -venue.client.health(loser.account)["equity"]
    assert debt > 0
    events = venue.start(loser.account)
    assert one(events, "Finished")["loss"] == debt
    assert venue.client.health(loser.account)["equity"] == 0
    assert not venue.started()
