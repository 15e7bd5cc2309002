"""The replay of 10 October 2025: its figures, and the command that leaves them as files."""

from __future__ import annotations

import csv
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from plimsoll.replay import measure, tables
from plimsoll.replay.html import page
from plimsoll.replay.opening import Person
from plimsoll.replay.population import Seat
from plimsoll.replay.report import Replay, document, write_tables
from plimsoll.replay.settings import Settings, load_settings
from plimsoll.replay.words import findings, limits
from plimsoll.report.grid import Grid
from plimsoll.units import WAD, to_wad
from tests.support.replay_by_hand import replay_by_hand
from tests.support.replay_files import (
    SCENARIO,
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(SCENARIO)


# --- figures ----------------------------------------------------------------------------------


@pytest.fixture
def by_hand(settings: Settings) -> Replay:
    """Two waves of ten dollars under five policies."""
    return replay_by_hand(settings)


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
    amounts = "needed", "taken", "available_profit", "largest_haircut"
    assert all(str(Decimal(first[key])) == first[key] for key in amounts)
    assert all(isinstance(first[key], int) for key in asked - set(amounts) | {"gas", "buckets"})
    assert (first["needed"], first["taken"], first["paid_by_winners"]) == ("10", "10", "10")
    assert (first["available_profit"], first["largest_haircut"]) == ("100", "0.1")
    assert first["profit_out_of_reach"] == "2"
    assert data["scale"] == "1"
    assert (first["accounts"], first["buckets"], first["gas"]) == (3, 3, 1_200_000)
    assert (first["start_gas"], first["start_calls"]) == (200_000, 1)
    assert (first["resolve_gas"], first["resolve_calls"]) == (1_000_000, 2)
    assert [row["kind"] for row in data["policies"]] == [
        "published",
        "simulation",
        "contracts",
        "contracts",
        "contracts",
    ]


def test_write_tables__csv__sums_as_the_document(by_hand: Replay, tmp_path: Path) -> None:
    waves, policies = write_tables(by_hand, tmp_path)
    with waves.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    with policies.open(encoding="utf-8", newline="") as lines:
        totals = {row["policy"]: row for row in csv.DictReader(lines)}
    assert list(totals) == ["venue", "queue", "plimsoll", "insured_5m", "brokers_25"]
    assert len(rows) == 10
    for key, row in totals.items():
        columns = ("needed", "taken", "insurance", "brokers", "guaranty_fund", "shortfall")
        for column in columns:
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
    queue, plain, *others = by_hand.outcomes
    other = replace(by_hand, outcomes=(queue, replace(plain, rounds=tuple(rounds)), *others))
    said = " ".join(findings(other))
    assert "in no wave more than 2e-3 dollars away" in said
    assert "paid 2e-3 dollars; with these it is net -2e-3 dollars" in said
    assert [row[4] for row in tables.waves_table(other).rows] == ["-2e-3", "-2e-3"]


def test_people_table__other_measures__are_marked_or_stand_apart(by_hand: Replay) -> None:
    table = tables.people_table(by_hand)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    venue, queue, plain, *_ = rows
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
    assert found == [(None, None), (2, None), (None, 1), (None, 0), (None, 0)]


def test_performed__brokers__pay_before_winners_and_are_in_no_hole(by_hand: Replay) -> None:
    outcome = by_hand.outcomes[-1]
    assert (outcome.brokers, outcome.fund, outcome.insurance) == (3 * WAD, WAD, 0)
    assert (outcome.taken, outcome.net) == (16 * WAD, 0)
    assert (outcome.stakes, outcome.pools) == (2 * WAD, 2 * WAD)
    assert by_hand.plain.stakes is None
    found = document(by_hand)["policies"][-1]
    assert found["sponsored"]["brokers_failed"] == 1
    assert (found["lost_by_operators"], found["lost_by_depositors"]) == ("2", "2")
    assert found["waves"][1]["brokers"] == "3"


def test_brokers_tables__policy__what_it_had_and_what_each_layer_paid(by_hand: Replay) -> None:
    (row,) = tables.brokers_table(by_hand).rows
    assert (row[1], row[-2], row[-1]) == ("1 of 2", "20.00 %", "1")
    waves = tables.broker_waves_table(by_hand)
    assert waves is not None
    line = dict(zip(waves.columns, waves.rows[1], strict=True))
    assert (line["guarantees"], line["fund"], line["winners"]) == ("3.00", "1.00", "6.00")
    said = " ".join(findings(by_hand))
    assert "1 of 2 bankrupt accounts" in said
    assert "1 of 4 brokers failed" in said
    known = " ".join(limits(by_hand))
    assert "Who had a broker is an assumption, at 25 % of the bankrupt accounts" in known


def test_words__no_policy_with_brokers__nothing_is_said_of_them(by_hand: Replay) -> None:
    without = replace(by_hand, outcomes=by_hand.outcomes[:-1])
    assert tables.broker_waves_table(without) is None
    assert len(tables.of_policies(without)) == 2
    assert "Who had a broker" not in " ".join(limits(without))


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
