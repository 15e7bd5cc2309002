"""Brokers in a scenario file: what it may say, and the accounts that are made from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.artifacts import PROJECT_ROOT
from plimsoll.broker_plans import ALONE, Response
from plimsoll.errors import ConfigError
from plimsoll.population import build_population
from plimsoll.scenario import Scenario, load_scenario
from plimsoll.units import WAD

OCTOBER = PROJECT_ROOT / "scenarios" / "october_2025.json"
Change = Callable[[dict[str, Any]], object]


def changed(tmp_path: Path, change: Change) -> Path:
    """The October file with one change in its brokers, saved elsewhere."""
    data = json.loads(OCTOBER.read_text())
    change(data["brokers"])
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(data))
    return path


def fund(**terms: str) -> Change:
    return lambda brokers: brokers["fund"].update(terms)


def vault(**terms: Any) -> Change:
    """Other terms for the first broker."""
    return lambda brokers: brokers["vaults"][0].update(terms)


def client(**terms: Any) -> Change:
    """Other terms for the first client."""
    return lambda brokers: brokers["clients"][0].update(terms)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(OCTOBER)


def test_october__brokers__two_with_several_clients_each(scenario: Scenario) -> None:
    layer = scenario.brokers
    assert layer is not None
    assert [plan.name for plan in layer.vaults] == ["broker-a", "broker-b"]
    for plan in layer.vaults:
        assert sum(one.broker == plan.name for one in layer.clients) >= 3
    assert layer.clients[0].response == Response(180, 2_500 * WAD, 0)
    assert layer.vault("broker-b").terms.omega_ppm == 4_000_000


def test_population__client_and_twin__alike_in_all_but_the_guarantee(scenario: Scenario) -> None:
    assert scenario.brokers is not None
    population = build_population(scenario)
    plans = {plan.name: plan for plan in population.accounts}
    bought: dict[str, list[tuple[int, int, int]]] = {}
    for trade in population.trades:
        bought.setdefault(trade.taker, []).append((trade.market, trade.price, trade.size))
    for one in scenario.brokers.clients:
        twin = plans[one.name + ALONE]
        assert (plans[one.name].deposit, plans[one.name].classes) == (twin.deposit, twin.classes)
        assert (plans[one.name].role, twin.role) == ("client", "twin")
        sizes = [sum(size for _, _, size in bought[name]) for name in (one.name, one.alone)]
        assert sizes[0] == sizes[1] > 0
        (price,) = {price for name in (one.name, one.alone) for _, price, _ in bought[name]}
        assert abs(sizes[0] * price // WAD - one.notional) < one.notional // 100


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (fund(min_contribution="0"), "min_contribution must be above 0"),
        (fund(rate="0.6"), "fund's rate must be from 0.01 to 0.5"),
        (fund(cause="1.1"), "fund's cause must be from 0 to 1"),
        (vault(name="broker-b"), "need names of their own"),
        (vault(omega="0.5"), "broker-a: omega must be from 1 to 10"),
        (vault(first_loss="0.01"), "broker-a: first_loss must be from 0.05 to 1"),
        (vault(client_limit="0"), "broker-a: client_limit must be from 0.01 to 1"),
        (vault(commission="0.6"), "broker-a: commission must be from 0 to 0.5"),
        (vault(notice_days=6), "broker-a: notice_days must be from 7 to 60"),
        (vault(pool="18001"), "its stake is less than first_loss"),
        (vault(stake="3500", pool="9000"), "guarantees above omega times its stake"),
        (vault(client_limit="0.1"), "a guarantee above its client_limit"),
        (vault(pool="2000"), "its part of the fund exceed its capital"),
        (client(broker="broker-c"), "its broker broker-c is none of the vaults"),
        (client(ports_to="broker-a"), "ports_to must name another of the vaults"),
        (client(market="DOGE"), "client-1: DOGE is no market"),
        (client(guarantee="0"), "notional, deposit and guarantee must be above 0"),
        (client(fee="0.6"), "client-1: fee must be from 0 to 0.5"),
        (client(buffer="0.01"), "client-1: buffer must be from 0.05 to 1"),
        (client(cure_s=60), "client-1: cure_s must be from 3600 to 604800"),
        (client(early="2"), "client-1: early must be from 0 to 1"),
        (client(term_days=72), "client-1: term_days must outlast the path"),
        (client(when_called={"deposit": "1", "after_s": 3_600}), "act within its cure period"),
        (client(when_called={"after_s": 60}), "when_called says either deposit or sell"),
        (
            client(when_called={"after_s": 60, "deposit": "1", "sell": "0.5"}),
            "when_called says either deposit or sell",
        ),
        (client(when_called={"after_s": 60, "sell": "1.5"}), "sell must be a part of its position"),
        (client(notional="900000"), "want more of market 1 than the holders have"),
        (client(**{"class": 7}), "is not a scenario: ValueError"),
        (lambda brokers: brokers.pop("fund"), "KeyError 'fund'"),
    ],
)
def test_load__inconsistent_brokers__says_what(
    tmp_path: Path, change: Change, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_population(load_scenario(changed(tmp_path, change)))
