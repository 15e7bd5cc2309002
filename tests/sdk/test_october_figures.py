"""The published figures of 10 October 2025, recomputed from what the project holds.

With PLIMSOLL_OCTOBER_DATA pointing at the public files they are recomputed from these as well.
"""

from __future__ import annotations

import csv
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from plimsoll import artifacts
from plimsoll.replay.book import Day, load_day, read_outlines
from plimsoll.replay.quantiles import describe, quantile
from plimsoll.replay.report import quantiles
from plimsoll.replay.settings import Settings, load_settings
from plimsoll.scenario import Scenario, load_scenario
from plimsoll.units import PPM, WAD, div_down, rounded, to_wad

REPLAY = artifacts.PROJECT_ROOT / "scenarios" / "replay_october_2025.json"
DEMO = artifacts.PROJECT_ROOT / "scenarios" / "october_2025.json"
MILLION = 10**6 * WAD
NOISE = 10**4  # wad: what floats of the files leave in sums and shares
THE_WHALE = to_wad("10925707.159378")  # the deficit that the data repeats


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(REPLAY)


@pytest.fixture(scope="module")
def demo() -> Scenario:
    return load_scenario(DEMO)


@pytest.fixture(scope="module")
def drawn() -> Day:
    return load_day(None, REPLAY)


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("PLIMSOLL_OCTOBER_DATA")
    if not named:
        pytest.skip("PLIMSOLL_OCTOBER_DATA does not name the folder of the public files")
    return Path(named)


def fact(settings: Settings, start: str) -> str:
    (found,) = (one["value"] for one in settings.facts if one["what"].startswith(start))
    return found


# --- waves ------------------------------------------------------------------------------------


def test_waves__sums__are_the_published_headlines(settings: Settings) -> None:
    needed = sum(wave.needed for wave in settings.waves)
    taken = sum(wave.taken_by_venue for wave in settings.waves)
    assert len(settings.waves) == 16
    assert rounded(needed, 1, MILLION) == fact(settings, "covered, all waves") == "15.1"
    assert rounded(taken, 1, MILLION) == fact(settings, "taken by the venue") == "60.1"
    assert rounded(taken - needed, 1, MILLION) == fact(settings, "net overshoot") == "45.0"


def test_waves__overshoots__some_waves_fell_short(settings: Settings) -> None:
    nets = {wave.number: wave.taken_by_venue - wave.needed for wave in settings.waves}
    assert sorted(number for number, net in nets.items() if net < 0) == [1, 2, 4, 5, 9, 10]
    assert rounded(sum(net for net in nets.values() if net > 0), 1, MILLION) == "49.4"
    assert rounded(nets[13], 1, MILLION) == "32.9"


def test_pro_rata__largest_haircut__is_needed_by_available(settings: Settings) -> None:
    shares = {wave.number: div_down(wave.needed * WAD, wave.available) for wave in settings.waves}
    published = {one.wave: one.pro_rata for one in settings.published}
    equal = {n for n, share in shares.items() if abs(share - published[n]) <= NOISE}
    # published as a part of equity: it reaches the share where somebody's equity is all profit
    assert all(published[number] <= shares[number] + NOISE for number in shares)
    assert set(shares) - equal == {9, 11, 21, 25, 28}
    most = max(shares, key=lambda number: shares[number])
    assert most == 7
    assert most in equal
    assert rounded(shares[most] * 100, 1) == fact(settings, "largest single haircut, continuous")


def test_pro_rata__largest_haircut__the_rest_is_under_one_percent(settings: Settings) -> None:
    others = [w for w in settings.waves if w.number != 7]
    assert all(wave.needed * 100 < wave.available for wave in others)
    smallest = min(settings.waves, key=lambda wave: wave.available)
    assert smallest.number == 7
    assert smallest.available < 50_000 * WAD


def test_venue__largest_haircut__everything(settings: Settings) -> None:
    assert max(one.venue for one in settings.published) == WAD
    assert fact(settings, "largest single haircut, the venue") == "100"


def test_facts__two_scenarios__say_the_same(settings: Settings, demo: Scenario) -> None:
    (largest,) = (one["all"] for one in demo.facts if one["what"].startswith("largest share"))
    venue, pro_rata = largest.split(" / ")
    assert venue == fact(settings, "largest single haircut, the venue")
    assert pro_rata == fact(settings, "largest single haircut, continuous")


# --- accounts ---------------------------------------------------------------------------------


def test_drawn__totals__within_a_per_mille_of_the_published(settings: Settings, drawn: Day) -> None:
    assert f"{len(drawn.holdings):,}" == fact(settings, "accounts deleveraged") == "19,337"
    for what, total in (
        ("notional closed", sum(one.notional for one in drawn.holdings)),
        ("profit of the closed", sum(one.profit for one in drawn.holdings)),
    ):
        published = to_wad(fact(settings, what).replace(",", "")) * 10**6
        assert abs(total - published) * 1_000 < published


def test_drawn__every_band__sums_as_stated(settings: Settings, drawn: Day) -> None:
    ranked = iter(drawn.holdings)
    for band in settings.bands:
        members = [next(ranked) for _ in range(band.accounts)]
        assert 0 <= band.notional_sum - sum(one.notional for one in members) <= band.accounts
        assert 0 <= band.profit_sum - sum(one.profit for one in members) <= band.accounts


@pytest.mark.parametrize("percentile", [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97, 98, 99])
def test_drawn__notional__follows_the_other_scenarios_quantiles(
    drawn: Day, demo: Scenario, percentile: int
) -> None:
    ours = quantile(sorted(one.notional for one in drawn.holdings), percentile * PPM // 100)
    published = demo.notional.at(percentile * PPM // 100)
    assert abs(ours - published) * 100 < published * 4


def test_drawn__profit_leverage_and_rank__follow_the_files_quantiles(drawn: Day) -> None:
    stated = json.loads(REPLAY.read_text(encoding="utf-8"))["accounts"]["whole"]
    for ours, files in zip(quantiles(drawn), stated, strict=True):
        assert ours["what"] == files["what"]
        assert ours["probabilities"] == files["probabilities"]
        for at, mine, file in zip(
            ours["probabilities"], ours["values"], files["values"], strict=True
        ):
            # the last percent of leverage lies far beyond what any market allows
            far = ours["what"].startswith("leverage") and at == "0.99"
            bound = Decimal(4) if far else Decimal("1.4")
            assert 1 / bound < Decimal(mine) / Decimal(file) < bound, (ours["what"], at)


# --- from the public files --------------------------------------------------------------------


def test_file__waves__are_those_of_the_scenario(folder: Path, settings: Settings) -> None:
    with (folder / "policy_per_wave_metrics.csv").open(encoding="utf-8", newline="") as lines:
        rows = {int(row["wave"]): row for row in csv.DictReader(lines)}
    assert sorted(rows) == [wave.number for wave in settings.waves]
    for wave, shares in zip(settings.waves, settings.published, strict=True):
        row = rows[wave.number]
        assert wave.needed == to_wad(row["budget_needed"])
        assert wave.taken_by_venue == to_wad(row["budget_prod"])
        assert wave.available == to_wad(row["total_cap"])
        assert abs(Decimal(row["max_pct_pr"]) * WAD - shares.pro_rata) <= 1
        assert abs(Decimal(row["max_pct_prod"]) * WAD - shares.venue) <= 1
        # continuous pro rata takes what is needed
        assert abs(Decimal(row["budget_pr"]) - Decimal(row["budget_needed"])) < Decimal("1e-6")


def test_file__gaps_by_coin__sum_to_what_was_needed(folder: Path, settings: Settings) -> None:
    sums = dict.fromkeys((wave.number for wave in settings.waves), Decimal(0))
    with (folder / "wave_coin_gap.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sums[int(row["wave"])] += Decimal(row["gap_usd_x_qty"])
    for wave in settings.waves:
        assert abs(sums[wave.number] * WAD - wave.needed) < WAD // 10**6


def test_file__deficits__repeat_one_account(folder: Path, settings: Settings) -> None:
    with (folder / "bad_debt_loser_waves.csv").open(encoding="utf-8", newline="") as lines:
        losses = [Decimal(row["max_loss_usd"]) * WAD for row in csv.DictReader(lines)]
    assert len(losses) == len(settings.waves)
    assert sum(1 for loss in losses if abs(loss - THE_WHALE) < WAD) == 9


def test_file__accounts__totals_and_bands_are_those_of_the_scenario(
    folder: Path, settings: Settings
) -> None:
    outlines, _ = read_outlines(folder)
    assert f"{len(outlines):,}" == fact(settings, "accounts deleveraged")
    notional = sum(one.notional for one in outlines)
    assert rounded(notional, 1, MILLION) == fact(settings, "notional closed")
    profit = sum(one.profit for one in outlines)
    assert rounded(profit, 1, MILLION) == fact(settings, "profit of the closed")
    assert describe(outlines) == settings.bands


def test_file__whole__is_stated_in_the_scenario(folder: Path) -> None:
    stated = json.loads(REPLAY.read_text(encoding="utf-8"))["accounts"]["whole"]
    assert quantiles(load_day(folder, REPLAY)) == stated


def test_file__quantiles__are_those_of_the_other_scenario(folder: Path, demo: Scenario) -> None:
    notional = sorted(one.notional for one in read_outlines(folder)[0])
    with (folder / "adl_by_account.csv").open(encoding="utf-8", newline="") as lines:
        leverage = sorted(to_wad(row["leverage_realtime"]) for row in csv.DictReader(lines))
    for published, ranked in ((demo.notional, notional), (demo.leverage, leverage)):
        for at, value in zip(published.probabilities_ppm, published.values, strict=True):
            found = quantile(ranked, at)
            assert abs(found - value) * 1_000 <= value + WAD // 10
