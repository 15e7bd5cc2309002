"""How the rules about brokers' capital, guarantees and margin calls are broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plimsoll.fuzz.broker_states import ClientState, VaultState
from plimsoll.fuzz.invariants.broker_events import (
    GuaranteePaid,
    LossPaid,
    MemberDrawn,
    Ported,
    Released,
    RiskMeasured,
    StakeWithdrawn,
    StateChanged,
)
from plimsoll.fuzz.invariants.brokers import FAILED, LEFT, SUSPENDED
from plimsoll.fuzz.invariants.step import Step
from tests.support.rule_trial import (
    Break,
    Broken,
    Trial,
    Undo,
    event,
    first,
    plus,
    set_for_now,
)

MUCH = 10**15


def vault(
    suits: Callable[[Trial, Step, VaultState], bool], **of: Callable[[VaultState], Any]
) -> Callable[..., Broken]:
    """The chain shows something else of the first vault that suits."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for place, seen in step.seen.brokers.vaults.items():
            if suits(trial, step, seen):
                changed = seen._replace(**{name: value(seen) for name, value in of.items()})
                set_for_now(step.seen.brokers.vaults, place, changed, undo)
                return step
        return None

    return change


def client(
    suits: Callable[[Trial, Step, ClientState], bool], **of: Callable[[ClientState], Any]
) -> Callable[..., Broken]:
    """The chain shows something else of the first client that suits."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for place, seen in step.seen.brokers.clients.items():
            if suits(trial, step, seen):
                changed = seen._replace(**{name: value(seen) for name, value in of.items()})
                set_for_now(step.seen.brokers.clients, place, changed, undo)
                return step
        return None

    return change


def brokers(step: Step, undo: Undo, **changes: Any) -> Step:
    for name, value in changes.items():
        set_for_now(step.seen.brokers, name, value, undo)
    return step


def any_vault(_: Trial, __: Step, ___: VaultState) -> bool:
    return True


def any_client(_: Trial, __: Step, seen: ClientState) -> bool:
    return bool(seen.broker)


def known(trial: Trial, step: Step, seen: VaultState) -> bool:
    """A vault that was seen before, in a call that moves no money of brokers."""
    quiet = not step.name.startswith(("vault_", "sponsorship_")) or step.reason is not None
    return seen.broker in trial._brokers.vaults and quiet


def has_clients(trial: Trial, _: Step, seen: VaultState) -> bool:
    held = {account for account, (at, _) in trial._brokers.locks.items() if at == seen.broker}
    return bool(seen.clients) and held == set(seen.clients)


# --- capital ----------------------------------------------------------------------------------


def counted_twice(trial: Trial, step: Step, undo: Undo) -> Broken:
    """A guarantee that also stands for something else: locked, and free."""
    return vault(has_clients, free=lambda v: v.free + v.client_locks)(trial, step, undo)


def lock_elsewhere(trial: Trial, step: Step, undo: Undo) -> Broken:
    """The sum of locks is more than the clients' own."""
    return vault(
        has_clients,
        client_locks=lambda v: v.client_locks + 1,
        free=lambda v: v.free - 1,
    )(trial, step, undo)


def escrow_short(_: Trial, step: Step, undo: Undo) -> Broken:
    total, _balance = step.seen.brokers.escrow
    if not total:
        return None
    return brokers(step, undo, escrow=(total, total - 1))


def fund_counts_more(_: Trial, step: Step, undo: Undo) -> Broken:
    if not step.seen.brokers.fund:
        return None
    return brokers(step, undo, fund=step.seen.brokers.fund + 1)


def seat_without_state(_: Trial, step: Step, undo: Undo) -> Broken:
    for broker in step.seen.brokers.members:
        if broker in step.seen.brokers.vaults:
            left = tuple(m for m in step.seen.brokers.members if m != broker)
            return brokers(step, undo, members=left)
    return None


# --- losses -----------------------------------------------------------------------------------


def pays_beyond_its_lock(_: Trial, step: Step, __: Undo) -> Broken:
    for place, one in enumerate(step.events):
        if isinstance(one, LossPaid) and one.account:
            changed = one._replace(tokens=MUCH)
            return replace(step, events=[*step.events[:place], changed, *step.events[place + 1 :]])
    return None


def pays_for_a_strangers_client(_: Trial, step: Step, __: Undo) -> Broken:
    for place, one in enumerate(step.events):
        if isinstance(one, LossPaid) and one.account:
            changed = one._replace(vault=one.vault + 1)
            return replace(step, events=[*step.events[:place], changed, *step.events[place + 1 :]])
    return None


def costs_more_than_committed(trial: Trial, step: Step, undo: Undo) -> Broken:
    """A member is drawn for more than contribution and assessment together."""
    drawn = first(step, MemberDrawn)
    if drawn is None:
        return None
    old = trial._brokers.vaults.get(drawn.broker)
    if old is None:
        return None
    less = old._replace(commitment=drawn.contribution + drawn.assessment - 1)
    set_for_now(trial._brokers.vaults, drawn.broker, less, undo)
    return step


def draw_without_payment(_: Trial, step: Step, __: Undo) -> Broken:
    events = [e for e in step.events if not (isinstance(e, LossPaid) and e.account == 0)]
    return replace(step, events=events) if events != step.events else None


def pool_pays_first(trial: Trial, step: Step, undo: Undo) -> Broken:
    for place, one in enumerate(step.events):
        if (
            isinstance(one, LossPaid)
            and not one.from_pool
            and one.vault in step.seen.brokers.vaults
        ):
            if not step.seen.brokers.vaults[one.vault].stake:
                continue
            changed = one._replace(from_pool=1)
            return replace(step, events=[*step.events[:place], changed, *step.events[place + 1 :]])
    return None


def without(*kinds: type) -> Callable[..., Broken]:
    """A lock is gone and no event says why."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        gone = first(step, kinds[0])
        if gone is None or gone.account not in step.seen.brokers.clients:
            return None
        broker, lock = trial._brokers.locks.get(gone.account, (0, 0))
        seen = step.seen.brokers.clients[gone.account]
        if not lock or (seen.broker == broker and seen.lock >= lock):
            return None
        events = [e for e in step.events if not isinstance(e, kinds)]
        return replace(step, events=events)

    return change


def lock_shrinks(trial: Trial, step: Step, undo: Undo) -> Broken:
    for place, seen in step.seen.brokers.clients.items():
        broker, lock = trial._brokers.locks.get(place, (0, 0))
        if seen.lock and (seen.broker, seen.lock) == (broker, lock):
            set_for_now(trial._brokers.locks, place, (broker, lock + 1), undo)
            return step
    return None


# --- exits and seats --------------------------------------------------------------------------


def leaves(name: str) -> Callable[[Trial, Step, VaultState], bool]:
    def suits(trial: Trial, step: Step, seen: VaultState) -> bool:
        done = step.name == name and step.reason is None
        return done and int(step.args[0], 16) == seen.broker

    return suits


def leaves_at_par(trial: Trial, step: Step, undo: Undo) -> Broken:
    """Clients may lose everything that is locked for them, and somebody leaves at par."""
    if step.name not in ("vault_redeem", "vault_withdraw") or step.reason is not None:
        return None
    broker = int(step.args[0], 16)
    seen = step.seen.brokers.vaults[broker]
    if seen.supply == trial._brokers.vaults[broker].supply or not seen.pool:
        return None
    worse = seen._replace(at_risk=seen.stake + seen.pool)
    set_for_now(step.seen.brokers.vaults, broker, worse, undo)
    return step


def stake_left(of: Callable[[VaultState], dict[str, int]]) -> Callable[..., Broken]:
    def change(_: Trial, step: Step, undo: Undo) -> Broken:
        gone = first(step, StakeWithdrawn)
        if gone is None:
            return None
        seen = step.seen.brokers.vaults[gone.vault]
        set_for_now(step.seen.brokers.vaults, gone.vault, seen._replace(**of(seen)), undo)
        return step

    return change


def exit_while_reserved(_: Trial, step: Step, undo: Undo) -> Broken:
    if not step.name.startswith(("vault_redeem", "vault_withdraw")) or step.reason is not None:
        return None
    books = step.seen.books._replace(exits_blocked=1)
    set_for_now(step.seen, "books", books, undo)
    return step


def seat(state: int, **of: Callable[[VaultState], Any]) -> Callable[..., Broken]:
    """A broker enters a state, and what the chain shows of it is not so."""

    def change(trial: Trial, step: Step, undo: Undo) -> Broken:
        for one in step.events:
            if isinstance(one, StateChanged) and one.state == state:
                place = trial._brokers.vaults if "clients" in of else step.seen.brokers.vaults
                seen = place[one.broker]
                changed = seen._replace(**{name: value(seen) for name, value in of.items()})
                set_for_now(place, one.broker, changed, undo)
                return step
        return None

    return change


def failed_for_nothing(_: Trial, step: Step, __: Undo) -> Broken:
    one = first(step, StateChanged)
    if one is None or one.state == FAILED:
        return None
    return event(StateChanged, state=lambda _: FAILED)(None, step, None)


BREAKS = {
    "guarantee counted twice": Break("I-59", counted_twice, Trial.brokers),
    "locks of nobody": Break("I-59", lock_elsewhere, Trial.brokers),
    "lock that the vault does not have": Break(
        "I-59", client(any_client, vault_lock=lambda c: c.vault_lock - 1), Trial.brokers
    ),
    "vault counts more than it holds": Break(
        "I-60", vault(any_vault, held=lambda v: v.held - 1), Trial.brokers
    ),
    "escrow lacks a unit": Break("I-60", escrow_short, Trial.brokers),
    "contribution nobody committed": Break(
        "I-61", vault(any_vault, contribution=lambda v: v.contribution + 1), Trial.brokers
    ),
    "fund counts more": Break("I-61", fund_counts_more, Trial.brokers),
    "broker without its seat": Break("I-61", seat_without_state, Trial.brokers),
    "loss beyond the lock": Break("I-62", pays_beyond_its_lock, Trial.brokers),
    "loss of a stranger's client": Break("I-62", pays_for_a_strangers_client, Trial.brokers),
    "member pays more than it committed": Break("I-62", costs_more_than_committed, Trial.brokers),
    "fund draws and no vault pays": Break("I-62", draw_without_payment, Trial.brokers),
    "pool pays before the stake": Break("I-62", pool_pays_first, Trial.brokers),
    "capital lost and nothing logged": Break(
        "I-62",
        vault(
            known, stake=lambda v: v.stake - 1, held=lambda v: v.held - 1, free=lambda v: v.free - 1
        ),
        Trial.broker_losses,
    ),
    "lock released without a word": Break("I-66", without(Released), Trial.brokers_kept),
    "lock drawn without a word": Break("I-66", without(GuaranteePaid), Trial.brokers_kept),
    "client moved without a word": Break("I-66", without(Ported), Trial.brokers_kept),
    "lock lowered": Break("I-66", lock_shrinks, Trial.brokers_kept),
    "depositor leaves a loss behind": Break("I-68", leaves_at_par, Trial.broker_exits),
    "exit while a reservation stands": Break("I-68", exit_while_reserved, Trial.broker_exits),
    "stake leaves its locks": Break(
        "I-68", stake_left(lambda v: {"client_locks": v.stake * 11}), Trial.broker_exits
    ),
    "stake leaves its pool": Break(
        "I-68", stake_left(lambda v: {"pool": v.stake * 100}), Trial.broker_exits
    ),
    "stake leaves what is at risk": Break(
        "I-68", stake_left(lambda v: {"at_risk": v.stake + 1}), Trial.broker_exits
    ),
    "risk above what may be lost": Break(
        "I-68", event(RiskMeasured, **plus("risk", 1)), Trial.broker_exits
    ),
    "suspended in time": Break(
        "I-69", seat(SUSPENDED, due=lambda v: v.due + MUCH), Trial.broker_seats
    ),
    "left with clients": Break("I-69", seat(LEFT, clients=lambda _: (1,)), Trial.broker_seats),
    "failed for nothing": Break("I-69", failed_for_nothing, Trial.broker_seats),
}
