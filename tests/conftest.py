"""Give Brownie's tests a chain of their own.

Brownie would start Anvil on port 8545 with a 12 million gas block and ten accounts, or
attach to whatever listens there. It also attaches to any port we tell it, so each test
process starts the chain of `AnvilOptions` on a free port first. Works for `brownie test`,
with `-n` too, and for plain `pytest`, which loads the Brownie plugin by itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from brownie._config import CONFIG
from brownie.network.rpc import anvil as anvil_backend
from brownie.test.managers import base as brownie_manager

from plimsoll.chain import AnvilProcess

NETWORK = "development"

# A call after a block is made at the block's time plus the whole seconds that have passed since:
# what is asked right after `chain.mine(timestamp=…)` must not fall into the next second.
LATEST_IN_SECOND = 0.6

_ANVIL = pytest.StashKey[AnvilProcess]()


def _readable_hash(original: Callable[[Path], str]) -> Callable[[Path], str]:
    """Keep Brownie's hash of a test file from failing.

    For `--update` it parses what the file imports as Python, and with the virtual
    environment inside the project it meets Brownie's own compiled modules.
    """

    def file_hash(path: Path) -> str:
        try:
            return original(path)
        except (ValueError, SyntaxError):
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()

    return file_hash


# before Brownie's plugin is configured: it hashes this very file then
brownie_manager._get_ast_hash = _readable_hash(brownie_manager._get_ast_hash)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the chain, unless another network was asked for."""
    if CONFIG.argv["network"] not in (None, False, NETWORK):
        return
    anvil = AnvilProcess().start()
    session.config.stash[_ANVIL] = anvil
    CONFIG.networks[NETWORK]["cmd_settings"]["port"] = anvil.port


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the chain if it is ours."""
    anvil = config.stash.get(_ANVIL, None)
    if anvil is not None:
        anvil.stop()


@pytest.fixture(scope="session", autouse=True)
def _whole_seconds() -> Iterator[None]:
    """Let blocks with a given time be mined early in a second of the clock on the wall."""
    original = anvil_backend.mine

    def mine(timestamp: int | None = None) -> None:
        into_second = time.time() % 1
        if timestamp is not None and into_second > LATEST_IN_SECOND:
            time.sleep(1 - into_second)
        original(timestamp)

    anvil_backend.mine = mine
    yield
    anvil_backend.mine = original
