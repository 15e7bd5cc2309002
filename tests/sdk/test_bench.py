"""The gas of every measured path stays where it was last accepted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plimsoll.bench.auctions import BucketCost
from plimsoll.bench.cold import ColdChain
from plimsoll.bench.crowd import CrowdCost
from plimsoll.bench.figures import (
    BROKERS_MAY_ADD,
    CODE_LIMIT,
    DESCRIPTIONS,
    WITHOUT_BROKERS,
    ViewCost,
    gas_figure,
    rises,
    size_figure,
)
from plimsoll.bench.measure import QUICK, measure
from plimsoll.bench.report import Report
from plimsoll.bench.speed import Speed
from plimsoll.errors import ChainError, ConfigError
from scripts import bench

TOLERANCE_PPM = 10_000
SPEED = Speed(2_000.0, 20.0, 200, 100)
KEYS = (
    *("settle_existing", "settle_one_signature", "settle_new"),
    *("settle_batch10_one_taker_per_fill", "settle_batch10_per_fill"),
    *("deposit_first", "deposit", "withdraw", "start", "take"),
    *("resolve_1_bucket", "haircut_per_bucket"),
)


@pytest.fixture(scope="module")
def report() -> Report:
    return measure(lambda text: None, QUICK)


def made_up(**parts: object) -> Report:
    """A report of next to nothing."""
    crowds = (CrowdCost(10, 900_000, 300_000),)
    costs = (BucketCost(1, 900_000, 950_000),)
    return replace(Report((), (), (), crowds, crowds, costs, SPEED, {}), **parts)


# --- measured --------------------------------------------------------------------------------


def test_measure__every_path__within_one_percent_of_the_snapshot(report: Report) -> None:
    snapshot = json.loads(bench.SNAPSHOT.read_text(encoding="utf-8"))
    assert snapshot.keys() == {figure.key for figure in report.measured_gas}
    risen = rises(report.measured_gas, snapshot, TOLERANCE_PPM)
    assert not risen, (
        "gas rose; if that is wanted: python -m scripts.bench --write-docs --update-snapshot\n"
        + "\n".join(risen)
    )


def test_measure__every_described_path__measured(report: Report) -> None:
    assert {figure.key for figure in report.measured_gas} == DESCRIPTIONS.keys()


def test_fill__without_a_broker__pays_next_to_nothing_for_the_layer(report: Report) -> None:
    measured = {figure.key: figure.value for figure in report.measured_gas}
    added = {key: measured[key] - before for key, before in WITHOUT_BROKERS.items()}
    assert max(added.values()) <= BROKERS_MAY_ADD, added


def test_measure__every_contract__fits_into_one(report: Report) -> None:
    assert {figure.key for figure in report.sizes} >= {"size.Clearinghouse", "size.AdlEngine"}
    assert all(0 < figure.value <= CODE_LIMIT for figure in report.sizes)


def test_measure__a_thousand_accounts_and_ten__same_gas_in_process_and_in_receipts(
    report: Report,
) -> None:
    assert [crowd.accounts for crowd in report.crowds] == [10, 1_000]
    assert report.receipts == (report.crowds[0],)
    assert report.scale_spread_ppm <= 20_000
    assert not {"scale.adl", "scale.adl_receipts"} & set(report.missed)


def test_measure__one_more_bucket__dearer(report: Report) -> None:
    one, two = report.buckets
    assert one.haircut < two.haircut
    assert one.rematch < two.rematch


def test_as_json__dotted_keys__are_numbers(report: Report) -> None:
    data = json.loads(json.dumps(report.as_json()))
    assert all(isinstance(data["gas"][key], int) for key in KEYS)
    assert isinstance(data["size"]["Clearinghouse"], int)
    assert data["scale"]["adl"][0].keys() == {"accounts", "gas", "rematch_gas"}
    assert data["view"]["health"].keys() == {"gas", "ms"}
    speeds = data["fuzz"]["steps_per_second"]
    assert min(speeds["revm"], speeds["anvil"]) > 0  # which is faster is for a quiet machine to say


# --- judged ----------------------------------------------------------------------------------


def test_rises__one_step_past_the_tolerance__named() -> None:
    snapshot = {"gas.deposit": 100_000}
    assert rises([gas_figure("gas.deposit", 101_000)], snapshot, TOLERANCE_PPM) == []
    assert rises([gas_figure("gas.deposit", 101_001)], snapshot, TOLERANCE_PPM) == [
        "gas.deposit: 101,001 gas, was 100,000"
    ]


def test_missed__one_past_each_limit__named() -> None:
    at_limits = made_up(
        gas=(gas_figure("gas.settle_existing", 200_000),),
        sizes=(size_figure("Lens", CODE_LIMIT),),
        crowds=(CrowdCost(10, 100_000, 100), CrowdCost(1_000, 102_000, 102)),
        receipts=(CrowdCost(10, 100_000, 100),),
    )
    assert at_limits.missed == []
    past = made_up(
        gas=(gas_figure("gas.settle_existing", 200_001),),
        sizes=(size_figure("Lens", CODE_LIMIT + 1),),
        crowds=(CrowdCost(10, 100_000, 100), CrowdCost(1_000, 102_001, 102)),
        receipts=(CrowdCost(10, 100_001, 100),),
    )
    assert past.missed == [
        "gas.settle_existing",
        "size.Lens",
        "scale.adl",
        "scale.adl_receipts",
    ]


def test_missed__rematch_grows_with_accounts__named() -> None:
    crowds = (CrowdCost(10, 100_000, 100_000), CrowdCost(1_000, 100_000, 102_001))
    assert made_up(crowds=crowds, receipts=()).missed == ["scale.adl"]


# --- cold storage ----------------------------------------------------------------------------

WRITES_7 = bytes.fromhex("60075f5500")  # slot 0 = 7
INIT = bytes.fromhex("6460075f55005f526005601bf3")  # deploys it


def test_settle__slot_written_before__cold_and_original() -> None:
    chain = ColdChain()
    sender = chain.accounts()[0]
    contract, outcome = chain.create(sender, INIT, 0, 1_000_000)
    assert outcome.ok
    assert chain.code(contract) == WRITES_7
    pushes = 21_000 + 3 + 2
    assert chain.measured(sender, contract, b"").gas == pushes + 2_100 + 20_000
    # warm and dirty: the journal remembers the zero of before
    assert chain.transact(sender, contract, b"").gas == pushes + 100
    # as in a receipt: cold, and nothing changes
    assert chain.measured(sender, contract, b"").gas == pushes + 2_100 + 100
    assert chain.slots == 1


def test_restore__written_since__gone_and_cold() -> None:
    chain = ColdChain()
    sender = chain.accounts()[0]
    contract, _ = chain.create(sender, INIT, 0, 1_000_000)
    image = chain.image()
    first = chain.transact(sender, contract, b"").gas
    number = chain.number
    chain.restore(image)
    assert chain.number == number - 1
    assert chain.transact(sender, contract, b"").gas == first


def test_settle__snapshot_open__refused() -> None:
    chain = ColdChain()
    chain.snapshot()
    with pytest.raises(ChainError, match="a snapshot is open"):
        chain.settle()


# --- documentation ---------------------------------------------------------------------------


def test_write_docs__marks_missing__refused(tmp_path) -> None:
    path = tmp_path / "gas.md"
    path.write_text("no place", encoding="utf-8")
    with pytest.raises(ConfigError, match="no place for the tables"):
        bench.write_docs(made_up(), path)


def test_write_docs__between_the_marks__replaced(tmp_path) -> None:
    path = tmp_path / "gas.md"
    path.write_text(f"above\n{bench.BEGIN}\nyesterday\n{bench.END}\nbelow\n", encoding="utf-8")
    view = ViewCost(gas_figure("view.leg", 57_160), 0.25)
    bench.write_docs(made_up(gas=(gas_figure("gas.deposit", 80_637),), views=(view,)), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "yesterday" not in text
    assert "80,637" in text
    assert "57,160 | 0.25" in text
