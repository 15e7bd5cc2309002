"""Stress files: every mistake is told with its place; shipped files are read; crowds add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.errors import ConfigError
from plimsoll.risk_terms import Concentration
from plimsoll.scenario import LEVERAGE_CLASSES
from plimsoll.stress.brokers import FundPlan
from plimsoll.stress.crowd import build_crowd, member_names
from plimsoll.stress.draws import DEFAULT, draw, load_sweep, scenario_of
from plimsoll.stress.events import Price, Trade
from plimsoll.stress.prices import Path as PricePath
from plimsoll.stress.scenario import FOLDER, Scenario, load_all, load_scenario
from plimsoll.stress.terms import Terms
from plimsoll.units import PPM, WAD
from tests.support.stress_files import GOOD, MISTAKES


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
    alpha, beta = scenario.brokers
    everybody = member_names(scenario.crowd, ["BTC"])
    assert alpha.names(everybody) == ["BTC-long-01", "BTC-short-01"]
    assert (alpha.stake, alpha.pool, alpha.guarantee_ppm) == (900 * WAD, 100 * WAD, PPM // 2)
    assert (alpha.cure, alpha.term) == (7_200, 30 * 86_400)
    assert (beta.pool, beta.cure, beta.omega_ppm, beta.refills) == (0, 21_600, 2 * PPM, True)
    assert scenario.fund == FundPlan(10_000 * WAD, 200_000, 500_000)
    assert scenario.switches.off == []
    guard = scenario.markets[0].guard
    assert guard.risk is not None
    assert guard.buffer is not None
    assert (guard.risk.hold_seconds, guard.buffer.share_ppm) == (120, PPM)
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


def test_terms__switched_off__the_market_has_none(tmp_path: Path) -> None:
    off = "[terms]\nrisk = false\nbuffer = false\nconcentration = false"
    scenario = load_scenario(written(tmp_path, GOOD.replace("[terms]\nconcentration = true", off)))
    assert scenario.switches.off == ["risk", "buffer", "concentration"]
    assert scenario.markets[0].guard == Terms()


def test_terms__surcharge__of_what_is_beyond_the_share_or_the_floor() -> None:
    terms = Terms(concentration=Concentration(20, 2, 3))
    interest = 1_000_000 * WAD
    assert terms.surcharge(200_000 * WAD, interest) == 0
    assert terms.surcharge(300_000 * WAD, interest) == 2_000 * WAD
    # 10,000 doubled three times
    assert terms.surcharge(180_000 * WAD, 100_000 * WAD) == 2_000 * WAD
    assert Terms().surcharge(300_000 * WAD, interest) == 0


def test_sweep_file__too_little_capital_of_brokers__told(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("pool = 0.625", "pool = 0.5")
    with pytest.raises(ConfigError, match=r"brokers\.stake and pool must cover the guarantees"):
        load_sweep(written(tmp_path, text))


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


def test_crowd__deposit_only__is_no_member(shipped: dict[str, Scenario]) -> None:
    one = shipped["winners_leave"]
    members = build_crowd(one.crowd, one.named, one.markets, one.seed)
    assert [named.name for named in one.named] == ["exit-desk"]
    assert all(member.legs for member in members)
    assert len(members) == one.crowd.accounts


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
