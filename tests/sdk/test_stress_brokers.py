"""Brokers in stress runs: guarantees and their fund pay in their place, calls run, books agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.errors import ConfigError
from plimsoll.stress.books import reconcile
from plimsoll.stress.broker_grids import brokers_grid, calls_grid
from plimsoll.stress.brokers import BrokerPlan
from plimsoll.stress.cover import cover_2
from plimsoll.stress.draws import SweepPlan, draw, load_sweep, scenario_of
from plimsoll.stress.grids import cover_grid, who_paid
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.play import Play
from plimsoll.stress.scenario import Scenario, load_all
from plimsoll.stress.sweep import Limits, play_day, survives
from plimsoll.stress.venue import Venue
from plimsoll.units import PPM, WAD

UNIT = 10**12


def shipped(key: str) -> Scenario:
    return next(scenario for scenario in load_all() if scenario.key == key)


@pytest.fixture(scope="module")
def together() -> tuple[Play, Outcome]:
    """Brokers that default together, as shipped."""
    scenario = shipped("brokers_together")
    played = Play(scenario, Venue(scenario.markets, scenario.auction), samples=True)
    return played, played.run()


def test_together__guarantees__are_used_up_before_anything_else(
    together: tuple[Play, Outcome],
) -> None:
    played, outcome = together
    for name, paid in played.tally.guaranteed.items():
        broker = next(b.plan for b in played.brokerage.brokers if name in b.plan.names([name]))
        deposit = next(member.deposit for member in played.members if member.name == name)
        lock = deposit * broker.guarantee_ppm // PPM
        deficit = played.tally.deficits[name]
        assert paid == min(deficit, lock) or 0 < deficit - paid < UNIT
    assert outcome.figures["broker"] == sum(played.tally.guaranteed.values()) > 10**6 * WAD


def test_together__losses__stakes_first_and_nothing_unexplained(
    together: tuple[Play, Outcome],
) -> None:
    _, outcome = together
    figures = outcome.figures
    lost = figures["operators_lost"] + figures["depositors_lost"]
    paid = figures["broker"] + figures["fund"]
    # each draw rounds up to a token unit
    assert 0 <= lost - paid <= UNIT * 100
    for before, after in zip(outcome.brokers_before, outcome.brokers_after, strict=True):
        if after.pool < before.pool:
            assert after.stake < before.stake // 1_000, before.name


def test_together__fund__one_is_excluded_and_one_suspended(
    together: tuple[Play, Outcome],
) -> None:
    _, outcome = together
    assert outcome.failures == []
    states = {one.name: one.state for one in outcome.brokers_after}
    assert states["beta"] == "failed"
    assert states["delta"] == "suspended"
    # its limit of a day for one market is half of what it was; parts are kept with three digits
    fund = sum(one.fund for one in outcome.brokers_before)
    assert fund * 49 // 100 < outcome.figures["fund"] < fund * 501 // 1_000


def test_together__books__a_lost_token_unit_is_found(together: tuple[Play, Outcome]) -> None:
    played, _ = together
    venue, escrow = played.venue, played.venue.client.escrow
    assert reconcile(venue, played.tally, played.brokerage).problems == ()
    snapshot = venue.chain.snapshot()
    venue.send(escrow.address, venue.client.token, "transfer", "0x" + "11" * 20, 1)
    problems = reconcile(venue, played.tally, played.brokerage).problems
    venue.chain.revert(snapshot)
    assert len(problems) == 2
    assert problems[1].startswith("the brokers' escrow counts")


def test_together__tables__show_both_layers(together: tuple[Play, Outcome]) -> None:
    _, outcome = together
    grid = who_paid([outcome])
    row = dict(zip(grid.columns, grid.rows[0], strict=True))
    assert row["brokers"] == f"{outcome.figures['broker'] // WAD:,}"
    assert row["their fund"] == f"{outcome.figures['fund'] // WAD:,}" != "0"
    assert [line[1] for line in brokers_grid([outcome]).rows] == ["alpha", "beta", "gamma", "delta"]
    assert calls_grid([outcome]).rows[0][6:] == ("1", "1")
    assert outcome.samples[0].brokers > outcome.samples[-1].brokers


def test_cover_2__the_fund__pays_after_guarantees_and_insurance(
    together: tuple[Play, Outcome],
) -> None:
    _, outcome = together
    cover = outcome.cover
    assert min(cover.layers) > 0
    assert cover.covered == sum(cover.layers) < cover.losses
    grid = cover_grid([outcome])
    row = dict(zip(grid.columns, grid.rows[0], strict=True))
    assert row["guaranty fund"] == f"{cover.layers[3] // WAD:,}"


def test_cover_2__a_shield_that_holds__the_guarantee_pays_all() -> None:
    scenario = replace(shipped("margin_calls"), events=(), expect=())
    played = Play(scenario, Venue(scenario.markets, scenario.auction), samples=False)
    # beyond the margin of those with twenty times leverage, within their guarantee
    jump = {"BTC": scenario.markets[0].price * 94 // 100}
    cover = cover_2(played.venue, played.prices, jump)
    assert len(cover.names) == 2
    assert cover.losses > 0
    assert cover.layers == (cover.losses, 0, 0, 0)
    assert cover.survived


def test_calls__met_or_not__the_broker_loses_nothing() -> None:
    scenario = shipped("margin_calls")
    played = Play(scenario, Venue(scenario.markets, scenario.auction), samples=False)
    outcome = played.run()
    assert outcome.failures == []
    figures = outcome.figures
    assert figures["margin_calls"] == figures["margin_cures"] + figures["margin_defaults"]
    # whoever met the call, and nobody else, kept clear of the auction
    assert figures["liquidated"] == figures["margin_defaults"] == len(played.tally.defaulted)
    assert played.tally.liquidated == played.tally.defaulted
    for before, after in zip(outcome.brokers_before, outcome.brokers_after, strict=True):
        assert (after.locks, after.fund) == (before.locks, before.fund)
        assert after.stake + after.pool >= before.stake + before.pool


def test_broker__too_little_stake__told_with_the_client() -> None:
    scenario = shipped("margin_calls")
    (alpha,) = scenario.brokers
    poor = replace(scenario, brokers=(replace(alpha, stake=600_000 * WAD, pool=WAD),))
    venue = Venue(scenario.markets, scenario.auction)
    with pytest.raises(ConfigError, match=r"margin_calls: broker alpha cannot sponsor BTC-long-"):
        Play(poor, venue, samples=False)
    venue.rewind()
    without = replace(scenario, brokers=(replace(alpha, stake=9_000 * WAD, pool=0),))
    with pytest.raises(ConfigError, match="broker alpha cannot join: vault: capital locked"):
        Play(without, venue, samples=False)


# --- random days ----------------------------------------------------------------------------------


def _plan() -> SweepPlan:
    plan = load_sweep()
    brokers = replace(plan.brokers, sponsored=(PPM // 2,))
    return replace(
        plan,
        accounts=18,
        markets=plan.markets[:1],
        gaps={"BTC": plan.gaps["BTC"]},
        tick=300,
        brokers=brokers,
    )


def test_day__sponsored__half_of_the_accounts_by_its_seed() -> None:
    plan = _plan()
    day = draw(plan, 5, 4, 1)
    brokers = scenario_of(plan, day).brokers
    clients = [name for broker in brokers for name in broker.clients]
    assert len(brokers) == plan.brokers.number
    assert len(set(clients)) == len(clients) == plan.accounts // 2
    assert scenario_of(plan, replace(day, sponsored_ppm=0)).brokers == ()
    assert all(isinstance(one, BrokerPlan) and one.stake > 0 for one in brokers)


def test_day__with_brokers__they_pay_before_winners() -> None:
    plan = _plan()
    rare = replace(
        draw(plan, 5, 4, 1), falls=True, gaps_ppm={"BTC": 300_000}, mix="high", leave_ppm=0,
        capital=100_000 * WAD, over=0,
    )  # fmt: skip
    day, alone = play_day(plan, rare), play_day(plan, replace(rare, sponsored_ppm=0))
    assert day.broker > 0
    assert alone.broker == alone.fund == 0
    assert day.haircut + day.shortfall < alone.haircut + alone.shortfall
    paid = day.broker + day.junior + day.senior + day.fund + day.haircut + day.shortfall
    assert 0 <= day.deficit - paid < UNIT * plan.accounts
    # capital is asked as if there were no guarantees
    limits = Limits(market_ppm=250_000, total_ppm=500_000)
    assert survives(plan, rare, day.needed(limits), "BTC").figures["broker"] == 0
