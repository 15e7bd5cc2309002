"""The cold path: re-matching, the frozen resolve step by step, the end of a loss, refusals."""

from __future__ import annotations

import pytest

from plimsoll import loss_weights
from plimsoll.chain import AnvilProcess
from tests.support.adl_twin import whole_loss_on
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.expect import reverts

MARK = 100 * WAD
RAY = 10**27
REFREEZE_S = 600
RICH = 10**6 * WAD


@pytest.fixture(scope="module")
def deployed():
    """Ten winners hold 10 each at ten prices below the mark; the loser holds the other side.

    Account 0 is the loser of market 1. The winners 1 to 10 are long from 80, 82, … 98 and a
    mark of 100 makes 20, 18, … 2 each: their buckets all differ.
    """
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, markets=2)
        for index in range(14):
            ledger.fund(ledger.account(index), RICH)
        for index in range(1, 11):
            price = (78 + 2 * index) * WAD
            ledger.set_price(price)
            ledger.trade(ledger.account(0), ledger.account(index), 10 * WAD, price)
        ledger.set_price(MARK)
        ledger.poke()
        yield ledger


@pytest.fixture
def loser(ledger):
    return ledger.account(0)


@pytest.fixture
def winners(ledger):
    return [ledger.account(index) for index in range(1, 11)]


@pytest.fixture
def bankrupt(ledger, loser):
    """The loser with a deficit, under liquidation."""

    def make(deficit: int) -> int:
        ledger.set_equity(loser, -deficit)
        ledger.send(ledger.liquidator, "set_started", loser, True)
        return loser

    return make


def begin(ledger, account: int, reserved: int = 0, weights: int | None = None):
    packed = whole_loss_on(long=True) if weights is None else weights
    return ledger.send(ledger.liquidator, "adl_begin", account, reserved, packed)


def step(ledger, buckets: int = 1_000):
    return ledger.send(ledger.liquidator, "adl_step", buckets)


def job(ledger):
    return ledger.ledger.read("adl_job")


def named(ledger, receipt, name: str):
    return [event for event in ledger.ledger.events(receipt) if event.name == name]


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("rematch", (1 << 96, 1, WAD, 0, 1)),
        ("adl_begin", (1 << 96, 0, 0)),
        ("adl_step", (1,)),
        ("cover", (1 << 96, 0)),
    ],
)
def test_cold_path__anybody_but_the_liquidator__reverts(ledger, function, args):
    for signer in (ledger.attacker, ledger.owner, ledger.custody, ledger.exchange):
        with reverts("access: not liquidator"):
            ledger.send(signer, function, *args)


# --- re-matching of a solvent account -----------------------------------------------------------


def test_rematch__heads_of_the_queue__best_long_first(ledger, loser, winners):
    queue = [row["key"] for row in ledger.ledger.read("adl_queue", 1, True, 64)]
    ledger.send(ledger.liquidator, "set_started", loser, True)
    receipt = ledger.send(ledger.liquidator, "rematch", loser, 1, 25 * WAD, 10_000, 1_000)
    events = named(ledger, receipt, "BucketRematched")
    assert [event["key"] for event in events] == queue[:3]
    assert [event["size"] for event in events] == [10 * WAD, 10 * WAD, 5 * WAD]
    assert {event["price"] for event in events} == {101 * WAD}  # a short pays 1 % more
    assert [event["epoch"] for event in events] == [0, 0, 0]
    # whoever entered lowest has gone first, and was paid the worsened price
    assert [ledger.leg(winner)["size"] for winner in winners[:4]] == [0, 0, 5 * WAD, 10 * WAD]
    assert abs(ledger.leg(winners[0])["accrued"] - 1_010 * WAD) <= 2
    assert ledger.leg(loser)["size"] == -75 * WAD


def test_rematch__more_than_the_leg__closes_the_leg(ledger, loser):
    ledger.send(ledger.liquidator, "set_started", loser, True)
    args = (loser, 1, 10**6 * WAD, 0, 1_000)
    closed = ledger.ledger.read("rematch", *args, sender=ledger.liquidator.address)
    assert closed == 100 * WAD
    ledger.send(ledger.liquidator, "rematch", *args)
    assert ledger.ledger.read("markets_of", loser) == []
    assert ledger.ledger.read("open_interest", 1) == (0, 0)


def test_rematch__bucket_limit__stops_there(ledger, loser):
    ledger.send(ledger.liquidator, "set_started", loser, True)
    for limit, left in ((2, 80), (1, 70), (0, 70)):
        ledger.send(ledger.liquidator, "rematch", loser, 1, 10**6 * WAD, 0, limit)
        assert ledger.leg(loser)["size"] == -left * WAD


def test_rematch__account_not_started__reverts(ledger, loser):
    with reverts("account: not under liquidation"):
        ledger.send(ledger.liquidator, "rematch", loser, 1, WAD, 0, 1)


def test_rematch__discount__at_most_ten_percent(ledger, loser):
    ledger.send(ledger.liquidator, "set_started", loser, True)
    with reverts("rematch: discount too high"):
        ledger.send(ledger.liquidator, "rematch", loser, 1, WAD, 100_001, 1)
    receipt = ledger.send(ledger.liquidator, "rematch", loser, 1, WAD, 100_000, 1)
    assert named(ledger, receipt, "BucketRematched")[0]["price"] == 110 * WAD


def test_rematch__long_account__sells_below_mark_to_the_best_short(ledger, loser, winners):
    ledger.send(ledger.liquidator, "set_started", winners[0], True)
    receipt = ledger.send(ledger.liquidator, "rematch", winners[0], 1, WAD, 20_000, 1)
    (event,) = named(ledger, receipt, "BucketRematched")
    assert event["price"] == 98 * WAD
    # of the shorts the one from the highest price comes first: here there is only one
    assert ledger.leg(loser)["size"] == -99 * WAD


def test_rematch__no_price__reverts(ledger, loser):
    ledger.send(ledger.liquidator, "set_started", loser, True)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    with reverts("oracle: no price"):
        ledger.send(ledger.liquidator, "rematch", loser, 1, WAD, 0, 1)


# --- begin --------------------------------------------------------------------------------------


def test_begin__freezes_deficit_marks_and_funding(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    receipt = begin(ledger, account, 100 * WAD)
    (frozen,) = named(ledger, receipt, "AdlFrozen")
    assert abs(frozen["deficit"] - 300 * WAD) <= 1
    assert frozen.args == {
        "account": account,
        "deficit": frozen["deficit"],
        "reserved": 100 * WAD,
        "uncovered": frozen["deficit"] - 100 * WAD,
        "weights": whole_loss_on(long=True),
    }
    (leg,) = named(ledger, receipt, "LegFrozen")
    assert (leg["account"], leg["market"]) == (account, 1)
    assert (leg["size"], leg["mark"]) == (-100 * WAD, MARK)
    assert leg["funding_index"] == ledger.ledger.read("funding", 1)[0]
    assert leg["uncovered"] == frozen["uncovered"]
    running = job(ledger)
    assert (running["account"], running["legs"], running["leg"], running["phase"]) == (
        account,
        1,
        0,
        0,
    )


def test_begin__reserve_covers_everything__nothing_is_uncovered(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    begin(ledger, account, 400 * WAD)
    assert job(ledger)["uncovered"] == 0
    receipt = step(ledger)
    assert named(ledger, receipt, "HaircutSet") == []
    assert named(ledger, receipt, "BucketHaircut") == []
    assert len(named(ledger, receipt, "BucketRematched")) == 10


def test_begin__account_not_started__reverts(ledger, loser):
    ledger.set_equity(loser, -WAD)
    with reverts("adl: not under liquidation"):
        begin(ledger, loser)


def test_begin__equity_of_exactly_zero__is_not_bankrupt(ledger, bankrupt):
    account = bankrupt(0)
    with reverts("adl: not bankrupt"):
        begin(ledger, account)
    ledger.set_equity(account, -1)
    begin(ledger, account)


def test_begin__another_account_while_a_job_runs__reverts(ledger, bankrupt, winners):
    begin(ledger, bankrupt(300 * WAD))
    ledger.set_equity(winners[0], -WAD)
    ledger.send(ledger.liquidator, "set_started", winners[0], True)
    with reverts("adl: another job runs"):
        begin(ledger, winners[0])


def test_begin__market_without_price__its_leg_stays_and_nobody_is_charged(
    ledger, bankrupt, winners
):
    account = bankrupt(300 * WAD)
    before = [ledger.health(winner)["equity"] for winner in winners]
    ledger.rpc.increase_time(2 * 86_400 + 1)
    receipt = begin(ledger, account)
    assert named(ledger, receipt, "LegFrozen") == []
    receipt = step(ledger)
    assert {event.name for event in ledger.ledger.events(receipt)} <= {"FundingRateSet"}
    assert job(ledger)["account"] == 0
    assert ledger.leg(account)["size"] == -100 * WAD
    assert [ledger.health(winner)["equity"] for winner in winners] == before


def test_begin__again_before_ten_minutes__reverts_and_then_freezes_anew(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    begin(ledger, account)
    since = job(ledger)["started"]
    ledger.rpc.set_next_timestamp(since + REFREEZE_S - 1)
    with reverts("adl: job is young"):
        begin(ledger, account)
    ledger.rpc.set_next_timestamp(since + REFREEZE_S)
    begin(ledger, account)
    assert job(ledger)["started"] == since + REFREEZE_S


def test_begin__again_between_the_sum_and_the_haircut__reverts(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    begin(ledger, account)
    step(ledger, 11)  # ten sums and the first haircut
    assert job(ledger)["phase"] == 1
    ledger.rpc.increase_time(REFREEZE_S)
    with reverts("adl: haircut under way"):
        begin(ledger, account)
    step(ledger, 10)  # the other nine, and the first re-match
    assert job(ledger)["phase"] == 2
    begin(ledger, account)


def test_begin__again_after_the_haircut__charges_the_rest_only(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    begin(ledger, account)
    step(ledger, 21)
    assert abs(job(ledger)["credited"] - 300 * WAD) <= 2
    ledger.set_price(101 * WAD)  # the short of 90 loses another 90
    ledger.rpc.increase_time(REFREEZE_S)
    begin(ledger, account)
    again = job(ledger)
    assert abs(again["deficit"] - 90 * WAD) <= 4
    assert abs(again["credited"] - 300 * WAD) <= 2  # credits stay
    step(ledger)
    assert ledger.health(account)["cash"] in range(-4, 1)


def test_begin__again_in_the_middle_of_the_sum__starts_it_over(ledger, bankrupt):
    account = bankrupt(300 * WAD)
    begin(ledger, account)
    step(ledger, 4)
    ledger.rpc.increase_time(REFREEZE_S)
    begin(ledger, account)
    receipt = step(ledger)
    (event,) = named(ledger, receipt, "HaircutSet")
    # 10 * (20 + 18 + … + 2), less what lies within the ticks
    assert abs(event["profit"] - 1_100 * WAD) < WAD // 10**6


# --- steps --------------------------------------------------------------------------------------


def test_step__no_job__reverts(ledger):
    with reverts("adl: no job"):
        step(ledger)


def test_step__one_call__takes_the_loss_in_proportion_to_profit(ledger, bankrupt, winners):
    account = bankrupt(220 * WAD)  # a fifth of 1,100
    before = [ledger.health(winner)["equity"] for winner in winners]
    begin(ledger, account)
    assert ledger.ledger.read("adl_step", 1_000, sender=ledger.liquidator.address)
    receipt = step(ledger)
    (event,) = named(ledger, receipt, "HaircutSet")
    assert abs(event["eta_ray"] - RAY // 5) < RAY // 10**9
    for number, winner in enumerate(winners):
        profit = 10 * (20 - 2 * number) * WAD
        paid = before[number] - ledger.health(winner)["equity"]
        assert abs(paid - profit // 5) < WAD // 10**7
        assert ledger.leg(winner)["size"] == 0
    assert ledger.health(account)["cash"] in range(-4, 1)
    assert job(ledger)["account"] == 0
    assert ledger.ledger.read("is_started", account)  # until its loss is drawn


def test_step__one_bucket_a_call__same_result_as_one_call(ledger, bankrupt, winners):
    account = bankrupt(220 * WAD)
    begin(ledger, account)
    with ledger.rpc.undone():
        step(ledger)
        at_once = [ledger.health(who)["cash"] for who in (account, *winners)]
    calls = 0
    phases = []
    while job(ledger)["account"]:
        phases.append(job(ledger)["phase"])
        step(ledger, 1)
        calls += 1
        assert calls < 60
    # the account's leg is booked ten times instead of once: a wei each
    by_steps = [ledger.health(who)["cash"] for who in (account, *winners)]
    assert 0 <= at_once[0] - by_steps[0] <= 10
    assert by_steps[1:] == at_once[1:]
    # a call notices at its beginning that a walk has ended, and goes on with the next
    assert phases == [0] * 11 + [1] * 10 + [2] * 9
    assert calls == 30


def test_step__no_budget__does_nothing(ledger, bankrupt):
    begin(ledger, bankrupt(220 * WAD))
    before = job(ledger)
    assert not ledger.ledger.read("adl_step", 0, sender=ledger.liquidator.address)
    step(ledger, 0)
    assert job(ledger) == before


def test_step__loss_above_all_profit__takes_exactly_the_profit(ledger, bankrupt, winners):
    account = bankrupt(2_000 * WAD)
    begin(ledger, account)
    receipt = step(ledger)
    (event,) = named(ledger, receipt, "HaircutSet")
    assert event["eta_ray"] == RAY
    assert event["credited"] == event["profit"]
    assert abs(ledger.health(account)["cash"] + 900 * WAD) < WAD // 10**6
    for number, winner in enumerate(winners):
        entry = (80 + 2 * number) * WAD
        want = RICH - 10 * entry // 2_000  # fees of 5 bps at the entry
        assert abs(ledger.health(winner)["cash"] - want) < WAD // 10**6


def test_step__winner_whose_bucket_holds_the_mark__pays_nothing(ledger, bankrupt):
    """One tick, 1.6 %, of profit is out of reach."""
    winner, short = ledger.account(11), ledger.account(12)
    ledger.trade(short, winner, 10 * WAD, 99_500 * WAD // 1_000)
    before = ledger.health(winner)["equity"]
    account = bankrupt(220 * WAD)
    begin(ledger, account)
    step(ledger, 20)  # sum and haircut
    assert ledger.health(winner)["equity"] >= before - 2


def test_step__loss_of_two_markets__split_by_the_weights_and_not_shifted(ledger, bankrupt, loser):
    """Market 2 has a winner with 50 of profit; it owes 100, and pays no more than it has."""
    ledger.trade(loser, ledger.account(11), 10 * WAD, 95 * WAD, 2)
    profit = 50 * WAD
    account = bankrupt(200 * WAD)
    legs = [loss_weights.LegLoss(1, True, 1), loss_weights.LegLoss(2, True, 1)]
    begin(ledger, account, 0, loss_weights.pack(loss_weights.split(legs)))
    receipt = step(ledger)
    first, second = named(ledger, receipt, "HaircutSet")
    assert (first["market"], second["market"]) == (1, 2)
    assert abs(first["credited"] - 100 * WAD) <= 4
    assert second["eta_ray"] == RAY
    assert abs(second["credited"] - profit) < WAD // 10**6
    assert abs(ledger.health(account)["cash"] + 50 * WAD) < WAD // 10**6
    assert ledger.ledger.read("markets_of", account) == []


def test_step__leg_that_bears_no_loss__is_rematched_all_the_same(ledger, bankrupt, loser):
    other = ledger.account(11)
    ledger.trade(other, loser, 10 * WAD, MARK, 2)
    account = bankrupt(100 * WAD)
    receipt = begin(ledger, account)
    assert [event["market"] for event in named(ledger, receipt, "LegFrozen")] == [1, 2]
    assert [event["size"] for event in named(ledger, receipt, "LegFrozen")] == [
        -100 * WAD,
        10 * WAD,
    ]
    receipt = step(ledger)
    assert len(named(ledger, receipt, "HaircutSet")) == 1
    assert ledger.ledger.read("markets_of", account) == []
    assert ledger.leg(other, 2)["size"] == 0


def test_step__market_left_during_the_auction__still_bears_its_share(ledger, bankrupt, loser):
    """The leg is gone, the loss it made is not: the weights name the side that won."""
    ledger.trade(ledger.account(12), loser, 10 * WAD, MARK, 2)
    account = bankrupt(110 * WAD)
    ledger.take(account, ledger.account(11), -100 * WAD, MARK)
    assert ledger.ledger.read("markets_of", account) == [2]
    begin(ledger, account)
    receipt = step(ledger)
    (event,) = named(ledger, receipt, "HaircutSet")
    assert event["market"] == 1
    assert abs(event["eta_ray"] - RAY // 10) < RAY // 10**9
    assert ledger.ledger.read("markets_of", account) == []


def test_step__frozen_mark__later_prices_do_not_matter(ledger, bankrupt):
    account = bankrupt(220 * WAD)
    begin(ledger, account)
    ledger.set_price(150 * WAD)
    ledger.poke()
    receipt = step(ledger)
    assert {event["price"] for event in named(ledger, receipt, "BucketRematched")} == {MARK}
    assert ledger.health(account)["cash"] in range(-4, 1)


# --- locks --------------------------------------------------------------------------------------


def test_lock__account__nobody_moves_it_until_the_end(ledger, bankrupt, winners):
    account = bankrupt(220 * WAD)
    begin(ledger, account)
    calls = [
        (ledger.custody, "credit", (account, WAD)),
        (ledger.custody, "debit", (account, WAD)),
        (ledger.liquidator, "set_started", (account, False)),
        (ledger.liquidator, "take", ((account, winners[0], 1, -WAD, MARK, 0, 0),)),
        (ledger.liquidator, "rematch", (account, 1, WAD, 0, 1)),
        (ledger.liquidator, "cover", (account, 0)),
        (ledger.attacker, "sync", (account, 1)),
        (ledger.exchange, "trade", ((winners[0], account, 1, WAD, MARK, 1_000, 1_000, 4),)),
    ]
    for signer, function, args in calls:
        with reverts("account: locked"):
            ledger.send(signer, function, *args)
    step(ledger)
    ledger.fund(account, WAD)


def test_lock__winning_side__from_the_first_sum_to_the_end_of_the_haircut(
    ledger, bankrupt, winners
):
    account = bankrupt(220 * WAD)
    begin(ledger, account)
    free = ledger.account(11)

    def every_way_in_or_out():
        yield lambda: ledger.trade(free, winners[0], -WAD, MARK)
        yield lambda: ledger.trade(winners[0], free, 2 * WAD, MARK)
        yield lambda: ledger.trade(ledger.account(12), free, 2 * WAD, MARK)
        yield lambda: ledger.send(ledger.attacker, "sync", winners[3], 1)

    with ledger.rpc.undone():
        next(every_way_in_or_out())()  # not yet locked
    for done in (1, 10, 1, 8):  # into the sum, into the haircut, just before its end
        step(ledger, done)
        for attempt in every_way_in_or_out():
            with reverts("adl: side locked"):
                attempt()
        ledger.health(winners[0])  # views stay open
    step(ledger, 1)
    for attempt in every_way_in_or_out():
        with ledger.rpc.undone():
            attempt()


def test_lock__losing_side__trades_on_among_itself(ledger, bankrupt):
    account = bankrupt(220 * WAD)
    short, heir = ledger.account(11), ledger.account(12)
    ledger.trade(short, ledger.account(13), 10 * WAD, MARK)
    begin(ledger, account)
    step(ledger, 1)
    ledger.trade(short, heir, -5 * WAD, MARK)


def test_lock__solvent_account__is_not_rematched_with_a_locked_side(ledger, bankrupt):
    account = bankrupt(220 * WAD)
    short = ledger.account(11)
    ledger.trade(short, ledger.account(13), 10 * WAD, MARK)
    ledger.send(ledger.liquidator, "set_started", short, True)
    begin(ledger, account)
    step(ledger, 1)
    with reverts("adl: side locked"):
        ledger.send(ledger.liquidator, "rematch", short, 1, WAD, 0, 1)
    step(ledger)
    ledger.send(ledger.liquidator, "rematch", short, 1, WAD, 0, 1)


# --- the end of a loss --------------------------------------------------------------------------


@pytest.fixture
def flat_loss(ledger):
    """A flat started account that lacks 500."""
    account = ledger.account(20)
    ledger.set_cash(account, -500 * WAD)
    ledger.send(ledger.liquidator, "set_started", account, True)
    return account


def test_cover__sets_cash_to_zero_and_returns_the_shortfall(ledger, flat_loss):
    args = (flat_loss, 400 * WAD)
    assert ledger.ledger.read("cover", *args, sender=ledger.liquidator.address) == 100 * WAD
    receipt = ledger.send(ledger.liquidator, "cover", *args)
    (event,) = named(ledger, receipt, "LossCovered")
    assert event.args == {
        "account": flat_loss,
        "covered": 400 * WAD,
        "shortfall": 100 * WAD,
    }
    (cash,) = named(ledger, receipt, "CashChanged")
    assert cash.args == {"account": flat_loss, "delta": 500 * WAD, "cash": 0}
    assert ledger.health(flat_loss)["cash"] == 0
    with reverts("cover: no loss"):
        ledger.send(ledger.liquidator, "cover", flat_loss, 0)


def test_cover__more_than_the_loss__reverts(ledger, flat_loss):
    with reverts("cover: above the loss"):
        ledger.send(ledger.liquidator, "cover", flat_loss, 500 * WAD + 1)
    ledger.send(ledger.liquidator, "cover", flat_loss, 500 * WAD)


def test_cover__account_not_started__reverts(ledger, flat_loss):
    ledger.send(ledger.liquidator, "set_started", flat_loss, False)
    with reverts("account: not under liquidation"):
        ledger.send(ledger.liquidator, "cover", flat_loss, 0)


def test_cover__account_with_positions__reverts(ledger, bankrupt):
    account = bankrupt(WAD)
    with reverts("cover: holds positions"):
        ledger.send(ledger.liquidator, "cover", account, 0)


@pytest.mark.parametrize(
    ("missing", "reserve", "shortfall"),
    [
        (10**14, 10**14, 0),
        (10**14, 10**14 - 1, 10**14),
        (10**14 + 1, 10**18, 10**14 + 1),
        (1, 1, 0),
    ],
)
def test_cover__dust_only__comes_from_the_dust_reserve(
    ledger, flat_loss, missing, reserve, shortfall
):
    reserve_account = int(ledger.ledger.address, 16) << 96
    ledger.fund(reserve_account, reserve)
    args = (flat_loss, 500 * WAD - missing)
    assert ledger.ledger.read("cover", *args, sender=ledger.liquidator.address) == shortfall
    ledger.send(ledger.liquidator, "cover", *args)
    paid = missing if shortfall == 0 else 0
    assert ledger.health(reserve_account)["cash"] == reserve - paid
