"""Brokers in the demo: how calls end, clients beside their twins, what brokers are left with."""

from __future__ import annotations

import pytest

from plimsoll.units import WAD, to_wad

pytestmark = pytest.mark.slow


def test_brokers__calls__end_as_the_clients_of_the_scenario_act(document):
    ends = {
        client["name"]: [call["end"] for call in client["with_broker"]["calls"]]
        for client in document["brokers"]["clients"]
    }
    assert ends == {
        "client-1": ["cured"],
        "client-2": ["cured"],
        "client-3": ["defaulted"],
        "client-4": ["started early"],
        "client-5": ["guarantee paid"],
        "client-6": ["defaulted"],
        "client-7": [],
    }


def test_brokers__clients_and_twins__begin_alike_and_the_ledger_says_how_they_ended(
    scenario, performance, document, stage
):
    opened = performance.opened
    for plan in scenario.brokers.clients:
        if plan.alone in performance.refused:
            assert performance.refused[plan.alone] == "margin: below initial"
            assert opened.equity[plan.alone] == plan.deposit
            continue
        equity, alone = opened.equity[plan.name], opened.equity[plan.alone]
        assert abs(equity - alone) < WAD // 100  # a second of funding, and fees by fill
    for client in document["brokers"]["clients"]:
        for outcome in (client["with_broker"], client["alone"]):
            account = stage.people[outcome["account"]].account
            assert to_wad(outcome["equity_at_end"]) == stage.client.health(account)["equity"]


def test_brokers__vaults__end_with_what_the_report_says(performance, document, stage):
    room = performance.brokers
    for told in document["brokers"]["vaults"]:
        seen = room.desk.vault(room.vaults[told["name"]])
        for key, view in (("stake_at_end", "stake"), ("pool_at_end", "totalAssets")):
            # fees of a second may have been earned since
            assert 0 <= seen.read(view) * 10**12 - to_wad(told[key]) < WAD // 1_000
        lost = to_wad(told["lost_by_stake"]) + to_wad(told["lost_by_pool"])
        parts = ("lost_for_clients", "lost_to_fund_for_clients", "lost_to_fund_for_others")
        assert lost == sum(to_wad(told[part]) for part in parts)
    failed = document["brokers"]["vaults"][1]
    assert failed["state"] == "failed"
    assert to_wad(failed["lost_by_stake"]) >= to_wad(failed["stake"])


def test_brokers__fund__a_clients_loss_costs_its_broker_all_before_others_pay(document):
    (draw,) = [d for d in document["brokers"]["fund"]["draws"] if d["cause"] != "nobody"]
    assert (draw["account"], draw["cause"]) == ("client-5", "broker-b")
    assert [member["broker"] for member in draw["members"]] == ["broker-b", "broker-a"]


def test_brokers__moved_client__is_guaranteed_by_the_other(performance, stage):
    client = stage.people["client-7"]
    guarantee = performance.brokers.desk.guarantee(client.account)
    assert guarantee.broker == performance.brokers.vaults["broker-a"]
    assert guarantee.shield_wad == 300 * WAD
