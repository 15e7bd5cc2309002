"""InsuranceVault: construction, deposits, and what moves the price of a share."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, reverts
from brownie.exceptions import VirtualMachineError

from tests.support.custody_world import DAY_S, NOTICE_S, WAD, build_world
from tests.support.vault_desk import (
    DEAD,
    assert_counted,
    deploy_vault,
    earn,
    earn_senior,
    request_and_wait,
)

PAR = 10**6  # shares per token unit at par
MAX = 2**256 - 1


# --- construction and wiring ---------------------------------------------------------------


def test_deploy__reads_back(world, vault, deployer):
    assert vault.asset() == world.token
    assert vault.custody() == world.custody
    assert vault.waterfall() == world.driver
    assert vault.notice_s() == NOTICE_S
    assert vault.owner() == deployer
    assert vault.decimals() == 12
    assert world.junior.owner_only()
    assert not vault.owner_only()


def test_deploy__without_custody__reverts(InsuranceVault, world, deployer):
    with reverts("vault: zero custody"):
        deploy_vault(world, InsuranceVault, deployer, custody=ZERO_ADDRESS)


@pytest.mark.parametrize("notice_s", [0, 60 * DAY_S + 1])
def test_deploy__notice_outside_bounds__reverts(InsuranceVault, world, deployer, notice_s):
    with reverts("vault: bad notice period"):
        deploy_vault(world, InsuranceVault, deployer, notice_s=notice_s)


@pytest.mark.parametrize("notice_s", [1, 60 * DAY_S])
def test_deploy__notice_at_bounds__is_accepted(InsuranceVault, world, deployer, notice_s):
    assert deploy_vault(world, InsuranceVault, deployer, notice_s=notice_s).notice_s() == notice_s


def test_wire__buries_the_dead_deposit(world, vault):
    assert vault.dead_deposit() == world.unit
    assert vault.totalAssets() == world.unit
    assert vault.balanceOf(DEAD) == vault.totalSupply() == world.unit * PAR
    assert_counted(world, vault)


def test_wire__by_somebody_else__reverts(InsuranceVault, world, deployer, attacker):
    fresh = deploy_vault(world, InsuranceVault, deployer)
    with reverts("wire: only deployer"):
        fresh.wire(world.driver, {"from": attacker})


def test_wire__twice__reverts(world, vault, deployer):
    with reverts("wire: already done"):
        vault.wire(world.driver, {"from": deployer})


def test_wire__zero_address__reverts(InsuranceVault, world, deployer):
    fresh = deploy_vault(world, InsuranceVault, deployer)
    with reverts("wire: zero address"):
        fresh.wire(ZERO_ADDRESS, {"from": deployer})


def test_deposit__before_wiring__reverts(InsuranceVault, world, deployer, saver):
    fresh = deploy_vault(world, InsuranceVault, deployer)
    world.give(saver, 10, fresh)
    assert fresh.maxDeposit(saver) == fresh.maxMint(saver) == fresh.maxRedeem(saver) == 0
    with reverts("vault: not wired"):
        fresh.deposit(10, saver, {"from": saver})


# --- deposit and mint ----------------------------------------------------------------------


def test_deposit__at_par__mints_as_previewed(world, vault, saver):
    world.give(saver, 100 * world.unit, vault)
    assert vault.previewDeposit(100 * world.unit) == 100 * world.unit * PAR
    receipt = vault.deposit(100 * world.unit, saver, {"from": saver})
    assert receipt.return_value == vault.balanceOf(saver) == 100 * world.unit * PAR
    assert receipt.events["Deposit"] == {
        "sender": saver,
        "owner": saver,
        "assets": 100 * world.unit,
        "shares": 100 * world.unit * PAR,
    }
    assert_counted(world, vault)


def test_mint__costs_as_previewed(world, vault, saver, other_saver):
    world.give(saver, 100 * world.unit, vault)
    shares = 40 * world.unit * PAR + 1
    assert vault.previewMint(shares) == 40 * world.unit + 1
    receipt = vault.mint(shares, other_saver, {"from": saver})
    assert receipt.return_value == 40 * world.unit + 1
    assert vault.balanceOf(other_saver) == shares
    assert_counted(world, vault)


def test_deposit_and_mint__nothing__reverts(world, vault, saver):
    for call in (vault.deposit, vault.mint):
        with reverts("vault: zero amount"):
            call(0, saver, {"from": saver})


def test_deposit__token_takes_a_fee__reverts(FeeToken, InsuranceVault, world, deployer, saver):
    token = FeeToken.deploy({"from": deployer})
    vault = InsuranceVault.deploy("V", "V", token, world.custody, 1, False, {"from": deployer})
    for who in (deployer, saver):
        token.mint(who, 10 * world.unit, {"from": who})
        token.approve(vault, 10 * world.unit, {"from": who})
    with reverts("vault: fee on transfer"):
        vault.wire(world.driver, {"from": deployer})
    token.set_free(vault, True, {"from": deployer})
    vault.wire(world.driver, {"from": deployer})
    token.set_free(vault, False, {"from": deployer})
    with reverts("vault: fee on transfer"):
        vault.deposit(world.unit, saver, {"from": saver})


def test_deposit__token_returns_nothing__works_throughout(OddToken, deployer, saver):
    world = build_world(OddToken.deploy({"from": deployer}), deployer)
    shares = world.invest(world.senior, saver, 10 * world.unit)
    world.driver.pay_loss(world.senior, world.unit)
    request_and_wait(world.senior, saver, shares)
    world.senior.redeem(shares, saver, saver, {"from": saver})
    assert world.token.balanceOf(saver) == 9_090_909  # 10/11 of ten left
    assert_counted(world, world.senior)


def test_deposit__into_junior__only_to_the_owner(world, deployer, attacker):
    junior = world.junior
    world.give(attacker, 10 * world.unit, junior)
    assert junior.maxDeposit(attacker) == junior.maxMint(attacker) == 0
    assert junior.maxDeposit(deployer) == junior.maxMint(deployer) == MAX
    with reverts("vault: receiver not allowed"):
        junior.deposit(10 * world.unit, attacker, {"from": attacker})
    with reverts("vault: receiver not allowed"):
        junior.mint(10 * PAR, attacker, {"from": attacker})
    world.invest(junior, deployer, 10 * world.unit)
    assert junior.totalAssets() == 11 * world.unit


def test_deposit__into_junior__follows_ownership(world, deployer, saver):
    world.junior.transfer_ownership(saver, {"from": deployer})
    assert world.junior.maxDeposit(deployer) == 0
    world.invest(world.junior, saver, world.unit)
    with reverts("ownable: caller is not the owner"):
        world.junior.transfer_ownership(deployer, {"from": deployer})


def test_deposit__into_senior__is_open(vault, saver):
    assert vault.maxDeposit(saver) == vault.maxMint(saver) == MAX


def test_deposit__reentered_by_the_token__reverts(trick_world, saver, attacker):
    vault = trick_world.senior
    trick_world.give(saver, 100, vault)
    for data in (
        vault.deposit.encode_input(1, attacker),
        vault.redeem.encode_input(1, attacker, attacker),
        vault.transfer.encode_input(attacker, 0),
        vault.request_withdrawal.encode_input(0),
        vault.pay_loss.encode_input(0),
        vault.receive_fees.encode_input(0),
        vault.forward_donation.encode_input(),
    ):
        trick_world.token.set_hook(vault, data, {"from": attacker})
        with pytest.raises(VirtualMachineError) as failure:
            vault.deposit(100, saver, {"from": saver})
        assert failure.value.revert_msg is None  # the lock gives no reason; anything else would


# --- the share price -----------------------------------------------------------------------


def test_donation__does_not_move_the_price(world, vault, saver, attacker):
    world.invest(vault, saver, 100 * world.unit)
    before = vault.convertToAssets(10**12)
    world.give(attacker, 1_000 * world.unit)
    world.token.transfer(vault, 1_000 * world.unit, {"from": attacker})
    assert vault.convertToAssets(10**12) == before
    assert vault.totalAssets() == 101 * world.unit


def test_forward_donation__becomes_a_repayment_in_custody(world, vault, saver, attacker):
    world.give(attacker, 7 * world.unit)
    world.token.transfer(vault, 7 * world.unit, {"from": attacker})
    receipt = vault.forward_donation({"from": saver})
    assert receipt.events["DonationForwarded"]["assets"] == 7 * world.unit
    assert world.custody.unvested() == 7 * WAD
    assert_counted(world, vault)


def test_forward_donation__nothing_there__reverts(vault, saver):
    with reverts("custody: zero amount"):
        vault.forward_donation({"from": saver})


def test_forward_donation__token_refuses_approval__reverts(trick_world, saver):
    trick_world.token.mint(trick_world.senior, 5, {"from": saver})
    trick_world.token.set_refusals(False, True, {"from": saver})
    with reverts("vault: approve failed"):
        trick_world.senior.forward_donation({"from": saver})


def test_inflation_attack__first_depositor_with_a_donation__gains_nothing(
    world, vault, saver, attacker
):
    world.give(attacker, 10_000 * world.unit + 1, vault)
    vault.deposit(1, attacker, {"from": attacker})
    world.token.transfer(vault, 10_000 * world.unit, {"from": attacker})
    shares = world.invest(vault, saver, 9_999 * world.unit)
    assert vault.convertToAssets(shares) == 9_999 * world.unit
    assert vault.convertToAssets(vault.balanceOf(attacker)) == 1


def test_inflation_attack__after_a_wipe_out_with_fees_as_the_lever__victim_keeps_his_money(
    world, attacker, saver, deployer
):
    junior = world.junior
    world.driver.draw(junior, world.custody, junior.totalAssets())
    world.give(attacker, 1, junior)
    junior.deposit(1, deployer, {"from": attacker})  # next to no shares and no dead deposit
    earn(world, attacker, 1_000 * world.unit)
    shares = world.invest(junior, deployer, 100 * world.unit)
    assert junior.convertToAssets(shares) >= 100 * world.unit - 1_000
    assert_counted(world, junior)


def test_receive_fees__by_somebody_else__reverts(world, vault, attacker):
    world.give(attacker, 10, vault)
    with reverts("access: not custody"):
        vault.receive_fees(10, {"from": attacker})


def test_receive_fees__raises_the_price_for_all(world, vault, saver, other_saver):
    world.invest(world.junior, accounts[0], 99 * world.unit)
    shares = world.invest(vault, saver, 99 * world.unit)
    earn_senior(world, other_saver, 10 * world.unit)
    assert vault.totalAssets() == 110 * world.unit
    assert vault.convertToAssets(shares) == 99 * world.unit * 110 // 100 - 1  # virtual shares
    # rounding: who enters pays the fraction, who leaves gives it
    for assets in (1, 7, 999_999):
        assert vault.previewRedeem(vault.previewDeposit(assets)) <= assets
        assert vault.previewMint(vault.previewWithdraw(assets)) >= assets
    assert_counted(world, vault)


def test_convert__off_par__rounds_down_both_ways(world, vault, saver, other_saver):
    world.invest(world.junior, accounts[0], 99 * world.unit)
    world.invest(vault, saver, 99 * world.unit)
    earn_senior(world, other_saver, 10 * world.unit)
    # a share that is none and a token unit that is none count, too
    shares, assets = vault.totalSupply() + PAR, vault.totalAssets() + 1
    for amount in (1, 7, 999_999):
        assert amount * shares % assets
        assert vault.convertToShares(amount) == amount * shares // assets
        held = amount * PAR + 1
        assert held * assets % shares
        assert vault.convertToAssets(held) == held * assets // shares


def test_receive_fees__emits(world, saver):
    account = world.deposit(saver, 10 * world.unit)
    world.ledger.charge(account, 2 * WAD, 0, {"from": saver})
    receipt = world.custody.sweep_fees({"from": saver})
    assert receipt.events["FeesReceived"] == {
        "assets": 2 * world.unit,
        "assets_after": 3 * world.unit,
    }


def test_receive_fees__token_returns_false__reverts(trick_world, saver):
    account = trick_world.deposit(saver, 10 * trick_world.unit)
    trick_world.ledger.charge(account, WAD, 0, {"from": saver})
    trick_world.token.set_refusals(True, False, {"from": saver})
    with reverts("vault: transfer failed"):
        trick_world.custody.sweep_fees({"from": saver})
