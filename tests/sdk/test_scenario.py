"""The scenario file and the accounts that are made from it."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict

import pytest

from plimsoll.artifacts import PROJECT_ROOT
from plimsoll.broker_plans import ALONE
from plimsoll.errors import ConfigError
from plimsoll.population import build_population, stratified
from plimsoll.report.fit import fit_to_data
from plimsoll.scenario import LEVERAGE_CLASSES, Quantiles, load_scenario
from plimsoll.units import PPM, WAD, to_wad, wad_mul_up

OCTOBER = PROJECT_ROOT / "scenarios" / "october_2025.json"


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(OCTOBER)


@pytest.fixture(scope="module")
def population(scenario):
    return build_population(scenario)


def changed(tmp_path, change):
    """The October file with one change, saved elsewhere."""
    data = json.loads(OCTOBER.read_text())
    change(data)
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(data))
    return path


def buffer(**terms):
    """Other buffer terms for BTC."""
    return lambda data: data["markets"][0]["buffer"].update(terms)


def concentration(**terms):
    """Other concentration terms for BTC."""
    return lambda data: data["markets"][0]["concentration"].update(terms)


def outage(**entry):
    """Another outage in the fall."""
    return lambda data: data["outages"][0].update(entry)


# --- the file --------------------------------------------------------------------------


def test_october__path__falls_as_that_day(scenario):
    bitcoin = [step.prices[0] for step in scenario.path]
    fall = [
        price for step, price in zip(scenario.path, bitcoin, strict=True) if step.phase == "fall"
    ]
    last_open = max(i for i, step in enumerate(scenario.path) if step.phase == "open")
    assert bitcoin[last_open] == to_wad(122_000)
    assert min(bitcoin) == to_wad(102_000)
    assert to_wad(106_400) in fall
    assert fall == sorted(fall, reverse=True)


def test_october__every_distribution__names_its_source(scenario):
    for distribution in (
        scenario.leverage,
        scenario.notional,
        *scenario.entry.values(),
        *scenario.profit.values(),
    ):
        assert "github.com/" in distribution.source
        assert distribution.unit


def test_october__outages__six_minutes_in_the_fall_and_one_for_good(scenario):
    short, for_good = scenario.outages
    assert (short.market, short.feeds, short.end - short.start) == ("SOL", (1, 2), 360)
    assert for_good.end is None
    assert scenario.wind_down.time - for_good.start >= 3 * 86_400
    assert sum(market.buffer.share_ppm for market in scenario.markets) == PPM


def test_load__no_outages_and_no_terms__is_a_scenario(tmp_path):
    def plain(data):
        del data["outages"], data["wind_down"], data["brokers"]
        for market in data["markets"]:
            del market["buffer"], market["concentration"]

    scenario = load_scenario(changed(tmp_path, plain))
    assert (scenario.outages, scenario.wind_down, scenario.brokers) == ((), None, None)
    assert not [plan for plan in build_population(scenario).accounts if plan.role == "client"]
    assert {(market.buffer, market.concentration) for market in scenario.markets} == {(None, None)}


def test_load__missing_file__one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the scenario"):
        load_scenario(tmp_path / "nowhere.json")


def test_load__not_json__refused(tmp_path):
    path = tmp_path / "scenario.json"
    path.write_text("prices: falling")
    with pytest.raises(ConfigError, match="is not JSON"):
        load_scenario(path)


def test_load__field_missing__names_it(tmp_path):
    path = changed(tmp_path, lambda data: data.pop("seed"))
    with pytest.raises(ConfigError, match="KeyError 'seed'"):
        load_scenario(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data["path"].reverse(), "times on the path must ascend"),
        (lambda data: data["path"][3]["prices"].pop(), "one price per market"),
        (lambda data: data["data"]["leverage"]["values"].reverse(), "quantiles .* must ascend"),
        (lambda data: data["data"]["notional"]["values"].pop(), "quantiles .* one each"),
        (lambda data: data["population"].update(winners=0), "at least one winner"),
        (
            lambda data: data.update(path=[s for s in data["path"] if s["phase"] == "open"]),
            "a falling one",
        ),
        (lambda data: data["data"]["entry"].pop("ETH"), "needs entry quantiles"),
        (lambda data: data["path"][0].update(phase="after"), "phases .* must follow each other"),
        (lambda data: data["path"][0].update(phase="later"), "phase 'later': open, fall, rise or"),
        (lambda data: data["path"][0].update(time="2025-08-03T12:00:00"), "has no zone"),
        (buffer(kappa="101"), "buffer: kappa 101: 0.1 to 100"),
        (buffer(share="0"), "buffer: share 0: above 0, at most 1"),
        (buffer(gap="0.001"), "buffer: gap 0.001: 0.01 to 1"),
        (buffer(share="0.31"), "buffer shares of all markets sum to 1.01: at most 1"),
        (concentration(share_percent=32), "concentration: share_percent 32: 1 to 31"),
        (concentration(rate_percent=0), "concentration: rate_percent 0: 1 to 50"),
        (concentration(floor_code=16), "concentration: floor_code 16: 0 to 15"),
        (outage(market="DOGE"), "an outage is in DOGE, which is no market"),
        (outage(feeds=[]), "an outage in SOL must name some of its feeds 1 to 3"),
        (outage(feeds=[3, 4]), "an outage in SOL must name some of its feeds 1 to 3"),
        (outage(feeds=[1, 1]), "an outage in SOL names a feed twice"),
        (outage(**{"from": "2025-10-01T12:00:00Z"}), "must begin after the first falling step"),
        (outage(to="2025-10-10T21:10:00Z"), "an outage in SOL must end after it began"),
        (outage(to="2025-10-12T21:10:00Z"), "two outages in SOL share a feed at the same time"),
        (lambda data: data["wind_down"].update(market="DOGE"), "the wind-down is in DOGE"),
        (lambda data: data["wind_down"].update(market="BTC"), "leaves BTC without a price"),
        (lambda data: data["outages"][1].update(feeds=[1]), "leaves SOL without a price"),
        (
            lambda data: data["wind_down"].update(time="2025-10-14T12:29:59Z"),
            "at least three days after the feeds of SOL died",
        ),
        (
            lambda data: data["path"][-1].update(time="2025-10-14T13:00:00Z"),
            "must come after the last step of the path",
        ),
    ],
)
def test_load__inconsistent_file__says_what(tmp_path, change, problem):
    with pytest.raises(ConfigError, match=problem):
        load_scenario(changed(tmp_path, change))


# --- quantiles -------------------------------------------------------------------------


def test_quantiles__between_two__linear():
    line = Quantiles("", "", (100_000, 300_000, 500_000), (10 * WAD, 20 * WAD, 40 * WAD))
    assert line.at(100_000) == 10 * WAD
    assert line.at(200_000) == 15 * WAD
    assert line.at(300_000) == 20 * WAD
    assert line.at(450_000) == 35 * WAD


def test_quantiles__outside__nearest():
    line = Quantiles("", "", (100_000, 500_000), (10, 40))
    assert (line.at(0), line.at(PPM)) == (10, 40)


def test_stratified__range__middle_of_each_part():
    assert stratified(4, 0, 800_000) == [100_000, 300_000, 500_000, 700_000]


# --- the population --------------------------------------------------------------------


def test_population__same_seed__same_accounts(scenario, population):
    assert build_population(scenario) == population


def test_population__other_seed__other_accounts(scenario, population):
    assert build_population(dataclasses.replace(scenario, seed=1)) != population


def test_population__accounts__at_least_sixty_in_three_markets(population):
    assert len(population.accounts) >= 60
    assert {trade.market for trade in population.trades} >= {1, 2, 3}


def test_population__after_all_trades__longs_equal_shorts(population):
    held = defaultdict(int)
    for trade in population.trades:
        held[trade.taker, trade.market] += trade.size
        held[trade.maker, trade.market] -= trade.size
    for market in (1, 2, 3):
        assert sum(size for (_, m), size in held.items() if m == market) == 0
    roles = {plan.name: plan.role for plan in population.accounts}
    for (name, _), size in held.items():
        assert size < 0 if roles[name] == "winner" else size >= 0


def test_population__every_class__covers_its_leverage_and_the_market_allows_it(
    scenario, population
):
    plans = {plan.name: plan for plan in population.accounts}
    lent = {client.name: client.guarantee for client in scenario.brokers.clients}
    for trade in population.trades:
        plan = plans[trade.taker]
        terms = next(terms for terms in scenario.markets if terms.id == trade.market)
        leverage_class = plan.classes[trade.market]
        assert leverage_class <= terms.max_class
        notional = wad_mul_up(abs(trade.size), trade.price)
        assert notional >= terms.min_notional * WAD
        guaranteed = lent.get(plan.name.removesuffix(ALONE), 0)  # twins try the same alone
        own = (plan.deposit + guaranteed) * LEVERAGE_CLASSES[leverage_class]
        assert own >= notional or len(plan.classes) > 1


def test_population__entries__inside_the_data(scenario, population):
    names = {terms.id: terms.name for terms in scenario.markets}
    for trade in population.trades:
        if trade.taker.startswith("winner"):
            values = scenario.entry[names[trade.market]].values
            assert values[0] <= trade.price <= values[-1] * 102 // 100


def test_fit__median_entry__within_a_fiftieth_of_the_data(scenario, population):
    rows = {row["what"]: row for row in fit_to_data(scenario, population)}
    middle = rows["BTC entry"]["probabilities_ppm"].index(500_000)
    for terms in scenario.markets:
        row = rows[f"{terms.name} entry"]
        data, ours = float(row["data"][middle]), float(row["ours"][middle])
        assert abs(ours / data - 1) < 0.02


def test_population__late_longs_want_too_much__refused(scenario):
    greedy = dataclasses.replace(
        scenario,
        late_longs=tuple(
            dataclasses.replace(late, shares_ppm={"BTC": PPM}) for late in scenario.late_longs[:2]
        ),
    )
    with pytest.raises(ConfigError, match="more of market 1 than the holders have"):
        build_population(greedy)


# --- market terms ----------------------------------------------------------------------


def test_terms__brackets__continuous_and_progressive(scenario):
    terms = scenario.market("BTC")
    threshold = terms.brackets[1].threshold * WAD
    assert terms.initial_margin(threshold) == threshold * terms.brackets[0].im_ppm // PPM
    step = terms.initial_margin(threshold + 1_000 * WAD) - terms.initial_margin(threshold)
    assert step == 1_000 * WAD * terms.brackets[1].im_ppm // PPM
    assert terms.maintenance_margin(threshold) * 2 == terms.initial_margin(threshold)


def test_terms__size__rounded_to_the_market_and_never_to_nothing(scenario):
    terms = scenario.market("SOL")
    assert terms.round_size(1_234_567 * 10**12) == 1_235 * 10**15
    assert terms.round_size(1) == 10**15


# --- what backs open interest --------------------------------------------------------------------


def test_market__without_backing__has_none(tmp_path):
    def change(data):
        for market in data["markets"]:
            del market["buffer"], market["concentration"]

    markets = load_scenario(changed(tmp_path, change)).markets
    assert all(market.buffer is market.concentration is None for market in markets)


def test_market__with_backing__reads_fractions_and_percentages(tmp_path):
    def change(data):
        del data["markets"][1]["buffer"], data["markets"][1]["concentration"]
        data["markets"][0]["buffer"] = {"kappa": "2.5", "share": "0.4", "gap": "0.15"}
        data["markets"][0]["concentration"] = {
            "share_percent": 10,
            "rate_percent": 5,
            "floor_code": 3,
        }

    first, second, *_ = load_scenario(changed(tmp_path, change)).markets
    assert first.buffer is not None
    assert first.concentration is not None
    assert first.buffer.values() == (2_500_000, 400_000, 150_000)
    assert first.concentration.values() == (10, 5, 3)
    assert (second.buffer, second.concentration) == (None, None)


@pytest.mark.parametrize("key", ["buffer", "concentration"])
def test_market__with_half_of_a_backing__is_refused(tmp_path, key):
    def change(data):
        data["markets"][0][key] = {"share": "0.4", "share_percent": 10}

    with pytest.raises(ConfigError):
        load_scenario(changed(tmp_path, change))
