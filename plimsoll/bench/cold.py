"""A chain in process whose gas is a receipt's: before it is measured, every slot becomes cold.

revm keeps all transactions of a machine in one journal, in which a slot once touched is warm and
its original value is that of long ago. `ColdChain.settle` reads the journal, and starts a new
machine whose database holds what the journal held: the next transaction pays for every first
access, and writes against the values it finds, as on a node. Gas is after refunds and includes
the transaction's own 21,000 and its call data (`tests/sdk/test_bench.py` compares with Anvil).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyrevm import EVM, AccountInfo, CfgEnv, Env

from plimsoll.chain import AnvilOptions
from plimsoll.chain.evm import Outcome
from plimsoll.chain.revm import RevmChain
from plimsoll.errors import ChainError

# the journal as pyrevm prints it: an account, then its slots, in decimals
_JOURNAL: Final = re.compile(
    r"(0x[0-9a-f]{40}): Account \{"
    r"|(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+)"
)
_NO_CODE: Final = b"\0"  # of an ordinary account
_JOURNAL_END: Final = ", transient_storage: "

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
        if self._marks:
            raise ChainError("a snapshot is open", next_step="revert to it before settling")
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

    def _collect(self) -> None:
        """Slots and code that the journal holds, into our own tables."""
        text = self._evm.journal_str
        slots: dict[int, int] = {}
        for found in _JOURNAL.finditer(text, 0, text.index(_JOURNAL_END)):
            address, slot, value = found.groups()
            if address:
                slots = self._slots.setdefault(address, {})
            elif value == "0":
                slots.pop(int(slot), None)
            else:
                slots[int(slot)] = int(value)
        for address in [address for address, entries in self._slots.items() if not entries]:
            del self._slots[address]
        for address, info in self._evm.journal_state.items():
            if info.balance or info.code not in (None, b"", _NO_CODE):
                self._infos[address] = info

    def _rebuild(self) -> None:
        """A new machine with an empty journal."""
        env = Env(cfg=CfgEnv(chain_id=self._options.chain_id), block=self._block(self.time))
        evm = EVM(env=env, spec_id=self._options.hardfork.upper())
        for address, info in self._infos.items():
            evm.insert_account_info(address, info)
        for address, slots in self._slots.items():
            for slot, value in slots.items():
                # pyrevm 0.3.7 writes to the database, and loads the account beside it: reverting
                # takes the account out of the journal again and leaves the database alone
                checkpoint = evm.snapshot()
                evm.insert_account_storage(address, slot, value)
                evm.revert(checkpoint)
        self._evm = evm
