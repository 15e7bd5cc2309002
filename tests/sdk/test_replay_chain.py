"""The day on the real bytecode: what waves take, and that nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.accounts import account_id
from plimsoll.errors import InputError
from plimsoll.replay.bankrupt import MAX_BUCKETS, name_of, open_bankrupt
from plimsoll.replay.book import Day, Holding, load_day
from plimsoll.replay.ledger import Ledger
from plimsoll.replay.measure import as_opened
from plimsoll.replay.opening import Stage, build
from plimsoll.replay.policies import simulate
from plimsoll.replay.population import MARK
from plimsoll.replay.venue import AUCTION_S, TOKEN, Venue
from plimsoll.replay.waves import Performance, WaveResult, play
from plimsoll.units import RAY, WAD
from tests.support.replay_days import (
    ACCOUNTS,
    NOON,
    SCENARIO,
    day_of,
    holding,
    once,
    silent,
    wave,
)

CENT = WAD // 100
INSURANCE = 20_000 * WAD


@pytest.fixture(scope="module")
def stage() -> Stage:
    return build(load_day(None, SCENARIO, ACCOUNTS), silent)


@pytest.fixture(scope="module")
def plain(stage: Stage) -> Performance:
    """The waterfall is off."""
    return play(stage, progress=silent)


@pytest.fixture(scope="module")
def insured(stage: Stage) -> Performance:
    return play(stage, insurance=INSURANCE, progress=silent)


def overshoot(one: WaveResult) -> int:
    """Collected beyond what was needed; negative: a hole."""
    return one.taken + one.layers["junior"] + one.layers["senior"] - one.needed


# --- the evening before ----------------------------------------------------------------------


def test_build__every_account__has_its_equity_position_and_class(stage: Stage) -> None:
    assert len(stage.people) == ACCOUNTS
    assert not stage.dropped
    stage.venue.restore(stage.image)
    kept = 0
    for person in stage.people:
        one, wanted = person.seat, stage.day.holdings[person.seat.place]
        leg = stage.venue.client.leg(person.account, one.market)
        assert abs(leg["size"]) == one.size
        assert 0 <= wanted.notional - abs(leg["size"]) * MARK // WAD <= 100
        assert leg["leverage_class"] == one.leverage_class
        profit = leg["size"] * (MARK - leg["entry"]) // WAD
        # entries keep 33 bits
        assert 0 <= wanted.profit - profit <= one.size * one.entry // WAD // 2**32 + 1_000
        if abs(person.equity - wanted.equity) > 2 * TOKEN:
            kept += 1
            assert wanted.equity < person.equity < one.size * MARK // WAD // 20 + 10 * TOKEN
    assert kept == stage.capped


def test_build__longs_and_losers__are_what_they_were() -> None:
    people = [
        holding(0, 5_000, 1_000, 5_000),
        holding(1, 40, -100, 300),
        holding(2, 30, -20, 60),
        holding(3, 2_000, 500, -450),
    ]
    found, _ = once(day_of(people, wave(1, 10, 1_480)))
    equities = [person.equity for person in found.people]
    wanted = [one.equity for one in found.day.holdings]
    assert all(abs(a - b) <= 2 * TOKEN for a, b in zip(equities[:3], wanted[:3], strict=True))
    # 50 on 2,000 would be forty times
    assert found.capped == 1
    assert 100 * WAD <= equities[3] <= 100 * WAD + 10 * TOKEN


def test_build__holding_that_cannot_be_opened__is_in_no_policy() -> None:
    people = [holding(number, 2_000, 500, 2_000) for number in range(10)]
    dust = Holding(99, 1_000, 10**9 * WAD, 10**9 * WAD, hedged=True)
    both = day_of([dust, *people], wave(1, 1_000, 5_000))
    stage, result = once(both)
    day = as_opened(stage.day, stage.people)
    assert stage.dropped == result.dropped
    assert [number for number, _ in stage.dropped] == [99]
    assert [one.number for one in day.holdings] == list(range(10))
    assert all(abs(one.equity - 2_500 * WAD) <= 2 * TOKEN for one in day.holdings)
    for kind in ("queue", "size", "profit"):
        found = simulate(day, stage.table, kind)
        # the dropped one has more profit than all others together, and leads the queue
        assert found.waves[0].available == 5_000 * WAD
        assert found.waves[0].taken == 1_000 * WAD
        assert len(found.paid) == len(result.paid) == 10


def test_build__every_market__longs_and_shorts_balance(stage: Stage) -> None:
    stage.venue.restore(stage.image)
    for market in range(1, stage.table.markets + 1):
        long, short = stage.venue.client.clearinghouse.read("open_interest", market)
        assert long == short
        here = [one.seat for one in stage.people if one.seat.market == market]
        held = sum(one.size if one.long else -one.size for one in here)
        assert stage.venue.leg(stage.venue.dealer(market), market).size == -held


# --- waves -----------------------------------------------------------------------------------


def test_play__every_wave__takes_what_is_needed(plain: Performance) -> None:
    assert len(plain.waves) == 16
    for one in plain.waves:
        assert abs(one.taken - one.needed) <= CENT, one.wave
        assert abs(overshoot(one)) <= 16 * TOKEN, one.wave
        # events and positions are two accounts of the same: each winner's legs round
        assert abs(one.charged - one.taken) <= 2_000 * ACCOUNTS, one.wave
        assert one.layers["haircut"] == one.taken
        assert one.layers["shortfall"] == 0
        assert one.layers["junior"] + one.layers["senior"] < CENT


def test_play__every_wave__nobody_pays_more_than_the_even_share(plain: Performance) -> None:
    for one in plain.waves:
        even = one.taken * WAD // one.available_profit
        # what is too small for its market is the largest one's: a cent for each of them at most
        slack = even // 10**6 + 16 * CENT * WAD // one.available_profit
        assert abs(one.largest_haircut - even) <= slack, one.wave
        assert one.median_haircut <= one.largest_haircut
        if one.bankrupt == 1:
            assert one.median_haircut >= one.largest_haircut - even // 10**6
        asked = one.available_profit + one.out_of_reach
        assert one.largest_haircut + slack >= one.taken * WAD // asked


def test_play__every_wave__the_bucket_at_the_mark_holds_less_than_a_tick(
    stage: Stage, plain: Performance
) -> None:
    near = [
        person.seat
        for person in stage.people
        if MARK < person.seat.entry <= MARK + MARK // 64 and not person.seat.long
    ]
    bound = sum(one.size * one.entry // WAD // 64 for one in near)
    assert all(one.out_of_reach <= bound for one in plain.waves)


def test_ledger__profit_that_can_be_asked__as_the_contracts_sum_it() -> None:
    people = [holding(number, 1_000, 3 * number, 1_000) for number in range(40)]
    found = build(day_of(people, wave(1, 100, 2_340)), silent, one_market=True)
    venue = found.venue
    venue.restore(found.image)
    book = Ledger(found)
    # the tick of the mark ends 0.3 % above it
    near = sum(one.profit for one in people if one.profit * 1_000 <= 3 * one.notional)
    assert near > 0
    assert abs(book.out_of_reach(1) - near) <= near // 10**6
    account = open_bankrupt(venue, 1, "somebody", 100 * WAD)
    assert abs(venue.equity(account) + 100 * WAD) <= TOKEN
    liquidator = venue.client.liquidator
    venue.call(liquidator, "start", account)
    venue.chain.new_block(venue.chain.time + AUCTION_S)
    outcome = venue.call(liquidator, "resolve", MAX_BUCKETS)
    events = [
        venue.client.clearinghouse.decode_log(
            {
                "address": address,
                "topics": ["0x" + topic.hex() for topic in topics],
                "data": "0x" + data.hex(),
                "blockNumber": "0x0",
            }
        )
        for address, topics, data in outcome.logs
        if address == venue.client.clearinghouse.address
    ]
    (summed,) = (event for event in events if event is not None and event.name == "HaircutSet")
    assert abs(summed["profit"] - book.available(1)) <= 1_000 * len(people)


def test_play__what_winners_paid__is_what_was_taken(stage: Stage, plain: Performance) -> None:
    taken = sum(one.taken for one in plain.waves)
    assert abs(sum(plain.paid) - taken) <= 10**4 * ACCOUNTS  # wei, from rounding
    assert all(paid >= 0 for paid in plain.paid)
    for person in stage.people:
        gain = max(0, stage.day.holdings[person.seat.place].profit)
        assert plain.paid[person.seat.place] <= gain
    assert any(0 < part < WAD for part in plain.rematched) or WAD in plain.rematched
    assert all(0 <= part <= WAD for part in plain.rematched)


@pytest.mark.parametrize("insurance", [0, INSURANCE])
def test_play__at_the_end__claims_and_tokens_reconcile(stage: Stage, insurance: int) -> None:
    result = play(stage, insurance=insurance, progress=silent)
    venue, client = stage.venue, stage.venue.client
    accounts = [person.account for person in stage.people]
    accounts += [venue.dealer(market) for market in range(1, stage.table.markets + 2)]
    losers = [
        account_id(Venue.keyed(name_of(one.number, market)).address)
        for one in stage.day.waves
        for market in range(1, stage.table.markets + 1)
    ]
    # nobody keeps what was taken for a loss beyond it
    assert all(0 <= venue.equity(account) < TOKEN for account in losers)
    accounts += losers
    accounts += [
        account_id(Venue.owner("winner of the rehearsal")),
        account_id(Venue.keyed("loser of the rehearsal").address),
    ]
    accounts.append(account_id(client.clearinghouse.address))  # the dust reserve
    claims = client.custody.read("claims")
    # a draw is rounded up to a token unit, and two layers may draw for each account
    draws = 2 * (1 + sum(one.bankrupt for one in result.waves))
    assert 0 <= claims - sum(map(venue.equity, accounts)) <= TOKEN * draws
    books = client.custody.read("reconciliation")
    balance = client.token.read("balanceOf", client.custody.address)
    assert books["backing"] + books["unvested"] == balance * TOKEN
    assert client.custody.read("redemption_rate") == RAY


def test_play__again__the_same(stage: Stage, plain: Performance, insured: Performance) -> None:
    for first, insurance in ((plain, 0), (insured, INSURANCE)):
        second = play(stage, insurance=insurance, progress=silent)
        assert second == first


def test_play__insured__the_vaults_pay_first(plain: Performance, insured: Performance) -> None:
    for one, without in zip(insured.waves, plain.waves, strict=True):
        paid = one.layers["junior"] + one.layers["senior"]
        assert abs(one.taken + paid - one.needed) <= CENT
        # vaults without insurance have dead deposits, which may pay where limits are used up
        assert one.taken <= without.taken + CENT
        assert one.largest_haircut <= without.largest_haircut or one.bankrupt > 1
    drawn = sum(one.layers["junior"] + one.layers["senior"] for one in insured.waves)
    assert INSURANCE // 4 < drawn < INSURANCE


def test_play__insured_to_the_last__nobody_pays_and_auctions_run_their_time() -> None:
    people = [holding(number, 2_000, 500 + number, 2_000) for number in range(30)]
    day = day_of(people, wave(1, 1_000, 15_000), wave(2, 500, 15_000, after_s=10))
    found, result = once(day, insurance=100_000 * WAD)
    for one in result.waves:
        assert (one.taken, one.accounts, one.largest_haircut) == (0, 0, 0)
        assert abs(overshoot(one)) <= TOKEN
        assert one.rematched > 0
    assert found.venue.chain.time == NOON // 1_000 + 10 + AUCTION_S
    assert set(result.paid) == {0}


def test_play__more_than_all_profit__shortfall_and_the_next_wave_is_exact_again() -> None:
    people = [holding(number, 2_000, 500, 2_000) for number in range(10)]
    day = day_of(people, wave(1, 6_000, 5_000), wave(2, 100, 5_000, after_s=60))
    found, (first, second) = _with_fresh_winners(day)
    assert abs(first.taken - first.available_profit) <= CENT
    assert WAD - 10**12 <= first.largest_haircut <= WAD
    assert abs(first.layers["shortfall"] - (first.needed - first.taken)) <= CENT
    assert abs(overshoot(first) + first.layers["shortfall"]) <= CENT
    assert found.venue.client.custody.read("redemption_rate") < RAY
    assert abs(second.taken - second.needed) <= CENT
    assert second.layers["shortfall"] == 0


def _with_fresh_winners(day: Day) -> tuple[Stage, tuple[WaveResult, WaveResult]]:
    """Two markets, the second wave reaching one whose winners have paid nothing yet."""
    late = [holding(100 + number, 2_000, 700, 2_000) for number in range(10)]
    first, second = day.waves
    both = replace(
        day,
        holdings=(*day.holdings, *late),
        waves=(first, replace(second, available=12_000 * WAD)),
    )
    found = build(both, silent)
    result = play(found, progress=silent)
    return found, (result.waves[0], result.waves[1])


def test_play__a_winner_without_equity_for_it__is_reported_as_recirculation() -> None:
    people = [holding(number, 2_000, 1_000, 2_000) for number in range(9)]
    people.append(holding(9, 2_000, 1_000, -900))
    found, result = once(day_of(people, wave(1, 5_000, 10_000)))
    (one,) = result.waves
    assert found.people[9].equity < 110 * WAD
    assert one.recirculation == result.paid[9] > 490 * WAD
    assert found.venue.equity(found.people[9].account) < 0


def test_play__nobody_in_profit__refused() -> None:
    people = [holding(number, 2_000, -100, 2_000) for number in range(5)]
    with pytest.raises(InputError, match="nobody has a profit"):
        once(day_of(people, wave(1, 100, 1_000)))


def test_play__position_larger_than_what_can_be_bought__falls_from_higher() -> None:
    people = [holding(number, 1_000, 900, 3_000) for number in range(4)]
    _, result = once(day_of(people, wave(1, 3_000, 3_600)))
    (one,) = result.waves
    assert abs(one.taken - one.needed) <= CENT
    # half of what the counterparty holds, so half of the winners' positions at most
    assert all(part <= WAD // 2 + 1 for part in result.rematched if part < WAD)
    assert sum(result.rematched) <= 2 * WAD + 10


def test_waves__times__as_on_the_day(stage: Stage) -> None:
    play(stage, progress=silent)
    assert stage.venue.chain.time == stage.day.waves[-1].at_ms // 1_000
