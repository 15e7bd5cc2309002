"""GuarantyFund and the waterfall's layers 2 and 5: who pays how much, in which order."""

from __future__ import annotations

import pytest

from tests.support.broker_world import DAY_S, NOBODY, STATES, UNIT, WAD
from tests.support.expect import reverts

BROKER, JUNIOR, SENIOR, FUND = range(4)  # places in the waterfall's arrays


@pytest.fixture
def members(world):
    """A, B and C with contributions of 50, 100 and 150."""
    vaults = []
    operators = (world.operator, world.other_operator, world.third_operator)
    for operator, tokens in zip(operators, (50, 100, 150), strict=True):
        world.set_fund(minimum=tokens)
        vaults.append(world.broker(operator, stake=1_000, pool=500))
    world.set_fund(minimum=50)
    # the junior and senior vault's dead deposit must not blur the sums
    for layer in (3, 4):
        world.send(world.deployer, world.waterfall, "set_limits", layer, (100_000, 10_000))
    return vaults


def open_fund(world):
    """All of the fund for one market and day."""
    world.send(world.deployer, world.waterfall, "set_limits", 5, (10**6, 10**6))


def reserve(world, account, tokens):
    world.send(world.liquidator, world.waterfall, "reserve", account, tokens * WAD, 0)
    return world.waterfall.read("reservation", account)


def draw(world, account, tokens):
    return world.waterfall.write(world.liquidator, "draw", account, tokens * WAD, 0, gas=12_000_000)


def parts(world, vault):
    return tuple(
        world.fund.read(name, vault.address) // UNIT for name in ("contribution", "assessment")
    )


def pay(world, vaults, account, beyond_vaults):
    """Have the fund pay so much for a loss of an account whose other layers are reserved too."""
    held = reserve(world, account, 10**6)
    lower = sum(held[:FUND])
    tokens = lower // WAD + beyond_vaults
    # the small vaults hold fractions: ask for what makes the fund's part whole
    world.send(
        world.liquidator, world.waterfall, "reserve", account, lower + beyond_vaults * WAD, 0
    )
    assert world.waterfall.read("reservation", account)[FUND] == beyond_vaults * WAD
    world.waterfall.write(
        world.liquidator, "draw", account, lower + beyond_vaults * WAD, 0, gas=12_000_000
    )
    world.assert_sound(*vaults)
    return tokens


# --- who pays ---------------------------------------------------------------------------------


def test_loss__own_stake_then_contributions_pro_rata(world, members):
    open_fund(world)
    account = world.sponsored(members[0], guarantee=100)
    pay(world, members, account, 320)
    assert [parts(world, vault) for vault in members] == [(0, 0), (12, 100), (18, 150)]
    assert world.state_of(members[0]) == STATES["FAILED"]
    assert world.fund.read("cost", members[0].address) == 220 * UNIT
    # half of the 500 that others had committed, less 220
    assert world.fund.read("room", members[0].address) == 30 * UNIT


def test_loss__assessments_only_after_all_contributions(world, members):
    open_fund(world)
    pay(world, members, world.account(world.other_client), 400)
    # 300 of contributions, then 100 of 300 assessments pro rata
    left = [parts(world, vault) for vault in members]
    assert left == [(0, 33), (0, 66), (0, 100)]
    committed = [vault.read("commitment") for vault in members]
    assert sum(committed) == 200 * UNIT
    for vault, assessment in zip(members, (50, 100, 150), strict=True):
        exact = assessment * UNIT * 2 / 3
        assert abs(vault.read("commitment") - exact) < 3


def test_loss__within_the_causes_own_stake__costs_nobody_else(world, members):
    open_fund(world)
    account = world.sponsored(members[0], guarantee=100)
    pay(world, members, account, 70)
    assert [parts(world, vault) for vault in members] == [(0, 30), (100, 100), (150, 150)]
    assert world.state_of(members[0]) == STATES["ACTIVE"]
    assert world.fund.read("cost", members[0].address) == 0


def test_loss__of_one_brokers_clients_is_bounded(world, members):
    open_fund(world)
    account = world.sponsored(members[0], guarantee=100)
    held = reserve(world, account, 10**6)
    # all of its own 100, half of the others' 500
    assert held[FUND] == 350 * WAD
    second = world.account(world.other_client)
    world.set_health(second, 600)
    # a second client of the same broker finds nothing left, an account without a broker does
    terms = world.terms(members[0], world.other_client, guarantee=100 * UNIT)
    world.agree(terms, world.other_client)
    assert reserve(world, second, 10**6)[FUND] == 0
    left = reserve(world, world.account(world.attacker), 10**6)[FUND]
    assert 0 <= 250 * WAD - left < 10**6  # rates of the rolling limit are rounded up
    world.send(world.liquidator, world.waterfall, "reserve", account, 0, 0)
    left = world.waterfall.read("preview", second, 10**24, 0)[FUND]
    assert 0 <= 350 * WAD - left < 10**6


def test_loss__costs_a_member_no_more_than_it_has_committed(world, members):
    open_fund(world)
    pay(world, members, world.account(world.other_client), 600)
    assert [parts(world, vault) for vault in members] == [(0, 0)] * 3
    for vault, tokens in zip(members, (100, 200, 300), strict=True):
        assert vault.read("stake") == (1_000 - tokens) * UNIT
        assert vault.read("totalAssets") == 500 * UNIT


def test_pay_loss__waterfall_only(world, members):
    for who in (world.operator, world.attacker, world.deployer):
        with reverts("access: not waterfall"):
            world.send(who, world.fund, "pay_loss", NOBODY, 1)


def test_pay_loss__above_assets__sends_what_there_is(world, members):
    waterfall = world.waterfall.address
    with world.rpc.impersonating(waterfall):
        world.rpc.set_balance(waterfall, 10**18)
        before = world.balance(world.custody.address)
        signer = type(world.deployer)(waterfall)
        assert world.fund.read("pay_loss", NOBODY, 700 * UNIT, sender=waterfall) == 600 * UNIT
        world.send(signer, world.fund, "pay_loss", NOBODY, 700 * UNIT)
    assert world.balance(world.custody.address) == before + 600 * UNIT
    assert world.fund.read("totalAssets") == 0
    world.assert_sound(*members)


# --- replenishing -----------------------------------------------------------------------------


def test_fill__completes_what_was_drawn_in_time(world, members):
    open_fund(world)
    pay(world, members, world.account(world.other_client), 400)
    vault = members[0]
    assert world.fund.read("due", vault.address) == world.now + 5 * DAY_S
    with reverts("access: not operator"):
        world.send(world.attacker, world.fund, "fill", vault.address)
    (event,) = world.send(world.operator, world.fund, "fill", vault.address)
    assert (event["contribution"], event["assessment"]) == (50 * UNIT, 50 * UNIT)
    assert world.fund.read("due", vault.address) == 0
    world.wait(6 * DAY_S)
    with reverts("fund: not overdue"):
        world.send(world.anybody, world.registry, "suspend", vault.address)
    world.assert_sound(*members)


def test_suspend__who_does_not_replenish(world, members):
    open_fund(world)
    pay(world, members, world.account(world.other_client), 400)
    vault = members[0]
    due = world.fund.read("due", vault.address)
    world.rpc.set_next_timestamp(due)
    with reverts("fund: not overdue"):
        world.send(world.anybody, world.registry, "suspend", vault.address)
    world.rpc.set_next_timestamp(due + 1)
    world.send(world.anybody, world.registry, "suspend", vault.address)
    assert world.state_of(vault) == STATES["SUSPENDED"]
    with reverts("broker: not active"):
        world.agree(world.terms(vault))
    with reverts("fund: contribution too low"):
        world.send(world.anybody, world.registry, "reinstate", vault.address)
    world.send(world.operator, world.fund, "fill", vault.address)
    world.send(world.anybody, world.registry, "reinstate", vault.address)
    assert world.state_of(vault) == STATES["ACTIVE"]


def test_fill__without_a_seat__reverts(world, members):
    opened = world.open_vault(world.operator)
    with reverts("fund: closed"):
        world.send(world.operator, world.fund, "fill", opened.address)
    world.send(world.operator, world.registry, "leave", members[0].address)
    with reverts("fund: closed"):
        world.send(world.operator, world.fund, "fill", members[0].address)


def test_release__registry_only(world, members):
    with reverts("access: not registry"):
        world.send(world.operator, world.fund, "release", members[0].address)


def test_leaving_member__still_pays(world, members):
    open_fund(world)
    world.send(world.operator, world.registry, "leave", members[0].address)
    pay(world, members, world.account(world.other_client), 300)
    assert [parts(world, vault)[0] for vault in members] == [0, 0, 0]


def test_failed_member__retires_when_nobody_is_left(world, members):
    open_fund(world)
    account = world.sponsored(members[0], guarantee=100)
    pay(world, members, account, 320)
    world.wait(7 * DAY_S + 1)
    world.send(world.anybody, world.registry, "retire", members[0].address)
    assert world.state_of(members[0]) == STATES["LEFT"]
    world.assert_sound(*members)


# --- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((0, 100_000, 0), "fund: bad minimum"),
        ((1, 9_999, 0), "fund: bad rate"),
        ((1, 500_001, 0), "fund: bad rate"),
        ((1, 100_000, 10**6 + 1), "fund: bad cause limit"),
    ],
)
def test_set_parameters__bounds(world, values, reason):
    with reverts("ownable: caller is not the owner"):
        world.send(world.attacker, world.fund, "set_parameters", 1, 10_000, 0)
    with reverts(reason):
        world.send(world.deployer, world.fund, "set_parameters", *values)


def test_required__the_larger_of_minimum_and_part_of_locks(world, vault):
    assert world.fund.read("required", vault.address) == 50 * UNIT
    world.sponsored(vault, guarantee=777)
    assert world.fund.read("required", vault.address) == 77_700_000


# --- layer 2 ----------------------------------------------------------------------------------


def test_layer_2__first_and_for_its_own_account_only(world, vault):
    account = world.sponsored(vault)
    held = reserve(world, account, 400)
    assert held == [400 * WAD, 0, 0, 0]
    assert not world.waterfall.read("exits_blocked")
    held = reserve(world, account, 501)
    assert held[BROKER] == 500 * WAD
    assert held[JUNIOR] > 0
    assert world.waterfall.read("reserved_total", 2) == 500 * WAD
    assert reserve(world, world.account(world.other_client), 1)[BROKER] == 0
    draw(world, account, 501)
    assert world.waterfall.read("reserved_total", 2) == 0
    assert world.waterfall.read("reservation", account) == [0, 0, 0, 0]
    assert world.sponsorship.read("broker_of", account) == NOBODY
    world.assert_sound(vault)


def test_layer_2__pool_pays_when_the_stake_is_gone(world):
    vault = world.broker(stake=400, pool=600)
    account = world.sponsored(vault, guarantee=700, fee_ppm=0)
    reserve(world, account, 700)
    draw(world, account, 700)
    assert vault.read("stake") == 0
    assert vault.read("totalAssets") == 300 * UNIT
    world.assert_sound(vault)


def test_events__broker_reservation(world, vault):
    account = world.sponsored(vault)
    events = world.send(world.liquidator, world.waterfall, "reserve", account, 7 * WAD, 0)
    assert [(event.name, event["broker"], event["fund"]) for event in events] == [
        ("BrokerReservationChanged", 7 * WAD, 0)
    ]
