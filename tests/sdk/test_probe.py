from __future__ import annotations

from typing import Any

import pytest

from plimsoll.accounts import account_id
from plimsoll.chain.revm import RevmChain
from plimsoll.fuzz.probe import State, StateProbe
from tests.support.venue import BTC, DOGE, ETH, MARKETS, WAD, Venue

HEALTH = ("equity", "equity_im", "mm", "im", "cash", "priced")
LEG = ("size", "entry", "accrued", "mark", "priced", "notional", "mm", "im", "mm_rate_ppm")
JOB = ("account", "started", "deficit", "reserved", "uncovered", "credited", "legs", "leg", "phase")
BOOKS = ("backing", "unvested", "fees_in_transit", "uncounted", "claims")
VAULT = {"assets": "totalAssets", "supply": "totalSupply", "requested": "requested_assets"}


@pytest.fixture(scope="module")
def venue() -> Venue:
    """Positions on both sides, a started account whose loss is reserved, a withdrawal request."""
    venue = Venue(RevmChain())
    ann, ben, cem = (venue.person(name) for name in ("ann", "ben", "cem"))
    venue.deposit(ann, 3_000)
    venue.deposit(ben, 500_000)
    venue.deposit(cem, 100_000)
    venue.trade(ann, ben, BTC, WAD)
    venue.trade(ben, cem, ETH, 3 * WAD)
    venue.trade(cem, ben, DOGE, 9_000 * WAD)
    insurer = venue.person("insurer").signer
    venue.send(insurer, venue.client.senior, "request_withdrawal", 10**15)
    venue.wait(1_000)
    venue.move(BTC, -70_000)
    venue.start(ann.account)
    venue.stop_feed(DOGE)
    return venue


def accounts_of(venue: Venue) -> list[int]:
    reserve = account_id(venue.client.clearinghouse.address)
    return [reserve, *(venue.person(name).account for name in ("ann", "ben", "cem", "nobody"))]


def read(venue: Venue, probe: StateProbe, **options: bool) -> State:
    accounts = accounts_of(venue)
    holders = [int(venue.person("insurer").address, 16), int(venue.timelock, 16)]
    return probe.read(accounts, accounts, MARKETS, holders, **options)


@pytest.fixture(scope="module")
def probe(venue: Venue) -> StateProbe:
    client = venue.client
    neighbours = (client.clearinghouse, client.custody, client.liquidator, client.waterfall)
    contract = venue.deploy("StateProbe", *(neighbour.address for neighbour in neighbours))
    return StateProbe(venue.rpc, contract.address)


@pytest.fixture(scope="module")
def state(venue: Venue, probe: StateProbe) -> State:
    return read(venue, probe)


def as_numbers(values: dict[str, Any], names: tuple[str, ...]) -> list[int]:
    return [int(values[name]) for name in names]


def test_read__poked_or_not__is_the_same(venue: Venue, probe: StateProbe, state: State) -> None:
    number = venue.rpc.block_number()
    assert read(venue, probe, poked=False) == state
    assert venue.rpc.block_number() == number


def test_read__accounts__as_the_views_say(venue: Venue, state: State) -> None:
    assert list(state.accounts) == accounts_of(venue)
    started = 0
    for account, seen in state.accounts.items():
        health = venue.client.health(account)
        assert [getattr(seen, name) for name in HEALTH] == as_numbers(health, HEALTH)
        assert bool(seen.started) == venue.client.clearinghouse.read("is_started", account)
        assert seen.markets == len(venue.client.clearinghouse.read("markets_of", account))
        auction = venue.client.liquidator.read("auction", account)
        assert list(seen[10:15]) == list(auction.values())
        assert list(seen[15:]) == venue.client.waterfall.read("reservation", account)
        started += seen.started
    assert started == 1
    assert any(seen.junior_reserved for seen in state.accounts.values())
    assert any(seen.equity < 0 for seen in state.accounts.values())


def test_read__legs__as_the_views_say(venue: Venue, state: State) -> None:
    places = [
        (account, market)
        for account in accounts_of(venue)
        for market in venue.client.clearinghouse.read("markets_of", account)
    ]
    assert list(state.legs) == places
    assert len(places) == 6
    for (account, market), seen in state.legs.items():
        leg = venue.client.leg(account, market)
        assert [getattr(seen, name) for name in LEG] == as_numbers(leg, LEG)
        assert seen.leverage_class == leg["leverage_class"]
    assert any(seen.size < 0 for seen in state.legs.values())


def test_read__markets__as_the_views_say(venue: Venue, state: State) -> None:
    ledger = venue.client.clearinghouse
    assert list(state.markets) == list(MARKETS)
    for market, seen in state.markets.items():
        assert (seen.mark, bool(seen.priced)) == ledger.read("mark", market)
        assert (seen.funding_index, seen.funding_rate_ppb) == ledger.read("funding", market)
        assert (seen.long_interest, seen.short_interest) == ledger.read("open_interest", market)
    assert [seen.priced for seen in state.markets.values()] == [1, 1, 0]


def test_read__books__as_the_views_say(venue: Venue, state: State) -> None:
    client, books = venue.client, state.books
    custody = client.custody.read("reconciliation")
    assert [getattr(books, name) for name in BOOKS] == as_numbers(custody, BOOKS)
    assert books.custody_balance == custody["balance"]
    assert books.redemption_rate == client.custody.read("redemption_rate")
    assert books[7:9] == client.clearinghouse.read("fee_balances")
    for name, vault, layer in (("junior", client.junior, 3), ("senior", client.senior, 4)):
        for field, view in VAULT.items():
            assert getattr(books, f"{name}_{field}") == vault.read(view)
        assert getattr(books, f"{name}_balance") == venue.balance(vault.address)
        assert getattr(books, f"{name}_generation") == vault.read("generation")
        assert getattr(books, f"{name}_reserved") == client.waterfall.read("reserved_total", layer)
    assert bool(books.exits_blocked) == client.waterfall.read("exits_blocked")
    assert books.exits_blocked
    assert books.resolving == client.liquidator.read("resolving")
    job = client.clearinghouse.read("adl_job")
    assert [getattr(books, f"job_{name}") for name in JOB] == as_numbers(job, JOB)
    assert books[-5:-1] == client.liquidator.read("queue_bounds")
    assert books.capital == client.waterfall.read("capital")
    assert books.senior_offered == client.senior.read("offered_assets")
    assert books.senior_requested


def test_read__holders__as_the_views_say(venue: Venue, state: State) -> None:
    client = venue.client
    for number, seen in state.holders.items():
        holder = f"0x{number:040x}"
        assert seen.tokens == venue.balance(holder)
        assert seen.junior_shares == client.junior.read("balanceOf", holder)
        assert seen.senior_shares == client.senior.read("balanceOf", holder)
        assert seen[4:6] == client.junior.read("withdrawal_request", holder)[:2]
        assert seen[6:] == client.senior.read("withdrawal_request", holder)[:2]
    insurer, owner = state.holders.values()
    assert insurer.senior_shares
    assert insurer.senior_request
    assert owner.junior_shares


def test_read__nothing_asked__books_only(probe: StateProbe, state: State) -> None:
    alone = probe.read()
    assert alone.books == state.books
    assert (alone.accounts, alone.legs, alone.markets, alone.holders) == ({}, {}, {}, {})
