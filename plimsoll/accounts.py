"""Account ids: an owner's address (20 bytes) followed by a sub-account number (12 bytes)."""

from __future__ import annotations

from typing import Final

from eth_utils.address import is_address, to_checksum_address

from plimsoll.errors import InputError

MAX_SUBACCOUNT: Final = 2**96 - 1
MAX_ACCOUNT: Final = 2**256 - 1


def account_id(owner: str, subaccount: int = 0) -> int:
    """The account id of an owner's sub-account."""
    if not is_address(owner):
        raise InputError(
            f"not an address: {owner!r}", next_step="give 20 bytes in hex, 0x in front"
        )
    if not 0 <= subaccount <= MAX_SUBACCOUNT:
        raise InputError(
            f"sub-account out of range: {subaccount}", next_step="use a number of at most 12 bytes"
        )
    return int(owner, 16) << 96 | subaccount


def split(account: int) -> tuple[str, int]:
    """The owner's checksum address and the sub-account number of an account id."""
    if not 0 <= account <= MAX_ACCOUNT:
        raise InputError(
            f"account id out of range: {account}", next_step="make ids with `account_id`"
        )
    return to_checksum_address((account >> 96).to_bytes(20, "big")), account & MAX_SUBACCOUNT


def owner_of(account: int) -> str:
    """The checksum address that owns an account."""
    return split(account)[0]
