"""Start and stop a local Anvil chain."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eth_account import Account

from plimsoll.chain.rpc import Rpc
from plimsoll.errors import AnvilCrashed, AnvilNotFound, PortBusy, WrongRpc

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
MNEMONIC = "test test test test test test test test test test test junk"

_OUTPUT_TAIL = 2_000


@dataclass(frozen=True, kw_only=True)
class AnvilOptions:
    """The chain to start.

    The defaults suit tests: a block holds the deployment of several contracts at the
    code size limit, gas is free, and each transaction is mined at once.
    """

    gas_limit: int = 30_000_000
    hardfork: str = "cancun"
    accounts: int = 30
    balance_ether: int = 1_000_000
    base_fee: int = 0
    chain_id: int = 31_337
    block_time_s: int | None = None
    genesis_timestamp: int | None = None

    def flags(self) -> list[str]:
        """The command line that asks Anvil for this chain."""
        values: dict[str, int | str | None] = {
            "--gas-limit": self.gas_limit,
            "--hardfork": self.hardfork,
            "--accounts": self.accounts,
            "--balance": self.balance_ether,
            "--block-base-fee-per-gas": self.base_fee,
            "--chain-id": self.chain_id,
            "--mnemonic": MNEMONIC,
            "--block-time": self.block_time_s,
            "--timestamp": self.genesis_timestamp,
        }
        return [
            part
            for flag, value in values.items()
            if value is not None
            for part in (flag, str(value))
        ]


class AnvilProcess:
    """A local chain for the length of a `with` block.

    >>> with AnvilProcess() as anvil:
    ...     anvil.rpc.block_number()
    0

    Without `port` a free one is chosen. Only the process started here is stopped.
    """

    def __init__(
        self,
        port: int | None = None,
        options: AnvilOptions | None = None,
        *,
        start_timeout_s: float = 30.0,
    ) -> None:
        self.port = free_port() if port is None else port
        self.options = options or AnvilOptions()
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._states: tempfile.TemporaryDirectory[str] | None = None
        self._rpc: Rpc | None = None

    @property
    def url(self) -> str:
        """Where the chain listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def rpc(self) -> Rpc:
        """A client for this chain."""
        if self._rpc is None:
            self._rpc = Rpc(self.url)
        return self._rpc

    @property
    def pid(self) -> int | None:
        """Process id while the chain runs."""
        return self._process.pid if self._process is not None else None

    @property
    def states_folder(self) -> str:
        """Where the running chain puts states that do not fit into memory; gone when it stops."""
        assert self._states is not None
        return self._states.name

    def start(self) -> Self:
        """Start Anvil and return when it answers."""
        if is_listening(self.port):
            raise PortBusy(self.port)
        # where old states go: by itself Anvil leaves gigabytes of them in the home folder
        self._states = tempfile.TemporaryDirectory(prefix="plimsoll-anvil-")
        command = [
            *(find_anvil(), "--quiet", "--port", str(self.port)),
            *("--cache-path", self._states.name),
            *self.options.flags(),
        ]
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: we still need the chain while we clean up
            start_new_session=True,
        )
        atexit.register(self.stop)
        try:
            self._wait_until_ready(command)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the chain if this object started it; harmless when called twice."""
        atexit.unregister(self.stop)
        if self._rpc is not None:
            self._rpc.close()
            self._rpc = None
        if self._process is not None:
            _end_group(self._process)
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
        if self._states is not None:
            self._states.cleanup()
            self._states = None

    def _wait_until_ready(self, command: list[str]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if is_listening(self.port):
                try:
                    client = self.rpc.client_version()
                except WrongRpc:
                    # it listens before it answers
                    continue
                if self._process.poll() is None and client.lower().startswith("anvil"):
                    return
                raise PortBusy(self.port)
            time.sleep(0.02)
        raise AnvilCrashed(command, self._output_tail())

    def _output_tail(self) -> str:
        assert self._output is not None
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-_OUTPUT_TAIL:]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def find_anvil(root: Path = PROJECT_ROOT) -> str:
    """Path of the Anvil binary: the project's own first, then PATH.

    The platform package holds the real binary; the command beside it is a Node script
    that would stand between us and the process we want to stop.
    """
    modules = root / "node_modules"
    for native in sorted(modules.glob("@foundry-rs/anvil-*/bin/anvil*")):
        if os.access(native, os.X_OK):
            return str(native)
    on_path = shutil.which("anvil", path=f"{modules / '.bin'}{os.pathsep}{os.environ['PATH']}")
    if on_path is None:
        raise AnvilNotFound([str(modules), "PATH"])
    return on_path


def is_listening(port: int) -> bool:
    """Whether any program accepts connections on `port` of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """A port that no program uses at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@functools.cache
def dev_key(index: int) -> str:
    """Private key of the chain's `index`-th account; worthless anywhere else."""
    Account.enable_unaudited_hdwallet_features()
    key: str = Account.from_mnemonic(
        MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}"
    ).key.to_0x_hex()
    return key


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, politely first."""
    for sign, patience_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, sign)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
