"""Edges of the ADL buckets: rolls, members far behind, buckets without size, dust, cost."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.chain.rpc import transaction
from plimsoll.contract import Contract
from plimsoll.loss_weights import SHARES, Weight, pack
from tests.support.adl_twin import Twin
from tests.support.bare_ledger import WAD, BareLedger, market_config
from tests.support.eager_ledger import TICK_SHIFT, encode_entry, worse_edge
from tests.support.expect import reverts

MARK = 100 * WAD
RICH = 10**6 * WAD
PPM = 10**6
SIDES = pytest.mark.parametrize("sign", [1, -1], ids=["longs win", "shorts win"])


@pytest.fixture(scope="module")
def ledger():
    with AnvilProcess() as anvil:
        yield BareLedger(anvil.rpc, funding_base_ppb=1_000_000)


@pytest.fixture
def twin(ledger):
    with ledger.rpc.undone():
        yield Twin(ledger, 16, RICH)


class Scene:
    """A winner's bucket at 100, losers on the other side, and a mark at which they win."""

    def __init__(self, twin: Twin, sign: int) -> None:
        self.twin = twin
        self.sign = sign
        self.winners = twin.accounts[:6]
        self.losers = twin.accounts[6:]

    def join(self, winner: int, loser: int, size: int, price: int = MARK) -> None:
        """The winner takes `size` (wad) from the loser at a price near the mark."""
        self.twin.trade(loser, winner, self.sign * size, price)

    def win(self) -> None:
        """The mark moves by a tenth in the winners' favour."""
        self.twin.move_price(MARK + self.sign * MARK // 10)

    def back(self) -> None:
        """The mark returns to where the bucket's members came in."""
        self.twin.move_price(MARK)

    def charge(self, loser: int, deficit: int) -> None:
        """The loser goes bankrupt by `deficit` (wad) and is resolved."""
        chain, model = self.twin.chain, self.twin.model
        before = chain.health(loser)["cash"]
        chain.set_equity(loser, -deficit)
        model.cash[loser] += chain.health(loser)["cash"] - before
        self.twin.resolve(loser, 0)
        self.twin.check()
        chain.fund(loser, RICH)
        model.cash[loser] += RICH

    def close(self, loser: int, size: int) -> list[int]:
        """Re-match `size` (wad) of a solvent loser."""
        used = self.twin.rematch(loser, size, 0)
        self.twin.check()
        return used

    def bucket(self):
        """Head of the winners' queue."""
        return self.twin.chain.ledger.read("adl_queue", 1, self.sign > 0, 1)[0]


def list_market_to_the_wei(ledger: BareLedger) -> Contract:
    """Market 2 at the same mark; returns its feed, which has 18 decimals."""
    feed = ledger.deploy("TestFeed", 18, MARK)
    source = (feed.address, 86_400, 2 * 86_400)
    ledger.oracle.write(ledger.owner, "set_market", 2, [source], 1, 50_000)
    ledger.send(ledger.owner, "list_market", 2, market_config())
    return feed


# --- rolls --------------------------------------------------------------------------------------


@SIDES
def test_join__bucket_that_paid_a_haircut__starts_a_new_epoch(twin, sign):
    scene = Scene(twin, sign)
    first, second = scene.winners[:2]
    scene.join(first, scene.losers[0], 100 * WAD)
    scene.join(first, scene.losers[1], WAD)
    scene.win()
    scene.charge(scene.losers[1], 50 * WAD)
    assert scene.bucket()["epoch"] == 0
    paid = twin.chain.leg(first)
    scene.back()
    scene.join(second, scene.losers[2], 30 * WAD)
    assert scene.bucket()["epoch"] == 1
    twin.check()
    # the newcomer's entry does not bear the first one's haircut, nor the other way round
    assert abs(twin.chain.leg(second)["entry"] - MARK) <= MARK >> 33
    assert twin.chain.leg(first)["entry"] == paid["entry"]
    scene.win()
    scene.charge(scene.losers[2], 100 * WAD)
    assert twin.seen["haircuts"] == 2


@SIDES
def test_join__bucket_that_was_only_rematched__keeps_its_epoch(twin, sign):
    scene = Scene(twin, sign)
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    scene.close(scene.losers[0], 30 * WAD)
    scene.join(scene.winners[1], scene.losers[1], 30 * WAD)
    assert scene.bucket()["epoch"] == 0
    twin.check()


@SIDES
@pytest.mark.parametrize(("extra", "epoch"), [(0, 0), (1, 1)])
def test_close__size_per_share_at_one_millionth_and_a_wei_below__rolls(twin, sign, extra, epoch):
    scene = Scene(twin, sign)
    scene.join(scene.winners[0], scene.losers[0], 1_000 * WAD)
    scene.close(scene.losers[0], 1_000 * WAD * (PPM - 1) // PPM + extra)
    assert scene.bucket()["epoch"] == epoch
    assert abs(twin.chain.leg(scene.winners[0])["size"]) in (10**15 - extra, 10**15 - extra - 1)


@SIDES
def test_close__all_but_a_millionth_again_and_again__rolls_and_stays_exact(twin, sign):
    scene = Scene(twin, sign)
    keeper = scene.winners[0]
    scene.join(keeper, scene.losers[0], 500 * WAD)
    scene.close(scene.losers[0], 500 * WAD - WAD // 10_000)
    assert scene.bucket()["epoch"] == 1
    for epoch in range(2, 6):
        # a newcomer of 500 beside a ten-thousandth, then 500 are closed, pro rata
        scene.join(scene.winners[epoch], scene.losers[epoch], 500 * WAD)
        scene.close(scene.losers[epoch], 500 * WAD)
        assert scene.bucket()["epoch"] == epoch
        assert 0 <= WAD // 10_000 - scene.bucket()["size"] <= epoch
    assert twin.seen["rolls"] == 5
    twin.sync(keeper)
    twin.check()


@SIDES
def test_close__whole_bucket__ends_the_epoch_and_empties_its_place(twin, sign):
    scene = Scene(twin, sign)
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    scene.close(scene.losers[0], 100 * WAD)
    assert twin.chain.ledger.read("adl_queue", 1, sign > 0, 64) == []
    scene.join(scene.winners[1], scene.losers[1], 50 * WAD)
    assert scene.bucket()["epoch"] == 1
    assert scene.bucket()["size"] == 50 * WAD
    twin.check()
    twin.sync(scene.winners[0])
    twin.check()


@SIDES
def test_leave__last_member__resets_the_bucket_but_not_its_epoch(twin, sign):
    scene = Scene(twin, sign)
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    scene.close(scene.losers[0], 100 * WAD)
    scene.join(scene.winners[1], scene.losers[1], 50 * WAD)
    scene.join(scene.winners[1], scene.losers[1], -50 * WAD)
    assert twin.chain.ledger.read("adl_queue", 1, sign > 0, 64) == []
    scene.join(scene.winners[2], scene.losers[2], 20 * WAD)
    assert scene.bucket()["epoch"] == 1
    twin.check()


# --- the worst entry ----------------------------------------------------------------------------


@SIDES
def test_haircut__moves_the_worst_entry_and_a_second_one_takes_from_the_rest(twin, sign):
    """Two haircuts of half the profit leave a quarter of it, not nothing."""
    scene = Scene(twin, sign)
    winner = scene.winners[0]
    scene.join(winner, scene.losers[0], 100 * WAD)
    scene.join(winner, scene.losers[1], WAD)
    scene.join(winner, scene.losers[2], WAD)
    scene.win()
    start = twin.chain.health(winner)["equity"]
    scene.charge(scene.losers[1], 510 * WAD)
    first = start - twin.chain.health(winner)["equity"]
    scene.charge(scene.losers[2], 255 * WAD)
    second = start - first - twin.chain.health(winner)["equity"]
    assert abs(first - 510 * WAD) < WAD // 10
    assert abs(second - 255 * WAD) < WAD // 10
    assert twin.seen["haircuts"] == 2


@SIDES
def test_haircut__in_full__leaves_nothing_to_take(twin, sign):
    scene = Scene(twin, sign)
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    scene.join(scene.winners[0], scene.losers[1], WAD)
    scene.join(scene.winners[0], scene.losers[2], WAD)
    scene.win()
    scene.charge(scene.losers[1], 5_000 * WAD)
    assert twin.seen["full haircuts"] == 1
    after = twin.chain.health(scene.winners[0])["equity"]
    scene.charge(scene.losers[2], 5_000 * WAD)
    assert abs(twin.chain.health(scene.winners[0])["equity"] - after) < 10**6


@SIDES
@pytest.mark.parametrize("beyond", [0, 1])
def test_haircut__mark_at_the_moved_worst_entry_and_a_wei_beyond__charges_only_beyond(
    ledger, sign, beyond
):
    with ledger.rpc.undone():
        feed = list_market_to_the_wei(ledger)
        winner, first, second = (ledger.account(index) for index in range(3))
        for account in (winner, first, second):
            ledger.fund(account, RICH)
        for loser in (first, second):
            ledger.trade(loser, winner, sign * 10 * WAD, MARK, 2)

        def charged_at(price: int, loser: int) -> list[Any]:
            feed.write(ledger.owner, "set_answer", price)
            ledger.poke(2)
            ledger.set_equity(loser, -WAD)
            ledger.send(ledger.liquidator, "set_started", loser, True)
            weights = pack([Weight(2, sign > 0, SHARES)])  # the loser's side
            ledger.send(ledger.liquidator, "adl_begin", loser, 0, weights)
            receipt = ledger.send(ledger.liquidator, "adl_step", 1_000)
            return [e for e in ledger.ledger.events(receipt) if e.name == "BucketHaircut"]

        mark = MARK + sign * MARK // 10
        (haircut,) = charged_at(mark, first)
        worst = ledger.word("ledger.bucket_words", haircut["key"], offset=4)
        entry = ledger.leg(winner, 2)["entry"]
        assert sign * entry < sign * worst < sign * mark  # whoever came in here has not won yet
        assert len(charged_at(worst + sign * beyond, second)) == beyond


@SIDES
def test_haircut__winners_at_neighbouring_ticks__nobody_is_passed_over(ledger, sign):
    with ledger.rpc.undone():
        winners, loser = [ledger.account(index) for index in range(3)], ledger.account(3)
        for account in (*winners, loser):
            ledger.fund(account, RICH)
        ticks = []
        for step, account in enumerate(winners):
            price = MARK - sign * step * 2**60  # so wide is a tick at 100
            ticks.append(encode_entry(price, sign > 0) >> TICK_SHIFT)
            ledger.trade(loser, account, sign * 10 * WAD, price)
        assert ticks == [ticks[0] - sign * step for step in range(3)]
        ledger.set_price(MARK + sign * MARK // 10)
        ledger.poke()
        ledger.set_equity(loser, -WAD)
        ledger.send(ledger.liquidator, "set_started", loser, True)
        weights = pack([Weight(1, sign > 0, SHARES)])
        ledger.send(ledger.liquidator, "adl_begin", loser, 0, weights)
        receipt = ledger.send(ledger.liquidator, "adl_step", 1_000)
        names = [event.name for event in ledger.ledger.events(receipt)]
        assert names.count("BucketHaircut") == names.count("BucketRematched") == 3


# --- members far behind -------------------------------------------------------------------------


def epochs_pass(scene: Scene, count: int) -> None:
    """Haircuts on the bucket, each followed by a newcomer: one epoch each, sizes stay."""
    for number in range(count):
        loser = scene.losers[1 + number % 8]
        scene.join(scene.winners[1 + number % 5], loser, 2 * WAD)
        scene.win()
        scene.charge(loser, 3 * WAD)
        scene.back()
    scene.join(scene.winners[1], scene.losers[0], 2 * WAD)


@SIDES
def test_member__eight_epochs_behind__is_followed_to_the_end(twin, sign):
    scene = Scene(twin, sign)
    old = scene.winners[0]
    scene.join(old, scene.losers[0], 400 * WAD)
    epochs_pass(scene, 8)
    assert scene.bucket()["epoch"] == 8
    assert twin.chain.word("ledger.position_words", old, 1)  # untouched since
    twin.check()
    twin.sync(old)
    twin.check()


@SIDES
def test_member__more_than_eight_epochs_behind__syncs_first(twin, sign):
    scene = Scene(twin, sign)
    old = scene.winners[0]
    scene.join(old, scene.losers[0], 400 * WAD)
    twin.accounts.remove(old)
    epochs_pass(scene, 9)
    assert scene.bucket()["epoch"] == 9
    chain = twin.chain
    for view in (lambda: chain.leg(old), lambda: chain.health(old)):
        with reverts("adl: sync first"):
            view()
    with reverts("adl: sync first"):
        chain.trade(scene.losers[5], old, sign * WAD, MARK)
    chain.send(chain.attacker, "sync", old, 1)  # eight epochs of nine
    twin.accounts.append(old)
    # that sync rounded the entry before the ninth haircut: 2**-33 of 40,000, times the rate
    twin.cash_error = 10**10
    twin.check()
    twin.sync(old)
    twin.check()


# --- ties -----------------------------------------------------------------------------------------


@SIDES
def test_queue__equal_scores__the_higher_class_goes_first(ledger, sign):
    """At a mark on the very edge of a tick all classes of that tick score 0."""
    with ledger.rpc.undone():
        feed = list_market_to_the_wei(ledger)
        careful, bold, loser = (
            ledger.account_of(ledger.trader),
            ledger.account(1),
            ledger.account(2),
        )
        for account in (careful, bold, loser):
            ledger.fund(account, RICH)
        ledger.send(ledger.trader, "set_leverage_class", careful, 2, 1)
        for account in (careful, bold):
            ledger.trade(loser, account, sign * 10 * WAD, MARK, 2)
        tick = encode_entry(MARK, sign > 0) >> TICK_SHIFT
        feed.write(ledger.owner, "set_answer", worse_edge(tick, sign > 0))
        ledger.poke(2)
        rows = ledger.ledger.read("adl_queue", 2, sign > 0, 64)
        assert [(row["leverage_class"], row["score_ray"]) for row in rows] == [(4, 0), (1, 0)]
        ledger.send(ledger.liquidator, "set_started", loser, True)
        ledger.send(ledger.liquidator, "rematch", loser, 2, 10 * WAD, 0, 10)
        assert ledger.leg(bold, 2)["size"] == 0
        assert ledger.leg(careful, 2)["size"] == sign * 10 * WAD


# --- buckets without size, dust -----------------------------------------------------------------


@SIDES
def test_rematch__head_with_shares_but_no_size__is_closed_and_the_next_is_asked(twin, sign):
    """Rolls leave a bucket whose members' shares are worth less than a wei together."""
    scene = Scene(twin, sign)
    chain = twin.chain
    key = 1 << 17 | (sign > 0) << 16 | 4 << 13 | (4224 if sign > 0 else 4300)
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    # a bucket at a better tick: 5 shares, each worth a fifth of a wei at most
    word = 5 | 1 << 240
    chain.set_word(word, "ledger.bucket_words", key)
    chain.set_word(10**26 | 10**27 << 96, "ledger.bucket_words", key, offset=1)
    row = key >> 8
    chain.set_word(
        chain.word("ledger.tick_words", row) | 1 << (key & 255), "ledger.tick_words", row
    )
    summary = chain.word("ledger.tick_summaries", key >> 16)
    bit = 1 << ((key >> 8 & 31) + 32 * (key >> 13 & 7))
    chain.set_word(summary | bit, "ledger.tick_summaries", key >> 16)
    head = scene.bucket()
    assert (head["key"], head["size"]) == (key, 0)
    used = scene.close(scene.losers[0], 40 * WAD)
    assert used[0] == key
    assert len(used) == 2
    assert scene.bucket()["key"] != key
    assert abs(chain.leg(scene.winners[0])["size"]) == 60 * WAD


@SIDES
def test_rematch__other_side_is_empty__the_dust_is_booked(twin, sign):
    """Rounding has left 5 wei more on one side than on the other."""
    scene = Scene(twin, sign)
    chain = twin.chain
    scene.join(scene.winners[0], scene.losers[0], 100 * WAD)
    loser = scene.losers[0]
    word = chain.word("ledger.position_words", loser, 1)
    chain.set_word(word + 5, "ledger.position_words", loser, 1)
    key = 1 << 17 | (sign < 0) << 16 | 4 << 13 | (word >> 160 & 2**13 - 1)
    bucket = chain.word("ledger.bucket_words", key)
    chain.set_word(bucket + 5, "ledger.bucket_words", key)
    shift = 0 if sign < 0 else 100
    interest = chain.word("ledger.market_interest", 1)
    chain.set_word(interest + (5 << shift), "ledger.market_interest", 1)
    assert abs(chain.leg(loser)["size"]) == 100 * WAD + 5
    chain.send(chain.liquidator, "set_started", loser, True)
    receipt = chain.send(chain.liquidator, "rematch", loser, 1, 2**255, 0, 1_000)
    (event,) = [e for e in chain.ledger.events(receipt) if e.name == "DustBooked"]
    assert event.args == {"account": loser, "market": 1, "size": -sign * 5}
    assert chain.ledger.read("markets_of", loser) == []
    assert chain.ledger.read("open_interest", 1) == (0, 0)


# --- cost ---------------------------------------------------------------------------------------


def crowd(ledger: BareLedger, members: int, sign: int) -> None:
    """So many accounts of one unit each against account 0, sixty a block."""
    rpc, accounts = ledger.rpc, [ledger.account(index) for index in range(1, members + 1)]
    rpc.set_automine(False)
    for start in range(0, members, 60):
        requests = []
        for account in accounts[start : start + 60]:
            ledger.set_cash(account, RICH)
            fill = (ledger.account(0), account, 1, sign * WAD, MARK, 1_000, 1_000, 4)
            call = transaction(
                to=ledger.ledger.address,
                data=ledger.ledger.encode("trade", fill),
                sender=ledger.exchange.address,
                gas=480_000,
            )
            requests.append(("eth_sendTransaction", [call]))
        rpc.batch(requests)
        rpc.mine()
    rpc.set_automine(True)


@SIDES
def test_rematch__bucket_of_ten_or_a_thousand_accounts__costs_the_same(ledger, sign):
    gas = {}
    for members in (10, 1_000):
        with ledger.rpc.undone():
            loser = ledger.account(0)
            ledger.fund(loser, RICH)
            crowd(ledger, members, sign)
            (row,) = ledger.ledger.read("adl_queue", 1, sign > 0, 64)
            assert row["size"] == members * WAD
            ledger.send(ledger.liquidator, "set_started", loser, True)
            receipt = ledger.send(ledger.liquidator, "rematch", loser, 1, 5 * WAD, 0, 10)
            gas[members] = int(receipt["gasUsed"], 16)
            left = WAD - 5 * WAD // members
            for index in (1, members):
                assert abs(abs(ledger.leg(ledger.account(index))["size"]) - left) <= 1
    assert abs(gas[1_000] - gas[10]) * 100 <= 2 * gas[10], gas
