"""Deposits, withdrawals, fees and the exits of insurers, nothing mocked."""

from __future__ import annotations

from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.support.books import check_everything
from tests.support.flows import bankrupt, leveraged, people
from tests.support.venue import BTC, DAY_S, FOREVER, SCALE, WAD, Venue


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
