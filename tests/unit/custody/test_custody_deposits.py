"""Custody: deposits, to the wei."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, chain, reverts
from brownie.exceptions import VirtualMachineError
from eth_account import Account

from tests.support.custody_world import DAY_S, RAY, VESTING_S, WAD, account_of, build_world, fall_to

# --- deposit -------------------------------------------------------------------------------


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_deposit__any_decimals__credits_one_to_one(TestToken, deployer, trader, decimals):
    token = TestToken.deploy("Test dollar", "TUSD", decimals, {"from": deployer})
    world = build_world(token, deployer)
    account = world.deposit(trader, 123 * world.unit)
    assert world.ledger.cash(account) == 123 * WAD
    assert world.custody.backing() == world.custody.claims() == 123 * WAD
    assert world.custody.redemption_rate() == RAY
    world.assert_reconciled()


def test_deposit__for_another_account__credits_that_account(world, trader, benefactor):
    account = account_of(trader, 7)
    world.give(benefactor, 50 * world.unit, world.custody)
    receipt = world.custody.deposit(account, 50 * world.unit, {"from": benefactor})
    assert world.ledger.cash(account) == 50 * WAD
    assert receipt.events["Deposited"] == {
        "sender": benefactor,
        "account": account,
        "tokens": 50 * world.unit,
        "credited": 50 * WAD,
    }


def test_deposit__zero_amount__reverts(world, trader):
    with reverts("custody: zero amount"):
        world.custody.deposit(account_of(trader), 0, {"from": trader})


@pytest.mark.parametrize("account", [0, 1, 2**96 - 1])
def test_deposit__account_without_owner__reverts(world, trader, account):
    world.give(trader, 1, world.custody)
    with reverts("custody: zero account"):
        world.custody.deposit(account, 1, {"from": trader})


def test_deposit__smallest_account_with_owner__is_accepted(world, trader):
    world.give(trader, 1, world.custody)
    world.custody.deposit(2**96, 1, {"from": trader})
    assert world.ledger.cash(2**96) == world.scale


def test_deposit__token_takes_a_fee__reverts(FeeToken, Custody, world, deployer, trader):
    token = FeeToken.deploy({"from": deployer})
    custody = Custody.deploy(token, world.ledger, {"from": deployer})
    token.mint(trader, 1_000, {"from": trader})
    token.approve(custody, 1_000, {"from": trader})
    with reverts("custody: fee on transfer"):
        custody.deposit(account_of(trader), 1_000, {"from": trader})


def test_deposit__token_returns_nothing__is_accepted(OddToken, deployer, trader):
    world = build_world(OddToken.deploy({"from": deployer}), deployer)
    account = world.deposit(trader, 100 * world.unit)
    world.custody.withdraw(account, 40 * world.unit, trader, {"from": trader})
    world.ledger.charge(account, 5 * WAD, 2 * WAD, {"from": trader})
    world.custody.sweep_fees({"from": trader})
    assert world.token.balanceOf(trader) == 40 * world.unit
    assert world.ledger.cash(account) == 53 * WAD
    world.assert_reconciled()


def test_deposit__token_returns_false__reverts(trick_world, trader):
    trick_world.give(trader, 100, trick_world.custody)
    trick_world.token.set_refusals(True, False, {"from": trader})
    with reverts("custody: transfer failed"):
        trick_world.custody.deposit(account_of(trader), 100, {"from": trader})


def test_deposit__account_under_liquidation__is_touched(world, trader):
    account = account_of(trader)
    world.ledger.set_started(account, True, {"from": trader})
    world.deposit(trader, world.unit)
    assert world.driver.touched() == account


def test_deposit__healthy_account__is_not_touched(world, trader):
    world.deposit(trader, world.unit)
    assert world.driver.touched() == 0


def test_deposit__touch_finishes_the_account__draw_is_received(world, trader):
    world.ledger.set_started(account_of(trader), True, {"from": trader})
    world.driver.set_touch_draw(world.senior, world.unit // 2, {"from": trader})
    world.deposit(trader, 10 * world.unit)
    assert world.custody.backing() == 10 * WAD + WAD // 2
    assert world.senior.totalAssets() == world.unit // 2
    world.assert_reconciled()


def test_deposit__below_full_redemption__credits_at_the_deposit_rate(world, trader, newcomer):
    fall_to(world, trader, 80)
    assert world.custody.preview_deposit(80 * world.unit) == 100 * WAD
    account = world.deposit(newcomer, 80 * world.unit)
    assert world.ledger.cash(account) == 100 * WAD
    assert world.custody.claims() == 1_350 * WAD
    assert world.custody.redemption_rate() == RAY * 80 // 100
    world.assert_reconciled()


def test_deposit__while_a_repayment_vests__newcomer_pays_for_it(world, trader, newcomer):
    fall_to(world, trader, 80)
    world.repay(trader, 125 * world.unit)
    world.give(newcomer, 90 * world.unit, world.custody)
    backing, unvested, _, _, _, claims = world.custody.reconciliation()
    chain.mine(timedelta=0)
    receipt = world.custody.deposit(account_of(newcomer), 90 * world.unit, {"from": newcomer})
    credited = receipt.events["Deposited"]["credited"]
    # what vests moves from unvested to backing: the deposit rate does not move
    assert backing + unvested == 1_125 * WAD
    assert credited == 90 * WAD * claims // (backing + unvested) == 100 * WAD
    assert world.custody.backing() * RAY // world.custody.claims() < RAY * 90 // 100
    chain.sleep(VESTING_S)
    chain.mine()
    assert world.custody.redemption_rate() == RAY * 90 // 100
    world.assert_reconciled()


def test_deposit__redemption_at_one_percent__is_accepted(world, trader, newcomer):
    fall_to(world, trader, 1)
    account = world.deposit(newcomer, world.unit)
    assert world.ledger.cash(account) == 100 * WAD


def test_deposit__redemption_below_one_percent__reverts(world, trader, newcomer):
    fall_to(world, trader, 1)
    world.driver.book_shortfall(world.custody, 1)
    world.give(newcomer, world.unit, world.custody)
    with reverts("custody: redemption too low"):
        world.custody.deposit(account_of(newcomer), world.unit, {"from": newcomer})


def test_deposit__nothing_behind_claims__reverts(world, newcomer):
    world.driver.book_shortfall(world.custody, 1)
    assert world.custody.redemption_rate() == 0
    world.give(newcomer, world.unit, world.custody)
    with reverts("custody: redemption too low"):
        world.custody.deposit(account_of(newcomer), world.unit, {"from": newcomer})


def test_deposit__reentered_by_the_token__reverts(trick_world, trader, attacker):
    world = trick_world
    account = world.deposit(attacker, 100)
    world.give(trader, 100, world.custody)
    for data in (
        world.custody.withdraw.encode_input(account, 1, attacker),
        world.custody.deposit.encode_input(account, 1),
        world.custody.contribute.encode_input(1),
        world.custody.sweep_fees.encode_input(),
        world.custody.receive_draw.encode_input(0),
        world.custody.book_shortfall.encode_input(0),
    ):
        world.token.set_hook(world.custody, data, {"from": attacker})
        with pytest.raises(VirtualMachineError) as failure:
            world.custody.deposit(account_of(trader), 100, {"from": trader})
        assert failure.value.revert_msg is None  # the lock gives no reason; anything else would
    world.token.set_hook(ZERO_ADDRESS, b"", {"from": attacker})
    world.custody.deposit(account_of(trader), 100, {"from": trader})


# --- deposit with permit -------------------------------------------------------------------


def sign_permit(world, signer, amount, deadline):
    domain = {
        "name": "Test dollar",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": world.token.address,
    }
    types = {
        "Permit": [
            {"name": "owner", "type": "address"},
            {"name": "spender", "type": "address"},
            {"name": "value", "type": "uint256"},
            {"name": "nonce", "type": "uint256"},
            {"name": "deadline", "type": "uint256"},
        ]
    }
    message = {
        "owner": signer.address,
        "spender": world.custody.address,
        "value": amount,
        "nonce": world.token.nonces(signer),
        "deadline": deadline,
    }
    signed = Account.sign_typed_data(signer.private_key, domain, types, message)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_deposit_with_permit__valid_signature__deposits(world, signer):
    amount, deadline = 25 * world.unit, chain.time() + DAY_S
    world.give(signer, amount)
    signature = sign_permit(world, signer, amount, deadline)
    world.custody.deposit_with_permit(
        account_of(signer), amount, deadline, *signature, {"from": signer}
    )
    assert world.ledger.cash(account_of(signer)) == 25 * WAD
    world.assert_reconciled()


def test_deposit_with_permit__permit_was_front_run__deposits(world, signer, attacker):
    amount, deadline = 25 * world.unit, chain.time() + DAY_S
    world.give(signer, amount)
    signature = sign_permit(world, signer, amount, deadline)
    world.token.permit(signer, world.custody, amount, deadline, *signature, {"from": attacker})
    world.custody.deposit_with_permit(
        account_of(signer), amount, deadline, *signature, {"from": signer}
    )
    assert world.ledger.cash(account_of(signer)) == 25 * WAD


def test_deposit_with_permit__wrong_signature__reverts(world, signer):
    amount, deadline = 25 * world.unit, chain.time() + DAY_S
    world.give(signer, amount)
    signature = sign_permit(world, signer, amount + 1, deadline)
    with reverts("custody: allowance too low"):
        world.custody.deposit_with_permit(
            account_of(signer), amount, deadline, *signature, {"from": signer}
        )


def test_deposit_with_permit__anothers_permit__takes_nothing_of_his(world, signer, attacker):
    amount, deadline = 25 * world.unit, chain.time() + DAY_S
    world.give(signer, amount)
    signature = sign_permit(world, signer, amount, deadline)
    with reverts("custody: allowance too low"):
        world.custody.deposit_with_permit(
            account_of(attacker), amount, deadline, *signature, {"from": attacker}
        )


def test_deposit_with_permit__account_under_liquidation__is_touched(world, signer):
    amount, deadline = world.unit, chain.time() + DAY_S
    world.give(signer, amount)
    world.ledger.set_started(account_of(signer), True, {"from": signer})
    signature = sign_permit(world, signer, amount, deadline)
    world.custody.deposit_with_permit(
        account_of(signer), amount, deadline, *signature, {"from": signer}
    )
    assert world.driver.touched() == account_of(signer)
