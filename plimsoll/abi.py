"""How the ABI names functions and events: types written out, selectors, topics.

Source: the contract ABI specification of Solidity, which Vyper follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_utils.crypto import keccak


def type_of(item: Mapping[str, Any]) -> str:
    """The type of a parameter as encoders want it, structs written out."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(part) for part in item['components'])}){kind[len('tuple') :]}"


def signature(entry: Mapping[str, Any]) -> str:
    """Name and parameter types of a function or event."""
    return f"{entry['name']}({','.join(type_of(item) for item in entry['inputs'])})"


def selector(entry: Mapping[str, Any]) -> bytes:
    """The four bytes by which a function is called."""
    return bytes(keccak(text=signature(entry))[:4])


def topic(entry: Mapping[str, Any]) -> bytes:
    """The first topic of an event's logs, 32 bytes."""
    return bytes(keccak(text=signature(entry)))
