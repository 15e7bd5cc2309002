"""Extra initial margin of large positions, and of legs without a price."""

from __future__ import annotations

import pytest

from tests.support.bare_ledger import BRACKETS, WAD, rich_ledger
from tests.support.expect import reverts
from tests.support.margin_model import MarginModel
from tests.support.risk_word import PPM, set_terms, stir

MARK = 100 * WAD
RICH = 10**7 * WAD
TERMS = (10, 20, 0)
NAMES = ("share_percent", "rate_percent", "floor_code")
MODEL = MarginModel(BRACKETS, max_class=4)
SETTLED = 128
NO_FEES = {"taker_fee_ppm": 0, "maker_fee_ppm": 0}


@pytest.fixture(scope="module")
def deployed():
    with rich_ledger(3, RICH, markets=2, **NO_FEES) as ledger:
        yield ledger


def concentrate(ledger, *terms: int, market: int = 1):
    return ledger.send(ledger.owner, "set_concentration", market, terms or TERMS)


def read(ledger, market: int = 1) -> tuple[int, ...]:
    return tuple(ledger.ledger.read("concentration", market).values())


def extra(notional: int, larger: int, terms=TERMS) -> int:
    free = max(larger * terms[0] // 100, 10_000 * 2 ** terms[2] * WAD)
    return -(-max(0, notional - free) * terms[1] // 100)


# --- terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "low", "high", "reason"),
    [
        (0, 1, 31, "concentration: bad share"),
        (1, 1, 50, "concentration: bad rate"),
        (2, 0, 15, "concentration: bad floor"),
    ],
)
def test_terms__each_bound__holds_to_the_unit(ledger, field, low, high, reason):
    def given(value: int) -> tuple[int, ...]:
        return (*TERMS[:field], value, *TERMS[field + 1 :])

    for value in (low, high):
        concentrate(ledger, *given(value))
        assert read(ledger) == given(value)
    for value in (high + 1, 2**256 - 1):
        with reverts(reason):
            concentrate(ledger, *given(value))
    with reverts("concentration: bad rate"):
        concentrate(ledger, 10, 0, 0)


def test_terms__off__is_all_zero(ledger):
    with reverts("concentration: bad rate"):
        concentrate(ledger, 0, 1, 0)
    with reverts("concentration: bad floor"):
        concentrate(ledger, 0, 0, 1)
    status = ledger.word("ledger.market_clock", 1) >> 224
    concentrate(ledger, 31, 50, 15)
    concentrate(ledger, 0, 0, 0)
    assert read(ledger) == (0, 0, 0)
    assert ledger.word("ledger.market_clock", 1) >> 224 == status


def test_terms__set__are_logged_and_carried_by_pokes_and_fills(ledger, maker, trader):
    receipt = concentrate(ledger, 7, 11, 3)
    event = next(e for e in ledger.ledger.events(receipt) if e.name == "ConcentrationSet")
    assert event.args == {"market": 1, "terms": dict(zip(NAMES, (7, 11, 3), strict=True))}
    assert read(ledger, 2) == (0, 0, 0)
    ledger.set_price(101 * WAD)
    ledger.poke()
    ledger.trade(maker, trader, 10 * WAD, 101 * WAD)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.poke()
    assert ledger.ledger.read("mark", 1) == (101 * WAD, False)
    assert read(ledger) == (7, 11, 3)


def test_terms__refused__unknown_settled_or_not_the_owner(ledger):
    with reverts("market: unknown"):
        concentrate(ledger, market=3)
    with reverts("market: unknown"):
        read(ledger, 3)
    for signer in (ledger.attacker, ledger.custody, ledger.exchange, ledger.liquidator):
        with reverts("ownable: caller is not the owner"):
            ledger.send(signer, "set_concentration", 1, TERMS)
    clock = ledger.word("ledger.market_clock", 1)
    ledger.set_word(clock | SETTLED << 224, "ledger.market_clock", 1)
    with reverts("market: settled"):
        concentrate(ledger)


# --- margins ------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [TERMS, (31, 50, 2), (1, 1, 5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_leg__above_what_is_free__needs_more_to_open_and_no_more_to_stay(
    ledger, maker, trader, friend, terms, sign
):
    ledger.trade(maker, trader, sign * (3_000 * WAD + 7), MARK)
    ledger.trade(maker, friend, sign * 50 * WAD, MARK)
    calm = {who: ledger.leg(who) for who in (maker, trader, friend)}
    concentrate(ledger, *terms)
    larger = max(ledger.ledger.read("open_interest", 1)) * MARK // WAD
    for who, before in calm.items():
        leg = ledger.leg(who)
        more = extra(leg["notional"], larger, terms)
        assert leg == {**before, "im": before["im"] + more}
        assert ledger.health(who)["im"] == leg["im"]
        assert ledger.health(who)["mm"] == before["mm"]
        assert (more > 0) == (leg["notional"] > max(larger * terms[0] // 100, 10**22 << terms[2]))


def test_leg__under_stress__the_extra_is_raised_with_the_rest(ledger, maker, trader):
    set_terms(ledger)
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    im = ledger.leg(trader)["im"]
    concentrate(ledger)
    stir(ledger, s_im_ppm=333_333)
    im += extra(100_000 * WAD, 100_000 * WAD)
    assert ledger.leg(trader)["im"] == -(-im * 1_333_333 // PPM)


def test_class__of_a_concentrated_position__is_found_without_it(ledger, maker, trader):
    concentrate(ledger)
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    assert ledger.leg(trader)["leverage_class"] == 4


def test_trade__first_in_an_empty_market__counts_what_it_finds(ledger, maker, poor):
    """Nothing is open, so only the floor is free: 200 of 300 units pay 20 %."""
    concentrate(ledger)
    ledger.fund(poor, 5_500 * WAD - 1)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 300 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.trade(maker, poor, 300 * WAD, MARK)
    # afterwards its own open interest counts, and frees no more than the floor here
    assert ledger.leg(poor)["im"] == 5_500 * WAD


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__by_the_open_interest_before__to_the_wei(ledger, maker, friend, poor, sign):
    concentrate(ledger)
    ledger.trade(maker, friend, 2_000 * WAD, MARK)  # free: 20,000
    size = 1_000 * WAD  # 100,000, of which 80,000 pay 20 %; IM 5,000 without
    ledger.set_cash(poor, 21_000 * WAD - 1)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, sign * size, MARK)
    ledger.set_cash(poor, 21_000 * WAD)
    ledger.trade(maker, poor, sign * size, MARK)


def test_trade__by_the_notional_before__at_the_floor_to_the_wei(ledger, maker, poor):
    concentrate(ledger, 10, 50, 1)
    ledger.fund(poor, 1_000 * WAD)
    ledger.trade(maker, poor, 200 * WAD, MARK)
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, WAD, MARK)
    assert ledger.leg(poor)["im"] == 1_000 * WAD


def test_trade__reduction_of_a_concentrated_position__always_may(ledger, maker, trader, poor):
    ledger.fund(poor, 5_000 * WAD)
    ledger.trade(maker, poor, 1_000 * WAD, MARK)
    concentrate(ledger)
    assert ledger.health(poor)["equity_im"] < ledger.health(poor)["im"]
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, WAD, MARK)
    ledger.trade(trader, poor, -100 * WAD, MARK)
    ledger.trade(trader, poor, -900 * WAD, MARK)
    assert ledger.leg(poor)["size"] == 0


def test_take__taker__needs_the_extra_by_the_open_interest_before(ledger, maker, trader, poor):
    ledger.trade(maker, trader, 1_000 * WAD, MARK)
    ledger.send(ledger.liquidator, "set_started", trader, True)
    concentrate(ledger)
    ledger.fund(poor, 1_000 * WAD + 2_000 * WAD - 1)  # 20,000: 10,000 above the floor
    with reverts("margin: below initial"):
        ledger.take(trader, poor, 200 * WAD, MARK)
    ledger.fund(poor, 1)
    ledger.take(trader, poor, 200 * WAD, MARK)


def test_leg_in_another_market__counts_in_a_fill_of_this_one(ledger, maker, poor):
    ledger.fund(poor, 2_000 * WAD + 9)  # fills round against it
    ledger.trade(maker, poor, 300 * WAD, MARK, market=2)  # IM 1,500
    with ledger.rpc.undone():
        ledger.trade(maker, poor, 100 * WAD, MARK)
    concentrate(ledger, 10, 1, 0, market=2)  # 20,000 above the floor: 200 more
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 61 * WAD, MARK)
    ledger.trade(maker, poor, 60 * WAD, MARK)
    assert ledger.health(poor)["im"] == 2_000 * WAD


def test_withdrawal__leaves_the_extra_margin(ledger, maker, poor):
    ledger.fund(poor, 4_000 * WAD)
    ledger.trade(maker, poor, 300 * WAD, MARK)
    concentrate(ledger, 10, 10, 0)  # 1,500 and 2,000
    with reverts("margin: below initial"):
        ledger.send(ledger.custody, "debit", poor, 500 * WAD + 1)
    ledger.send(ledger.custody, "debit", poor, 500 * WAD - 2)  # rounding of the fill


def test_others_leaving__raises_initial_and_never_maintenance_margin(
    ledger, maker, trader, friend, poor
):
    """Were it on maintenance margin, others could liquidate an account by closing."""
    ledger.trade(maker, friend, 9_000 * WAD, MARK)
    ledger.fund(poor, 7_000 * WAD)
    concentrate(ledger)
    ledger.trade(maker, poor, 1_000 * WAD, MARK)  # 100,000 of a market of 900,000 to 1,000,000
    before = ledger.health(poor)
    ledger.trade(maker, friend, -9_000 * WAD, MARK)
    after = ledger.health(poor)
    assert after["mm"] == before["mm"] < after["equity"]
    assert after["im"] - before["im"] == 18_000 * WAD
    assert after["equity"] < after["im"]


# --- legs without a price -----------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_leg__without_a_price__needs_a_twentieth_more_to_open_or_withdraw(
    ledger, maker, trader, sign
):
    set_terms(ledger)
    concentrate(ledger)
    size = sign * (1_000 * WAD + 1)
    ledger.trade(maker, trader, size, MARK)
    stir(ledger, s_im_ppm=500_000)
    with_price = ledger.leg(trader)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.poke()
    leg = ledger.leg(trader)
    assert not leg["priced"]
    assert leg["im"] == with_price["im"] + -(-leg["notional"] * 50_000 // PPM)
    assert leg["notional"] == with_price["notional"]
    base = MODEL.margins(abs(size), MARK)
    assert leg["mm"] >= base.mm
    assert ledger.health(trader)["im"] == leg["im"]


def test_stale_leg__counts_in_fills_of_other_markets_and_ends_with_the_price(ledger, maker, poor):
    ledger.fund(poor, 150 * WAD + 9)
    ledger.trade(maker, poor, 10 * WAD, MARK, market=2)
    ledger.rpc.increase_time(2 * 86_400 + 1)
    ledger.set_price(MARK)
    ledger.poke(2)
    assert ledger.health(poor)["im"] == 100 * WAD
    with reverts("margin: below initial"):
        ledger.trade(maker, poor, 11 * WAD, MARK)
    with ledger.rpc.undone():
        ledger.trade(maker, poor, 10 * WAD, MARK)
    ledger.set_price(MARK, 2)
    ledger.trade(maker, poor, 20 * WAD, MARK)
    assert ledger.health(poor)["im"] == 150 * WAD


def test_settled_leg__needs_no_addition(ledger, maker, trader):
    ledger.trade(maker, trader, 10 * WAD, MARK)
    priced = ledger.leg(trader)
    clock = ledger.word("ledger.market_clock", 1)
    state = clock & ~(1 << 224) | SETTLED << 224
    block = ledger.rpc.block_number()
    ledger.set_word(state >> 40 << 40 | block, "ledger.market_clock", 1)
    leg = ledger.leg(trader)
    assert not leg["priced"]
    assert leg["im"] <= priced["im"]
