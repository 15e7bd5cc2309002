"""What each state of a broker, and of a margin call, refuses: one column per state.

Each function is called by the one who may; who else may is in test_refusals_by_actor.py.
"""

from __future__ import annotations

import pytest

from tests.support.broker_refusals import Scene
from tests.support.broker_world import BTC, CURE_S, DAY_S, STATES

# --- states of a broker ------------------------------------------------------------------------

WHO = {
    "registry.join": "operator",
    "registry.leave": "operator",
    "registry.fail": "fund",
    "vault.deposit": "depositor",
    "vault.mint": "depositor",
    "vault.withdraw": "depositor",
    "vault.redeem": "depositor",
    "vault.request_withdrawal": "depositor",
    "vault.add_stake": "operator",
    "vault.request_stake": "operator",
    "vault.withdraw_stake": "operator",
    "sponsorship.release": "client",
    "sponsorship.pay_loss": "waterfall",
    "sponsorship.revoke": "operator",
    "sponsorship.start_early": "operator",
    "fund.fill": "operator",
}
"""Who calls; the others are called by anybody."""

COLUMNS = ("OPENED", "ACTIVE", "SUSPENDED", "FAILED", "LEAVING", "LEFT")
NOT_OPEN = "registry: not open"
NO_MEMBER = "registry: no member"
NOT_ACTIVE = "registry: not active"
NOT_SUSPENDED = "registry: not suspended"
NOT_LEAVING = "registry: not leaving"
CLIENTS = "registry: sponsors clients"
CLOSED = "vault: closed"
NO_BROKER = "sponsor: no broker"
NOBODYS = "port: no broker"
DEAD = "broker: not active"
SHUT = "fund: closed"
ALL = ("",) * 6

# the account is a client from ACTIVE to LEAVING
BROKERS = {
    "registry.join": ("", *(NOT_OPEN,) * 5),
    "registry.suspend": (NOT_ACTIVE, "fund: not overdue", *(NOT_ACTIVE,) * 4),
    "registry.reinstate": (NOT_SUSPENDED, NOT_SUSPENDED, "", *(NOT_SUSPENDED,) * 3),
    "registry.fail": ALL,
    "registry.leave": (NO_MEMBER, "", "", *(NO_MEMBER,) * 3),
    "registry.retire": (NOT_LEAVING, NOT_LEAVING, NOT_LEAVING, CLIENTS, CLIENTS, NOT_LEAVING),
    "vault.deposit": ("", "", "", CLOSED, CLOSED, CLOSED),
    "vault.mint": ("", "", "", CLOSED, CLOSED, CLOSED),
    "vault.withdraw": ALL,
    "vault.redeem": ALL,
    "vault.request_withdrawal": ALL,
    "vault.add_stake": ALL,
    "vault.request_stake": ALL,
    "vault.withdraw_stake": ALL,
    "sponsorship.sponsor/both": (DEAD, "", *(DEAD,) * 4),
    "sponsorship.port/both": (NOBODYS, "port: not open", "", "", "", NOBODYS),
    "sponsorship.release": (NO_BROKER, "", "", "", "", NO_BROKER),
    "sponsorship.pay_loss": (NO_BROKER, "", "", "", "", NO_BROKER),
    "sponsorship.measure": (NO_BROKER, "", "", "", "", NO_BROKER),
    "sponsorship.revoke": ALL,
    "fund.fill": (SHUT, "", "", SHUT, SHUT, SHUT),
}


def opened(scene):
    """The same capital in a vault that has not joined."""
    scene.vault = scene.world.open_vault(scene.world.operator)
    scene.world.stake(scene.vault, 1_000)
    scene.world.invest(scene.vault, scene.world.depositor, 1_000)


def reach(scene, state):
    """A broker in that state, who may leave free to do so, its client above all margins."""
    world = scene.world
    if state == "OPENED":
        opened(scene)
    else:
        scene.sponsor()
    scene.prepare_exits()
    tell = (world.operator, world.registry)
    if state == "SUSPENDED":
        scene.draw_fund(30)
        world.wait(5 * DAY_S + 1)
        world.send(*tell, "suspend", scene.vault.address)
        world.send(world.operator, world.fund, "fill", scene.vault.address)
        world.wait(2 * DAY_S)
    elif state == "FAILED":
        fund = scene.acting(world.fund.address)
        world.send(fund, world.registry, "fail", scene.vault.address)
    elif state in ("LEAVING", "LEFT"):
        world.send(*tell, "leave", scene.vault.address)
    if state != "SUSPENDED":
        scene.open_exits()
    if state == "LEFT":
        world.send(world.client, world.sponsorship, "release", scene.account)
        world.send(*tell, "retire", scene.vault.address)
    scene.fund_everybody()
    assert world.state_of(scene.vault) == STATES[state]


@pytest.mark.parametrize("state", COLUMNS)
def test_every_state_of_a_broker(world, state):
    scene = Scene.new(world)
    reach(scene, state)
    column = COLUMNS.index(state)
    found = {function: outcome(scene, function) for function in BROKERS}
    assert found == {function: outcomes[column] for function, outcomes in BROKERS.items()}


def outcome(scene, function):
    return scene.outcome(function, WHO.get(function, "keeper"))


# --- states of a margin call ----------------------------------------------------------------------

UNDER = "account: under liquidation"
OPEN = "sponsor: margin call open"
NOT_CALLED = "call: not open"
ABOVE = "call: above buffer"
BELOW = "sponsor: client below buffer"
NEEDS = "release: needs guarantee"
ALREADY = "call: already open"
STOPPED = "call: clock stopped"
EXPIRED = "call: expired"
NOT_DUE = "call: not due"
PORTABLE = "port: not open"  # its broker is active: nobody gets that far in another way

# sponsor is a renewal; release is the owner's
FUNCTIONS = (
    "sponsorship.sponsor/both",
    "sponsorship.port/both",
    "sponsorship.release",
    "sponsorship.pay_loss",
    "sponsorship.call",
    "sponsorship.cure",
    "sponsorship.declare_default",
    "sponsorship.start_early",
    "sponsorship.measure",
    "sponsorship.count_stops",
)
LIVE = ("", "")  # measure and count_stops go through whenever there is a guarantee
CALLS = {
    "no broker": (BELOW, NOBODYS, *(NO_BROKER,) * 3, *(NOT_CALLED,) * 2, *(NO_BROKER,) * 2, ""),
    "above all": ("", PORTABLE, "", "", ABOVE, *(NOT_CALLED,) * 3, *LIVE),
    "below buffer": (BELOW, PORTABLE, NEEDS, "", "", *(NOT_CALLED,) * 3, *LIVE),
    "called": (OPEN, PORTABLE, OPEN, "", ALREADY, "call: not cured", NOT_DUE, "", *LIVE),
    "met": (OPEN, PORTABLE, OPEN, "", ALREADY, "", NOT_DUE, "call: above early start", *LIVE),
    "late": (OPEN, PORTABLE, OPEN, "", ALREADY, "call: deadline passed", "", "", *LIVE),
    "late, no price": (OPEN, PORTABLE, OPEN, "", ALREADY, STOPPED, NOT_DUE, STOPPED, *LIVE),
    "defaulted": (BELOW, PORTABLE, NEEDS, "", "call: defaulted", *(NOT_CALLED,) * 3, *LIVE),
    "expired": (BELOW, PORTABLE, NEEDS, "", EXPIRED, *(NOT_CALLED,) * 3, *LIVE),
    "expired a week ago": (BELOW, PORTABLE, "", "", EXPIRED, *(NOT_CALLED,) * 3, *LIVE),
    "started": (UNDER, UNDER, UNDER, "", UNDER, *(NOT_CALLED,) * 3, *LIVE),
    "called, started": (UNDER, UNDER, UNDER, "", ALREADY, UNDER, NOT_DUE, "", *LIVE),
    "no price": ("sponsor: no price", PORTABLE, NEEDS, "", ABOVE, *(NOT_CALLED,) * 3, *LIVE),
}


def bring(scene, state):
    """The client's account into that state."""
    world, account = scene.world, scene.account
    keeper = (world.anybody, world.sponsorship)
    world.set_health(account, 2_000)
    if state == "no broker":
        world.set_health(account, 200, mm=490, im=980)
        return
    scene.sponsor()
    world.set_leg(account, 10_000, market=BTC)
    world.send(world.anybody, world.ledger, "set_stop", BTC, 0, 0, True)
    if state in ("above all", "no price"):
        world.set_health(account, 2_000, mm=490, im=980)
    elif state == "expired a week ago":
        world.wait(373 * DAY_S)
        world.set_health(account, 500, mm=490, im=980)
    else:
        world.set_health(account, 200, mm=490, im=980)
    if state in ("called", "met", "late", "late, no price", "defaulted", "called, started"):
        world.send(*keeper, "call", account)
    if state == "met":
        world.set_health(account, 613, mm=490, im=980)
    if state == "late, no price":
        world.send(world.anybody, world.ledger, "set_stop", BTC, world.now, 0, False)
        world.set_priced(account, False)
    if state in ("late", "late, no price", "defaulted"):
        world.wait(CURE_S + 1)
    if state == "defaulted":
        world.send(*keeper, "declare_default", account)
    if state == "expired":
        world.wait(366 * DAY_S)
    if state == "no price":
        world.set_priced(account, False)
    if state in ("started", "called, started"):
        world.set_started(account)


@pytest.mark.parametrize("state", CALLS)
def test_every_state_of_a_call(world, state):
    scene = Scene.new(world)
    bring(scene, state)
    scene.fund_everybody()
    found = {function: outcome(scene, function) for function in FUNCTIONS}
    assert found == dict(zip(FUNCTIONS, CALLS[state], strict=True))
