"""The command that replays 10 October 2025, and the files that it leaves."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from plimsoll import artifacts
from plimsoll.errors import ConfigError
from plimsoll.replay import tables
from plimsoll.replay.book import load_day
from plimsoll.replay.report import Replay
from plimsoll.replay.settings import load_settings
from plimsoll.units import WAD, to_wad
from scripts import replay as command
from scripts.deploy import leave_with
from tests.support.replay_by_hand import replay_by_hand
from tests.support.replay_files import (
    SCENARIO,
    changed_scenario,
    public_file,
)


@pytest.fixture
def by_hand() -> Replay:
    """Two waves of ten dollars under five policies."""
    return replay_by_hand(load_settings(SCENARIO))


@pytest.mark.slow
def test_command__few_accounts__whole_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run(["--accounts", "150", "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("index.html")
    assert "run on the contracts" in shown
    assert "This is a small copy of the day, for a quick look: 150 accounts" in " ".join(
        shown.split()
    )
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert len(data["waves"]) == 16
    for row in data["waves"]:
        assert abs(to_wad(row["taken"]) - to_wad(row["needed"])) < WAD // 100
        assert abs(to_wad(row["paid_by_winners"]) - to_wad(row["taken"])) < WAD // 10**6
        share = Fraction(to_wad(row["needed"]), to_wad(row["available_profit"]))
        # every winner is asked the same share; a small account's wei round
        assert abs(Fraction(to_wad(row["largest_haircut"]), WAD) - share) < Fraction(1, 1_000)
        assert row["gas"] > 0
    assert [row["policy"] for row in data["policies"]][:5] == [
        "venue",
        "queue",
        "size",
        "profit",
        "plimsoll",
    ]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".csv", ".png", ".html"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--data", "nowhere"], 2, "nowhere is not a folder"),
        (["--accounts", "5"], 2, "too few"),
        (["--accounts", "300", "--write-docs"], 2, "the whole day"),
        (["--seed", "7", "--write-docs"], 2, "that `make replay` repeats"),
        (["--write-quantiles"], 2, "nothing to describe"),
        (["--scenario", "none.json"], 2, "cannot read the scenario"),
    ],
)
def test_command__wrong_arguments__one_sentence_and_a_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        leave_with(command.run, [*arguments, "--out", str(tmp_path / "out")])
    assert caught.value.code == code
    message = capsys.readouterr().err
    assert says in message
    assert "  -> " in message


def test_command__folder_that_cannot_be_written__said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        leave_with(command.run, ["--out", str(tmp_path / "file" / "out")])
    assert caught.value.code == 2
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [([], "replay"), (["--accounts", "300"], "replay-300"), (["--seed", "7"], "replay")],
)
def test_parse__folder__a_small_copy_has_its_own(arguments: list[str], folder: str) -> None:
    assert command.parse(arguments).out == artifacts.PROJECT_ROOT / "reports" / folder
    assert command.parse([*arguments, "--out", "here"]).out == Path("here")


def test_write_docs__marks__only_what_is_between_them(by_hand: Replay, tmp_path: Path) -> None:
    for name in command.DOCUMENT_PICTURES:
        (tmp_path / name).write_bytes(b"png")
    path = tmp_path / "page.md"
    path.write_text(
        f"before\n{command.DRAWN[0]}\nold\n{command.DRAWN[1]}\nafter\n", encoding="utf-8"
    )
    written = command.write_docs(by_hand, tmp_path, path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{command.DRAWN[0]}\n- In 2 waves")
    assert text.endswith(f"\n{command.DRAWN[1]}\nafter\n")
    assert "old" not in text
    assert text.count("\n**") == len(tables.every(by_hand))
    assert all(file.exists() for file in written)
    path.write_text("\n".join(command.FROM_FILE), encoding="utf-8")
    assert command.write_docs(by_hand, tmp_path, path, drawn=False) == (path,)
    assert path.read_text(encoding="utf-8").count("\n**") == 4
    path.write_text("no marks", encoding="utf-8")
    with pytest.raises(ConfigError):
        command.write_docs(by_hand, tmp_path, path)


def test_documentation__marks_and_pictures__are_there() -> None:
    text = command.DOCUMENT.read_text(encoding="utf-8")
    for begin, end in (command.DRAWN, command.FROM_FILE):
        (said,) = text.split(begin)[1:]
        assert said.startswith("\n- In 16 waves 15.08 M had to be covered")
        assert text.count(end) == 1
    for name in command.DOCUMENT_PICTURES:
        assert f"(img/replay_{name})" in text
        assert (command.DOCUMENT.parent / "img" / f"replay_{name}").is_file()


def test_write_quantiles__file__the_scenario_then_follows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{n},{10 + n * n}.25,{30 * n}.5,0.5,{n}" for n in range(2_000)]
    folder = public_file(tmp_path / "data", rows)
    scenario = changed_scenario(tmp_path, lambda data: None)
    command.run(
        ["--write-quantiles", "--data", str(folder), "--scenario", str(scenario), "--quiet"]
    )
    assert str(scenario) in capsys.readouterr().out.replace("\n", "")
    mine, file = load_day(None, scenario), load_day(folder, scenario)
    assert len(mine.holdings) == 2_000
    for amount in ("notional", "profit"):
        total = sum(getattr(one, amount) for one in file.holdings)
        assert 0 <= total - sum(getattr(one, amount) for one in mine.holdings) <= 2_000
