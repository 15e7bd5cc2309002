"""The model's facade: calls by name, all or nothing; saving and restoring; roles and the owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model import access, snapshot
from plimsoll.model.broker_state import (
    BrokerVault,
    Call,
    CallState,
    FundTerms,
    Guarantee,
    Seat,
    Share,
    Sponsored,
    State,
    VaultTerms,
)
from plimsoll.model.protocol import Protocol
from plimsoll.model.state import (
    FINE,
    Auction,
    Feed,
    FeedRules,
    Job,
    JobLeg,
    Position,
    Refused,
    Reservation,
    Rolling,
)
from plimsoll.model.vault_state import Request, Vault
from plimsoll.orders import Flags, Match
from tests.support.attacks import attacks
from tests.support.model_venue import (
    ALICES,
    BOBS,
    BTC,
    DEPLOYER,
    DOGE,
    ETH,
    EXCHANGE,
    KEEPER,
    MALLORY,
    NOW,
    TIMELOCK,
    WAD,
    model_venue,
    offer,
)
from tests.support.money_world import ALICE, BOB, CUSTODY, TOKEN, account_of

NOT_OWNER = "ownable: caller is not the owner"


@pytest.fixture
def world():
    return model_venue()


@pytest.fixture
def protocol(world):
    return Protocol(world)


def refusal(protocol, name, *args, sender=MALLORY):
    """The reason a call gives."""
    with pytest.raises(Refused) as caught:
        protocol.call(name, NOW, 2, sender, *args)
    return caught.value.reason


def run(protocol, name, *args, sender=KEEPER):
    return protocol.call(name, NOW, 2, sender, *args)


def bid(size=2 * WAD, **changes):
    return offer(ALICES, size, 100 * WAD, **changes)


def ask(size=2 * WAD, **changes):
    return offer(BOBS, -size, 100 * WAD, **changes)


# --- calls ------------------------------------------------------------------------------------


def test_call__settle_one__moves_size_cash_and_fees(protocol, world):
    run(protocol, "settle_one", bid(flags=Flags.POST_ONLY), ask(), 2 * WAD)
    assert world.position(ALICES, BTC).size_fine == 2 * WAD * FINE
    assert world.position(BOBS, BTC).size_fine == -2 * WAD * FINE
    # maker 200 ppm and taker 500 ppm of 200
    assert world.account(ALICES).cash_fine == (9_800 * WAD - WAD // 25) * FINE
    assert world.account(BOBS).cash_fine == (10_200 * WAD - WAD // 10) * FINE
    assert world.trading_fees_wad == WAD // 25 + WAD // 10
    assert (world.now, world.block) == (NOW, 2)


def test_call__refused__changes_nothing_but_the_time(protocol, world):
    run(protocol, "settle_one", bid(), ask(), WAD)
    before = protocol.save()
    world.close = ["of an earlier call"]
    size = 10**5 * WAD
    matches = [Match(0, 1, WAD), Match(2, 3, size)]
    orders = [bid(), ask(), bid(size), ask(size)]
    with pytest.raises(Refused, match="#1 margin: below initial"):
        protocol.call("settle", NOW + 60, 3, KEEPER, orders, matches)
    assert (world.now, world.block, world.close) == (NOW + 60, 3, [])
    assert replace(protocol.save(), plain=()) == replace(before, plain=())


def test_call__try_settle__skips_what_fails(protocol, world):
    size = 10**5 * WAD
    orders = [bid(), ask(), bid(size), ask(size)]
    matches = [Match(2, 3, size), Match(0, 1, WAD), Match(0, 1, WAD)]
    assert run(protocol, "try_settle", orders, matches) == 2
    assert world.position(ALICES, BTC).size_fine == 2 * WAD * FINE


def test_call__vault__by_prefix(protocol, world):
    shares = run(protocol, "senior_deposit", 5 * TOKEN, ALICE, sender=ALICE)
    assert world.senior.shares[ALICE] == shares == 5 * TOKEN * 10**6
    assert refusal(protocol, "junior_deposit", TOKEN, MALLORY) == "vault: receiver not allowed"


def test_call__feeds_and_poke__read_the_new_round(protocol, world):
    run(protocol, "set_answer", BTC, 0, 110 * 10**8)
    assert run(protocol, "poke", BTC) == (110 * WAD, True)
    protocol.call("set_round", NOW, 3, KEEPER, BTC, 0, 120 * 10**8, 0)
    assert protocol.call("poke", NOW, 3, KEEPER, BTC) == (110 * WAD, False)


@pytest.mark.parametrize(("answer", "time"), [(2**191, NOW), (-(2**191) - 1, NOW), (1, 2**64)])
def test_call__feed_round_that_does_not_fit__is_refused(protocol, answer, time):
    assert refusal(protocol, "set_round", BTC, 0, answer, time) == ""


def test_call__token__anybody_mints_and_gives(protocol, world):
    run(protocol, "token_mint", MALLORY, 7)
    run(protocol, "token_transfer", CUSTODY, 5, sender=MALLORY)
    assert world.tokens[MALLORY] == 2
    assert refusal(protocol, "token_transfer", CUSTODY, 3) == (
        "erc20: transfer amount exceeds balance"
    )
    assert refusal(protocol, "token_mint", "0x" + "00" * 20, 1) == "erc20: mint to the zero address"


@pytest.mark.parametrize("name", ["call", "save", "restore", "__init__", "junior_shares"])
def test_call__no_public_call__is_a_mistake(protocol, name):
    with pytest.raises(KeyError):
        run(protocol, name)


# --- saving and restoring ---------------------------------------------------------------------


TERMS_OF_NOBODY = GuaranteeTerms(ALICES, BOB, *range(8))


def fill_up(world):
    """Put something into every container."""
    place = (True, 4, 7)
    world.positions[ALICES, BTC] = Position(WAD * FINE, 100 * WAD * FINE, 1, 4, 7)
    world.markets[BTC].worst_fine[place] = 1
    world.markets[BTC].dust_wad[place] = 2
    world.senior.shares[ALICE] = 3
    world.senior.requests[ALICE] = Request(1, NOW)
    world.senior.allowances[ALICE, BOB] = 4
    books = world.waterfall
    books.own_market_ppm[3, BTC] = 5
    books.reservations[ALICES] = Reservation(1, 2, NOW)
    books.used[3, 0] = books.drawn[3] = books.concessions[BTC] = Rolling(((NOW, 1),))
    world.auctions[ALICES] = Auction(started=NOW)
    world.main_lane.append(ALICES)
    world.urgent_lane.append(ALICES)
    world.job = Job(ALICES, NOW, 1, 2, 3, legs=(JobLeg(BTC, WAD, True, 4),))
    world.filled_wad[b"order"] = WAD
    world.cancelled_below[ALICES] = 6
    world.agents[ALICES, BOB] = None
    pool = Vault(BOB, BOB, False, 1, 2, 3, shares={ALICE: 3})
    world.brokers.vaults[BOB] = BrokerVault(pool, BOB, VaultTerms(1, 2, 3, 4, 5), locks={ALICES: 6})
    world.brokers.seats[BOB] = Seat(State.ACTIVE, NOW)
    world.brokers.shares[BOB] = Share(1, 2)
    world.brokers.sponsored[ALICES] = Sponsored(BOB, 6, 1, 2, 3, 4, 5)
    world.brokers.calls[ALICES] = Call(CallState.CALLED)
    world.brokers.clients[BOB] = (ALICES,)
    world.brokers.risks[ALICES] = 6


def upset(world):
    """Change everything `fill_up` has put in, and more."""
    world.positions[ALICES, BTC].size_fine = 0
    world.positions[BOBS, BTC] = Position()
    world.accounts[ALICES].cash_fine += 1
    market = world.markets[BTC]
    market.mark_wad += 1
    market.feeds[0].answer += 1
    market.worst_fine.clear()
    market.dust_wad.clear()
    market.feeds.append(Feed(1, 1))
    world.custody.claims += 1
    for vault in (world.junior, world.senior):
        vault.supply += 1
        vault.shares.clear()
        vault.requests.clear()
        vault.allowances.clear()
    books = world.waterfall
    books.concession_budget_ppm += 1
    for name in snapshot.WATERFALL_DICTS:
        getattr(books, name).clear()
    brokers = world.brokers
    brokers.vaults[BOB].stake += 1
    brokers.vaults[BOB].pool.supply += 1
    brokers.vaults[BOB].pool.shares.clear()
    brokers.vaults[BOB].locks.clear()
    brokers.vaults[ALICE] = brokers.vaults[BOB]
    for name in snapshot.BROKERS_DICTS:
        getattr(brokers, name).clear()
    brokers.members = (BOB,)
    brokers.fund = FundTerms(1, 2, 3)
    brokers.used.add(TERMS_OF_NOBODY)
    world.accounts[ALICES].guarantee = Guarantee(1, 2, 3, 4)
    world.auctions.clear()
    world.main_lane.clear()
    world.urgent_lane.clear()
    world.job.leg += 1
    world.job.legs[0].eta_ray += 1
    world.filled_wad.clear()
    world.cancelled_below.clear()
    world.agents.clear()
    world.tokens.clear()
    world.insurance_fees_wad += 1
    world.resolving = ALICES
    world.now += 1


def test_restore__whatever_was_changed__brings_it_back_again_and_again(world):
    fill_up(world)
    saved, as_was = snapshot.save(world), repr(world)
    for _ in range(2):
        upset(world)
        assert repr(world) != as_was
        snapshot.restore(world, saved)
        assert repr(world) == as_was
    world.job = None
    saved = snapshot.save(world)
    world.job = Job(ALICES, NOW, 1, 2, 3)
    snapshot.restore(world, saved)
    assert world.job is None


def test_save__every_attribute_that_is_shared__cannot_change(world):
    fill_up(world)
    shapes = [
        (snapshot._WORLD, world),
        (snapshot._MARKET, world.markets[BTC]),
        (snapshot._FEED, world.markets[BTC].feeds[0]),
        (snapshot._ACCOUNT, world.accounts[ALICES]),
        (snapshot._POSITION, world.positions[ALICES, BTC]),
        (snapshot._CUSTODY, world.custody),
        (snapshot._VAULT, world.senior),
        (snapshot._WATERFALL, world.waterfall),
        (snapshot._JOB, world.job),
        (snapshot._JOB_LEG, world.job.legs[0]),
    ]
    constant = {"addresses", "epochs"}  # never changed in place
    for shape, target in shapes:
        for name, value in zip(shape.names, shape.read(target), strict=True):
            if name not in constant:
                hash(value)
                assert not isinstance(value, (Mapping, list)), name


def test_save__attributes_left_to_the_comparer__are_named(world):
    names = {field.name for field in fields(world)}
    copied = {*snapshot._WORLD.names, *snapshot._WORLD_DICTS, *snapshot._WORLD_LISTS}
    assert names - copied - {*snapshot._WORLD_OBJECTS} == {*snapshot._COMPARERS}


# --- roles ------------------------------------------------------------------------------------

ATTACKS = attacks(ALICES, account_of(MALLORY), MALLORY)


@pytest.mark.parametrize(
    ("contract", "function", "args", "reason"),
    ATTACKS,
    ids=[f"{contract}.{function}" for contract, function, _, _ in ATTACKS],
)
def test_attack__of_the_chain_tests__is_refused_alike(protocol, contract, function, args, reason):
    if (contract, function) in access.ROLE_ONLY or function == "wire":
        assert refusal(protocol, "attempt", contract, function, *args) == reason
    elif contract in ("junior", "senior"):
        assert refusal(protocol, f"{contract}_{function}", *args) == reason
    else:
        assert refusal(protocol, function, *args) == reason


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("trade", ((BOBS, ALICES, 77, WAD, WAD, 0, 0, 0),)),
        ("take", ((BOBS, ALICES, 77, WAD, WAD, 0, 0),)),
        ("rematch", (ALICES, 77, WAD, 0, 1)),
        ("adl_begin", (ALICES, 0, BTC | 1 << 9 | 77 << 25)),
    ],
)
def test_attempt__unknown_market__is_told_before_the_role(protocol, function, args):
    assert refusal(protocol, "attempt", "clearinghouse", function, *args) == "market: unknown"


def test_attempt__weights_behind_an_empty_field__are_not_looked_at(protocol):
    reason = refusal(protocol, "attempt", "clearinghouse", "adl_begin", ALICES, 0, 77 << 25)
    assert reason == "access: not liquidator"


def test_attempt__by_the_deployer__finds_all_wired(protocol):
    reason = refusal(protocol, "attempt", "custody", "wire", sender=DEPLOYER)
    assert reason == "wire: already done"


def test_attempt__by_the_role__is_a_mistake(protocol):
    with pytest.raises(ValueError, match="refused to outsiders only"):
        run(protocol, "attempt", "exchange", "settle_pair", sender=EXCHANGE)


def test_attempt__ownership__is_out_of_reach(protocol):
    for contract in ("clearinghouse", "oracle", "waterfall", "liquidator", "junior", "senior"):
        reason = refusal(protocol, "attempt", contract, "transfer_ownership", MALLORY)
        assert reason == NOT_OWNER


# --- the owner --------------------------------------------------------------------------------

PARAMS = (4_000, 20_000, 900, 1_100_000, 1_000, 0)


def test_owner__sets_limits_budget_and_params(protocol, world):
    run(protocol, "set_limits", 3, (400_000, 100_000), sender=TIMELOCK)
    run(protocol, "set_market_limit", 4, BTC, 50_000, sender=TIMELOCK)
    run(protocol, "set_concession_budget", 50_000, sender=TIMELOCK)
    run(protocol, "set_params", PARAMS, sender=TIMELOCK)
    books = world.waterfall
    assert (books.global_ppm[3], books.market_ppm[3]) == (400_000, 100_000)
    assert books.own_market_ppm == {(4, BTC): 50_000}
    assert books.concession_budget_ppm == 50_000
    assert world.params.duration == 900


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("set_limits", (6, (500_000, 500_000)), "waterfall: unknown layer"),
        ("set_limits", (3, (99_999, 500_000)), "waterfall: limit too low"),
        ("set_limits", (3, (500_000, 10**6 + 1)), "waterfall: limit too high"),
        ("set_market_limit", (2, BTC, 10_000), "waterfall: unknown layer"),
        ("set_market_limit", (3, BTC, 9_999), "waterfall: limit too low"),
        ("set_concession_budget", (50_001,), "waterfall: budget too high"),
        ("set_params", ((*PARAMS[:3], 1_009_999, 0, 0),), "params: kappa out of bounds"),
        ("set_market", (BTC, [(0, 60, 90)], 1, 1_000), ""),
    ],
)
def test_owner__beyond_hard_bounds__is_refused(protocol, name, args, reason):
    assert refusal(protocol, name, *args) == NOT_OWNER
    if reason:
        assert refusal(protocol, name, *args, sender=TIMELOCK) == reason


def test_set_market__other_times_and_order__are_taken(protocol, world):
    second = Feed(101 * 10**8, NOW)
    world.markets[BTC].feeds.append(second)
    choices = [(1, 60, 90), (0, 86_400, 130_000)]
    run(protocol, "set_market", BTC, choices, 2, 20_000, sender=TIMELOCK)
    assert world.markets[BTC].feeds[0] is second
    assert world.markets[BTC].rules == FeedRules((90, 130_000), 2, 20_000)


@pytest.mark.parametrize(
    ("market", "choices", "quorum", "deviation_ppm", "reason"),
    [
        (256, [(0, 60, 90)], 1, 1_000, "market: id out of range"),
        (BTC, [], 0, 1_000, "feeds: none given"),
        (BTC, [(0, 60, 90)] * 6, 6, 1_000, ""),
        (BTC, [(0, 60, 90)], 2, 1_000, "quorum: above feed count"),
        (BTC, [(0, 60, 90)] * 2, 1, 1_000, "quorum: not a majority"),
        (BTC, [(0, 60, 90)], 1, 999, "deviation: out of bounds"),
        (BTC, [(0, 60, 90)], 1, 100_001, "deviation: out of bounds"),
        (BTC, [(0, 60, 90)] * 2, 2, 1_000, "feed: duplicate"),
        (BTC, [(0, 0, 90)], 1, 1_000, "feed: heartbeat out of bounds"),
        (BTC, [(0, 60, 259_201)], 1, 1_000, "feed: staleness too long"),
        (BTC, [(0, 60, 89)], 1, 1_000, "feed: staleness too short"),
        (ETH, [(0, 60, 90)], 1, 1_000, "feed: no valid answer"),
        (DOGE, [(0, 60, 90)], 1, 1_000, "feed: more than 18 decimals"),
    ],
)
def test_set_market__bad__is_refused(
    protocol, world, market, choices, quorum, deviation_ppm, reason
):
    world.markets[ETH].feeds[0].answer = 0
    world.markets[DOGE].feeds[0].decimals = 19
    args = (market, choices, quorum, deviation_ppm)
    assert refusal(protocol, "set_market", *args, sender=TIMELOCK) == reason
