"""InsuranceVault: counted assets, the way out, losses, and what is left after a wipe-out."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain, reverts
from brownie.exceptions import VirtualMachineError

from tests.support.custody_world import DAY_S, NOTICE_S, WAD, WINDOW_S, build_world

PAR = 10**6  # shares per token unit at par
MAX = 2**256 - 1
DEAD = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture(scope="module")
def deployer():
    return accounts[0]


@pytest.fixture(scope="module")
def saver():
    return accounts[1]


@pytest.fixture(scope="module")
def other_saver():
    return accounts[2]


@pytest.fixture(scope="module")
def attacker():
    return accounts[3]


@pytest.fixture(scope="module")
def world(TestToken, deployer):
    token = TestToken.deploy("Test dollar", "TUSD", 6, {"from": deployer})
    return build_world(token, deployer)


@pytest.fixture(scope="module")
def trick_world(TrickToken, deployer):
    return build_world(TrickToken.deploy({"from": deployer}), deployer)


@pytest.fixture(scope="module")
def vault(world):
    return world.senior


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


def deploy_vault(world, container, deployer, **changes):
    terms = {"custody": world.custody, "notice_s": NOTICE_S, "owner_only": False} | changes
    return container.deploy("Vault", "V", world.token, *terms.values(), {"from": deployer})


def request_and_wait(vault, who, shares, wait_s=NOTICE_S):
    receipt = vault.request_withdrawal(shares, {"from": who})
    chain.mine(timestamp=receipt.timestamp + wait_s)


def assert_counted(world, vault):
    """INV vault: assets equal the token balance; shares add up."""
    assert vault.totalAssets() == world.token.balanceOf(vault)
    holders = [*accounts[:6], DEAD]
    assert sum(vault.balanceOf(holder) for holder in holders) == vault.totalSupply()


def earn(world, trader, vault_tokens):
    """Let trading fees of so many token units reach the junior vault."""
    account = world.deposit(trader, vault_tokens)
    world.ledger.charge(account, vault_tokens * world.scale, 0, {"from": trader})
    world.custody.sweep_fees({"from": trader})


def earn_senior(world, trader, tokens):
    """Let insurance fees reach both vaults in equal parts (their assets must be equal)."""
    account = world.deposit(trader, 2 * tokens)
    world.ledger.charge(account, 0, 2 * tokens * world.scale, {"from": trader})
    world.custody.sweep_fees({"from": trader})


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


# --- leaving -------------------------------------------------------------------------------


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
    vault.request_withdrawal(shares, {"from": other_saver})
    vault.clear_lapsed(saver, {"from": other_saver})
    assert vault.requested_assets() == 100 * world.unit
    vault.request_withdrawal(0, {"from": other_saver})
    assert vault.requested_assets() == 0


# --- losses --------------------------------------------------------------------------------


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


def test_pay_loss__less_than_a_billionth_left__closes_the_generation(world, vault, saver):
    world.invest(vault, saver, 10_000 * world.unit)
    receipt = world.driver.pay_loss(vault, 10_001 * world.unit - 10)
    assert receipt.events["GenerationClosed"] == {
        "generation": 0,
        "shares": 10_001 * world.unit * PAR,
        "assets": 10,
    }
    assert vault.generation() == 1
    assert vault.balanceOf(saver) == 0
    assert vault.balanceOf(DEAD) == vault.totalSupply() == 10 * PAR
    assert_counted(world, vault)


def test_wipe_out__old_shares_are_cancelled_and_newcomers_start_at_par(
    world, vault, saver, other_saver
):
    shares = world.invest(vault, saver, 100 * world.unit)
    vault.request_withdrawal(shares, {"from": saver})
    world.driver.pay_loss(vault, 101 * world.unit)
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
