"""Every way to trade, and what is refused, nothing mocked."""

from __future__ import annotations

from plimsoll.accounts import account_id
from plimsoll.orders import Flags, Match, SignedOrder, unsigned
from tests.support.flows import leveraged, one, people
from tests.support.venue import BTC, ETH, FOREVER, WAD, Venue


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


def test_order_signed_for_another_venue__is_refused(venue: Venue) -> None:
    alice, bob = people(venue, "alice", "bob")
    mark = venue.mark(BTC)
    order = venue.order(alice.account, BTC, WAD, mark, flags=Flags.POST_ONLY)
    signature = venue.client.domain.sign(order.replaced(size=2 * WAD), alice.key).signature
    maker = SignedOrder(order, alice.address, signature)
    taker = unsigned(venue.order(bob.account, BTC, -WAD, mark))
    venue.rejected("order: wrong signature", venue.settle_one, maker, taker, WAD, bob.signer)


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
