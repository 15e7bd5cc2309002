"""BrokerRegistry: vaults, seats, and the way out."""

from __future__ import annotations

import pytest

from tests.support.broker_world import DAY_S, NOBODY, NOTICE_S, PPM, STATES, TERMS, UNIT
from tests.support.expect import reverts


def test_open_vault__names_its_operator_and_terms(world):
    vault = world.open_vault(world.operator)
    assert vault.read("operator") == world.operator.address
    assert world.registry.read("operator_of", vault.address) == world.operator.address
    assert vault.read("terms") == TERMS
    assert vault.read("notice_s") == NOTICE_S
    assert vault.read("asset") == world.token.address
    assert vault.read("REGISTRY") == world.registry.address
    assert vault.read("SPONSORSHIP") == world.sponsorship.address
    assert vault.read("FUND") == world.fund.address
    assert vault.read("WATERFALL") == world.waterfall.address
    assert vault.read("CUSTODY") == world.custody.address
    assert vault.read("ESCROW") == world.escrow.address
    assert world.state_of(vault) == STATES["OPENED"]
    assert not world.registry.read("is_active", vault.address)
    assert world.registry.read("takes_deposits", vault.address)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"omega_ppm": PPM - 1}, "broker: bad omega"),
        ({"omega_ppm": 10 * PPM + 1}, "broker: bad omega"),
        ({"first_loss_ppm": 49_999}, "broker: bad first loss"),
        ({"first_loss_ppm": PPM + 1}, "broker: bad first loss"),
        ({"client_ppm": 9_999}, "broker: bad client limit"),
        ({"client_ppm": PPM + 1}, "broker: bad client limit"),
        ({"commission_ppm": 500_001}, "broker: commission too high"),
        ({"notice_s": 7 * DAY_S - 1}, "broker: bad notice"),
        ({"notice_s": 60 * DAY_S + 1}, "broker: bad notice"),
    ],
)
def test_open_vault__terms_out_of_bounds__reverts(world, changes, reason):
    with reverts(reason):
        world.open_vault(world.operator, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"omega_ppm": 10 * PPM, "first_loss_ppm": 50_000, "client_ppm": 10_000},
        {"commission_ppm": 500_000, "notice_s": 60 * DAY_S, "omega_ppm": PPM},
    ],
)
def test_open_vault__terms_at_the_bounds__are_fine(world, changes):
    assert world.open_vault(world.operator, **changes).read("terms") == TERMS | changes


def test_wire__once_by_the_deployer(world):
    registry = world.deploy(
        "BrokerRegistry",
        world.token.address,
        world.custody.address,
        world.escrow.address,
        world.blueprint(),
    )
    names = (world.sponsorship.address, world.fund.address, world.waterfall.address)
    terms = tuple(TERMS.values())
    with reverts("registry: not wired"):
        world.send(world.operator, registry, "open_vault", "Broker", "BRK", terms)
    with reverts("wire: only deployer"):
        world.send(world.attacker, registry, "wire", *names)
    for missing in range(3):
        given = [NOBODY if i == missing else name for i, name in enumerate(names)]
        with reverts("wire: zero address"):
            world.send(world.deployer, registry, "wire", *given)
    world.send(world.deployer, registry, "wire", *names)
    with reverts("wire: already done"):
        world.send(world.deployer, registry, "wire", *names)


def test_join__locks_contribution_and_assessment(world):
    vault = world.open_vault(world.operator)
    world.stake(vault, 100)
    events = world.send(world.operator, world.registry, "join", vault.address)
    assert [event.name for event in events] == ["StateChanged"]
    assert world.state_of(vault) == STATES["ACTIVE"]
    assert world.registry.read("members") == [vault.address]
    assert world.fund.read("contribution", vault.address) == 50 * UNIT
    assert world.fund.read("assessment", vault.address) == 50 * UNIT
    assert vault.read("commitment") == 100 * UNIT
    assert vault.read("free_assets") == 0
    world.assert_sound(vault)


def test_join__a_token_short__reverts(world):
    vault = world.open_vault(world.operator)
    world.stake(vault, 99)
    with reverts("vault: capital locked"):
        world.send(world.operator, world.registry, "join", vault.address)


def test_join__somebody_else_or_twice__reverts(world, vault):
    with reverts("registry: not open"):
        world.send(world.operator, world.registry, "join", vault.address)
    with reverts("registry: not open"):
        world.send(world.operator, world.registry, "join", world.token.address)
    other = world.open_vault(world.other_operator)
    with reverts("access: not operator"):
        world.send(world.operator, world.registry, "join", other.address)


def test_join__thirty_two_seats(world):
    for _ in range(32):
        world.broker(stake=100, pool=0)
    assert len(world.registry.read("members")) == 32
    late = world.open_vault(world.operator)
    world.stake(late, 100)
    with reverts("registry: no seat"):
        world.send(world.operator, world.registry, "join", late.address)


def test_leave_and_retire__free_the_commitment(world, vault):
    other = world.broker(world.other_operator, stake=100, pool=0)
    with reverts("access: not operator"):
        world.send(world.attacker, world.registry, "leave", vault.address)
    with reverts("registry: not leaving"):
        world.send(world.anybody, world.registry, "retire", vault.address)
    world.send(world.operator, world.registry, "leave", vault.address)
    began = world.now
    assert world.state_of(vault) == STATES["LEAVING"]
    with reverts("registry: no member"):
        world.send(world.operator, world.registry, "leave", vault.address)
    world.rpc.set_next_timestamp(began + 7 * DAY_S - 1)
    with reverts("registry: too early"):
        world.send(world.anybody, world.registry, "retire", vault.address)
    world.rpc.set_next_timestamp(began + 7 * DAY_S)
    world.send(world.anybody, world.registry, "retire", vault.address)
    assert world.state_of(vault) == STATES["LEFT"]
    assert world.registry.read("members") == [other.address]
    assert vault.read("commitment") == 0
    assert vault.read("free_assets") == 2_000 * UNIT
    assert not world.registry.read("takes_deposits", vault.address)
    world.assert_sound(vault, other)


def test_retire__while_it_sponsors__reverts(world, vault):
    account = world.sponsored(vault)
    world.send(world.operator, world.registry, "leave", vault.address)
    world.wait(8 * DAY_S)
    with reverts("registry: sponsors clients"):
        world.send(world.anybody, world.registry, "retire", vault.address)
    world.send(world.client, world.sponsorship, "release", account)
    world.send(world.anybody, world.registry, "retire", vault.address)


def test_retire__while_a_loss_waits__reverts(world, vault):
    world.send(world.operator, world.registry, "leave", vault.address)
    world.wait(8 * DAY_S)
    loser = world.account(world.other_client)
    world.send(world.liquidator, world.waterfall, "reserve", loser, UNIT, 0)
    with reverts("registry: loss pending"):
        world.send(world.anybody, world.registry, "retire", vault.address)
    world.send(world.liquidator, world.waterfall, "reserve", loser, 0, 0)
    world.send(world.anybody, world.registry, "retire", vault.address)


def test_suspend__only_when_overdue(world, vault):
    with reverts("fund: not overdue"):
        world.send(world.anybody, world.registry, "suspend", vault.address)
    with reverts("registry: not suspended"):
        world.send(world.anybody, world.registry, "reinstate", vault.address)
    opened = world.open_vault(world.other_operator)
    with reverts("registry: not active"):
        world.send(world.anybody, world.registry, "suspend", opened.address)


def test_fail__fund_only(world, vault):
    with reverts("access: not fund"):
        world.send(world.attacker, world.registry, "fail", vault.address)
