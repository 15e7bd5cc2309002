"""Custody: withdrawals, to the wei."""

from __future__ import annotations

from brownie import ZERO_ADDRESS, reverts

from tests.support.custody_world import RAY, WAD, fall_to


def test_withdraw__own_account__pays_the_receiver(world, trader, newcomer):
    account = world.deposit(trader, 100 * world.unit)
    receipt = world.custody.withdraw(account, 30 * world.unit, newcomer, {"from": trader})
    assert receipt.return_value == 30 * world.unit
    assert world.token.balanceOf(newcomer) == 30 * world.unit
    assert world.ledger.cash(account) == 70 * WAD
    assert world.custody.backing() == world.custody.claims() == 70 * WAD
    assert receipt.events["Withdrawn"] == {
        "account": account,
        "receiver": newcomer,
        "claims": 30 * WAD,
        "tokens": 30 * world.unit,
    }
    world.assert_reconciled()


def test_withdraw__account_of_another__reverts(world, trader, attacker):
    account = world.deposit(trader, 100 * world.unit)
    with reverts("custody: only owner"):
        world.custody.withdraw(account, 1, attacker, {"from": attacker})


def test_withdraw__zero_amount__reverts(world, trader):
    account = world.deposit(trader, 100 * world.unit)
    with reverts("custody: zero amount"):
        world.custody.withdraw(account, 0, trader, {"from": trader})


def test_withdraw__to_nobody_or_to_custody__reverts(world, trader):
    account = world.deposit(trader, 100 * world.unit)
    for receiver in (ZERO_ADDRESS, world.custody):
        with reverts("custody: bad receiver"):
            world.custody.withdraw(account, 1, receiver, {"from": trader})


def test_withdraw__loss_to_be_resolved__waits_and_nobody_else_does(world, trader, newcomer):
    account = world.deposit(trader, 100 * world.unit)
    world.driver.set_resolve_due(True)
    for amount in (1, 100 * world.unit + 1):  # said before anything else about the amount
        with reverts("custody: resolve first"):
            world.custody.withdraw(account, amount, trader, {"from": trader})
    world.deposit(newcomer, 50 * world.unit)
    world.repay(newcomer, world.unit)
    world.custody.sweep_fees({"from": newcomer})
    world.driver.set_resolve_due(False)
    world.custody.withdraw(account, 100 * world.unit, trader, {"from": trader})
    assert world.ledger.cash(account) == 0


def test_withdraw__not_allowed_anyway__says_so_even_if_a_resolve_is_due(world, trader, attacker):
    account = world.deposit(trader, 100 * world.unit)
    world.driver.set_resolve_due(True)
    with reverts("custody: only owner"):
        world.custody.withdraw(account, 1, attacker, {"from": attacker})
    with reverts("custody: zero amount"):
        world.custody.withdraw(account, 0, trader, {"from": trader})
    with reverts("custody: bad receiver"):
        world.custody.withdraw(account, 1, ZERO_ADDRESS, {"from": trader})


def test_withdraw__margin_check_fails__reverts_with_its_reason(world, trader, newcomer):
    account = world.deposit(trader, 100 * world.unit)
    world.deposit(newcomer, 100 * world.unit)
    with reverts("margin: below initial"):
        world.custody.withdraw(account, 100 * world.unit + 1, trader, {"from": trader})


def test_withdraw__below_full_redemption__pays_rounded_down(world, trader):
    account = fall_to(world, trader, 80)
    receipt = world.custody.withdraw(account, 1_000_001, trader, {"from": trader})
    assert receipt.return_value == 800_000  # 800,000.8
    assert world.ledger.cash(account) == 1_000 * WAD - 1_000_001 * world.scale
    assert world.custody.backing() == 1_000 * WAD - 800_000 * world.scale
    # the fraction stays with those who remain
    assert world.custody.redemption_rate() >= RAY * 80 // 100
    world.assert_reconciled()


def test_withdraw__worth_less_than_a_token_unit__reverts(world, trader):
    account = fall_to(world, trader, 80)
    with reverts("custody: pays nothing"):
        world.custody.withdraw(account, 1, trader, {"from": trader})


def test_withdraw__everything_below_full_redemption__nothing_is_left_over(world, trader):
    account = fall_to(world, trader, 80)
    world.ledger.gain(account, 250 * WAD, {"from": trader})  # its own loss was booked
    world.custody.withdraw(account, 1_250 * world.unit, trader, {"from": trader})
    assert world.token.balanceOf(trader) == 1_000 * world.unit
    assert world.custody.backing() == world.custody.claims() == 0
    assert world.custody.redemption_rate() == RAY


def test_withdraw__everybody_left__the_next_deposit_starts_at_one(world, trader, newcomer):
    test_withdraw__everything_below_full_redemption__nothing_is_left_over(world, trader)
    account = world.deposit(newcomer, 10 * world.unit)
    assert world.ledger.cash(account) == 10 * WAD


def test_withdraw__profit_whose_loss_is_not_booked__reverts(world, winner):
    account = world.deposit(winner, 100 * world.unit)
    world.ledger.gain(account, 50 * WAD, {"from": winner})
    with reverts("custody: backing too small"):
        world.custody.withdraw(account, 100 * world.unit + 1, winner, {"from": winner})
    world.custody.withdraw(account, 100 * world.unit, winner, {"from": winner})
    assert world.custody.backing() == 0


def test_withdraw__token_returns_false__reverts(trick_world, trader):
    account = trick_world.deposit(trader, 100)
    trick_world.token.set_refusals(True, False, {"from": trader})
    with reverts("custody: transfer failed"):
        trick_world.custody.withdraw(account, 1, trader, {"from": trader})


def test_withdraw__in_any_order__everybody_is_paid_the_same_rate(world, trader, winner):
    one = fall_to(world, trader, 50)
    two = world.deposit(winner, 300 * world.unit)
    assert world.ledger.cash(two) == 600 * WAD
    world.custody.withdraw(one, 400 * world.unit, trader, {"from": trader})
    world.custody.withdraw(two, 400 * world.unit, winner, {"from": winner})
    assert world.token.balanceOf(trader) == world.token.balanceOf(winner) == 200 * world.unit
    assert world.custody.redemption_rate() == RAY // 2
    world.assert_reconciled()
