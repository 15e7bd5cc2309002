"""Open interest backed by real vaults: when caps are set, from what, and who may still leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plimsoll import artifacts
from plimsoll.contract import Contract, NodeSigner
from plimsoll.errors import ContractReverted
from tests.support.flows import undone
from tests.support.venue import (
    AUCTION_S,
    BTC,
    DAY_S,
    ETH,
    PPM,
    WAD,
    Person,
    Venue,
    named,
    running_venue,
)

KAPPA, SHARE, GAP = 2 * PPM, PPM // 2, PPM // 5  # caps are five times the capital
TERMS = (KAPPA, SHARE, GAP)
BUCKET_S = 300
UNIT = 10**6
SENIOR_NOTICE_S = 14 * DAY_S
WIDE = 2_000  # ppm, a fee cap with room for the surcharge


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    with running_venue() as venue:
        for market in (BTC, ETH):
            set_terms(venue, market)
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with undone(running):
        yield running


def set_terms(venue: Venue, market: int, terms: tuple[int, int, int] = TERMS) -> None:
    with venue.owner() as owner:
        venue.send(owner, venue.client.clearinghouse, "set_buffer_terms", market, terms)


def cap(venue: Venue, market: int = BTC) -> int:
    return int(venue.client.clearinghouse.read("buffer_cap", market))


def capital(venue: Venue) -> int:
    return int(venue.client.waterfall.read("capital"))


def rounded(quote: int) -> int:
    """What is left of an amount of at least 1,024 quote units in 11 binary digits."""
    units = quote // WAD
    cut = units.bit_length() - 11
    return (units >> cut << cut) * WAD


def expected(venue: Venue) -> int:
    return rounded(KAPPA * SHARE * capital(venue) // (GAP * PPM))


def next_mark(venue: Venue) -> int:
    now = venue.rpc.timestamp()
    return int(now - now % BUCKET_S + BUCKET_S)


def invest(venue: Venue, who: Person, tokens: int) -> None:
    venue.mint(who.signer, tokens, venue.client.senior.address)
    venue.send(who.signer, venue.client.senior, "deposit", tokens * UNIT, who.address)


def give_notice(venue: Venue, who: Person, share_ppm: int = PPM) -> int:
    shares = int(venue.client.senior.read("balanceOf", who.address)) * share_ppm // PPM
    venue.send(who.signer, venue.client.senior, "request_withdrawal", shares)
    return shares


def poke_at(venue: Venue, time: int, market: int = BTC) -> None:
    venue.rpc.set_next_timestamp(time)
    venue.poke(market)


def trade(venue: Venue, buyer: Person, seller: Person, size: int, market: int = BTC) -> None:
    """At the mark, both with room for the surcharge in their fee caps."""
    at = venue.mark(market)
    venue.settle_one(
        venue.signed(buyer, market, size, at, max_fee_ppm=WIDE),
        venue.signed(seller, market, -size, at, max_fee_ppm=WIDE),
        size,
    )


def rich(venue: Venue, *names: str) -> list[Person]:
    found = [venue.person(name) for name in names]
    for person in found:
        venue.deposit(person, 2_000_000)
    return found


# --- when, and from what ------------------------------------------------------------------------


def test_cap__when_terms_are_set__is_five_times_the_capital(venue):
    assert capital(venue) == 500_002 * WAD
    assert cap(venue) == cap(venue, ETH) == expected(venue) == 2_498_560 * WAD


def test_cap__exactly_at_five_minutes__is_set_by_the_first_poke_and_no_other(venue):
    saver = venue.person("saver")
    poke_at(venue, next_mark(venue))
    before = cap(venue)
    invest(venue, saver, 100_000)
    mark = next_mark(venue)
    poke_at(venue, mark - 1)
    assert cap(venue) == before
    poke_at(venue, mark, ETH)
    found = expected(venue)
    assert found > before
    assert cap(venue) == cap(venue, ETH) == found  # the view tells what the poke will do
    events = venue.send(venue.keeper, venue.client.clearinghouse, "poke", BTC)
    assert [e.args for e in named(events, "BufferCapSet")] == [{"market": BTC, "cap": found}]
    assert cap(venue) == found
    invest(venue, saver, 100_000)
    poke_at(venue, mark + BUCKET_S - 1)
    assert cap(venue) == found


def test_cap__of_a_fill__is_that_of_its_five_minutes(venue):
    """Nobody has poked for an hour: the fill itself sets the cap before it is judged by it."""
    ann, bob = rich(venue, "ann", "bob")
    insurer = venue.person("insurer")
    give_notice(venue, insurer)
    venue.rpc.set_next_timestamp(next_mark(venue) + 3_600)
    size = 20 * WAD  # a million, and only the junior vault is left
    venue.rejected("market: open interest cap", trade, venue, ann, bob, size)
    trade(venue, ann, bob, size // 4)
    assert cap(venue) == expected(venue) == rounded(5 * 100_002 * WAD)


def test_cap__notice__lowers_it_until_it_is_taken_back_or_cleared_away(venue):
    insurer = venue.person("insurer")
    full = capital(venue)
    give_notice(venue, insurer, PPM // 2)
    assert capital(venue) == full - 200_000 * WAD
    poke_at(venue, next_mark(venue))
    assert cap(venue) == expected(venue) < rounded(5 * full)
    venue.send(insurer.signer, venue.client.senior, "request_withdrawal", 0)
    assert capital(venue) == full
    give_notice(venue, insurer, PPM // 2)
    venue.wait(SENIOR_NOTICE_S + 2 * DAY_S + 1)
    assert capital(venue) == full - 200_000 * WAD  # lapsed, and nobody has said so
    venue.send(venue.keeper, venue.client.senior, "clear_lapsed", insurer.address)
    assert capital(venue) == full


def test_cap__capital_that_flashes_by__is_bound_for_the_whole_notice(venue):
    """Deposit just before the mark, notice just after: counted once, and at risk for two weeks."""
    flash = venue.person("flash")
    low = cap(venue)
    mark = next_mark(venue)
    venue.rpc.set_next_timestamp(mark - 5)
    invest(venue, flash, 400_000)
    poke_at(venue, mark)
    high = cap(venue)
    assert high > low
    shares = give_notice(venue, flash)
    opens = venue.rpc.timestamp() + SENIOR_NOTICE_S
    assert cap(venue) == high
    poke_at(venue, mark + BUCKET_S)
    assert cap(venue) == low
    venue.rpc.set_next_timestamp(opens - 1)
    leave = ("redeem", shares, flash.address, flash.address)
    venue.rejected(
        "vault: not requested in time", venue.send, flash.signer, venue.client.senior, *leave
    )


def test_cap__tokens_sent_to_a_vault__count_for_nothing(venue):
    before = capital(venue)
    venue.mint(venue.keeper, 10**6, venue.client.custody.address)
    for vault in (venue.client.junior, venue.client.senior):
        venue.send(venue.keeper, venue.client.token, "mint", vault.address, 10**6 * UNIT)
    assert capital(venue) == before


# --- insurance leaves ---------------------------------------------------------------------------


def test_leaving_capital__forces_nobody_out_and_lets_nothing_grow(venue):
    ann, bob, cleo = rich(venue, "ann", "bob", "cleo")
    trade(venue, ann, bob, 30 * WAD)  # a million and a half
    insurer = venue.person("insurer")
    shares = give_notice(venue, insurer)
    venue.wait(SENIOR_NOTICE_S + 60)
    venue.send(
        insurer.signer, venue.client.senior, "redeem", shares, insurer.address, insurer.address
    )
    poke_at(venue, next_mark(venue))
    assert cap(venue) == expected(venue) < 30 * venue.mark(BTC)
    legs = {who.name: venue.client.leg(who.account, BTC) for who in (ann, bob)}
    health = {who.name: venue.client.health(who.account) for who in (ann, bob)}
    assert all(health[name]["mm"] == leg["mm"] for name, leg in legs.items())
    assert all(h["equity"] > h["im"] for h in health.values())
    venue.rejected("market: open interest cap", trade, venue, ann, bob, WAD)
    trade(venue, bob, cleo, 10 * WAD)  # cleo takes over a part of the short
    trade(venue, bob, ann, 10 * WAD)  # both less
    assert venue.client.clearinghouse.read("open_interest", BTC) == (20 * WAD, 20 * WAD)
    view = venue.client.lens.read("buffers", BTC)
    used = 20 * venue.mark(BTC) * PPM // cap(venue)
    assert (view["cap"], view["utilisation_ppm"]) == (cap(venue), used)
    assert view["surcharge_ppm"] == 1_000


def test_lens__market_without_terms__is_not_used_at_all(venue):
    ann, bob = rich(venue, "ann", "bob")
    trade(venue, ann, bob, 10 * WAD)
    set_terms(venue, BTC, (0, 0, 0))
    view = venue.client.lens.read("buffers", BTC)
    assert (view["cap"], view["utilisation_ppm"], view["surcharge_ppm"]) == (2**256 - 1, 0, 0)


def test_lens__between_eighty_and_a_hundred_percent__tells_the_surcharge_of_a_fill(venue):
    ann, bob = rich(venue, "ann", "bob")
    trade(venue, ann, bob, 45 * WAD)  # 90 %
    view = venue.client.lens.read("buffers", BTC)
    assert 495 <= view["surcharge_ppm"] <= 505
    events = named(venue.events, "PositionChanged")
    trade(venue, ann, bob, WAD // 100)
    fees = [e.args["fee"] for e in named(venue.events, "PositionChanged")[len(events) :]]
    notional = venue.mark(BTC) // 100
    assert sum(fees) == 2 * notional * (500 + view["surcharge_ppm"]) // PPM


# --- while others are at work -------------------------------------------------------------------


def bankrupt(venue: Venue) -> tuple[Person, int]:
    """Somebody who owes some 46,000 at the next mark, against a bystander."""
    loser, winner = venue.person("loser"), venue.person("winner")
    venue.deposit(loser, 105_000)
    venue.deposit(winner, 2_000_000)
    trade(venue, loser, winner, 30 * WAD)
    return loser, venue.mark(BTC) * 9 // 10


def test_cap__start_at_a_mark__reads_the_capital_through_the_busy_liquidator(venue):
    loser, low = bankrupt(venue)
    venue.send(venue.keeper, venue.feed(BTC), "set_answer", low // 10**10)
    free = capital(venue)
    venue.rpc.set_next_timestamp(next_mark(venue))
    events = venue.start(loser.account)
    reserved = sum(venue.client.waterfall.read("reserved_total", layer) for layer in (3, 4))
    assert reserved > 45_000 * WAD
    assert capital(venue) == free - reserved
    # the poke came before the reservation
    assert [e.args["cap"] for e in named(events, "BufferCapSet")] in ([], [rounded(5 * free)])
    assert cap(venue) == rounded(5 * free)
    poke_at(venue, next_mark(venue))
    assert cap(venue) == expected(venue) < rounded(5 * free)


@pytest.mark.parametrize("gas", [*range(30_000, 200_000, 2_500), 100_001, 400_000])
def test_poke__with_any_gas__sets_the_true_cap_or_nothing(venue, gas):
    """Too little of it must not look like too little capital."""
    invest(venue, venue.person("saver"), 100_000)
    venue.rpc.set_next_timestamp(next_mark(venue))
    try:
        venue.client.clearinghouse.write(venue.keeper, "poke", BTC, gas=gas)
    except ContractReverted:
        assert gas < 200_000
    venue.poke(BTC)
    assert cap(venue) == expected(venue)


@pytest.fixture(scope="module")
def hooked() -> Iterator[Venue]:
    """Settled in a token that calls somebody back in the middle of each transfer."""
    with running_venue(settled_in="TrickToken") as venue:
        for market in (BTC, ETH):
            set_terms(venue, market)
        yield venue


@pytest.fixture
def tricky(hooked: Venue) -> Iterator[Venue]:
    with hooked.rpc.undone():
        yield hooked


def cap_seen_in(venue: Venue, signer: NodeSigner, contract: Contract, *call: Any) -> int:
    """The cap that a poke sets inside a token transfer of a call that comes at a mark."""
    client = venue.client
    trick = Contract(venue.rpc, artifacts.load("TrickToken"), client.token.address)
    trick.write(
        venue.keeper,
        "set_hook",
        client.clearinghouse.address,
        client.clearinghouse.encode("poke", ETH),
    )
    venue.rpc.set_next_timestamp(next_mark(venue))
    events = venue.send(signer, contract, *call)
    assert ETH in [event.args["market"] for event in named(events, "FundingRateSet")]
    seen = [e.args["cap"] for e in named(events, "BufferCapSet") if e.args["market"] == ETH]
    return seen[0] if seen else cap(venue, ETH)


def test_cap__set_in_the_middle_of_a_vault_deposit__does_not_count_it_yet(tricky):
    saver = tricky.person("saver")
    tricky.mint(saver.signer, 50_000, tricky.client.senior.address)
    before = expected(tricky)
    call = (saver.signer, tricky.client.senior, "deposit", 50_000 * UNIT, saver.address)
    assert cap_seen_in(tricky, *call) == before < expected(tricky)


def test_cap__set_in_the_middle_of_a_redemption__counts_what_is_left(tricky):
    insurer = tricky.person("insurer")
    shares = give_notice(tricky, insurer, PPM // 2)
    tricky.wait(SENIOR_NOTICE_S + 60)
    owner = insurer.address
    call = (insurer.signer, tricky.client.senior, "redeem", shares // 2, owner, owner)
    before = expected(tricky)
    assert cap_seen_in(tricky, *call) == expected(tricky) == before


def test_cap__set_in_the_middle_of_a_draw__never_counts_what_goes(tricky):
    """What is being paid stays reserved until it is: too little counts, never too much."""
    loser, low = bankrupt(tricky)
    tricky.set_price(BTC, low)
    tricky.start(loser.account)
    tricky.wait(AUCTION_S + 60)
    before = expected(tricky)
    call = (tricky.keeper, tricky.client.liquidator, "resolve", 400)
    seen = cap_seen_in(tricky, *call)
    assert seen <= max(before, expected(tricky))
    assert not tricky.client.clearinghouse.read("is_started", loser.account)
    assert expected(tricky) * 9 // 10 < seen < expected(tricky)
