"""The model's insurance vaults: shares, requests, losses, generations and refusals."""

from __future__ import annotations

import pytest

from plimsoll.model import custody, vault_shares, vaults, waterfall
from tests.support.expect import refusal
from tests.support.money_world import (
    ALICE,
    BOB,
    CAROL,
    CUSTODY,
    DAY_S,
    DEAD,
    NOTICE_S,
    NOW,
    SENIOR,
    TIMELOCK,
    TOKEN,
    WATERFALL,
    account_of,
    money_world,
)

PAR = 10**6
NOBODY = "0x" + "00" * 20


@pytest.fixture
def world():
    return money_world()


@pytest.fixture
def senior(world):
    return world.senior


@pytest.fixture
def invested(world, senior):
    """Alice owns 99 tokens at par beside the dead one; a world ready to pay 50 of 100 away."""
    vaults.deposit(world, senior, ALICE, 99 * TOKEN, ALICE)
    return world


def lose(world, tokens):
    vaults.pay_loss(world, world.senior, WATERFALL, tokens)


# --- entering ---------------------------------------------------------------------------------


def test_deposit__at_par__a_million_shares_a_unit(invested, senior):
    assert vault_shares.balance(senior, ALICE) == 99 * TOKEN * PAR
    assert senior.assets_tokens == 100 * TOKEN
    assert invested.tokens[SENIOR] == 100 * TOKEN
    assert invested.tokens[ALICE] == 9_901 * TOKEN


def test_deposit__after_a_loss__shares_rounded_down(invested, senior):
    lose(invested, 70 * TOKEN)
    shares = vaults.deposit(invested, senior, BOB, 10, BOB)
    assert shares == 10 * (100 * TOKEN * PAR + PAR) // (30 * TOKEN + 1)


def test_mint__after_a_loss__assets_rounded_up(invested, senior):
    lose(invested, 70 * TOKEN)
    assert vaults.mint(invested, senior, BOB, 1, BOB) == 1
    assert vaults.mint(invested, senior, BOB, 10 * PAR, CAROL) == 4
    assert vault_shares.balance(senior, CAROL) == 10 * PAR
    assert senior.assets_tokens == 30 * TOKEN + 5


@pytest.mark.parametrize(
    ("assets", "receiver", "reason"),
    [
        (0, BOB, "vault: zero amount"),
        (10_000 * TOKEN + 1, BOB, "erc20: transfer amount exceeds balance"),
        (TOKEN, NOBODY, "erc20: mint to the zero address"),
        (2**255, BOB, "math: mul_div overflow"),
    ],
)
def test_deposit__refusals(world, senior, assets, receiver, reason):
    assert refusal(vaults.deposit, world, senior, BOB, assets, receiver) == reason


def test_deposit__owner_only__for_the_owner_by_anybody(world):
    junior = world.junior
    assert refusal(vaults.deposit, world, junior, BOB, 0, BOB) == "vault: receiver not allowed"
    assert (vaults.max_deposit(junior, BOB), vaults.max_deposit(world.senior, BOB)) == (
        0,
        2**256 - 1,
    )
    vaults.deposit(world, junior, BOB, TOKEN, TIMELOCK)
    assert vault_shares.balance(junior, TIMELOCK) == TOKEN * PAR


# --- leaving ----------------------------------------------------------------------------------


def test_redeem__in_the_window__pays_and_uses_the_request_up(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, 40 * TOKEN * PAR)
    assert vault_shares.withdrawal_request(invested, senior, ALICE) == (
        40 * TOKEN * PAR,
        NOW + NOTICE_S,
        NOW + NOTICE_S + 2 * DAY_S,
    )
    assert vault_shares.requested_assets(senior) == 40 * TOKEN
    invested.now += NOTICE_S
    assert vaults.max_redeem(invested, senior, ALICE) == 40 * TOKEN * PAR
    assert vaults.max_withdraw(invested, senior, ALICE) == 40 * TOKEN
    assert vaults.redeem(invested, senior, ALICE, 30 * TOKEN * PAR, BOB, ALICE) == 30 * TOKEN
    assert vaults.withdraw(invested, senior, ALICE, 10 * TOKEN, BOB, ALICE) == 10 * TOKEN * PAR
    assert invested.tokens[BOB] == 10_040 * TOKEN
    assert senior.requested == 0
    assert (
        refusal(vault_shares.clear_lapsed, invested, senior, BOB, ALICE)
        == "vault: request not lapsed"
    )


def test_redeem__outside_the_window__is_refused(invested, senior):
    shares = 10 * TOKEN * PAR
    attempt = (vaults.redeem, invested, senior, ALICE, shares, ALICE, ALICE)
    assert refusal(*attempt) == "vault: not requested in time"
    vault_shares.request_withdrawal(invested, senior, ALICE, shares)
    invested.now = NOW + NOTICE_S - 1
    assert refusal(*attempt) == "vault: not requested in time"
    assert vaults.max_redeem(invested, senior, ALICE) == 0
    invested.now = NOW + NOTICE_S + 2 * DAY_S
    assert refusal(*attempt) == "vault: not requested in time"
    vault_shares.clear_lapsed(invested, senior, BOB, ALICE)
    assert senior.requested == 0


def test_redeem__refusals(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, TOKEN * PAR)
    invested.now += NOTICE_S
    assert refusal(vaults.redeem, invested, senior, ALICE, 0, ALICE, ALICE) == "vault: zero amount"
    assert (
        refusal(vaults.redeem, invested, senior, ALICE, TOKEN * PAR + 1, ALICE, ALICE)
        == "vault: not requested in time"
    )
    assert (
        refusal(vaults.redeem, invested, senior, ALICE, PAR, NOBODY, ALICE)
        == "erc20: transfer to the zero address"
    )


def test_redeem__anything_reserved__waits(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, TOKEN * PAR)
    invested.now += NOTICE_S
    waterfall.reserve(invested, account_of(BOB), 10**17, 0)
    attempt = (vaults.redeem, invested, senior, ALICE, 0, ALICE, ALICE)
    assert refusal(*attempt) == "vault: loss pending"
    assert vaults.max_redeem(invested, senior, ALICE) == 0


def test_redeem__for_somebody_else__takes_an_allowance(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, 2 * PAR)
    invested.now += NOTICE_S
    attempt = (vaults.redeem, invested, senior, BOB, PAR, BOB, ALICE)
    assert refusal(*attempt) == "erc20: insufficient allowance"


def test_redeem__with_an_allowance__uses_it_up(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, 2 * PAR)
    invested.now += NOTICE_S
    vault_shares.approve(invested, senior, ALICE, BOB, PAR)
    assert vaults.redeem(invested, senior, BOB, PAR, BOB, ALICE) == 1
    assert senior.allowances[ALICE, BOB] == 0
    vault_shares.approve(invested, senior, ALICE, BOB, 2**256 - 1)
    vaults.redeem(invested, senior, BOB, PAR, BOB, ALICE)
    assert senior.allowances[ALICE, BOB] == 2**256 - 1


def test_request__above_balance__is_refused(invested, senior):
    assert (
        refusal(vault_shares.request_withdrawal, invested, senior, ALICE, 99 * TOKEN * PAR + 1)
        == "vault: shares above balance"
    )
    vault_shares.request_withdrawal(invested, senior, ALICE, 99 * TOKEN * PAR)
    vault_shares.request_withdrawal(invested, senior, ALICE, 0)
    assert senior.requested == 0
    assert senior.requests == {}


# --- shares -----------------------------------------------------------------------------------


def test_transfer__requested_shares_stay(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, 90 * TOKEN * PAR)
    assert (
        refusal(vault_shares.transfer, invested, senior, ALICE, BOB, 9 * TOKEN * PAR + 1)
        == "vault: shares locked"
    )
    vault_shares.transfer(invested, senior, ALICE, BOB, 9 * TOKEN * PAR)
    assert vault_shares.balance(senior, BOB) == 9 * TOKEN * PAR
    invested.now += NOTICE_S + 2 * DAY_S  # lapsed: free again
    vault_shares.transfer(invested, senior, ALICE, BOB, 90 * TOKEN * PAR)
    assert vault_shares.balance(senior, ALICE) == 0


def test_transfer__refusals(invested, senior):
    assert (
        refusal(vault_shares.transfer, invested, senior, ALICE, NOBODY, 1)
        == "erc20: transfer to the zero address"
    )
    vault_shares.request_withdrawal(invested, senior, ALICE, 1)
    assert refusal(vault_shares.transfer, invested, senior, ALICE, BOB, 2**256 - 1) == ""
    assert (
        refusal(vault_shares.transfer_from, invested, senior, BOB, ALICE, BOB, 1)
        == "erc20: insufficient allowance"
    )
    assert (
        refusal(vault_shares.approve, invested, senior, ALICE, NOBODY, 1)
        == "erc20: approve to the zero address"
    )


def test_transfer__to_oneself__changes_nothing(invested, senior):
    vault_shares.transfer(invested, senior, ALICE, ALICE, 5)
    assert vault_shares.balance(senior, ALICE) == 99 * TOKEN * PAR


# --- losses and income ------------------------------------------------------------------------


def test_pay_loss__lowers_the_price(invested, senior):
    lose(invested, 50 * TOKEN)
    assert invested.tokens[CUSTODY] == 50 * TOKEN
    assert vault_shares.preview_redeem(senior, 99 * TOKEN * PAR) == 99 * TOKEN // 2
    assert senior.generation == 0


def test_pay_loss__under_a_billionth_of_par__closes_the_generation(invested, senior):
    vault_shares.request_withdrawal(invested, senior, ALICE, TOKEN * PAR)
    # 1e8 units at par: a billionth would be a tenth of a unit
    lose(invested, 100 * TOKEN - 1)
    assert senior.generation == 0
    lose(invested, 1)
    assert senior.generation == 1
    assert (senior.supply, senior.assets_tokens, senior.requested) == (0, 0, 0)
    assert vault_shares.balance(senior, ALICE) == 0
    assert vault_shares.withdrawal_request(invested, senior, ALICE) == (0, 0, 0)
    assert vaults.deposit(invested, senior, BOB, TOKEN, BOB) == TOKEN * PAR


def test_pay_loss__what_is_left_of_a_generation__is_buried(world, senior):
    vaults.deposit(world, senior, ALICE, 9_999 * TOKEN, ALICE)
    lose(world, 10_000 * TOKEN - 9)
    assert senior.generation == 1
    assert senior.shares == {DEAD: 9 * PAR}
    assert (senior.supply, senior.assets_tokens) == (9 * PAR, 9)


def test_pay_loss__refusals(world, senior):
    assert refusal(vaults.pay_loss, world, senior, ALICE, 1) == "access: not waterfall"
    assert (
        refusal(vaults.pay_loss, world, senior, WATERFALL, TOKEN + 1) == "vault: loss above assets"
    )


def test_receive_fees__raise_the_price(invested, senior):
    invested.tokens[CUSTODY] = 10 * TOKEN
    vaults.receive_fees(invested, senior, CUSTODY, 10 * TOKEN)
    assert senior.assets_tokens == 110 * TOKEN
    assert vault_shares.preview_redeem(senior, TOKEN * PAR) == TOKEN * 11 // 10 - 1
    assert refusal(vaults.receive_fees, invested, senior, ALICE, 1) == "access: not custody"


def test_receive_fees__nobody_has_shares__are_buried(invested, senior):
    lose(invested, 100 * TOKEN)
    vaults.receive_fees(invested, senior, CUSTODY, 3)
    assert senior.shares == {DEAD: 3 * PAR}


def test_forward_donation__becomes_a_contribution(invested, senior):
    assert refusal(vaults.forward_donation, invested, senior, BOB) == "custody: zero amount"
    invested.tokens[SENIOR] += 7
    vaults.forward_donation(invested, senior, BOB)
    assert invested.tokens[SENIOR] == 100 * TOKEN
    assert custody.unvested_now(invested) == 7 * 10**12
