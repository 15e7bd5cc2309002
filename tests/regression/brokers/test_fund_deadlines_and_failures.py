"""Guaranty fund: how long a member has to replenish, and whose failure a loss is."""

from __future__ import annotations

import pytest

from tests.support.broker_losses import draw, exposed, lose, reserve
from tests.support.broker_world import DAY_S, PPM, STATES, UNIT
from tests.support.expect import reverts

REPLENISH_S = 5 * DAY_S


def suspend(world, vault):
    world.send(world.anybody, world.registry, "suspend", vault.address)


def test_due__more_is_asked_long_after_a_draw__has_five_days_anew(world, members):
    """The deadline of an old draw stayed when less was owed, and the next one was over at once."""
    vault = members[0]
    account = exposed(world, vault, 900, 10_000, world.client)
    lose(world, world.account(world.attacker), 17)
    assert not world.fund.read("is_filled", vault.address)
    world.send(world.client, world.sponsorship, "release", account)
    assert world.fund.read("is_filled", vault.address)
    world.wait(100 * DAY_S)
    world.set_fund(minimum=500)
    assert not world.fund.read("is_filled", vault.address)
    due = world.now + REPLENISH_S
    assert world.fund.read("due", vault.address) == due
    with reverts("fund: not overdue"):
        suspend(world, vault)
    world.rpc.set_next_timestamp(due + 1)
    suspend(world, vault)


def test_due__incomplete_already__a_further_draw_gives_no_more_time(world, members):
    """Small losses of others, one after the other, would put the deadline off for ever."""
    loser = world.account(world.attacker)
    lose(world, loser, 100)
    due = world.fund.read("due", members[0].address)
    world.wait(4 * DAY_S)
    lose(world, loser, 100)
    assert world.fund.read("due", members[0].address) == due
    world.wait(DAY_S + 1)
    suspend(world, members[0])


@pytest.mark.parametrize(("tokens", "state"), [(180, "ACTIVE"), (181, "FAILED")])
def test_failure__lock_is_drawn_first__is_measured_by_what_was_committed_before(
    world, members, tokens, state
):
    """A lock that is gone lowers what its broker owes: it failed for less than it had put in."""
    vault = members[0]
    world.set_fund(minimum=50, cause_ppm=PPM)
    account = exposed(world, vault, 900, 10_000, world.client)
    assert vault.read("commitment") == 180 * UNIT
    lose(world, world.account(world.attacker), world.fund.read("totalAssets") // UNIT)
    for operator, member in zip(
        (world.other_operator, world.third_operator), members[1:], strict=True
    ):
        world.send(operator, world.fund, "fill", member.address)
    world.wait(2 * DAY_S)
    lose(world, account, tokens)
    assert world.state_of(vault) == STATES[state]


def test_guarantee__largest_there_is__does_not_spill_into_the_funds_part(world, members):
    """What its field does not hold was reserved in the fund's, and could never be drawn."""
    tokens = 2**104 // 10**12 - 1
    world.stake(members[0], 2 * tokens // UNIT)
    account = world.account(world.client)
    world.set_health(account, 600)
    world.agree(world.terms(members[0], guarantee=tokens, fee_ppm=0))
    wad = tokens * 10**12
    assert reserve(world, account, wad) == [wad, 0, 0, 0]
    draw(world, account)
    assert members[0].read("client_locks") == 0
    world.assert_sound(*members)
