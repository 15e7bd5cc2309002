"""Stress runs on the bytecode: shipped expectations, sums, books that can fail, the same figures
with any number of processes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll.errors import ChainError, InputError
from plimsoll.stress.books import insist, reconcile
from plimsoll.stress.cores import in_parallel
from plimsoll.stress.cover import cover_2
from plimsoll.stress.draws import SweepPlan, draw, load_sweep
from plimsoll.stress.findings import PAYERS, REPLAYS_PPM, find
from plimsoll.stress.measures import LAYERS, MEASURES, none, some
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.play import Play, play
from plimsoll.stress.scenario import Scenario, load_all
from plimsoll.stress.sweep import Day, Limits, limits_of, play_number, sweep
from plimsoll.stress.venue import Venue, venue_for
from plimsoll.units import PPM, RAY, WAD
from scripts import stress

SEED = 5
FEW_DAYS = 4
UNIT = 10**12  # wad of a token unit

ACCOUNTS = 36  # in each market, fewer than the files have


def smaller(scenario: Scenario) -> Scenario:
    """The same with fewer accounts, and keepers who look half as often.

    Brokers have the capital for the clients that the file gives them: what has some stays as it is.
    """
    if scenario.brokers:
        return scenario
    accounts = ACCOUNTS * len(scenario.markets)
    return replace(scenario.reduced(accounts), tick=max(scenario.tick, 60))


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    # those of the same markets one after the other: they share a deployment
    scenarios = sorted(load_all(), key=lambda scenario: repr(scenario.markets))
    return {s.key: play(smaller(s), samples=False) for s in scenarios}


@pytest.fixture(scope="module")
def small_plan() -> SweepPlan:
    plan = load_sweep()
    return replace(
        plan, accounts=18, markets=plan.markets[:1], gaps={"BTC": plan.gaps["BTC"]}, tick=300
    )


@pytest.fixture(scope="module")
def days(small_plan: SweepPlan) -> list[Day]:
    return sweep(small_plan, SEED, FEW_DAYS, 1, lambda: None)


@pytest.fixture(scope="module")
def gap() -> Play:
    """A gap of 30 %, played to its end."""
    scenario = next(s for s in load_all() if s.key == "gap_30")
    played = start(smaller(scenario))
    played.run()
    return played


def start(scenario: Scenario) -> Play:
    return Play(scenario, Venue(scenario.markets, scenario.auction), samples=False)


# --- scenarios ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [s.key for s in load_all()])
def test_shipped__reduced__its_expectations_hold(outcomes: dict[str, Outcome], key: str) -> None:
    assert outcomes[key].failures == []
    assert outcomes[key].figures["unfinished"] == 0


def test_funding__at_its_cap__no_trade_refused(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["funding_flips"].refusals == {}
    assert outcomes["funding_flips"].seconds > 72 * 3_600


def test_shortfall__winners_gone__everybody_pays(outcomes: dict[str, Outcome]) -> None:
    figures = outcomes["winners_leave"].figures
    assert figures["shortfall"] > WAD
    assert figures["redemption_rate"] < RAY
    assert outcomes["gap_30"].figures["shortfall"] == 0


def test_sums__every_scenario__deficits_are_what_the_layers_paid(
    outcomes: dict[str, Outcome],
) -> None:
    for outcome in outcomes.values():
        figures = outcome.figures
        assert figures.keys() == MEASURES.keys()
        paid = sum(figures[layer] for layer in LAYERS if layer != "account_equity")
        assert 0 <= figures["deficits"] - paid <= UNIT * outcome.accounts
        assert sum(outcome.haircuts.values()) == figures["haircut"]
        assert sum(outcome.deficits.values()) == figures["deficits"]
        assert (figures["haircut"] > 0) == (figures["largest_haircut"] > 0)


def test_limits__one_market__a_quarter_of_the_capital(outcomes: dict[str, Outcome]) -> None:
    for key in ("gap_30", "whale", "feeds_stopped"):
        outcome = outcomes[key]
        drawn = outcome.figures["junior"] + outcome.figures["senior"]
        # concessions took a little from the junior vault before
        assert sum(outcome.capital) * 24 // 100 < drawn < sum(outcome.capital) * 26 // 100


def test_winners__held_or_not__is_the_difference_of_a_shortfall(
    outcomes: dict[str, Outcome],
) -> None:
    left, held = outcomes["winners_leave"], outcomes["winners_held"]
    assert (left.terms_off, held.terms_off) == (("risk",), ())
    assert held.refusals["leave: hold: profit"] > 0
    assert held.figures["shortfall"] == 0 < left.figures["shortfall"]


def test_exits__a_loss_pending__refused(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["insurance_leaves"].refusals["redeem: vault: loss pending"] == 1


def test_feeds__stopped__nobody_trades(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["feeds_stopped"].refusals["trade: oracle: no price"] == 1


def test_opening__named_with_a_deposit__has_it_once() -> None:
    played = start(smaller(next(s for s in load_all() if s.key == "winners_leave")))
    desk = played.venue.people["exit-desk"]
    (named,) = played.scenario.named
    assert played.venue.read([desk]).accounts[desk.account].equity == named.deposit


def test_absent_liquidators__nothing_taken__all_rematched(outcomes: dict[str, Outcome]) -> None:
    figures = outcomes["liquidators_absent"].figures
    assert figures["taken"] == 0 < figures["rematched"]


def test_venue__used_again__the_same_outcome(outcomes: dict[str, Outcome]) -> None:
    scenario = smaller(next(s for s in load_all() if s.key == "gap_30"))
    assert play(scenario, samples=False) == outcomes["gap_30"]
    venue = venue_for(scenario.markets, scenario.auction)
    assert venue is not venue_for(scenario.markets, replace(scenario.auction, fee_ppm=1))


def test_expectation__wrong__told(outcomes: dict[str, Outcome]) -> None:
    outcome = replace(outcomes["gap_30"], expect=(none("bankrupt"), some("shortfall")))
    assert len(outcome.failures) == 2
    assert outcome.failures[1] == "shortfall: some, found 0.00"


# --- books ----------------------------------------------------------------------------------------


def test_books__after_a_run__reconcile(gap: Play) -> None:
    found = reconcile(gap.venue, gap.tally, gap.brokerage)
    assert found.problems == ()
    assert found.tokens_minted == found.tokens_found
    assert abs(found.difference) < UNIT
    insist("gap", found)


def test_books__a_token_unit_gone_from_custody__found(gap: Play) -> None:
    venue = gap.venue
    snapshot = venue.chain.snapshot()
    nobody = "0x" + "11" * 20
    venue.send(venue.client.custody.address, venue.client.token, "transfer", nobody, 1)
    found = reconcile(venue, gap.tally, gap.brokerage)
    venue.chain.revert(snapshot)
    assert [text.split()[0] for text in found.problems] == ["custody", str(found.tokens_minted)]
    with pytest.raises(ChainError, match="gap: the books do not reconcile"):
        insist("gap", found)


def test_books__a_draw_nobody_counted__found(gap: Play) -> None:
    gap.tally.drawn["junior"] -= 2 * UNIT
    try:
        problems = reconcile(gap.venue, gap.tally, gap.brokerage).problems
    finally:
        gap.tally.drawn["junior"] += 2 * UNIT
    assert len(problems) == 2
    assert "belong to nobody" in problems[0]
    assert "accounts were covered" in problems[1]


def broken_books(number: int) -> int:
    if number == 1:
        raise ChainError("day 1: the books do not reconcile", next_step="report it")
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_books__wrong_in_another_process__end_the_run(jobs: int) -> None:
    assert sorted(in_parallel(broken_books, [0, 2, 3], jobs)) == [0, 2, 3]
    with pytest.raises(ChainError, match="day 1: the books do not reconcile") as ended:
        list(in_parallel(broken_books, range(4), jobs))
    assert ended.value.exit_code == 4


# --- cover 2 --------------------------------------------------------------------------------------


def test_cover_2__two_dearest__by_hand() -> None:
    scenario = smaller(next(s for s in load_all() if s.key == "whale"))
    played = start(scenario)
    before = played.venue.read(played.venue.traders)
    jump = {"BTC": scenario.markets[0].price * 7 // 10}
    cover = cover_2(played.venue, played.prices, jump)
    assert played.venue.read(played.venue.traders) == before
    losses = {
        member.name: -(
            played.venue.read([played.venue.people[member.name]])
            .accounts[played.venue.people[member.name].account]
            .equity
            - leg.size * (scenario.markets[0].price - jump["BTC"]) // WAD
        )
        for member in played.members
        for leg in member.legs
    }
    dearest = sorted(losses, key=lambda name: -losses[name])[:2]
    assert set(cover.names) == set(dearest)
    assert abs(cover.losses - sum(losses[name] for name in dearest)) < WAD
    capital = scenario.insurance.junior + scenario.insurance.senior
    assert cover.covered <= capital // 4 + WAD
    assert not cover.survived


# --- random days ----------------------------------------------------------------------------------


def test_sweep__one_or_two_processes__the_same_days(small_plan: SweepPlan, days: list[Day]) -> None:
    assert sweep(small_plan, SEED, FEW_DAYS, 2, lambda: None) == days
    assert days[2] == play_number(small_plan, SEED, FEW_DAYS, 2)
    assert days[0].draw == draw(small_plan, SEED, FEW_DAYS, 0)


def test_limits__as_deployed__a_quarter_and_a_half(small_plan: SweepPlan) -> None:
    assert limits_of(small_plan) == Limits(market_ppm=250_000, total_ppm=500_000)


def test_needed__one_market_or_all__whichever_binds(days: list[Day]) -> None:
    limits = Limits(market_ppm=250_000, total_ppm=500_000)
    one = replace(days[0], deficits={"A": 10 * WAD, "B": 2 * WAD})
    both = replace(days[0], deficits={"A": 10 * WAD, "B": 10 * WAD, "C": 10 * WAD})
    assert one.needed(limits) == 40 * WAD
    assert both.needed(limits) == 60 * WAD


def test_find__every_layer_and_market__sums(small_plan: SweepPlan, days: list[Day]) -> None:
    steps: list[int] = []
    found = find(small_plan, days, SEED, 1, lambda: steps.append(1))
    assert [layer.layer for layer in found.layers] == list(PAYERS)
    assert len(steps) == 2 * len(REPLAYS_PPM)
    assert found.groups[-1].runs == FEW_DAYS
    assert not found.claims_quantile
    kappa = found.kappas[0]
    assert kappa.value * kappa.deficit.value / kappa.open_interest == pytest.approx(
        kappa.gap_ppm / PPM
    )
    assert kappa.recommended <= kappa.low <= kappa.value <= kappa.high


# --- the command ----------------------------------------------------------------------------------


def test_command__one_scenario__files_that_agree(
    tmp_path: Path, outcomes: dict[str, Outcome]
) -> None:
    stress.run(
        ["--only", "gap_20", "--runs", "0", "--jobs", "1", "--out", str(tmp_path), "--quiet"]
    )
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    with (tmp_path / "scenarios.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["scenario"] for line in lines] == ["gap_20"]
    for key in MEASURES:
        assert data["scenarios"][0]["figures"][key] == lines[0][key]
    assert data["sweep"] is None
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 2
    assert not (tmp_path / "sweep.csv").exists()


def test_command__expectation_fails__leaves_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (stress.FOLDER / "liquidators_absent.toml").read_text(encoding="utf-8")
    wrong = text.replace("taken = false", "taken = true").replace("accounts = 60", "accounts = 12")
    (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
    out = tmp_path / "out"
    arguments = ["--scenarios", str(tmp_path), "--runs", "0", "--jobs", "1", "--out", str(out)]
    with pytest.raises(SystemExit) as left:
        stress.run([*arguments, "--quiet"])
    assert left.value.code == 1
    assert "not as expected: wrong" in capsys.readouterr().out
    assert "taken: some, found 0.00 %" in (out / "index.html").read_text(encoding="utf-8")


def test_command__unknown_scenario__told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scenario nothing in"):
        stress.run(["--only", "nothing", "--out", str(tmp_path), "--quiet"])


def test_command__no_process__refused() -> None:
    with pytest.raises(InputError):
        stress.parse(["--jobs", "0"])
