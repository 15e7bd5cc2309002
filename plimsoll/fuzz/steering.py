"""What happens next: random, but steered to where losses are.

A run that never reaches a bankruptcy would be worth little, so every other story ends in one: a
price gap that leaves somebody below margin, the auction, the takes, the resolve. Between them
people trade, pay in and out, insure, and attackers try every door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import BYSTANDER, ISOLATED_SUB, MARKETS, OWNER, TRADERS, WITH_ISOLATED
from plimsoll.fuzz.stories import (
    brokers,
    crowding,
    guarantees,
    insurance,
    losses,
    margin_calls,
    orders,
    outages,
    surroundings,
    trades,
)
from plimsoll.fuzz.stories.desk import FIRST_LIQUIDATOR, TRADING, Desk, Story

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

# how often each story is told
STORIES: Final[dict[Callable[[Desk], Story], int]] = {
    trades.trading: 20,
    losses.crash: 54,
    losses.rout: 56,
    losses.surge: 9,
    trades.paying: 7,
    crowding.crowding: 14,
    crowding.concentrating: 6,
    insurance.insuring: 6,
    trades.drift: 5,
    orders.odd_orders: 5,
    insurance.exodus: 4,
    insurance.refill: 9,
    orders.batches: 4,
    surroundings.waiting: 4,
    surroundings.feeds: 3,
    outages.blackout: 6,
    outages.sequencer_stop: 3,
    outages.winding_down: 3,
    surroundings.housekeeping: 3,
    surroundings.attack: 3,
    surroundings.governing: 2,
    guarantees.sponsoring: 10,
    margin_calls.calling: 50,
    margin_calls.client_crash: 18,
    guarantees.renewing: 2,
    guarantees.releasing: 2,
    guarantees.revoking: 1,
    guarantees.porting: 7,
    brokers.brokering: 16,
    brokers.contagion: 5,
}
_INTERRUPTED: Final = 0.05


class Steering:
    """A source of actions for one machine; the same seed and the same answers give the same run."""

    def __init__(self, machine: Machine, rng: Random) -> None:
        self.desk = Desk(machine, rng)
        self._story: Story | None = None

    def next(self) -> Action:
        """The next action."""
        while True:
            if self._story is None:
                self._story = self._pick()
            elif self.desk.rng.random() < _INTERRUPTED:
                interlude = next(self._pick(), None)
                if interlude is not None:
                    return interlude
            following = next(self._story, None)
            if following is not None:
                return following
            self._story = None

    def _pick(self) -> Story:
        return self.desk.rng.choices(tuple(STORIES), tuple(STORIES.values()))[0](self.desk)


def opening(machine: Machine, rng: Random) -> Iterator[Action]:
    """Before the first story: markets unlike those of other episodes, money for everybody, classes
    chosen, positions with thin margins.
    """
    desk = Desk(machine, rng)
    for market in MARKETS:
        if rng.random() < 0.6:
            terms = rng.choice(surroundings.RISK)
            yield action("set_risk_terms", sender=OWNER, market=market, terms=terms)
        if rng.random() < 0.3:
            terms = rng.choice(crowding.BUFFERS)
            yield action("set_buffer_terms", sender=OWNER, market=market, terms=terms)
        if rng.random() < 0.4:
            terms = rng.choice(crowding.LARGE)
            yield action("set_concentration", sender=OWNER, market=market, terms=terms)
    for who in TRADING:
        tokens = (1_500_000 if who >= FIRST_LIQUIDATOR else 40_000) * 10**6
        yield action("deposit", who=who, owner=who, sub=0, tokens=tokens)
    for who in WITH_ISOLATED:
        yield action("open_isolated", sender=who, sub=ISOLATED_SUB)
        yield action("deposit", who=who, owner=who, sub=ISOLATED_SUB, tokens=9_000 * 10**6)
    yield action("deposit", who=BYSTANDER, owner=BYSTANDER, sub=0, tokens=1_000 * 10**6)
    for who in range(len(TRADERS)):
        for market in MARKETS:
            if rng.random() < 0.6:
                yield action(
                    "set_leverage_class", sender=who, owner=who, sub=0, market=market,
                    leverage_class=rng.randint(0, 3),
                )  # fmt: skip
    if rng.random() < 0.9:
        yield from brokers.founding(desk)
    for _ in range(rng.randint(4, 10)):
        yield from trades.trading(desk)
