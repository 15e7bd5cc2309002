"""Custody: the redemption rate after draws, shortfalls and repayments, to the wei."""

from __future__ import annotations

from brownie import chain, reverts

from tests.support.custody_world import DAY_S, RAY, VESTING_S, WAD, fall_to, rate

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
