"""Which brokers, clients and holders of shares a call may have changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.fuzz.chains import Log
from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model.consents import Consent
from plimsoll.model.state import World


@dataclass(frozen=True, slots=True)
class Reach:
    """What to look at: brokers, accounts with their broker, holders with a broker."""

    vaults: list[str]
    clients: list[tuple[int, str]]
    shares: list[tuple[str, int]]


def everything(world: World) -> Reach:
    """Of a model that knows all of it."""
    vaults = world.brokers.vaults
    return Reach(
        list(vaults),
        [(account, record.broker) for account, record in world.brokers.sponsored.items()],
        [(broker, int(holder, 16)) for broker in vaults for holder in vaults[broker].pool.shares],
    )


def touched(world: World, sender: str, args: Iterable[Any], logs: Sequence[Log]) -> Reach:
    """What a call names or logs; the model has not run it yet."""
    known = {int(broker, 16): broker for broker in world.brokers.vaults}
    accounts: dict[int, str] = {}
    people = {int(sender, 16)}
    named: set[int] = set()
    for arg in args:
        terms = arg.terms if isinstance(arg, Consent) else arg
        if isinstance(terms, GuaranteeTerms):
            broker = int(terms.broker, 16)
            named.update((terms.account, broker))
            if broker in known:
                accounts[terms.account] = known[broker]
        elif isinstance(arg, str) and arg.startswith("0x"):
            named.add(int(arg, 16))
            people.add(int(arg, 16))
        elif isinstance(arg, int):
            named.add(arg)
    for address, topics, _ in logs:
        named.add(int(address, 16))
        named.update(int.from_bytes(topic) for topic in topics[1:])
    vaults = [broker for number, broker in known.items() if number in named]
    for account, record in world.brokers.sponsored.items():
        if account in named:
            accounts.setdefault(account, record.broker)
    holders = [(broker, person) for broker in vaults for person in people if person not in known]
    return Reach(vaults, list(accounts.items()), holders)
