"""The contracts' bytecode on revm, inside this process: a chain without a node.

`RevmChain` answers the requests of `Rpc` that deployments, contracts and clients make, so the
same code runs on it. `transact` and `static` are the short way for millions of steps.

What differs from a node:
- Time moves only with blocks: every transaction is a block of its own, the interval later than
  the last one or at the time asked for. A call runs at the number and time of the newest block.
- Gas is not a receipt's: storage slots stay warm from one transaction to the next.
- Gas costs nothing, blocks have no hashes, old blocks cannot be asked.
- What was done since a snapshot is given back by `revert` whole; without it memory grows with
  every transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from eth_account import Account

from plimsoll.chain.anvil import AnvilOptions, dev_key
from plimsoll.chain.evm import BlockMachine, Outcome
from plimsoll.chain.rpc import Request, Rpc
from plimsoll.errors import ContractReverted, RpcError

DEFAULT_GENESIS: Final = 1_900_000_000

_ETHER: Final = 10**18
_RECEIPTS_KEPT: Final = 64
_UNKNOWN_METHOD: Final = -32_601
_BAD_PARAMS: Final = -32_602
_NOBODY: Final = "0x" + "00" * 20


class RevmChain(BlockMachine, Rpc):
    """A chain in this process. Not for use from several threads at once.

    >>> chain = RevmChain()
    >>> chain.block_number(), chain.chain_id()
    (0, 31337)
    """

    def __init__(
        self,
        *,
        genesis_timestamp: int = DEFAULT_GENESIS,
        interval_s: int = 1,
        options: AnvilOptions | None = None,
    ) -> None:
        """Chain id, people, balances, gas limit and fork are those of `options`.

        `interval_s` is the time from block to block.
        """
        options = options or AnvilOptions()
        # there is no connection: nothing of Rpc's own to initialize but its name
        BlockMachine.__init__(
            self,
            chain_id=options.chain_id,
            hardfork=options.hardfork,
            gas_limit=options.gas_limit,
            genesis_timestamp=options.genesis_timestamp or genesis_timestamp,
            interval_s=interval_s,
        )
        self.url = "revm"
        self._id = options.chain_id
        self._accounts = [_dev_address(index) for index in range(options.accounts)]
        for address in self._accounts:
            self.set_balance(address, options.balance_ether * _ETHER)
        self._senders = set(self._accounts)
        self._sent = 0
        self._receipts: dict[str, tuple[dict[str, Any], Outcome]] = {}
        self._methods = self._method_table()

    def close(self) -> None:
        """Nothing to close."""

    def static(self, to: str, data: bytes, timestamp: int | None = None) -> bytes:
        """Result of a call at the newest block, or at another time; whatever it changed is undone.

        Raises as `eth_call` does.
        """
        if timestamp is None or timestamp == self.time:
            return _output(self.run_and_forget(_NOBODY, to, data))
        with self.at_time(timestamp):
            return _output(self.run_and_forget(_NOBODY, to, data))

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
        self._require_newest(block)
        return _output(self.run_and_forget(sender or _NOBODY, to, data, value))

    # --- requests ----------------------------------------------------------------------

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Result of one request, in JSON-RPC's own form; only methods that are used here."""
        handler = self._methods.get(method)
        if handler is None:
            raise RpcError(method, _UNKNOWN_METHOD, "not offered by the chain in process")
        return handler(*params)

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results of many requests; the first refusal raises and ends it."""
        return [self.call(method, params) for method, params in requests]

    def client_version(self) -> str:
        """What runs here."""
        return "revm in process"

    def _method_table(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "eth_chainId": lambda: hex(self._id),
            "eth_accounts": lambda: list(self._accounts),
            "eth_blockNumber": lambda: hex(self.number),
            "eth_getBlockByNumber": self._get_block,
            "eth_getBalance": lambda address, _: hex(self.balance(address)),
            "eth_getCode": lambda address, _: "0x" + self.code(address).hex(),
            "eth_getTransactionCount": lambda address, _: hex(self.nonce(address)),
            "eth_call": self._call_request,
            "eth_estimateGas": self._estimate,
            "eth_sendTransaction": self._send,
            "eth_getTransactionReceipt": lambda tx_hash: self._receipts[tx_hash][0],
            "debug_traceTransaction": self._trace,
            "evm_mine": self._mine,
            "anvil_mine": self._mine,
            "evm_increaseTime": self._increase_time,
            "evm_setNextBlockTimestamp": self._set_next,
            "anvil_setBalance": lambda who, wei: self.set_balance(who, int(wei, 16)),
            "anvil_impersonateAccount": lambda who: self._senders.add(who.lower()),
            "anvil_stopImpersonatingAccount": lambda who: self._senders.discard(who.lower()),
            "anvil_setBlockTimestampInterval": self._set_interval,
        }

    def _require_newest(self, block: int | str) -> None:
        if block not in ("latest", "pending", self.number, hex(self.number)):
            raise RpcError("eth_call", _BAD_PARAMS, f"block {block} is not kept")

    def _get_block(self, block: str, _full: bool) -> dict[str, Any]:
        self._require_newest(block)
        return {
            "number": hex(self.number),
            "timestamp": hex(self.time),
            "gasLimit": hex(self.gas_limit),
            "baseFeePerGas": "0x0",
        }

    def _call_request(self, request: Mapping[str, Any], block: str) -> str:
        result = self.eth_call(
            request["to"],
            bytes.fromhex(request["data"][2:]),
            sender=request.get("from"),
            value=int(request.get("value", "0x0"), 16),
            block=block,
        )
        return "0x" + result.hex()

    def _estimate(self, request: Mapping[str, Any]) -> str:
        """The block's whole limit, if the transaction would succeed: gas costs nothing here."""
        with self.undone():
            _, outcome = self._carry_out(request)
        _output(outcome)
        return hex(self.gas_limit)

    def _carry_out(self, request: Mapping[str, Any]) -> tuple[str, Outcome]:
        sender = request["from"]
        data = bytes.fromhex(request["data"][2:])
        value = int(request.get("value", "0x0"), 16)
        gas = min(self.gas_limit, int(request.get("gas", hex(self.gas_limit)), 16))
        self.new_block()
        if "to" not in request:
            return self.create(sender, data, value, gas)
        self._count(sender)
        return "", self.run(sender, request["to"], data, value, gas)

    def _send(self, request: Mapping[str, Any]) -> str:
        sender = request["from"]
        if sender.lower() not in self._senders:
            raise RpcError("eth_sendTransaction", _BAD_PARAMS, f"no signer for {sender}")
        created, outcome = self._carry_out(request)
        self._sent += 1
        tx_hash = "0x" + self._sent.to_bytes(32).hex()
        block = hex(self.number)
        receipt = {
            "transactionHash": tx_hash,
            "blockNumber": block,
            "status": hex(outcome.ok),
            "gasUsed": hex(outcome.gas),
            "contractAddress": created or None,
            "logs": [
                {
                    "address": address,
                    "topics": ["0x" + topic.hex() for topic in topics],
                    "data": "0x" + data.hex(),
                    "blockNumber": block,
                    "logIndex": hex(index),
                }
                for index, (address, topics, data) in enumerate(outcome.logs)
            ],
        }
        self._receipts[tx_hash] = receipt, outcome
        if len(self._receipts) > _RECEIPTS_KEPT:
            del self._receipts[next(iter(self._receipts))]
        return tx_hash

    def _trace(self, tx_hash: str, _options: Mapping[str, Any]) -> dict[str, Any]:
        """Enough for the reason of a failure."""
        outcome = self._receipts[tx_hash][1]
        halted = None if outcome.output else outcome.reason
        return {"output": "0x" + outcome.output.hex(), "error": halted or "execution reverted"}

    def _mine(self, blocks: str = "0x1", interval: str | None = None) -> None:
        for _ in range(int(blocks, 16)):
            self.new_block(None if interval is None else self.time + int(interval, 16))

    def _increase_time(self, seconds: str) -> None:
        self.next_timestamp = self.time + int(seconds, 16)

    def _set_next(self, timestamp: str) -> None:
        chosen = int(timestamp, 16)
        if chosen <= self.time:
            raise RpcError(
                "evm_setNextBlockTimestamp",
                _BAD_PARAMS,
                f"{chosen} is not later than the newest block at {self.time}",
            )
        self.next_timestamp = chosen

    def _set_interval(self, seconds: int) -> None:
        self.interval_s = seconds


def _output(outcome: Outcome) -> bytes:
    if not outcome.ok:
        raise ContractReverted(outcome.reason or "", outcome.output)
    return outcome.output


@functools.cache
def _dev_address(index: int) -> str:
    """Lower case, as a node lists it."""
    return str(Account.from_key(dev_key(index)).address).lower()
