"""The mutual guaranty fund: what each member has committed, and who pays a loss of layer 5.

A member's contribution and assessment are parts of the commitment of its vault, where the tokens
stay. Amounts are token units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from plimsoll.model import access, broker_registry, broker_vaults
from plimsoll.model.broker_state import NOBODY, FundTerms, Share, State
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import PPM, World, require

REPLENISH_S: Final = 5 * 86_400
MAX_MINIMUM: Final = 10**6 * 10**6  # token units


def set_parameters(world: World, sender: str, minimum: int, rate_ppm: int, cause_ppm: int) -> None:
    """What members owe, and what others pay for one broker's clients at most; owner only."""
    access.only_owner(world, sender)
    require(1 <= minimum <= MAX_MINIMUM, "fund: bad minimum")
    require(10_000 <= rate_ppm <= 500_000, "fund: bad rate")
    require(cause_ppm <= PPM, "fund: bad cause limit")
    world.brokers.fund = FundTerms(minimum, rate_ppm, cause_ppm, world.now)


def fill(world: World, sender: str, broker: str) -> None:
    """Complete a member's part out of its vault's free capital."""
    require(sender == broker_registry.operator_of(world, broker), "access: not operator")
    open_to = world.brokers.state_of(broker) in (State.ACTIVE, State.SUSPENDED)
    require(open_to, "fund: closed")
    raise_to_required(world, broker)


def raise_to_required(world: World, broker: str) -> None:
    """Raise contribution and assessment, as a whole or not at all."""
    share, owed = world.brokers.share(broker), required(world, broker)
    contribution, assessment = max(share.contribution, owed), max(share.assessment, owed)
    added = contribution + assessment - share.total
    if added:
        broker_vaults.commit(world, broker, added)
    world.brokers.shares[broker] = Share(contribution, assessment, cost=share.cost)


def release(world: World, broker: str) -> None:
    """Free everything a broker has committed."""
    share = world.brokers.share(broker)
    broker_vaults.uncommit(world, broker, share.total)
    world.brokers.shares[broker] = Share(cost=share.cost)


# --- losses -----------------------------------------------------------------------------------


def pay_loss(world: World, cause: str, amount: int) -> int:
    """Send a loss to custody: the cause's own part first, then the others', pro rata.

    Returns what was sent: no more than there is.
    """
    brokers = world.brokers
    amount = min(amount, total(world))
    complete = {member: is_filled(world, member) for member in brokers.members}
    committed = {member: brokers.share(member).total for member in brokers.members}
    others = [member for member in brokers.members if member != cause]
    rest = amount - _draw(world, [cause] if cause in brokers.members else [], amount)
    by_others = _draw(world, others, rest)
    for member in brokers.members:
        share = brokers.share(member)
        part = committed[member] - share.total
        if not part:
            continue
        broker_vaults.pay_commitment(world, member, part)
        deadline = share.deadline
        if not is_filled(world, member) and (complete[member] or deadline == 0):
            deadline = world.now + REPLENISH_S
        taken = 0 if complete[member] else share.taken
        if member != cause:
            taken += part
        brokers.shares[member] = replace(share, deadline=deadline, taken=taken)
    if cause != NOBODY and by_others:
        share = brokers.share(cause)
        # what others' losses took of its commitment is not its failure
        excused = min(by_others, share.taken)
        brokers.shares[cause] = replace(
            share, cost=share.cost + by_others, taken=share.taken - excused
        )
        if by_others != excused:
            broker_registry.fail(world, cause)
    return amount


def _draw(world: World, payers: Sequence[str], amount: int) -> int:
    """Take a loss from contributions, then from assessments; what they could pay."""
    brokers = world.brokers
    paid = 0
    for name in ("contribution", "assessment"):
        claims = [getattr(brokers.share(member), name) for member in payers]
        parts = pro_rata(amount - paid, claims)
        for member, claim, part in zip(payers, claims, parts, strict=True):
            changed = {name: claim - part}
            brokers.shares[member] = replace(brokers.share(member), **changed)
        paid += sum(parts)
    return paid


def pro_rata(amount: int, claims: Sequence[int]) -> list[int]:
    """Split an amount, at most all of what there is: parts that sum to it, none above its claim."""
    rest_total = sum(claims)
    rest = min(amount, rest_total)
    parts = []
    for claim in claims:
        part = div_up(rest * claim, rest_total) if rest_total else 0
        parts.append(part)
        rest -= part
        rest_total -= claim
    return parts


# --- views ------------------------------------------------------------------------------------


def required(world: World, broker: str) -> int:
    """What a broker owes as contribution, and once more as assessment."""
    terms = world.brokers.fund
    vault = world.brokers.vaults[broker]
    return max(terms.min_contribution, div_up(vault.client_locks * terms.contribution_ppm, PPM))


def is_filled(world: World, broker: str) -> bool:
    """Whether both parts are what is required."""
    share, owed = world.brokers.share(broker), required(world, broker)
    return share.contribution >= owed and share.assessment >= owed


def due(world: World, broker: str) -> int:
    """By when a broker must be complete again, after a draw or other parameters; 0: it is."""
    if is_filled(world, broker):
        return 0
    asked = world.brokers.fund.changed_at + REPLENISH_S
    return max(world.brokers.share(broker).deadline, asked)


def is_overdue(world: World, broker: str) -> bool:
    """Whether its time to replenish has passed."""
    end = due(world, broker)
    return end != 0 and world.now > end


def total(world: World) -> int:
    """Contributions and assessments of all members."""
    return sum(world.brokers.share(member).total for member in world.brokers.members)


def room(world: World, cause: str) -> int:
    """What the fund pays at most for clients of a broker; all of it for nobody's."""
    everything = total(world)
    if cause == NOBODY:
        return everything
    share = world.brokers.share(cause)
    own = share.total if cause in world.brokers.members else 0
    may_cost = div_down(world.brokers.fund.cause_ppm * (everything - own + share.cost), PPM)
    return own + max(0, may_cost - share.cost)
