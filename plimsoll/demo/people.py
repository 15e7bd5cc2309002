"""Who takes part: names, keys made from the seed, and account ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from eth_utils.crypto import keccak

from plimsoll.accounts import account_id
from plimsoll.contract import KeySigner


@dataclass(frozen=True)
class Person:
    """One participant with a key of its own."""

    name: str
    role: str
    key: bytes = field(repr=False)

    @cached_property
    def signer(self) -> KeySigner:
        """Signs transactions with the person's key."""
        return KeySigner(self.key)

    @property
    def address(self) -> str:
        """Checksum address of the key."""
        return self.signer.address

    @cached_property
    def account(self) -> int:
        """The person's first account."""
        return account_id(self.address)


class People:
    """All participants, by name and by account."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_name: dict[str, Person] = {}
        self._by_account: dict[int, Person] = {}

    def add(self, name: str, role: str) -> Person:
        """A new participant; the same seed and name give the same key."""
        person = Person(name, role, keccak(text=f"plimsoll demo {self._seed} {name}"))
        self._by_name[name] = person
        self._by_account[person.account] = person
        return person

    def __getitem__(self, name: str) -> Person:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_name.values())

    def name_of(self, account: int) -> str:
        """Name behind an account id; the id itself in hex if it is nobody's here."""
        person = self._by_account.get(account)
        return person.name if person is not None else hex(account)

    def with_role(self, *roles: str) -> list[Person]:
        """Participants of these roles, in the order they were added."""
        return [person for person in self if person.role in roles]
