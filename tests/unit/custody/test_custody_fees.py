"""Custody: fees, and tokens nobody announced, to the wei."""

from __future__ import annotations

from brownie import reverts

from tests.support.custody_world import RAY, WAD, fall_to


def test_sweep_fees__trading_to_junior_insurance_by_capital(world, deployer, trader):
    account = world.deposit(trader, 1_000 * world.unit)
    world.invest(world.junior, deployer, 99 * world.unit)  # and 1 dead: 100
    world.invest(world.senior, trader, 299 * world.unit)  # and 1 dead: 300
    world.ledger.charge(account, 10 * WAD, 8 * WAD, {"from": trader})
    receipt = world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == 112 * world.unit
    assert world.senior.totalAssets() == 306 * world.unit
    assert world.custody.backing() == world.custody.claims() == 982 * WAD
    assert receipt.events["FeesSwept"] == {
        "trading": 10 * WAD,
        "insurance": 8 * WAD,
        "junior": 12 * world.unit,
        "senior": 6 * world.unit,
    }
    world.assert_reconciled()


def test_sweep_fees__fractions_of_a_token_unit__wait_in_transit(world, trader):
    account = world.deposit(trader, 1_000 * world.unit)
    world.ledger.charge(account, WAD + 1, 0, {"from": trader})
    world.custody.sweep_fees({"from": trader})
    assert world.custody.fees_in_transit() == 1
    world.assert_reconciled()
    world.ledger.charge(account, world.scale - 1, 0, {"from": trader})
    before = world.junior.totalAssets()
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == before + 1
    assert world.custody.fees_in_transit() == 0
    assert world.custody.backing() == world.custody.claims() == 999 * WAD - world.scale
    world.assert_reconciled()


def test_sweep_fees__nothing_to_sweep__changes_nothing(world, trader):
    world.deposit(trader, 1_000 * world.unit)
    receipt = world.custody.sweep_fees({"from": trader})
    assert receipt.events["FeesSwept"]["junior"] == 0
    assert world.custody.backing() == 1_000 * WAD


def test_sweep_fees__senior_wiped_out__all_to_junior(world, trader):
    account = world.deposit(trader, 1_000 * world.unit)
    world.driver.draw(world.senior, world.custody, world.senior.totalAssets())
    world.ledger.charge(account, 0, 8 * WAD, {"from": trader})
    before = world.junior.totalAssets()
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == before + 8 * world.unit
    assert world.senior.totalAssets() == 0


def test_sweep_fees__both_vaults_wiped_out__juniors_dead_deposit_takes_them(world, trader):
    account = world.deposit(trader, 1_000 * world.unit)
    for vault in (world.junior, world.senior):
        world.driver.draw(vault, world.custody, vault.totalAssets())
    world.ledger.charge(account, 0, 8 * WAD, {"from": trader})
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == 8 * world.unit
    assert world.junior.convertToAssets(10**6) == 1


def test_sweep_fees__below_full_redemption__become_a_repayment(world, trader):
    account = fall_to(world, trader, 80)
    world.ledger.charge(account, 60 * WAD, 40 * WAD, {"from": trader})
    junior, senior = world.junior.totalAssets(), world.senior.totalAssets()
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == junior
    assert world.senior.totalAssets() == senior
    assert world.custody.unvested() == 80 * WAD  # 100 claims at 0.8
    assert world.custody.claims() == 1_150 * WAD
    assert world.custody.redemption_rate() == RAY * 80 // 100
    world.assert_reconciled()


def test_sweep_fees__fees_of_a_profit_not_backed_yet__reverts(world, winner):
    account = world.deposit(winner, 10 * world.unit)
    world.ledger.gain(account, 10 * WAD, {"from": winner})
    world.ledger.charge(account, 11 * WAD, 0, {"from": winner})
    with reverts("custody: backing too small"):
        world.custody.sweep_fees({"from": winner})


def test_sweep_fees__token_refuses_approval__reverts(trick_world, trader):
    account = trick_world.deposit(trader, 10 * trick_world.unit)
    trick_world.ledger.charge(account, WAD, 0, {"from": trader})
    trick_world.token.set_refusals(False, True, {"from": trader})
    with reverts("custody: approve failed"):
        trick_world.custody.sweep_fees({"from": trader})


def test_sweep_fees__tokens_sent_by_mistake__become_juniors(world, trader, attacker):
    world.deposit(trader, 100 * world.unit)
    world.give(attacker, 5 * world.unit)
    world.token.transfer(world.custody, 5 * world.unit, {"from": attacker})
    assert world.custody.reconciliation()[4] == 5 * WAD
    assert world.custody.backing() == 100 * WAD
    assert world.custody.redemption_rate() == RAY
    before = world.junior.totalAssets()
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == before + 5 * world.unit
    assert world.custody.reconciliation()[4] == 0
    world.assert_reconciled()


def test_sweep_fees__tokens_sent_by_mistake_after_a_shortfall__are_repaid(world, trader, attacker):
    fall_to(world, trader, 80)
    world.give(attacker, 5 * world.unit)
    world.token.transfer(world.custody, 5 * world.unit, {"from": attacker})
    assert world.custody.redemption_rate() == RAY * 80 // 100
    world.custody.sweep_fees({"from": trader})
    assert world.custody.unvested() == 5 * WAD
    world.assert_reconciled()


def test_reconciliation__tokens_were_seized__shows_the_hole(trick_world, trader):
    trick_world.deposit(trader, 100 * trick_world.unit)
    trick_world.token.seize(trick_world.custody, trick_world.unit, {"from": trader})
    backing, _, _, balance, uncounted, _ = trick_world.custody.reconciliation()
    assert (backing, balance, uncounted) == (100 * WAD, 99 * WAD, 0)
    with reverts("custody: draw not received"):
        trick_world.driver.receive_draw(trick_world.custody, 0)
