"""Stress files: every mistake is told with its place; shipped files are read; crowds add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.errors import ConfigError
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.stress.crowd import build_crowd, member_names
from plimsoll.stress.draws import DEFAULT, draw, load_sweep, scenario_of
from plimsoll.stress.events import Price, Trade
from plimsoll.stress.prices import Path as PricePath
from plimsoll.stress.scenario import FOLDER, Scenario, load_all, load_scenario
from plimsoll.units import PPM, WAD

GOOD = """
title = "A fall"
about = "Something falls."

[[markets]]
preset = "BTC"

[population]
accounts = 8
leverage = { 2 = 0.5, 10 = 0.5 }

[insurance]
junior = 1_000
senior = 0.5

[[liquidators]]
name = "calm"
deposit = 1_000
appetite = 1_000
least_concession = 0.01

[[events]]
at = "1h 30m"
do = "price"
to = { BTC = 0.8 }
over = "5m"

[expect]
shortfall = false
bankrupt = { least = 1, most = 3 }
"""

# what is wrong: a piece of the good file, what stands there instead, the words of the refusal
MISTAKES = {
    "no title": ('title = "A fall"', "", "title is missing"),
    "misspelt": ("[insurance]", "[insurence]", "insurence is not known here"),
    "unknown preset": ('preset = "BTC"', 'preset = "XYZ"', "markets[1].preset must be one of BTC"),
    "bad term": ('"BTC"', '"BTC"\nband = 3', "markets[1].band must lie between 0 and 0.2"),
    "not a number": ("junior = 1_000", 'junior = "much"', "insurance.junior must be a number"),
    "negative": ("junior = 1_000", "junior = -1", "insurance.junior must be an amount"),
    "too fine": (
        "senior = 0.5",
        "senior = 0.0000000000000000001",
        "insurance.senior must be a num",
    ),
    "mix too large": ("2 = 0.5", "2 = 0.6", "population.leverage must share out exactly 1"),
    "no leverage": ("2 = 0.5", "two = 0.5", "population.leverage.two is no leverage"),
    "half an account": ("accounts = 8", "accounts = 8.5", "population.accounts must be a whole"),
    "no time": ('"1h 30m"', '"soon"', "events[1].at must be a time"),
    "no event": ('do = "price"', 'do = "pray"', "events[1].do must be one of price, feeds"),
    "other market": ("{ BTC = 0.8 }", "{ ETH = 0.8 }", "events[1].to.ETH is not known here"),
    "brokers": ("[expect]", "[[brokers]]\n[expect]", "brokers is not known here"),
    "no measure": ("shortfall = false", "shortfal = false", "expect.shortfal is not known here"),
    "no bound": ("{ least = 1, most = 3 }", "{}", "expect.bankrupt must name least, most"),
    "no flag": ("shortfall = false", "shortfall = 0", "expect.shortfall must be true or false"),
    "same name": ('"calm"', '"BTC-long-01"', "accounts and liquidators must have different names"),
    "nobody": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"withdraw"\nwho = "ann"',
        "events[1].who names nobody: 'ann'",
    ),
    "no such feed": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"feeds"\nmarket = "BTC"\nfeeds = [4]\nstate = "dead"',
        "events[1].feeds must name feeds from 1 to 3",
    ),
    "delay of nothing": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"feeds"\nmarket = "BTC"\nstate = "delayed"',
        "events[1].delay belongs to",
    ),
    "legs": ("accounts = 8", "accounts = 8\nlegs = 2", "population.legs is more than there are"),
    "few accounts": ("accounts = 8", "accounts = 1", "population.accounts must be a whole number"),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "file.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shipped() -> dict[str, Scenario]:
    return {scenario.key: scenario for scenario in load_all()}


def test_file__good__is_read(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, GOOD))
    assert scenario.key == "file"
    assert scenario.insurance.senior == WAD // 2
    assert scenario.events == (Price(5_400, {"BTC": 800_000}, 300),)
    assert [expectation.text for expectation in scenario.expect] == [
        "shortfall: none",
        "bankrupt: at least 1, at most 3",
    ]


@pytest.mark.parametrize("name", MISTAKES)
def test_file__mistake__told_with_its_place(tmp_path: Path, name: str) -> None:
    piece, instead, words = MISTAKES[name]
    assert piece in GOOD
    path = written(tmp_path, GOOD.replace(piece, instead, 1))
    with pytest.raises(ConfigError) as refused:
        load_scenario(path)
    assert words in refused.value.problem
    assert str(path) in refused.value.problem


@pytest.mark.parametrize(
    ("text", "words"), [("title = ", "is not TOML"), (None, "cannot read")], ids=["torn", "absent"]
)
def test_file__unreadable__told(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "none.toml" if text is None else written(tmp_path, text)
    with pytest.raises(ConfigError, match=words):
        load_scenario(path)


def test_folder__empty__told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no scenario in"):
        load_all(tmp_path)


def test_sweep_file__gaps_that_fall__told(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("in_1000 = 0.18", "in_1000 = 0.05")
    with pytest.raises(ConfigError, match=r"gaps\.BTC\.in_1000 must be a larger gap"):
        load_sweep(written(tmp_path, text))


def test_sweep_file__range_upside_down__told(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("[0.01, 0.25]", "[0.25, 0.01]")
    with pytest.raises(ConfigError, match=r"ranges\.capital must be two numbers"):
        load_sweep(written(tmp_path, text))


def test_shipped__all_named_in_the_document(shipped: dict[str, Scenario]) -> None:
    text = (FOLDER.parents[1] / "docs" / "stress.md").read_text(encoding="utf-8")
    assert [key for key in shipped if f"`{key}`" not in text] == []


def test_shipped__each_expects_something(shipped: dict[str, Scenario]) -> None:
    assert [key for key, scenario in shipped.items() if not scenario.expect] == []
    assert any(e.text == "shortfall: some" for s in shipped.values() for e in s.expect)


# --- crowds -----------------------------------------------------------------------------------


def test_crowd__every_market__sides_are_equal_and_as_large_as_asked(
    shipped: dict[str, Scenario],
) -> None:
    for scenario in shipped.values():
        members = build_crowd(scenario.crowd, scenario.named, scenario.markets, scenario.seed)
        for market in scenario.markets:
            sizes = [leg.size for m in members for leg in m.legs if leg.market == market.name]
            assert sum(sizes) == 0
            value = sum(size for size in sizes if size > 0) * market.price // WAD
            assert abs(value - market.open_interest) < market.open_interest // 100


def test_crowd__named_share__held_by_the_named_account(shipped: dict[str, Scenario]) -> None:
    scenario = shipped["whale"]
    members = build_crowd(scenario.crowd, scenario.named, scenario.markets, scenario.seed)
    whale = next(member for member in members if member.name == "whale")
    market = scenario.markets[0]
    held = whale.legs[0].size * market.price // WAD
    assert abs(held * 10 - 3 * market.open_interest) < market.open_interest // 1_000


def test_crowd__leverage_mix__shares_met_and_deposits_follow(shipped: dict[str, Scenario]) -> None:
    scenario = shipped["gap_20"]
    members = build_crowd(scenario.crowd, (), scenario.markets, scenario.seed)
    assert [m.name for m in members] == member_names(scenario.crowd, ["BTC"])
    by_class = [LEVERAGE_CLASSES[member.classes["BTC"]] for member in members]
    counts = {leverage: by_class.count(leverage) for leverage, _ in scenario.crowd.leverage}
    assert counts == {
        leverage: len(members) * share // PPM for leverage, share in scenario.crowd.leverage
    }


def test_crowd__same_seed__same_accounts(shipped: dict[str, Scenario]) -> None:
    scenario = shipped["markets_together"]
    first, second, other = (
        build_crowd(scenario.crowd, scenario.named, scenario.markets, seed) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


# --- prices and days --------------------------------------------------------------------------


def test_path__moves__are_straight_lines() -> None:
    path = PricePath(0, 100)
    path.move(10, 10, 200)
    path.move(40, 0, 50)
    assert [path.at(time) for time in (0, 10, 15, 20, 39, 40, 99)] == [
        100, 100, 150, 200, 200, 50, 50,
    ]  # fmt: skip
    assert path.ends == 40


def test_path__interrupted_move__goes_on_from_where_it_is() -> None:
    path = PricePath(0, 100)
    path.move(0, 100, 200)
    path.move(50, 50, 100)
    assert [path.at(time) for time in (25, 50, 75, 100)] == [125, 150, 125, 100]


def test_events__repeated_trade__is_read(shipped: dict[str, Scenario]) -> None:
    trades = [event for event in shipped["funding_flips"].events if isinstance(event, Trade)]
    assert [trade.premium_ppm for trade in trades] == [20_000, -20_000]
    assert all(trade.alternate and trade.times == 432 for trade in trades)


def test_draw__days__follow_from_seed_and_number() -> None:
    plan = load_sweep()
    assert draw(plan, 1, 50, 7) == draw(plan, 1, 50, 7)
    assert draw(plan, 1, 50, 7) != draw(plan, 2, 50, 7)
    scenario_of(plan, draw(plan, 1, 50, 7))


def test_draw__rarities__one_in_each_part_of_the_logarithmic_scale() -> None:
    plan = load_sweep()
    rarities = sorted((draw(plan, 1, 40, number).rarity for number in range(40)), reverse=True)
    for place, rarity in enumerate(rarities):
        assert plan.deepest ** ((place + 1) / 40) <= rarity <= plan.deepest ** (place / 40)


def test_gaps__two_points__are_met() -> None:
    gaps = load_sweep().gaps["BTC"]
    assert (gaps.at(0.01), gaps.at(0.001)) == (gaps.in_100_ppm, gaps.in_1000_ppm)
    assert gaps.at(1e-30) == 900_000
