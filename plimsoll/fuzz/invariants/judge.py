"""Judges every transaction of a run by the rules of docs/invariants.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from plimsoll.fuzz.chains import Log
from plimsoll.fuzz.invariants import auctions, losses, margins, money
from plimsoll.fuzz.invariants.backing import Backing
from plimsoll.fuzz.invariants.brokers import Brokers
from plimsoll.fuzz.invariants.deleveraging import Resolve
from plimsoll.fuzz.invariants.events import Decoder
from plimsoll.fuzz.invariants.guarantees import Guarantees
from plimsoll.fuzz.invariants.holds import Holds
from plimsoll.fuzz.invariants.outages import Outages
from plimsoll.fuzz.invariants.step import Step
from plimsoll.fuzz.probe import State
from plimsoll.model.snapshot import Snapshot
from plimsoll.model.state import World


class Judge:
    """Remembers what runs over several transactions: auctions, resolves, holds and so on."""

    def __init__(self, reserve: int) -> None:
        """`reserve` is the protocol's own account."""
        self._reserve = reserve
        self._decoder = Decoder()
        self.forget()

    def forget(self) -> None:
        """A new venue begins."""
        self._open = auctions.Open()
        self._resolve = Resolve()
        self._holds = Holds()
        self._outages = Outages()
        self._backing = Backing()
        self._brokers = Brokers()
        self._guarantees = Guarantees()

    def problem(
        self,
        name: str,
        args: tuple[Any, ...],
        reason: str | None,
        before: Snapshot,
        world: World,
        seen: State,
        logs: Sequence[Log],
    ) -> str | None:
        """The first rule that a transaction breaks, by its number, or None."""
        step = Step(name, args, reason, before, world, seen, self._decoder.read(logs))
        return self.verdict(step)

    def reached(self) -> Counter[str]:
        """What the tally counts and only the rules can tell, since this was asked last."""
        paths, self._backing.paths = self._backing.paths, Counter()
        return paths

    def verdict(self, step: Step) -> str | None:
        """As `problem`, of a transaction whose events are read already."""
        if not step.events and step.reason is not None:
            return (
                self._open.judge(step)
                or self._holds.judge(step)
                or self._outages.judge(step)
                or self._backing.judge(step)
                or margins.judge(step)
                or self._brokers.judge(step)
                or self._guarantees.judge(step)
            )
        return (
            self._resolve.judge(step)
            or money.judge(step, self._resolve, self._reserve)
            or self._open.judge(step)
            or losses.judge(step, self._open.weights)
            or self._holds.judge(step)
            or self._outages.judge(step)
            or self._backing.judge(step)
            or margins.judge(step)
            or self._brokers.judge(step)
            or self._guarantees.judge(step)
        )
