"""Brokers' capital: what is locked is there, who pays what, who may leave, who keeps a seat."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.broker_states import VaultState
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
from plimsoll.fuzz.invariants.step import Step, record_before
from plimsoll.model.state import PPM

LEAVE_S: Final = 7 * 86_400
SUSPENDED_S: Final = 30 * 86_400
ACTIVE, SUSPENDED, FAILED, LEAVING, LEFT = (1 << place for place in range(1, 6))
_SEATED: Final = ACTIVE | SUSPENDED | FAILED | LEAVING
_PAYING: Final = ("vault_", "sponsorship_sponsor", "sponsorship_port")
_VIRTUAL: Final = 10**6  # shares
_MARGINS: Final = 4
_SCALE: Final = 10**12  # wad per token unit
_CHECKED_WAYS: Final = ("vault_redeem", "vault_withdraw")


class Brokers:
    """Remembers each vault and each client's lock as they were seen last."""

    def __init__(self) -> None:
        self.vaults: dict[int, VaultState] = {}
        self.locks: dict[int, tuple[int, int]] = {}  # by account: broker, tokens

    def judge(self, step: Step) -> str | None:
        """I-59 to I-62 and I-66 to I-69."""
        seen = step.seen.brokers.vaults
        problem = (
            self._capital(step)
            or self._fund(step)
            or self._losses(step)
            or self._kept(step)
            or self._exits(step)
            or self._seats(step)
        )
        self.vaults.update(seen)
        for client in step.seen.brokers.clients.values():
            self.locks[client.account] = client.broker, client.lock
        return problem

    def _capital(self, step: Step) -> str | None:
        """I-59 and I-60: nothing is locked twice, and all of it is there."""
        for vault in step.seen.brokers.vaults.values():
            name, assets = f"{vault.broker:#x}", vault.stake + vault.pool
            locked = vault.client_locks + vault.commitment
            if locked + vault.free != assets:
                return f"I-59 locks: {locked} and {vault.free} free are not {assets} of {name}"
            held = {client: lock for client, (at, lock) in self._locks(step) if at == vault.broker}
            if set(held) == set(vault.clients) and sum(held.values()) != vault.client_locks:
                return f"I-59 locks: {name} has {vault.client_locks} for {held}"
            if vault.held != assets + vault.unearned:
                return f"I-60 escrow: {name} has {vault.held}, counts {assets + vault.unearned}"
        for client in step.seen.brokers.clients.values():
            if client.broker and client.vault_lock != client.lock:
                return f"I-59 locks: {client.account:#x} has {client.vault_lock} of {client.lock}"
        total, balance = step.seen.brokers.escrow
        vaults = {**self.vaults, **step.seen.brokers.vaults}
        known = len(vaults) == len(step.world.brokers.vaults)
        if balance < total or (known and sum(vault.held for vault in vaults.values()) != total):
            return f"I-60 escrow: has {balance}, holds {total}"
        return None

    def _locks(self, step: Step) -> list[tuple[int, tuple[int, int]]]:
        now = {
            client.account: (client.broker, client.lock)
            for client in step.seen.brokers.clients.values()
        }
        return [(account, place) for account, place in {**self.locks, **now}.items() if place[0]]

    def _fund(self, step: Step) -> str | None:
        """I-61: the fund is what its members have committed."""
        vaults = {**self.vaults, **step.seen.brokers.vaults}
        total = 0
        for vault in vaults.values():
            member = vault.broker in step.seen.brokers.members
            if vault.contribution + vault.assessment != vault.commitment:
                return f"I-61 fund: {vault.broker:#x} has committed {vault.commitment}"
            if member != bool(vault.state & _SEATED) or (vault.commitment and not member):
                return f"I-61 fund: {vault.broker:#x} in state {vault.state}, a member: {member}"
            total += vault.commitment
        known = set(step.seen.brokers.members) <= set(vaults)
        if known and total != step.seen.brokers.fund:
            return f"I-61 fund: {step.seen.brokers.fund}, members have committed {total}"
        return None

    def _losses(self, step: Step) -> str | None:
        """I-62: a broker pays for its clients up to their locks, for others what it committed."""
        for_fund: dict[int, int] = {}
        drawn: dict[int, int] = {}
        lost: dict[int, int] = {}
        for event in step.events:
            if isinstance(event, MemberDrawn):
                drawn[event.broker] = drawn.get(event.broker, 0)
                drawn[event.broker] += event.contribution + event.assessment
            elif isinstance(event, LossPaid):
                lost[event.vault] = lost.get(event.vault, 0) + event.tokens
                if event.account == 0:
                    for_fund[event.vault] = for_fund.get(event.vault, 0) + event.tokens
                    continue
                record = record_before(step, event.account)
                if record is None or int(record.broker, 16) != event.vault:
                    return f"I-62 loss: {event.vault:#x} paid for {event.account:#x}"
                if event.tokens > record.lock:
                    return f"I-62 loss: {event.tokens} of a lock of {record.lock}"
        if for_fund != drawn:
            return f"I-62 loss: vaults paid {for_fund}, the fund drew {drawn}"
        for broker, vault in step.seen.brokers.vaults.items():
            old = self.vaults.get(broker)
            if old is None:
                continue
            if for_fund.get(broker, 0) > old.commitment:
                return f"I-62 loss: {broker:#x} paid {for_fund[broker]} of {old.commitment}"
            fell = sum((old.stake, old.pool, old.unearned))
            fell -= sum((vault.stake, vault.pool, vault.unearned))
            paying = step.reason is None and step.name.startswith(_PAYING)
            if fell != lost.get(broker, 0) and not paying:
                return f"I-62 loss: {broker:#x} lost {fell}, {lost.get(broker, 0)} are logged"
            # the stake is gone before the pool pays anything
            if vault.stake and any(
                isinstance(event, LossPaid) and event.vault == broker and event.from_pool
                for event in step.events
            ):
                return f"I-62 loss: the pool of {broker:#x} paid, its stake is {vault.stake}"
        return None

    def _kept(self, step: Step) -> str | None:
        """I-66: a lock falls by its release, its draw, or when its client moves, never else."""
        ended = {
            event.account
            for event in step.events
            if isinstance(event, Released | GuaranteePaid | Ported)
        }
        for client in step.seen.brokers.clients.values():
            broker, lock = self.locks.get(client.account, (0, 0))
            moved = client.broker != broker or client.lock < lock
            if lock and moved and client.account not in ended:
                return f"I-66 lock: {client.account:#x} had {lock}, has {client.lock}"
        return None

    def _exits(self, step: Step) -> str | None:
        """I-68: who leaves a broker leaves behind what its clients may lose beyond the stake."""
        for event in step.events:
            if isinstance(event, RiskMeasured):
                problem = _risk(step, event)
                if problem is not None:
                    return problem
        if step.reason is not None or not step.name.startswith(_CHECKED_WAYS):
            return None
        broker = int(step.args[0], 16)
        vault, old = step.seen.brokers.vaults[broker], self.vaults.get(broker)
        if step.seen.books.exits_blocked:
            return f"I-68 exit: {step.name} while a reservation stands"
        threatened = vault.at_risk + min(vault.commitment, vault.at_risk)
        if any(isinstance(event, StakeWithdrawn) for event in step.events):
            return self._stake_left(step, vault, threatened)
        if old is None:
            return None
        left = sum((old.stake, old.pool, old.unearned))
        left -= sum((vault.stake, vault.pool, vault.unearned))
        shares, pool = old.supply - vault.supply, vault.pool + left
        priced = pool - min(pool, max(threatened - vault.stake, 0))
        if left * (old.supply + _VIRTUAL) > shares * (priced + 1):
            return f"I-68 exit: {left} for {shares} shares of {old.supply}, {priced} count"
        return None

    def _stake_left(self, step: Step, vault: VaultState, threatened: int) -> str | None:
        terms = step.world.brokers.vaults[step.args[0]].terms
        if vault.client_locks * PPM > terms.omega_ppm * vault.stake:
            return f"I-68 exit: {vault.stake} left for locks of {vault.client_locks}"
        least = terms.first_loss_ppm * (vault.stake + vault.pool)
        if vault.pool and vault.stake * PPM < least:
            return f"I-68 exit: {vault.stake} left before a pool of {vault.pool}"
        if vault.stake < threatened:
            return f"I-68 exit: {vault.stake} left, {threatened} are threatened"
        return None

    def _seats(self, step: Step) -> str | None:
        """I-69: who is suspended, fails, or leaves for good."""
        harmed = {
            event.cause
            for event in step.events
            if isinstance(event, MemberDrawn) and event.cause not in (0, event.broker)
        }
        failed = set()
        for event in step.events:
            if not isinstance(event, StateChanged):
                continue
            old = self.vaults.get(event.broker)
            if event.state == FAILED:
                failed.add(event.broker)
            elif event.state == SUSPENDED and old is not None:
                now = step.seen.brokers.vaults[event.broker]
                if not now.due or step.world.now <= now.due:
                    return f"I-69 seat: suspended, {now.due} has not come"
            elif event.state == LEFT and old is not None:
                now = step.seen.brokers.vaults[event.broker]
                stay = SUSPENDED_S if old.state == SUSPENDED else LEAVE_S
                if old.clients or now.commitment or step.world.now < old.since + stay:
                    return f"I-69 seat: left with {old.clients}, since {old.since}"
        complete = {
            broker
            for broker, vault in self.vaults.items()
            if vault.due == 0 and vault.state in (ACTIVE, SUSPENDED)
        }
        # who was complete fails at the first token that others pay, and nobody fails without one
        if failed - harmed or (harmed & complete) - failed:
            return f"I-69 seat: failed {failed}, others paid for {harmed}"
        return None


def _risk(step: Step, event: RiskMeasured) -> str | None:
    """I-68: what is measured is four maintenance margins less equity, within the lock.

    Nothing of a client above its buffer, whose positions have prices and who is not started.
    """
    record = step.world.brokers.sponsored.get(event.account)
    now = step.seen.accounts.get(event.account)
    if record is None or now is None:
        return f"I-68 risk: {event} of nobody's client" if event.risk else None
    missing = max(_MARGINS * now.mm - now.equity, 0)
    most = min(record.lock, -(-missing // _SCALE))
    safe = now.equity * PPM >= now.mm * (PPM + record.buffer_ppm) and not now.started
    if event.risk not in (0, most) or (not safe and event.risk != most):
        return f"I-68 risk: {event.risk} of {event.account:#x}, {most} may be lost"
    if event.risk and safe and now.priced:
        return f"I-68 risk: {event.risk} of {event.account:#x}, which is safe"
    return None
