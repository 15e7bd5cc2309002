"""Call data with blanks, and what comes back: a day of many equal calls encodes each kind once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eth_utils.crypto import keccak

from plimsoll.contract import Contract
from plimsoll.errors import InputError

_WORD: Final = 2**256


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
