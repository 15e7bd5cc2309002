"""The settlement token: balances, transfers and their refusals, and 256-bit words.

The token is the well-behaved test token of six decimals. Everybody is taken to have approved our
contracts without limit.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model.state import MICRO, World, require

SCALE: Final = MICRO  # wad per token unit
ZERO_ADDRESS: Final = "0x" + "00" * 20
WORD_MAX: Final = 2**256 - 1


def word(value: int) -> int:
    """The value, if it fits an unsigned word; the contracts revert without a reason if not."""
    require(0 <= value <= WORD_MAX, "")
    return value


def balance(world: World, owner: str) -> int:
    """Token units an address has."""
    return world.tokens.get(owner, 0)


def transfer(world: World, sender: str, to: str, amount: int) -> None:
    """Move token units; refused from or to the zero address and beyond the balance."""
    require(sender != ZERO_ADDRESS, "erc20: transfer from the zero address")
    require(to != ZERO_ADDRESS, "erc20: transfer to the zero address")
    held = world.tokens.get(sender, 0)
    require(held >= amount, "erc20: transfer amount exceeds balance")
    world.tokens[sender] = held - amount
    world.tokens[to] = world.tokens.get(to, 0) + amount
