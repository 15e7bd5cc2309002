"""Every function that changes something, called by everybody: who may, and what the others hear.

Each is tried in a scene in which the call is possible; what each state refuses is in
test_refusals_by_state.py.
"""

from __future__ import annotations

import pytest

from tests.support.broker_refusals import ARGUMENTS, Scene, changing_functions
from tests.support.broker_world import DAY_S, UNIT, undone

EVERYBODY = ""
NO_OPERATOR = "access: not operator"
NO_FUND = "access: not fund"
NO_SPONSORSHIP = "access: not sponsorship"
NO_WATERFALL = "access: not waterfall"
NO_ALLOWANCE = "erc20: insufficient allowance"
NO_OWNER = "ownable: caller is not the owner"
NO_CREDIT = "credit: only owner"
NOT_GIVEN = "consent: not given"

# function, scene, what everybody hears, but for those who are allowed
ROWS = [
    ("registry.wire", "covered", "wire: only deployer", {"owner": "wire: already done"}),
    ("registry.open_vault", "covered", EVERYBODY, ()),
    ("registry.join", "opened", NO_OPERATOR, ("operator",)),
    ("registry.suspend", "overdue", EVERYBODY, ()),
    ("registry.reinstate", "filled again", EVERYBODY, ()),
    ("registry.fail", "covered", NO_FUND, ("fund",)),
    ("registry.leave", "covered", NO_OPERATOR, ("operator",)),
    ("registry.retire", "left a week ago", EVERYBODY, ()),
    # depositors
    ("vault.deposit", "covered", EVERYBODY, {"vault": "vault: fee on transfer"}),
    ("vault.mint", "covered", EVERYBODY, {"vault": "vault: fee on transfer"}),
    ("vault.withdraw", "covered", NO_ALLOWANCE, ("depositor",)),
    ("vault.withdraw/own", "covered", "vault: not requested in time", ("depositor",)),
    ("vault.redeem", "covered", NO_ALLOWANCE, ("depositor",)),
    ("vault.approve", "covered", EVERYBODY, ()),
    ("vault.transfer", "covered", "vault: shares locked", ("depositor",)),
    ("vault.transferFrom", "covered", NO_ALLOWANCE, ()),
    ("vault.transferFrom", "agent allowed", NO_ALLOWANCE, ("agent",)),
    ("vault.permit", "covered", "erc20: invalid signature", ()),
    ("vault.request_withdrawal", "covered", "vault: shares above balance", ("depositor",)),
    ("vault.clear_lapsed", "covered", EVERYBODY, ()),
    # the operator's stake
    ("vault.add_stake", "covered", NO_OPERATOR, ("operator",)),
    ("vault.request_stake", "covered", NO_OPERATOR, ("operator",)),
    ("vault.withdraw_stake", "covered", NO_OPERATOR, ("operator",)),
    # what contracts ask of a vault
    ("vault.lock", "covered", NO_SPONSORSHIP, ("sponsorship",)),
    ("vault.unlock", "covered", NO_SPONSORSHIP, ("sponsorship",)),
    ("vault.pay_loss", "covered", NO_SPONSORSHIP, ("sponsorship",)),
    ("vault.receive_fee", "covered", NO_SPONSORSHIP, ("sponsorship",)),
    ("vault.commit", "covered", NO_FUND, ("fund",)),
    ("vault.uncommit", "covered", NO_FUND, ("fund",)),
    ("vault.pay_commitment", "covered", NO_FUND, ("fund",)),
    # guarantees
    ("sponsorship.sponsor/both", "covered", EVERYBODY, ()),
    ("sponsorship.sponsor/operator", "covered", NOT_GIVEN, ("client",)),
    ("sponsorship.sponsor/client", "covered", NOT_GIVEN, ("operator",)),
    ("sponsorship.sponsor/nobody", "covered", NOT_GIVEN, ()),
    ("sponsorship.port/both", "leaving", EVERYBODY, ()),
    ("sponsorship.port/operator", "leaving", NOT_GIVEN, ("client",)),
    ("sponsorship.port/client", "leaving", NOT_GIVEN, ("other operator",)),
    ("sponsorship.port/nobody", "leaving", NOT_GIVEN, ()),
    ("sponsorship.revoke", "covered", "access: no party", ("client", "operator")),
    ("sponsorship.release", "covered", "access: not account owner", ("client",)),
    ("sponsorship.release", "expired", EVERYBODY, ()),
    ("sponsorship.pay_loss", "covered", NO_WATERFALL, ("waterfall",)),
    # margin calls
    ("sponsorship.call", "below buffer", EVERYBODY, ()),
    ("sponsorship.cure", "restored", EVERYBODY, ()),
    ("sponsorship.count_stops", "called", EVERYBODY, ()),
    ("sponsorship.declare_default", "past deadline", EVERYBODY, ()),
    ("sponsorship.start_early", "far below", NO_OPERATOR, ("operator",)),
    ("sponsorship.measure", "covered", EVERYBODY, ()),
    # guaranty fund
    ("fund.set_parameters", "covered", NO_OWNER, ("owner",)),
    ("fund.transfer_ownership", "covered", NO_OWNER, ("owner",)),
    ("fund.fill", "covered", NO_OPERATOR, ("operator", "registry", "sponsorship")),
    ("fund.release", "covered", "access: not registry", ("registry",)),
    ("fund.pay_loss", "covered", NO_WATERFALL, ("waterfall",)),
    # tokens
    ("escrow.hold", "covered", EVERYBODY, ()),
    ("escrow.pay", "covered", "escrow: above balance", ("vault",)),
    # credit from outside
    ("credit.run", "covered", NO_CREDIT, {"client": "?"}),
    ("credit.onFlashLoan", "covered", "credit: unknown lender", ()),
    ("credit.sweep", "covered", NO_CREDIT, ("client",)),
]


# --- scenes --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def covered(deployed):
    """A client is covered, depositors and operator may leave."""
    with undone(deployed) as world:
        scene = Scene.new(world)
        scene.prepare_exits()
        scene.open_exits()
        scene.sponsor()
        scene.fund_everybody()
        yield scene


def opened(scene):
    scene.vault = scene.world.open_vault(scene.world.operator)
    scene.world.stake(scene.vault, 1_000)


def overdue(scene):
    scene.draw_fund(30)
    scene.world.wait(5 * DAY_S + 1)


def filled_again(scene):
    overdue(scene)
    world = scene.world
    world.send(world.anybody, world.registry, "suspend", scene.vault.address)
    world.send(world.operator, world.fund, "fill", scene.vault.address)


def leaving(scene):
    scene.world.send(scene.world.operator, scene.world.registry, "leave", scene.vault.address)


def left_a_week_ago(scene):
    world = scene.world
    world.send(world.client, world.sponsorship, "release", scene.account)
    leaving(scene)
    world.wait(7 * DAY_S)


def agent_allowed(scene):
    agent = scene.actors["agent"]
    scene.world.send(scene.world.depositor, scene.vault, "approve", agent, UNIT)


def expired(scene):
    scene.world.wait(366 * DAY_S)


def below_buffer(scene):
    scene.world.set_health(scene.account, 400, mm=490, im=980)


def called(scene):
    below_buffer(scene)
    scene.world.send(scene.world.anybody, scene.world.sponsorship, "call", scene.account)


def restored(scene):
    called(scene)
    scene.world.set_health(scene.account, 613, mm=490, im=980)


def past_deadline(scene):
    called(scene)
    scene.world.wait(DAY_S)


def far_below(scene):
    called(scene)
    scene.world.set_health(scene.account, 200, mm=490, im=980)


SCENES = {
    "covered": lambda scene: None,
    "opened": opened,
    "overdue": overdue,
    "filled again": filled_again,
    "leaving": leaving,
    "left a week ago": left_a_week_ago,
    "agent allowed": agent_allowed,
    "expired": expired,
    "below buffer": below_buffer,
    "called": called,
    "restored": restored,
    "past deadline": past_deadline,
    "far below": far_below,
}


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "scene", "refusal", "allowed"), ROWS, ids=[f"{row[0]}, {row[1]}" for row in ROWS]
)
def test_every_actor(covered, function, scene, refusal, allowed):
    but = allowed if isinstance(allowed, dict) else dict.fromkeys(allowed, EVERYBODY)
    here = Scene(**vars(covered))
    with here.world.rpc.undone():
        SCENES[scene](here)
        outcomes = {actor: here.outcome(function, actor) for actor in here.actors}
    assert but.keys() <= outcomes.keys()
    assert outcomes == {actor: but.get(actor, refusal) for actor in outcomes}


def test_every_function_has_a_row():
    assert {row[0].split("/")[0] for row in ROWS} == changing_functions()
    assert {row[0] for row in ROWS} == ARGUMENTS.keys()
