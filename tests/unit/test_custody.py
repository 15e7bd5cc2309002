"""Custody: deposits, withdrawals, the redemption rate, repayments and fees, to the wei."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain, reverts
from brownie.exceptions import VirtualMachineError
from eth_account import Account

from tests.support.custody_world import (
    DAY_S,
    RAY,
    VESTING_S,
    WAD,
    account_of,
    build_world,
    rate,
)


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def trader():
    return accounts[1]


@pytest.fixture(scope="module")
def winner():
    return accounts[2]


@pytest.fixture(scope="module")
def attacker():
    return accounts[3]


@pytest.fixture(scope="module")
def newcomer():
    return accounts[4]


@pytest.fixture(scope="module")
def benefactor():
    return accounts[5]


@pytest.fixture(scope="module")
def signer(deployer):
    local = accounts.add(Account.create().key.hex())
    deployer.transfer(local, WAD)
    return local


@pytest.fixture(scope="module")
def world(TestToken, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    return build_world(token, deployer)


@pytest.fixture(scope="module")
def trick_world(TrickToken, deployer):
    return build_world(TrickToken.deploy({"from": deployer}), deployer)


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


def fall_to(world, holder, percent, tokens=1_000):
    """Deposit 1,000 tokens and book the shortfall that leaves rho at `percent`."""
    account = world.deposit(holder, tokens * world.unit)
    claims = tokens * WAD
    world.driver.book_shortfall(world.custody, claims * 100 // percent - claims)
    assert world.custody.redemption_rate() == RAY * percent // 100
    return account


# --- construction and wiring ---------------------------------------------------------------


def test_deploy__token_of_19_decimals__reverts(TestToken, Custody, CashLedger, deployer):
    ledger = CashLedger.deploy({"from": deployer})
    token = TestToken.deploy("Too fine", "FINE", 19, {"from": deployer})
    with reverts("custody: over 18 decimals"):
        Custody.deploy(token, ledger, {"from": deployer})


def test_deploy__without_clearinghouse__reverts(TestToken, Custody, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    with reverts("custody: zero clearinghouse"):
        Custody.deploy(token, ZERO_ADDRESS, {"from": deployer})


def test_deploy__reads_back_its_links(world):
    assert world.custody.token() == world.token
    assert world.custody.clearinghouse() == world.ledger
    assert world.custody.waterfall() == world.driver
    assert world.custody.liquidator() == world.driver
    assert world.custody.junior() == world.junior
    assert world.custody.senior() == world.senior


def test_wire__by_somebody_else__reverts(Custody, world, deployer, attacker):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    with reverts("wire: only deployer"):
        custody.wire(attacker, attacker, attacker, attacker, {"from": attacker})


def test_wire__twice__reverts(world, deployer):
    with reverts("wire: already done"):
        world.custody.wire(deployer, deployer, deployer, deployer, {"from": deployer})


@pytest.mark.parametrize("missing", range(4))
def test_wire__zero_address__reverts(Custody, world, deployer, missing):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    links = [world.driver, world.driver, world.junior, world.senior]
    links[missing] = ZERO_ADDRESS
    with reverts("wire: zero address"):
        custody.wire(*links, {"from": deployer})


def test_wire__emits_the_links(Custody, world, deployer):
    custody = Custody.deploy(world.token, world.ledger, {"from": deployer})
    receipt = custody.wire(
        world.driver, world.driver, world.junior, world.senior, {"from": deployer}
    )
    assert receipt.events["Wired"] == {
        "waterfall": world.driver,
        "liquidator": world.driver,
        "junior": world.junior,
        "senior": world.senior,
    }


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


# --- withdraw ------------------------------------------------------------------------------


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


# --- draws and shortfalls ------------------------------------------------------------------


def test_receive_draw__by_somebody_else__reverts(world, attacker):
    with reverts("access: not waterfall"):
        world.custody.receive_draw(1, {"from": attacker})


def test_receive_draw__tokens_not_there__reverts(world, trader):
    world.deposit(trader, 100 * world.unit)
    with reverts("custody: draw not received"):
        world.driver.receive_draw(world.custody, 1)


def test_receive_draw__after_pay_loss__counts_tokens_and_units(world, trader):
    world.deposit(trader, 100 * world.unit)
    world.invest(world.senior, trader, 40 * world.unit)
    receipt = world.driver.draw(world.senior, world.custody, 40 * world.unit)
    assert world.custody.backing() == world.custody.claims() == 140 * WAD
    assert receipt.events["DrawReceived"] == {"tokens": 40 * world.unit, "units": 40 * WAD}
    world.assert_reconciled()


def test_receive_draw__below_full_redemption__leaves_the_rate(world, trader):
    fall_to(world, trader, 80)
    world.invest(world.senior, trader, 80 * world.unit)
    tokens = world.custody.to_tokens_up(100 * WAD)
    assert tokens == 80 * world.unit
    receipt = world.driver.draw(world.senior, world.custody, tokens)
    assert receipt.events["DrawReceived"]["units"] == 100 * WAD
    assert world.custody.redemption_rate() == RAY * 80 // 100


def test_receive_draw__rounded_up__never_counts_fewer_units_than_asked(world, trader):
    fall_to(world, trader, 64)
    world.invest(world.senior, trader, 80 * world.unit)
    for units in (1, 3 * WAD + 1, 7 * WAD - 1):
        before = world.custody.redemption_rate()
        tokens = world.custody.to_tokens_up(units)
        receipt = world.driver.draw(world.senior, world.custody, tokens)
        assert receipt.events["DrawReceived"]["units"] >= units
        assert world.custody.redemption_rate() >= before
    world.assert_reconciled()


def test_book_shortfall__by_somebody_else__reverts(world, attacker):
    with reverts("access: not liquidator"):
        world.custody.book_shortfall(1, {"from": attacker})


def test_book_shortfall__lowers_the_rate_as_defined(world, trader):
    world.deposit(trader, 1_000 * world.unit)
    receipt = world.driver.book_shortfall(world.custody, 250 * WAD)
    assert receipt.events["ShortfallBooked"] == {
        "amount": 250 * WAD,
        "rate_before": RAY,
        "rate_after": RAY * 80 // 100,
    }
    # rho * B / (B + s * rho), from rho = 0.8
    world.driver.book_shortfall(world.custody, 1_250 * WAD)
    assert world.custody.redemption_rate() == RAY * 40 // 100
    assert world.custody.backing() == 1_000 * WAD


def test_book_shortfall__with_nothing_in_custody__brings_the_rate_to_zero(world):
    world.driver.book_shortfall(world.custody, 5 * WAD)
    assert world.custody.redemption_rate() == 0
    assert world.custody.to_tokens_down(WAD) == world.custody.to_tokens_up(WAD) == 0
    assert world.custody.to_units_down(world.unit) == 0


def test_conversions__at_one__are_exact_but_for_token_units(world):
    assert world.custody.to_tokens_down(2 * WAD + world.scale - 1) == 2 * world.unit
    assert world.custody.to_tokens_up(2 * WAD + 1) == 2 * world.unit + 1
    assert world.custody.to_tokens_up(2 * WAD) == 2 * world.unit
    assert world.custody.to_units_down(2 * world.unit) == 2 * WAD


# --- repayments ----------------------------------------------------------------------------


def test_contribute__zero_amount__reverts(world, benefactor):
    with reverts("custody: zero amount"):
        world.custody.contribute(0, {"from": benefactor})


def test_contribute__vests_evenly_over_seven_days(world, trader, benefactor):
    fall_to(world, trader, 80)
    receipt = world.repay(benefactor, 70 * world.unit)
    started = receipt.timestamp
    assert receipt.events["Repaid"] == {
        "sender": benefactor,
        "amount": 70 * WAD,
        "unvested": 70 * WAD,
        "vests_until": started + VESTING_S,
    }
    for day in range(1, 8):
        chain.mine(timestamp=started + day * DAY_S)
        assert world.custody.unvested() == (7 - day) * 10 * WAD
        assert world.custody.backing() == (1_000 + day * 10) * WAD
        world.assert_reconciled()
    chain.mine(timestamp=started + 8 * DAY_S)
    assert world.custody.backing() == 1_070 * WAD
    assert world.custody.redemption_rate() == rate(1_070 * WAD, 1_250 * WAD)


def test_contribute__at_rate_one__goes_to_junior(world, trader, benefactor):
    world.deposit(trader, 100 * world.unit)
    world.repay(benefactor, 10 * world.unit)
    assert world.custody.redemption_rate() == RAY
    chain.sleep(VESTING_S)
    chain.mine()
    assert world.custody.fees_in_transit() == 10 * WAD
    assert world.custody.backing() == 100 * WAD
    before = world.junior.totalAssets()
    receipt = world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == before + 10 * world.unit
    assert receipt.events["Vested"] == {"amount": 10 * WAD, "surplus": 10 * WAD}
    world.assert_reconciled()


def test_contribute__more_than_missing__surplus_to_junior(world, trader, benefactor):
    fall_to(world, trader, 80)
    world.repay(benefactor, 300 * world.unit)
    chain.sleep(VESTING_S)
    chain.mine()
    assert world.custody.redemption_rate() == RAY
    assert world.custody.backing() == world.custody.claims() == 1_250 * WAD
    assert world.custody.fees_in_transit() == 50 * WAD
    before = world.junior.totalAssets()
    world.custody.sweep_fees({"from": trader})
    assert world.junior.totalAssets() == before + 50 * world.unit
    world.assert_reconciled()


def test_contribute__second_repayment__shares_one_stream_by_weight(world, trader, benefactor):
    fall_to(world, trader, 50)
    first = world.repay(benefactor, 70 * world.unit)
    world.give(benefactor, 140 * world.unit, world.custody)
    chain.sleep(first.timestamp + 5 * DAY_S - chain.time())
    second = world.custody.contribute(140 * world.unit, {"from": benefactor})
    elapsed = second.timestamp - first.timestamp
    left = 70 * WAD - 70 * WAD * elapsed // VESTING_S
    remaining_wad_s = (left * (VESTING_S - elapsed) * WAD + 140 * WAD * VESTING_S * WAD) // (
        left + 140 * WAD
    )
    assert second.events["Repaid"]["unvested"] == left + 140 * WAD
    assert second.events["Repaid"]["vests_until"] == second.timestamp + remaining_wad_s // WAD


def test_contribute__one_unit_by_an_attacker__does_not_stretch_the_stream(
    world, trader, benefactor, attacker
):
    fall_to(world, trader, 50)
    first = world.repay(benefactor, 500 * world.unit)
    world.give(attacker, 20, world.custody)
    chain.sleep(6 * DAY_S)
    for _ in range(20):
        receipt = world.custody.contribute(1, {"from": attacker})
    assert abs(receipt.events["Repaid"]["vests_until"] - first.timestamp - VESTING_S) <= 1


def test_contribute__nothing_behind_claims__revives_the_rate(world, benefactor):
    world.driver.book_shortfall(world.custody, 100 * WAD)
    world.repay(benefactor, 25 * world.unit)
    assert world.custody.redemption_rate() == 0
    chain.sleep(VESTING_S)
    chain.mine()
    assert world.custody.redemption_rate() == RAY // 4
    world.assert_reconciled()


def test_contribute__shortfall_while_vesting__is_healed_by_the_rest(world, trader, benefactor):
    world.deposit(trader, 100 * world.unit)
    world.repay(benefactor, 50 * world.unit)
    world.driver.book_shortfall(world.custody, 100 * WAD)
    chain.sleep(VESTING_S)
    chain.mine()
    vested_before = world.custody.fees_in_transit()
    assert world.custody.backing() + vested_before == 150 * WAD
    assert vested_before < WAD // 1_000
    world.assert_reconciled()


# --- fees ----------------------------------------------------------------------------------


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
