"""The model's custody: worked examples of docs/protocol.md section 10, and every refusal."""

from __future__ import annotations

import pytest

from plimsoll.model import custody, redemption, resolution
from plimsoll.model.state import FINE, RAY
from tests.support.expect import refusal
from tests.support.money_world import (
    ALICE,
    BOB,
    CUSTODY,
    DAY_S,
    JUNIOR,
    NOW,
    SENIOR,
    TOKEN,
    WAD,
    account_of,
    fund,
    money_world,
)

MINE = account_of(ALICE)
BOBS = account_of(BOB)


@pytest.fixture
def world():
    return money_world()


@pytest.fixture
def impaired(world):
    """Alice has deposited 1,000; a loss of 250 was booked: rho is 0.8."""
    custody.deposit(world, ALICE, MINE, 1_000 * TOKEN)
    custody.book_shortfall(world, 250 * WAD)
    return world


def books(world):
    return world.custody.backing, world.custody.claims


# --- deposit ----------------------------------------------------------------------------------


def test_deposit__at_par__credits_a_claim_per_token(world):
    custody.deposit(world, ALICE, MINE, 1_000 * TOKEN)
    assert books(world) == (1_000 * WAD, 1_000 * WAD)
    assert world.account(MINE).cash_fine == 1_000 * WAD * FINE
    assert world.tokens[ALICE] == 9_000 * TOKEN
    assert world.tokens[CUSTODY] == 1_000 * TOKEN
    assert world.close == []


def test_deposit__below_par__buys_at_the_rate(impaired):
    assert custody.preview_deposit(impaired, 80 * TOKEN) == 100 * WAD
    custody.deposit(impaired, BOB, BOBS, 80 * TOKEN)
    assert impaired.account(BOBS).cash_fine == 100 * WAD * FINE
    assert books(impaired) == (1_080 * WAD, 1_350 * WAD)


def test_deposit__repayments_on_their_way__price_holds_them(impaired):
    custody.contribute(impaired, BOB, 125 * TOKEN)
    custody.deposit(impaired, BOB, BOBS, 90 * TOKEN)
    # (1,000 + 125) / 1,250 = 0.9
    assert impaired.account(BOBS).cash_fine == 100 * WAD * FINE


def test_deposit__fraction_of_a_unit__rounded_down(world):
    custody.deposit(world, ALICE, MINE, 3 * TOKEN)
    custody.book_shortfall(world, 4 * WAD)
    custody.deposit(world, BOB, BOBS, 1)
    assert world.account(BOBS).cash_fine == 10**12 * 7 // 3 * FINE


@pytest.mark.parametrize(
    ("account", "amount", "reason"),
    [
        (MINE, 0, "custody: zero amount"),
        (5, TOKEN, "custody: zero account"),
        (MINE, 10_000 * TOKEN + 1, "erc20: transfer amount exceeds balance"),
    ],
)
def test_deposit__refusals(world, account, amount, reason):
    assert refusal(custody.deposit, world, ALICE, account, amount) == reason


def test_deposit__below_one_percent__is_refused(world):
    custody.deposit(world, ALICE, MINE, TOKEN)
    custody.book_shortfall(world, 99 * WAD)
    custody.deposit(world, BOB, BOBS, TOKEN)  # exactly 1 / 100
    custody.book_shortfall(world, 10**15)
    assert refusal(custody.deposit, world, BOB, BOBS, 1) == "custody: redemption too low"
    # the floor comes before the token's own refusal
    world.tokens[BOB] = 0
    assert refusal(custody.deposit, world, BOB, BOBS, 1) == "custody: redemption too low"


def test_deposit__account_under_liquidation__is_tested_again(world, monkeypatch):
    touched = []
    monkeypatch.setattr(
        resolution,
        "touch",
        lambda _world, account, from_exchange: touched.append((account, from_exchange)),
    )
    custody.deposit(world, ALICE, MINE, TOKEN)
    assert touched == []
    world.account(MINE).started = True
    custody.deposit(world, BOB, MINE, TOKEN)
    assert touched == [(MINE, False)]


# --- withdraw ---------------------------------------------------------------------------------


def test_withdraw__at_par__pays_in_full(world):
    custody.deposit(world, ALICE, MINE, 100 * TOKEN)
    assert custody.withdraw(world, ALICE, MINE, 40 * TOKEN, BOB) == 40 * TOKEN
    assert books(world) == (60 * WAD, 60 * WAD)
    assert world.tokens[BOB] == 10_040 * TOKEN
    assert world.account(MINE).cash_fine == 60 * WAD * FINE
    assert world.close == []


def test_withdraw__below_par__pays_the_rate_and_leaves_it(impaired):
    assert custody.redemption_rate(impaired) == RAY * 8 // 10
    assert custody.withdraw(impaired, ALICE, MINE, 100 * TOKEN, ALICE) == 80 * TOKEN
    assert books(impaired) == (920 * WAD, 1_150 * WAD)
    assert custody.redemption_rate(impaired) == RAY * 8 // 10


def test_withdraw__rounds_down_twice_for_the_pool(world):
    custody.deposit(world, ALICE, MINE, 2)
    custody.book_shortfall(world, 10**12)
    # 2/3 of 2 units is 1.33: one unit leaves, the fraction stays
    assert custody.withdraw(world, ALICE, MINE, 2, ALICE) == 1
    assert books(world) == (10**12, 10**12)


@pytest.mark.parametrize(
    ("sender", "amount", "receiver", "reason"),
    [
        (BOB, TOKEN, BOB, "custody: only owner"),
        (ALICE, 0, ALICE, "custody: zero amount"),
        (ALICE, TOKEN, CUSTODY, "custody: bad receiver"),
        (ALICE, TOKEN, "0x" + "00" * 20, "custody: bad receiver"),
        (ALICE, 1_000 * TOKEN + 1, ALICE, "margin: below initial"),
        (ALICE, 1, ALICE, "custody: pays nothing"),
        (ALICE, 2**250, ALICE, ""),
    ],
)
def test_withdraw__refusals(impaired, sender, amount, receiver, reason):
    assert refusal(custody.withdraw, impaired, sender, MINE, amount, receiver) == reason


def test_withdraw__more_than_the_books_have__waits(world):
    custody.deposit(world, BOB, BOBS, 100 * TOKEN)
    world.account(MINE).cash_fine = 200 * WAD * FINE  # gains whose loss is not booked yet
    assert (
        refusal(custody.withdraw, world, ALICE, MINE, 101 * TOKEN, ALICE)
        == "custody: backing too small"
    )
    world.account(MINE).cash_fine = 200 * WAD * FINE
    assert custody.withdraw(world, ALICE, MINE, 100 * TOKEN, ALICE) == 100 * TOKEN


def test_withdraw__some_wei_from_a_whole_token__either_is_accepted(impaired):
    impaired.custody.claims += 3  # a shortfall three wei above the chain's
    assert custody.withdraw(impaired, ALICE, MINE, 100 * TOKEN, ALICE) == 80 * TOKEN - 1
    assert impaired.close == ["custody: whole token"]


def test_withdraw__some_wei_from_a_whole_token__forced_the_other_way(impaired):
    impaired.custody.claims += 3
    impaired.forced = {0: True}
    assert custody.withdraw(impaired, ALICE, MINE, 100 * TOKEN, ALICE) == 80 * TOKEN


# --- repayments -------------------------------------------------------------------------------


def test_contribute__lifts_the_rate_within_a_week(impaired):
    custody.contribute(impaired, BOB, 125 * TOKEN)
    assert custody.redemption_rate(impaired) == RAY * 8 // 10
    impaired.now = NOW + 7 * DAY_S // 2
    assert redemption.backing_now(impaired) == 1_062_500_000_000_000_000_000
    assert custody.unvested_now(impaired) == 62_500_000_000_000_000_000
    impaired.now = NOW + 7 * DAY_S
    assert custody.redemption_rate(impaired) == RAY * 9 // 10
    custody.accrue(impaired)
    assert books(impaired) == (1_125 * WAD, 1_250 * WAD)


def test_contribute__second_stream__mean_time_by_amount(impaired):
    custody.contribute(impaired, BOB, 70 * TOKEN)
    impaired.now += 7 * DAY_S // 2
    custody.contribute(impaired, BOB, 35 * TOKEN)
    # 35 due in 3.5 days and 35 due in 7
    assert impaired.custody.unvested == 70 * WAD
    assert impaired.custody.vesting_end_wad_s == (impaired.now + 21 * DAY_S // 4) * WAD


def test_contribute__more_than_is_missing__rest_is_juniors(impaired):
    custody.contribute(impaired, BOB, 300 * TOKEN)
    impaired.now += 7 * DAY_S
    assert custody.redemption_rate(impaired) == RAY
    assert custody.fees_in_transit(impaired) == 50 * WAD
    assert custody.reconciliation(impaired) == (
        1_250 * WAD,
        0,
        50 * WAD,
        1_300 * WAD,
        0,
        1_250 * WAD,
    )


def test_contribute__nothing__is_refused(world):
    assert refusal(custody.contribute, world, BOB, 0) == "custody: zero amount"


# --- sweep ------------------------------------------------------------------------------------


def charge(world, trading, insurance):
    """Fees that Alice has paid in the ledger, wad."""
    world.account(MINE).cash_fine -= (trading + insurance) * FINE
    world.trading_fees_wad += trading
    world.insurance_fees_wad += insurance


def test_sweep__at_par__insurance_fees_by_assets(world):
    fund(world, world.junior, 100)
    fund(world, world.senior, 300)
    custody.deposit(world, ALICE, MINE, 1_000 * TOKEN)
    charge(world, trading=7 * WAD, insurance=4 * WAD)
    custody.sweep_fees(world, BOB)
    # trading to junior, a quarter of the insurance fees too
    assert world.junior.assets_tokens == 108 * TOKEN
    assert world.senior.assets_tokens == 303 * TOKEN
    assert world.tokens[JUNIOR] == 108 * TOKEN
    assert world.tokens[SENIOR] == 303 * TOKEN
    assert books(world) == (989 * WAD, 989 * WAD)


def test_sweep__fraction_of_a_token_unit__waits(world):
    custody.deposit(world, ALICE, MINE, TOKEN)
    charge(world, trading=0, insurance=10**12)
    custody.sweep_fees(world, BOB)  # half a unit for each vault
    assert (world.custody.junior_due, world.custody.senior_due) == (10**12 // 2, 10**12 // 2)
    assert world.junior.assets_tokens == TOKEN
    charge(world, trading=0, insurance=10**12)
    custody.sweep_fees(world, BOB)
    assert (world.custody.junior_due, world.custody.senior_due) == (0, 0)
    assert world.junior.assets_tokens == world.senior.assets_tokens == TOKEN + 1


def test_sweep__below_par__becomes_a_repayment(impaired):
    charge(impaired, trading=10 * WAD, insurance=5 * WAD)
    custody.sweep_fees(impaired, BOB)
    assert books(impaired) == (988 * WAD, 1_235 * WAD)
    assert impaired.custody.unvested == 12 * WAD
    assert impaired.custody.vesting_end_wad_s == (NOW + 7 * DAY_S) * WAD
    assert impaired.junior.assets_tokens == TOKEN


def test_sweep__gift__is_juniors(world):
    world.tokens[CUSTODY] = 5 * TOKEN
    custody.sweep_fees(world, BOB)
    assert world.junior.assets_tokens == 6 * TOKEN
    assert world.tokens[CUSTODY] == 0


# --- draws and conversions --------------------------------------------------------------------


def test_receive_draw__below_par__counts_claims_at_the_rate(impaired):
    impaired.tokens[CUSTODY] += 8 * TOKEN
    custody.receive_draw(impaired, 8 * TOKEN)
    assert books(impaired) == (1_008 * WAD, 1_260 * WAD)


def test_conversions__round_by_name(world):
    custody.deposit(world, ALICE, MINE, 2 * TOKEN)
    custody.book_shortfall(world, WAD)  # 2/3
    assert custody.to_tokens_down(world, 10**13) == 6
    assert custody.to_tokens_up(world, 10**13) == 7
    assert custody.to_units_down(world, 5) == 7_500_000_000_000
    assert world.close == []


def test_conversions__nothing_behind_the_claims__worth_nothing(world):
    custody.book_shortfall(world, WAD)
    assert custody.to_tokens_up(world, WAD) == 0
    assert custody.to_units_down(world, TOKEN) == 0
    assert custody.redemption_rate(world) == 0


@pytest.mark.parametrize(
    ("units", "forced", "expected"),
    [
        (5 * 10**12, {}, 5),
        (5 * 10**12, {0: False}, 6),
        (5 * 10**12 + 3, {}, 6),
        (5 * 10**12 + 3, {0: False}, 5),
        (5 * 10**12 - 3, {0: False}, 6),
        (5 * 10**12 + 10**11, {0: False}, 6),
    ],
)
def test_to_tokens_up__close_to_a_whole_token(world, units, forced, expected):
    world.forced = forced
    assert custody.to_tokens_up(world, units) == expected
