"""InsuranceVault: losses and wipe-outs."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, reverts

from tests.support.vault_desk import DEAD, assert_counted, earn, request_and_wait

PAR = 10**6  # shares per token unit at par


def test_pay_loss__by_somebody_else__reverts(vault, attacker):
    with reverts("access: not waterfall"):
        vault.pay_loss(1, {"from": attacker})


def test_pay_loss__more_than_there_is__reverts(world, vault):
    with reverts("vault: loss above assets"):
        world.driver.pay_loss(vault, world.unit + 1)


def test_pay_loss__token_returns_false__reverts(trick_world, saver):
    trick_world.token.set_refusals(True, False, {"from": saver})
    with reverts("vault: transfer failed"):
        trick_world.driver.pay_loss(trick_world.senior, 1)


def test_pay_loss__everybody_bears_it_requested_shares_too(world, vault, saver, other_saver):
    shares = world.invest(vault, saver, 99 * world.unit)
    world.invest(vault, other_saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    receipt = world.driver.pay_loss(vault, 50 * world.unit)
    assert receipt.events["LossPaid"] == {
        "assets": 50 * world.unit,
        "assets_after": 150 * world.unit,
    }
    assert world.token.balanceOf(world.custody) == 50 * world.unit
    assert vault.requested_assets() == 99 * world.unit * 3 // 4
    assert vault.maxWithdraw(saver) == 99 * world.unit * 3 // 4
    vault.redeem(shares, saver, saver, {"from": saver})
    assert world.token.balanceOf(saver) == 99 * world.unit * 3 // 4
    assert_counted(world, vault)


def test_pay_loss__all_but_a_little__keeps_the_generation(world, vault, saver):
    world.invest(vault, saver, 9_999 * world.unit)
    world.driver.pay_loss(vault, 10_000 * world.unit - 10)
    assert vault.generation() == 0
    assert vault.totalAssets() == 10
    assert vault.convertToAssets(vault.balanceOf(saver)) <= 10


@pytest.mark.parametrize("left", [10, 1])
def test_pay_loss__less_than_a_billionth_left__closes_the_generation(world, vault, saver, left):
    world.invest(vault, saver, 10_000 * world.unit)
    receipt = world.driver.pay_loss(vault, 10_001 * world.unit - left)
    assert receipt.events["GenerationClosed"] == {
        "generation": 0,
        "shares": 10_001 * world.unit * PAR,
        "assets": left,
    }
    assert receipt.events["DeadDeposit"] == {"assets": left, "shares": left * PAR}
    assert vault.generation() == 1
    assert vault.balanceOf(saver) == 0
    assert vault.balanceOf(DEAD) == vault.totalSupply() == left * PAR
    assert_counted(world, vault)


def test_wipe_out__old_shares_are_cancelled_and_newcomers_start_at_par(
    world, vault, saver, other_saver
):
    shares = world.invest(vault, saver, 100 * world.unit)
    vault.request_withdrawal(shares, {"from": saver})
    receipt = world.driver.pay_loss(vault, 101 * world.unit)
    assert "DeadDeposit" not in receipt.events
    assert vault.totalAssets() == vault.totalSupply() == 0
    assert vault.balanceOf(saver) == vault.requested_assets() == 0
    assert tuple(vault.withdrawal_request(saver)) == (0, 0, 0)
    new_shares = world.invest(vault, other_saver, 60 * world.unit)
    assert new_shares == 60 * world.unit * PAR
    assert vault.convertToAssets(new_shares) == 60 * world.unit
    with reverts("vault: shares locked"):
        vault.transfer(other_saver, 1, {"from": saver})
    with reverts("vault: shares above balance"):
        vault.request_withdrawal(1, {"from": saver})
    assert_counted(world, vault)


def test_wipe_out__old_holder_returns__old_shares_do_not(world, vault, saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    world.driver.pay_loss(vault, 101 * world.unit)
    world.give(saver, 5 * world.unit, vault)
    receipt = vault.deposit(5 * world.unit, saver, {"from": saver})
    written_off = receipt.events["Transfer"][0]
    assert (written_off["receiver"], written_off["value"]) == (ZERO_ADDRESS, shares)
    assert vault.balanceOf(saver) == vault.totalSupply() == 5 * world.unit * PAR
    assert_counted(world, vault)


def test_wipe_out__old_request__cannot_redeem_new_shares(world, vault, saver, other_saver):
    shares = world.invest(vault, saver, 100 * world.unit)
    request_and_wait(vault, saver, shares)
    world.driver.pay_loss(vault, 101 * world.unit)
    world.invest(vault, other_saver, 100 * world.unit)
    vault.transfer(saver, 50, {"from": other_saver})
    assert vault.balanceOf(saver) == 50
    with reverts("vault: not requested in time"):
        vault.redeem(50, saver, saver, {"from": saver})


def test_wipe_out__again_and_again__never_jams(world, vault, saver):
    for generation in range(1, 8):
        shares = world.invest(vault, saver, 10_000_000 * world.unit)
        assert shares == 10_000_000 * world.unit * PAR
        world.driver.pay_loss(vault, vault.totalAssets())
        assert vault.generation() == generation
    assert vault.totalSupply() == 0


def test_near_wipe_outs__again_and_again__never_jam(world, vault, saver):
    for _ in range(12):
        world.invest(vault, saver, 10_000_000 * world.unit)
        # one token unit above the threshold
        left = vault.totalSupply() // (PAR * 10**9) + 1
        world.driver.pay_loss(vault, vault.totalAssets() - left)
        assert vault.totalSupply() <= vault.totalAssets() * PAR * 10**9
    assert_counted(world, vault)


def test_fees__to_a_vault_without_shares__are_a_dead_deposit(world, deployer, saver):
    junior = world.junior
    world.driver.draw(junior, world.custody, junior.totalAssets())
    earn(world, saver, 50 * world.unit)
    assert junior.totalAssets() == 50 * world.unit
    assert junior.balanceOf(DEAD) == 50 * world.unit * PAR
    shares = world.invest(junior, deployer, 100 * world.unit)
    assert junior.convertToAssets(shares) == 100 * world.unit
    assert_counted(world, junior)


def test_permit__is_exported(vault, saver):
    assert vault.nonces(saver) == 0
    assert len(vault.DOMAIN_SEPARATOR()) == 32
    assert vault.eip712Domain()[1] == "Plimsoll senior"
