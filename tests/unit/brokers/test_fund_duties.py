"""GuarantyFund: until when a member must be complete again, who fails, and what stays reserved."""

from __future__ import annotations

import pytest

from tests.support.broker_world import DAY_S, PPM, STATES, UNIT, WAD
from tests.support.expect import reverts

FUND = 3  # place in the waterfall's arrays


@pytest.fixture
def members(world):
    """A, B and C with contributions of 50, 100 and 150; insurance vaults give next to nothing."""
    vaults = []
    operators = (world.operator, world.other_operator, world.third_operator)
    for operator, tokens in zip(operators, (50, 100, 150), strict=True):
        world.set_fund(minimum=tokens)
        vaults.append(world.broker(operator, stake=1_000, pool=500))
    world.set_fund(minimum=50)
    for layer, limits in ((3, (100_000, 10_000)), (4, (100_000, 10_000)), (5, (PPM, PPM))):
        world.send(world.deployer, world.waterfall, "set_limits", layer, limits)
    return vaults


def reserve(world, account, units):
    world.send(world.liquidator, world.waterfall, "reserve", account, units, 0)
    return world.waterfall.read("reservation", account)


def lose(world, account, units):
    """A loss that takes exactly so much from the fund."""
    lower = sum(reserve(world, account, 10**24)[:FUND])
    assert reserve(world, account, lower + units)[FUND] == units
    world.send(world.liquidator, world.waterfall, "draw", account, lower + units, 0)


def sponsored(world, vault, guarantee, owner=None):
    who = owner or world.client
    account = world.account(who)
    world.set_health(account, 10_000)
    world.agree(world.terms(vault, who, guarantee=guarantee * UNIT, fee_ppm=0), who)
    return account


@pytest.fixture
def stranger(world):
    return world.account(world.attacker)


# --- deadlines --------------------------------------------------------------------------------


def test_due__complete_again_without_filling__a_new_draw_gives_new_time(world, members, stranger):
    vault = members[0]
    sponsored(world, vault, 900)  # owes 90 and 90
    lose(world, stranger, 17 * WAD)
    assert world.fund.read("due", vault.address) == world.now + 5 * DAY_S
    world.send(world.client, world.sponsorship, "release", world.account(world.client))
    assert world.fund.read("is_filled", vault.address)
    assert world.fund.read("due", vault.address) == 0
    world.wait(100 * DAY_S)
    lose(world, stranger, 200 * WAD)
    assert world.fund.read("due", vault.address) == world.now + 5 * DAY_S
    with reverts("fund: not overdue"):
        world.send(world.anybody, world.registry, "suspend", vault.address)


def test_due__raised_minimum__binds_members_too(world, members):
    vault = members[0]
    world.set_fund(minimum=500)
    due = world.now + 5 * DAY_S
    assert world.fund.read("due", vault.address) == due
    world.rpc.set_next_timestamp(due)
    with reverts("fund: not overdue"):
        world.send(world.anybody, world.registry, "suspend", vault.address)
    world.rpc.set_next_timestamp(due + 1)
    world.send(world.anybody, world.registry, "suspend", vault.address)
    assert world.state_of(vault) == STATES["SUSPENDED"]


def test_minimum__has_a_hard_upper_bound(world):
    values = (100_000, 500_000)
    with reverts("fund: bad minimum"):
        world.send(world.deployer, world.fund, "set_parameters", 10**6 * UNIT + 1, *values)
    world.send(world.deployer, world.fund, "set_parameters", 10**6 * UNIT, *values)


def test_seat__nobody_fills_it__is_taken_back(world, members, stranger):
    lose(world, stranger, 600 * WAD)
    vault = members[0]
    world.wait(6 * DAY_S)
    world.send(world.anybody, world.registry, "suspend", vault.address)
    since = world.now
    world.rpc.set_next_timestamp(since + 30 * DAY_S - 1)
    with reverts("registry: too early"):
        world.send(world.anybody, world.registry, "retire", vault.address)
    world.rpc.set_next_timestamp(since + 30 * DAY_S)
    world.send(world.anybody, world.registry, "retire", vault.address)
    assert vault.address not in world.registry.read("members")
    world.assert_sound(*members)


# --- who fails --------------------------------------------------------------------------------


def test_failed__not_by_what_strangers_took(world, members, stranger):
    """Others pay for A's client no more than A has just paid for others."""
    vault = members[0]
    account = sponsored(world, vault, 100)
    lose(world, stranger, 600 * WAD)
    world.send(world.other_operator, world.fund, "fill", members[1].address)
    lose(world, account, 10**12)
    assert world.fund.read("cost", vault.address) == 1
    assert world.state_of(vault) == STATES["ACTIVE"]
    world.assert_sound(*members)


def test_failed__by_what_its_own_clients_took(world, members):
    vault = members[0]
    world.set_fund(minimum=50, cause_ppm=PPM)
    first = sponsored(world, vault, 100)
    second = sponsored(world, vault, 100, world.other_client)
    lose(world, first, vault.read("commitment") * 10**12)
    assert world.fund.read("cost", vault.address) == 0
    assert world.state_of(vault) == STATES["ACTIVE"]
    lose(world, second, 10**12)
    assert world.fund.read("cost", vault.address) == 1
    assert world.state_of(vault) == STATES["FAILED"]


# --- what is reserved -------------------------------------------------------------------------


def test_reservation__of_a_cause__survives_a_strangers_draw(world, members, stranger):
    account = sponsored(world, members[0], 100)
    held = reserve(world, account, 10**24)
    assert held[FUND] == 350 * WAD  # its own 100, and half of the others' 500
    other = sum(reserve(world, stranger, 10**24))
    world.send(world.liquidator, world.waterfall, "draw", stranger, other, 0)
    assert reserve(world, account, sum(held))[FUND] >= 349 * WAD


def test_guarantee__fits_its_field_of_a_reservation(world, vault):
    bound = 2**104 // 10**12
    world.set_health(world.account(world.client), 600)
    with reverts("guarantee: too large"):
        world.agree(world.terms(vault, guarantee=bound))
    with reverts("vault: above client limit"):
        world.agree(world.terms(vault, guarantee=bound - 1))


# --- a full house -----------------------------------------------------------------------------


def test_draw__on_thirty_two_members__fits_into_a_block(world, stranger):
    vaults = [world.broker(stake=200, pool=100) for _ in range(32)]
    world.send(world.deployer, world.waterfall, "set_limits", 5, (PPM, PPM))
    held = reserve(world, stranger, 10**24)
    assert held[FUND] == 3_200 * WAD
    args = ("draw", stranger, sum(held), 0)
    receipt = world.waterfall.write(world.liquidator, *args, gas=30_000_000)
    # a sixth of a block, so that a resolve with its buckets fits as well
    assert int(receipt["gasUsed"], 16) < 5_000_000
    assert len(world.fund.events(receipt)) == 32
    assert sum(vault.read("commitment") for vault in vaults) == 0
    world.assert_sound(*vaults)


# --- claims worth less than par ---------------------------------------------------------------


@pytest.mark.parametrize(("rate_percent", "paid"), [(100, 200), (80, 160), (33, 66)])
def test_lock__pays_what_claims_are_worth_and_frees_the_rest(world, rate_percent, paid):
    """x claims cost x * rho tokens; rho stays, nothing is lost, nothing is paid twice."""
    vault, other = world.broker(), world.broker(world.other_operator)
    # 800 claims on 800 tokens, from a loss that was paid at par
    loser = world.account(world.other_client)
    terms = world.terms(other, world.other_client, guarantee=800 * UNIT, fee_ppm=0)
    world.agree(terms, world.other_client, world.other_operator)
    reserve(world, loser, 800 * WAD)
    world.send(world.liquidator, world.waterfall, "draw", loser, 800 * WAD, 0)
    shortfall = 800 * WAD * 100 // rate_percent - 800 * WAD
    if shortfall:
        world.send(world.liquidator, world.custody, "book_shortfall", shortfall)
    account = world.sponsored(vault, fee_ppm=0)
    before = world.custody.read("backing"), world.custody.read("claims")
    assert reserve(world, account, 200 * WAD) == [200 * WAD, 0, 0, 0]
    world.send(world.liquidator, world.waterfall, "draw", account, 200 * WAD, 0)
    backing, claims = world.custody.read("backing"), world.custody.read("claims")
    spent = 1_000 * UNIT - vault.read("stake")
    assert spent == pytest.approx(paid * UNIT, abs=1)
    # what left the stake is what came in, and stands behind the claims it was drawn for
    assert backing - before[0] == spent * 10**12
    assert 200 * WAD <= claims - before[1] <= 200 * WAD + 4 * 10**12
    assert backing * before[1] == pytest.approx(before[0] * claims, rel=1e-9)
    assert vault.read("client_locks") == vault.read("locks", account) == 0
    assert world.sponsorship.read("guaranteed", account) == 0
    world.assert_sound(vault, other)


def test_lock__claims_worth_nothing__pays_nothing_and_stays(world, vault):
    """At rho = 0 a claim costs no token: the guarantee is not used up by it."""
    account = world.sponsored(vault, fee_ppm=0)
    world.send(world.liquidator, world.custody, "book_shortfall", WAD)
    assert world.custody.read("redemption_rate") == 0
    reserve(world, account, 200 * WAD)
    world.send(world.liquidator, world.waterfall, "draw", account, 200 * WAD, 0)
    assert vault.read("stake") == 1_000 * UNIT
    assert vault.read("locks", account) == 500 * UNIT
    world.assert_sound(vault)
