"""A local chain and a way to talk to any chain."""

from plimsoll.chain.anvil import AnvilOptions, AnvilProcess, dev_key, is_listening
from plimsoll.chain.rpc import Receipt, Rpc, decode_revert

__all__ = [
    "AnvilOptions",
    "AnvilProcess",
    "Receipt",
    "Rpc",
    "decode_revert",
    "dev_key",
    "is_listening",
]
