"""The gas of every measured path stays where it was last accepted."""

from __future__ import annotations

import json

import pytest

from plimsoll.bench.figures import (
    CODE_LIMIT,
    Report,
    gas_figure,
    rises,
    size_figure,
)
from plimsoll.bench.measure import measure
from plimsoll.errors import ConfigError
from scripts import bench

TOLERANCE_PPM = 10_000
ADL_ACCOUNTS = (10, 40)


@pytest.fixture(scope="module")
def report() -> Report:
    return measure(lambda text: None, ADL_ACCOUNTS)


def test_measure__every_path__within_one_percent_of_the_snapshot(report: Report) -> None:
    snapshot = json.loads(bench.SNAPSHOT.read_text(encoding="utf-8"))
    assert snapshot.keys() == {figure.key for figure in report.gas}
    risen = rises(report.gas, snapshot, TOLERANCE_PPM)
    assert not risen, (
        "gas rose; if that is wanted: python -m scripts.bench --write-docs --update-snapshot\n"
        + "\n".join(risen)
    )


def test_measure__every_contract__fits_into_one(report: Report) -> None:
    assert {figure.key for figure in report.sizes} >= {"size.Clearinghouse", "size.AdlEngine"}
    assert all(0 < figure.value <= CODE_LIMIT for figure in report.sizes)


def test_measure__more_accounts_in_the_bucket__same_gas(report: Report) -> None:
    assert [accounts for accounts, _ in report.adl_scale] == list(ADL_ACCOUNTS)
    assert "scale.adl" not in report.missed


def test_rises__one_step_past_the_tolerance__named() -> None:
    snapshot = {"gas.deposit": 100_000}
    assert rises([gas_figure("gas.deposit", 101_000)], snapshot, TOLERANCE_PPM) == []
    assert rises([gas_figure("gas.deposit", 101_001)], snapshot, TOLERANCE_PPM) == [
        "gas.deposit: 101,001 gas, was 100,000"
    ]


def test_missed__one_past_each_limit__named() -> None:
    at_limits = Report(
        (gas_figure("gas.settle_existing", 200_000),),
        (size_figure("Lens", CODE_LIMIT),),
        ((10, 100_000), (1_000, 102_000)),
        {},
    )
    assert at_limits.missed == []
    past = Report(
        (gas_figure("gas.settle_existing", 200_001),),
        (size_figure("Lens", CODE_LIMIT + 1),),
        ((10, 100_000), (1_000, 102_001)),
        {},
    )
    assert past.missed == ["gas.settle_existing", "size.Lens", "scale.adl"]


def test_write_docs__marks_missing__refused(tmp_path) -> None:
    path = tmp_path / "gas.md"
    path.write_text("no place", encoding="utf-8")
    report = Report((), (), ((10, 1),), {})
    with pytest.raises(ConfigError, match="no place for the tables"):
        bench.write_docs(report, path)


def test_write_docs__between_the_marks__replaced(tmp_path) -> None:
    path = tmp_path / "gas.md"
    path.write_text(f"above\n{bench.BEGIN}\nold\n{bench.END}\nbelow\n", encoding="utf-8")
    report = Report((gas_figure("gas.deposit", 80_637),), (), ((10, 1),), {})
    bench.write_docs(report, path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old" not in text
    assert "80,637" in text
