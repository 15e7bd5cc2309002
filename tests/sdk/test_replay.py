"""The replay of 10 October 2025: its figures, and the command that leaves them as files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from plimsoll import artifacts
from plimsoll.errors import ConfigError
from plimsoll.replay import measure, tables
from plimsoll.replay.book import load_day
from plimsoll.replay.html import page
from plimsoll.replay.opening import Person
from plimsoll.replay.policies import simulate
from plimsoll.replay.population import Seat
from plimsoll.replay.report import Replay, document, write_tables
from plimsoll.replay.settings import Settings, load_settings
from plimsoll.replay.waves import Performance, WaveResult
from plimsoll.replay.words import findings, limits
from plimsoll.report.grid import Grid
from plimsoll.units import WAD, to_wad
from scripts import replay as command
from scripts.deploy import leave_with
from tests.support.replay_files import (
    FOUR,
    SCENARIO,
    changed_scenario,
    day,
    everywhere,
    public_file,
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(SCENARIO)


# --- figures ----------------------------------------------------------------------------------


def result(number: int, **changes: Any) -> WaveResult:
    """A wave of 10 dollars that two winners paid."""
    usual: dict[str, Any] = {
        "wave": number,
        "needed": 10 * WAD,
        "taken": 10 * WAD,
        "charged": 10 * WAD,
        "available_profit": 100 * WAD,
        "out_of_reach": 2 * WAD,
        "largest_haircut": WAD // 10,
        "median_haircut": WAD // 10,
        "accounts": 3,
        "rematched": 2,
        "bankrupt": 1,
        "buckets": 3,
        "gas": 1_000_000,
        "gas_calls": 2,
        "layers": {"junior": 0, "senior": 0, "haircut": 10 * WAD, "shortfall": 0},
        "recirculation": 0,
    }
    return WaveResult(**usual | changes)


def played(*waves: WaveResult, rematched: tuple[int, ...] = (0, 0, 0, 0)) -> Performance:
    return Performance(
        waves=waves,
        dropped=((9, "no position"), (8, "no position")),
        capped=1,
        paid=(4 * WAD, 3 * WAD, 3 * WAD, 0),
        rematched=rematched,
    )


@pytest.fixture
def by_hand(settings: Settings) -> Replay:
    """Two waves of ten dollars; the second finds insurance of four in the last policy."""
    of = replace(day(*FOUR, needed=(10, 10)), waves=day(*FOUR, needed=(10, 10)).waves)
    published = tuple(replace(one, wave=n) for n, one in enumerate(settings.published[:2], start=1))
    policies = tuple(p for p in settings.policies if p.key in ("queue", "plimsoll", "insured_5m"))
    mine = replace(settings, published=published, policies=policies)
    queue, plain, insured = policies
    layers = {"junior": WAD, "senior": 3 * WAD, "haircut": 5 * WAD, "shortfall": WAD}
    return Replay(
        settings=mine,
        day=of,
        venue=measure.published(of, published),
        outcomes=(
            measure.simulated(queue, mine, of, simulate(of, everywhere(of), "queue")),
            measure.performed(
                plain, mine, of, played(result(1), result(2), rematched=(WAD, 0, WAD // 20, 0))
            ),
            measure.performed(
                insured, mine, of, played(result(1), result(2, taken=5 * WAD, layers=layers))
            ),
        ),
        luck=(WAD, 2 * WAD, 3 * WAD),
        seconds=1.0,
    )


def test_performed__layers__overshoot_counts_insurance_and_not_the_hole(by_hand: Replay) -> None:
    insured = by_hand.outcomes[2]
    assert (insured.needed, insured.taken) == (20 * WAD, 15 * WAD)
    assert (insured.insurance, insured.shortfall) == (4 * WAD, WAD)
    assert (insured.net, insured.over, insured.under) == (-WAD, 0, WAD)


def test_performed__hedges__broken_above_the_assumed_part(by_hand: Replay) -> None:
    plain = by_hand.plain
    assert by_hand.settings.broken_ppm == 50_000
    # three are hedged: one lost everything, one exactly the twentieth that is allowed
    assert (plain.hedged, plain.broken) == (3, 1)


def test_performed__shares_of_the_day__by_own_profit(by_hand: Replay) -> None:
    plain = by_hand.plain
    assert plain.accounts == 3
    assert (plain.largest, plain.median) == (WAD // 10, WAD // 10)
    assert plain.dropped == {
        "no position": 2,
        "opened with more cash than they had, for initial margin": 1,
    }


def test_as_opened__other_equity_on_chain__replaces_the_datas(by_hand: Replay) -> None:
    seat = Seat(1, 1, False, WAD, WAD, WAD, 0, WAD, 0, WAD)
    found = measure.as_opened(by_hand.day, [Person(seat, 7, 500 * WAD)])
    assert [one.equity for one in found.holdings] == [
        50 * WAD,
        500 * WAD,
        30 * WAD,
        95 * WAD,
    ]


def test_published__venue__sums_of_the_waves(by_hand: Replay) -> None:
    assert (by_hand.venue.taken, by_hand.venue.net) == (40 * WAD, 20 * WAD)
    assert by_hand.venue.gas is None


def test_document__waves__are_those_of_plimsoll_with_the_waterfall_off(by_hand: Replay) -> None:
    data = document(by_hand)
    assert [row["wave"] for row in data["waves"]] == [1, 2]
    first = data["waves"][0]
    asked = {"wave", "needed", "taken", "available_profit", "largest_haircut", "accounts"}
    assert asked | {"buckets", "gas"} <= set(first)
    assert (first["needed"], first["taken"], first["paid_by_winners"]) == ("10", "10", "10")
    assert (first["available_profit"], first["largest_haircut"]) == ("100", "0.1")
    assert first["profit_out_of_reach"] == "2"
    assert data["scale"] == "1"
    assert (first["accounts"], first["buckets"], first["gas"]) == (3, 3, 1_000_000)
    assert [row["kind"] for row in data["policies"]] == [
        "published",
        "simulation",
        "contracts",
        "contracts",
    ]


def test_write_tables__csv__sums_as_the_document(by_hand: Replay, tmp_path: Path) -> None:
    waves, policies = write_tables(by_hand, tmp_path)
    with waves.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    with policies.open(encoding="utf-8", newline="") as lines:
        totals = {row["policy"]: row for row in csv.DictReader(lines)}
    assert list(totals) == ["venue", "queue", "plimsoll", "insured_5m"]
    assert len(rows) == 8
    for key, row in totals.items():
        for column in ("needed", "taken", "insurance", "shortfall"):
            parts = sum(to_wad(one[column]) for one in rows if one["policy"] == key)
            assert parts == to_wad(row[column])


def test_page__everything__is_inside_one_file(by_hand: Replay, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG")
    odd = replace(by_hand, settings=replace(by_hand.settings, name="<script>"))
    text = page(odd, {"a picture": picture})
    assert "<script>" not in text
    assert "data:image/png;base64,iVBORw==" in text
    assert 'src="http' not in text
    assert text.count("<table>") == len(tables.every(by_hand))
    assert "simulated in Python" in text
    assert "not built yet" in text


def test_words__figures__are_those_of_the_replay(by_hand: Replay) -> None:
    said = " ".join(findings(by_hand))
    assert "In 2 waves 0.00 M had to be covered" in said
    assert "the vaults paid 0.00 M" in said
    assert "small copy" not in said
    known = " ".join(limits(by_hand))
    assert "30 % of the accounts" in known
    assert "2 no position" in known


def test_words__waterfall_off__what_the_vaults_paid_is_said(by_hand: Replay) -> None:
    rounds = [
        replace(one, taken=one.needed - 2 * 10**15, insurance=10**15)
        for one in by_hand.plain.rounds
    ]
    queue, plain, insured = by_hand.outcomes
    other = replace(by_hand, outcomes=(queue, replace(plain, rounds=tuple(rounds)), insured))
    said = " ".join(findings(other))
    assert "in no wave more than 2e-3 dollars away" in said
    assert "paid 2e-3 dollars; with these it is net -2e-3 dollars" in said
    assert [row[4] for row in tables.waves_table(other).rows] == ["-2e-3", "-2e-3"]


def test_people_table__other_measures__are_marked_or_stand_apart(by_hand: Replay) -> None:
    table = tables.people_table(by_hand)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    venue, queue, plain, _ = rows
    assert venue["accounts charged"] == "4 deleveraged"
    assert venue["largest haircut"] == "100.00 % of equity"
    assert queue["accounts charged"] == "2"
    hedges = "broken by haircut", "broken by re-matching"
    assert [venue[column] for column in hedges] == ["-", "-"]
    assert [queue[column] for column in hedges] == ["66.7 %", "-"]
    assert [plain[column] for column in hedges] == ["-", "33.3 %"]


def test_document__hedges__a_figure_for_each_way_to_break_them(by_hand: Replay) -> None:
    keys = "hedges_broken_by_haircut", "hedges_broken_by_rematching"
    found = [tuple(row[key] for key in keys) for row in document(by_hand)["policies"]]
    assert found == [(None, None), (2, None), (None, 1), (None, 0)]


@pytest.mark.parametrize(
    ("amount", "says"), [(0, "0.00"), (WAD, "1.00"), (-7 * 10**12, "-7e-6"), (10**16, "0.01")]
)
def test_dust__small_amounts__do_not_look_like_nothing(amount: int, says: str) -> None:
    assert tables.dust(amount) == says


def test_as_markdown__row__has_a_cell_for_each_column() -> None:
    table = Grid("title", ("a", "b"), (("x", "1"), ("y", "2")))
    lines = table.as_markdown().splitlines()
    assert lines[0] == "**title**"
    assert lines[2:] == ["| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2 |"]


# --- the command ------------------------------------------------------------------------------


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
    assert path.read_text(encoding="utf-8").count("\n**") == 2
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
