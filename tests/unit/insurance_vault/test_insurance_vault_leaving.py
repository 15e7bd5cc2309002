"""InsuranceVault: requests, the notice and redemptions."""

from __future__ import annotations

from brownie import accounts, chain, reverts

from tests.support.custody_world import NOTICE_S, WINDOW_S
from tests.support.vault_desk import assert_counted, earn_senior, request_and_wait


def test_request_withdrawal__opens_after_the_notice_for_two_days(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    receipt = vault.request_withdrawal(shares, {"from": saver})
    opens = receipt.timestamp + NOTICE_S
    assert receipt.events["WithdrawalRequested"] == {
        "owner": saver,
        "shares": shares,
        "opens": opens,
        "lapses": opens + WINDOW_S,
    }
    assert tuple(vault.withdrawal_request(saver)) == (shares, opens, opens + WINDOW_S)
    assert vault.requested_assets() == 100 * world.unit
    chain.mine(timestamp=opens - 1)
    assert vault.maxRedeem(saver) == vault.maxWithdraw(saver) == 0
    chain.mine(timestamp=opens)
    assert vault.maxRedeem(saver) == shares
    assert vault.maxWithdraw(saver) == 100 * world.unit
    chain.mine(timestamp=opens + WINDOW_S - 1)
    assert vault.maxRedeem(saver) == shares
    chain.mine(timestamp=opens + WINDOW_S)
    assert vault.maxRedeem(saver) == vault.maxWithdraw(saver) == 0
    assert tuple(vault.withdrawal_request(saver)) == (0, 0, 0)


def test_request_withdrawal__more_than_the_balance__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    with reverts("vault: shares above balance"):
        vault.request_withdrawal(shares + 1, {"from": saver})


def test_request_withdrawal__again__replaces_and_restarts_the_clock(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    second = vault.request_withdrawal(shares // 4, {"from": saver})
    assert vault.maxRedeem(saver) == 0
    assert tuple(vault.withdrawal_request(saver)[:2]) == (shares // 4, second.timestamp + NOTICE_S)
    assert vault.requested_assets() == 25 * world.unit


def test_request_withdrawal__zero__cancels(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    vault.request_withdrawal(shares, {"from": saver})
    receipt = vault.request_withdrawal(0, {"from": saver})
    assert receipt.events["WithdrawalRequested"]["lapses"] == 0
    assert tuple(vault.withdrawal_request(saver)) == (0, 0, 0)
    assert vault.requested_assets() == 0
    vault.transfer(accounts[5], shares, {"from": saver})


def test_offered_assets__are_requested_assets_rounded_up(world, vault, saver):
    assert vault.offered_assets() == 0
    world.invest(world.junior, accounts[0], 100 * world.unit)
    shares = world.invest(vault, saver, 100 * world.unit)
    earn_senior(world, accounts[4], 3 * world.unit + 1)  # a share is worth a fraction more
    vault.request_withdrawal(shares // 3, {"from": saver})
    assert vault.offered_assets() == vault.requested_assets() + 1
    assert vault.offered_assets() < vault.totalAssets()


def test_redeem__without_a_request__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    with reverts("vault: not requested in time"):
        vault.redeem(shares, saver, saver, {"from": saver})


def test_redeem__one_second_early__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares, NOTICE_S - 3)
    chain.sleep(0)
    with reverts("vault: not requested in time"):
        vault.redeem(shares, saver, saver, {"from": saver})


def test_redeem__after_the_window__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares, NOTICE_S + WINDOW_S)
    with reverts("vault: not requested in time"):
        vault.redeem(shares, saver, saver, {"from": saver})


def test_redeem__more_than_requested__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares - 1)
    with reverts("vault: not requested in time"):
        vault.redeem(shares, saver, saver, {"from": saver})


def test_redeem_and_withdraw__nothing__reverts(vault, saver):
    with reverts("vault: zero amount"):
        vault.redeem(0, saver, saver, {"from": saver})
    with reverts("vault: zero amount"):
        vault.withdraw(0, saver, saver, {"from": saver})


def test_redeem__in_parts__pays_as_previewed(world, vault, saver, other_saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    preview = vault.previewRedeem(shares // 4)
    receipt = vault.redeem(shares // 4, other_saver, saver, {"from": saver})
    assert receipt.return_value == preview == 25 * world.unit
    assert world.token.balanceOf(other_saver) == 25 * world.unit
    assert receipt.events["Withdraw"] == {
        "sender": saver,
        "receiver": other_saver,
        "owner": saver,
        "assets": 25 * world.unit,
        "shares": shares // 4,
    }
    assert vault.maxRedeem(saver) == shares - shares // 4
    vault.withdraw(vault.maxWithdraw(saver), saver, saver, {"from": saver})
    assert vault.balanceOf(saver) == 0
    assert vault.requested_assets() == 0
    assert tuple(vault.withdrawal_request(saver)) == (0, 0, 0)
    assert_counted(world, vault)


def test_withdraw__burns_as_previewed(world, vault, saver):
    world.invest(world.junior, accounts[0], 100 * world.unit)
    shares = world.invest(vault, saver, 100 * world.unit)
    earn_senior(world, accounts[4], 3 * world.unit + 1)
    request_and_wait(vault, saver, shares)
    preview = vault.previewWithdraw(10 * world.unit)
    receipt = vault.withdraw(10 * world.unit, saver, saver, {"from": saver})
    assert receipt.return_value == preview
    assert vault.balanceOf(saver) == shares - preview
    assert world.token.balanceOf(saver) == 10 * world.unit
    assert_counted(world, vault)


def test_redeem__by_an_approved_spender__uses_the_allowance(world, vault, saver, other_saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    with reverts("erc20: insufficient allowance"):
        vault.redeem(shares, other_saver, saver, {"from": other_saver})
    vault.approve(other_saver, shares, {"from": saver})
    vault.redeem(shares, other_saver, saver, {"from": other_saver})
    assert vault.allowance(saver, other_saver) == 0
    assert world.token.balanceOf(other_saver) == 100 * world.unit


def test_redeem__while_a_loss_is_pending__reverts(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    world.driver.set_exits_blocked(True)
    assert vault.maxRedeem(saver) == vault.maxWithdraw(saver) == 0
    with reverts("vault: loss pending"):
        vault.redeem(shares, saver, saver, {"from": saver})
    with reverts("vault: loss pending"):
        vault.withdraw(1, saver, saver, {"from": saver})
    world.driver.set_exits_blocked(False)
    vault.redeem(vault.maxRedeem(saver), saver, saver, {"from": saver})


def test_transfer__requested_shares_are_locked(world, vault, saver, other_saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    receipt = vault.request_withdrawal(shares - 10, {"from": saver})
    with reverts("vault: shares locked"):
        vault.transfer(other_saver, 11, {"from": saver})
    vault.approve(other_saver, 11, {"from": saver})
    with reverts("vault: shares locked"):
        vault.transferFrom(saver, other_saver, 11, {"from": other_saver})
    vault.transferFrom(saver, other_saver, 4, {"from": other_saver})
    vault.transfer(other_saver, 6, {"from": saver})
    assert vault.balanceOf(other_saver) == 10
    chain.mine(timestamp=receipt.timestamp + NOTICE_S + WINDOW_S)
    vault.transfer(other_saver, shares - 10, {"from": saver})
    assert vault.balanceOf(saver) == 0
    assert_counted(world, vault)


def test_clear_lapsed__frees_the_counter(world, vault, saver, attacker):
    shares = world.invest(vault, saver, 100 * world.unit)
    receipt = vault.request_withdrawal(shares, {"from": saver})
    chain.mine(timestamp=receipt.timestamp + NOTICE_S + WINDOW_S - 3)
    with reverts("vault: request not lapsed"):
        vault.clear_lapsed(saver, {"from": attacker})
    chain.mine(timestamp=receipt.timestamp + NOTICE_S + WINDOW_S)
    assert vault.requested_assets() == 100 * world.unit
    vault.clear_lapsed(saver, {"from": attacker})
    assert vault.requested_assets() == 0
    with reverts("vault: request not lapsed"):
        vault.clear_lapsed(saver, {"from": attacker})


def test_request_withdrawal__shares_moved_after_a_lapse__counter_stays_sound(
    world, vault, saver, other_saver
):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares, NOTICE_S + WINDOW_S)
    vault.transfer(other_saver, shares, {"from": saver})
    assert vault.requested_assets() == 0  # or the heir's notice would count the shares again
    vault.request_withdrawal(shares, {"from": other_saver})
    assert vault.requested_assets() == 100 * world.unit
    vault.request_withdrawal(0, {"from": other_saver})
    assert vault.requested_assets() == 0
