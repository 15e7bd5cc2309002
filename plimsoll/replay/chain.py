"""A chain in this process for a day with many accounts: every measured transaction starts cold.

`ColdChain` makes slots cold by building a new machine from all of them, which takes a second
with a hundred thousand slots. `DayChain` writes only what has changed since the last time into
the database of the same machine, and forgets the journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from eth_utils.crypto import keccak
from pyrevm import JournalCheckpoint

from plimsoll.bench.cold import ColdChain, Image
from plimsoll.chain import AnvilOptions
from plimsoll.contract import Contract
from plimsoll.errors import ChainError, InputError

_WORD: Final = 2**256
# The journal as pyrevm prints it: of each account its name, its code as runs of thousands of
# digits, and its slots in decimals.
_NAME: Final = ": Account {"
_SLOTS: Final = ", storage: {"
_SLOTS_END: Final = "}, status: "
_ADDRESS_DIGITS: Final = 42
_SLOT: Final = re.compile(
    r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+)"
)


class DayChain(ColdChain):
    """A `ColdChain` that settles in the time that its last transactions touched slots.

    Contracts are deployed before the first `settle`.
    """

    def __init__(self, options: AnvilOptions | None = None) -> None:
        super().__init__(options=options)
        self._floor: JournalCheckpoint | None = None

    def settle(self) -> None:
        """Move the journal into the database. No snapshot may be open."""
        if self._floor is None:
            super().settle()
            self._floor = self._evm.snapshot()
            return
        if self._marks:
            raise ChainError("a snapshot is open", next_step="revert to it before settling")
        changed = list(self._changes())
        self._evm.revert(self._floor)
        for address, slot, value in changed:
            # see ColdChain: the database keeps what reverting takes out of the journal
            checkpoint = self._evm.snapshot()
            self._evm.insert_account_storage(address, slot, value)
            self._evm.revert(checkpoint)
        self._floor = self._evm.snapshot()

    def restore(self, image: Image) -> None:
        """Go back to an image, as often as one likes."""
        super().restore(image)
        self._floor = self._evm.snapshot()

    def _changes(self) -> Iterator[tuple[str, int, int]]:
        """Address, slot and value of what the journal holds and our tables do not, yet."""
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


class Form:
    """Call data with blanks, filled in without encoding it anew.

    Blanks are `blank(0)`, `blank(1)` … wherever a number stands, `blank_address(0)` … wherever an
    address does; they are filled in by position.
    """

    def __init__(self, contract: Contract, function: str, *args: Any) -> None:
        data = contract.encode(function, *args)
        found: list[tuple[int, int]] = []
        number = 0
        while (word := blank(number).to_bytes(32)) in data:
            start = -1
            while (start := data.find(word, start + 1)) >= 0:
                found.append((start, number))
            number += 1
        self.blanks = number
        self._parts: list[bytes] = []
        self._numbers: list[int] = []
        position = 0
        for start, index in sorted(found):
            self._parts.append(data[position:start])
            self._numbers.append(index)
            position = start + 32
        self._rest = data[position:]

    def filled(self, *values: int) -> bytes:
        """The call data with the values, signed ones too, in the places of the blanks."""
        if len(values) != self.blanks:
            raise InputError(
                f"{len(values)} values for {self.blanks} blanks", next_step="give one for each"
            )
        words = [(value % _WORD).to_bytes(32) for value in values]
        pieces = [
            piece
            for part, index in zip(self._parts, self._numbers, strict=True)
            for piece in (part, words[index])
        ]
        return b"".join((*pieces, self._rest))


def blank(number: int) -> int:
    """The number that stands for a value to come; it fits an address."""
    return int.from_bytes(keccak(text=f"blank {number}")[:20]) >> 1


def blank_address(number: int) -> str:
    """The same as an address."""
    return "0x" + blank(number).to_bytes(20).hex()


def words_of(raw: bytes) -> Sequence[int]:
    """A static result as unsigned words."""
    return [int.from_bytes(raw[at : at + 32]) for at in range(0, len(raw), 32)]


def signed(word: int) -> int:
    """A word read as int256."""
    return word - _WORD if word >> 255 else word
