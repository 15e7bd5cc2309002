"""A short walk past what random ones rarely come by: stake that leaves, a call cut short."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.machine import Machine
from plimsoll.fuzz.stage import BTC, INSURER, KEEPER, LIL
from plimsoll.fuzz.stories.desk import DAY_S, Desk
from plimsoll.fuzz.stories.margin_calls import CALL, EARLY
from plimsoll.model.state import WAD

_ANN, _MAKER = 0, 8
_TOKENS = 10**6


def broker_walk(machine: Machine) -> None:
    """From an empty venue on."""
    machine.reset()
    for each in _actions(Desk(machine, Random(1))):
        machine.apply(each)
    machine.compare_all()


def _actions(desk: Desk) -> Iterator[Action]:
    for who, tokens in ((_ANN, 40_000), (_MAKER, 5_000_000)):
        yield action("deposit", who=who, owner=who, sub=0, tokens=tokens * _TOKENS)
    terms = [2_000_000, 250_000, 1_000_000, 100_000, 7 * DAY_S]
    yield action("open_vault", sender=LIL, terms=terms)
    yield action("add_stake", sender=LIL, broker=0, tokens=60_000 * _TOKENS)
    yield action("fund_pool", sender=INSURER, broker=0, tokens=40_000 * _TOKENS, receiver=INSURER)
    yield action("registry", sender=LIL, step=0, broker=0)
    yield action("request_stake", sender=LIL, broker=0, tokens=10_000 * _TOKENS)
    yield action("wait", seconds=7 * DAY_S, refresh=1)
    yield action("withdraw_stake", sender=LIL, broker=0, tokens=10_000 * _TOKENS, receiver=LIL)
    now = desk.m.world.now
    agreed = [
        *(_ANN, 0, 0, 20_000 * _TOKENS, 0, now + 90 * DAY_S, now + DAY_S),
        *(200_000, 3_600, 1_000_000, 1),
    ]
    yield action("sponsor", sender=KEEPER, terms=agreed, signers=[_ANN, LIL])
    yield desk.fill((_ANN, 0), (_MAKER, 0), BTC, 20 * WAD)
    yield desk.prices(BTC, 48_900 * WAD)
    yield action("margin_call", sender=KEEPER, step=CALL, owner=_ANN, sub=0)
    yield action("margin_call", sender=LIL, step=EARLY, owner=_ANN, sub=0)
    yield action("start", sender=KEEPER, owner=_ANN, sub=0)
