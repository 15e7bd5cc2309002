"""One run of the demo for all tests of it: `make demo` without its printing."""

from __future__ import annotations

import pytest

from plimsoll import artifacts
from plimsoll.chain import AnvilOptions, AnvilProcess
from plimsoll.demo.play import perform
from plimsoll.report.document import build
from plimsoll.scenario import load_scenario
from scripts.deploy import DEFAULT_SCENARIO


@pytest.fixture(scope="session")
def scenario():
    return load_scenario(DEFAULT_SCENARIO)


@pytest.fixture(scope="session")
def performance(scenario):
    artifacts.ensure_compiled()
    options = AnvilOptions(genesis_timestamp=scenario.path[0].time - 3_600)
    with AnvilProcess(options=options) as anvil:
        yield perform(anvil.rpc, scenario, lambda text: None)


@pytest.fixture(scope="session")
def document(performance):
    return build(performance)


@pytest.fixture
def stage(performance):
    """The stage at its end; whatever a test does to it is undone."""
    with performance.stage.rpc.undone():
        yield performance.stage
