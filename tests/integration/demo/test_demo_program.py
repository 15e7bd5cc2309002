"""`make demo` as a program: what it writes, prints and refuses."""

from __future__ import annotations

import dataclasses
import io
import json
import socket

import pytest
from rich.console import Console

from plimsoll.chain import AnvilProcess, is_listening
from plimsoll.chain.anvil import free_port
from plimsoll.demo.play import perform
from plimsoll.demo.stage import GAS
from plimsoll.report.document import build
from plimsoll.report.narrative import tell
from scripts import demo as program
from scripts.deploy import DEFAULT_SCENARIO, leave_with

pytestmark = pytest.mark.slow


def test_program__free_port__plays_writes_and_stops_its_chain(tmp_path, capsys):
    port = free_port()
    program.run(["--port", str(port), "--out", str(tmp_path)])
    assert not is_listening(port)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"]["accounts"] >= 60
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "brokers.png",
        "deleveraging.png",
        "open_interest_caps.png",
        "prices_and_equity.png",
        "risk_engine.png",
        "waterfall.png",
    ]
    told = capsys.readouterr().out
    for title in (
        "The fall",
        "Auctions",
        "Forced resolves",
        "Reconciliation",
        "Stress view",
        "The risk engine",
        "Brokers",
    ):
        assert title in told


def test_program__too_much_insurance__says_what_was_not_reached(tmp_path, capsys):
    data = json.loads(DEFAULT_SCENARIO.read_text())
    data["insurance"] = {"junior": "1000000", "senior": "1000000"}
    rich_scenario = tmp_path / "rich.json"
    rich_scenario.write_text(json.dumps(data))
    argv = ["--port", str(free_port()), "--out", str(tmp_path), "--scenario", str(rich_scenario)]
    with pytest.raises(SystemExit) as caught:
        leave_with(program.run, [*argv, "--quiet"])
    assert caught.value.code == 6
    assert "a gains haircut" in capsys.readouterr().err


def test_program__port_of_another_program__refused(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other.settimeout(0)
        with pytest.raises(SystemExit) as caught:
            leave_with(program.run, ["--port", str(port), "--out", str(tmp_path)])
    assert caught.value.code == 4
    assert f"port {port} is in use" in capsys.readouterr().err


def test_gas__every_call__fits_a_small_block():
    assert GAS <= 12_000_000


def test_scenario__without_outages_terms_and_brokers__asks_for_none(scenario):
    plain = dataclasses.replace(
        scenario,
        markets=tuple(
            dataclasses.replace(market, risk=None, buffer=None, concentration=None)
            for market in scenario.markets
        ),
        outages=(),
        wind_down=None,
        brokers=None,
        path=tuple(step for step in scenario.path if step.phase != "after"),
    )
    with AnvilProcess() as anvil:
        document = build(perform(anvil.rpc, plain, lambda text: None))
    assert [stage for stage, reached in document["reached"].items() if not reached] == []
    engine = document["risk_engine"]
    assert (engine["outages"], engine["concentrated"], engine["wind_down"]) == ([], [], None)
    assert document["brokers"] is None
    assert {entry["paid"] for entry in engine["surcharges"]} == {"0"}
    console = Console(width=132, file=io.StringIO())
    tell(document, console)
    assert "No surcharge" not in console.file.getvalue()


def test_scenario__without_liquidators__everything_is_resolved_by_force(scenario):
    alone = dataclasses.replace(scenario, liquidators=())
    with AnvilProcess() as anvil:
        performance = perform(anvil.rpc, alone, lambda text: None)
        reached = build(performance)["reached"]
    assert not reached["a partial take"]
    assert not reached["a margin call cured by reducing"]  # nobody buys
    assert reached["no auction left open"]
    assert reached["custody equals claims and counted dust, to the wei"]
