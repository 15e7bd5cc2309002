"""A chain in process whose gas is a receipt's: before it is measured, every slot becomes cold.

revm keeps all transactions of a machine in one journal, in which a slot once touched is warm and
its original value is that of long ago. `ColdChain.settle` reads the journal, and starts a new
machine whose database holds what the journal held: the next transaction pays for every first
access, and writes against the values it finds, as on a node. Gas is after refunds and includes
the transaction's own 21,000 and its call data (`tests/sdk/test_bench.py` compares with Anvil).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pyrevm import EVM, AccountInfo, CfgEnv, Env, JournalCheckpoint

from plimsoll.chain import AnvilOptions
from plimsoll.chain.evm import Outcome
from plimsoll.chain.revm import RevmChain
from plimsoll.errors import ChainError

# The journal as pyrevm prints it: of each account its name, its code as runs of thousands of
# digits, and its slots in decimals.
_NAME: Final = ": Account {"
_SLOTS: Final = ", storage: {"
_SLOTS_END: Final = "}, status: "
_ADDRESS_DIGITS: Final = 42
_SLOT: Final = re.compile(
    r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+)"
)
_NO_CODE: Final = b"\0"  # of an ordinary account

Slots = dict[str, dict[int, int]]


@dataclass(frozen=True)
class Image:
    """The whole state of a chain between two blocks."""

    slots: Slots
    number: int
    time: int
    nonces: dict[str, int]


class ColdChain(RevmChain):
    """A `RevmChain` that can make all its state cold.

    >>> chain = ColdChain()
    >>> chain.settle()
    >>> chain.slots
    0
    """

    def __init__(self, options: AnvilOptions | None = None) -> None:
        super().__init__(options=options)
        self._options = options or AnvilOptions()
        self._slots: Slots = {}
        self._infos: dict[str, AccountInfo] = {}

    @property
    def slots(self) -> int:
        """Storage slots in use, counted at the last `settle`."""
        return sum(len(slots) for slots in self._slots.values())

    def settle(self) -> None:
        """Move the journal into the database of a new machine. No snapshot may be open."""
        self._refuse_open_snapshot()
        self._collect()
        self._rebuild()

    def image(self) -> Image:
        """The settled state, to come back to."""
        self.settle()
        slots = {address: dict(entries) for address, entries in self._slots.items()}
        return Image(slots, self.number, self.time, self._nonces.copy())

    def restore(self, image: Image) -> None:
        """Go back to an image, as often as one likes; what was deployed since keeps its code."""
        self._slots = {address: dict(entries) for address, entries in image.slots.items()}
        self.number, self.time = image.number, image.time
        self.next_timestamp, self._nonces = None, image.nonces.copy()
        self._marks.clear()
        self._rebuild()

    def measured(self, sender: str, to: str, data: bytes) -> Outcome:
        """A transaction in a block of its own, whose `gas` is that of a receipt."""
        self.settle()
        return self.transact(sender, to, data)

    def _refuse_open_snapshot(self) -> None:
        """Settling forgets the journal that a snapshot would come back to."""
        if self._marks:
            raise ChainError("a snapshot is open", next_step="revert to it before settling")

    def _collect(self) -> None:
        """Slots and code that the journal holds, into our own tables."""
        for _ in self._changes():
            pass
        for address, info in self._evm.journal_state.items():
            if info.balance or info.code not in (None, b"", _NO_CODE):
                self._infos[address] = info

    def _changes(self) -> Iterator[tuple[str, int, int]]:
        """Address, slot and value of what the journal changes, each written to our table first."""
        text = self._evm.journal_str
        name = text.find(_NAME)
        while name >= 0:
            start = text.index(_SLOTS, name)
            end = text.index(_SLOTS_END, start)
            address = text[name - _ADDRESS_DIGITS : name]
            slots = self._slots.setdefault(address, {})
            for found in _SLOT.finditer(text, start, end):
                slot, value = map(int, found.groups())
                if slots.get(slot, 0) == value:
                    continue
                if value:
                    slots[slot] = value
                else:
                    del slots[slot]
                yield address, slot, value
            name = text.find(_NAME, end)

    def _rebuild(self) -> None:
        """A new machine with an empty journal."""
        env = Env(cfg=CfgEnv(chain_id=self._options.chain_id), block=self._block(self.time))
        evm = EVM(env=env, spec_id=self._options.hardfork.upper())
        for address, info in self._infos.items():
            evm.insert_account_info(address, info)
        for address, slots in self._slots.items():
            for slot, value in slots.items():
                _store(evm, address, slot, value)
        self._evm = evm


class DayChain(ColdChain):
    """A `ColdChain` that settles in the time that its last transactions touched slots.

    `ColdChain` builds a new machine from all slots, which takes a second with a hundred thousand
    of them. This one writes only what has changed since the last time into the database of the
    same machine, and forgets the journal. Contracts are deployed before the first `settle`.
    """

    def __init__(self, options: AnvilOptions | None = None) -> None:
        super().__init__(options=options)
        self._floor: JournalCheckpoint | None = None

    def settle(self) -> None:
        """Move the journal into the database. No snapshot may be open."""
        if self._floor is None:
            super().settle()
        else:
            self._refuse_open_snapshot()
            changed = list(self._changes())
            self._evm.revert(self._floor)
            for address, slot, value in changed:
                _store(self._evm, address, slot, value)
        self._floor = self._evm.snapshot()

    def restore(self, image: Image) -> None:
        """Go back to an image, as often as one likes."""
        super().restore(image)
        self._floor = self._evm.snapshot()


def _store(evm: EVM, address: str, slot: int, value: int) -> None:
    """Write to the database alone.

    pyrevm 0.3.7 loads the account beside what it writes: reverting takes it out of the journal
    again.
    """
    checkpoint = evm.snapshot()
    evm.insert_account_storage(address, slot, value)
    evm.revert(checkpoint)
