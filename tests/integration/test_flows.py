"""The whole protocol, one test per flow, nothing mocked; the books are checked after each.

Chains are fast and fresh: every test starts from the same funded venue.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from plimsoll.accounts import account_id
from plimsoll.contract import Event
from plimsoll.orders import Flags, Match, SignedOrder, unsigned
from tests.support.books import check_everything
from tests.support.flows import checked, leveraged, one, people, tighten
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DAY_S,
    DOGE,
    ETH,
    FOREVER,
    JUNIOR,
    PPM,
    RAY,
    SCALE,
    SENIOR,
    WAD,
    Person,
    Venue,
    named,
    running_venue,
)


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    with running_venue() as venue:
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with checked(running) as venue:
        yield venue


# --- deposit, trade, withdraw --------------------------------------------------------------


def test_deposit_trade_withdraw__by_approval__pays_equity_out(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    venue.trade(alice, bob, BTC, WAD)
    venue.move(BTC, 20_000)
    check_everything(venue)
    venue.trade(bob, alice, BTC, WAD)
    cash = venue.client.health(alice.account)["cash"]
    assert cash == venue.client.health(alice.account)["equity"]
    venue.withdraw(alice, cash // SCALE)
    venue.withdraw(bob, venue.client.health(bob.account)["cash"] // SCALE)
    assert 100_900 * 10**6 < venue.balance(alice.address) < 101_000 * 10**6
    assert venue.client.health(alice.account)["equity"] < SCALE


def test_deposit__by_permit__needs_no_approval(venue: Venue) -> None:
    alice = venue.person("alice")
    token, custody = venue.client.token, venue.client.custody
    venue.send(alice.signer, token, "mint", alice.address, 5 * 10**6)
    fields = [("owner", "address"), ("spender", "address"), ("value", "uint256")]
    fields += [("nonce", "uint256"), ("deadline", "uint256")]
    message = {
        "owner": alice.address,
        "spender": custody.address,
        "value": 5 * 10**6,
        "nonce": token.read("nonces", alice.address),
        "deadline": FOREVER,
    }
    domain = {
        "name": token.read("name"),
        "version": "1",
        "chainId": venue.deployment.chain_id,
        "verifyingContract": token.address,
    }
    types = {"Permit": [{"name": name, "type": kind} for name, kind in fields]}
    permit = Account.from_key(alice.key).sign_message(encode_typed_data(domain, types, message))
    words = (permit.r.to_bytes(32, "big"), permit.s.to_bytes(32, "big"))
    venue.accounts.add(alice.account)
    arguments = (alice.account, 5 * 10**6, FOREVER, permit.v, *words)
    venue.send(alice.signer, custody, "deposit_with_permit", *arguments)
    assert venue.client.health(alice.account)["cash"] == 5 * WAD


def test_deposit__for_another_account__belongs_to_its_owner(venue: Venue) -> None:
    alice, bob = venue.person("alice"), venue.person("bob")
    venue.deposit(alice, 10, bob.sub(7))
    assert venue.client.health(bob.sub(7))["cash"] == 10 * WAD
    venue.rejected("custody: only owner", venue.withdraw, alice, 1, bob.sub(7))
    venue.withdraw(bob, 10 * 10**6, bob.sub(7))
    assert venue.balance(bob.address) == 10 * 10**6


def test_withdraw__one_unit_into_initial_margin__reverts(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    venue.trade(alice, bob, BTC, 10 * WAD)
    health = venue.client.health(alice.account)
    free = (health["equity_im"] - health["im"]) // SCALE
    # the next block's funding may cost a little
    venue.rejected("margin: below initial", venue.withdraw, alice, free + 1)
    venue.withdraw(alice, free - 10_000)
    health = venue.client.health(alice.account)
    assert 0 <= health["equity_im"] - health["im"] <= 10_001 * SCALE


# --- ways to trade -------------------------------------------------------------------------


def test_settle__many_matches__moves_equal_and_opposite(venue: Venue) -> None:
    alice, bob, carol = people(venue, "alice", "bob", "carol")
    mark = venue.mark(ETH)
    orders = [
        venue.signed(alice, ETH, 30 * WAD, mark, flags=Flags.POST_ONLY),
        venue.signed(bob, ETH, -10 * WAD, mark),
        venue.signed(carol, ETH, -20 * WAD, mark),
    ]
    venue.settle(orders, [Match(0, 1, 10 * WAD), Match(0, 2, 20 * WAD)])
    sizes = [venue.client.leg(p.account, ETH)["size"] for p in (alice, bob, carol)]
    assert sizes == [30 * WAD, -10 * WAD, -20 * WAD]


def test_settle__one_bad_match__undoes_all_and_names_it(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    poor = venue.person("poor")
    mark = venue.mark(ETH)
    orders = [
        venue.signed(alice, ETH, 30 * WAD, mark, flags=Flags.POST_ONLY),
        venue.signed(bob, ETH, -10 * WAD, mark),
        venue.signed(poor, ETH, -20 * WAD, mark),
    ]
    matches = [Match(0, 1, 10 * WAD), Match(0, 2, 20 * WAD)]
    venue.rejected("#1 margin: below initial", venue.settle, orders, matches)
    assert venue.client.leg(alice.account, ETH)["size"] == 0


def test_try_settle__one_bad_match__skips_it(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    poor = venue.person("poor")
    mark = venue.mark(ETH)
    orders = [
        venue.signed(alice, ETH, 30 * WAD, mark, flags=Flags.POST_ONLY),
        venue.signed(poor, ETH, -20 * WAD, mark),
        venue.signed(bob, ETH, -10 * WAD, mark),
    ]
    events = venue.settle(
        orders, [Match(0, 1, 20 * WAD), Match(0, 2, 10 * WAD)], function="try_settle"
    )
    skipped = one(events, "FillSkipped")
    assert (skipped["index"], skipped["reason"]) == (0, b"margin: below initial")
    assert venue.client.leg(bob.account, ETH)["size"] == -10 * WAD


def test_settle_one__unsigned_taker__counts_for_its_sender_only(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    attacker = venue.person("attacker")
    mark = venue.mark(BTC)
    maker = venue.signed(alice, BTC, WAD, mark, flags=Flags.POST_ONLY)
    taker = unsigned(venue.order(bob.account, BTC, -WAD, mark))
    venue.rejected("order: not signed", venue.settle_one, maker, taker, WAD, attacker.signer)
    venue.settle_one(maker, taker, WAD, bob.signer)
    assert venue.client.leg(bob.account, BTC)["size"] == -WAD


def test_isolated_account__second_market__reverts(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    venue.send(alice.signer, venue.client.clearinghouse, "open_isolated", 1)
    venue.deposit(alice, 10_000, alice.sub(1))
    venue.trade(alice, bob, BTC, WAD, buyer_account=alice.sub(1))
    venue.rejected(
        "account: too many markets",
        venue.trade,
        alice,
        bob,
        ETH,
        WAD,
        buyer_account=alice.sub(1),
    )
    venue.move(BTC, -190_000)
    venue.start(alice.sub(1))
    assert venue.client.health(alice.account)["equity"] == 100_000 * WAD


def test_agent__trades_within_its_permit_and_never_withdraws(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    agent = venue.person("agent")
    exchange = venue.client.exchange
    permit = (alice.account, agent.address, FOREVER, 1 << ETH, 20 * WAD)
    venue.send(alice.signer, exchange, "set_agent", *permit)
    mark = venue.mark(ETH)
    order = venue.order(alice.account, ETH, 20 * WAD, mark, flags=Flags.POST_ONLY)
    taker = unsigned(venue.order(bob.account, ETH, -20 * WAD, mark))
    maker = venue.client.domain.sign(order, agent.key)
    venue.settle_one(maker, taker, 20 * WAD, bob.signer)
    assert venue.client.leg(alice.account, ETH)["size"] == 20 * WAD

    large = venue.client.domain.sign(order.replaced(size=20 * WAD + 1, salt=10**9), agent.key)
    venue.rejected("agent: order too large", venue.settle_one, large, taker, WAD, bob.signer)
    elsewhere = venue.client.domain.sign(order.replaced(market=BTC), agent.key)
    venue.rejected("agent: wrong market", venue.settle_one, elsewhere, taker, WAD, bob.signer)
    venue.rejected("custody: only owner", venue.withdraw, agent, 1, alice.account)


def test_erc1271_wallet__trades_by_its_owners_signature(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    wallet = venue.deploy("Erc1271Wallet", alice.address)
    account = account_id(wallet.address)
    venue.deposit(alice, 10_000, account)
    mark = venue.mark(BTC)
    order = venue.order(account, BTC, WAD, mark, flags=Flags.POST_ONLY)
    taker = unsigned(venue.order(bob.account, BTC, -WAD, mark))
    forged = venue.client.domain.sign_for_wallet(order, bob.key)
    venue.rejected("order: wrong signature", venue.settle_one, forged, taker, WAD, bob.signer)
    venue.settle_one(venue.client.domain.sign_for_wallet(order, alice.key), taker, WAD, bob.signer)
    assert venue.client.leg(account, BTC)["size"] == WAD


def test_cancel__order_is_void_for_good(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    mark = venue.mark(BTC)
    maker = venue.signed(alice, BTC, 2 * WAD, mark, flags=Flags.POST_ONLY)
    taker = unsigned(venue.order(bob.account, BTC, -WAD, mark))
    venue.settle_one(maker, taker, WAD, bob.signer)
    venue.send(alice.signer, venue.client.exchange, "cancel", maker.order.as_tuple())
    venue.rejected("order: cancelled", venue.settle_one, maker, taker, WAD, bob.signer)


# --- liquidation ---------------------------------------------------------------------------


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


def bankrupt(venue: Venue, tokens: int = 30_000, size: int = 10, fall: int = -80_000) -> Person:
    """A started account whose equity is negative, long BTC against the rich maker."""
    maker = venue.person("maker")
    if maker.account not in venue.accounts:
        venue.deposit(maker, 2_000_000)
    alice = leveraged(venue, "alice", maker, BTC, size * WAD, tokens)
    venue.move(BTC, fall)
    venue.start(alice.account)
    return alice


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


def test_start__at_the_border_of_maintenance_margin__only_below(venue: Venue) -> None:
    maker = people(venue, "maker", tokens=1_000_000)[0]
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    # equity 29,900 - 10 * (50,000 - M) meets 2.5 % of 10 * M at M = 48,215.4
    venue.set_price(BTC, 48_216 * WAD)
    venue.rejected("liquidation: not below margin", venue.start, alice.account)
    venue.set_price(BTC, 48_215 * WAD)
    venue.start(alice.account)


def test_trade__one_step_into_initial_margin__reverts(venue: Venue) -> None:
    maker = people(venue, "maker", tokens=1_000_000)[0]
    alice = people(venue, "alice", tokens=10_000)[0]
    # 5 % and a fee of 0.02 % of N meet 10,000 at N = 199,203
    too_much = 3_985 * WAD // 1_000
    venue.rejected("margin: below initial", venue.trade, alice, maker, BTC, too_much)
    venue.trade(alice, maker, BTC, 3_980 * WAD // 1_000)


def test_trade__reduction_at_a_bad_price_below_initial_margin__reverts(venue: Venue) -> None:
    maker, friend = people(venue, "maker", "friend", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.set_price(BTC, 48_300 * WAD)
    low = 48_300 * WAD * 96 // 100
    venue.rejected("margin: ratio worsened", venue.trade, friend, alice, BTC, 5 * WAD, low)
    venue.trade(friend, alice, BTC, 5 * WAD)


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


def test_vault_exits__blocked_while_a_reservation_stands(venue: Venue) -> None:
    insurer, senior = venue.person("insurer"), venue.client.senior
    shares = senior.read("balanceOf", insurer.address) // 2
    venue.send(insurer.signer, senior, "request_withdrawal", shares)
    for _ in range(14):
        venue.wait(DAY_S)
    taker = people(venue, "taker", tokens=1_000_000)[0]
    alice = bankrupt(venue)
    leave = (insurer.signer, senior, "redeem", shares, insurer.address, insurer.address)
    assert senior.read("maxRedeem", insurer.address) == 0
    venue.rejected("vault: loss pending", venue.send, *leave)
    venue.take(taker, alice.account, BTC)
    venue.send(*leave)
    assert venue.balance(insurer.address) > 199_000 * 10**6


def test_sweep_fees__trading_to_junior_insurance_by_capital(venue: Venue) -> None:
    maker, taker = people(venue, "maker", "taker", tokens=1_000_000)
    alice = leveraged(venue, "alice", maker, BTC, 10 * WAD, 30_000)
    venue.move(BTC, -40_000)
    venue.start(alice.account)
    venue.take(taker, alice.account, BTC)
    trading, insurance = venue.client.clearinghouse.read("fee_balances")
    assert trading
    assert insurance
    before = [v.read("totalAssets") for v in (venue.client.junior, venue.client.senior)]
    venue.send(venue.keeper, venue.client.custody, "sweep_fees")
    after = [v.read("totalAssets") for v in (venue.client.junior, venue.client.senior)]
    senior_part = insurance * before[1] // (before[0] + before[1]) // SCALE
    assert after[1] - before[1] == senior_part
    assert after[0] - before[0] in range((trading + insurance) // SCALE - senior_part - 1, 10**12)
    assert venue.client.clearinghouse.read("fee_balances") == (0, 0)


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


def test_order_signed_for_another_venue__is_refused(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    mark = venue.mark(BTC)
    order = venue.order(alice.account, BTC, WAD, mark, flags=Flags.POST_ONLY)
    signature = venue.client.domain.sign(order.replaced(size=2 * WAD), alice.key).signature
    maker = SignedOrder(order, alice.address, signature)
    taker = unsigned(venue.order(bob.account, BTC, -WAD, mark))
    venue.rejected("order: wrong signature", venue.settle_one, maker, taker, WAD, bob.signer)
