"""The Ethereum machine in this process, through pyrevm: transactions, blocks, snapshots.

`plimsoll.chain.revm` makes a chain of it that answers requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env, ExecutionResult, JournalCheckpoint

from plimsoll.chain.rpc import decode_revert
from plimsoll.errors import ChainError, RpcError

MAX_OPEN_SNAPSHOTS: Final = 200
"""Open snapshots take from the depth of 1024 that calls may reach."""

_REVERT: Final = "output: 0x"  # how pyrevm writes what a reverted call returned
_HALT: Final = "Halt { reason: "
_SENDER_IS_CONTRACT: Final = "RejectCallerWithCode"
_ERROR_STRING: Final = bytes.fromhex("08c379a0")
_CODE_PADDING: Final = 33
_BAD_PARAMS: Final = -32_602


class Outcome:
    """What a transaction did. Nothing is decoded before it is asked for."""

    __slots__ = ("_halt", "_result", "gas", "ok", "output")

    def __init__(
        self, ok: bool, output: bytes, gas: int, halt: str, result: ExecutionResult | None
    ) -> None:
        self.ok = ok
        """Whether it succeeded."""
        self.output = output
        """What it returned, or the bytes it reverted with."""
        self.gas = gas
        """Used, before refunds; less than on a node, whose slots start cold."""
        self._halt = halt
        self._result = result

    @property
    def reason(self) -> str | None:
        """Why it failed, as `ContractReverted.reason`; None if it did not."""
        if self.ok:
            return None
        return self._halt or revert_reason(self.output)

    @property
    def logs(self) -> list[tuple[str, list[bytes], bytes]]:
        """Its log entries: address, topics, data."""
        if self._result is None:
            return []
        return [(log.address, *log.data) for log in self._result.logs]


@dataclass(frozen=True, slots=True)
class _Mark:
    """All that a snapshot has to bring back."""

    name: str
    checkpoint: JournalCheckpoint
    number: int
    time: int
    next_timestamp: int | None
    nonces: dict[str, int]


class BlockMachine:
    """Accounts and code; every transaction is a block of its own, with its own time.

    Addresses may be written in any case.
    """

    def __init__(
        self,
        *,
        chain_id: int,
        hardfork: str,
        gas_limit: int,
        genesis_timestamp: int,
        interval_s: int,
    ) -> None:
        self.gas_limit = gas_limit
        self.number = 0
        self.time = genesis_timestamp
        self.interval_s = interval_s
        self.next_timestamp: int | None = None
        """Of the next block; None: an interval after the newest."""
        env = Env(cfg=CfgEnv(chain_id=chain_id), block=self._block(self.time))
        self._evm = EVM(env=env, spec_id=hardfork.upper())
        self._nonces: dict[str, int] = {}
        self._codes: dict[str, bytes] = {}  # of contracts that have sent transactions
        self._marks: list[_Mark] = []
        self._marks_made = 0

    # --- transactions ------------------------------------------------------------------

    def transact(
        self, sender: str, to: str, data: bytes, timestamp: int | None = None, value: int = 0
    ) -> Outcome:
        """One transaction in a block of its own, which stays mined if it fails.

        `sender` may be anybody, a contract too. Without `timestamp` the block comes an interval
        after the last one.
        """
        self.new_block(timestamp)
        self._count(sender)
        return self.run(sender, to, data, value, self.gas_limit)

    def create(self, sender: str, code: bytes, value: int, gas: int) -> tuple[str, Outcome]:
        """Deploy in the newest block; the address follows from the sender's nonce, as on a node."""
        nonce = self._count(sender)
        self._set_account(sender, AccountInfo(nonce=nonce))
        self._evm.reset_transient_storage()
        try:
            address = self._evm.deploy(sender, code, value, gas)
        except RuntimeError as error:
            return "", _failure(str(error), gas)
        return to_checksum_address(address), _success(b"", self._evm.result)

    def run(self, sender: str, to: str, data: bytes, value: int, gas: int) -> Outcome:
        """Carry a transaction out in the newest block."""
        evm = self._evm
        evm.reset_transient_storage()
        try:
            output = evm.message_call(sender, to, data, value, gas)
        except RuntimeError as error:
            text = str(error)
            if _SENDER_IS_CONTRACT in text:
                with self._without_code(sender):
                    return self.run(sender, to, data, value, gas)
            return _failure(text, gas)
        return _success(output, evm.result)

    def run_and_forget(self, sender: str, to: str, data: bytes, value: int = 0) -> Outcome:
        """Carry a transaction out and undo it."""
        checkpoint = self._evm.snapshot()
        try:
            return self.run(sender, to, data, value, self.gas_limit)
        finally:
            self._evm.revert(checkpoint)

    @contextmanager
    def at_time(self, timestamp: int) -> Iterator[None]:
        """The newest block has another time, inside the block."""
        self._evm.set_block_env(self._block(timestamp))
        try:
            yield
        finally:
            self._evm.set_block_env(self._block(self.time))

    def nonce(self, address: str) -> int:
        """Transactions sent by an address."""
        return self._nonces.get(address.lower(), 0)

    def code(self, address: str) -> bytes:
        """Runtime code of a contract, empty for an ordinary account."""
        code = bytes(self._evm.get_code(address) or b"")
        if code and keccak(code) != self._evm.basic(address).code_hash:
            # revm pads what it has analysed
            return code[:-_CODE_PADDING]
        return code

    def balance(self, address: str) -> int:
        """Native coin of an account, in wei."""
        return self._evm.get_balance(address)

    def set_balance(self, address: str, wei: int) -> None:
        """Give an account this much native coin."""
        self._evm.set_balance(address, wei)

    def _count(self, sender: str) -> int:
        """The sender's nonce, used up."""
        sender = sender.lower()
        nonce = self._nonces.get(sender, 0)
        self._nonces[sender] = nonce + 1
        return nonce

    @contextmanager
    def _without_code(self, address: str) -> Iterator[None]:
        """Let a contract send a transaction: revm refuses senders that have code."""
        code = self._codes.get(address)
        if code is None:
            code = self._codes[address] = self.code(address)
        self._set_account(address, AccountInfo(nonce=1))
        try:
            yield
        finally:
            self._set_account(address, AccountInfo(nonce=1, code=code))

    def _set_account(self, address: str, info: AccountInfo) -> None:
        balance = self._evm.get_balance(address)
        self._evm.insert_account_info(address, info)
        self._evm.set_balance(address, balance)

    # --- blocks ------------------------------------------------------------------------

    def new_block(self, timestamp: int | None = None) -> None:
        """The next block begins."""
        if timestamp is None:
            timestamp = self.next_timestamp or self.time + self.interval_s
        elif timestamp < self.time:
            raise RpcError("block", _BAD_PARAMS, f"time {timestamp} lies before {self.time}")
        self.time = timestamp
        self.number += 1
        self.next_timestamp = None
        self._evm.set_block_env(self._block(timestamp))

    def _block(self, timestamp: int) -> BlockEnv:
        return BlockEnv(number=self.number, timestamp=timestamp, basefee=0)

    # --- snapshots ---------------------------------------------------------------------

    def snapshot(self) -> str:
        """Remember the state, the block's number and time included.

        Snapshots nest. One that is not gone back to has to be released, or it costs memory.
        """
        if len(self._marks) >= MAX_OPEN_SNAPSHOTS:
            raise ChainError(
                f"{MAX_OPEN_SNAPSHOTS} snapshots are open",
                next_step="go back to them with revert(), or give them up with release()",
            )
        self._marks_made += 1
        name = hex(self._marks_made)
        checkpoint = self._evm.snapshot()
        self._marks.append(
            _Mark(
                name, checkpoint, self.number, self.time, self.next_timestamp, self._nonces.copy()
            )
        )
        return name

    def revert(self, snapshot_id: str) -> None:
        """Go back to a snapshot, which is used up by it, as are all that came after it."""
        position = self._position(snapshot_id)
        while len(self._marks) > position:
            mark = self._marks.pop()
            self._evm.revert(mark.checkpoint)
        self.number, self.time = mark.number, mark.time
        self.next_timestamp, self._nonces = mark.next_timestamp, mark.nonces
        self._evm.set_block_env(self._block(self.time))

    def release(self, snapshot_id: str) -> None:
        """Give up a snapshot, and all that came after it, and stay where the chain is."""
        position = self._position(snapshot_id)
        while len(self._marks) > position:
            self._marks.pop()
            # in pyrevm 0.3.7 `commit` closes the newest checkpoint and nothing else
            self._evm.commit()

    def _position(self, snapshot_id: str) -> int:
        for position, mark in enumerate(self._marks):
            if mark.name == snapshot_id:
                return position
        raise ChainError(
            f"the chain does not know snapshot {snapshot_id}",
            next_step="take a new snapshot; each can be used once",
        )


def revert_reason(data: bytes) -> str:
    """What `decode_revert` says, with a short way for the text of a contract."""
    if data[:4] == _ERROR_STRING and len(data) >= 100:
        length = int.from_bytes(data[36:68])
        try:
            return data[68 : 68 + length].decode()
        except UnicodeDecodeError:
            pass
    return decode_revert(data)


def _success(output: bytes, result: ExecutionResult | None) -> Outcome:
    assert result is not None
    return Outcome(True, output, result.gas_used, "", result)


def _failure(text: str, gas: int) -> Outcome:
    """The outcome in the text of pyrevm's error."""
    start = text.find(_REVERT)
    if start >= 0:
        used = int(text[text.index("gas_used: ") + 10 : text.index(",")])
        output = bytes.fromhex(text[start + len(_REVERT) : text.rindex(" }")])
        return Outcome(False, output, used, "", None)
    if text.startswith(_HALT):
        # the machine's word, such as OutOfGas(Basic)
        return Outcome(False, b"", gas, text[len(_HALT) : text.rindex(", gas_used")], None)
    return Outcome(False, b"", 0, text, None)
