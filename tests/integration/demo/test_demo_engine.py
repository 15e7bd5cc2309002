"""The risk engine in the demo: margins, caps, an outage, a wind-down, against the ledger."""

from __future__ import annotations

import pytest

from plimsoll.contract import NodeSigner
from plimsoll.errors import ContractReverted
from plimsoll.risk_terms import NO_BUFFER, NO_CONCENTRATION, BufferTerms, Concentration
from plimsoll.units import WAD, to_wad

pytestmark = pytest.mark.slow


def test_engine__extra_margin__is_what_the_ledger_asks(scenario, performance, document):
    """A whale in the lowest class: its notional, and the extra on top."""
    concentrated = {entry["account"]: entry for entry in document["risk_engine"]["concentrated"]}
    assert "winner-01" in concentrated
    opened = performance.opened
    (whale,) = (position for position in opened.positions if position.name == "winner-01")
    assert (whale.leverage_class, opened.markets[0].s_im_ppm) == (0, 0)
    extra = to_wad(concentrated["winner-01"]["extra_margin"])
    assert extra > 0
    assert whale.im == whale.notional + extra
    beyond = whale.notional - opened.markets[0].larger_side // 5
    assert abs(extra * 50 - beyond) <= 100  # 2 % of what is above a fifth, rounded up


def test_engine__surcharges__are_what_the_fee_balance_has_beside_plain_fees(performance, document):
    """The fees of the openings, all of them, from the ledger's own events."""
    stage, scenario = performance.stage, performance.stage.scenario
    plain = 0
    for match in (h for h in stage.happenings if h.name == "Matched"):
        terms = scenario.markets[match["market"] - 1]
        notional = abs(match["size"]) * match["price"] // WAD
        for rate in (terms.maker_fee_ppm, terms.taker_fee_ppm):
            plain += -(-notional * rate // 10**18) * 10**12
    trades = {h.transaction for h in stage.happenings if h.name == "Matched"}
    fees = sum(
        h["fee"]
        for h in stage.happenings
        if h.name == "PositionChanged" and h.transaction in trades
    )
    paid = sum(to_wad(entry["paid"]) for entry in document["risk_engine"]["surcharges"])
    assert paid == fees - plain > 0


def test_engine__outage__stops_as_long_as_the_scenario_says(scenario, document):
    short, for_good = document["risk_engine"]["outages"]
    wanted = scenario.outages[0]
    assert abs(short["began"] - wanted.start) < 30
    assert abs(short["ended"] - wanted.end) < 30
    assert short["seconds"] == short["ended"] - short["began"]
    assert short["grace_until"] == short["ended"] + short["seconds"]
    assert for_good["ended"] is None
    resolved = [
        resolve["time"]
        for resolve in document["resolves"]
        for leg in resolve["legs"]
        if leg["market"] == short["market"] and leg["buckets_rematched"]
    ]
    assert not [time for time in resolved if short["began"] <= time < short["grace_until"]]
    assert [time for time in resolved if time >= short["grace_until"]]


def test_engine__caps__follow_capital_down_and_are_the_terms(scenario, performance):
    opened, calm = performance.opened, performance.calm
    assert calm.capital * 10 < opened.capital * 6
    for market, before, after in zip(scenario.markets, opened.markets, calm.markets, strict=True):
        assert after.cap * 10 < before.cap * 6
        terms = market.buffer
        exact_cap = terms.kappa_ppm * terms.share_ppm * opened.capital // (terms.gap_ppm * 10**6)
        # a float of ten digits in base two, rounded down
        assert 0 <= exact_cap - before.cap <= exact_cap // 1_000 + WAD


def test_engine__wind_down__every_position_is_cash_at_the_final_mark(performance, document):
    ended = document["risk_engine"]["wind_down"]
    market = ended["market"]
    held = [p for p in performance.wound_down.at_settlement.positions if p.market == market]
    assert len(ended["positions"]) == len(held) > 10
    for entry in ended["positions"]:
        paid = to_wad(entry["size"]) * to_wad(entry["price"]) // WAD
        assert to_wad(entry["paid"]) == paid
        # a second of funding in other markets
        change = to_wad(entry["cash_after"]) - to_wad(entry["cash_before"])
        assert abs(change - paid) < 10**15
    assert not [p for p in performance.final.positions if p.market == market]
    assert performance.final.interest[market - 1] == (0, 0)


def test_engine__settled_market__refuses_trades_and_asks_no_margin(performance, stage):
    market = performance.wound_down.market
    assert stage.client.clock_stop(market)[2] is False
    assert stage.client.mark(market) == (performance.wound_down.settled["price"], False)
    assert stage.client.buffer_terms(market) == NO_BUFFER
    assert stage.client.concentration(market) == NO_CONCENTRATION
    assert stage.client.buffer_cap(market) == 2**256 - 1
    assert stage.client.buffers(market)["utilisation_ppm"] == 0
    with pytest.raises(ContractReverted, match="market: settled"):
        stage.client.settle_market(stage.operator, market)


def test_client__terms_and_capital__as_the_scenario_set_them(scenario, performance, stage):
    assert stage.client.buffer_terms(1) == scenario.markets[0].buffer
    assert stage.client.concentration(1) == scenario.markets[0].concentration
    assert stage.client.capital() == performance.final.capital
    assert stage.client.buffer_cap(1) == performance.final.markets[0].cap
    owner = stage.client.clearinghouse.read("owner")
    stage.rpc.set_balance(owner, WAD)
    with stage.rpc.impersonating(owner):
        signer = NodeSigner(owner)
        stage.client.set_buffer_terms(signer, 1, BufferTerms(1_000_000, 1_000, 500_000))
        stage.client.set_concentration(signer, 1, Concentration(5, 10, 0))
        stage.client.set_risk_terms(signer, 1, scenario.markets[1].risk)
    assert stage.client.buffer_terms(1) == BufferTerms(1_000_000, 1_000, 500_000)
    assert stage.client.concentration(1) == Concentration(5, 10, 0)
    assert 0 < stage.client.buffer_cap(1) < performance.final.markets[0].cap
