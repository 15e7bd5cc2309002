"""The model's holds: whose gains may not leave, and who may go on all the same.

docs/adr/0012 says why; numbers are worked out by hand.
"""

from __future__ import annotations

import pytest

from plimsoll.model import custody, margin, prices, registry, resolution, trading
from plimsoll.model.state import FINE, WAD
from plimsoll.model.trading import TakeOrder
from tests.support import auction_world as auctioned
from tests.support.auction_world import (
    BTC,
    ETH,
    HOLDS,
    MINE,
    SHORT,
    give,
    open_auction,
    opposed_world,
)
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    CARA,
    DAN,
    cash,
    fill,
    later,
    ledger_world,
    poke,
    refusal,
    refused,
    size,
    trade,
)
from tests.support.money_world import ALICE, TOKEN, account_of


@pytest.fixture
def world():
    """Ann is long 10 ALPHA at 100 against Bob, with 10,000 each before fees; funding is zero."""
    world = ledger_world(funding_base_ppb=0)
    registry.set_risk_terms(world, ALPHA, HOLDS)
    trade(world, 10)
    return world


def jump(world, mark):
    """The next block finds another mark; nothing of the average is left."""
    later(world, 12, alpha=mark)
    poke(world)


def free(world, account):
    """Equity for initial margin less IM, quote units."""
    health = margin.health(world, account)
    return (health.equity_im_fine // FINE - health.im_wad) / WAD


# --- fills on a held side -----------------------------------------------------------------------


def test_trade__winner_reduces_on_a_held_side__is_refused(world):
    jump(world, 104)
    for quantity in (-1, -10, -11):  # reduce, close, flip
        assert refused(world, quantity, 104, taker=ANN, maker=CARA) == "hold: profit"
    assert refused(world, 1, 104, taker=CARA, maker=ANN) == "hold: profit"
    # the mark decides, not the price, which may lie off it
    assert refused(world, -2, 99, taker=ANN, maker=CARA) == "hold: profit"


def test_trade__winner_adds_on_a_held_side__passes(world):
    jump(world, 104)
    trade(world, 1, 104, maker=CARA)
    assert size(world, ANN) == 11


def test_trade__other_side_and_losers__pass(world):
    trade(world, 10, 105, taker=CARA, maker=DAN)
    jump(world, 104)
    # Bob, short from 100, buys back from Dan, who is short from 105 and adds
    trade(world, 2, 104, taker=BOB, maker=DAN)
    assert (size(world, BOB), size(world, DAN)) == (-8, -12)


def test_trade__mark_no_better_than_the_entry__passes(world):
    trade(world, 10, taker=CARA, maker=DAN)
    jump(world, 105)
    later(world, 12, alpha=100)  # a jump down: both sides are held
    trade(world, -4, taker=ANN, maker=CARA)
    assert size(world, ANN) == 6


def test_trade__hold_is_over__passes(world):
    jump(world, 104)
    later(world, 119)
    assert refused(world, -10, 104, maker=CARA) == "hold: profit"
    later(world, 1)
    trade(world, -10, 104, maker=CARA)
    assert size(world, ANN) == 0


def test_trade__poked_by_the_fill_itself__is_held_already(world):
    later(world, 12, alpha=104)
    assert refused(world, -10, 104, maker=CARA) == "hold: profit"


def test_trade__under_liquidation__no_way_out_with_the_gain(world):
    """Nobody may have looked since the jump cured the account."""
    jump(world, 104)
    world.account(ANN).started = True
    assert refusal(lambda: trade(world, -4, 104, maker=CARA)) == "hold: profit"


def test_trade__without_risk_terms__never_holds():
    world = ledger_world(funding_base_ppb=0)
    trade(world, 10)
    jump(world, 150)
    trade(world, -10, 150, maker=CARA)
    assert cash(world, ANN) == 10_000 + 500 - 0.5 - 0.75


def test_trade__refusals_before_the_hold(world):
    jump(world, 104)
    assert refused(world, 1, 104, flags=6, maker=CARA) == "order: would not reduce"
    assert refused(world, -200, 104, maker=CARA) == "hold: profit"  # before any margin


def test_take__taker_on_a_held_side__is_no_fill(world):
    world.account(BOB).started = True
    jump(world, 104)
    order = TakeOrder(BOB, ANN, ALPHA, -4 * WAD * FINE, 104 * WAD, 0, 0)
    trading.take(world, order)
    assert (size(world, ANN), size(world, BOB)) == (6, -6)


# --- margin on a held side ------------------------------------------------------------------------


def test_margin__held_side__counts_no_gain(world):
    jump(world, 110)
    # Ann: 9,000 - 0.5 fee + 1,000 at entry; IM 5 % of 1,100
    assert free(world, ANN) == pytest.approx(9_999.5 - 55, abs=1e-6)
    health = margin.health(world, ANN)
    assert health.equity_fine == 100_995 * 10**17 * FINE
    # Bob, who has lost 100, as always
    assert free(world, BOB) == pytest.approx(9_999.8 - 100 - 55, abs=1e-6)
    later(world, 120)
    # 110 less what is left of the distance: 90,909,091 * 900 / 1,020 = 80,213,903 ppb
    expected = 9_000 - 0.5 + 10 * 110 * (1 - 0.080213903) - 55
    assert free(world, ANN) == pytest.approx(expected, abs=1e-6)


def test_margin__worse_of_mark_and_average(world):
    later(world, 12, alpha=102)
    poke(world)
    # the average is 100 still: Ann counts 1,000, not 1,020; Bob counts his loss at mark
    assert free(world, ANN) == pytest.approx(9_999.5 - 51, abs=1e-6)
    assert free(world, BOB) == pytest.approx(9_999.8 - 20 - 51, abs=1e-6)
    later(world, 12, alpha=98)
    # (1 - 0.019607844 * 900 / 912) * 102 / 98 = 1.020676..: 100.026317 is worse for Bob than 98
    health = margin.health(world, BOB)
    assert health.equity_im_fine / FINE / WAD == pytest.approx(10_999.8 - 1_000.26317, abs=1e-4)
    assert health.equity_fine // FINE == 10_999_800 * 10**15 - 980 * WAD


def test_margin__unpriced_market__counts_the_average_as_stored(world):
    later(world, 12, alpha=102)
    poke(world)
    later(world, 12, alpha=None)
    held = 102 * (1 - 0.019607844 * 900 / 912)
    assert not margin.health(world, ANN).priced
    needed = 51 + 51  # 5 % of 1,020, and 5 % more without a price
    assert free(world, ANN) == pytest.approx(9_000 - 0.5 + min(10 * held, 1_000) - needed, abs=1e-4)


def test_trade__held_gain__supports_no_opening_elsewhere(world):
    # with 30 left Ann can open 600 of ETH at 5 %, the gain of 100 would allow 2,600
    jump(world, 110)
    account = world.account(ANN)
    account.cash_fine -= int(free(world, ANN) - 30) * WAD * FINE
    assert refused(world, 1, 2_000, market=BETA) == "margin: below initial"
    trade(world, 0.3, 2_000, market=BETA)
    later(world, 10_000)
    trade(world, 0.7, 2_000, market=BETA, maker=CARA)
    assert size(world, ANN, BETA) == 1


def test_trade__what_is_added_on_a_held_side__counts_at_its_own_entry(world):
    jump(world, 110)
    worth = margin.health(world, CARA).equity_im_fine
    trade(world, 10, 108, taker=CARA, maker=DAN)
    # bought at 108, entered at 108: no gain counts though the mark is 110; fee 0.54
    lost = (worth - margin.health(world, CARA).equity_im_fine) / FINE / WAD
    assert lost == pytest.approx(10 * 108 - 10 * min(108, 100) + 0.54, abs=1e-4)


def test_debit__held_gain__cannot_be_withdrawn(world):
    jump(world, 110)
    spare = int(free(world, ANN) * 10**6) * 10**12
    assert refusal(registry.debit, world, ANN, spare + 10**13) == "margin: below initial"
    registry.debit(world, ANN, spare)


# --- losses that nobody covers -----------------------------------------------------------------


def urgent_world(deficit, **legs):
    """Alice is bankrupt by so much, 25,000 of it fits; Carol is the winner, short 1,000 at 100."""
    world = opposed_world()
    registry.set_risk_terms(world, BTC, HOLDS)
    open_auction(world, -deficit, **legs)
    return world


def shorts_held(world, market=BTC):
    return prices.risk_view(world, market)[5]


@pytest.mark.parametrize(("deficit", "held"), [(24_000, False), (25_009, False), (25_011, True)])
def test_start__loss_that_does_not_fit__holds_the_winners(deficit, held):
    # open interest of the shorts is 1,000 at 100: a loss of up to 10 holds nobody
    world = urgent_world(deficit)
    assert world.auctions[MINE].urgent_place == (deficit > 25_000)
    assert prices.risk_view(world, BTC)[4:] == (False, held, world.now + 119 if held else 0)
    # she would buy one back; Ann has no money to sell it
    bought_back = fill(-1, 100, market=BTC, maker=SHORT, taker=ANN)
    reason = "hold: profit" if held else "margin: below initial"
    assert refusal(trading.trade, world, bought_back) == reason


def test_start__two_markets__each_is_held_for_its_part():
    world = opposed_world()
    for market in (BTC, ETH):
        registry.set_risk_terms(world, market, HOLDS)
    # weights by loss: BTC 100 * (110 - 100) = 1,000, ETH 100 * (10 - 10) = 0; MM is 505
    give(world, MINE, -30_000 * WAD, {BTC: (100, 110), ETH: (100, 10)})
    resolution.start(world, MINE)
    assert shorts_held(world)
    assert not shorts_held(world, ETH)


def test_remark__still_urgent__does_not_hold_again():
    world = urgent_world(26_000)
    until = prices.risk_view(world, BTC)[6]
    auctioned.later(world, 60)
    resolution.remark(world, MINE)
    assert prices.risk_view(world, BTC)[6] == until
    auctioned.later(world, 60)
    assert not shorts_held(world)


def test_withdraw__urgent_lane_or_frozen_resolve__waits():
    world = urgent_world(26_000)
    bystander = account_of(ALICE, 7)
    custody.deposit(world, ALICE, bystander, 100 * TOKEN)
    out = (custody.withdraw, world, ALICE, bystander, TOKEN, ALICE)
    assert refusal(*out) == "custody: resolve first"
    assert refusal(*out[:-1], world.addresses["custody"]) == "custody: bad receiver"
    custody.deposit(world, ALICE, bystander, 100 * TOKEN)  # deposits do not
    resolution.resolve(world, 1)
    assert world.resolving == MINE
    assert refusal(*out) == "custody: resolve first"
    while world.resolving:
        resolution.resolve(world, 400)
    assert not resolution.is_due(world)
    custody.withdraw(*out[1:])


def test_is_due__holes_in_the_urgent_lane__are_nobody():
    world = urgent_world(26_000)
    other = account_of(ALICE, 3)
    give(world, other, -50_000 * WAD, {BTC: (10, 110)})
    resolution.start(world, other)
    assert world.urgent_lane == [MINE, other]
    for account in (other, MINE):
        auctioned.set_equity(world, account, 10**6 * WAD)
        assert resolution.is_due(world)
        resolution.remark(world, account)
    assert world.urgent_lane == [0, 0]
    assert not resolution.is_due(world)


def test_hold__market_unknown_or_without_terms():
    world = opposed_world()
    assert refusal(prices.hold, world, 9, True) == "market: unknown"
    prices.hold(world, BTC, True)
    assert prices.risk_view(world, BTC)[4:] == (False, False, 0)
