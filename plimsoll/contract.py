"""A deployed contract from Python: calls, transactions and events by name.

Values are Python integers, strings, bytes and lists; a struct is a dict by field name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from eth_abi.abi import decode, encode
from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_utils.address import to_checksum_address

from plimsoll import abi
from plimsoll.artifacts import Artifact
from plimsoll.chain import Receipt, Rpc
from plimsoll.chain.rpc import transaction
from plimsoll.errors import InputError, RpcError, UnfundedKey

_TIP_WEI: Final = 10**9  # for nodes that do not suggest one
# An estimate is made on the last block; in the next one marks may have to be refreshed and
# funding accrued first, in several markets.
_GAS_MARGIN: Final = (5, 4)
_GAS_FOR_NEXT_BLOCK: Final = 300_000
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1


class Signer(Protocol):
    """Somebody who can send transactions."""

    @property
    def address(self) -> str:
        """Checksum address."""
        ...

    def send(self, rpc: Rpc, data: bytes, to: str | None = None, gas: int | None = None) -> Receipt:
        """Send a call, or a deployment when `to` is missing, and wait for its receipt."""
        ...


@dataclass(frozen=True)
class NodeSigner:
    """An account whose key the node itself holds, as on a local chain."""

    address: str

    def send(self, rpc: Rpc, data: bytes, to: str | None = None, gas: int | None = None) -> Receipt:
        """Let the node sign and send; without `gas` its estimate and a margin."""
        if gas is None:
            gas = _gas_with_margin(rpc, self.address, data, to)
        return rpc.send_transaction(transaction(to=to, data=data, sender=self.address, gas=gas))


class KeySigner:
    """A private key held here; transactions are signed locally."""

    def __init__(self, key: str | bytes) -> None:
        digits = key.hex() if isinstance(key, bytes) else key.removeprefix("0x")
        if re.fullmatch(r"[0-9a-fA-F]{64}", digits) is None or not 0 < int(digits, 16) < _ORDER:
            # the value itself is never shown
            raise InputError("not a private key", next_step="give 32 bytes in hex, 0x in front")
        self._account = Account.from_key("0x" + digits)

    @property
    def address(self) -> str:
        """Checksum address of the key."""
        return str(self._account.address)

    def send(self, rpc: Rpc, data: bytes, to: str | None = None, gas: int | None = None) -> Receipt:
        """Sign with the key and send; without `gas` the node's estimate and a margin."""
        if gas is None:
            gas = _gas_with_margin(rpc, self.address, data, to)
        head, nonce = rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [self.address, "pending"]),
            ]
        )
        tip = self._tip(rpc)
        fee = 2 * int(head.get("baseFeePerGas", "0x0"), 16) + tip
        balance = rpc.balance(self.address)
        if balance < gas * fee:
            raise UnfundedKey(self.address, f"has {balance} wei, needs up to {gas * fee}")
        fields: dict[str, Any] = {
            "chainId": rpc.chain_id(),
            "nonce": int(nonce, 16),
            "gas": gas,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
            "value": 0,
            "data": data,
        }
        if to is not None:
            fields["to"] = to_checksum_address(to)
        return rpc.send_raw(bytes(self._account.sign_transaction(fields).raw_transaction))

    @staticmethod
    def _tip(rpc: Rpc) -> int:
        try:
            return int(rpc.call("eth_maxPriorityFeePerGas"), 16)
        except RpcError:
            return _TIP_WEI


def _gas_with_margin(rpc: Rpc, sender: str, data: bytes, to: str | None) -> int:
    request = transaction(to=to, data=data, sender=sender)
    estimate = int(rpc.call("eth_estimateGas", [request]), 16)
    return estimate * _GAS_MARGIN[0] // _GAS_MARGIN[1] + _GAS_FOR_NEXT_BLOCK


@dataclass(frozen=True)
class Event:
    """A decoded log entry."""

    name: str
    contract: str
    args: Mapping[str, Any]
    block: int

    def __getitem__(self, name: str) -> Any:
        return self.args[name]


class Contract:
    """One address with its ABI."""

    def __init__(
        self, rpc: Rpc, artifact: Artifact, address: str, engines: Sequence[Artifact] = ()
    ) -> None:
        """`engines` are contracts whose code runs here by delegatecall: their events are ours."""
        self.rpc = rpc
        self.artifact = artifact
        self._engines = engines
        self.address = to_checksum_address(address)

    @property
    def name(self) -> str:
        """Name of the contract's source."""
        return self.artifact.name

    def encode(self, function: str, *args: Any) -> bytes:
        """Call data of a function."""
        entry = self._entry(function)
        types = [abi.type_of(item) for item in entry["inputs"]]
        try:
            return abi.selector(entry) + encode(types, args)
        except (EncodingError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.name}.{function} takes ({', '.join(types)}): {error}",
                next_step="pass one value for each of them",
            ) from error

    def read(
        self, function: str, *args: Any, sender: str | None = None, block: int | str = "latest"
    ) -> Any:
        """Result of a call that is not sent: one value, or a tuple of several."""
        raw = self.rpc.eth_call(
            self.address, self.encode(function, *args), sender=sender, block=block
        )
        return self.decode_result(function, raw)

    def decode_result(self, function: str, raw: bytes) -> Any:
        """Decode what a function returned."""
        outputs = self._entry(function)["outputs"]
        values = decode([abi.type_of(item) for item in outputs], raw)
        named = tuple(_named(item, value) for item, value in zip(outputs, values, strict=True))
        return named[0] if len(named) == 1 else named

    def write(self, signer: Signer, function: str, *args: Any, gas: int | None = None) -> Receipt:
        """Send a transaction and wait for its receipt."""
        return signer.send(self.rpc, self.encode(function, *args), self.address, gas)

    def events(self, receipt: Receipt) -> list[Event]:
        """Events of this contract in a receipt, in order."""
        return [event for log in receipt["logs"] if (event := self.decode_log(log)) is not None]

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        """One log entry, or None if it is not an event of this contract."""
        if to_checksum_address(log["address"]) != self.address or not log["topics"]:
            return None
        entry = self._events_by_topic.get(log["topics"][0])
        if entry is None:
            return None
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        args: dict[str, Any] = {}
        for item, topic in zip(indexed, log["topics"][1:], strict=True):
            args[item["name"]] = decode([item["type"]], bytes.fromhex(topic[2:]))[0]
        values = decode([abi.type_of(item) for item in plain], bytes.fromhex(log["data"][2:]))
        for item, value in zip(plain, values, strict=True):
            args[item["name"]] = _named(item, value)
        return Event(entry["name"], self.name, args, int(log["blockNumber"], 16))

    def _entry(self, function: str) -> dict[str, Any]:
        try:
            return self.artifact.functions[function]
        except KeyError:
            raise InputError(
                f"{self.name} has no function {function}",
                next_step="see its interface in interfaces/",
            ) from None

    @cached_property
    def _events_by_topic(self) -> dict[str, dict[str, Any]]:
        return {
            "0x" + abi.topic(entry).hex(): entry
            for artifact in (self.artifact, *self._engines)
            for entry in artifact.events.values()
        }


def deploy_code(artifact: Artifact, args: Sequence[Any]) -> bytes:
    """Init code of a contract with its constructor arguments."""
    inputs: list[dict[str, Any]] = []
    for entry in artifact.abi:
        if entry["type"] == "constructor":
            inputs = entry["inputs"]
    return artifact.bytecode + encode([abi.type_of(item) for item in inputs], list(args))


BLUEPRINT_PREAMBLE: Final = b"\xfe\x71\x00"
"""What stands before the init code in a blueprint (ERC-5202, version 0, no data)."""


def blueprint_code(artifact: Artifact) -> bytes:
    """Init code that leaves a contract's own init code on chain, for a factory to deploy from."""
    body = BLUEPRINT_PREAMBLE + artifact.bytecode
    # PUSH2 length, RETURNDATASIZE (0), DUP2, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURN
    return b"\x61" + len(body).to_bytes(2, "big") + b"\x3d\x81\x60\x0a\x3d\x39\xf3" + body


def all_events(contracts: Iterable[Contract], receipt: Receipt) -> list[Event]:
    """Events of several contracts in a receipt, in the order they were logged."""
    known = {contract.address: contract for contract in contracts}
    events = []
    for log in receipt["logs"]:
        contract = known.get(to_checksum_address(log["address"]))
        event = contract.decode_log(log) if contract is not None else None
        if event is not None:
            events.append(event)
    return events


def _named(item: Mapping[str, Any], value: Any) -> Any:
    """A decoded value with the names of its struct fields."""
    kind = str(item["type"])
    if kind == "address":
        return to_checksum_address(value)
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_named(inner, part) for part in value]
    if kind == "tuple":
        return {
            part["name"]: _named(part, entry)
            for part, entry in zip(item["components"], value, strict=True)
        }
    return value
