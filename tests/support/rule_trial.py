"""Tries to break the rules of `plimsoll.fuzz.invariants` on every transaction of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from plimsoll.fuzz.invariants import backing, holds, losses, margins, money
from plimsoll.fuzz.invariants.events import Event
from plimsoll.fuzz.invariants.judge import Judge
from plimsoll.fuzz.invariants.step import Step

MUCH = 2**200
_MEMORIES = ("_open", "_resolve", "_holds", "_outages", "_backing", "_brokers", "_guarantees")

Broken = Step | None  # None: the transaction does not show what the rule is about


class Trial(Judge):
    """Judges, and tries every break on what it judges."""

    def __init__(self, reserve: int, bystander: int, breaks: Mapping[str, Break]) -> None:
        super().__init__(reserve)
        self._breaks = breaks
        self.reserve = reserve
        self.bystander = bystander
        self.tried: Counter[str] = Counter()
        self.missed: list[tuple[str, str | None]] = []

    def verdict(self, step: Step) -> str | None:
        saved = self._memories()
        found = super().verdict(step)
        after = self._memories()
        for name, way in self._breaks.items():
            self._recall(saved)
            with way.on(self, step) as broken:
                if broken is None:
                    continue
                self.tried[name] += 1
                verdict = way.by(self, broken)
                if verdict is None or not verdict.startswith(way.number):
                    self.missed.append((name, verdict))
        self._recall(after)
        return found

    def _memories(self) -> dict[str, Any]:
        """What the rules remember from step to step."""
        return deepcopy({name: getattr(self, name) for name in _MEMORIES})

    def _recall(self, memories: dict[str, Any]) -> None:
        for name, memory in deepcopy(memories).items():
            setattr(self, name, memory)

    def everything(self, step: Step) -> str | None:
        return super().verdict(step)

    def losses(self, step: Step) -> str | None:
        self._open.judge(step)
        return losses.judge(step, self._open.weights)

    def auctions(self, step: Step) -> str | None:
        return self._open.judge(step)

    def holds(self, step: Step) -> str | None:
        return self._holds.judge(step)

    def outages(self, step: Step) -> str | None:
        return self._outages.judge(step)

    def backing(self, step: Step) -> str | None:
        return self._backing.judge(step)

    def cap_refusals(self, step: Step) -> str | None:
        return backing.refusal(step)

    def margins(self, step: Step) -> str | None:
        return margins.judge(step)

    def gains(self, step: Step) -> str | None:
        return holds.gains(step)

    def brokers(self, step: Step) -> str | None:
        return self._brokers.judge(step)

    def broker_losses(self, step: Step) -> str | None:
        return self._brokers._losses(step)

    def brokers_kept(self, step: Step) -> str | None:
        return self._brokers._kept(step)

    def broker_exits(self, step: Step) -> str | None:
        return self._brokers._exits(step)

    def broker_seats(self, step: Step) -> str | None:
        return self._brokers._seats(step)

    def guarantees(self, step: Step) -> str | None:
        return self._guarantees.judge(step)

    def adl(self, step: Step) -> str | None:
        return self._resolve.judge(step)

    def money(self, step: Step) -> str | None:
        self._resolve.judge(step)
        return money.judge(step, self._resolve, self._reserve)


@dataclass(frozen=True)
class Break:
    """How a rule is broken, and the number it must name."""

    number: str
    change: Callable[..., Any]
    by: Callable[[Trial, Step], str | None] = Trial.everything
    on: Callable[[Trial, Step], Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "on", self._applied)

    @contextmanager
    def _applied(self, trial: Trial, step: Step) -> Iterator[Broken]:
        undo: list[Callable[[], None]] = []
        try:
            yield self.change(trial, step, undo)
        finally:
            for back in reversed(undo):
                back()


Undo = list[Callable[[], None]]


def event(kind: type, **changes: Callable[[Any], Any]) -> Callable[..., Broken]:
    """The first event of a kind says something else."""

    def change(_: Trial, step: Step, __: Undo) -> Broken:
        for place, one in enumerate(step.events):
            if isinstance(one, kind):
                other = one._replace(**{name: of(one) for name, of in changes.items()})
                events: list[Event] = [*step.events[:place], other, *step.events[place + 1 :]]
                return replace(step, events=events) if other != one else None
        return None

    return change


def first(step: Step, kind: type) -> Any:
    return next((one for one in step.events if isinstance(one, kind)), None)


def set_for_now(target: Any, name: Any, value: Any, undo: Undo) -> None:
    """An attribute or an entry, until the break is over."""
    if isinstance(target, dict):
        old = target[name]
        target[name] = value
        undo.append(lambda: target.__setitem__(name, old))
    else:
        old = getattr(target, name)
        setattr(target, name, value)
        undo.append(lambda: setattr(target, name, old))


def cash(step: Step, account: int, change_fine: int, undo: Undo) -> Step:
    owner = step.world.accounts[account]
    set_for_now(owner, "cash_fine", owner.cash_fine + change_fine, undo)
    return step


def shows(step: Step, account: int, undo: Undo, **changes: int) -> Step:
    """The chain shows something else of an account."""
    seen = step.seen.accounts[account]
    set_for_now(step.seen.accounts, account, seen._replace(**changes), undo)
    return step


def plus(name: str, amount: int) -> dict[str, Callable[[Any], int]]:
    return {name: lambda one: getattr(one, name) + amount}
