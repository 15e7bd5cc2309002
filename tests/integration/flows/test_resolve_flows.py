"""Auctions that ran out and losses that do not fit: re-matching, haircuts, shortfalls."""

from __future__ import annotations

from plimsoll.contract import Event
from tests.support.books import check_everything
from tests.support.flows import leveraged, one, people, tighten
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DAY_S,
    DOGE,
    ETH,
    PPM,
    RAY,
    SCALE,
    WAD,
    Person,
    Venue,
    named,
)


def test_resolve__auction_run_out_solvent__rematches_at_a_discount(venue: Venue) -> None:
    maker, holder = people(venue, "maker", "holder", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.trade(holder, maker, BTC, WAD)
    venue.move(BTC, -40_000)
    venue.start(alice.account)
    venue.rejected("liquidation: nothing to resolve", venue.resolve)
    venue.wait(AUCTION_S)
    before = venue.client.health(maker.account)["equity"]
    events = venue.resolve()
    rematched = one(events, "Rematched")
    assert rematched["discount_ppm"] > 0
    assert named(events, "AuctionEnded")
    assert venue.client.health(maker.account)["equity"] > before, "paid for being re-matched"
    assert not named(events, "Drawn")
    health = venue.client.health(alice.account)
    assert health["equity"] * PPM >= 1_200_000 * health["mm"] > 0
    for person in (alice, maker, holder):
        venue.send(venue.keeper, venue.client.clearinghouse, "sync", person.account, BTC)


def short_winners(venue: Venue, entries: list[int], sizes: list[int]) -> list[Person]:
    """Shorts with different entries, in different buckets, against one rich long."""
    rich = venue.person("rich")
    venue.deposit(rich, 3_000_000)
    winners = []
    for number, (change, size) in enumerate(zip(entries, sizes, strict=True)):
        winner = venue.person(f"winner{number}")
        venue.deposit(winner, 200_000)
        venue.set_class(winner, BTC, number % 5)
        venue.move(BTC, change)
        venue.trade(rich, winner, BTC, size * WAD)
        winners.append(winner)
    return winners


def test_resolve__waterfall_short__haircut_and_rematch_in_small_steps(venue: Venue) -> None:
    tighten(venue)
    winners = short_winners(venue, [0, 20_000, 20_000, -30_000], [3, 4, 2, 5])
    maker = people(venue, "maker", tokens=2_000_000)[0]
    alice = leveraged(venue, "alice", maker, BTC, 20 * WAD, 60_000)
    late = people(venue, "late", tokens=400_000)[0]
    venue.move(BTC, -100_000)
    rich = venue.person("rich")
    venue.trade(rich, late, BTC, WAD)
    bystander = people(venue, "bystander")[0]
    start_equity = {p.name: venue.client.health(p.account)["equity"] for p in (*winners, maker)}
    venue.start(alice.account)
    reserved = sum(venue.client.waterfall.read("reservation", alice.account))
    loss = -venue.client.health(alice.account)["equity"]
    assert 0 < reserved < loss
    taker = people(venue, "taker", tokens=1_000_000)[0]
    venue.rejected("liquidation: loss not reserved", venue.take, taker, alice.account, BTC)

    calls = 0
    events: list[Event] = []
    while not named(events, "Finished"):
        events += venue.resolve(1)
        calls += 1
        assert calls < 50
        check_everything(venue)
    assert calls > 3, "several calls"
    haircut = one(events, "HaircutSet")
    frozen, leg = one(events, "AdlFrozen"), one(events, "LegFrozen")
    assert haircut["credited"] == min(frozen["uncovered"], haircut["profit"])
    assert {e["price"] for e in named(events, "BucketRematched")} == {leg["mark"]}
    assert sum(e["size"] for e in named(events, "BucketRematched")) == 20 * WAD
    finished = one(events, "Finished")
    assert finished["covered"] + haircut["credited"] + finished["shortfall"] >= frozen["deficit"]
    paid = {
        p.name: start_equity[p.name] - venue.client.health(p.account)["equity"]
        for p in (*winners, maker)
    }
    assert all(amount > 0 for amount in paid.values())
    assert venue.client.health(bystander.account)["equity"] == 100_000 * WAD
    assert venue.client.custody.read("redemption_rate") == RAY


def test_resolve__no_winner_left__shortfall_lowers_the_rate_and_repayment_restores_it(
    venue: Venue,
) -> None:
    tighten(venue)
    maker = people(venue, "maker", tokens=2_000_000)[0]
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.move(BTC, -100_000)
    # the winner takes its profit at the mark: nobody left has any
    fresh = people(venue, "fresh", tokens=600_000)[0]
    venue.trade(maker, fresh, BTC, 10 * WAD)
    venue.start(alice.account)
    events = venue.resolve_all()
    venue.wait(AUCTION_S)
    events += venue.resolve_all()
    finished = one(events, "Finished")
    assert finished["shortfall"] > 0
    rate = venue.client.custody.read("redemption_rate")
    assert rate < RAY
    check_everything(venue)

    late = venue.person("late")
    venue.deposit(late, 1_000)
    credited = venue.client.health(late.account)["cash"]
    assert credited >= 1_000 * WAD * RAY // rate - 1
    venue.withdraw(late, credited // SCALE)
    assert 1_000 * 10**6 - 2 <= venue.balance(late.address) <= 1_000 * 10**6

    short = int(finished["shortfall"] // WAD) + 1
    donor = venue.person("donor")
    venue.mint(donor.signer, short, venue.client.custody.address)
    venue.send(donor.signer, venue.client.custody, "contribute", short * 10**6)
    assert venue.client.custody.read("redemption_rate") < RAY
    for _ in range(8):
        venue.wait(DAY_S)
    assert venue.client.custody.read("redemption_rate") == RAY


def test_queue__two_bankrupt_accounts__one_after_the_other(venue: Venue) -> None:
    tighten(venue)
    maker = people(venue, "maker", tokens=4_000_000)[0]
    first = leveraged(venue, "first", maker, BTC, 20 * WAD, 60_000)
    second = leveraged(venue, "second", maker, BTC, 10 * WAD, 30_000)
    venue.move(BTC, -100_000)
    for person in (second, first):
        venue.start(person.account)
    events = venue.resolve_all(max_buckets=2)
    order = [e["account"] for e in named(events, "Finished")]
    assert order == [second.account, first.account]
    assert venue.client.health(first.account)["equity"] == 0
    assert len(named(venue.events, "AdlFrozen")) == 2


def test_resolve__multi_market_account__weights_split_the_loss(venue: Venue) -> None:
    tighten(venue)
    maker, other = people(venue, "maker", "other", tokens=2_000_000)
    alice = venue.person("alice")
    venue.deposit(alice, 90_000)
    venue.trade(alice, maker, BTC, 10 * WAD)
    venue.trade(alice, other, ETH, 200 * WAD)
    venue.trade(other, alice, DOGE, 400_000 * WAD)
    venue.move(DOGE, -20_000)
    venue.move(ETH, -150_000)
    venue.move(BTC, -100_000)
    events = venue.start(alice.account)
    weights = one(events, "AuctionStarted")["weights"]
    assert weights, "loss weights are fixed at the start"
    venue.wait(AUCTION_S)
    events = venue.resolve_all(max_buckets=1)
    frozen = one(events, "AdlFrozen")
    legs = {e["market"]: e for e in named(events, "LegFrozen")}
    assert set(legs) == {BTC, ETH, DOGE}
    assert legs[DOGE]["uncovered"] == 0, "a leg in profit bears no loss"
    parts = legs[BTC]["uncovered"] + legs[ETH]["uncovered"]
    assert 0 <= parts - frozen["uncovered"] <= 2
    # 10 BTC lost 5,000 each, 200 ETH lost 300 each
    share = 50_000 * 5_000 * 10 // (5_000 * 10 + 300 * 200)
    assert abs(legs[BTC]["uncovered"] * 50_000 // frozen["uncovered"] - share) <= 1
    assert one(events, "Finished")["account"] == alice.account


def test_dead_feed__other_legs_go_on(venue: Venue) -> None:
    maker, taker = people(venue, "maker", "taker", tokens=2_000_000)
    alice = venue.person("alice")
    venue.deposit(alice, 40_000)
    venue.trade(alice, maker, BTC, 10 * WAD)
    venue.trade(alice, maker, DOGE, 4_000 * WAD)
    venue.stop_feed(DOGE)
    venue.move(BTC, -58_000)
    venue.start(alice.account)
    assert not venue.client.health(alice.account)["priced"]
    venue.rejected("liquidation: no price", venue.take, taker, alice.account, DOGE)
    venue.take(taker, alice.account, BTC)
    check_everything(venue)
    venue.move(BTC, -100_000)
    if alice.account not in venue.started():
        venue.start(alice.account)
    venue.wait(AUCTION_S)
    venue.resolve_all()
    venue.set_price(DOGE, venue.mark(DOGE))
    venue.send(venue.keeper, venue.client.liquidator, "remark", alice.account)
    venue.resolve_all()
    # the grace after the outage, and what is left of the auction
    for _ in range(2):
        venue.wait(AUCTION_S)
        venue.resolve_all()
    assert venue.client.health(alice.account)["equity"] >= 0
