"""`make fuzz`: case files that a person may edit, what the command prints, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plimsoll.deployment import claim_folder
from plimsoll.errors import ConfigError, InputError
from plimsoll.fuzz import compare, walk
from plimsoll.fuzz.actions import action
from plimsoll.fuzz.cases import Case, read_case, write_case
from plimsoll.fuzz.machine import Machine, Violation
from plimsoll.fuzz.tally import Tally
from plimsoll.fuzz.walk import Found, fresh_machine, one_episode, shortened, violation_of_case
from scripts import fuzz, mutate, study_exits
from scripts.deploy import leave_with

POKE = {"rule": "poke", "market": 1}
PRICE = {"rule": "price", "market": 1, "prices": [1]}
DEPOSIT = {"rule": "deposit", "who": 0, "owner": 0, "sub": 0, "tokens": 5}


@pytest.fixture(scope="module")
def machine() -> Machine:
    return fresh_machine()


def case_file(folder: Path, *actions: Any) -> Path:
    path = folder / "case.json"
    path.write_text(json.dumps({"violation": "M-05 state: once", "actions": actions}))
    return path


def leave(program: Any, *argv: str) -> Any:
    with pytest.raises(SystemExit) as caught:
        leave_with(program.run, argv)
    return caught.value.code


# --- case files ---------------------------------------------------------------------------


def test_case__written__is_read_back(tmp_path: Path) -> None:
    case = Case("M-01", (action("price", market=1, prices=[3, 0]), action("poke", market=2)))
    write_case(tmp_path / "case.json", case)
    assert read_case(tmp_path / "case.json") == case


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"rule": "price", "market": 1}, r"action 2 \(price\): missing .*'prices'"),
        ({**PRICE, "when": 1}, r"action 2 \(price\): .*unexpected .*'when'"),
        ({**POKE, "m": 1}, r"action 2 \(poke\): multiple values for argument 'm'"),
        ({**PRICE, "prices": 1}, r"action 2 \(price\): prices is not a list of whole numbers"),
        ({**PRICE, "prices": [1, "2"]}, r"action 2 \(price\): prices is not a list"),
        ({**POKE, "market": 1.0}, r"action 2 \(poke\): market is not a whole number"),
        ({**POKE, "market": True}, r"action 2 \(poke\): market is not a whole number"),
        ({**POKE, "market": None}, r"action 2 \(poke\): market is not a whole number"),
        ({**DEPOSIT, "who": 99}, r"action 2 \(deposit\): who is 99, people are 0 to 14"),
        ({**DEPOSIT, "owner": -1}, r"action 2 \(deposit\): owner is -1, people are"),
        ({"rule": "fly"}, r"action 2 names an unknown rule 'fly'"),
        ({"rule": ["poke"]}, "action 2 names an unknown rule"),
        ([1], "action 2 is no object"),
    ],
)
def test_case__action_that_does_not_fit__is_named(tmp_path: Path, entry: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_case(case_file(tmp_path, POKE, entry))


@pytest.mark.parametrize(
    "text",
    [
        '{"violation": "", "actions": []}',
        '{"violation": "", "actions": {"rule": "poke"}}',
        '{"violation": "", "actions": "poke"}',
        '{"actions": [1]}',
        "[]",
        "nonsense",
        "[" * 100_000,
    ],
    ids=["empty", "object", "text", "no violation", "list", "no JSON", "deep"],
)
def test_case__not_a_case__is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "case.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"case\.json (is not a case|holds no list)"):
        read_case(path)


@pytest.mark.parametrize(
    "entry",
    [
        {**PRICE, "market": 9},
        {**DEPOSIT, "tokens": -5},
        {**DEPOSIT, "sub": -1},
        {"rule": "wait", "seconds": -10_000, "refresh": 0},
        {"rule": "cancel", "sender": 0, "order": [0] * 3},
        {"rule": "cancel", "sender": 0, "order": [99] + [0] * 13},
        {"rule": "stop_feed", "market": 1, "number": 0, "updated_at": 2**300},
    ],
)
def test_case__action_that_cannot_be_done__is_named(
    tmp_path: Path, machine: Machine, entry: Any
) -> None:
    case = read_case(case_file(tmp_path, POKE, entry))
    rule = entry["rule"]
    with pytest.raises(InputError, match=rf"action 2 \({rule}\): cannot be done, ."):
        violation_of_case(machine, case.actions)
    assert violation_of_case(machine, case.actions[:1]) is None


def test_rerun__tells_every_call_then_what_was_recorded_then_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolve = {"rule": "resolve", "sender": 1, "max_buckets": 1}
    attack = {"rule": "attack", "sender": 12, "number": 0, "victim": 0, "amount": 1}
    path = case_file(tmp_path, {**PRICE, "prices": [50_000 * 10**18]}, resolve, attack)
    fuzz.run(["--case", str(path)])
    *lines, recorded, verdict = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=3) for line in lines[:3]] == [
        ["1", "set_answer", "keeper", "ok"],
        ["1", "poke", "keeper", "ok"],
        ["2", "resolve", "ben", "liquidation: nothing to resolve"],
    ]
    assert lines[3].split()[:3] == ["3", "clearinghouse.credit", "attacker"]
    assert recorded == "recorded as: M-05 state: once"
    assert verdict.endswith("3 actions, 4 calls, no violation")
    fuzz.run(["--case", str(path), "--quiet"])
    assert capsys.readouterr().out.splitlines() == [verdict]


def test_rerun__violation__tells_the_call_too_and_leaves_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "difference", lambda *_: "M-05 state: apart")
    assert leave(fuzz, "--case", str(case_file(tmp_path, POKE))) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["1", "poke", "keeper", "ok"]
    assert lines[-1] == "VIOLATION M-05 state: apart (after poke, action 1)"


# --- campaigns ----------------------------------------------------------------------------


@pytest.mark.parametrize("quiet", [True, False])
def test_campaign__last_line__is_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    fuzz.run(["--steps", "1", "--jobs", "1", "--out", str(tmp_path), *["--quiet"][:quiet]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"no violation; wrote {tmp_path / 'fuzz.json'}"
    assert (len(lines) == 1) is quiet
    data = json.loads((tmp_path / "fuzz.json").read_text())
    assert data["steps"] >= walk.EPISODE_STEPS
    assert data["broken_off"] is False
    assert set(data["largest"]) <= set(fuzz.ALLOWED)


def test_campaign__two_processes__same_counts_as_one_and_an_update_each_episode() -> None:
    steps = walk.EPISODE_STEPS + 1
    updates: list[int] = []
    one, found, _ = walk.campaign(steps, 3, 1, lambda tally: updates.append(tally.steps))
    two, _, _ = walk.campaign(steps, 3, 2, lambda tally: updates.append(tally.steps))
    assert found is None
    assert one == two
    assert len(updates) == 4
    assert updates[1] == updates[3] == one.steps


def test_campaign__ctrl_c__writes_what_there_is_and_leaves_with_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def campaign(_steps: int, _seed: int, _jobs: int, progress: walk.Progress) -> None:
        progress(Tally(steps=1_600))
        raise KeyboardInterrupt

    monkeypatch.setattr(fuzz, "campaign", campaign)
    assert leave(fuzz, "--out", str(tmp_path), "--quiet") == 130
    said = capsys.readouterr()
    assert said.out.startswith("broken off after 1,600 steps, no violation so far; wrote ")
    assert said.err == ""
    data = json.loads((tmp_path / "fuzz.json").read_text())
    assert (data["broken_off"], data["steps"]) == (True, 1_600)


def test_campaign__violation__is_shortened_written_and_runs_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare.difference

    def difference(world: Any, state: Any, tally: Tally) -> str | None:
        fees = world.trading_fees_wad
        return f"M-05 state: fees {fees}" if fees else whole(world, state, tally)

    monkeypatch.setattr(compare, "difference", difference)
    options = ["--steps", "1", "--jobs", "1", "--shrink", "60", "--out", str(tmp_path)]
    assert leave(fuzz, *options) == 1
    said = capsys.readouterr().out
    assert "violation found, shortening it" in said
    path = tmp_path / "fuzz_case_1.json"
    *_, verdict, hint = said.splitlines()
    assert verdict.startswith("VIOLATION episode 0: M-05 state: fees")
    assert hint == f"  -> make fuzz CASE={path}"
    assert len(read_case(path).actions) < 60
    assert leave(fuzz, "--case", str(path)) == 1


def test_shortened__ctrl_c__keeps_the_shortest_so_far(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def violation_of(_: Machine, actions: Any) -> Violation:
        tries.append(len(actions))
        if len(tries) == 3:
            raise KeyboardInterrupt
        return Violation(f"M-01 x: {len(actions)} actions")

    monkeypatch.setattr(walk, "violation_of", violation_of)
    found = Found(4, "M-01 x: 8 actions", (action("poke", market=1),) * 8)
    best = shortened(machine, found, 100)
    assert best.message == f"episode 4: M-01 x: {tries[1]} actions"
    assert len(best.actions) == tries[1] < 8


def test_differences__every_kind_that_may_differ__has_its_bound(machine: Machine) -> None:
    one_episode(machine, 1, 0, 400)
    kinds: dict[str, int] = {}
    for what, _, _, bound in compare._all(machine.world, machine.seen):
        kind = what.rpartition(" ")[2]
        kinds[kind] = max(bound, kinds.get(kind, 0))
    assert {kind for kind, bound in kinds.items() if bound} <= set(fuzz.ALLOWED)


def test_paths__missed__are_red_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(steps=1_000_000)
    tally.paths.update(fuzz.TARGETS)
    fuzz.show(fuzz.Console(), tally, 1.0)
    assert "red (" not in capsys.readouterr().out
    del tally.paths["epoch rolls"]
    fuzz.show(fuzz.Console(width=200), tally, 1.0)
    out = capsys.readouterr().out
    assert "red (epoch rolls): met less often than asked for" in out
    assert [line.split("│")[2].strip() for line in out.splitlines() if "│ epoch rolls" in line] == [
        "0"
    ]


# --- before a run, and the other commands ---------------------------------------------------


@pytest.mark.parametrize("program", [fuzz, study_exits])
def test_out__cannot_be_written__is_said_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Any
) -> None:
    for name in ("campaign", "study"):
        monkeypatch.setattr(program, name, lambda *_: pytest.fail("ran"), raising=False)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write to"):
        program.run(["--out", str(tmp_path / "file" / "x"), "--quiet"])
    claim_folder(tmp_path)


@pytest.mark.parametrize("option", ["--count", "--jobs", "--fuzz-steps"])
def test_mutate__numbers__start_at_1(option: str) -> None:
    assert mutate.parse([option, "1"])
    with pytest.raises(InputError, match="start at 1"):
        mutate.parse([option, "0"])
    assert mutate.parse(["--no-fuzz"]).fuzz_steps == 0


def test_mutate__unknown_module__lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(mutate, "--modules", "Foo") == 2
    assert "no module Foo\n  -> known are AdlEngine, " in capsys.readouterr().err


def test_mutate__report_without_results__says_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(mutate, "--report", "--out", str(tmp_path / "none.json")) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "holds no results" in said.err


def test_mutate__ctrl_c__leaves_with_130_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mutate, "try_faults", broken)
    assert leave(mutate, "--count", "2", "--out", str(tmp_path / "m.json")) == 130
    assert "broken off: 0 of 2 faults have a result" in capsys.readouterr().out


def test_study__ctrl_c__leaves_with_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_exits, "study", broken)
    assert leave(study_exits, "--out", str(tmp_path), "--quiet") == 130
    assert capsys.readouterr().err == "broken off\n"
