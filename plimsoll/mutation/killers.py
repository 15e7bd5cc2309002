"""Which tests belong to which module, and how they are run on a tree."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from plimsoll.errors import ConfigError, ContractReverted

_ADL: Final = ("unit/test_adl_buckets.py", "unit/test_adl_engine.py")
_AUCTION: Final = ("unit/liquidator",)
_ORDERS: Final = ("unit/test_orders.py", "unit/exchange")
_INDEX: Final = (*_ADL, "property/test_adl_index.py", "property/test_flat_bucket.py")
_TRADES: Final = ("unit/test_clearinghouse_trades.py", "unit/test_clearinghouse_takes.py")
_MARGIN: Final = ("unit/test_clearinghouse_margin.py", "unit/test_clearinghouse_accounts.py")
_FUNDING: Final = ("unit/test_clearinghouse_funding.py",)
_RISK: Final = ("unit/test_clearinghouse_risk.py", "unit/test_clearinghouse_risk_margins.py")
_OUTAGES: Final = ("unit/test_clearinghouse_outages.py", "property/test_outage_words.py")
_WIND_DOWN: Final = (
    "unit/test_clearinghouse_wind_down.py",
    "regression/test_grace_and_wind_down.py",
)
_CAPS: Final = ("unit/test_clearinghouse_buffer_cap.py", "integration/test_insurance_capital.py")
_LARGE: Final = ("unit/test_clearinghouse_concentration.py",)
_REGISTRY: Final = ("unit/test_clearinghouse_registry.py",)
_VIEWS: Final = ("unit/test_clearinghouse_views.py",)
_PREVIEW: Final = ("unit/preview", "property/test_preview.py")
_BROKERS: Final = ("unit/brokers",)
_BROKER_STORIES: Final = ("integration/brokers",)
_WINDOW: Final = ("unit/test_premium_window.py", "property/test_premium_window_model.py")

TESTS: Final[dict[str, tuple[str, ...]]] = {
    # contracts
    "AdlEngine": (*_ADL, *_REGISTRY),
    "AtomicCredit": ("unit/test_atomic_credit.py",),
    "BrokerEscrow": _BROKERS,
    "BrokerRegistry": _BROKERS,
    "BrokerVault": _BROKERS,
    "Clearinghouse": (*_REGISTRY, *_MARGIN, *_VIEWS, *_FUNDING, *_TRADES, *_ADL),
    "Custody": ("unit/custody",),
    "Exchange": (*_ORDERS, "unit/preview/test_rehearse.py"),
    "GuarantyFund": _BROKERS,
    "InsuranceVault": ("unit/insurance_vault",),
    "Lens": ("sdk/test_deployment.py", "integration/demo", *_PREVIEW, *_CAPS),
    "Liquidator": (*_AUCTION, *_BROKER_STORIES),
    "PriceOracle": (
        "unit/test_price_oracle.py",
        "unit/test_price_oracle_sequencer.py",
        "property/test_feed_median.py",
    ),
    "RegistryEngine": (*_REGISTRY, *_MARGIN, *_CAPS, *_OUTAGES, *_WIND_DOWN),
    "Sponsorship": (*_BROKERS, *_BROKER_STORIES),
    "Timelock": ("unit/test_timelock.py",),
    "TakeEngine": (*_TRADES, *_AUCTION, *_LARGE),
    "TradeEngine": (*_TRADES, *_MARGIN, *_REGISTRY, *_FUNDING, *_CAPS, *_LARGE),
    "Waterfall": ("unit/test_waterfall.py", *_CAPS, *_BROKER_STORIES),
    # modules with storage
    "account_locks": _BROKERS,
    "adl_index": (*_INDEX, "unit/test_ledger_packing.py"),
    "adl_queue": (*_VIEWS, *_ADL),
    "adl_resolve": (*_ADL, *_WIND_DOWN),
    "agents": _ORDERS,
    "dust": (*_ADL, *_AUCTION),
    "auctions": _AUCTION,
    "buffer_cap": _CAPS,
    "call_desk": (*_BROKERS, *_BROKER_STORIES),
    "capital": _BROKERS,
    "client_book": _BROKERS,
    "concentration_terms": _LARGE,
    "engines": (*_REGISTRY, *_MARGIN),
    "flat_bucket": (*_TRADES, *_INDEX),
    "funding": (*_FUNDING, *_WINDOW),
    "guarantees": (*_BROKERS, *_BROKER_STORIES),
    "ledger": ("unit/test_ledger_packing.py", *_MARGIN, *_TRADES, *_INDEX),
    "margin": (*_MARGIN, *_TRADES, *_LARGE),
    "margin_calls": (*_BROKERS, *_BROKER_STORIES),
    "market_risk": (*_RISK, "unit/liquidator/test_liquidator_holds.py"),
    "market_terms": (*_REGISTRY, *_MARGIN, *_TRADES),
    "marks": (*_FUNDING, *_VIEWS, *_TRADES, *_CAPS, *_OUTAGES),
    "neighbours": _AUCTION,
    "orders": _ORDERS,
    "outages": (*_OUTAGES, *_WIND_DOWN),
    "portfolio": (*_TRADES, *_MARGIN, *_ADL, *_WIND_DOWN),
    "peers": _BROKERS,
    "premiums": (*_FUNDING, *_TRADES),
    "prepaid_fees": _BROKERS,
    "resolution": _AUCTION,
    "resolve_job": _ADL,
    "resolve_queue": _AUCTION,
    "retest": (*_AUCTION, *_BROKER_STORIES),
    "sides": (*_TRADES, *_MARGIN, *_CAPS, *_LARGE, *_BROKER_STORIES),
    "sponsor_consent": _BROKERS,
    "stake_exits": _BROKERS,
    "takes": _AUCTION,
    "vault_shares": ("unit/insurance_vault", *_BROKERS),
    "wind_down": _WIND_DOWN,
    # mathematics
    "bits": ("unit/test_lib_bits.py", "unit/test_ledger_packing.py", *_ADL),
    "brackets": ("unit/test_lib_brackets.py", *_MARGIN),
    "broker_terms": _BROKERS,
    "cap_code": ("property/test_cap_code.py", *_CAPS),
    "concentration": ("property/test_concentration.py", *_LARGE),
    "entry_tick": ("unit/test_lib_entry_tick.py", *_ADL, *_TRADES),
    "feed_median": ("property/test_feed_median.py", "unit/test_price_oracle.py"),
    "fixed_point": ("unit/test_lib_fixed_point.py", *_TRADES, *_MARGIN, "unit/custody"),
    "linear_stream": ("property/test_linear_stream.py", "unit/custody", *_BROKERS),
    "loss_weights": (
        "unit/test_loss_weights.py",
        "unit/test_waterfall.py",
        "regression/test_grace_and_wind_down.py",
        *_ADL,
    ),
    "margin_border": ("property/test_margin_border.py", "unit/preview/test_liquidation_price.py"),
    "order_match": _ORDERS,
    "premium_window": (*_WINDOW, *_FUNDING),
    "pro_rata": ("property/test_pro_rata.py", *_BROKERS),
    "redemption": ("property/test_redemption.py", "unit/custody"),
    "revert_reason": _ORDERS,
    "rolling_limit": ("property/test_rolling_limit.py", "unit/test_waterfall.py"),
    "signatures": (*_ORDERS, *_BROKERS),
    "stress": ("unit/test_lib_stress.py", *_RISK),
    "utilisation": ("property/test_concentration.py", *_CAPS),
    "take_formula": ("property/test_take_formula.py", *_AUCTION),
}
"""Files and folders under `tests/` that know a module's rules. Left out on purpose: what reads
the sources instead of running them, and the gas snapshot, which notices almost any change."""

FLOWS: Final = ("integration/flows", "regression")
"""The whole protocol in use: what is asked last."""

_HYPOTHESIS_SEED: Final = 1
_OUTCOME = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - (.*))?$", re.MULTILINE)
_INVARIANT = re.compile(r"\b[IM]-\d\d\b")  # of a rule, of a comparison with the model
_VIOLATION: Final = "VIOLATION "  # how scripts/fuzz.py begins its verdict
LONGEST_MESSAGE: Final = 200
_GRACE_S: Final = 10.0


@dataclass(frozen=True)
class Killer:
    """Something that runs on a tree and leaves with 0 if it finds nothing."""

    name: str
    command: tuple[str, ...]
    codes: frozenset[int] = frozenset({1})
    """Exit codes that say it found something."""
    verdict: str = ""
    """How the line begins without which exit code 1 is a crash of the killer itself."""

    def found(self, code: int, output: str) -> bool:
        """Did it find something, or break?"""
        told = any(line.startswith(self.verdict) for line in output.splitlines())
        return code in self.codes and (code != 1 or told or not self.verdict)


@dataclass(frozen=True)
class Verdict:
    """What one killer said. `by` is the test's id or the invariant's number."""

    code: int | None
    """Exit code; None after a timeout."""
    seconds: float
    by: str = ""
    message: str = ""
    found: bool = False
    """It failed because it found something, not because it broke."""


def fuzz_killer(steps: int, seed: int) -> Killer:
    """A short random walk in process: model against contracts, all invariants."""
    options = ("--steps", str(steps), "--seed", str(seed), "--jobs", "1", "--shrink", "0")
    command = (sys.executable, "-m", "scripts.fuzz", *options, "--quiet")
    # where a call of the opening reverts, the command leaves with that error's own code
    return Killer("fuzz", command, frozenset({1, ContractReverted.exit_code}), _VIOLATION)


def pytest_killer(name: str, files: Sequence[str]) -> Killer:
    """Test files in this order, up to the first failure."""
    options = (
        "-x", "-q", "-rfE", "--tb=line", "--no-header", "-p", "no:cacheprovider",
        f"--hypothesis-seed={_HYPOTHESIS_SEED}",
    )  # fmt: skip
    paths = tuple(f"tests/{file}" for file in files)
    return Killer(name, (sys.executable, "-m", "pytest", *options, *paths))


def run_killer(killer: Killer, tree: Path, limit_s: float) -> Verdict:
    """Run one killer in a tree, with the tree's own library, scripts and artifacts."""
    started = time.monotonic()
    process = subprocess.Popen(
        killer.command,
        cwd=tree,
        env=_environment(tree),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return Verdict(None, time.monotonic() - started, by="timeout")
    except BaseException:
        _end(process)
        raise
    seconds = time.monotonic() - started
    if process.returncode == 0:
        return Verdict(0, seconds)
    by, message = _reason(killer, output)
    found = killer.found(process.returncode, output)
    return Verdict(process.returncode, seconds, by, message, found)


def files_of(module: str) -> tuple[str, ...]:
    """The test files of a module."""
    try:
        return TESTS[module]
    except KeyError:
        raise ConfigError(
            f"no tests are named for the module {module}",
            next_step="add it to TESTS in plimsoll/mutation/killers.py",
        ) from None


def in_order_of_price(files: Sequence[str], seconds: Mapping[str, float]) -> tuple[str, ...]:
    """The cheapest first."""
    return tuple(sorted(dict.fromkeys(files), key=lambda file: (seconds[file], file)))


def _environment(tree: Path) -> dict[str, str]:
    path = [str(Path(sys.executable).parent), str(tree / "node_modules/.bin"), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
        "COLUMNS": "400",  # pytest cuts what it says about a failure to a line
    }


def _reason(killer: Killer, output: str) -> tuple[str, str]:
    """Which check failed, and its message, shortened to one line."""
    found = _OUTCOME.search(output)
    lines = [line.strip() for line in output.splitlines() if line.strip()] or [""]
    verdicts = [line for line in lines if line.startswith(_VIOLATION)]
    named = verdicts or [line for line in lines if _INVARIANT.search(line)]
    if found is not None:
        message = found[2] or next(iter(named), "")
        invariant = _INVARIANT.search(message)
        by = f"{found[1]} ({invariant[0]})" if invariant else found[1]
    else:
        message = named[0] if named else lines[-1]
        invariant = _INVARIANT.search(message)
        by = f"{killer.name} {invariant[0]}" if invariant else killer.name
    return by, message.removeprefix(_VIOLATION)[:LONGEST_MESSAGE]


def _end(process: subprocess.Popen[str]) -> None:
    """End a killer and the chains it started, which lead sessions of their own."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    for child in children:
        if child.is_running():
            child.kill()
