"""The accounts and waves of the replay: quantiles, the public file, the scenario file."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from plimsoll.errors import ConfigError, InputError
from plimsoll.replay.book import load_day, read_outlines
from plimsoll.replay.policies import middle
from plimsoll.replay.quantiles import (
    CASH_AT_PPM,
    NOTIONAL_AT_PPM,
    PROFIT_AT_PPM,
    band_from_json,
    band_to_json,
    describe,
    draw,
    quantile,
)
from plimsoll.replay.settings import Settings, load_settings
from plimsoll.units import PPM, to_ppm, to_wad
from tests.support.replay_files import SCENARIO, changed_scenario, plain_rows, public_file


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(SCENARIO)


# --- quantiles --------------------------------------------------------------------------------


def test_draw__same_seed__same_accounts(settings: Settings) -> None:
    first, second = (draw(settings.bands[:6], 5) for _ in range(2))
    assert first == second
    assert first != draw(settings.bands[:6], 6)


def test_describe__drawn_accounts__comes_near_the_bands_they_follow(settings: Settings) -> None:
    again = describe(draw(settings.bands, 1))
    for drawn, stated in zip(again, settings.bands, strict=True):
        assert drawn.accounts == stated.accounts
        middle_of = PPM // 2
        for mine, theirs in ((drawn.notional, stated.notional), (drawn.profit, stated.profit)):
            assert abs(mine.at(middle_of) - theirs.at(middle_of)) * 4 < theirs.at(middle_of)
        # those with more profit have more cash, in the file and in the draw
        assert drawn.cash[3].at(middle_of) > drawn.cash[0].at(middle_of)


def test_band__json_and_back__the_same(settings: Settings) -> None:
    for band in settings.bands:
        assert band_from_json(json.loads(json.dumps(band_to_json(band)))) == band


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("notional", "1 2 3"),
        ("notional", "6 5 4 3 2 1"),
        ("notional", "0 1 2 3 4 5"),
        ("notional", "one 2 3 4 5 6"),
        ("cash_per_notional", ["1 2"]),
        ("accounts", 0),
    ],
)
def test_band__wrong_json__refused(settings: Settings, key: str, value: object) -> None:
    with pytest.raises(ValueError):
        band_from_json({**band_to_json(settings.bands[0]), key: value})


def test_scenario__stated_probabilities__are_those_that_are_used() -> None:
    stated = json.loads(SCENARIO.read_text(encoding="utf-8"))["accounts"]["probabilities"]
    used = (NOTIONAL_AT_PPM, PROFIT_AT_PPM, CASH_AT_PPM)
    for line, probabilities in zip(stated.values(), used, strict=True):
        assert tuple(map(to_ppm, line.split())) == probabilities


def test_quantile__between_two_ranks__linear() -> None:
    assert quantile([10, 20, 40], PPM // 2) == 20
    assert quantile([10, 20, 40], PPM // 4) == 15
    assert quantile([10, 20, 40], PPM) == 40
    assert middle([1, 2, 3, 4]) == 2
    assert middle([]) == 0


# --- the day ----------------------------------------------------------------------------------


def test_load_day__file__a_holding_per_row(tmp_path: Path) -> None:
    folder = public_file(tmp_path, plain_rows())
    found = load_day(folder, SCENARIO)
    assert len(found.holdings) == 120
    seventh = found.holdings[7]
    assert (seventh.number, seventh.notional) == (7, to_wad("107.5"))
    assert seventh.profit == to_wad("70000.000001")
    assert seventh.equity == to_wad("70057.000001")  # the account value is cash alone
    assert found.source.startswith("adl_by_account.csv")
    assert found.waves == load_settings(SCENARIO).waves


def test_load_day__name_of_the_public_repository__read_too(tmp_path: Path) -> None:
    rows = [*plain_rows(), "x,7240.000000000001,5.00000000069889e-06,1,-12.5"]
    folder = public_file(tmp_path, rows, "adl_by_user_REALTIME.csv")
    last = load_day(folder, SCENARIO).holdings[-1]
    assert last.notional == to_wad("7240.000000000001")
    assert last.profit == 5_000_000_000_699  # digits beyond a wad are rounded
    assert last.equity == to_wad("-12.5") + last.profit


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*plain_rows(), "x,ten,1,1,1"], "line 122: adl_notional is 'ten'"),
        ([*plain_rows(), "x,10,nan,1,1"], "line 122: closed_pnl is 'nan'"),
        ([*plain_rows(), "x,10,1"], "line 122: account_value_realtime is None"),
        ([*plain_rows(), "x,0,1,1,1"], "line 122: adl_notional is not positive"),
        (plain_rows(99), "has 99 accounts"),
    ],
)
def test_read_outlines__wrong_row__says_where(tmp_path: Path, rows: list[str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_outlines(public_file(tmp_path, rows))
    assert says in caught.value.problem


def test_read_outlines__no_folder_no_file_no_column__says_which(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_outlines(tmp_path / "nowhere")
    assert "is not a folder" in caught.value.problem
    with pytest.raises(InputError) as caught:
        read_outlines(tmp_path)
    assert "holds no adl_by_account.csv" in caught.value.problem
    (tmp_path / "adl_by_account.csv").write_text("account,closed_pnl\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_outlines(tmp_path)
    assert "lacks the column adl_notional, account_value_realtime" in caught.value.problem


def test_load_day__part_of_the_file__refused(tmp_path: Path) -> None:
    folder = public_file(tmp_path, [f"{n},100,5,1,50" for n in range(200)])
    with pytest.raises(InputError) as caught:
        load_day(folder, SCENARIO)
    assert "have 1,000.00 of profit, and the waves need 15,079,669.61" in caught.value.problem


def test_load_day__fewer_accounts__shares_stay(settings: Settings) -> None:
    small = load_day(None, SCENARIO, accounts=300)
    assert len(small.holdings) == 300
    assert 0 < small.scale < Fraction(1, 10)
    gains = sum(max(0, one.profit) for one in small.holdings)
    whole = load_day(None, SCENARIO)
    gains_of_all = sum(max(0, one.profit) for one in whole.holdings)
    for mine, full in zip(small.waves, settings.waves, strict=True):
        assert 0 <= full.needed * gains - mine.needed * gains_of_all < gains_of_all


@pytest.mark.parametrize("accounts", [99, 19_338])
def test_load_day__impossible_number__refused(accounts: int) -> None:
    with pytest.raises(InputError):
        load_day(None, SCENARIO, accounts=accounts)


def test_load_day__hedges__the_assumed_share_by_seed() -> None:
    one, two = (load_day(None, SCENARIO, seed=seed) for seed in (1, 2))
    for found in (one, two):
        assert 5_500 < sum(holding.hedged for holding in found.holdings) < 6_100  # 30 %
    assert [h.hedged for h in one.holdings] != [h.hedged for h in two.holdings]


# --- the scenario file ------------------------------------------------------------------------


def _second_plain(data: dict[str, Any]) -> None:
    data["policies"].append({"key": "again", "title": "again", "kind": "plimsoll"})


def _other_layer(data: dict[str, Any]) -> None:
    data["policies"][3]["layers"] = {"charity": "1"}


def _sponsored(data: dict[str, Any]) -> None:
    data["policies"][-1]["layers"] = {"brokers": "1.1"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.pop("waves"), "KeyError 'waves'"),
        (lambda data: data["policies"][0].update(kind="lottery"), "kind 'lottery'"),
        (_other_layer, "layer 'charity' is not known; known: insurance, brokers"),
        (_sponsored, "the sponsored part of the accounts lies between 0 and 1"),
        (lambda data: data.pop("brokers"), "KeyError 'brokers'"),
        (lambda data: data["brokers"].update(number=33), "1 to 32 brokers"),
        (lambda data: data["brokers"].update(guarantee_of_margin="0"), "a guarantee and a stake"),
        (lambda data: data["brokers"].update(omega="1.5"), "omega times the stake"),
        (
            lambda data: data["brokers"].update(pool_of_guarantees="0.5"),
            "stake and pool must cover the guarantees",
        ),
        (lambda data: data["policies"][0].update(layers={"insurance": "1"}), "has no layers"),
        (lambda data: data["policies"][1].update(key="queue"), "a key of its own"),
        (_second_plain, "one policy must be plimsoll without layers"),
        (lambda data: data["waves"]["rows"].reverse(), "ascending order"),
        (lambda data: data["waves"]["rows"][0].update(needed="-1"), "a wave needs a loss"),
        (lambda data: data["assumptions"].update(hedged_share="1.5"), "between 0 and 1"),
        (lambda data: data["accounts"].update(bands=[]), "bands of accounts"),
        (lambda data: data["policies"][4]["layers"].update(insurance="-1"), "negative"),
    ],
)
def test_load_settings__wrong_scenario__says_what(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(changed_scenario(tmp_path, change))
    assert says in caught.value.problem


def test_load_settings__no_file_no_json__says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_settings(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("not json", encoding="utf-8")
    with pytest.raises(ConfigError):
        load_settings(tmp_path / "text.json")
