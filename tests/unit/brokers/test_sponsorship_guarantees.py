"""Sponsorship: guarantees come into force, are renewed, released, ported and paid."""

from __future__ import annotations

from tests.support.broker_world import (
    BUFFER_PPM,
    CURE_S,
    DAY_S,
    DEFAULTED,
    HOUR_S,
    NOBODY,
    STATES,
    UNIT,
    WAD,
)
from tests.support.expect import reverts

NONE = {"amount": 0, "opening_until": 0, "shield_until": 0, "buffer_ppm": 0}


def release(world, account, who=None):
    return world.send(who or world.client, world.sponsorship, "release", account)


# --- sponsor ----------------------------------------------------------------------------------


def test_sponsor__locks_capital_and_tells_the_ledger(world, vault):
    account = world.account(world.client)
    terms = world.terms(vault)
    (event,) = world.agree(terms)
    assert event.name == "GuaranteeAgreed"
    assert (event["account"], event["broker"]) == (account, vault.address.lower())
    assert (event["guarantee"], bytes(event["digest"])) == (500 * UNIT, world.domain.digest(terms))
    assert vault.read("locks", account) == vault.read("client_locks") == 500 * UNIT
    assert world.guarantee(account) == {
        "amount": 500 * WAD,
        "opening_until": terms.expiry - CURE_S - 2 * HOUR_S,
        "shield_until": terms.expiry,
        "buffer_ppm": BUFFER_PPM,
    }
    assert world.sponsorship.read("guaranteed", account) == 500 * WAD
    assert world.sponsorship.read("clients", vault.address, 0, 64) == [account]
    world.assert_sound(vault)


def test_sponsor__raises_the_contribution_with_the_locks(world, vault):
    world.agree(world.terms(vault, guarantee=900 * UNIT))
    assert world.fund.read("contribution", vault.address) == 90 * UNIT
    assert world.fund.read("assessment", vault.address) == 90 * UNIT
    assert vault.read("free_assets") == (2_000 - 900 - 180) * UNIT
    world.assert_sound(vault)


def test_sponsor__contribution_not_free__reverts(world, vault):
    # 1,700 and twice 170 are more than there is
    with reverts("vault: capital locked"):
        world.agree(world.terms(vault, guarantee=1_700 * UNIT))


def test_sponsor__under_liquidation__reverts(world, vault):
    world.set_started(world.account(world.client))
    with reverts("account: under liquidation"):
        world.agree(world.terms(vault))


def test_sponsor__client_below_its_buffer__reverts(world, vault):
    account = world.account(world.client)
    world.set_health(account, 599.999999, mm=500, im=1_000)
    with reverts("sponsor: client below buffer"):
        world.agree(world.terms(vault))
    world.set_health(account, -0.000001)
    with reverts("sponsor: client below buffer"):
        world.agree(world.terms(vault))
    world.set_health(account, 600, mm=500, im=1_000)
    world.agree(world.terms(vault))


def test_sponsor__second_broker__reverts(world, vault):
    world.sponsored(vault)
    other = world.broker(world.other_operator)
    with reverts("sponsor: has a broker"):
        world.agree(world.terms(other), operator=world.other_operator)


def test_sponsor__renewal_is_never_less(world, vault):
    account = world.sponsored(vault)
    expiry = world.sponsorship.read("sponsorship", account)["expiry"]
    for changes in ({"guarantee": 500 * UNIT - 1}, {"expiry": expiry - 1}):
        with reverts("sponsor: lowers guarantee"):
            world.agree(world.terms(vault, **({"expiry": expiry} | changes)))
    world.agree(world.terms(vault, guarantee=600 * UNIT, expiry=expiry, buffer_ppm=300_000))
    assert vault.read("client_locks") == 600 * UNIT
    assert world.guarantee(account)["buffer_ppm"] == 300_000
    assert world.sponsorship.read("client_count", vault.address) == 1
    world.assert_sound(vault)


def test_sponsor__renewal_during_a_call__reverts(world, vault):
    account = world.call_for_margin(vault)
    world.set_health(account, 10_000, mm=490, im=980)
    with reverts("sponsor: margin call open"):
        world.agree(world.terms(vault))


# --- release ----------------------------------------------------------------------------------


def test_release__when_initial_margin_needs_no_guarantee(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, 999.999999, mm=500, im=1_000)
    with reverts("release: needs guarantee"):
        release(world, account)
    world.set_health(account, 1_000, mm=500, im=1_000)
    with reverts("access: not account owner"):
        release(world, account, world.operator)
    (event,) = release(world, account)
    assert event.name == "Released"
    assert event["tokens"] == 500 * UNIT
    assert world.guarantee(account) == NONE
    assert world.sponsorship.read("broker_of", account) == NOBODY
    assert vault.read("client_locks") == 0
    with reverts("sponsor: no broker"):
        release(world, account)
    world.assert_sound(vault)


def test_release__flat_without_debt(world, vault):
    account = world.sponsored(vault)
    world.set_health(account, -0.000001)
    with reverts("release: needs guarantee"):
        release(world, account)
    world.set_health(account, 0)
    release(world, account)


def test_release__under_liquidation_or_in_a_call__reverts(world, vault):
    account = world.call_for_margin(vault)
    world.set_health(account, 10_000, mm=490, im=980)
    with reverts("sponsor: margin call open"):
        release(world, account)
    world.set_started(account)
    with reverts("account: under liquidation"):
        release(world, account)


def test_release__after_expiry_by_anybody(world, vault):
    account = world.sponsored(vault)
    expiry = world.sponsorship.read("sponsorship", account)["expiry"]
    world.set_health(account, 999, mm=500, im=1_000)
    world.rpc.set_next_timestamp(expiry)
    with reverts("release: needs guarantee"):
        release(world, account, world.anybody)
    # a week later capital leaves a client who needs no auction all the same
    world.rpc.set_next_timestamp(expiry + 7 * DAY_S - 1)
    with reverts("release: needs guarantee"):
        release(world, account, world.anybody)
    world.set_health(account, 499.999999, mm=500, im=1_000)
    world.rpc.set_next_timestamp(expiry + 7 * DAY_S)
    with reverts("release: needs guarantee"):
        release(world, account, world.anybody)
    world.set_health(account, 500, mm=500, im=1_000)
    release(world, account, world.anybody)
    world.assert_sound(vault)


# --- port -------------------------------------------------------------------------------------


def port(world, vault, **changes):
    terms = world.terms(vault, **({"expiry": world.now + 365 * DAY_S + 60} | changes))
    return world.agree(terms, operator=world.other_operator, function="port")


def leaving(world):
    """A client of a leaving broker, and another broker."""
    first, second = world.broker(), world.broker(world.other_operator)
    account = world.sponsored(first)
    world.send(world.operator, world.registry, "leave", first.address)
    return first, second, account


def test_port__moves_the_lock(world):
    first, second, account = leaving(world)
    port(world, second)
    assert world.sponsorship.read("broker_of", account) == second.address
    assert (first.read("client_locks"), second.read("client_locks")) == (0, 500 * UNIT)
    assert world.sponsorship.read("clients", second.address, 0, 64) == [account]
    assert world.sponsorship.read("client_count", first.address) == 0
    world.assert_sound(first, second)


def test_port__from_an_active_broker_or_too_late__reverts(world, vault):
    second = world.broker(world.other_operator)
    with reverts("port: no broker"):
        port(world, second)
    world.sponsored(vault)
    with reverts("port: not open"):
        port(world, second)
    world.send(world.operator, world.registry, "leave", vault.address)
    began = world.now
    world.wait(30 * DAY_S - 100)
    with world.rpc.undone():
        port(world, second)
    world.wait(began + 30 * DAY_S + 1 - world.now)
    with reverts("port: not open"):
        port(world, second)


def test_port__to_the_same_broker__reverts(world, vault):
    world.sponsored(vault)
    terms = world.terms(vault, expiry=world.now + 365 * DAY_S + 60)
    with reverts("port: same broker"):
        world.agree(terms, function="port")


def test_port__with_less__reverts(world):
    _, second, _ = leaving(world)
    with reverts("sponsor: lowers guarantee"):
        port(world, second, guarantee=500 * UNIT - 1)
    with reverts("sponsor: lowers guarantee"):
        port(world, second, expiry=world.now + 300 * DAY_S)


def test_port__below_zero_or_under_liquidation__reverts(world):
    _, second, account = leaving(world)
    world.set_health(account, -0.000001, mm=490, im=980)
    with reverts("port: below zero"):
        port(world, second)
    world.set_started(account)
    with reverts("account: under liquidation"):
        port(world, second)


def test_port__takes_the_call_and_its_deadline_along(world):
    first, second = world.broker(), world.broker(world.other_operator)
    account = world.call_for_margin(first)
    call = world.call_of(account)
    world.send(world.operator, world.registry, "leave", first.address)
    port(world, second)
    assert world.call_of(account) == call
    assert world.guarantee(account)["opening_until"] == 0
    world.wait(CURE_S + 1)
    world.send(world.anybody, world.sponsorship, "declare_default", account)
    assert world.call_of(account)["state"] == DEFAULTED
    assert world.state_of(first) == STATES["LEAVING"]
    world.assert_sound(first, second)


def test_port__in_default__reverts(world):
    first, second = world.broker(), world.broker(world.other_operator)
    account = world.call_for_margin(first)
    world.send(world.operator, world.registry, "leave", first.address)
    world.wait(CURE_S + 1)
    world.send(world.anybody, world.sponsorship, "declare_default", account)
    with reverts("port: defaulted"):
        port(world, second)


# --- losses -----------------------------------------------------------------------------------


def test_pay_loss__waterfall_only(world, vault):
    account = world.sponsored(vault)
    for who in (world.operator, world.client, world.attacker):
        with reverts("access: not waterfall"):
            world.send(who, world.sponsorship, "pay_loss", account, 1)


def test_pay_loss__stake_first_and_the_rest_is_free(world, vault):
    account = world.sponsored(vault, fee_ppm=0)
    world.send(world.liquidator, world.waterfall, "reserve", account, 200 * WAD, 0)
    receipt = world.waterfall.write(world.liquidator, "draw", account, 200 * WAD, 0, gas=12_000_000)
    (paid,) = world.sponsorship.events(receipt)
    assert dict(paid.args) == {
        "account": account,
        "broker": vault.address.lower(),
        "tokens": 200 * UNIT,
        "freed": 300 * UNIT,
    }
    lost = [event for event in vault.events(receipt) if event.name == "LossPaid"]
    assert [dict(event.args) for event in lost] == [
        {"account": account, "tokens": 200 * UNIT, "from_stake": 200 * UNIT, "from_pool": 0}
    ]
    assert (vault.read("stake"), vault.read("totalAssets")) == (800 * UNIT, 1_000 * UNIT)
    assert vault.read("client_locks") == 0
    assert world.guarantee(account) == NONE
    assert world.custody.read("backing") == 200 * WAD
    world.assert_sound(vault)
