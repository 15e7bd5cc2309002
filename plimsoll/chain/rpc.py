"""A small JSON-RPC client over one kept-open connection.

A library call per request would cost more than the request: on a local chain this
client sends a transaction and reads its receipt in about two milliseconds.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from plimsoll.errors import (
    ChainError,
    ConfigError,
    ContractReverted,
    RpcError,
    TransactionPending,
    UnfundedKey,
    WrongRpc,
)

Receipt: TypeAlias = dict[str, Any]
Request: TypeAlias = tuple[str, Sequence[Any]]

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_PANIC_NAMES = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of range",
}
_QUANTITIES = ("value", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "nonce")


class Rpc:
    """One endpoint. Not for use from several threads at once: give each its own."""

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"{url!r} is not an http address", next_step="write it like http://127.0.0.1:8545"
            )
        self.url = url
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        make = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = make(parts.hostname, parts.port, timeout=timeout_s)
        self._next_id = 0

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    # --- requests ----------------------------------------------------------------------

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Result of one request; a refusal becomes an error of `plimsoll.errors`."""
        return self._result(method, params, self._post(self._request(method, params)))

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results of many requests in one round trip, in the order asked.

        The first refusal raises; the requests after it have been carried out too.
        """
        if not requests:
            return []
        bodies = [self._request(method, params) for method, params in requests]
        answers = self._post(bodies)
        if not isinstance(answers, list):
            raise WrongRpc(self.url, "answered a batch with something else")
        by_id = {answer["id"]: answer for answer in answers}
        return [
            self._result(method, params, by_id[body["id"]])
            for (method, params), body in zip(requests, bodies, strict=True)
        ]

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        self._next_id += 1
        return {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": list(params)}

    def _post(self, body: Any) -> Any:
        payload = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        try:
            self._connection.request("POST", self._path, payload, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            # the request may have been carried out: never repeat it here
            self._connection.close()
            raise WrongRpc(self.url, f"does not answer: {_plain_words(error)}") from error
        try:
            return json.loads(text)
        except ValueError as error:
            raise WrongRpc(
                self.url, f"answered with status {response.status} and no JSON"
            ) from error

    def _result(self, method: str, params: Sequence[Any], answer: Any) -> Any:
        if isinstance(answer, dict) and "error" in answer:
            raise _refusal(method, params, answer["error"])
        if not isinstance(answer, dict) or "result" not in answer:
            raise WrongRpc(self.url, f"answered {method} with neither result nor error")
        return answer["result"]

    # --- reading -----------------------------------------------------------------------

    def client_version(self) -> str:
        """Name and version of the node."""
        return str(self.call("web3_clientVersion"))

    def chain_id(self) -> int:
        """The chain's id, as signatures use it."""
        return int(self.call("eth_chainId"), 16)

    def accounts(self) -> list[str]:
        """Accounts that the node itself can sign for."""
        return list(self.call("eth_accounts"))

    def block_number(self) -> int:
        """Height of the newest block."""
        return int(self.call("eth_blockNumber"), 16)

    def timestamp(self) -> int:
        """Unix time of the newest block."""
        return int(self.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)

    def balance(self, address: str) -> int:
        """Native coin of an account, in wei."""
        return int(self.call("eth_getBalance", [address, "latest"]), 16)

    def code(self, address: str) -> bytes:
        """Runtime code of a contract, empty for an ordinary account."""
        return bytes.fromhex(self.call("eth_getCode", [address, "latest"])[2:])

    def eth_call(
        self,
        to: str,
        data: bytes,
        *,
        sender: str | None = None,
        value: int = 0,
        block: int | str = "latest",
    ) -> bytes:
        """Run a call without sending it, and return its raw result."""
        request = transaction(to=to, data=data, sender=sender, value=value)
        at = hex(block) if isinstance(block, int) else block
        return bytes.fromhex(self.call("eth_call", [request, at])[2:])

    # --- writing -----------------------------------------------------------------------

    def send_transaction(self, request: Mapping[str, Any], *, timeout_s: float = 60.0) -> Receipt:
        """Send from an account of the node and wait for the receipt.

        `request` is as `transaction` builds it. Without `gas` the node chooses a limit.
        """
        return self.wait(self.call("eth_sendTransaction", [dict(request)]), timeout_s=timeout_s)

    def send_raw(self, signed: bytes, *, timeout_s: float = 60.0) -> Receipt:
        """Send a signed transaction and wait for the receipt."""
        tx_hash = self.call("eth_sendRawTransaction", ["0x" + signed.hex()])
        return self.wait(tx_hash, timeout_s=timeout_s)

    def wait(self, tx_hash: str, *, timeout_s: float = 60.0) -> Receipt:
        """Receipt of a sent transaction; raises `ContractReverted` if it failed."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.001
        while True:
            receipt: Receipt | None = self.call("eth_getTransactionReceipt", [tx_hash])
            if receipt is not None:
                if int(receipt["status"], 16) == 0:
                    raise self._failure(tx_hash)
                return receipt
            if time.monotonic() >= deadline:
                raise TransactionPending(tx_hash, timeout_s)
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.5)

    def _failure(self, tx_hash: str) -> ContractReverted:
        """Why a mined transaction failed, from its trace if the node keeps traces."""
        try:
            trace = self.call("debug_traceTransaction", [tx_hash, {"tracer": "callTracer"}])
        except RpcError:
            return ContractReverted("", tx_hash=tx_hash)
        data = bytes.fromhex(trace.get("output", "0x")[2:])
        reason = decode_revert(data)
        if not reason and trace.get("error") not in (None, "execution reverted"):
            # not the contract's words, but the machine's: out of gas and the like
            reason = str(trace["error"])
        return ContractReverted(reason, data, tx_hash)

    # --- only on a local chain ---------------------------------------------------------

    def snapshot(self) -> str:
        """Remember the state of a local chain."""
        return str(self.call("evm_snapshot"))

    def revert(self, snapshot_id: str) -> None:
        """Go back to a snapshot, which is used up by it."""
        if not self.call("evm_revert", [snapshot_id]):
            raise ChainError(
                f"the chain does not know snapshot {snapshot_id}",
                next_step="take a new snapshot; each can be used once",
            )

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo on leaving whatever the block did to a local chain."""
        snapshot_id = self.snapshot()
        try:
            yield
        finally:
            self.revert(snapshot_id)

    def mine(self, blocks: int = 1, *, interval_s: int | None = None) -> None:
        """Mine empty blocks, `interval_s` apart if given."""
        interval = [] if interval_s is None else [hex(interval_s)]
        self.call("anvil_mine", [hex(blocks), *interval])

    def increase_time(self, seconds: int) -> None:
        """Move a local chain's clock on and mine a block that shows it."""
        self.batch([("evm_increaseTime", [hex(seconds)]), ("evm_mine", [])])

    def set_next_timestamp(self, timestamp: int) -> None:
        """Choose the time of the next block; it must be later than the newest one."""
        self.call("evm_setNextBlockTimestamp", [hex(timestamp)])

    def set_automine(self, enabled: bool) -> None:
        """Whether each transaction is mined at once."""
        self.call("evm_setAutomine", [enabled])

    def set_balance(self, address: str, wei: int) -> None:
        """Give an account this much native coin."""
        self.call("anvil_setBalance", [address, hex(wei)])

    @contextmanager
    def impersonating(self, address: str) -> Iterator[None]:
        """Send as `address` without its key, inside the block."""
        self.call("anvil_impersonateAccount", [address])
        try:
            yield
        finally:
            self.call("anvil_stopImpersonatingAccount", [address])


def transaction(
    *,
    to: str | None = None,
    data: bytes = b"",
    sender: str | None = None,
    **quantities: int | None,
) -> dict[str, Any]:
    """A request for `send_transaction`; without `to` it deploys `data`.

    Numbers (`value`, `gas`, `gasPrice`, `nonce` …) are given as Python integers.
    """
    unknown = set(quantities) - set(_QUANTITIES)
    if unknown:
        raise TypeError(f"unknown transaction field: {', '.join(sorted(unknown))}")
    request: dict[str, Any] = {"data": "0x" + data.hex()}
    if to is not None:
        request["to"] = to
    if sender is not None:
        request["from"] = sender
    for name, number in quantities.items():
        if number is not None:
            request[name] = hex(number)
    return request


def decode_revert(data: bytes) -> str:
    """The reason in a revert's return data: its text, its panic, its bytes or nothing."""
    selector, payload = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            return str(decode(["string"], payload)[0])
        if selector == _PANIC:
            code = int(decode(["uint256"], payload)[0])
            return f"panic 0x{code:02x}: {_PANIC_NAMES.get(code, 'unknown')}"
    except (DecodingError, UnicodeDecodeError):
        pass
    return "0x" + data.hex() if data else ""


def _plain_words(error: OSError | http.client.HTTPException) -> str:
    """What went wrong on the way to the endpoint, for a reader who knows no Python."""
    match error:
        case ConnectionRefusedError():
            return "nothing listens there"
        case TimeoutError():
            return "it took too long"
        case socket.gaierror():
            return "its host name cannot be looked up"
        case ssl.SSLError():
            return "no secure connection to it can be made"
        case ConnectionError():  # also http.client.RemoteDisconnected
            return "it closed the connection"
        case OSError():
            return (error.strerror or "the network failed").lower()
        case _:
            return "what it said is not HTTP"


def _refusal(method: str, params: Sequence[Any], error: Mapping[str, Any]) -> ChainError:
    """The error of our tree for a JSON-RPC error object."""
    message = str(error.get("message", ""))
    code = int(error.get("code", 0))
    lowered = message.lower()
    if "insufficient funds" in lowered:
        sender = params[0].get("from") if params and isinstance(params[0], dict) else None
        return UnfundedKey(sender, message)
    # geth answers 3 to every revert; Anvil and Hardhat say so in the text
    if code == 3 or "revert" in lowered:
        data = error.get("data")
        if isinstance(data, str) and data.startswith("0x"):
            raw = bytes.fromhex(data[2:])
            return ContractReverted(decode_revert(raw), raw)
        return ContractReverted(message.partition("reverted: ")[2])
    return RpcError(method, code, message)
