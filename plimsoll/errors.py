"""Every error that Plimsoll raises on purpose.

    PlimsollError
    ├── ConfigError            a setting or a deployment file is wrong
    ├── InputError             a value that the caller passed is wrong
    ├── ArtifactError          the compiled contracts are missing or do not compile
    └── ChainError             something between us and the chain
        ├── AnvilNotFound      no local chain is installed
        ├── AnvilCrashed       the local chain ended by itself
        ├── PortBusy           another program listens where the chain should
        ├── WrongRpc           the endpoint is not what we need, or does not answer
        ├── RpcError           the endpoint refused a request
        ├── TransactionPending no receipt in time
        ├── UnfundedKey        the account cannot pay
        └── ContractReverted   the contract said no, and why
            └── BrokerRefused  a contract of the broker layer did, and what helps

Programs print `str(error)` and leave with `error.exit_code`.
"""

from __future__ import annotations

from typing import ClassVar


class PlimsollError(Exception):
    """Root of the tree: what is wrong, and what the reader can do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}\n  -> {next_step}")
        self.problem = problem
        self.next_step = next_step


class ConfigError(PlimsollError):
    """A setting or a deployment file is wrong."""

    exit_code = 2


class InputError(PlimsollError):
    """A value that the caller passed is wrong."""

    exit_code = 2


class ArtifactError(PlimsollError):
    """The compiled contracts are missing, or the sources do not compile."""

    exit_code = 3


class ChainError(PlimsollError):
    """Something between us and the chain went wrong."""

    exit_code = 4


class AnvilNotFound(ChainError):
    """No local chain is installed."""

    def __init__(self, searched: list[str]) -> None:
        super().__init__(
            f"anvil not found (looked in {', '.join(searched)})",
            next_step="run `make setup`, it installs anvil into node_modules",
        )


class AnvilCrashed(ChainError):
    """The local chain ended by itself, or never answered."""

    def __init__(self, command: list[str], output: str) -> None:
        super().__init__(
            f"anvil did not stay up: {output.strip() or 'it printed nothing'}",
            next_step=f"run it by hand to see more: {' '.join(command)}",
        )


class PortBusy(ChainError):
    """Another program listens where the local chain should."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is in use by another program",
            next_step="stop that program, or name another port with --port",
        )
        self.port = port


class WrongRpc(ChainError):
    """The endpoint does not answer, or is not the chain we need."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(
            f"{url}: {problem}",
            next_step="check the address of the endpoint and that its node is running",
        )
        self.url = url


class RpcError(ChainError):
    """The endpoint refused a request."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(
            f"{method} failed: {message} (code {code})",
            next_step="check that the node supports the method and the parameters fit it",
        )
        self.method = method
        self.code = code
        self.message = message


class TransactionPending(ChainError):
    """A transaction got no receipt in time."""

    def __init__(self, tx_hash: str, seconds: float) -> None:
        super().__init__(
            f"no receipt for {tx_hash} after {seconds:g} s",
            next_step="it may still be mined: look the hash up before sending it again",
        )
        self.tx_hash = tx_hash


class UnfundedKey(ChainError):
    """The account cannot pay for the transaction."""

    def __init__(self, address: str | None, message: str) -> None:
        super().__init__(
            f"{address or 'the sender'} cannot pay: {message}",
            next_step="send it the chain's native coin for gas, or use another key",
        )
        self.address = address


class ContractReverted(ChainError):
    """The contract refused; `reason` is its text, empty if it gave none.

    `data` is the raw return data, for contracts that revert with something else.
    """

    exit_code = 5

    def __init__(
        self,
        reason: str,
        data: bytes = b"",
        tx_hash: str | None = None,
        *,
        next_step: str = "nothing was changed; correct the call and send it again",
    ) -> None:
        where = f" in {tx_hash}" if tx_hash else ""
        super().__init__(
            f"contract reverted{where}: {reason or 'no reason given'}", next_step=next_step
        )
        self.reason = reason
        self.data = data
        self.tx_hash = tx_hash


class BrokerRefused(ContractReverted):
    """A contract of the broker layer refused; the next step says what would help."""
